"""Two snapshots side by side: which resource of one is which of the other, what of each is compared, and who did not
answer.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from posture.diff_entries import SideWord, Unseen, WhyWord
from posture.entry import tenant_id
from posture.fault import FilterError, SnapshotError
from posture.filter import Filter, parse
from posture.frozen import entries
from posture.rollup import OWN, tenants_of
from posture.snapshot import FindingEntry, ResourceEntry, Snapshot, chosen, selects
from posture.source import State

Key = tuple[str, str]
"""Resource, as NEW calls it, and control."""
LASTING = frozenset({"kind", "type", "provider", "scope", "region", "id"})
"""What a filter may ask for that a resource keeps: what such a filter does not find does not exist. A tenant is a tag,
which may be another tomorrow.
"""


class Why(NamedTuple):
    """Why something of one side is not compared (`LeftOut`)."""

    why: WhyWord
    name: str


class Snap:
    """One snapshot, to be looked up by id. `renamed` gives the id that NEW has for a resource of OLD."""

    def __init__(self, snapshot: Snapshot, word: SideWord, renamed: Mapping[str, str]) -> None:
        self.snapshot, self.word = snapshot, word
        self._by_own_id = {one.id: one for one in snapshot.resources}
        self.resources = {renamed.get(id, id): one for id, one in self._by_own_id.items()}
        self.findings: dict[Key, FindingEntry] = {
            (renamed.get(one.resource, one.resource), one.control): one for one in snapshot.findings
        }
        self.sources = {one.id: one for one in snapshot.sources}
        self.ids = self.resources.keys() | {resource for resource, _ in self.findings}
        """Those of tenants and sources, which have findings and are no resources, too."""
        self.filter = _read(snapshot, word)

    def entry(self, id: str) -> ResourceEntry | None:
        """A resource by the id that NEW has for it."""
        return self.resources.get(id)

    @cached_property
    def _of_resource(self) -> dict[str, list[FindingEntry]]:
        found: dict[str, list[FindingEntry]] = {}
        for (id, _), finding in sorted(self.findings.items(), key=lambda item: item[0]):
            found.setdefault(id, []).append(finding)
        return found

    # ------------------------------------------------------------ who did not answer

    def unseen(self, id: str, finding: FindingEntry | None, source: str) -> Unseen | None:
        """Who did not answer here, so that this finding is UNKNOWN, or is not here; None where that is not why.
        `source` is who reports the resource in the other one.
        """
        if finding is None:
            return self._absent(id, source)
        if finding.status != "unknown":
            return None
        entry, caused = self.entry(id), self._by_own_id.get(finding.cause)
        own = entry.source if entry is not None else id if id in self.sources else ""
        for name in (finding.cause, own, caused.source if caused is not None else ""):
            if name in self.sources and (found := self._silent(name)) is not None:
                return found
        if finding.fault is not None:
            return self._of_tenant(id, finding) or Unseen(self.word, own, finding.fault.kind.value)
        return (self.missing(own) if own else None) or self._of_tenant(id, finding)

    def explanation(self, id: str) -> Unseen | None:
        """Who did not answer here, so that something of a resource is not known."""
        entry = self.entry(id)
        if entry is not None and (found := self.missing(entry.source)) is not None:
            return found
        silent = (self.unseen(id, finding, "") for finding in self._of_resource.get(id, ()))
        return next((found for found in silent if found is not None), None)

    def missing(self, source: str) -> Unseen | None:
        """Who did not answer, so that a resource is not here that this source reports in the other one. What
        enctop makes itself, as the users of a tenant, has none.
        """
        if source in self.sources:
            return self._silent(source)
        return None if source.startswith(f"{OWN}://") else Unseen(self.word, source, None)

    def _absent(self, id: str, source: str) -> Unseen | None:
        if (entry := self.entry(id)) is not None:
            return self._silent(entry.source)
        return self.missing(source) if source else None

    def _silent(self, name: str) -> Unseen | None:
        source = self.sources.get(name)
        return None if source is None or source.state == State.OK.value else Unseen(self.word, name, source.state)

    def _of_tenant(self, id: str, finding: FindingEntry) -> Unseen | None:
        """What is said of a tenant as a whole hangs on all of its sources."""
        if id != tenant_id(finding.tenant):
            return None
        names = set(finding.tenant.split("+"))
        ours = (one.id for one in self.snapshot.sources if not names.isdisjoint(one.tenant.split("+")))
        return next((found for name in sorted(ours) if (found := self._silent(name)) is not None), None)


class Sides:
    """OLD and NEW, of what passes `query` and is of `tenants` in either. Raises `posture.fault.FilterError`."""

    def __init__(self, old: Snapshot, new: Snapshot, query: str = "", tenants: Collection[str] = ()) -> None:
        self.moved = moved(old.resources, new.resources)
        """Id in OLD -> id in NEW."""
        self.old, self.new = Snap(old, "old", self.moved), Snap(new, "new", {})
        self.id_before = {after: before for before, after in self.moved.items()}
        self._query, self._tenants = parse(query), frozenset(tenants)
        self._only: dict[SideWord, frozenset[str]] = {
            "old": frozenset(old.scope.tenants).difference(new.scope.tenants),
            "new": frozenset(new.scope.tenants).difference(old.scope.tenants),
        }
        self._wanted = self._passing(self.old, self._query) | self._passing(self.new, self._query)
        self._through = {
            "old": self._passing(self.old, self.new.filter),
            "new": self._passing(self.new, self.old.filter),
        }
        """Of each side what the filter of the other lets through."""
        self._unknown = {side.word: self._unknown_to_other(side) for side in (self.old, self.new)}

    def other(self, side: Snap) -> Snap:
        """The other one."""
        return self.new if side is self.old else self.old

    def looked_at(self, id: str, tenant: str) -> bool:
        """Whether a resource is among what was asked for."""
        return self.is_of(tenant) and (not self._query.terms or id in self._wanted)

    def is_of(self, tenant: str) -> bool:
        """Whether a tenant is among those that were asked for."""
        return not self._tenants or not self._tenants.isdisjoint(tenants_of(tenant, own=True))

    def is_in_both(self, side: Snap, tenant: str) -> bool:
        """Whether what a tenant of one side has is asked for in the other."""
        return not self._only[side.word].issuperset(tenant.split("+"))

    def why_not(self, side: Snap, id: str, tenant: str) -> Why | None:
        """Why a resource of one side is not compared; None where it is."""
        if not self.is_in_both(side, tenant):
            return Why("tenant", tenant)
        other = self.other(side)
        if other.filter.terms and id not in other.ids and id not in self._through[side.word]:
            return Why("filter", other.filter.text)
        return None

    def why_not_finding(self, side: Snap, key: Key, finding: FindingEntry) -> Why | None:
        """Why a finding of one side is not compared; None where it is."""
        if (why := self.why_not(side, key[0], finding.tenant)) is not None:
            return why
        other = self.other(side)
        if other.filter.terms and not chosen(other.filter, finding):
            return Why("filter", other.filter.text)
        return Why("control", finding.control) if finding.control in self._unknown[side.word] else None

    def in_question(self, side: Snap) -> bool:
        """Whether the filter of the other side asks for what can change: what is in this one only may exist there."""
        return any(term.field not in LASTING for term in self.other(side).filter.terms)

    def chosen(self, finding: FindingEntry) -> bool:
        """Whether a finding is of the controls that were asked for."""
        return not self._query.terms or chosen(self._query, finding)

    def _passing(self, side: Snap, wanted: Filter) -> set[str]:
        """The ids of what a filter selects; none for the empty one, which nobody asks."""
        if not wanted.terms:
            return set()
        renamed, passes = self.moved if side is self.old else {}, selects(wanted)
        ids = (entry.resource.id for entry in entries(side.snapshot) if passes(entry))
        return {renamed.get(id, id) for id in ids}

    def _unknown_to_other(self, side: Snap) -> set[str]:
        """The controls of one side that the version of the other does not know: it has seen what they judge, and has no
        such finding.
        """
        other = self.other(side)
        if side.snapshot.tool.version == other.snapshot.tool.version:
            return set()
        known = {control for _, control in other.findings}
        return {control for id, control in side.findings if control not in known and id in other.ids}


def moved(old: Sequence[ResourceEntry], new: Sequence[ResourceEntry]) -> dict[str, str]:
    """Resources that are the same under another id, from the id in OLD to that in NEW: where one id is an alias of the
    other, or both have the same alias but for upper and lower case, as ids of Azure have. Nothing is guessed: where
    there are two of them, none is.
    """
    before, after = {one.id for one in old}, {one.id for one in new}
    gone = {one.id: one for one in old if one.id not in after}
    added = {one.id: one for one in new if one.id not in before}
    if not gone or not added:
        return {}
    folded: dict[str, list[str]] = {}
    for one in gone.values():
        if one.id.lower() in one.aliases:
            folded.setdefault(one.id.lower(), []).append(one.id)
    pairs = {(alias, one.id) for one in added.values() for alias in one.aliases if alias in gone}
    pairs |= {(one.id, alias) for one in gone.values() for alias in one.aliases if alias in added}
    for one in added.values():
        if one.id.lower() in one.aliases:
            pairs |= {(id, one.id) for id in folded.get(one.id.lower(), ())}
    same = [pair for pair in sorted(pairs) if gone[pair[0]].type == added[pair[1]].type]
    times = Counter(id for pair in same for id in pair)
    return {before: after for before, after in same if times[before] == times[after] == 1}


def _read(snapshot: Snapshot, word: SideWord) -> Filter:
    try:
        return parse(snapshot.scope.filter or "")
    except FilterError as error:
        raise SnapshotError(f"{word.upper()} was taken through a filter that cannot be read: {error}") from None
