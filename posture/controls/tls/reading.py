"""Reading an endpoint: what each address of a name offers, judged one by one, and the worst of it."""

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from posture.clock import Utc
from posture.context import Context
from posture.fault import Fault, FaultKind
from posture.policy import Policy
from posture.reading import NoAnswer, time_of
from posture.resource import Resource
from posture.source import STALE_CADENCES
from posture.verdict import Verdict, because, unanswered, unknown

Fields = Mapping[str, Any]
Look = Callable[[Fields, Resource, Context], Verdict]
CONNECT, HELLOS = "tls:Connect", "tls:Hellos"


def every_address(endpoint: Resource, context: Context, look: Look) -> Verdict:
    """The worst verdict among the addresses; where they differ, the address stands before the reason. Down is
    UNKNOWN, whatever was seen before.
    """
    verdicts = [(address, _one(fields, endpoint, context, look)) for address, fields in addresses(endpoint)]
    status = min(verdict.status for _, verdict in verdicts)
    address, found = next((address, verdict) for address, verdict in verdicts if verdict.status is status)
    until = min((verdict.valid_until for _, verdict in verdicts if verdict.valid_until is not None), default=None)
    if len({verdict.reason for _, verdict in verdicts}) > 1:
        others = sum(verdict.status is status for _, verdict in verdicts) - 1
        reason = f"{address}: {found.reason}" + (f" (and {others} more)" if others else "")
        found = msgspec.structs.replace(found, reason=reason, evidence={"address": address, **found.evidence})
    return msgspec.structs.replace(found, valid_until=until)


def _one(fields: Fields, endpoint: Resource, context: Context, look: Look) -> Verdict:
    try:
        if not isinstance(fields, Mapping):
            raise NoAnswer(unknown(f"{CONNECT} answered without its fields"))
        return look(fields, endpoint, context)
    except NoAnswer as ended:
        return ended.verdict


def addresses(endpoint: Resource) -> Iterator[tuple[str, Fields]]:
    """(address, fields) of each address asked. Raises `NoAnswer` where there is none, or none that answered."""
    refusal = endpoint.faults.get(CONNECT)
    if refusal is not None:
        last = endpoint.fields.get("LastAnswer")
        verdict = unanswered(refusal)
        raise NoAnswer(
            verdict if not last else msgspec.structs.replace(verdict, reason=f"{verdict.reason}; last answer {last}")
        )
    if endpoint.faults:
        raise NoAnswer(unanswered(next(iter(endpoint.faults.values()))))
    seen = endpoint.fields.get("Addresses")
    if not isinstance(seen, Mapping) or not seen:
        raise NoAnswer(unknown(f"{CONNECT} answered without Addresses"))
    return iter(seen.items())


def talked(fields: Fields) -> Fields:
    """The fields of an address that speaks TLS. Raises `NoAnswer` for one that was not reached, or speaks something
    else.
    """
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


def in_full(fields: Fields, context: Context) -> tuple[Fields, Utc]:
    """What the full pass saw, and until when that is evidence. Raises `NoAnswer` before the first, and once it is
    six cadences old.
    """
    full = talked(fields).get("Full")
    if not isinstance(full, Mapping):
        raise NoAnswer(unknown("the full pass has not come to this endpoint yet"))
    return full, fresh_until(full, context, "At", "Every")


def fresh_until(fields: Fields, context: Context, at: str, every: str) -> Utc:
    """Until when this is evidence: six cadences. Raises `NoAnswer` where that is past."""
    cadence = fields.get(every)
    if not isinstance(cadence, int | float) or isinstance(cadence, bool):
        raise NoAnswer(unknown(f"{HELLOS} answered without {every}"))
    seen = time_of(fields.get(at), HELLOS, at)
    if seen > context.now + cadence:
        raise NoAnswer(unknown(f"the last full pass is said to have been at {fields[at]}, which has not come yet"))
    until = seen + STALE_CADENCES * cadence
    if until <= context.now:
        raise NoAnswer(unknown(f"the last full pass was at {fields[at]}, more than {STALE_CADENCES} cadences ago"))
    return until


def certificates(fields: Fields, endpoint: Resource) -> list[Fields]:
    """Facts of the chain as sent, leaf first. Raises `NoAnswer` where no certificate was seen."""
    return [_kept(name, endpoint) for name in _chain(fields)]


def leaf_of(fields: Fields, endpoint: Resource) -> Fields:
    """Facts of the server's own certificate. Raises `NoAnswer` where none was seen."""
    return _kept(_chain(fields)[0], endpoint)


def of_leaf(fields: Fields, endpoint: Resource, judge: Callable[[Fields], Verdict]) -> Verdict:
    """What is said of the server's own certificate, with that as the cause. Raises `NoAnswer` where none was seen."""
    return because(judge(leaf_of(fields, endpoint)), f"cert://{_chain(fields)[0]}")


def _chain(fields: Fields) -> Sequence[Any]:
    names = talked(fields).get("Chain")
    if not isinstance(names, list | tuple) or not names:
        raise NoAnswer(unknown("no certificate was obtained"))
    return names


def _kept(name: Any, endpoint: Resource) -> Fields:
    known = endpoint.fields.get("Certificates")
    return facts(known.get(name) if isinstance(known, Mapping) and isinstance(name, str) else None)


def facts(found: Any) -> Fields:
    """A certificate that can be read. Raises `NoAnswer` for one that cannot."""
    if not isinstance(found, Mapping) or not found:
        raise NoAnswer(unknown("a certificate was not kept"))
    if "Unreadable" in found:
        raise NoAnswer(unknown(f"a certificate cannot be read: {found['Unreadable']}"))
    return found


def accepts_anything(fields: Fields) -> bool:
    """Whether this address has accepted any hello at all; a server that refuses everything proves nothing by
    refusing.
    """
    if "Version" in fields:
        return negotiated(fields["Version"]) is not None
    if fields.get("ClientCertificate") == "required" and bool(fields.get("Chain")):
        return True
    full = part(fields, "Full")
    words = (part(fields, "Permissive").get("Answer"), full.get("Tls12"), *part(full, "Legacy").values())
    return any(accepted(word) for word in words) or any(
        isinstance(some, list | tuple) and some for some in part(full, "Accepted").values()
    )


def negotiated(version: Any) -> str | None:
    """A version that the verified handshake can come to. Raises `NoAnswer` for anything else."""
    if version not in ("TLSv1.3", "TLSv1.2"):
        raise NoAnswer(unknown(f"{CONNECT}: Version is not known: {version!r}"))
    return str(version)


def part(fields: Fields, name: str) -> Fields:
    """A table inside; an empty one where there is none. Raises `NoAnswer` for what is not a table."""
    found = fields.get(name, {})
    if not isinstance(found, Mapping):
        raise NoAnswer(unknown(f"{name} is not a table"))
    return found


def accepted(word: Any) -> bool:
    """Whether a hello was accepted, in its word: `accepted (...)`."""
    return isinstance(word, str) and word.startswith("accepted")


def refused(word: Any) -> bool:
    """Whether it was refused by the server's own word: `refused (...)`."""
    return isinstance(word, str) and word.startswith("refused")


@cache
def _guidelines() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    return tomllib.loads(Path(__file__).with_name("mozilla.toml").read_text("utf-8"))


def guideline(policy: Policy) -> tuple[str, Mapping[str, Any]]:
    """The name of the guideline that the policy follows, and what it says."""
    tls = policy.tls
    return f"Mozilla {tls.guideline} {tls.profile}", _guidelines()[tls.guideline][tls.profile]
