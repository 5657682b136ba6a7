"""What changed between two snapshots: `enctop.diff/1` (README, `enctop schema diff`).

What a source did not answer in one of the two is `not_seen`: neither better nor worse, added nor gone. What only one of
them was asked for (another filter, other tenants, a control that the other version does not know) is no change: it is
counted in `left_out`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec

from posture import diff_entries
from posture.diff_entries import (
    Diff,
    Direction,
    EncryptionChange,
    ExceptionChange,
    LeftOut,
    ResourceChange,
    SideWord,
    SourceChange,
    Summary,
    Tally,
    Unseen,
    VerdictChange,
    What,
    is_new_fail,
    is_worse,
)
from posture.diff_sides import Key, Sides, Snap, Why, moved
from posture.resource import KeyClass
from posture.rollup import tenants_of
from posture.snapshot import EncryptionEntry, FindingEntry, ResourceEntry, Snapshot

SCHEMA = "enctop.diff/1"
FailOn = Literal["worse", "new-fail", "any"]
_WORSE = {("pass", "warn"), ("not_applicable", "warn"), ("pass", "unknown"), ("warn", "unknown")}
"""Beside all that becomes FAIL."""
_BETTER = {("fail", "warn"), ("fail", "pass"), ("warn", "pass")}


def diff(old: Snapshot, new: Snapshot, *, query: str = "", tenants: Sequence[str] = ()) -> Diff:
    """What changed from `old` to `new`, of what passes a filter and is of these tenants (none: of all) in either.
    Raises `posture.fault.FilterError`, and `SnapshotError` where a snapshot was taken through a filter that cannot be
    read.
    """
    sides = Sides(old, new, query, tenants)
    left_out = _LeftOut()
    resources = sorted(_resources(sides, left_out), key=lambda one: (one.id, one.what))
    verdicts, exceptions = _verdicts(sides, left_out)
    sources = sorted(_sources(sides), key=lambda one: one.id)
    encryption = sorted(_encryption(sides), key=lambda one: one.id)
    tally, by_tenant = Tally(), dict[str, Tally]()
    for change in verdicts:
        tally.add(change)
        for name in tenants_of(change.tenant):
            by_tenant.setdefault(name, Tally()).add(change)
    return Diff(
        schema="enctop.diff/1",
        old=_side(old),
        new=_side(new),
        filter=query.strip() or None,
        tenants=sorted(set(tenants)),
        summary=Summary(
            verdicts=tally,
            tenants=dict(sorted(by_tenant.items())),
            resources=dict(sorted(Counter(one.what for one in resources).items())),
            sources=len(sources),
            encryption=len(encryption),
            exceptions=len(exceptions),
        ),
        left_out=left_out.told(),
        sources=sources,
        resources=resources,
        encryption=encryption,
        exceptions=exceptions,
        verdicts=verdicts,
    )


def new_fails(old: Snapshot, new: Snapshot) -> list[FindingEntry]:
    """The FAILs of `new` that `old` does not have, for whatever reason, in the order of `new`."""
    renamed = moved(old.resources, new.resources)
    known = {(renamed.get(one.resource, one.resource), one.control) for one in old.findings if one.status == "fail"}
    return [one for one in new.findings if one.status == "fail" and (one.resource, one.control) not in known]


def reached(made: Diff, fail_on: FailOn) -> int:
    """How many changes there are that a caller asked to be told of by the exit code."""
    match fail_on:
        case "worse":
            return sum(map(is_worse, made.verdicts))
        case "new-fail":
            return sum(map(is_new_fail, made.verdicts))
        case "any":
            return made.changes


def to_json(made: Diff) -> bytes:
    """As it is written: keys sorted, indented, a newline at the end."""
    return msgspec.json.format(msgspec.json.encode(made, order="sorted"), indent=2) + b"\n"


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a diff."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{SCHEMA.replace('/', ':')}",
        "title": SCHEMA,
        **msgspec.json.schema(Diff),
    }


# ---------------------------------------------------------------- parts


def _side(snapshot: Snapshot) -> diff_entries.Side:
    scope = snapshot.scope
    return diff_entries.Side(
        snapshot.generated_at,
        snapshot.tool.version,
        sorted(scope.tenants),
        scope.filter,
        scope.simulated,
        snapshot.complete,
        len(snapshot.resources),
        len(snapshot.findings),
    )


class _LeftOut:
    """Counts what only one side was asked for."""

    def __init__(self) -> None:
        self._counts: dict[tuple[Why, SideWord], list[int]] = {}

    def add(self, why: Why, side: Snap, finding: FindingEntry | None = None) -> None:
        """A resource, or a finding."""
        counts = self._counts.setdefault((why, side.word), [0, 0, 0])
        counts[0] += finding is None
        counts[1] += finding is not None
        counts[2] += finding is not None and finding.status == "fail"

    def told(self) -> list[LeftOut]:
        """All of it."""
        return [LeftOut(*why, side, *counts) for (why, side), counts in sorted(self._counts.items())]


def _sources(sides: Sides) -> Iterator[SourceChange]:
    old, new = sides.old.sources, sides.new.sources
    for id in old.keys() | new.keys():
        before, after = old.get(id), new.get(id)
        tenant = (after or old[id]).tenant
        states = before.state if before else None, after.state if after else None
        side = sides.new if after else sides.old
        if states[0] == states[1] or not sides.is_of(tenant) or not sides.is_in_both(side, tenant):
            continue
        error = str(after.error) if after and after.error else ""
        yield SourceChange(id=id, tenant=tenant, before=states[0], after=states[1], error=error)


def _resources(sides: Sides, left_out: _LeftOut) -> Iterator[ResourceChange]:
    old, new = sides.old.resources, sides.new.resources
    for id, entry in new.items():
        known = old.get(id)
        if not sides.looked_at(id, entry.tenant):
            continue
        if known is None:
            yield from _only(sides, sides.new, id, entry, left_out)
            continue
        if entry.id != known.id:
            yield _changed(entry, "moved", known.id)
        if entry.name != known.name:
            yield _changed(entry, "renamed", known.name)
        if entry.tenant != known.tenant:
            yield _changed(entry, "reassigned", known.tenant)
    for id, entry in old.items():
        if id not in new and sides.looked_at(id, entry.tenant):
            yield from _only(sides, sides.old, id, entry, left_out)


def _only(sides: Sides, side: Snap, id: str, entry: ResourceEntry, left_out: _LeftOut) -> Iterator[ResourceChange]:
    """A resource that is in one of the two."""
    if (why := sides.why_not(side, id, entry.tenant)) is not None:
        left_out.add(why, side)
        return
    new = side is sides.new
    what: What = "added" if new else "gone"
    if (unseen := sides.other(side).missing(entry.source)) is not None:
        what = "not_seen"
    elif sides.in_question(side):
        what = "entered" if new else "left"
    yield msgspec.structs.replace(_changed(entry, what, None), unseen=unseen)


def _changed(entry: ResourceEntry, what: What, before: str | None) -> ResourceChange:
    return ResourceChange(
        id=entry.id,
        kind=entry.kind,
        type=entry.type,
        name=entry.name,
        tenant=entry.tenant,
        what=what,
        status=entry.status,
        before=before,
    )


def _encryption(sides: Sides) -> Iterator[EncryptionChange]:
    for id, entry in sides.new.resources.items():
        known = sides.old.entry(id)
        if known is None or known.encryption == entry.encryption or not sides.looked_at(id, entry.tenant):
            continue
        unseen = None
        for side, one in ((sides.old, known), (sides.new, entry)):
            if unseen is None and _not_known(one.encryption):
                unseen = side.explanation(id)
        yield EncryptionChange(
            id=entry.id,
            name=entry.name,
            tenant=entry.tenant,
            before=known.encryption,
            after=entry.encryption,
            unseen=unseen,
        )


def _not_known(encryption: EncryptionEntry | None) -> bool:
    return encryption is None or encryption.at_rest is None or encryption.key_class is KeyClass.UNKNOWN


# ---------------------------------------------------------------- verdicts


def _verdicts(sides: Sides, left_out: _LeftOut) -> tuple[list[VerdictChange], list[ExceptionChange]]:
    verdicts, exceptions = [], []
    old, new = sides.old.findings, sides.new.findings
    moving = (key for key, after in new.items() if (before := old.get(key)) is None or not _same(before, after))
    for key in sorted([*moving, *(old.keys() - new.keys())]):
        before, after = old.get(key), new.get(key)
        shown = after or before
        assert shown is not None
        if not sides.looked_at(key[0], shown.tenant) or not sides.chosen(shown):
            continue
        if before is None or after is None:
            side = sides.old if after is None else sides.new
            if (why := sides.why_not_finding(side, key, shown)) is not None:
                left_out.add(why, side, shown)
                continue
        if (before and before.status) != (after and after.status):
            verdicts.append(_verdict(sides, key, before, after, shown))
        if (exception := _exception(before, after)) is not None:
            exceptions.append(exception)
    return verdicts, exceptions


def _same(before: FindingEntry, after: FindingEntry) -> bool:
    return before.status == after.status and before.exception == after.exception


def _verdict(
    sides: Sides, key: Key, before: FindingEntry | None, after: FindingEntry | None, shown: FindingEntry
) -> VerdictChange:
    id = key[0]
    entries = sides.old.entry(id), sides.new.entry(id)
    named = entries[1] or entries[0]
    source = named.source if named else ""
    seen = [(sides.old, before), (sides.new, after)]
    seen.sort(key=lambda one: one[1] is not None)  # that it is missing says more than that it is UNKNOWN
    unseen = next(filter(None, (side.unseen(id, finding, source) for side, finding in seen)), None)
    return VerdictChange(
        control=shown.control,
        resource=id,
        name=named.name if named else "",
        tenant=shown.tenant,
        severity=shown.severity,
        before=before.status if before else None,
        after=after.status if after else None,
        direction=_direction(before, after, unseen),
        reason_before=before.reason if before else None,
        reason_after=after.reason if after else None,
        unseen=unseen,
        id_before=sides.id_before.get(id),
    )


def _direction(before: FindingEntry | None, after: FindingEntry | None, unseen: Unseen | None) -> Direction:
    if unseen is not None:
        return "not_seen"
    if after is None:
        return "other"
    step = (before.status if before else "not_applicable", after.status)
    if after.status == "fail" or step in _WORSE:
        return "worse"
    excepted = after.exception is not None and before is not None and before.status == "fail"
    return "better" if step in _BETTER and not excepted else "other"


def _exception(before: FindingEntry | None, after: FindingEntry | None) -> ExceptionChange | None:
    """What is UNKNOWN, or not there any more, says nothing of an exception."""
    if after is None or after.status == "unknown" or (before is not None and before.status == "unknown"):
        return None
    old, new = before.exception if before else None, after.exception
    if old == new:
        return None
    return ExceptionChange(
        control=after.control,
        resource=after.resource,
        tenant=after.tenant,
        what="began" if old is None else "ended" if new is None else "changed",
        before=old,
        after=new,
    )
