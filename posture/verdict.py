"""What a control says of one resource, and the finding that is kept of it."""

from collections.abc import Iterable, Mapping
from enum import IntEnum, StrEnum
from typing import Any, Literal, get_args

import msgspec

from posture.clock import Utc
from posture.fault import Fault


class Status(IntEnum):
    """Worst first, so that the least is the roll-up."""

    FAIL = 0
    UNKNOWN = 1
    WARN = 2
    PASS = 3
    NOT_APPLICABLE = 4

    @property
    def word(self) -> "StatusWord":
        """As filters and snapshots spell it: `not_applicable`."""
        return _STATUS_WORDS[self]


def worst(statuses: Iterable[Status]) -> Status:
    """The roll-up of a group; NOT_APPLICABLE for an empty one, never PASS."""
    return min(statuses, default=Status.NOT_APPLICABLE)


class Severity(IntEnum):
    """For a person on call, worst first."""

    CRITICAL = 0
    HIGH = 1
    MEDIUM = 2
    LOW = 3
    INFO = 4

    @property
    def word(self) -> "SeverityWord":
        """As data files and snapshots spell it: `critical`."""
        return _SEVERITY_WORDS[self]


# Looked up, since Enum.name costs a microsecond and there is a word to say for every finding of a snapshot.
StatusWord = Literal["fail", "unknown", "warn", "pass", "not_applicable"]
SeverityWord = Literal["critical", "high", "medium", "low", "info"]
_STATUS_WORDS: tuple[StatusWord, ...] = get_args(StatusWord)
_SEVERITY_WORDS: tuple[SeverityWord, ...] = get_args(SeverityWord)


class EvidenceClass(StrEnum):
    """Read from the resource, taken on somebody's word, or derived."""

    OBSERVED = "observed"
    ATTESTED = "attested"
    INFERRED = "inferred"


class Verdict(msgspec.Struct, frozen=True):
    """A control's answer. `valid_until` is when time alone would change it (UTC seconds), None if only new facts
    can. `cause` is the id of the resource that explains it, as a dying key explains what is said of its volumes; empty
    where it explains itself.
    """

    status: Status
    reason: str
    evidence: Mapping[str, Any] = {}
    valid_until: Utc | None = None
    fault: Fault | None = None
    evidence_class: EvidenceClass | None = None
    cause: str = ""


class Gap(msgspec.Struct, frozen=True, gc=False):
    """A time in which a finding was UNKNOWN: from `begins` to `ends` (UTC seconds; None: it still is). Before it the
    status was `status`, since `since`.
    """

    status: Status
    since: Utc
    begins: Utc
    ends: Utc | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A control's verdict on one resource, as kept and shown.

    `since` is when this status began (UTC seconds): what is the same before and after a time of UNKNOWN began before
    it, and `gap` is the last such time. `cause` is what explains it where it does not explain itself
    (`posture.problems.cause_of`).
    """

    control: str
    resource: str
    tenant: str
    status: Status
    severity: Severity
    evidence_class: EvidenceClass
    reason: str
    evidence: Mapping[str, Any]
    since: Utc
    fault: Fault | None = None
    exception: "Excepted | None" = None
    gap: Gap | None = None
    cause: str = ""

    @property
    def root(self) -> str:
        """What explains it, which may be the resource itself."""
        return self.cause or self.resource


class Excepted(msgspec.Struct, frozen=True):
    """The exception that turned a FAIL into a WARN: until when (UTC date, `2027-01-31`), why, on whose word."""

    until: str
    reason: str
    approved_by: str


def passed(
    reason: str, evidence: Mapping[str, Any] | None = None, *, until: Utc | None = None, by: EvidenceClass | None = None
) -> Verdict:
    """As promised."""
    return Verdict(Status.PASS, reason, evidence or {}, until, None, by)


def failed(reason: str, evidence: Mapping[str, Any] | None = None, *, until: Utc | None = None) -> Verdict:
    """The evidence contradicts the promise or the tenant's policy."""
    return Verdict(Status.FAIL, reason, evidence or {}, until)


def warned(
    reason: str, evidence: Mapping[str, Any] | None = None, *, until: Utc | None = None, by: EvidenceClass | None = None
) -> Verdict:
    """As promised, but fragile, partial, ageing or outside the document's letter."""
    return Verdict(Status.WARN, reason, evidence or {}, until, None, by)


def unknown(reason: str, fault: Fault | None = None, evidence: Mapping[str, Any] | None = None) -> Verdict:
    """There is not an answer; `fault` says why where a call was refused."""
    return Verdict(Status.UNKNOWN, reason, evidence or {}, None, fault)


def unanswered(fault: Fault) -> Verdict:
    """UNKNOWN because this call was refused."""
    return Verdict(Status.UNKNOWN, str(fault), {}, None, fault)


def not_applicable(reason: str, evidence: Mapping[str, Any] | None = None) -> Verdict:
    """The question does not arise here, for a reason that was seen."""
    return Verdict(Status.NOT_APPLICABLE, reason, evidence or {})


def because(verdict: Verdict, cause: str) -> Verdict:
    """The verdict with what explains it, where there is something to explain and no other cause is told."""
    return verdict if verdict.status >= Status.PASS or verdict.cause else msgspec.structs.replace(verdict, cause=cause)


def shown(finding: Finding) -> bool:
    """Whether the Findings view lists it."""
    return shown_status(finding.status)


def shown_status(status: int) -> bool:
    """FAIL, UNKNOWN and WARN are listed."""
    return status < Status.PASS
