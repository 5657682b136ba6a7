"""What a control asks of other resources: their findings and whether they were listed, and who is judged again when
that changes.
"""

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.context import Context
from posture.fault import Fault, FaultKind
from posture.frozen import frozen
from posture.reports import Batch, ReadRefused
from posture.resource import Link, Resource
from posture.snapshot import take
from posture.source import Source
from posture.unjudged import DEEPEST
from posture.verdict import Status, Verdict, failed, passed, unknown
from tests.posture.chains import CLOUD, CLUSTER, STEPS, Chains, chain, own, step

FAULT = Fault(FaultKind.UNREACHABLE, "Gone", "toy:List")


def test_a_key_that_changes_judges_its_own_chain_once_each_and_none_of_a_thousand_others() -> None:
    chains = Chains()
    chains.fill(*(chain(str(number), on=True) for number in range(1001)))
    assert chains.status("workload-7") is Status.PASS
    judged = chains.judged_by(lambda: chains.tell(CLOUD, Batch((step("key", "7", on=False),))))
    assert judged == {f"{kind}-7": 1 for kind in STEPS}
    assert chains.finding("workload-7").reason == "below: below: below: off"


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("at_most", [None, 1])
def test_every_link_is_judged_once_in_whatever_order_the_chain_is_reported(
    backwards: bool, at_most: int | None
) -> None:
    chains, seen = Chains(), chain("1", on=True)
    for one in reversed(seen) if backwards else seen:
        chains.model.apply(one.source, Batch((one,)), chains.now)
    judged = chains.judged_by(lambda: chains.settle(at_most))
    assert judged == {one.id: 1 for one in seen}
    assert {chains.status(one.id) for one in seen} == {Status.PASS}
    assert chains.finding("workload-1").gap is None, "it was never judged by findings that were not there yet"


def test_what_changes_only_its_evidence_judges_nobody_that_asked_for_its_findings() -> None:
    chains = Chains()
    chains.fill(chain("1", on=True))
    judged = chains.judged_by(lambda: chains.tell(CLOUD, Batch((step("key", "1", on=True, note="new"),))))
    assert set(judged) == {"key-1", "volume-1", "pv-1"}, "those that the links alone may concern"


@pytest.mark.parametrize(
    "verdict",
    [failed("other"), passed("another"), unknown("on", FAULT), unknown("on", msgspec.structs.replace(FAULT, code="X"))],
)
def test_another_status_reason_or_fault_judges_who_asked(verdict: Verdict) -> None:
    said = [unknown("on", FAULT)]
    chains = Chains({"pv": lambda resource, context: said[0]})
    chains.fill(chain("1", on=True))
    changed = verdict != said[0]
    said[0] = verdict
    judged = chains.judged_by(lambda: chains.tell(CLUSTER, Batch((step("pv", "1", again=True),))))
    # the claim is a neighbour and the workload a neighbour's: only a second time would be the findings'
    assert judged["workload-1"] == 1
    assert chains.finding("workload-1").reason == f"below: below: {verdict.reason}"
    assert chains.finding("workload-1").fault == verdict.fault
    assert changed or verdict.fault == FAULT


def test_who_asks_for_the_findings_of_what_goes_is_judged_again_and_then_hangs_on_nothing() -> None:
    def far(resource: Resource, context: Context) -> Verdict:
        """Of the key four links below, which is nobody near."""
        one: Resource | None = resource
        while one is not None and one.type != "toy.key":
            one = context.linked(one, "below")
        return own(one, context) if one and context.findings(one) else unknown("no key")

    chains, seen = Chains({"workload": far}), chain("1", on=True)
    chains.poll(CLOUD, *seen[:2])
    chains.poll(CLUSTER, *seen[2:])
    assert chains.status("workload-1") is Status.PASS
    judged = chains.judged_by(lambda: chains.poll(CLOUD, step("volume", "1"), types=("toy.key",)))
    assert judged["workload-1"] == 1
    assert chains.finding("workload-1").reason == "no key"
    unjudged = chains.model._unjudged
    assert not unjudged.is_asked("key-1")
    chains.poll(CLUSTER, types=("toy.pv", "toy.claim", "toy.workload"))
    chains.poll(CLOUD, types=("toy.key", "toy.volume"))
    assert (unjudged._asked, unjudged._askers) == ({}, {}), "nothing is kept of what is gone"


def test_who_asks_no_more_is_not_judged_again() -> None:
    def choosy(resource: Resource, context: Context) -> Verdict:
        below = context.linked(resource, "below")
        return passed("asked") if resource.fields.get("ask") and below and context.findings(below) else passed("alone")

    chains = Chains({"workload": choosy, "claim": choosy})
    chains.fill([*chain("1", on=True)[:-2], step("claim", "1", ask=True), step("workload", "1")])
    assert "claim-1" in chains.judged_by(lambda: chains.tell(CLOUD, Batch((step("key", "1", on=False),))))
    chains.tell(CLUSTER, Batch((step("claim", "1"),)))
    judged = chains.judged_by(lambda: chains.tell(CLOUD, Batch((step("key", "1", on=True),))))
    assert set(judged) == {"key-1", "volume-1", "pv-1"}


def test_a_chain_longer_than_the_stack_may_grow_ends_right() -> None:
    many = 5 * DEEPEST
    chains = Chains()
    links = [step("claim", str(number), below=f"claim-{number + 1}") for number in range(many)]
    chains.poll(CLUSTER, *links, step("claim", str(many), below="pv-1"))
    chains.fill(chain("1", on=True))
    assert chains.status("claim-0") is Status.PASS
    chains.tell(CLOUD, Batch((step("key", "1", on=False),)))
    assert chains.status("claim-0") is Status.FAIL


def test_a_ring_longer_than_the_stack_may_grow_ends_and_nobody_in_it_is_green() -> None:
    many = 3 * DEEPEST
    chains = Chains()
    chains.poll(CLUSTER, *(step("claim", str(one), below=f"claim-{(one + 1) % many}") for one in range(many)))
    assert {chains.status(f"claim-{one}") for one in range(many)} == {Status.UNKNOWN}


def test_a_model_of_a_snapshot_tells_what_was_found_and_listed_then() -> None:
    chains = Chains()
    chains.fill(chain("1", on=True))
    model = frozen(take(chains.model, chains.now, "1"))
    context, claim = model.context("acme"), model.entry("claim-1")
    assert claim is not None
    ((name, below),) = context.linked_all(claim.resource, "below")
    assert (name, below and below.id) == ("pv-1", "pv-1")
    assert below is not None
    assert context.findings(below)["toy.pv"].status is Status.PASS
    assert context.listed("toy", "cloud", "things")
    assert context.listed("toy", None, "things")
    assert not context.listed("toy", "elsewhere", "things")


@settings(max_examples=60, deadline=None)
@given(
    links=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=14),
    touched=st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=5),
    at_most=st.sampled_from([None, 1, 2]),
)
def test_judging_ends_whoever_asks_whom_and_is_right_where_nobody_asks_in_a_circle(
    links: list[tuple[int, int]], touched: list[tuple[int, bool]], at_most: int | None
) -> None:
    def mixed(resource: Resource, context: Context) -> Verdict:
        worst = [own(resource, context).status]
        for _, below in context.linked_all(resource, "below"):
            found = context.findings(below) if below else {}
            worst.extend(finding.status for finding in found.values())
            if not found:
                worst.append(Status.UNKNOWN)
        return Verdict(min(worst), "worst")

    def claim(number: int, on: bool) -> Resource:
        to = tuple(Link("below", f"claim-{below}") for above, below in links if above == number)
        return msgspec.structs.replace(step("claim", str(number), on=on), links=to)

    chains, on = Chains({"claim": mixed}), dict.fromkeys(range(6), True)
    for number in range(6):
        chains.model.apply(CLUSTER, Batch((claim(number, True),)), chains.now)
    chains.settle(at_most)
    for number, state in touched:
        on[number] = state
        chains.model.apply(CLUSTER, Batch((claim(number, state),)), chains.now)
        chains.judged.clear()
        chains.settle(at_most)
        assert sum(chains.judged.values()) < 200
    below = {number: {to for above, to in links if above == number} for number in range(6)}
    for number in range(6):
        reached = reach(below, number)
        circular = any(one in reach(below, to) for one in reached for to in below[one])
        status = chains.status(f"claim-{number}")
        if circular:
            assert status is not Status.PASS, "what hangs on itself is not known"
        else:
            assert status is (Status.PASS if all(on[one] for one in reached) else Status.FAIL)


def reach(below: dict[int, set[int]], start: int) -> set[int]:
    """Everything below, itself included."""
    reached, ahead = {start}, [start]
    while ahead:
        for to in below[ahead.pop()] - reached:
            reached.add(to)
            ahead.append(to)
    return reached


# ---------------------------------------------------------------- listings


def asks_listing(scope: str | None) -> Chains:
    """A claim that asks whether the toy cloud's things were listed."""

    def asks(resource: Resource, context: Context) -> Verdict:
        return passed("listed") if context.listed("toy", scope, "things") else unknown("not listed")

    return Chains({"claim": asks})


def test_what_is_listed_in_full_is_so_until_a_source_of_it_is_not_answered() -> None:
    chains = asks_listing("cloud")
    chains.poll(CLUSTER, step("claim", "1"))
    assert chains.finding("claim-1").reason == "not listed"
    judged = chains.judged_by(lambda: chains.poll(CLOUD))
    assert judged == {"claim-1": 1}
    assert chains.finding("claim-1").reason == "listed"
    assert chains.judged_by(lambda: chains.poll(CLOUD)) == {}
    chains.model.begin(CLOUD, chains.now)
    chains.tell(CLOUD, ReadRefused(FAULT))
    assert chains.finding("claim-1").reason == "not listed", "as soon as a part of it is refused"
    assert chains.judged_by(lambda: chains.end(CLOUD)) == {}
    chains.model.begin(CLOUD, chains.now)
    refused = chains.judged_by(lambda: chains.end(CLOUD, fault=msgspec.structs.replace(FAULT, code="Other")))
    assert refused == {}, "that it is not listed for another reason changes nothing"
    chains.poll(CLOUD)
    assert chains.finding("claim-1").reason == "listed"
    other = Source("acme/toy/cloud/eu/things", "acme", "toy", "cloud/eu", "things", 60.0)
    chains.model.add_source(other)
    chains.settle()
    assert chains.finding("claim-1").reason == "not listed", "a region more is not answered yet"
    chains.model.drop_source(other.id, chains.now)
    chains.settle()
    assert chains.finding("claim-1").reason == "listed"


def test_every_account_of_the_tenant_is_listed_only_when_each_is() -> None:
    chains = asks_listing(None)
    chains.poll(CLUSTER, step("claim", "1"))
    assert chains.finding("claim-1").reason == "not listed"
    chains.poll(CLOUD)
    assert chains.finding("claim-1").reason == "listed"
    chains.model.add_source(Source("beta/toy/x/things", "beta", "toy", "x", "things", 60.0))
    chains.settle()
    assert chains.finding("claim-1").reason == "listed", "another tenant's"
    chains.model.add_source(Source("acme+beta/toy/y/things", "acme+beta", "toy", "y", "things", 60.0))
    chains.settle()
    assert chains.finding("claim-1").reason == "not listed"
    stray = msgspec.structs.replace(step("claim", "2"), tenant="unassigned")
    chains.tell(CLUSTER, Batch((stray,)))
    assert chains.finding("claim-2").reason == "not listed"


def test_a_service_that_no_source_asks_is_not_listed() -> None:
    chains = asks_listing("nowhere")
    chains.poll(CLUSTER, step("claim", "1"))
    assert chains.finding("claim-1").reason == "not listed"


def test_nothing_is_kept_of_listings_that_nobody_asks_for() -> None:
    chains = asks_listing("cloud")
    chains.poll(CLUSTER, step("claim", "1"))
    chains.poll(CLUSTER, types=("toy.claim",))
    chains.poll(CLOUD)
    assert chains.model._unanswered._listings == {}
    assert chains.model._unjudged._askers == {}


def test_many_askers_of_many_come_and_go_and_leave_nothing() -> None:
    chains, dice = Chains(), random.Random(1)
    for _ in range(20):
        names = [str(number) for number in range(40) if dice.random() < 0.5]
        for name in (CLUSTER, CLOUD):
            seen = [one for number in names for one in chain(number, on=dice.random() < 0.5) if one.source == name]
            chains.poll(name, *seen, types=tuple(f"toy.{kind}" for kind in STEPS))
        held = {entry.resource.id for entry in chains.model.all()}
        unjudged = chains.model._unjudged
        assert set(unjudged._asked) <= held
        assert set(unjudged._askers) <= held
