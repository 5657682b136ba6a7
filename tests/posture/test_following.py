"""What a source tells beside its polls: what changed, what is gone, and that all else is still so."""

import time

import msgspec
import pytest

from posture.entry import Entry
from posture.fault import Fault, FaultKind
from posture.reports import Batch, Complete, Gone, NotRead, Report, StillSo
from posture.rollup import OWN
from posture.snapshot import take
from posture.source import STALE_CADENCES, State
from posture.verdict import Status
from providers.collector.frames import Hello
from providers.collector.publisher import Publisher
from tests.posture.chains import CLOUD, CLUSTER, Chains, chain, step
from tests.posture.controls.world import NOW
from tests.posture.models import VOLUMES, Feed
from tests.providers.collector.history.kept import Kept
from tui.data.replica import Replica

CADENCE = 60.0
LISTED = ("toy.pv", "toy.claim", "toy.workload")
LOST = Fault(FaultKind.UNREACHABLE, "Cut", "toy:watch")


@pytest.fixture
def chains() -> Chains:
    """One chain, reported in full."""
    made = Chains()
    made.fill(chain("1", on=True))
    return made


def entry(chains: Chains, resource_id: str) -> Entry:
    """A resource as the model holds it."""
    found = chains.model.entry(resource_id)
    assert found is not None
    return found


def age(chains: Chains, resource_id: str) -> float:
    """How long ago it was seen, in seconds."""
    return chains.model.now - entry(chains, resource_id).observed_at


def quiet(chains: Chains, seconds: float, *names: str) -> None:
    """Time goes on and is looked at, and these sources tell that all is still so."""
    chains.now += seconds
    chains.model.tick(chains.now)
    for name in names:
        chains.tell(name, StillSo())


def test_all_is_fresh_while_its_source_tells_that_it_is_still_so_and_nothing_is_judged(chains: Chains) -> None:
    chains.judged.clear()
    for _ in range(20):
        quiet(chains, 50.0, CLOUD, CLUSTER)
    assert chains.judged == {}
    assert age(chains, "pv-1") == 0.0
    source = chains.model.sources[CLUSTER]
    assert (source.state, source.last_success) == (State.OK, chains.model.now)
    assert not source.dim(chains.now)
    assert chains.status("workload-1") is Status.PASS


def test_what_is_told_to_be_still_so_after_too_long_a_silence_is_judged_again(chains: Chains) -> None:
    quiet(chains, STALE_CADENCES * CADENCE, CLOUD)
    assert chains.status("workload-1") is Status.UNKNOWN
    since = entry(chains, "workload-1").findings["toy.workload"].gap
    assert since is not None
    chains.tell(CLUSTER, StillSo())
    assert chains.status("workload-1") is Status.PASS
    assert chains.model.sources[CLUSTER].last_success == chains.now
    quiet(chains, STALE_CADENCES * CADENCE, CLOUD)
    assert chains.status("workload-1") is Status.UNKNOWN, "and ages again"


def test_a_source_that_is_seldom_told_is_dim_and_then_fresh_again() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES)
    feed.wait(130.0)
    assert feed.finding("meta.evidence.freshness", VOLUMES).status is Status.WARN
    feed.model.apply(VOLUMES, StillSo(), feed.now)
    feed.model.settle()
    assert feed.finding("meta.evidence.freshness", VOLUMES).status is Status.PASS
    feed.wait(100.0)
    feed.model.apply(VOLUMES, StillSo(), feed.now)
    feed.wait(100.0)
    assert feed.finding("meta.evidence.freshness", VOLUMES).status is Status.PASS
    feed.wait(20.0)
    assert feed.finding("meta.evidence.freshness", VOLUMES).status is Status.WARN


@pytest.mark.parametrize(
    "left_out",
    [(Complete(("toy.workload",)),), (NotRead((step("pv", "1"),)), Complete(LISTED))],
    ids=["not named", "named, and not read"],
)
def test_what_the_last_poll_left_out_is_not_made_fresh(chains: Chains, left_out: tuple[Report, ...]) -> None:
    chains.now += 50.0
    chains.model.begin(CLUSTER, chains.now)
    chains.tell(CLUSTER, Batch((step("claim", "1"), step("workload", "1"))), *left_out)
    chains.end(CLUSTER)
    assert entry(chains, "pv-1").not_in_last_poll
    quiet(chains, 50.0, CLUSTER)
    assert (age(chains, "pv-1"), age(chains, "claim-1")) == (100.0, 0.0)
    chains.tell(CLUSTER, Batch((step("pv", "1"),)))
    quiet(chains, 50.0, CLUSTER)
    assert age(chains, "pv-1") == 0.0, "it was seen since"


def test_what_a_poll_has_not_read_is_not_made_fresh_by_what_it_says_after_it(chains: Chains) -> None:
    chains.now += 50.0
    chains.model.begin(CLUSTER, chains.now)
    chains.tell(CLUSTER, NotRead((step("pv", "1"),)), StillSo())
    assert (age(chains, "pv-1"), age(chains, "claim-1")) == (50.0, 0.0)


def test_what_is_not_read_while_following_ages_from_when_it_was_seen(chains: Chains) -> None:
    quiet(chains, 50.0)
    chains.tell(CLUSTER, NotRead((step("pv", "1"),)))
    quiet(chains, 10.0, CLUSTER)
    assert (age(chains, "pv-1"), age(chains, "claim-1")) == (60.0, 0.0)
    assert entry(chains, "pv-1").not_in_last_poll


def test_a_poll_that_goes_on_where_the_last_one_was_cut_off_names_all_by_one_report(chains: Chains) -> None:
    chains.now += 100.0
    chains.model.begin(CLUSTER, chains.now)
    chains.end(CLUSTER, fault=LOST)
    assert chains.model.sources[CLUSTER].state is State.UNREACHABLE
    chains.now += 10.0
    chains.model.begin(CLUSTER, chains.now)
    judged = chains.judged_by(lambda: chains.tell(CLUSTER, StillSo()))
    assert judged == {}
    assert chains.model.sources[CLUSTER].last_success == NOW, "it has not ended yet"
    chains.end(CLUSTER)
    assert chains.model.sources[CLUSTER].state is State.OK
    assert (age(chains, "pv-1"), entry(chains, "pv-1").not_in_last_poll) == (0.0, False)


def test_a_poll_that_goes_on_may_say_nothing_until_it_was_told_that_all_is_still_so(chains: Chains) -> None:
    chains.now += 100.0
    chains.model.begin(CLUSTER, chains.now)
    chains.end(CLUSTER)
    assert (age(chains, "pv-1"), entry(chains, "pv-1").not_in_last_poll) == (100.0, False)
    chains.tell(CLUSTER, Batch((step("claim", "1"),)), NotRead((step("pv", "1"),)), StillSo())
    assert [age(chains, name) for name in ("pv-1", "claim-1", "workload-1")] == [100.0, 0.0, 0.0]


def test_what_an_earlier_run_had_seen_is_not_fresh_before_it_is_seen_in_this_one(chains: Chains) -> None:
    rows = [one for one in chains.model.all() if one.resource.provider != OWN]
    again = Chains()
    again.model.restore([Entry.seen(one.resource, one.source, NOW, one.statuses_since()) for one in rows], NOW)
    again.now += 50.0
    again.model.begin(CLUSTER, again.now)
    again.tell(CLUSTER, Batch((step("claim", "1"),)), StillSo())
    again.end(CLUSTER)
    quiet(again, 10.0, CLUSTER)
    assert (age(again, "pv-1"), age(again, "claim-1")) == (60.0, 0.0)


def test_what_is_gone_goes_with_all_that_was_said_of_it_and_only_of_its_own_source(chains: Chains) -> None:
    chains.model.drain()
    chains.tell(CLUSTER, Gone(("volume-1", "workload-1", "workload-1", "never")))
    assert chains.model.entry("workload-1") is None
    assert chains.model.entry("volume-1") is not None, "another source's"
    assert chains.model.drain().gone == {"workload-1"}
    assert chains.model.sources[CLUSTER].resources == 2
    chains.tell(CLUSTER, Gone(("pv-1",)))
    assert chains.finding("claim-1").reason == "nothing below is judged"
    chains.tell(CLUSTER, Batch((step("pv", "1"),)))
    assert chains.status("claim-1") is Status.PASS
    assert chains.model.sources[CLUSTER].resources == 2


def test_a_viewer_a_snapshot_and_the_next_start_see_what_is_still_so_as_fresh(chains: Chains) -> None:
    publisher, viewer, history = Publisher(chains.model), Replica(), Kept(chains.model)
    viewer.apply(Hello("test", ("acme",), False, NOW))

    def follow() -> int:
        change = chains.model.drain()
        history.recorder.take(change, chains.now)
        frames = list(publisher.frames(change))
        for frame in frames:
            viewer.apply(frame)
        return len(frames)

    for name in (CLUSTER, CLOUD):
        chains.model.begin(name, chains.now)
        chains.tell(name, Batch(tuple(one for one in chain("1", on=True) if one.source == name)))
        chains.end(name, following=True)
    follow()
    quiet(chains, 100.0, CLUSTER, CLOUD)
    assert follow() == 1, "the two sources, and no row"
    row = viewer.tables["volume"].rows["pv-1"]
    assert row.seen == 0.0
    assert viewer.sources[CLUSTER].last_success == chains.now
    (written,) = [one for one in take(chains.model, chains.now, "1").resources if one.id == "pv-1"]
    assert (written.observed_at, written.not_in_last_poll) == ("2026-11-23T14:01:40Z", False)
    history.take(beat=True)
    kept = history.reader.current(chains.now, history.reader.sources(chains.now))
    assert [one.observed_at for piece in kept for one in piece if one.resource.id == "pv-1"] == [chains.now]


def test_that_all_is_still_so_costs_a_small_part_of_seeing_it_again() -> None:
    chains, rows = Chains(), tuple(step("pv", str(number)) for number in range(2000))
    chains.poll(CLUSTER, *rows)

    def cpu(report: Report) -> float:
        began = time.process_time()
        chains.tell(CLUSTER, report)
        return time.process_time() - began

    chains.now += 10.0
    again = min(cpu(Batch(tuple(map(msgspec.structs.replace, rows)))) for _ in range(3))
    assert min(cpu(StillSo()) for _ in range(5)) < again / 4
