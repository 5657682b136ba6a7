"""What a staple or a list says of revocation, and whether it still counts: good only in its window, and where
nothing above the leaf was taken back.
"""

from collections.abc import Mapping
from typing import Any

from posture.clock import Seconds, Utc
from posture.controls.reading import NoAnswer, time_of
from posture.verdict import Status, Verdict, failed, passed, unknown, warned

OPERATION = "tls:Revocation"
_WAYS = ("staple", "crl")
SKEW: Seconds = 300.0
"""A responder's clock may be ahead of ours by this much."""


def judge_revocation(field_of: Any, at: Any, until: Utc, now: Utc, short: Verdict | None) -> Verdict:
    """The worst of the leaf's word and those of the intermediates. `short` is the verdict on a leaf that ends before
    news of it would come.
    """
    if not isinstance(field_of, Mapping):
        return unknown("revocation was not looked at")
    evidence = {**{f"{OPERATION}.{name}": value for name, value in field_of.items()}, "at": at}
    above = field_of.get("Above", ())
    if not isinstance(above, list | tuple):
        return unknown(f"{OPERATION}: Above is not a list", evidence=evidence)
    words = [
        _word(one, f"the intermediate {one.get('Certificate')}: ", evidence, until, now)
        for one in above
        if isinstance(one, Mapping)
    ]
    if len(words) < len(above):
        return unknown(f"{OPERATION}: Above holds what is not an answer", evidence=evidence)
    if short is None:
        return min([_word(field_of, "", evidence, until, now), *words], key=lambda word: word.status)
    return next((word for word in words if word.status is Status.FAIL), short)


def _word(field_of: Mapping[str, Any], whose: str, evidence: Mapping[str, Any], until: Utc, now: Utc) -> Verdict:
    try:
        return _said(field_of, whose, evidence, until, now)
    except NoAnswer as ended:  # of one certificate: what is known of the others stands
        return ended.verdict


def _said(field_of: Mapping[str, Any], whose: str, evidence: Mapping[str, Any], until: Utc, now: Utc) -> Verdict:
    by, status = field_of.get("By"), field_of.get("Status")
    if by not in _WAYS:
        return unknown(f"{whose}{field_of.get('Why') or 'neither staple nor CRL'}", evidence=evidence)
    match status:
        case "revoked":
            return failed(
                f"{whose}revoked at {field_of.get('RevokedAt')} ({field_of.get('Reason')}), says the {by}",
                evidence,
                until=until,
            )
        case "good":
            begins, ends = (time_of(field_of.get(name), OPERATION, name) for name in ("ThisUpdate", "NextUpdate"))
            if begins > now + SKEW:
                return unknown(f"{whose}the {by} is not valid before {field_of['ThisUpdate']}", evidence=evidence)
            if ends <= now:
                return warned(
                    f"{whose}good, but the {by} is out of date since {field_of['NextUpdate']}", evidence, until=until
                )
            return passed(f"{whose}not revoked, says the {by}", evidence, until=min(until, ends))
        case "unknown":
            return unknown(f"{whose}the {by} does not know this certificate", evidence=evidence)
        case _:
            return unknown(f"{whose}{field_of.get('Why') or 'neither staple nor CRL'}", evidence=evidence)
