"""The chain from workload to key, and what a workload's data stands on."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.chain import KEY, SET, STORE, Step, chain, tier_of
from posture.entry import Entry
from posture.exposure import Exposure, Exposures
from posture.model import Model
from posture.resource import Encryption, Link, Resource
from posture.verdict import Status
from tests.posture.controls.azure import world as azure
from tests.posture.graphs import graphs, model_of, report
from tests.world import fleet
from tests.world.fleet import thing, workload


def entry(model: Model, name: str) -> Entry:
    """What is held of a resource."""
    found = model.entry(name)
    assert found is not None
    return found


def told(steps: tuple[Step, ...]) -> list[tuple[int, set[str]]]:
    """Each tier with its ids."""
    return [(step.tier, set(step.held)) for step in steps]


QUEUE = [
    (0, {"k8s://aks/acme/statefulset/queue"}),
    (1, {"k8s://aks/acme/persistentvolumeclaim/data-queue-0"}),
    (2, {"k8s://aks//persistentvolume/pvc-acme-data-queue-0"}),
    (STORE, {azure.DISK}),
    (SET, {azure.SET}),
    (KEY, {f"{azure.VAULT}/keys/disks"}),
]


@pytest.mark.parametrize("of", [next(iter(ids)) for _, ids in QUEUE])
def test_from_any_link_of_it_the_whole_chain_is_seen(of: str) -> None:
    model = model_of(fleet.everything())
    assert told(chain(model, entry(model, of))) == QUEUE


def test_a_key_has_all_above_it_and_a_volume_only_its_own() -> None:
    model = model_of(fleet.on_aws())
    assert [len(step.held) for step in chain(model, entry(model, fleet.DYING))] == [4, 12, 12, 12, 1]
    assert [len(step.held) for step in chain(model, entry(model, "vol-000100"))] == [1, 1, 1, 1, 1]
    assert [len(step.held) for step in chain(model, entry(model, "k8s://eks/acme/statefulset/web"))] == [1, 2, 2, 2, 1]


def test_what_was_not_seen_is_a_link_of_the_chain_and_unknown() -> None:
    model = model_of(fleet.on_gcp())
    steps = chain(model, entry(model, "k8s://gke/acme/statefulset/lost"))
    assert told(steps)[-1] == (STORE, {"//compute/none"})
    assert steps[-1].status is Status.UNKNOWN


def test_a_chain_has_an_end_and_what_was_not_looked_at_is_not_green() -> None:
    seen = [fleet.ebs(f"vol-{number}", fleet.GOOD) for number in range(30)]
    model = model_of([msgspec.structs.replace(one, type="toy.thing") for one in (fleet.kms("good"), *seen)])
    above, own = chain(model, entry(model, fleet.GOOD), most=10)
    assert (len(above.held), above.total, above.whole, above.status) == (10, 30, False, Status.UNKNOWN)
    assert (own.status, own.whole) == (Status.PASS, True)
    assert chain(model, entry(model, fleet.GOOD))[0].status is Status.PASS


def test_who_is_in_no_chain_has_none() -> None:
    alone = thing("claim", "eks:pending")
    model = model_of([*fleet.on_aws(), alone])
    assert chain(model, entry(model, "k8s://eks")) == ()
    assert chain(model, entry(model, "k8s://eks//storageclass/fast")) == ()
    assert chain(model, entry(model, alone.id)) == ()


def test_an_account_is_a_store_where_a_share_in_it_is_a_volume() -> None:
    account = msgspec.structs.replace(thing("cluster", "x:account"), id="/account", kind="account", type="toy.thing")
    plain = msgspec.structs.replace(account, encryption=Encryption(False))
    share = thing("persistent-volume", "aks:share", ("filesystem", account.id))
    claim = thing("claim", "aks:data", ("volume", share.id))
    sets = workload("aks", "files", claim)
    model = model_of([plain, share, claim, sets])
    assert [tier for tier, _ in told(chain(model, entry(model, account.id)))] == [0, 1, 2, STORE]
    assert Exposures(model).of(entry(model, sets.id)) == Exposure.STORED | Exposure.PLAINTEXT
    model = model_of([plain, msgspec.structs.replace(share, links=())])
    assert chain(model, entry(model, account.id)) == ()


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_what_stands_on_another_in_one_chain_does_so_in_the_others(seen: list[Resource]) -> None:
    model = model_of(seen)
    chains = {
        one.id: {name: step.tier for step in chain(model, entry(model, one.id)) for name in step.held} for one in seen
    }
    tiers = {one.id: tier_of(one) for one in seen}
    clustered = {
        target.resource.id
        for one in seen
        if one.kind == "persistent-volume"
        for link in one.links
        if (target := model.entry(link.to)) is not None
    }
    for name, beside in chains.items():
        for other, tier in beside.items():
            if other not in chains or other == name or "account" in {entry(model, other).resource.kind}:
                continue
            assert tier == tiers[other]
            if tiers[name] == 0 and clustered:
                continue  # a machine has its volumes below it, which have their cluster above
            if tiers[name] is not None:
                assert name in chains[other]


def by_hand(model: Model, name: str, tier: int) -> Exposure:
    """The exposure of a resource, from its links alone."""
    resource, found = entry(model, name).resource, Exposure(0)
    if tier > SET:
        return found
    if tier == STORE:
        on = None if resource.encryption is None else resource.encryption.at_rest
        found |= {True: Exposure(0), False: Exposure.PLAINTEXT, None: Exposure.UNKNOWN}[on]
    unseen = {"claim": 1, "volume": 2 if tier < 2 else 3, "bucket": 3, "filesystem": 3, "key": 5}
    under = []
    for link in resource.links:
        target = model.entry(link.to)
        if target is None:
            under.append((unseen.get(link.rel), ""))
        elif target.resource.kind == "account":
            under.append((3 if link.rel == "filesystem" else None, target.resource.id))
        else:
            under.append((tier_of(target.resource), target.resource.id))
    for held in model.all() if tier == 0 else ():
        to = held.resource.link("machine") if held.resource.kind == "volume" else None
        if to is not None and (at := model.entry(to)) is not None and at.resource.id == name:
            under.append((STORE, held.resource.id))
    under = [(number, other) for number, other in under if number is not None and number > tier]
    for number, other in under:
        assert number is not None
        found |= Exposure.STORED if number < SET else Exposure(0)
        found |= by_hand(model, other, number) if other else Exposure.UNKNOWN
    return found | (Exposure.UNKNOWN if tier == 2 and not under else Exposure(0))


@settings(max_examples=60, deadline=None)
@given(st.lists(graphs(), min_size=1, max_size=4))
def test_what_is_followed_is_what_a_look_at_everything_gives(worlds: list[list[Resource]]) -> None:
    model = model_of([])
    followed, shown = Exposures(model), dict[str, Exposure]()
    for seen in worlds:
        report(model, seen)
        change = model.drain()
        for name in change.gone | change.resources | followed.follow(change):
            held = model.entry(name)
            if held is not None and held.resource.kind == "workload":
                shown[name] = followed.of(held)
            else:
                shown.pop(name, None)
        assert shown == {
            held.resource.id: by_hand(model, held.resource.id, 0)
            for held in model.all()
            if held.resource.kind == "workload"
        }


def test_a_key_that_is_deleted_turns_its_workloads_and_looks_at_no_other() -> None:
    model = model_of([one for one in fleet.on_aws() if one.id != fleet.DYING] + [fleet.kms("dying")])
    exposures = Exposures(model)
    sets = [held for held in model.all() if held.resource.kind == "workload"]
    assert sum(bool(exposures.of(held) & Exposure.DYING_KEY) for held in sets) == 0
    model.drain()
    report(model, fleet.on_aws())
    again = exposures.follow(model.drain())
    assert len(again) == 4
    assert {exposures.of(entry(model, name)) for name in again} == {Exposure.STORED | Exposure.DYING_KEY}


def test_a_machine_stands_on_the_disks_attached_to_it() -> None:
    machine = msgspec.structs.replace(thing("workload", "aks:vm"), type="azure.compute.vm")
    disk = msgspec.structs.replace(fleet.ebs("disk", None), links=(Link("machine", machine.id),))
    model = model_of([machine, disk])
    assert Exposures(model).of(entry(model, machine.id)) == Exposure.STORED | Exposure.PLAINTEXT
    assert told(chain(model, entry(model, disk.id))) == [(0, {machine.id}), (STORE, {disk.id})]
