"""Certificates of AWS Certificate Manager: those in use are renewed before they end."""

from typing import Any

from posture.aws.edge import IMPORTED, RENEWAL_WINDOW
from posture.clock import Utc
from posture.context import Context
from posture.controls.registry import control
from posture.controls.tls.certificate import lines
from posture.policy import DAY
from posture.reading import NoAnswer, expected, field_of, refusals, time_of, word
from posture.resource import Resource
from posture.verdict import Verdict, failed, not_applicable, passed, unanswered, unknown, warned

_LIST = "acm:ListCertificates"
_DESCRIBE = "acm:DescribeCertificate"
_DEAD = frozenset({"EXPIRED", "REVOKED", "FAILED"})
_STATES = _DEAD | {"ISSUED", "PENDING_VALIDATION", "INACTIVE", "VALIDATION_TIMED_OUT"}
_TYPES = frozenset({IMPORTED, "AMAZON_ISSUED", "PRIVATE"})
_STUCK = frozenset({"PENDING_VALIDATION", "FAILED"})
_RENEWALS = _STUCK | {"PENDING_AUTO_RENEWAL", "SUCCESS"}
_KEYS = frozenset({"RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1"})
_WEAK = "RSA_1024"


@control("aws.acm.certificate", on="aws.acm.certificate")
def certificate(certificate: Resource, context: Context) -> Verdict:
    """One that nothing uses is noise. The lines are those of `tls.cert-expiry`."""
    fields = certificate.fields
    evidence: dict[str, Any] = {f"{_LIST}.{name}": fields.get(name) for name in ("InUse", "Status", "Type", "NotAfter")}
    if not expected(field_of(certificate, _LIST, "InUse"), bool, _LIST, "InUse"):
        return not_applicable("nothing uses it", evidence)
    status = word(field_of(certificate, _LIST, "Status"), _STATES, _LIST, "Status")
    if status in _DEAD:
        return failed(f"in use, and {status}", evidence)
    if status != "ISSUED":
        return warned(f"in use, and {status}", evidence)
    begins, ends = (time_of(field_of(certificate, _LIST, name), _LIST, name) for name in ("NotBefore", "NotAfter"))
    left, (warn, critical) = ends - context.now, lines(ends - begins)
    if left <= critical:
        until = ends if left > 0 else None
        return failed(f"in use, {_left(left)}", evidence, until=until)
    kind = word(field_of(certificate, _LIST, "Type"), _TYPES, _LIST, "Type")
    key = word(field_of(certificate, _LIST, "KeyAlgorithm"), {*_KEYS, _WEAK}, _LIST, "KeyAlgorithm")
    evidence[f"{_LIST}.KeyAlgorithm"] = key
    if kind != IMPORTED and left <= RENEWAL_WINDOW:
        stuck = _renewal(certificate, evidence)
        if stuck:
            return warned(f"renewal is {stuck}; {_left(left)}", evidence, until=ends - critical)
    if left <= warn:
        who = "ACM never renews an imported one" if kind == IMPORTED else "not renewed yet"
        return warned(f"{_left(left)}; {who}", evidence, until=ends - critical)
    if key == _WEAK:
        return warned(f"in use with {_WEAK}", evidence, until=ends - warn)
    return passed(f"valid until {fields['NotAfter']}", evidence, until=_next(ends, warn, kind, context.now))


def _renewal(certificate: Resource, evidence: dict[str, Any]) -> str:
    """The state of a renewal that does not go on by itself; empty where it does, or none has begun. Raises `NoAnswer`
    where that was not told.
    """
    if (refusal := refusals(certificate, _DESCRIBE)) is not None:
        raise NoAnswer(unanswered(refusal))
    if "RenewalSummary" not in certificate.fields:
        raise NoAnswer(unknown(f"{_DESCRIBE} has not been asked how its renewal goes", evidence=evidence))
    told = certificate.fields["RenewalSummary"]
    if told is None:
        return ""
    summary = expected(told, dict, _DESCRIBE, "RenewalSummary")
    state = word(summary.get("RenewalStatus"), _RENEWALS, _DESCRIBE, "RenewalSummary.RenewalStatus")
    evidence[f"{_DESCRIBE}.RenewalSummary.RenewalStatus"] = state
    return state if state in _STUCK else ""


def _next(ends: Utc, warn: float, kind: str, now: Utc) -> Utc:
    """When time alone would change a PASS: at the warn line, or where ACM begins to renew."""
    begins = ends - RENEWAL_WINDOW
    return begins if kind != IMPORTED and begins > now else ends - warn


def _left(seconds: float) -> str:
    return f"{seconds / DAY:.0f} d left" if seconds > 0 else f"ended {-seconds / DAY:.0f} d ago"
