"""The page of an endpoint says what its fields and statuses say, in whatever words a control gives its reasons."""

from typing import Any

import msgspec
import pytest

from posture.clock import rfc3339
from posture.resource import Resource
from posture.verdict import EvidenceClass, Finding, Severity, Status
from providers.collector.frames import Detail, Judged
from tests.posture.controls.tls.world import LEAF, address, endpoint, facts, issuer, silent, trust
from tests.posture.controls.world import DAY, NOW, World
from tui.pages.tls import sections

MISSING = address(
    Chain=[LEAF],
    VerifyCode=20,
    VerifyText="unable to get local issuer certificate",
    Trust={"End": "missing-intermediate", "Missing": "Good CA 1"},
)
UNKNOWN_ISSUER = address(
    Chain=[LEAF],
    VerifyCode=20,
    VerifyText="unable to get",
    Trust={"End": "unknown-issuer", "Missing": "an intermediate is missing"},
)
CONNECTS, FETCHES, LOOKS_NOT = (
    "connects",
    "connects, having fetched what was not sent",
    "connects: it does not look whether a certificate was revoked",
)
CONTROLS = (
    "tls.reachable",
    "tls.chain-trust",
    "tls.cert-expiry",
    "tls.hostname",
    "tls.key-strength",
    "tls.signature",
    "tls.modern-client",
    "tls.revocation",
)
SEEN: dict[str, tuple[Resource, str | None, str | None]] = {
    "as it should be": (endpoint(), CONNECTS, CONNECTS),
    "an intermediate missing": (endpoint(MISSING), FETCHES, None),
    "an intermediate missing at one of two": (endpoint(address(), MISSING), FETCHES, None),
    "an intermediate missing, and a stranger": (endpoint(MISSING, UNKNOWN_ISSUER), None, None),
    "a stranger whose name says that an intermediate is missing": (endpoint(UNKNOWN_ISSUER), None, None),
    "an intermediate missing and expired": (endpoint(MISSING, leaf=facts(left=-3)), None, None),
    "soon to end": (endpoint(leaf=facts(left=2)), CONNECTS, CONNECTS),
    "expired": (endpoint(leaf=facts(left=-3)), None, None),
    "to come": (endpoint(leaf=facts(NotBefore=rfc3339(NOW + DAY))), None, None),
    "expired at the second of two": (
        endpoint(
            address(),
            address(Chain=["cc" * 32, "bb" * 32], Trust=trust(Path=["cc" * 32, "bb" * 32])),
            Certificates=None,
        ),
        None,
        None,
    ),
    "another name": (endpoint(leaf=facts(DnsNames=["left.example"])), None, None),
    "revoked": (
        endpoint(
            address(
                Full={
                    **address()["Full"],
                    "Revocation": {"By": "crl", "Status": "revoked", "RevokedAt": "x", "Reason": "left"},
                }
            )
        ),
        None,
        LOOKS_NOT,
    ),
    "silent": (silent(), None, None),
}


def _detail(resource: Resource, word: Any) -> Detail:
    findings = []
    for control in CONTROLS:
        verdict = World().ask(control, resource)
        finding = Finding(
            control=control,
            resource=resource.id,
            tenant="t",
            status=verdict.status,
            severity=Severity.HIGH,
            evidence_class=EvidenceClass.OBSERVED,
            reason=word(verdict.reason),
            evidence=verdict.evidence,
            since=NOW,
        )
        findings.append(Judged(finding, "title", (), "", {}))
    return Detail(resource.id, resource, Status.PASS, NOW, tuple(findings), (), (), 0)


def _page(resource: Resource, word: Any) -> list[tuple[str, list[list[tuple[str, str]]]]]:
    """Titles, and the parts of each row with their colours."""
    return [(title, [list(parts) for parts, *_ in rows]) for title, _, rows in sections(_detail(resource, word), NOW)]


def _filled(resource: Resource) -> Resource:
    """With the certificates of all addresses, the third of which has expired."""
    known = {LEAF: facts(), "bb" * 32: issuer(), "cc" * 32: facts(left=-3)}
    if resource.fields.get("Certificates", known) is None:
        return msgspec.structs.replace(resource, fields={**resource.fields, "Certificates": known})
    return resource


@pytest.mark.parametrize("name", SEEN)
def test_who_connects_is_told_by_what_was_seen_and_not_by_the_words_of_a_reason(name: str) -> None:
    resource, browser, client = SEEN[name]
    resource = _filled(resource)
    pages = [
        _page(resource, word)
        for word in (str, lambda reason: "REASON", lambda reason: "an intermediate is missing, 3 d left, no left")
    ]
    said = {row[0][0].strip(): (row[1][0], row[1][1]) for row in dict(pages[0])["WHO SAYS WHAT"]}
    for who, wanted in (("browser", browser), ("API client", client)):
        text, paint = said[who]
        if wanted is None:
            assert text.startswith(("refuses: ", "cannot connect: ")), text
            assert paint != "pass"
        else:
            assert (text, paint) == (wanted, "pass")
    shapes = [
        [(title, [[(text.partition(":")[0], paint) for text, paint in row] for row in rows]) for title, rows in page]
        for page in pages
    ]
    assert shapes[0] == shapes[1] == shapes[2]
