"""How each sentence of the document stands for each tenant: the findings of the controls that verify it, rolled up.

A sentence is FAIL where one of those findings is. It is UNKNOWN where one is, where what would tell has not answered,
and where nobody asks though it is promised to every tenant; then WARN where one is. It is a PASS only where a resource
passes, and a sentence that speaks of everything there is (`all`, `always`, `any`, `every`) only if the inventory is
covered too. Controls of enctop itself (`meta.*`) hold a sentence back, and are no evidence for it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TypeVar

import msgspec

from posture.changes import Change
from posture.controls.claims import Claim, Claims
from posture.controls.reach import COVERAGE, Reach, is_evidence
from posture.controls.registry import claims
from posture.entry import Entry
from posture.fault import state_word
from posture.model import Model
from posture.rollup import OWN, tenants_of
from posture.source import ANSWERED, Source
from posture.verdict import EvidenceClass, Finding, Status, worst

T = TypeVar("T")

CLASSES = tuple(EvidenceClass)
"""`Promise.evidence` counts by these."""


class Because(StrEnum):
    """What decided the status of a sentence."""

    EVIDENCE = "evidence"
    """The findings of its controls."""
    CONDITION = "condition"
    """A control of enctop itself, such as the coverage of the inventory."""
    SILENT = "silent"
    """What would tell has not answered."""
    NOT_ASKED = "not-asked"
    """No system that it speaks of is configured."""
    NOTHING = "nothing"
    """All answered, and nothing that it speaks of was seen."""
    PART = "part"
    """Only a part is there: a snapshot that was taken through a filter."""


class Refusal(msgspec.Struct, frozen=True, order=True):
    """Findings that are UNKNOWN for the same reason: a fault's kind (empty: no call was refused) and the operation, as
    controls declare it; empty where none does.
    """

    kind: str
    operation: str
    findings: int


class Silent(msgspec.Struct, frozen=True, order=True):
    """Sources of one service that did not answer in full. `operation` as in `Refusal`."""

    system: str
    service: str
    state: str
    operation: str
    sources: int


class Check(msgspec.Struct, frozen=True):
    """How the findings of one control stand, indexed by `Status`."""

    control: str
    title: str
    findings: tuple[int, ...]


class Promise(msgspec.Struct, frozen=True):
    """How one sentence stands for one tenant.

    `findings` and `resources` are indexed by `Status`, and count what its controls judge; `evidence` counts by
    `CLASSES` those findings that apply; `checks` are the findings by control. `exceptions` are (last day, findings).
    `coverage` is how the inventory stands, None where the sentence does not ask for it; `asked` and `answered` count
    the tenant's sources.
    """

    sentence: str
    tenant: str
    status: Status
    because: Because
    findings: tuple[int, ...]
    resources: tuple[int, ...]
    evidence: tuple[int, ...]
    checks: tuple[Check, ...]
    exceptions: tuple[tuple[str, int], ...]
    refusals: tuple[Refusal, ...]
    silent: tuple[Silent, ...]
    coverage: Status | None
    asked: int
    answered: int


_Refused = tuple[str, str, str]
"""Control, kind of fault, operation."""
_From = tuple[str, str, str, str]
"""System, service, state and refused operation of a source."""


class _Share(msgspec.Struct, frozen=True, eq=False):
    """What each of thousands of resources adds to its tenants: its findings by control and slot (`_slot`), the worst of
    each sentence, its exceptions by control, and what was refused.
    """

    tenants: tuple[str, ...]
    findings: tuple[tuple[str, int], ...]
    resources: tuple[tuple[str, int], ...]
    exceptions: tuple[tuple[str, str], ...]
    refused: tuple[_Refused, ...]


class _Counts:
    """Of one tenant: how many resources have each share, and how its sources stand."""

    __slots__ = ("shares", "sources")

    def __init__(self) -> None:
        self.shares: Counter[_Share] = Counter()
        self.sources: Counter[_From] = Counter()


class Promises:
    """The sentences for every tenant of a model, followed as the model moves. `whole` is False for a model that holds
    only what a filter let through.
    """

    def __init__(self, model: Model, *, whole: bool = True) -> None:
        self._model, self._whole = model, whole
        self._claims = claims()
        self._reach = Reach(model.registry, self._claims)
        self._counts: dict[str, _Counts] = {}
        self._held: dict[str, _Share] = {}
        self._shares: dict[object, _Share] = {}  # there are few, and each is that of thousands of resources
        self._sources: dict[str, tuple[tuple[str, ...], _From]] = {}
        self._moved: set[str] = set()

    @classmethod
    def of(cls, model: Model, *, whole: bool = True) -> "Promises":
        """Those of a model as it stands."""
        made = cls(model, whole=whole)
        made.follow(Change(resources={entry.resource.id for entry in model.all()}, sources=set(model.sources)))
        return made

    @property
    def claims(self) -> Claims:
        """The sentences, in the order of the page."""
        return self._claims

    def controls(self, sentence: str) -> tuple[str, ...]:
        """The controls that verify a sentence."""
        return self._reach.controls[sentence]

    def tenants(self) -> list[str]:
        """The tenants of the policy, and whoever else has something, by name."""
        held = {name for name, counts in self._counts.items() if counts.shares}
        return sorted(held | set(self._model.policies))

    def follow(self, change: Change) -> None:
        """Take in what moved, settled."""
        model = self._model
        for name in change.gone:
            self._put(name, None)
        for name in change.resources:
            entry = model.entry(name)
            if entry is not None and entry.resource.id == name:
                self._put(name, self._share(entry))
        for name in change.sources_gone:
            self._put_source(name, None)
        for name in change.sources:
            self._put_source(name, model.sources.get(name))

    def moved(self) -> set[str]:
        """The tenants of which something may stand otherwise since the last call."""
        moved, self._moved = self._moved, set()
        return moved

    def of_tenant(self, tenant: str) -> tuple[Promise, ...]:
        """Every sentence, in the order of the page."""
        counts = self._counts.get(tenant, _Counts())
        seen = _Seen(counts, self._reach)
        return tuple(
            _promise(name, claim, tenant, seen, self._reach, whole=self._whole)
            for name, claim in self._claims.sentences.items()
        )

    # ------------------------------------------------------------ counting

    def _put(self, name: str, share: _Share | None) -> None:
        before = self._held.get(name)
        if share is before:
            return
        for one, step in ((before, -1), (share, 1)):
            if one is not None:
                for tenant in one.tenants:
                    _count(self._of(tenant).shares, one, step)
                self._moved.update(one.tenants)
        if share is None:
            del self._held[name]
        else:
            self._held[name] = share

    def _put_source(self, name: str, source: Source | None) -> None:
        before = self._sources.pop(name, None)
        if source is not None:
            told = self._reach.operation(source.fault.operation) if source.fault else ""
            system = self._claims.prefix(source.provider)
            stands = (system, source.service, state_word(source.state, source.fault), told)
            if source.state in ANSWERED:
                stands = (system, "", "", "")
            self._sources[name] = tuple(tenants_of(source.tenant, own=True)), stands
        after = self._sources.get(name)
        if before == after:
            return
        for one, step in ((before, -1), (after, 1)):
            tenants, stands = one or ((), ("", "", "", ""))
            for tenant in tenants:
                _count(self._of(tenant).sources, stands, step)
                self._moved.add(tenant)

    def _of(self, tenant: str) -> _Counts:
        if (counts := self._counts.get(tenant)) is None:
            counts = self._counts[tenant] = _Counts()
        return counts

    def _share(self, entry: Entry) -> _Share:
        own = entry.resource.provider == OWN
        shape: list[object] = [entry.resource.tenant, own]
        for finding in entry.findings.values():  # of all that moved; the hash of an Enum costs a microsecond
            shape += (finding.control, finding.status._value_, finding.evidence_class._value_)
            if finding.exception is not None:
                shape.append((finding.exception.until,))
            if finding.fault is not None:
                shape.append((finding.fault.kind._value_, self._reach.operation(finding.fault.operation)))
        key = tuple(shape)
        if (share := self._shares.get(key)) is None:
            share = self._shares[key] = self._made(entry, own=own)
        return share

    def _made(self, entry: Entry, *, own: bool) -> _Share:
        findings = entry.findings.values()
        evidence = [finding for finding in findings if is_evidence(finding.control)]
        statuses: dict[str, list[Status]] = {}
        for finding in () if own else evidence:
            for sentence in self._reach.sentences(finding.control):
                statuses.setdefault(sentence, []).append(finding.status)
        return _Share(
            tuple(tenants_of(entry.resource.tenant, own=own)),
            tuple((finding.control, _slot(finding)) for finding in findings),
            tuple((sentence, worst(some).value) for sentence, some in statuses.items()),
            tuple((finding.control, finding.exception.until) for finding in findings if finding.exception),
            tuple(self._refused(finding) for finding in evidence if finding.status is Status.UNKNOWN),
        )

    def _refused(self, finding: Finding) -> _Refused:
        fault = finding.fault
        if fault is None:
            return finding.control, "", ""
        return finding.control, fault.kind.value, self._reach.operation(fault.operation)


def _count(counter: Counter[T], what: T, step: int) -> None:
    counter[what] += step
    if not counter[what]:
        del counter[what]


def _slot(finding: Finding) -> int:
    return finding.status.value * len(CLASSES) + CLASSES.index(finding.evidence_class)


_WIDE, _NONE = len(CLASSES), Status.NOT_APPLICABLE
_SLOTS = len(Status) * _WIDE
_APPLYING, _STATUSES = _NONE.value * _WIDE, range(0, _SLOTS, _WIDE)
"""Where the slots of NOT_APPLICABLE begin, and those of each status."""


class _Seen:
    """The counts of one tenant, by control: `findings` by slot."""

    def __init__(self, counts: _Counts, reach: Reach) -> None:
        self.findings: dict[str, list[int]] = {}
        self.resources: Counter[tuple[str, int]] = Counter()
        self.exceptions: Counter[tuple[str, str]] = Counter()
        self.refused: Counter[_Refused] = Counter()
        for share, many in counts.shares.items():
            for control, slot in share.findings:
                self.findings.setdefault(control, [0] * _SLOTS)[slot] += many
            for sentence in share.resources:
                self.resources[sentence] += many
            for exception in share.exceptions:
                self.exceptions[exception] += many
            for refused in share.refused:
                self.refused[refused] += many
        self.checks = {
            control: Check(control, reach.titles[control], tuple(sum(slots[at : at + _WIDE]) for at in _STATUSES))
            for control, slots in self.findings.items()
        }
        self._worst = {
            control: next(status for status in Status if check.findings[status])
            for control, check in self.checks.items()
        }
        self.systems = {system for system, *_ in counts.sources}
        self.asked = sum(counts.sources.values())
        self.silent = [Silent(*one, many) for one, many in sorted(counts.sources.items()) if one[2]]
        self.answered = self.asked - sum(one.sources for one in self.silent)
        told = {operation for _, _, operation in self.refused}
        self.hiding = [(one, reach.hidden(one.system, one.operation)) for one in self.silent if not _told(one, told)]

    def evidence(self, control: str) -> tuple[int, ...]:
        """Those of a control's findings that apply, by `CLASSES`."""
        return tuple(sum(self.findings[control][first:_APPLYING:_WIDE]) for first in range(_WIDE))

    def worst(self, controls: Iterable[str]) -> Status:
        """The roll-up of some controls."""
        return min((self._worst[control] for control in controls if control in self._worst), default=_NONE)


def _told(silent: Silent, told: set[str]) -> bool:
    """Whether findings say already what was refused: single reads of what was listed."""
    return silent.state == "partial" and silent.operation != "" and silent.operation in told


def _promise(sentence: str, claim: Claim, tenant: str, seen: _Seen, reach: Reach, *, whole: bool) -> Promise:
    controls, evidence = reach.controls[sentence], reach.evidence[sentence]
    silent = tuple(one for one, hidden in seen.hiding if sentence in hidden)
    covered = seen.worst([COVERAGE]) if COVERAGE in seen.findings else Status.UNKNOWN
    asks = bool(claim.quantifier) or COVERAGE in controls
    status, because = _status(
        claim,
        evidence=seen.worst(evidence),
        condition=min(
            seen.worst(reach.conditions[sentence]),
            covered if asks else Status.NOT_APPLICABLE,
        ),
        asks=asks,
        asked=not claim.systems or _is_asked(claim, seen, evidence),
        seen=any(control in seen.findings for control in evidence),
        silent=bool(silent),
        whole=whole,
    )
    judged = [control for control in evidence if control in seen.findings]
    checks = tuple(seen.checks[control] for control in judged)
    return Promise(
        sentence=sentence,
        tenant=tenant,
        status=status,
        because=because,
        findings=tuple(map(sum, zip(*(check.findings for check in checks), strict=True))) or (0,) * len(Status),
        resources=tuple(seen.resources[sentence, status.value] for status in Status),
        evidence=tuple(map(sum, zip(*map(seen.evidence, judged), strict=True))) or (0,) * len(CLASSES),
        checks=checks,
        exceptions=_summed((until, many) for (control, until), many in seen.exceptions.items() if control in judged),
        refusals=_refusals(seen, judged),
        silent=silent,
        coverage=covered if asks else None,
        asked=seen.asked,
        answered=seen.answered,
    )


def _refusals(seen: _Seen, judged: Sequence[str]) -> tuple[Refusal, ...]:
    refused = (
        ((kind, operation), many) for (control, kind, operation), many in seen.refused.items() if control in judged
    )
    return tuple(Refusal(kind, operation, many) for (kind, operation), many in _summed(refused))


def _is_asked(claim: Claim, seen: _Seen, evidence: Iterable[str]) -> bool:
    """Whether a system that it speaks of is configured, or somebody attested what there is to say of it."""
    if any(system in seen.systems for system in claim.systems):
        return True
    return any(
        control.partition(".")[0] in claim.systems and seen.worst([control]) is not Status.NOT_APPLICABLE
        for control in evidence
    )


def _status(
    claim: Claim,
    *,
    evidence: Status,
    condition: Status,
    asks: bool,
    asked: bool,
    seen: bool,
    silent: bool,
    whole: bool,
) -> tuple[Status, Because]:
    """The status of a sentence, and what decided it. A FAIL that was seen is one whatever else is missing.

    `asks` says whether the inventory has to be covered, and `condition` how that and enctop itself stand.
    """
    if evidence is Status.FAIL:
        return Status.FAIL, Because.EVIDENCE
    if not whole:
        return Status.UNKNOWN, Because.PART
    if not asked and claim.everywhere:
        return Status.UNKNOWN, Because.NOT_ASKED
    if not asked and evidence is not Status.UNKNOWN:
        return Status.NOT_APPLICABLE, Because.NOT_ASKED
    for status in (Status.FAIL, Status.UNKNOWN, Status.WARN):
        if evidence is status:
            return status, Because.EVIDENCE
        if condition is status and (status is not Status.WARN or asks or evidence is Status.PASS):
            return status, Because.CONDITION
        if silent and status is Status.UNKNOWN:
            return status, Because.SILENT
    if seen:
        return evidence, Because.EVIDENCE
    return (Status.UNKNOWN if claim.everywhere else Status.NOT_APPLICABLE), Because.NOTHING


def _summed(pairs: Iterable[tuple[T, int]]) -> tuple[tuple[T, int], ...]:
    total: Counter[T] = Counter()
    for what, many in pairs:
        total[what] += many
    return tuple(sorted(total.items()))
