"""Who may say that a certificate was taken back, of which, and when: a table of staples and lists, over a real
socket where a list is fetched.
"""

import asyncio
import base64
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from posture.controls.tls.revocation import judge_revocation
from posture.verdict import Status, Verdict
from providers.demo.tls import server
from providers.demo.tls.pki import _signed_with_sha1
from providers.demo.tls.server import Doors
from providers.limits import USUAL, Limits
from providers.tls.revocation import Revocations
from tests.world import tlsservers as servers
from tests.world.tlschains import Made, key, leaf, middle, root
from tests.world.tlsrevoked import HOLD, Authorities, crl, scope, staple

FAIL, WARN, PASS, UNKNOWN = Status.FAIL, Status.WARN, Status.PASS, Status.UNKNOWN
GOOD, REVOKED, NOT_KNOWN = ocsp.OCSPCertStatus.GOOD, ocsp.OCSPCertStatus.REVOKED, ocsp.OCSPCertStatus.UNKNOWN


class Lists:
    """A server of lists, by path; it notes what it was sent."""

    def __init__(self) -> None:
        self.doors = Doors()
        self.bodies: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.port = self.doors.open(None, self._answer)

    def _answer(self, request: str, host: str) -> bytes:
        path = request.split(" ")[1]
        self.asked.append(path)
        body = self.bodies.get(path)
        return (
            server.answer("404 Not Found")("", "")
            if body is None
            else b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )


def looked(of: Authorities, stapled: bytes | None, *, trusted: bool = True, limits: Limits = USUAL) -> Verdict:
    """The verdict on what is found of the leaf."""
    chain = [of.leaf.der, of.middle.der]
    above = (of.middle.certificate, of.root.certificate)
    revocations = Revocations(time.time, limits)
    told = asyncio.run(revocations.look(chain, of.middle.certificate, stapled, trusted=trusted, above=above))
    return judge_revocation(told, "now", time.time() + 3600, time.time(), None)


class Case(msgspec.Struct):
    """What the leaf's list is (None: it is gone), what the server staples, and the verdict with a word of its
    reason. The intermediate's list is good.
    """

    list: Callable[[Authorities], bytes] | None
    staple: Callable[[Authorities], bytes] | None
    status: Status
    word: str


def clean(of: Authorities) -> bytes:
    return crl(of.middle)


def taken(of: Authorities) -> bytes:
    return crl(of.middle, of.leaf)


def stapled(**more: Any) -> Callable[[Authorities], bytes]:
    return lambda of: staple(of.leaf, of.middle, **more)


def answered(**more: Any) -> Callable[[Authorities], bytes]:
    """By a responder of the intermediate's."""
    return lambda of: staple(of.leaf, of.middle, by=of.responder(**more))


def limited(*extensions: tuple[x509.ExtensionType, bool], **more: Any) -> Callable[[Authorities], bytes]:
    """A list that does not name the leaf, and is not of it."""
    return lambda of: crl(of.middle, extensions=extensions, **more)


def elsewhere(of: Authorities) -> bytes:
    return crl(of.middle, extensions=(scope(full_name=[x509.UniformResourceIdentifier(of.url("/other.crl"))]),))


def here(of: Authorities) -> bytes:
    return crl(of.middle, extensions=(scope(full_name=[x509.UniformResourceIdentifier(of.url("/leaf.crl"))]),))


def entry(of: Authorities) -> bytes:
    return crl(of.middle, of.leaf, of_entries=((x509.CRLReason(HOLD), False),))


def of_entry(*values: x509.ExtensionType, critical: bool = False) -> Callable[[Authorities], bytes]:
    """A list with the leaf on it, and this in its entry."""
    return lambda of: crl(of.middle, of.leaf, of_entries=[(value, critical) for value in values])


def of_neighbour(*values: x509.ExtensionType, critical: bool) -> Callable[[Authorities], bytes]:
    """A list without the leaf, and this in the entry of another certificate."""
    return lambda of: crl(of.middle, leaf(of.middle), of_entries=[(value, critical) for value in values])


def of_old(of: Authorities) -> bytes:
    """By a responder whose own certificate is signed with SHA-1, so that somebody else may have made it (the
    issuer's key is RSA for that).
    """
    of.middle = middle(of.root, of=key("rsa2048", 50), extensions=(of.point("/root.crl"),))
    of.leaf = leaf(of.middle, extensions=(of.point("/leaf.crl"),))
    responder = of.responder()
    return staple(of.leaf, of.middle, by=Made(_signed_with_sha1(responder.certificate, of.middle.key), responder.key))


def namesake(of: Authorities) -> bytes:
    """By an authority of the issuer's name with a key of its own, which sends its certificate along and names the
    issuer.
    """
    return staple(
        of.leaf, of.middle, by=middle(of.root, purposes=(x509.oid.ExtendedKeyUsageOID.OCSP_SIGNING,), of=key("ec", 51))
    )


STRANGER = root(subject="Stranger")
CODE_SIGNING = x509.oid.ExtendedKeyUsageOID.CODE_SIGNING
UNKNOWN_EXTENSION = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
ANY = x509.oid.ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
OTHER_ISSUER = x509.CertificateIssuer([x509.DirectoryName(STRANGER.certificate.subject)])
LATER = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER).public_bytes(
    serialization.Encoding.DER
)
CASES = {
    # the list alone
    "a good list": Case(clean, None, PASS, "says the crl"),
    "revoked by the list": Case(taken, None, FAIL, "keyCompromise"),
    "an expired list": Case(lambda of: crl(of.middle, begins=-9), None, WARN, "out of date"),
    "revoked by an expired list": Case(lambda of: crl(of.middle, of.leaf, begins=-9), None, FAIL, "revoked"),
    "a list of the leaf's distribution point": Case(here, None, PASS, "says the crl"),
    "a list of another distribution point": Case(elsewhere, None, UNKNOWN, "another distribution point"),
    "a list of no authorities": Case(limited(scope(only_contains_user_certs=True)), None, PASS, "says the crl"),
    "a list of authorities": Case(limited(scope(only_contains_ca_certs=True)), None, UNKNOWN, "authorities"),
    "a list of attribute certificates": Case(
        limited(scope(only_contains_attribute_certs=True)), None, UNKNOWN, "attribute"
    ),
    "a list of some reasons": Case(
        limited(scope(only_some_reasons=frozenset([x509.ReasonFlags.key_compromise]))), None, UNKNOWN, "some reasons"
    ),
    "an indirect list": Case(limited(scope(indirect_crl=True)), None, UNKNOWN, "indirect"),
    "a delta": Case(limited((x509.DeltaCRLIndicator(1), True)), None, UNKNOWN, "delta"),
    "a delta that does not say critical": Case(limited((x509.DeltaCRLIndicator(1), False)), None, UNKNOWN, "delta"),
    "a critical extension nobody knows": Case(limited((UNKNOWN_EXTENSION, True)), None, UNKNOWN, "1.2.3.4"),
    "another extension nobody knows": Case(limited((UNKNOWN_EXTENSION, False)), None, PASS, "says the crl"),
    "a list to come": Case(limited(begins=1), None, UNKNOWN, "not valid before"),
    "a list by another": Case(lambda of: crl(STRANGER), None, UNKNOWN, "not signed"),
    "a list in the issuer's name by another": Case(
        lambda of: crl(STRANGER, issuer=of.middle.certificate.subject), None, UNKNOWN, "not signed"
    ),
    "no list": Case(None, None, UNKNOWN, "HTTP 404"),
    "no list but rubbish": Case(lambda of: b"<html>", None, UNKNOWN, ""),
    # the staple beside a list that says revoked: the worse counts
    "a good staple, revoked by the list": Case(taken, stapled(), FAIL, "says the crl"),
    "an expired staple, revoked by the list": Case(taken, stapled(begins=-9), FAIL, "says the crl"),
    "a staple of ten years ago without an end, revoked by the list": Case(
        taken, stapled(begins=-3650, days=None), FAIL, "says the crl"
    ),
    "a staple to come, revoked by the list": Case(taken, stapled(begins=1), FAIL, "says the crl"),
    "a responder out of date, revoked by the list": Case(taken, answered(dates=(-20, -1)), FAIL, "says the crl"),
    "revoked by the staple, not by the list": Case(clean, stapled(status=REVOKED), FAIL, "says the staple"),
    "not known to the responder, not in the list": Case(clean, stapled(status=NOT_KNOWN), UNKNOWN, "does not know"),
    "on hold by an expired staple, not in the list": Case(
        clean, stapled(status=REVOKED, begins=-9, reason=HOLD), PASS, "says the crl"
    ),
    "revoked by an expired staple, not in the list": Case(
        clean, stapled(status=REVOKED, begins=-9), FAIL, "says the staple"
    ),
    # the staple where no list is to be had
    "a good staple": Case(None, stapled(), PASS, "says the staple"),
    "a good staple without an end, of yesterday": Case(None, stapled(days=None), PASS, "says the staple"),
    "a good staple without an end, of last week": Case(None, stapled(begins=-8, days=None), UNKNOWN, ""),
    "an expired staple": Case(None, stapled(begins=-9), WARN, "out of date"),
    "an expired staple beside a good list": Case(clean, stapled(begins=-9), PASS, "says the crl"),
    "a staple to come": Case(None, stapled(begins=0.1), UNKNOWN, "not valid before"),
    "a staple by a responder": Case(None, answered(), PASS, "says the staple"),
    "a staple by a responder out of date": Case(None, answered(dates=(-20, -1)), UNKNOWN, "not signed"),
    "a staple by a responder to come": Case(None, answered(dates=(1, 20)), UNKNOWN, "not signed"),
    "a staple by somebody for signing code": Case(None, answered(purpose=CODE_SIGNING), UNKNOWN, "not signed"),
    "a staple by another's responder": Case(None, answered(by=STRANGER), UNKNOWN, "not signed"),
    "a staple by the root's responder": Case(
        None, lambda of: staple(of.leaf, of.middle, by=of.responder(of.root)), UNKNOWN, "not signed"
    ),
    "a staple with another issuer's hashes": Case(None, stapled(named=STRANGER), UNKNOWN, "another issuer"),
    "a staple of another certificate": Case(
        None, lambda of: staple(leaf(of.middle), of.middle), UNKNOWN, "another certificate"
    ),
    # crafted to be taken for good, or good and crafted-looking
    "a staple by a responder for any purpose": Case(None, answered(purpose=ANY), UNKNOWN, "not signed"),
    "a staple by a responder whose key may not sign": Case(
        None, answered(usage=("key_encipherment",)), UNKNOWN, "not signed"
    ),
    "a staple by a responder whose key may sign": Case(
        None, answered(usage=("digital_signature",)), PASS, "says the staple"
    ),
    "a staple by a responder certified with SHA-1": Case(None, of_old, UNKNOWN, "not signed"),
    "a staple by a namesake of the issuer": Case(None, namesake, UNKNOWN, "not signed"),
    "a staple by a responder of the issuer's namesake": Case(
        None, lambda of: staple(of.leaf, of.middle, by=of.responder(middle(STRANGER))), UNKNOWN, "not signed"
    ),
    "a staple of the intermediate": Case(None, lambda of: staple(of.middle, of.root), UNKNOWN, "another certificate"),
    "a staple of a neighbour's serial, revoked by the list": Case(
        taken, lambda of: staple(leaf(of.middle), of.middle), FAIL, "says the crl"
    ),
    "a staple over SHA-256 hashes": Case(None, stapled(digest=hashes.SHA256), PASS, "says the staple"),
    "a staple that says try later": Case(None, lambda of: LATER, UNKNOWN, "try_later"),
    "a staple that says try later, revoked by the list": Case(taken, lambda of: LATER, FAIL, "says the crl"),
    "revoked by a stranger's staple, not by the list": Case(
        clean, stapled(by=STRANGER, status=REVOKED), PASS, "says the crl"
    ),
    "a good staple beside an expired list": Case(
        lambda of: crl(of.middle, begins=-9), stapled(), PASS, "says the staple"
    ),
    "an expired staple beside an expired list": Case(
        lambda of: crl(of.middle, begins=-9), stapled(begins=-9), WARN, "out of date"
    ),
    "a good staple, on hold by the list": Case(entry, stapled(), FAIL, "certificateHold"),
    "a good staple beside a list to come": Case(limited(begins=1), stapled(), PASS, "says the staple"),
    "named by a whole list as one to be taken off": Case(
        of_entry(x509.CRLReason(x509.ReasonFlags.remove_from_crl)), None, FAIL, "removeFromCRL"
    ),
    "revoked by an entry with a critical extension": Case(
        of_entry(UNKNOWN_EXTENSION, critical=True), None, UNKNOWN, "1.2.3.4"
    ),
    "a neighbour revoked by an entry with a critical extension": Case(
        of_neighbour(UNKNOWN_EXTENSION, critical=True), None, UNKNOWN, "1.2.3.4"
    ),
    "a neighbour revoked by an entry of another issuer": Case(
        of_neighbour(OTHER_ISSUER, critical=True), None, UNKNOWN, "2.5.29.29"
    ),
    "a neighbour revoked by an entry with another extension": Case(
        of_neighbour(UNKNOWN_EXTENSION, critical=False), None, PASS, "says the crl"
    ),
    "a list of the root that names the leaf's serial": Case(
        lambda of: crl(of.root, of.leaf), None, UNKNOWN, "not signed"
    ),
    "a list signed by the leaf": Case(
        lambda of: crl(of.leaf, issuer=of.middle.certificate.subject), None, UNKNOWN, "not signed"
    ),
    "a list that ends before it begins": Case(
        lambda of: crl(of.middle, begins=-1, days=0.5), None, WARN, "out of date"
    ),
    "a staple by the leaf itself": Case(None, lambda of: staple(of.leaf, of.middle, by=of.leaf), UNKNOWN, "not signed"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_staple_and_a_list_say_what_they_may(name: str, lists: Lists) -> None:
    case, of = CASES[name], Authorities(lists.port)
    lists.bodies["/root.crl"] = crl(of.root)
    if case.list is not None:
        lists.bodies["/leaf.crl"] = case.list(of)
    verdict = looked(of, None if case.staple is None else case.staple(of))
    told = {key: value for key, value in verdict.evidence.items() if "Why" in key or "Beside" in key or "Above" in key}
    word = case.word or verdict.reason
    if name == "a good staple without an end, of last week":
        assert "does not say until when" in str(told)
    assert (verdict.status, word in f"{verdict.reason} {told}") == (case.status, True), f"{verdict.reason} {told}"


def test_there_are_more_than_twenty_cases() -> None:
    assert len(CASES) >= 40


@pytest.mark.parametrize(
    ("list_", "status", "word"),
    [
        (lambda of: crl(of.root), PASS, "not revoked"),
        (lambda of: crl(of.root, of.middle), FAIL, "the intermediate Issuing CA: revoked"),
        (lambda of: crl(of.root, begins=-9), WARN, "the intermediate Issuing CA: good, but the crl is out of date"),
        (lambda of: crl(of.root, extensions=(scope(only_contains_ca_certs=True),)), PASS, "not revoked"),
        (lambda of: crl(of.root, extensions=(scope(only_contains_user_certs=True),)), UNKNOWN, "of no authorities"),
        (lambda of: crl(of.middle), UNKNOWN, "not signed"),
        (None, UNKNOWN, "HTTP 404"),
    ],
)
def test_an_intermediate_that_was_taken_back_takes_its_leafs_with_it(
    list_: Any, status: Status, word: str, lists: Lists
) -> None:
    of = Authorities(lists.port)
    lists.bodies["/leaf.crl"] = crl(of.middle)
    if list_ is not None:
        lists.bodies["/root.crl"] = list_(of)
    verdict = looked(of, staple(of.leaf, of.middle))
    assert (verdict.status, word in verdict.reason) == (status, True), verdict.reason


@pytest.mark.parametrize(
    ("stapled_", "status"),
    [(None, UNKNOWN), (stapled(), UNKNOWN), (stapled(status=REVOKED), FAIL)],
    ids=["none", "good", "revoked"],
)
def test_what_an_untrusted_certificate_names_is_never_asked_and_nothing_vouches_for_it(
    stapled_: Any, status: Status, lists: Lists
) -> None:
    of = Authorities(lists.port)
    verdict = looked(of, None if stapled_ is None else stapled_(of), trusted=False)
    assert verdict.status is status
    assert lists.asked == []


def test_a_second_distribution_point_is_asked_where_the_first_has_no_answer(lists: Lists) -> None:
    of = Authorities(lists.port)
    of.leaf = leaf(of.middle, extensions=(of.point("/gone.crl", "/leaf.crl"),))
    lists.bodies |= {"/root.crl": crl(of.root), "/leaf.crl": crl(of.middle, of.leaf)}
    assert looked(of, None).status is FAIL
    assert lists.asked[:2] == ["/gone.crl", "/leaf.crl"]


def test_two_authorities_of_one_name_are_not_answered_by_each_others_list(lists: Lists) -> None:
    """Both lists would come from one address; the second authority's is not there."""
    first, second = Authorities(lists.port), Authorities(lists.port)
    lists.bodies |= {"/leaf.crl": crl(first.middle), "/root.crl": crl(first.root)}

    async def both() -> list[Any]:
        revocations = Revocations(time.time)
        return [
            await revocations.look([of.leaf.der], of.middle.certificate, None, trusted=True) for of in (first, second)
        ]

    told = asyncio.run(both())
    assert [one["Status"] for one in told] == ["good", "unanswered"]


def test_no_password_of_ours_goes_to_the_host_that_a_certificate_names(
    lists: Lists, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """~/.netrc with a default entry."""
    heads: list[bytes] = []
    threads = servers.Threads()

    def note(connection: Any) -> None:
        heads.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    port = threads.listen(note)
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password sesame\ndefault login me password sesame\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    try:
        assert looked(Authorities(port), None).status is UNKNOWN
    finally:
        threads.stop()
    assert heads
    secret = base64.b64encode(b"me:sesame")
    assert not [head for head in heads if b"authorization" in head.lower() or secret in head]


def test_a_list_goes_through_the_proxy_of_the_environment_but_not_on_this_machine(
    lists: Lists, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{lists.port}")
    of = Authorities(lists.port)
    of.leaf = leaf(
        of.middle,
        extensions=(
            (x509.CRLDistributionPoints([_point("http://crl.acme.example/a.crl"), _point(of.url("/leaf.crl"))]), False),
        ),
    )
    looked(of, None)
    assert lists.asked[:2] == ["http://crl.acme.example/a.crl", "/leaf.crl"]


def _point(url: str) -> x509.DistributionPoint:
    return x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)


def test_a_list_that_does_not_end_is_not_held(lists: Lists) -> None:
    of = Authorities(lists.port)
    lists.bodies |= {"/leaf.crl": crl(of.middle) + bytes(2000), "/root.crl": crl(of.root)}
    verdict = looked(of, None, limits=Limits(most_bytes=1000))
    assert (verdict.status, "longer than 1000 bytes" in verdict.reason) == (UNKNOWN, True)
