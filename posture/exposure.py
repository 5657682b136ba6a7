"""What the data of each workload stands on: whether any of it is plaintext, or encrypted with a key that is going."""

from enum import IntFlag

from posture.chain import DISK, KEY, SET, STORE, above, below, tier_in, usable
from posture.changes import Change
from posture.entry import Entry
from posture.model import Model
from posture.resource import Link, Resource
from posture.verdict import Status


class Exposure(IntFlag):
    """Of all that a workload stores: some of it is plaintext; some is under a key that is disabled or is being deleted;
    of some nobody knows; there is some at all.
    """

    PLAINTEXT = 1
    DYING_KEY = 2
    UNKNOWN = 4
    STORED = 8


PLAINTEXT, DYING_KEY, UNKNOWN, STORED = (flag.value for flag in Exposure)  # an operation on flags costs a microsecond


class Exposures:
    """The exposure of every workload of a model, followed as the model moves: what moved, and what stands on it, is
    looked at again, and nothing else.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._known: dict[str, int] = {}
        self._keys: dict[str, tuple[bool, tuple[Link, ...]]] = {}

    def of(self, workload: Entry) -> Exposure:
        """What is stored by a workload."""
        return Exposure(self._of(workload, 0))

    def follow(self, change: Change) -> set[str]:
        """Take in what moved; returns the workloads whose exposure may be another now. What is known of a resource was
        made with all that is below it, so that what nothing is known of changes nothing.
        """
        model, known, again = self._model, self._known, set[str]()
        for name in change.gone:
            known.pop(name, None)
            self._keys.pop(name, None)
        for name in change.resources:
            if name in known and (entry := model.entry(name)) is not None and self._moved(entry):
                tier = tier_in(model, entry.resource)
                self._forget(entry.resource, KEY if tier is None else tier, again)
        return again

    def _moved(self, entry: Entry) -> bool:
        """Of a key only whether it is going, and which key holds it, matters to its 100,000 users."""
        return entry.resource.kind != "key" or self._keys.get(entry.resource.id) != _state(entry)

    def _forget(self, resource: Resource, tier: int, again: set[str]) -> None:
        if self._known.pop(resource.id, None) is None:
            return
        if resource.kind == "workload":
            again.add(resource.id)
        for over, _, held in above(self._model, resource, tier):
            self._forget(held.resource, over, again)

    def _of(self, entry: Entry, tier: int) -> int:
        resource = entry.resource
        if (known := self._known.get(resource.id)) is not None:
            return known
        found, under = _own(entry, tier), False
        for number, _, held in below(self._model, resource, tier):
            under = True
            if number < SET:
                found |= STORED
            found |= UNKNOWN if held is None else self._of(held, number)
        if tier == DISK and not under:
            found |= UNKNOWN
        if tier >= SET:
            self._keys[resource.id] = _state(entry)
        self._known[resource.id] = found
        return found


def _state(entry: Entry) -> tuple[bool, tuple[Link, ...]]:
    return usable(entry) is Status.FAIL, entry.resource.links


def _own(entry: Entry, tier: int) -> int:
    if tier >= SET:
        return DYING_KEY if usable(entry) is Status.FAIL else 0
    if tier != STORE:
        return 0
    encryption = entry.resource.encryption
    match None if encryption is None else encryption.at_rest:
        case True:
            return 0
        case False:
            return PLAINTEXT
    return UNKNOWN
