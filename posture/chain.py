"""The chain that data stands on: workload, claim, persistent volume, volume, key; walked both ways along the links."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from posture.entry import Entry
from posture.kinds import kind_of
from posture.model import Model
from posture.resource import Resource
from posture.verdict import Status, worst

MOST_WALKED = 20_000
"""Resources that a chain looks at in each direction."""
CLAIM, DISK, STORE, SET, KEY = 1, 2, 3, 4, 5
"""The tiers below a workload, which is 0; what is used has a higher tier than what uses it."""
_TIERS: Mapping[str, int] = {
    "workload": 0,
    "claim": CLAIM,
    "persistent-volume": DISK,
    "volume": STORE,
    "bucket": STORE,
    "file-system": STORE,
}
_RELS: Mapping[str, int] = {"claim": CLAIM, "bucket": STORE, "filesystem": STORE, "key": KEY}
"""The tier of what was not seen, by the link that leads there; `volume` leads from a claim to a persistent volume and
from there to a volume.
"""

_Near = Callable[[Resource, int], Iterable[tuple[int, str, Entry | None]]]


class Step(NamedTuple):
    """One tier: every resource of it, by id, None where it was not seen. `total` counts those beyond `MOST_WALKED` too,
    where that is known; `whole` says that all were looked at.
    """

    tier: int
    held: dict[str, Entry | None]
    total: int
    whole: bool

    @property
    def status(self) -> Status:
        """The worst; UNKNOWN where one was not seen, or not looked at, and none fails."""
        told = worst(entry.status for entry in self.held.values() if entry is not None)
        unsure = not self.whole or None in self.held.values()
        return min(told, Status.UNKNOWN) if unsure else told


def tier_of(resource: Resource) -> int | None:
    """Where a resource stands in a chain, None for one that is no part of any. A key that is held by another (a disk
    encryption set) stands above that.
    """
    if resource.kind == "key":
        return KEY if resource.link("key") is None else SET
    return _TIERS.get(resource.kind)


def tier_in(model: Model, resource: Resource) -> int | None:
    """As `tier_of`; an account is a store where a persistent volume says that its share is in it."""
    if resource.kind == "account" and model.links.kinds(resource).get("persistent-volume"):
        return STORE
    return tier_of(resource)


def below(model: Model, resource: Resource, tier: int) -> Iterator[tuple[int, str, Entry | None]]:
    """What a resource of this tier stands on directly: (tier, id, entry; None where it was not seen)."""
    for link in resource.links:
        held = model.entry(link.to)
        if held is None:
            under = (DISK if tier < DISK else STORE) if link.rel == "volume" else _RELS.get(link.rel)
        elif held.resource.kind == "account":  # an account is no store, but for the shares that are in it
            under = STORE if link.rel == "filesystem" else None
        else:
            under = tier_of(held.resource)
        if under is not None and under > tier:
            yield under, link.to if held is None else held.resource.id, held
    if tier == 0:
        for user in model.links.users(resource):
            held = model.entry(user)
            if held is not None and machine_of(model, held.resource) == resource.id:
                yield STORE, user, held


def above(model: Model, resource: Resource, tier: int, most: int | None = None) -> Iterator[tuple[int, str, Entry]]:
    """What stands directly on a resource of this tier: (tier, id, entry), of `most` of its users."""
    for user in islice(model.links.users(resource), most):
        held = model.entry(user)
        if held is not None and (over := tier_of(held.resource)) is not None and over < tier:
            yield over, user, held
    if (machine := machine_of(model, resource)) is not None and (held := model.entry(machine)) is not None:
        yield 0, machine, held


def machine_of(model: Model, resource: Resource) -> str | None:
    """The id of the machine that a volume is attached to, where that was seen."""
    to = resource.link("machine") if resource.kind == "volume" else None
    held = None if to is None else model.entry(to)
    return held.resource.id if held is not None and held.resource.kind == "workload" else None


def chain(model: Model, entry: Entry, most: int = MOST_WALKED) -> tuple[Step, ...]:
    """The chain through a resource, from the workloads down; empty for one that is no part of any, or that has neither
    what it stands on nor what stands on it.
    """
    resource, links = entry.resource, model.links
    tier = tier_in(model, resource)
    if tier is None:
        return ()
    tiers: list[dict[str, Entry | None]] = [{} for _ in range(KEY + 1)]
    tiers[tier][resource.id] = entry
    down = _walk(tiers, range(tier, KEY + 1), lambda held, own: below(model, held, own), most)
    up = _walk(tiers, range(tier, -1, -1), lambda held, own: _users(model, held, own, most), most)
    up = up and all(links.count(each.resource) <= most for held in tiers[: tier + 1] for each in held.values() if each)
    direct = {} if up else links.kinds(resource)
    steps = []
    for number, held in enumerate(tiers):
        if held:
            known = sum(many for kind, many in direct.items() if _TIERS.get(kind) == number < tier)
            whole = number == tier or (down if number > tier else up)
            steps.append(Step(number, held, max(len(held), known), whole))
    return tuple(steps) if len(steps) > 1 else ()


def _users(model: Model, resource: Resource, tier: int, most: int) -> Iterable[tuple[int, str, Entry]]:
    """As `above`; a volume that a cluster uses is not also its machine's."""
    found = list(above(model, resource, tier, most))
    clustered = tier == STORE and any(over == DISK for over, _, _ in found)
    return [each for each in found if each[0]] if clustered else found


def _walk(tiers: list[dict[str, Entry | None]], order: Iterable[int], near: _Near, most: int) -> bool:
    """Fill the tiers in this order from what is in them; False where there is more than `most`."""
    walked = 0
    for tier in order:
        for held in list(tiers[tier].values()):
            for other, name, entry in near(held.resource, tier) if held is not None else ():
                if name in tiers[other]:
                    continue
                if walked >= most:
                    return False
                walked += 1
                tiers[other][name] = entry
    return True


def usable(entry: Entry) -> Status:
    """How the control judged that tells whether what is encrypted with this key can still be read (an exception changes
    what is done about a FAIL, not what was seen); NOT_APPLICABLE where none does.
    """
    names = kind_of(entry.resource.kind).usable
    found = [entry.findings[name] for name in names if name in entry.findings]
    return worst(Status.FAIL if finding.exception is not None else finding.status for finding in found)
