"""What depends on a resource, held against counting by hand."""

from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.dependents import MOST_DEPTH, MOST_LINES, Dependents
from posture.model import Model
from posture.resource import Link, Resource
from posture.rollup import OWN
from posture.verdict import Status
from tests.posture.graphs import graphs, model_of
from tests.world import fleet
from tests.world.fleet import thing


def found(model: Model, name: str, most: int = 1000) -> Dependents:
    """All that depends on a resource."""
    entry = model.entry(name)
    assert entry is not None
    dependents = Dependents(model, entry, most)
    for _ in dependents.walk():
        pass
    return dependents


class ByHand:
    """Who depends on whom, from looking at every link there is."""

    def __init__(self, model: Model) -> None:
        self.own = {held.resource.id: held for held in model.all() if held.resource.provider != OWN}
        self.pairs: set[tuple[str, str]] = set()
        for resource in (held.resource for held in self.own.values()):
            for link in resource.links:
                if (target := model.entry(link.to)) is None or target.resource.id == resource.id:
                    continue
                if resource.kind != "volume" or target.resource.kind != "workload":
                    self.pairs.add((resource.id, target.resource.id))
                elif link.to == resource.link("machine"):
                    self.pairs.add((target.resource.id, resource.id))

    def direct(self, name: str, *, first: bool) -> set[str]:
        """What depends directly on a resource, from which one comes first or on the way."""
        ends = not first and self.own[name].resource.type in {"k8s.cluster", "k8s.storageclass"}
        return set() if ends else {user for user, on in self.pairs if on == name}

    def all(self, name: str) -> set[str]:
        """All that depends on it, by asking again until nothing is new."""
        told = self.direct(name, first=True)
        while more := {user for one in told for user in self.direct(one, first=one == name)} - told:
            told |= more
        return told - {name}


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_counts_statuses_and_tenants_are_those_that_counting_by_hand_gives(seen: list[Resource]) -> None:
    model = model_of(seen)
    by_hand = ByHand(model)
    for resource in seen:
        dependents, wanted = found(model, resource.id), by_hand.all(resource.id)
        assert set(dependents.found) == wanted
        assert dependents.whole
        held = [by_hand.own[name] for name in wanted]
        counts = Counter((one.resource.kind, one.resource.type, one.status) for one in held)
        assert {
            (*of, Status(number)): many
            for of, told in dependents.tallies().items()
            for number, many in enumerate(told)
            if many
        } == counts
        assert set(dependents.tenants()) == {name for one in held for name in one.resource.tenant.split("+")}
        assert dependents.direct == len(by_hand.direct(resource.id, first=True))
        assert dependents.worst == min(one.status for one in (by_hand.own[resource.id], *held))


@settings(max_examples=60, deadline=None)
@given(graphs(), st.integers(0, 9))
def test_the_tree_names_each_that_it_counts_and_its_worst_is_that_of_all_below_it(
    seen: list[Resource], most: int
) -> None:
    model = model_of(seen)
    by_hand = ByHand(model)
    for resource in seen:
        dependents = found(model, resource.id)
        lines = dependents.tree(most)
        top = [line for line in lines if line.depth == 1]
        assert len(top) == min(most, dependents.direct)
        assert [line.worst for line in top] == sorted(line.worst for line in top), "the worst first"
        if most >= dependents.direct:
            assert {line.entry.resource.id for line in lines} == set(dependents.found)
        trail = [resource.id]
        for line in lines:
            name = line.entry.resource.id
            trail[line.depth :] = [name]
            assert name in by_hand.direct(trail[line.depth - 1], first=line.depth == 1)
            below = by_hand.all(name) if line.entry.resource.type == "toy.thing" else set()
            if resource.type == "toy.thing" or resource.id not in below:
                assert line.worst == min(by_hand.own[one].status for one in below | {name})


def test_a_dying_key_reaches_the_volumes_sets_and_tenants_that_stand_on_it() -> None:
    model = model_of(fleet.on_aws())
    dependents = found(model, fleet.DYING)
    assert {kind: sum(many) for (kind, _), many in dependents.tallies().items()} == {
        "volume": 12,
        "persistent-volume": 12,
        "claim": 12,
        "workload": 4,
    }
    assert dependents.tenants() == ["acme", "beta"]
    assert dependents.worst is Status.FAIL


def test_a_key_that_a_class_names_does_not_take_the_classs_whole_cluster_with_it() -> None:
    old = thing("persistent-volume", "eks:old", ("class", "k8s://eks//storageclass/fast"))
    model = model_of([*fleet.on_aws(), old])
    names = set(found(model, fleet.GOOD).found)
    assert {"k8s://eks//storageclass/fast", "k8s://eks/acme/statefulset/web"} <= names
    assert not names & {"k8s://eks", old.id}
    assert old.id in found(model, "k8s://eks//storageclass/fast").found


def test_there_is_an_end_to_it_and_what_was_not_looked_at_is_not_green() -> None:
    things = [thing("claim", f"eks:c{number}", ("volume", "k8s://eks//persistentvolume/v")) for number in range(50)]
    model = model_of([thing("persistent-volume", "eks:v"), *things])
    dependents = found(model, "k8s://eks//persistentvolume/v", most=20)
    assert (len(dependents.found), dependents.whole, dependents.worst) == (20, False, Status.UNKNOWN)
    assert len(dependents.tree(5)) == 5


@pytest.mark.parametrize("round_", [False, True])
def test_a_long_line_and_a_long_circle_are_gone_through_and_listed_so_far(round_: bool) -> None:
    long = [
        thing("claim", f"x:{number}", ("claim", f"k8s://x/acme/persistentvolumeclaim/{(number + 1) % 1500}"))
        for number in range(1500 if round_ else 1499)
    ]
    last = [] if round_ else [thing("claim", "x:1499")]
    model = model_of([*long, *last])
    dependents = found(model, "k8s://x/acme/persistentvolumeclaim/1499", most=10_000)
    assert len(dependents.found) == 1499
    assert len(dependents.tree(100)) <= min(MOST_DEPTH, MOST_LINES)


def test_a_machine_depends_on_its_volume_and_not_the_volume_on_the_machine() -> None:
    disk = fleet.ebs("vol-1", None)
    machine = thing("workload", "aks:vm")
    disk = msgspec.structs.replace(disk, links=(Link("machine", machine.id),))
    model = model_of([disk, machine])
    assert list(found(model, disk.id).found) == [machine.id]
    assert list(found(model, machine.id).found) == []
