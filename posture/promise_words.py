"""What a promise says in words: its verdict, what stands behind it, and what nobody can see. No word of it names a
resource, an account or a host.
"""

from collections.abc import Iterator

from posture.controls.claims import Claim, Claims
from posture.promises import CLASSES, Because, Promise
from posture.verdict import EvidenceClass, Status

_ATTESTED = CLASSES.index(EvidenceClass.ATTESTED)
_INFERRED = CLASSES.index(EvidenceClass.INFERRED)


def attested(promise: Promise, claim: Claim) -> bool:
    """Whether it holds, where it does, in part on the provider's or a person's word."""
    return bool(claim.attested) or promise.evidence[_ATTESTED] > 0


def verdict(promise: Promise, claims: Claims) -> str:
    """The status as a sentence: `does not hold: 27 of 2,003 checks fail`."""
    claim = claims.sentences[promise.sentence]
    checks, at = sum(promise.evidence), promise.findings[promise.status]
    match promise.status, promise.because:
        case Status.FAIL, Because.EVIDENCE:
            return f"does not hold: {_of(at, checks, 'fail')}"
        case Status.UNKNOWN, Because.EVIDENCE:
            return f"not known: {_of(at, checks, 'get no answer', 'gets no answer')}"
        case Status.WARN, Because.EVIDENCE:
            excepted = sum(many for _, many in promise.exceptions)
            if excepted == at:
                return f"holds, but for {_many(excepted, 'agreed exception')}"
            return f"holds, with reservations: {_of(at, checks, 'warn')}"
        case Status.PASS, _:
            word = ", in part on the provider's or a person's word" if attested(promise, claim) else ""
            return f"holds{word}: {_many(checks, 'check')} {'pass' if checks > 1 else 'passes'}"
        case Status.NOT_APPLICABLE, Because.EVIDENCE:
            return "does not apply to what there is"
        case Status.NOT_APPLICABLE, Because.NOTHING:
            return "does not apply: there is nothing of the kind"
        case Status.NOT_APPLICABLE, _:
            return f"does not apply: no {_systems(claim, claims)} is configured here"
        case Status.FAIL | Status.UNKNOWN | Status.WARN, Because.CONDITION:
            return _held_back(promise)
    return f"not known: {_unknown(promise, claim, claims)}"


def notes(promise: Promise, claims: Claims) -> Iterator[tuple[str, str]]:
    """What stands behind it, as (head, text): evidence, exceptions, what is attested, what was not seen and why."""
    claim = claims.sentences[promise.sentence]
    yield from _evidence(promise)
    for status, head in ((Status.FAIL, "Fails"), (Status.WARN, "Warns"), (Status.UNKNOWN, "No answer")):
        for check in promise.checks:
            if some := check.findings[status]:
                yield head, f"{check.title}: {some:,} of {sum(check.findings[: Status.NOT_APPLICABLE]):,}"
    for until, many in promise.exceptions:
        yield "Exceptions", f"{_many(many, 'check')} excepted until {until}"
    yield from _not_seen(promise, claim, claims)
    applies = promise.status is not Status.NOT_APPLICABLE
    if applies and claim.attested:
        yield "Attested", claim.attested
    if applies and claim.unseen:
        yield "Cannot be seen", claim.unseen
    if applies and claim.note:
        yield "Note", claim.note


def tally(promise: Promise) -> str:
    """`1,936 pass, 38 warn, 27 fail, 2 unknown`, without what is none; empty where nothing applies."""
    words = ((Status.PASS, "pass"), (Status.WARN, "warn"), (Status.FAIL, "fail"), (Status.UNKNOWN, "unknown"))
    return ", ".join(f"{many:,} {word}" for status, word in words if (many := promise.findings[status]))


def _evidence(promise: Promise) -> Iterator[tuple[str, str]]:
    checks, resources = sum(promise.evidence), sum(promise.resources[: Status.NOT_APPLICABLE])
    if not checks:
        return
    classes = ", ".join(f"{many:,} {kind.value}" for kind, many in zip(CLASSES, promise.evidence, strict=True) if many)
    yield "Evidence", f"{_many(checks, 'check')} on {_many(resources, 'resource')}: {tally(promise)}; {classes}"
    if promise.evidence[_ATTESTED]:
        rest = _many(promise.evidence[_ATTESTED], "check")
        yield "Attested", f"{rest} on the provider's or a person's word"
    if promise.evidence[_INFERRED]:
        yield "Inferred", f"{_many(promise.evidence[_INFERRED], 'check')} derived from something else that was seen"


def _not_seen(promise: Promise, claim: Claim, claims: Claims) -> Iterator[tuple[str, str]]:
    if promise.because is Because.NOT_ASKED and promise.status is Status.UNKNOWN:
        yield "Not seen", f"no {_systems(claim, claims)} is configured for this tenant"
    if promise.coverage is Status.UNKNOWN and promise.because is not Because.NOT_ASKED:
        says = f"the sentence says {claim.quantifier!r}, and " if claim.quantifier else ""
        yield "Not seen", f"{says}{promise.answered:,} of {_many(promise.asked, 'source')} answered in full"
    if promise.coverage is Status.WARN:
        yield "Not seen", "some resources carry no tenant's tag, or several tenants'"
    for one in promise.silent:
        why = f": {one.operation}" if one.operation else ""
        name = claims.names.get(one.system, one.system)
        yield "Not seen", f"{_many(one.sources, 'source')} of {name} ({one.service}) {one.state}{why}"
    for refusal in promise.refusals:
        why = " ".join(filter(None, (refusal.kind, refusal.operation))) or "what was read does not tell"
        yield "Not seen", f"{refusal.findings:,} unknown: {why}"


def _held_back(promise: Promise) -> str:
    match promise.status:
        case Status.FAIL:
            return "does not hold: an exception of the policy is over, or approved by nobody"
        case Status.UNKNOWN if promise.coverage is Status.UNKNOWN:
            return "not known: not everything was looked at"
        case Status.UNKNOWN:
            return "not known: the evidence is too old, or was refused"
        case _ if promise.coverage is Status.WARN:
            return "holds, with reservations: it is not known whose some resources are"
    return "holds, with reservations: not all that enctop needs is in order"


def _unknown(promise: Promise, claim: Claim, claims: Claims) -> str:
    match promise.because:
        case Because.SILENT:
            return "what would tell has not answered"
        case Because.NOT_ASKED:
            return f"no {_systems(claim, claims)} is looked at here"
        case Because.PART:
            return "only a part of what there is was looked at"
    return "nothing of it was seen"


def _systems(claim: Claim, claims: Claims) -> str:
    names = [claims.names.get(system, system) for system in claim.systems]
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1] if names else "")))


def _of(some: int, all_: int, verb: str, alone: str = "") -> str:
    """`27 of 2,003 checks fail`, `the one check fails`."""
    alone = alone or f"{verb}s"
    return f"the one check {alone}" if all_ == 1 else f"{some:,} of {all_:,} checks {alone if some == 1 else verb}"


def _many(many: int, noun: str) -> str:
    return f"{many:,} {noun}" if many == 1 else f"{many:,} {noun}s"
