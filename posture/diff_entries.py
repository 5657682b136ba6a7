"""What `enctop.diff/1` holds: each kind of change, and how many there are (`posture.diff`)."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from posture.snapshot import EncryptionEntry, StateWord, Time
from posture.verdict import Excepted, SeverityWord, StatusWord

SideWord = Literal["old", "new"]
WhyWord = Literal["tenant", "filter", "control"]
Direction = Literal["worse", "better", "other", "not_seen"]
What = Literal["added", "gone", "entered", "left", "not_seen", "renamed", "moved", "reassigned"]


class Side(msgspec.Struct):
    """One of the two snapshots. `resources` and `findings` are all that it holds."""

    generated_at: Time
    version: str
    tenants: list[str]
    filter: str | None
    simulated: bool
    complete: bool
    resources: int
    findings: int


class LeftOut(msgspec.Struct):
    """What only the side `only` was asked for: a `tenant`, what the `filter` of the other does not let through, or a
    `control` that the other version does not know; `name` is which. Not compared; `fails` are the FAILs among its
    findings.
    """

    why: WhyWord
    name: str
    only: SideWord
    resources: int
    findings: int
    fails: int


class Unseen(msgspec.Struct, frozen=True):
    """Who did not answer in which of the two: a source, and its state there; null: there was no such source. Where one
    read was refused, the state is the kind of that refusal, and `source` is empty
    where it is about no resource.
    """

    side: SideWord
    source: str
    state: StateWord | None


class SourceChange(msgspec.Struct, kw_only=True):
    """A source whose state is another; null where there is no such source. `error` is what NEW says of it."""

    id: str
    tenant: str
    before: StateWord | None
    after: StateWord | None
    error: str


class ResourceChange(msgspec.Struct, kw_only=True):
    """A resource that is in one of the two only, or has another name, id or tenant; `before` is the old one of that.

    `entered` and `left`: it is in one only, and the filter that the other was taken through may be why, since it asks
    for what can change. `moved`: one of the two ids is an alias of the other. `status` is that of NEW, or the last.
    """

    id: str
    kind: str
    type: str
    name: str
    tenant: str
    what: What
    status: StatusWord
    before: str | None = None
    unseen: Unseen | None = None


class EncryptionChange(msgspec.Struct, kw_only=True):
    """A resource that is encrypted otherwise; null where a snapshot says nothing of it. `unseen` where one of the two
    does not know, because somebody did not answer.
    """

    id: str
    name: str
    tenant: str
    before: EncryptionEntry | None
    after: EncryptionEntry | None
    unseen: Unseen | None = None


class ExceptionChange(msgspec.Struct, kw_only=True):
    """An exception that turns a FAIL into a WARN now, does so no more, or has other words."""

    control: str
    resource: str
    tenant: str
    what: Literal["began", "ended", "changed"]
    before: Excepted | None
    after: Excepted | None


class VerdictChange(msgspec.Struct, kw_only=True, rename={"before": "from", "after": "to"}):
    """A control that judges a resource otherwise; null where a snapshot has no such finding. `id_before` is the
    resource's id in OLD, where that is another.

    `worse`: to FAIL, to WARN from PASS or not_applicable, to UNKNOWN from PASS or WARN. `better`: from FAIL or WARN to
    something better of the three, and not by an exception. `not_seen`: to or from UNKNOWN or nothing, because somebody
    did not answer (`unseen`). All else is `other`; what exists no more is not better.
    """

    control: str
    resource: str
    name: str
    tenant: str
    severity: SeverityWord
    before: StatusWord | None
    after: StatusWord | None
    direction: Direction
    reason_before: str | None
    reason_after: str | None
    unseen: Unseen | None = None
    id_before: str | None = None


class Tally(msgspec.Struct):
    """Verdicts by direction. `new_fails` are those to FAIL. `gained` counts by what verdicts became, of those that were
    seen in both and of all new FAILs; `lost` by what they were, of those that were seen in both and are there still.
    """

    worse: int = 0
    better: int = 0
    other: int = 0
    not_seen: int = 0
    new_fails: int = 0
    gained: dict[str, int] = {}
    lost: dict[str, int] = {}

    @property
    def total(self) -> int:
        """All of them."""
        return self.worse + self.better + self.other + self.not_seen

    def add(self, change: VerdictChange) -> None:
        """Count one more."""
        setattr(self, change.direction, getattr(self, change.direction) + 1)
        self.new_fails += is_new_fail(change)
        seen = change.direction != "not_seen"
        if change.after is not None and (seen or is_new_fail(change)):
            self.gained[change.after] = self.gained.get(change.after, 0) + 1
        if change.before is not None and change.after is not None and seen:
            self.lost[change.before] = self.lost.get(change.before, 0) + 1


class Summary(msgspec.Struct):
    """How many of each; what tenants share counts for each of them."""

    verdicts: Tally
    tenants: dict[str, Tally]
    resources: dict[What, int]
    sources: int
    encryption: int
    exceptions: int


class Diff(msgspec.Struct):
    """From OLD to NEW, in the order of ids. `filter` and `tenants` are what it was narrowed to: a resource counts where
    it passes in either.
    """

    schema: Literal["enctop.diff/1"]
    old: Side
    new: Side
    filter: str | None
    tenants: list[str]
    summary: Summary
    left_out: list[LeftOut]
    sources: list[SourceChange]
    resources: list[ResourceChange]
    encryption: list[EncryptionChange]
    exceptions: list[ExceptionChange]
    verdicts: list[VerdictChange]

    @property
    def changes(self) -> int:
        """All that changed; what is left out is none of it."""
        lists: Sequence[Sequence[object]] = (
            self.sources,
            self.resources,
            self.encryption,
            self.exceptions,
            self.verdicts,
        )
        return sum(map(len, lists))


def is_new_fail(change: VerdictChange) -> bool:
    """Whether it is a FAIL that OLD does not have, whether or not it would have been seen there."""
    return change.after == "fail"


def is_worse(change: VerdictChange) -> bool:
    """Whether it is worse, or a FAIL that nobody saw before."""
    return change.direction == "worse" or is_new_fail(change)
