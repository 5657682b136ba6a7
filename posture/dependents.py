"""What depends on a resource, directly and through others: what a failure of it reaches."""

from collections.abc import Iterator
from heapq import nsmallest
from typing import NamedTuple

from posture.chain import machine_of
from posture.entry import Entry
from posture.model import Model
from posture.rollup import OWN, tenants_of
from posture.verdict import Status

MOST_WALKED = 150_000
"""Resources that are looked at for one question; about half a second."""
MOST_CHILDREN = 12
"""Dependents of one that are listed below it; of the resource that is asked about, as many as are asked for."""
MOST_LINES = 1000
"""Lines of the tree, beyond what depends on the resource directly."""
MOST_DEPTH = 12
STEP = 2000
"""Resources looked at between two turns of the loop."""
_FRAMES = frozenset(
    {"aws.account", "aws.ec2.region", "aws.eks.cluster", "gcp.project", "k8s.cluster", "k8s.storageclass"}
)
"""Types of what others are in, or are made by: they do not fail with a key that they name for what is to come."""


class Branch(NamedTuple):
    """A line of the tree.

    `depth` counts from 1, for what depends on the resource directly. `worst` is the worst status of it and of all that
    depends on it, `direct` how many depend on it directly. `again` says that those are listed above already.
    """

    depth: int
    entry: Entry
    worst: Status
    direct: int
    again: bool


class Dependents:
    """Everything that depends on a resource, by id, once `walk` is done; `whole` is False where there is more than
    `MOST_WALKED`.
    """

    def __init__(self, model: Model, root: Entry, most: int = MOST_WALKED) -> None:
        self.root = root
        self.found: dict[str, Entry] = {}
        self.whole = True
        self._model, self._most = model, most
        self._users: dict[str, list[str]] = {}
        self._found_by: dict[str, str] = {}
        self._used_too: dict[str, list[str]] = {}
        self._worst: dict[str, Status] = {}

    def walk(self) -> Iterator[None]:
        """Look at everything, in steps between which the model may move."""
        root = self.root.resource.id
        waiting = [(root, self.root)]
        looked = 0
        for name, entry in waiting:  # grows while it is gone through
            if name != root and entry.resource.type in _FRAMES:
                continue
            for user in _names(self._model, entry):
                looked += 1
                if looked % STEP == 0:
                    yield
                held = self._model.entry(user)
                if held is not None and self._depends(held, entry) and self._take(held, name):
                    waiting.append((held.resource.id, held))
        self._roll_up()

    @property
    def worst(self) -> Status:
        """Of the resource itself and of all that depends on it; UNKNOWN at best where not all were looked at."""
        found = self._worst[self.root.resource.id]
        return found if self.whole else min(found, Status.UNKNOWN)

    @property
    def direct(self) -> int:
        """How many depend on the resource directly."""
        return self._direct(self.root.resource.id)

    def tallies(self) -> dict[tuple[str, str], list[int]]:
        """How many of each (kind, type) stand at each status, indexed by `Status`; in no order."""
        counts: dict[tuple[str, str], list[int]] = {}
        for entry in self.found.values():
            counts.setdefault((entry.resource.kind, entry.resource.type), [0] * len(Status))[entry.status] += 1
        return counts

    def tenants(self) -> list[str]:
        """Whose they are."""
        shared = {entry.resource.tenant for entry in self.found.values()}
        return sorted({tenant for names in shared for tenant in tenants_of(names)})

    def tree(self, most: int) -> list[Branch]:
        """The tree in the order of its lines, the worst first; `most` of those that depend on the resource directly."""
        lines: list[Branch] = []
        listed = {self.root.resource.id}
        self._list(self.root.resource.id, 1, most, lines, listed, most + MOST_LINES)
        return lines

    @staticmethod
    def _depends(user: Entry, on: Entry) -> bool:
        """A volume is its machine's, and not the machine the volume's."""
        machine = on.resource.kind == "workload" and user.resource.kind == "volume"
        return user is not on and not machine and user.resource.provider != OWN

    def _take(self, held: Entry, on: str) -> bool:
        """Note that a resource depends on another; says whether it was not known before."""
        user, fresh = held.resource.id, False
        if user in self.found or user == self.root.resource.id:
            others = self._used_too.setdefault(user, [])
            if self._found_by.get(user) == on or (others and others[-1] == on):
                return False
            others.append(on)
        elif len(self.found) < self._most:
            self.found[user], self._found_by[user], fresh = held, on, True
        else:
            self.whole = False
            return False
        self._users.setdefault(on, []).append(user)
        return fresh

    def _roll_up(self) -> None:
        """The worst status is taken down to all that it depends on, once for each link; links may run in a circle."""
        by_status: list[list[str]] = [[] for _ in Status]
        by_status[self.root.status].append(self.root.resource.id)
        for name, entry in self.found.items():
            by_status[entry.status].append(name)
        worst, found_by, used_too = self._worst, self._found_by, self._used_too
        for status in Status:
            waiting = by_status[status]
            for name in waiting:
                if name not in worst:
                    worst[name] = status
                    if name in found_by:
                        waiting.append(found_by[name])
                    if name in used_too:
                        waiting += used_too[name]

    def _direct(self, name: str) -> int:
        users = self._users.get(name, ())
        return len(users) - (self.root.resource.id in users)

    def _rank(self, name: str) -> tuple[int, int, int, str, str]:
        entry = self.found[name]
        return self._worst[name], entry.status, -self._direct(name), entry.resource.name, name

    def _list(self, name: str, depth: int, most: int, lines: list[Branch], listed: set[str], room: int) -> None:
        users = [user for user in self._users.get(name, ()) if user in self.found]
        for user in nsmallest(most, users, key=self._rank):
            again, direct = user in listed, self._direct(user)
            lines.append(Branch(depth, self.found[user], self._worst[user], direct, again and direct > 0))
            if not again and len(lines) < room and depth < MOST_DEPTH:
                listed.add(user)
                self._list(user, depth + 1, MOST_CHILDREN, lines, listed, room)


def _names(model: Model, entry: Entry) -> list[str]:
    """Ids of what may depend on a resource directly: what points at it, and the machine a volume is attached to."""
    names, machine = list(model.links.users(entry.resource)), machine_of(model, entry.resource)
    return names if machine is None else [*names, machine]
