"""A resource with its verdicts, and how they are reached."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from posture.clock import Utc, age
from posture.fault import Fault, FaultKind
from posture.keyclass import key_class
from posture.kinds import cells_of
from posture.policy import Policy, shared
from posture.resource import KeyClass, Resource
from posture.rollup import OWN, Counted
from posture.source import STALE_CADENCES, Source
from posture.verdict import EvidenceClass, Finding, Gap, Severity, Status, Verdict, unknown, worst

if TYPE_CHECKING:
    from posture.controls.registry import Control, Registry
    from posture.model import Model

Statuses = Mapping[str, tuple[Status, Utc, Gap | None]]
"""Control -> status, `since` and `gap` of its finding in an earlier run."""
_TOLD = frozenset({Status.FAIL, Status.WARN, Status.PASS})

log = logging.getLogger(__name__)


class Entry:
    """One resource as the model keeps it: who reported it in which poll, when it was last seen (UTC seconds), and its
    findings by control.

    `not_in_last_poll` says that the last poll of its source went well elsewhere and did not see it: it is older than
    its source.
    """

    __slots__ = (
        "counted",
        "findings",
        "key_class",
        "not_in_last_poll",
        "observed_at",
        "poll",
        "resource",
        "source",
        "status",
        "users",
    )

    def __init__(self, resource: Resource, source: str, poll: int, observed_at: Utc) -> None:
        self.resource = resource
        self.source = source
        self.poll = poll
        self.observed_at = observed_at
        self.findings: dict[str, Finding] = {}
        self.status = Status.NOT_APPLICABLE
        self.key_class = KeyClass.UNKNOWN
        self.users = 0
        self.counted: Counted | None = None
        self.not_in_last_poll = False

    @classmethod
    def seen(cls, resource: Resource, source: str, observed_at: Utc, statuses_since: Statuses) -> Entry:
        """As it was seen in an earlier run, to be judged again.

        `statuses_since` is how its findings stood then; they keep their `since` if they stay so.
        """
        entry = cls(resource, source, 0, observed_at)
        entry.recall(statuses_since)
        return entry

    def recall(self, statuses_since: Statuses) -> None:
        """How the findings stood in an earlier run."""
        self.findings = {control: _stood(control, *before) for control, before in statuses_since.items()}

    def statuses_since(self) -> Statuses:
        """What `seen` needs of the findings."""
        return {control: (finding.status, finding.since, finding.gap) for control, finding in self.findings.items()}

    def rewind(self, now: Utc) -> None:
        """The clock ran ahead: it was not seen later than `now`, nor did a finding begin later."""
        self.observed_at = past(self.observed_at, now)
        for control, finding in self.findings.items():
            since, gap = past(finding.since, now), _closed(finding.gap, now)
            if (since, gap) != (finding.since, finding.gap):
                self.findings[control] = msgspec.structs.replace(finding, since=since, gap=gap)

    def worst(self) -> Finding | None:
        """The finding a row shows: of the worst status, the most severe."""
        return min(self.findings.values(), key=_rank, default=None)

    @property
    def since(self) -> Utc:
        """When its status began: with the first of the findings that have it."""
        return min(
            (finding.since for finding in self.findings.values() if finding.status is self.status),
            default=self.observed_at,
        )

    @property
    def cells(self) -> tuple[str, ...]:
        """The texts of the columns of its kind (`posture.kinds`)."""
        return cells_of(self.resource, self.findings)

    def appearance(self) -> object:
        """What a row, a finding and the roll-ups show of it: when this is equal, nothing on a screen moves."""
        return self.status, self.key_class, self.users, dict(self.findings)


def past(at: Utc, now: Utc) -> Utc:
    """A time that was noted; `now`, where it has not come yet or is none: the clock ran ahead, or somebody wrote it."""
    return at if 0 <= at <= now else now


def clamped(statuses_since: Statuses, now: Utc) -> Statuses:
    """How findings stood, with no time that has not come yet."""
    return {
        control: (status, past(since, now), _closed(gap, now))
        for control, (status, since, gap) in statuses_since.items()
    }


def _closed(gap: Gap | None, now: Utc) -> Gap | None:
    if gap is None:
        return None
    return _gap(
        gap.status, past(gap.since, now), past(gap.begins, now), None if gap.ends is None else past(gap.ends, now)
    )


@lru_cache(maxsize=4096)
def _stood(control: str, status: Status, since: Utc, gap: Gap | None) -> Finding:
    """What is known of a finding until it is judged anew, which is before anybody sees it; thousands of resources
    have the same.
    """
    return Finding(control, "", "", status, Severity.INFO, EvidenceClass.INFERRED, "", {}, since, None, None, gap)


def _rank(finding: Finding) -> tuple[int, int]:
    return finding.status, finding.severity


class ModelContext:
    """The model as the controls of one tenant's resources see it (`posture.controls.registry.Context`)."""

    def __init__(self, model: Model, policies: Sequence[Policy]) -> None:
        self._model = model
        self.policies = policies
        self.policy = shared(policies)

    @property
    def now(self) -> Utc:
        """The time of judging, UTC seconds."""
        return self._model.now

    def linked(self, resource: Resource, rel: str) -> Resource | None:
        """The resource at the other end of the link `rel`, where it was seen."""
        target = resource.link(rel)
        if target is None:
            return None
        entry = self._model.entry(target)
        return entry.resource if entry else None

    def users(self, resource: Resource) -> Iterator[Resource]:
        """Who points at this resource."""
        for user in self._model.links.users(resource):
            entry = self._model.entry(user)
            if entry is not None:
                yield entry.resource

    def count_users(self, resource: Resource) -> int:
        """How many point at this resource."""
        return self._model.links.count(resource)

    def count_kinds(self, resource: Resource) -> Mapping[str, int]:
        """How many of each kind point at this resource."""
        return self._model.links.kinds(resource)

    def sources(self, tenant: str) -> Iterable[Source]:
        """Every source of a tenant."""
        return [source for source in self._model.sources.values() if tenant in source.tenant.split("+")]

    def source(self, source_id: str) -> Source | None:
        """One source."""
        return self._model.sources.get(source_id)

    def unanswered(self, resource: Resource, asks: Callable[[str], bool]) -> Source | None:
        """The first source of its place, of a service that `asks`, which has not answered in full; asking is
        remembered (`Model.unanswered`).
        """
        return self._model.unanswered(resource, asks)

    def unassigned(self, tenant: str) -> int:
        """Resources that carry no tenant's tag in accounts this tenant shares."""
        return self._model.unassigned(tenant)


def stale_at(entry: Entry, source: Source) -> Utc:
    """When what was last seen of a resource stops being evidence (UTC seconds): it ages from its own reading,
    whatever became of the poll around it.
    """
    return entry.observed_at + STALE_CADENCES * source.cadence


def judge(entry: Entry, context: ModelContext, registry: Registry) -> Utc | None:
    """Judge every control of a resource anew; returns when time alone will change a verdict, None if never.

    A finding keeps its `since` while its status stays, or comes back after a time of UNKNOWN.
    """
    resource = entry.resource
    stale = resource.provider != OWN and _stale(entry, context)
    wake: Utc | None = None
    findings: dict[str, Finding] = {}
    for control in registry.for_type(resource.type):
        verdict = _asked(control, resource, context)
        if stale:
            verdict = stale_verdict(verdict, stale)
        finding, until = _finding(control, verdict, entry, context)
        findings[control.id] = finding
        if until is not None and (wake is None or until < wake):
            wake = until
    entry.findings = findings
    entry.status = worst(finding.status for finding in findings.values())
    entry.key_class = key_class(resource, context) if resource.encryption is not None else KeyClass.UNKNOWN
    entry.users = context.count_users(resource)
    return wake


def _stale(entry: Entry, context: ModelContext) -> Verdict | None:
    source = context.source(entry.source)
    if source is None:
        return unknown("nobody asks about it any more")
    if context.now < stale_at(entry, source):
        return None
    why = f": {source.fault}" if source.fault is not None else ""
    return unknown(f"not seen for over {age(STALE_CADENCES * source.cadence)}{why}", source.fault)


def stale_verdict(last: Verdict, stale: Verdict) -> Verdict:
    """The verdict on evidence that is too old: UNKNOWN, with what it would still say."""
    if last.status not in _TOLD:
        return stale
    return Verdict(
        Status.UNKNOWN,
        f"{stale.reason}; was {last.status.word}: {last.reason}",
        stale.evidence,
        last.valid_until,
        stale.fault,
    )


def _asked(control: Control, resource: Resource, context: ModelContext) -> Verdict:
    try:
        return control.judge(resource, context)
    except Exception as error:  # one control's defect must neither end the collector nor look like an answer
        log.exception("%s on %s", control.id, resource.id)
        fault = Fault(FaultKind.ERROR, type(error).__name__, control.id, "enctop failed while judging; see --log-file")
        return unknown("enctop failed while judging; see --log-file", fault)


def _finding(control: Control, verdict: Verdict, entry: Entry, context: ModelContext) -> tuple[Finding, Utc | None]:
    resource, exception = entry.resource, None
    if verdict.status is Status.FAIL and context.policy.exception:
        verdict, exception = context.policy.excused(control.id, resource.id, verdict, context.now)
    known = entry.findings.get(control.id)
    since, gap = _began(known, verdict.status, context.now)
    finding = Finding(
        control.id,
        resource.id,
        resource.tenant,
        verdict.status,
        context.policy.effective_severity(control.severity, excepted=exception is not None),
        verdict.evidence_class or control.evidence_class,
        verdict.reason,
        verdict.evidence,
        since,
        verdict.fault,
        exception,
        gap,
    )
    return (known if known == finding else finding), verdict.valid_until


def _began(known: Finding | None, status: Status, now: Utc) -> tuple[Utc, Gap | None]:
    """When this status began, and the last time in which it could not be told."""
    if known is None:
        return now, None
    if known.status is status:
        return known.since, known.gap
    if status is Status.UNKNOWN:
        return now, _gap(known.status, known.since, now, None)
    if known.gap is not None and known.gap.ends is None and known.gap.status is status:
        return known.gap.since, _gap(status, known.gap.since, known.gap.begins, now)
    return now, None


@lru_cache(maxsize=1024)
def _gap(status: Status, since: Utc, begins: Utc, ends: Utc | None) -> Gap:
    """One for the thousands of findings that a source's silence opens and closes together."""
    return Gap(status, since, begins, ends)
