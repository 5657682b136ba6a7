"""What depends on a resource, and the chain that it is part of, as a viewer is told."""

from collections.abc import Generator, Sequence
from heapq import nsmallest

from posture import dependents
from posture.chain import Step, chain
from posture.dependents import Dependents
from posture.entry import Entry
from posture.model import Model
from posture.verdict import Status
from providers.collector.frames import BlastRadius, Box, Branch, Linked

MOST_MEMBERS = 20
"""Resources that a box of a chain names."""
MOST_DIRECT = 5000
"""What a tree lists of all that depends directly on one resource."""
_TIERS = ("workload", "claim", "persistent-volume", "volume", "key", "key")
"""What stands in a tier, where nothing of it was seen."""


def boxes(model: Model, entry: Entry) -> tuple[Box, ...]:
    """The chain through a resource."""
    return tuple(_box(step, entry.resource.id) for step in chain(model, entry))


def linked(model: Model, rel: str, target: str) -> Linked:
    """The other end of a link."""
    entry = model.entry(target)
    return _linked(rel, target if entry is None else entry.resource.id, entry)


def blast_radius(model: Model, id: str, most: int) -> Generator[None, None, BlastRadius]:
    """What depends on a resource; looked at in steps, between which the model may move."""
    entry = model.entry(id)
    if entry is None:
        return BlastRadius(id, "", "", "", Status.NOT_APPLICABLE, Status.NOT_APPLICABLE, 0, 0, True, (), (), ())
    found, resource = Dependents(model, entry), entry.resource
    yield from found.walk()
    tallies = sorted((kind, type_, five(counts)) for (kind, type_), counts in found.tallies().items())
    lines = tuple(_branch(branch) for branch in found.tree(max(0, min(most, MOST_DIRECT))))
    return BlastRadius(
        id,
        resource.name,
        resource.kind,
        resource.type,
        entry.status,
        found.worst,
        found.direct,
        len(found.found),
        found.whole,
        tuple(found.tenants()),
        tuple(tallies),
        lines,
    )


def finished(steps: Generator[None, None, BlastRadius]) -> BlastRadius:
    """The answer, with all steps taken at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: BlastRadius = end.value
            return found


def five(counts: Sequence[int]) -> tuple[int, int, int, int, int]:
    """Counts by `Status`, as a frame has them."""
    first, second, third, fourth, fifth = counts
    return first, second, third, fourth, fifth


def _branch(branch: dependents.Branch) -> Branch:
    resource = branch.entry.resource
    return Branch(
        branch.depth,
        resource.id,
        resource.name,
        resource.kind,
        resource.type,
        resource.tenant,
        branch.entry.status,
        branch.worst,
        branch.direct,
        branch.again,
    )


def _box(step: Step, here: str) -> Box:
    worst_first = nsmallest(MOST_MEMBERS, step.held.items(), key=_rank)
    kinds = {entry.resource.kind for entry in step.held.values() if entry is not None} or {_TIERS[step.tier]}
    status = step.status
    return Box(
        tuple(sorted(kinds)),
        step.total,
        step.whole,
        status,
        sum((Status.UNKNOWN if entry is None else entry.status) is status for entry in step.held.values()),
        here in step.held,
        tuple(_linked("", id, entry) for id, entry in worst_first),
    )


def _rank(held: tuple[str, Entry | None]) -> tuple[int, str, str]:
    id, entry = held
    return (Status.UNKNOWN, id, id) if entry is None else (entry.status, entry.resource.name, id)


def _linked(rel: str, id: str, entry: Entry | None) -> Linked:
    if entry is None:
        return Linked(rel, id, id.rpartition(":")[2], "", None)
    return Linked(rel, id, entry.resource.name, entry.resource.kind, entry.status, entry.resource.type)
