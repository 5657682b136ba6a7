"""Reading an endpoint: what each address of a name offers, judged one by one, and the worst of it."""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from posture.clock import Utc
from posture.controls.reading import NoAnswer, instant
from posture.controls.registry import Context
from posture.fault import Fault, FaultKind
from posture.policy import Policy
from posture.resource import Resource
from posture.source import STALE_CADENCES
from posture.verdict import Verdict, unanswered, unknown

Fields = Mapping[str, Any]
Look = Callable[[Fields, Resource, Context], Verdict]
CONNECT, HELLOS = "tls:Connect", "tls:Hellos"


def every_address(endpoint: Resource, see: Context, look: Look) -> Verdict:
    """The worst verdict among the addresses; where they differ, the address stands before the reason. Down is UNKNOWN, whatever was seen before."""
    verdicts = [(address, _one(fields, endpoint, see, look)) for address, fields in addresses(endpoint)]
    status = min(verdict.status for _, verdict in verdicts)
    address, found = next((address, verdict) for address, verdict in verdicts if verdict.status is status)
    until = min((verdict.valid_until for _, verdict in verdicts if verdict.valid_until is not None), default=None)
    if len({verdict.reason for _, verdict in verdicts}) > 1:
        others = sum(verdict.status is status for _, verdict in verdicts) - 1
        reason = f"{address}: {found.reason}" + (f" (and {others} more)" if others else "")
        found = msgspec.structs.replace(found, reason=reason, evidence={"address": address, **found.evidence})
    return msgspec.structs.replace(found, valid_until=until)


def _one(fields: Fields, endpoint: Resource, see: Context, look: Look) -> Verdict:
    try:
        return look(fields, endpoint, see)
    except NoAnswer as ended:
        return ended.verdict


def addresses(endpoint: Resource) -> Iterator[tuple[str, Fields]]:
    """(address, fields) of each address asked. Raises `NoAnswer` where there is none, or none that answered."""
    refusal = endpoint.faults.get(CONNECT)
    if refusal is not None:
        last = endpoint.fields.get("LastAnswer")
        verdict = unanswered(refusal)
        raise NoAnswer(verdict if not last else msgspec.structs.replace(verdict, reason=f"{verdict.reason}; last answer {last}"))
    if endpoint.faults:
        raise NoAnswer(unanswered(next(iter(endpoint.faults.values()))))
    seen = endpoint.fields.get("Addresses")
    if not isinstance(seen, Mapping) or not seen:
        raise NoAnswer(unknown(f"{CONNECT} answered without Addresses"))
    return iter(seen.items())


def talked(fields: Fields) -> Fields:
    """The fields of an address that speaks TLS. Raises `NoAnswer` for one that was not reached, or speaks something else."""
    match fields.get("Outcome"):
        case "ok":
            return fields
        case "not-tls":
            raise NoAnswer(unknown("speaks no TLS"))
        case None:
            raise NoAnswer(unknown(f"{CONNECT} answered without Outcome"))
        case outcome:
            raise NoAnswer(unanswered(silence(outcome, fields.get("Detail", ""))))


def silence(outcome: Any, detail: Any) -> Fault:
    """Why an address said nothing."""
    return Fault(FaultKind.UNREACHABLE, str(outcome), CONNECT, str(detail or outcome))


def in_full(fields: Fields, see: Context) -> tuple[Fields, Utc]:
    """What the full pass saw, and until when that is evidence. Raises `NoAnswer` before the first, and once it is six cadences old."""
    full = talked(fields).get("Full")
    if not isinstance(full, Mapping):
        raise NoAnswer(unknown("the full pass has not come to this endpoint yet"))
    return full, fresh_until(full, see, "At", "Every")


def fresh_until(fields: Fields, see: Context, at: str, every: str) -> Utc:
    """Until when this is evidence: six cadences. Raises `NoAnswer` where that is past."""
    cadence = fields.get(every)
    if not isinstance(cadence, int | float):
        raise NoAnswer(unknown(f"{HELLOS} answered without {every}"))
    until = instant(fields.get(at), HELLOS, at) + STALE_CADENCES * cadence
    if until <= see.now:
        raise NoAnswer(unknown(f"the last full pass was at {fields[at]}, more than {STALE_CADENCES} cadences ago"))
    return until


def certificates(fields: Fields, endpoint: Resource) -> list[Fields]:
    """Facts of the chain as sent, leaf first. Raises `NoAnswer` where no certificate was seen."""
    known = endpoint.fields.get("Certificates")
    names = talked(fields).get("Chain")
    if not names or not isinstance(known, Mapping):
        raise NoAnswer(unknown("no certificate was obtained"))
    return [facts(known.get(name)) for name in names]


def facts(found: Any) -> Fields:
    """A certificate that can be read. Raises `NoAnswer` for one that cannot."""
    if not isinstance(found, Mapping) or "NotAfter" not in found:
        why = found.get("Unreadable") if isinstance(found, Mapping) else None
        raise NoAnswer(unknown(f"a certificate cannot be read: {why}" if why else "a certificate was not kept"))
    return found


def accepts_anything(fields: Fields) -> bool:
    """Whether this address has accepted any hello at all; a server that refuses everything proves nothing by refusing."""
    full = fields.get("Full") or {}
    words = [str((fields.get("Permissive") or {}).get("Answer", "")), str(full.get("Tls12", "")), *map(str, (full.get("Legacy") or {}).values())]
    stopped = fields.get("ClientCertificate") == "required" and bool(fields.get("Chain"))
    return bool(fields.get("Version")) or stopped or any(word.startswith("accepted") for word in words) or bool(full.get("Accepted"))


@cache
def _guidelines() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    return tomllib.loads(Path(__file__).with_name("mozilla_tls.toml").read_text("utf-8"))


def guideline(policy: Policy) -> tuple[str, Mapping[str, Any]]:
    """The name of the guideline that the policy follows, and what it says."""
    tls = policy.tls
    return f"Mozilla {tls.guideline} {tls.profile}", _guidelines()[tls.guideline][tls.profile]
