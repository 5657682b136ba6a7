"""The controls of endpoints and certificates, where the lab cannot go: thresholds, staleness, policies, and words no
real server says twice.
"""

from typing import Any

import pytest

from posture.clock import rfc3339
from posture.controls.tls.certificate import lines
from posture.verdict import Status
from tests.posture.controls.tls.world import (
    FAIL,
    GOOD,
    HOST,
    LEAF,
    NA,
    PASS,
    UNKNOWN,
    WARN,
    WORLD,
    address,
    certificate,
    endpoint,
    facts,
    full,
    policy,
    silent,
)
from tests.posture.controls.world import DAY, NOW

TLS = [
    f"tls.{name}"
    for name in ("protocol-legacy", "protocol-modern", "cipher-weak", "forward-secrecy", "dh-params", "modern-client")
]
TLS += [
    f"tls.{name}"
    for name in (
        "cert-expiry",
        "hostname",
        "chain-trust",
        "key-strength",
        "signature",
        "revocation",
        "hsts",
        "http-redirect",
        "cert-change",
    )
]


@pytest.mark.parametrize("control", [*TLS, "tls.reachable", "tls.pq-group", "tls.cert-lifetime", "tls.must-staple"])
def test_a_healthy_endpoint_passes_them_all(control: str) -> None:
    assert WORLD.ask(control, endpoint()).status is PASS


@pytest.mark.parametrize("control", [*TLS, "tls.reachable", "tls.pq-group"])
@pytest.mark.parametrize("outcome", ["refused", "timeout", "reset", "closed", "dns", "unreachable", "local", "garbled"])
def test_what_does_not_answer_is_unknown_whatever_was_seen_before(control: str, outcome: str) -> None:
    verdict = WORLD.ask(control, silent(outcome, LastAnswer="2026-11-23T13:00:00Z"))
    assert verdict.status is UNKNOWN
    assert verdict.fault is not None
    assert "last answer 2026-11-23T13:00:00Z" in verdict.reason


@pytest.mark.parametrize(
    ("life", "warn", "critical"),
    [
        (398, 30, 14),
        (200, 30, 14),
        (100, 25, 12.5),
        (90, 22.5, 11.25),
        (47, 11.75, 5.875),
        (30, 7.5, 3.75),
        (6, 1.5, 0.75),
    ],
)
def test_the_lines_scale_with_the_life_of_the_certificate(life: float, warn: float, critical: float) -> None:
    assert lines(life * DAY) == (warn * DAY, critical * DAY)


@pytest.mark.parametrize(
    ("days", "left", "status"),
    [
        (47, 14, PASS),
        (200, 13, FAIL),
        (47, 16, PASS),
        (47, 11, WARN),
        (47, 5, FAIL),
        (90, 22, WARN),
        (6, 1.4, WARN),
        (90, 0, FAIL),
    ],
)
def test_35_the_same_days_left_mean_different_things(days: float, left: float, status: Status) -> None:
    verdict = WORLD.ask("tls.cert-expiry", endpoint(leaf=facts(days=days, left=left)))
    assert verdict.status is status
    assert WORLD.ask("tls.cert-expiry", certificate(**facts(days=days, left=left))).status is status


def test_a_verdict_on_dates_says_until_when_it_holds() -> None:
    for left, turns in ((60, 60 - 22.5), (20, 20 - 11.25), (5, 5)):
        verdict = WORLD.ask("tls.cert-expiry", endpoint(leaf=facts(left=left)))
        assert verdict.valid_until == pytest.approx(NOW + turns * DAY)


def test_30_expired_and_misnamed_are_two_findings() -> None:
    broken = endpoint(leaf=facts(left=-3, DnsNames=["other.example"]))
    assert [WORLD.ask(f"tls.{name}", broken).status for name in ("cert-expiry", "hostname", "chain-trust")] == [
        FAIL,
        FAIL,
        PASS,
    ]


def test_31_a_refusal_by_our_own_openssl_is_not_the_servers() -> None:
    local = address(
        Version=None,
        Suite=None,
        Strict="not tried (NO_CIPHERS_AVAILABLE)",
        Permissive={"Answer": "no answer (timeout)"},
        Full=None,
    )
    assert WORLD.ask("tls.modern-client", endpoint(local)).status is UNKNOWN
    for control in ("tls.protocol-legacy", "tls.protocol-modern", "tls.cipher-weak"):
        assert WORLD.ask(control, endpoint(local)).status is UNKNOWN


def test_a_server_that_refuses_everything_proves_nothing() -> None:
    mute = address(
        Version=None,
        Suite=None,
        Strict="refused (unrecognized_name)",
        Permissive={"Answer": "refused (unrecognized_name)"},
        Full=full(Tls12="refused"),
    )
    for control in (
        "tls.reachable",
        "tls.protocol-legacy",
        "tls.protocol-modern",
        "tls.cipher-weak",
        "tls.dh-params",
        "tls.modern-client",
    ):
        assert WORLD.ask(control, endpoint(mute)).status is UNKNOWN


def test_one_stale_replica_is_found_and_named() -> None:
    old = "cc" * 32
    two = endpoint(address(), address(Chain=[old]))
    known = {**two.fields["Certificates"], old: facts(left=-1)}
    both = endpoint(address(), address(Chain=[old]), Certificates=known)
    verdict = WORLD.ask("tls.cert-expiry", both)
    assert (verdict.status, verdict.reason) == (FAIL, "192.0.2.2: expired 1 d ago")
    assert "2 different certificates" in WORLD.ask("tls.cert-change", both).reason


def test_one_address_that_is_down_leaves_the_endpoint_unknown() -> None:
    half = endpoint(address(), {"Outcome": "timeout", "Detail": "no connection within 5 s"})
    assert WORLD.ask("tls.protocol-modern", half).status is UNKNOWN


def test_a_full_pass_that_is_six_cadences_old_is_no_evidence() -> None:
    old = endpoint(address(Full=full(At=rfc3339(NOW - 6 * 900))))
    fresh = WORLD.ask("tls.cipher-weak", endpoint(address(Full=full(At=rfc3339(NOW - 5 * 900)))))
    assert WORLD.ask("tls.cipher-weak", old).status is UNKNOWN
    assert fresh.status is PASS
    assert fresh.valid_until == NOW + 900
    assert fresh.evidence["at"] == rfc3339(NOW - 5 * 900)
    assert WORLD.ask("tls.cipher-weak", endpoint(address(Full=full(At=rfc3339(NOW + DAY))))).status is UNKNOWN, (
        "by a clock that ran ahead"
    )


@pytest.mark.parametrize(
    ("names", "host", "status"),
    [
        ([HOST], HOST, PASS),
        ([HOST.upper()], HOST, PASS),
        (["*.acme.example"], HOST, PASS),
        (["*.acme.example"], "a.b.acme.example", FAIL),
        (["*.example"], "acme.example", FAIL),
        (["shop*.acme.example"], "shop1.acme.example", FAIL),
        (["*"], HOST, FAIL),
        ([], HOST, FAIL),
    ],
)
def test_names_match_as_rfc_9525_says(names: list[str], host: str, status: Status) -> None:
    assert WORLD.ask("tls.hostname", endpoint(leaf=facts(DnsNames=names), host=host)).status is status


def test_a_wildcard_is_a_warning_where_the_policy_wants_none() -> None:
    shared = endpoint(leaf=facts(DnsNames=["*.acme.example"]))
    assert policy(shared_wildcards=False).ask("tls.hostname", shared).status is WARN


@pytest.mark.parametrize(
    ("issued", "days", "status"),
    [
        ("2026-01-01", 398, PASS),
        ("2026-01-01", 399, WARN),
        ("2026-03-15", 200, PASS),
        ("2026-03-15", 201, WARN),
        ("2027-03-15", 101, WARN),
        ("2029-03-15", 47, PASS),
    ],
)
def test_a_public_certificate_may_live_as_long_as_when_it_was_issued(issued: str, days: int, status: Status) -> None:
    from posture.clock import parse_rfc3339

    begins = parse_rfc3339(f"{issued}T00:00:00Z")
    leaf = facts(NotBefore=rfc3339(begins), NotAfter=rfc3339(begins + days * DAY))
    verdict = WORLD.ask("tls.cert-lifetime", endpoint(leaf=leaf))
    assert verdict.status is (WARN if days > 366 else status)
    assert WORLD.ask("tls.cert-lifetime", certificate(**{**leaf, "RootStore": "ca_file"})).status is NA


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"Status": "revoked", "RevokedAt": "x", "Reason": "keyCompromise", "By": "staple"}, FAIL),
        ({**GOOD, "NextUpdate": rfc3339(NOW - 1)}, WARN),
        ({"By": "staple", "Status": "unknown"}, UNKNOWN),
        ({"By": "staple", "Status": "unverified", "Why": "not signed"}, UNKNOWN),
        ({"By": "crl", "Status": "unanswered", "Why": "HTTP 404"}, UNKNOWN),
        ({"By": "none", "Why": "names no CRL"}, UNKNOWN),
    ],
)
def test_revocation_is_believed_only_where_somebody_says_so(told: dict[str, Any], status: Status) -> None:
    assert WORLD.ask("tls.revocation", endpoint(address(Full=full(Revocation=told)))).status is status
    assert WORLD.ask("tls.revocation", certificate(Revocation=told)).status is status


def test_a_certificate_that_no_endpoint_sends_now_is_unknown() -> None:
    gone = certificate(LastServed="2026-11-23T13:00:00Z")
    verdict = WORLD.ask("tls.cert-expiry", gone)
    assert verdict.status is UNKNOWN
    assert "last served 2026-11-23T13:00:00Z" in verdict.reason


CHANGE = {
    "At": rfc3339(NOW - 60),
    "Address": "192.0.2.1",
    "From": "dd" * 32,
    "To": LEAF,
    "FromIssuerName": "Good CA 1",
    "ToIssuerName": "Good CA 1",
    "FromKeyType": "EC",
    "ToKeyType": "EC",
}


def test_another_intermediate_of_the_same_organization_is_no_other_issuer() -> None:
    by_turns = {**CHANGE, "FromIssuerName": "Let's Encrypt R10", "ToIssuerName": "Let's Encrypt R11"}
    same = dict.fromkeys(("FromIssuerOrganization", "ToIssuerOrganization"), "Let's Encrypt")
    assert WORLD.ask("tls.cert-change", endpoint(Change={**by_turns, **same})).status is PASS
    assert (
        WORLD.ask("tls.cert-change", endpoint(Change={**by_turns, **same, "ToIssuerOrganization": "Other"})).status
        is WARN
    )


def test_a_renewal_by_the_same_issuer_names_both_fingerprints_and_the_time() -> None:
    verdict = WORLD.ask("tls.cert-change", endpoint(Change=CHANGE))
    assert verdict.status is PASS
    assert verdict.reason == f"renewed by Good CA 1: dddddddddddd… became aaaaaaaaaaaa… at {rfc3339(NOW - 60)}"


def test_another_issuer_is_a_warning_for_a_week_and_forbidden_where_the_policy_says_so() -> None:
    verdict = WORLD.ask("tls.cert-change", endpoint(Change={**CHANGE, "FromIssuerName": "Old CA"}))
    assert verdict.status is WARN
    assert verdict.valid_until == NOW - 60 + 7 * DAY
    assert policy(allowed_issuers=("Other CA",)).ask("tls.cert-change", endpoint()).status is FAIL
    assert policy(allowed_issuers=("good ca",)).ask("tls.cert-change", endpoint()).status is PASS


def test_the_modern_profile_demands_tls_13_alone_and_ecdsa() -> None:
    modern = policy(profile="modern")
    assert modern.ask("tls.protocol-modern", endpoint()).status is WARN
    assert (
        modern.ask("tls.protocol-modern", endpoint(address(Full=full(Tls12="refused (protocol_version)")))).status
        is PASS
    )
    assert modern.ask("tls.protocol-modern", endpoint(address(Version="TLSv1.2"))).status is FAIL
    assert modern.ask("tls.key-strength", endpoint(leaf=facts(KeyType="RSA", KeyBits=2048, Curve=None))).status is WARN


def test_every_finding_by_a_guideline_names_its_version() -> None:
    for control in (
        "tls.protocol-modern",
        "tls.cipher-weak",
        "tls.forward-secrecy",
        "tls.modern-client",
        "tls.hsts",
        "tls.key-strength",
        "tls.pq-group",
    ):
        assert WORLD.ask(control, endpoint()).evidence["guideline"] == "Mozilla 6.0 intermediate"


@pytest.mark.parametrize(
    ("kind", "bits", "curve", "status"),
    [
        ("RSA", 1024, None, FAIL),
        ("RSA", 2048, None, PASS),
        ("RSA", 8192, None, WARN),
        ("EC", 224, "secp224r1", FAIL),
        ("DSA", 2048, None, FAIL),
        ("Ed25519", 256, None, PASS),
        ("EC", 256, "P-256", PASS),
        ("EC", 256, "wild256", UNKNOWN),
        ("ML-DSA", 2048, None, UNKNOWN),
        ("RSA", True, None, UNKNOWN),
        ("RSA", None, None, UNKNOWN),
    ],
)
def test_keys_are_weighed_by_kind_and_size(kind: str, bits: int, curve: str | None, status: Status) -> None:
    assert WORLD.ask("tls.key-strength", endpoint(leaf=facts(KeyType=kind, KeyBits=bits, Curve=curve))).status is status


def test_a_root_with_an_old_signature_does_no_harm() -> None:
    assert WORLD.ask("tls.signature", certificate(SignatureHash="SHA1", SelfIssued=True, IsCa=True)).status is NA
    assert WORLD.ask("tls.signature", certificate(SignatureHash="MD5")).status is FAIL


@pytest.mark.parametrize(
    ("hash_", "status"),
    [("SHA256", PASS), ("SHA512", PASS), ("ed25519", PASS), ("SHA1", FAIL), ("MD5", FAIL)]
    + [(word, UNKNOWN) for word in ("SHA224", "GOST", "1.2.3.4", "sha256", "SHA2560", "", 7, None, ["SHA256"], True)],
)
def test_a_hash_is_good_only_where_it_is_known_to_be(hash_: Any, status: Status) -> None:
    assert WORLD.ask("tls.signature", certificate(SignatureHash=hash_)).status is status
    assert WORLD.ask("tls.signature", endpoint(leaf=facts(SignatureHash=hash_))).status is status
