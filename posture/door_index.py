"""The doors of every tenant, kept as resources come and go: each once, with all that name it."""

from collections import Counter
from collections.abc import Collection, Mapping, Set

import msgspec

from posture.doors import FINDERS, Door, Unasked, doors_of
from posture.entry import tenant_id
from posture.resource import Resource
from posture.rollup import tenants_of

ENDPOINT = "tls.endpoint"
DISCOVERY = "discovery"
"""Who named an endpoint that is asked because it was found (`NamedBy`)."""

_CONCERNED = FINDERS | {ENDPOINT}
_NOTHING: frozenset[str] = frozenset()


class FoundDoor(msgspec.Struct, frozen=True):
    """One door of a tenant. `finders` are (id of what speaks for it, what a person calls that), by id; `unasked` why
    it is never asked by itself: None where one of those that name it says that it may be.
    """

    host: str
    port: int
    finders: tuple[tuple[str, str], ...]
    unasked: Unasked | None


class Found(msgspec.Struct, frozen=True):
    """How many doors of a tenant were found, how many of those are asked, and why the others are not: `Unasked` ->
    number, those that only nobody asks under the empty word.
    """

    doors: int = 0
    probed: int = 0
    unasked: Mapping[str, int] = {}


class DoorIndex:
    """Who names which door, by tenant and the id of its endpoint."""

    def __init__(self) -> None:
        self._named: dict[str, tuple[list[str], tuple[Door, ...]]] = {}
        """Resource -> its tenants, and the doors that it names."""
        self._doors: dict[str, dict[str, dict[str, Door]]] = {}
        """Tenant -> endpoint -> resource -> the door as that names it."""
        self._asked: set[str] = set()
        self._merged: dict[str, dict[str, FoundDoor]] = {}
        self._found: dict[str, Found] = {}

    def replace(self, old: Resource | None, new: Resource | None) -> Set[str]:
        """Take `old` out and put `new` in; returns the ids of the tenants whose doors moved."""
        if (old is None or old.type not in _CONCERNED) and (new is None or new.type not in _CONCERNED):
            return _NOTHING  # as nearly all of it
        moved: set[str] = set()
        if old is not None and old.type in FINDERS:
            moved |= self._take_out(old.id)
        if new is not None and new.type in FINDERS:
            moved |= self._put_in(new)
        for resource, step in ((old, self._asked.discard), (new, self._asked.add)):
            if resource is not None and resource.type == ENDPOINT:
                step(resource.id)
                if old is None or new is None:
                    moved |= {tenant for tenant, doors in self._doors.items() if resource.id in doors}
        for tenant in moved:
            self._found.pop(tenant, None)
            self._merged.pop(tenant, None)
        return set(map(tenant_id, moved))

    def of(self, tenant: str) -> Mapping[str, FoundDoor]:
        """The doors of a tenant by the ids of their endpoints, in the order of these."""
        known = self._merged.get(tenant)
        if known is None:
            doors = sorted(self._doors.get(tenant, {}).items())
            known = self._merged[tenant] = {id: _merged(held.values()) for id, held in doors}
        return known

    def found(self, tenant: str) -> Found:
        """How many there are."""
        known = self._found.get(tenant)
        if known is None:
            known = self._found[tenant] = self._count(tenant)
        return known

    def _count(self, tenant: str) -> Found:
        doors = self._doors.get(tenant, {})
        probed = sum(id in self._asked for id in doors)
        why = Counter(_unasked(held.values()) or "" for id, held in doors.items() if id not in self._asked)
        return Found(len(doors), probed, dict(sorted(why.items())))

    def _take_out(self, resource_id: str) -> set[str]:
        tenants, doors = self._named.pop(resource_id, ([], ()))
        for tenant in tenants:
            held = self._doors[tenant]
            for door in doors:
                del held[door.id][resource_id]
                if not held[door.id]:
                    del held[door.id]
            if not held:
                del self._doors[tenant]
        return set(tenants)

    def _put_in(self, resource: Resource) -> set[str]:
        doors = doors_of(resource)
        if not doors:
            return set()
        tenants = tenants_of(resource.tenant)
        self._named[resource.id] = tenants, doors
        for tenant in tenants:
            held = self._doors.setdefault(tenant, {})
            for door in doors:
                held.setdefault(door.id, {})[resource.id] = door
        return set(tenants)


def _merged(doors: Collection[Door]) -> FoundDoor:
    first = next(iter(doors))
    finders = dict(sorted((door.finder, door.where) for door in doors))
    return FoundDoor(first.host, first.port, tuple(finders.items()), _unasked(doors))


def _unasked(doors: Collection[Door]) -> Unasked | None:
    """Why nobody asks a door: the first reason, where none of those that name it says that it may be asked."""
    reasons = [door.unasked for door in doors]
    return None if None in reasons else min(filter(None, reasons))
