"""A source that is followed after its poll: a shelf of boxes over a real connection, and what ends that."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from posture.clock import Seconds
from posture.controls.registry import registry
from posture.fault import Fault
from posture.model import Model
from posture.policy import Policy
from posture.reports import Batch
from posture.resource import Resource
from posture.source import Source as Record
from posture.source import State
from providers.collector.poller import Poller
from providers.limits import Limits
from providers.source import News, Source
from tests.providers.conftest import until
from tests.world.toy.shelf import Boxes, Shelf

QUICK = Limits(first_retry=0.05)


class World:
    """A shelf, its source, and a poller on a clock that a test may move."""

    def __init__(self, shelf: Shelf, source: Boxes) -> None:
        self.shelf, self.source = shelf, source
        self.ahead = 0.0
        self.model = Model(registry(), {"acme": Policy()}, self.now())
        self.stood: list[tuple[State, bool]] = []
        """How the source stood, and whether it was followed, each time that anything moved."""
        self.poller = Poller(self.model, self._moved, self.now, QUICK)
        self.waits: list[tuple[Seconds, Fault | None]] = []
        decide = self.poller._wait

        def wait(source: Source, fault: Fault | None) -> Seconds:
            self.waits.append((decide(source, fault), fault))
            return self.waits[-1][0]

        self.poller._wait = wait  # type: ignore[method-assign]

    def _moved(self) -> None:
        self.stood += [(source.state, source.following) for source in self.model.sources.values()]

    def now(self) -> float:
        """The clock."""
        return time.time() + self.ahead

    @property
    def record(self) -> Record:
        """How the source stands."""
        return self.model.sources[self.source.id]

    def boxes(self) -> set[str]:
        """What is held."""
        return {entry.resource.name for entry in self.model.all() if entry.resource.type == "toy.box"}

    def box(self, name: str) -> Resource | None:
        """One that is held."""
        entry = self.model.entry(f"toy:{name}")
        return entry.resource if entry else None

    async def start(self, *boxes: str) -> None:
        """Poll, and follow."""
        self.shelf.boxes = list(boxes)
        self.poller.add([self.source])
        await self.followed()

    async def followed(self) -> None:
        """Until it is followed."""
        await until(lambda: self.shelf.watchers and self.source.reading == 1)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Everything, and nothing of it left at the end."""
    before = asyncio.all_tasks()
    shelf = Shelf()
    made = World(shelf, Boxes(await shelf.open()))
    yield made
    await made.poller.stop()
    await shelf.close()
    assert made.source.reading == 0
    await until(lambda: asyncio.all_tasks() - {asyncio.current_task()} <= before)


async def test_what_comes_and_goes_is_held_as_it_does_with_no_poll_between(world: World) -> None:
    await world.start("a", "b")
    world.shelf.tell(put="c", on=True)
    world.shelf.tell(gone="a")
    world.shelf.tell(put="b", on=False)
    await until(lambda: (box := world.box("b")) is not None and box.fields == {"on": False})
    assert world.boxes() == {"b", "c"}
    assert world.shelf.asked == ["list", "watch"]
    assert (world.record.state, world.record.resources) == (State.OK, 2)


async def test_its_first_poll_settles_it_and_its_record_says_that_it_is_followed(world: World) -> None:
    await world.start("a")
    await asyncio.wait_for(world.poller.settled(), 10)
    record = world.record
    assert (record.following, record.polling, record.next_due, record.calls) == (True, False, None, 1)
    assert record.cadence == 3600.0


async def test_a_quiet_watch_keeps_rows_and_source_fresh(world: World) -> None:
    await world.start("a")
    world.ahead = 5 * 3600.0
    world.shelf.tell(so=True)
    await until(lambda: (world.record.last_success or 0.0) > time.time() + 3600)
    entry = world.model.entry("toy:a")
    assert entry is not None
    assert entry.observed_at == world.record.last_success
    assert not world.record.dim(world.now())


async def test_one_that_ends_is_polled_at_once_and_followed_again(world: World) -> None:
    await world.start("a")
    await asyncio.sleep(QUICK.first_retry)  # it lasts longer than one that is cut at once
    world.shelf.boxes = ["b"]
    world.shelf.tell(end=True)
    await until(lambda: world.boxes() == {"b"})
    await world.followed()
    assert world.shelf.asked == ["list", "watch"] * 2
    assert world.record.state is State.OK


async def test_one_that_always_ends_at_once_is_not_listed_again_and_again(world: World) -> None:
    """A server, or a proxy, that closes every watch as soon as it is open."""
    world.shelf.watching = {"end": True}
    world.poller.add([world.source])
    began = time.monotonic()
    await until(lambda: world.shelf.asked.count("list") == 5)
    assert time.monotonic() - began > 0.9 * (0.05 + 0.1 + 0.2)


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ({"refuse": "throttled", "after": 0.2}, State.THROTTLED),
        ({"refuse": "denied"}, State.DENIED),
        ({"refuse": "expired"}, State.EXPIRED),
        ({"break": True}, State.ERROR),
        (None, State.UNREACHABLE),
    ],
)
async def test_one_that_is_refused_stands_as_a_refused_poll_keeps_its_rows_and_is_retried(
    world: World, told: dict[str, object] | None, state: State
) -> None:
    await world.start("a")
    seen = world.model.entry("toy:a")
    assert seen is not None
    observed_at, success = seen.observed_at, world.record.last_success
    world.shelf.listing = {"refuse": "unreachable"}
    if told is None:
        world.shelf.cut()
    else:
        world.shelf.tell(**told)
    await until(lambda: (state, False) in world.stood)
    assert (state, True) not in world.stood
    assert (seen.observed_at, world.record.last_success, world.boxes()) == (observed_at, success, {"a"})
    (wait, fault) = next(decided for decided in world.waits if decided[1] is not None)
    assert fault is not None
    if state is State.DENIED:
        assert wait > 3000.0, "only a person mends it"
        assert world.record.next_due is not None
        world.poller.refresh()
    else:
        assert 0.9 * (fault.retry_after or 0.05) <= wait <= 0.21
    world.shelf.listing = None
    await until(lambda: world.record.state is State.OK)
    await world.followed()


async def test_a_watch_that_is_refused_each_time_after_a_list_that_is_not_backs_off(world: World) -> None:
    world.shelf.watching = {"refuse": "unreachable"}
    world.poller.add([world.source])
    began = time.monotonic()
    await until(lambda: world.shelf.asked.count("list") == 5)
    assert time.monotonic() - began > 0.9 * (0.05 + 0.05 + 0.1 + 0.2)


async def test_a_refresh_polls_what_is_followed_and_follows_it_again(world: World) -> None:
    await world.start("a")
    for number in range(1, 6):
        world.shelf.boxes = [f"b-{number}"]
        world.poller.refresh(world.source.id if number % 2 else None)
        world.poller.refresh()
        await until(lambda: world.boxes() == set(world.shelf.boxes))
        await world.followed()
    assert world.record.state is State.OK
    assert len(world.waits) == world.shelf.asked.count("list")
    assert all(fault is None for _, fault in world.waits)


async def test_a_pause_ends_it_and_going_on_polls_and_follows_again(world: World) -> None:
    await world.start("a")
    world.poller.pause(True)
    world.poller.pause(True)
    await until(lambda: world.source.reading == 0 and not world.shelf.watchers)
    world.shelf.boxes = ["b"]
    await asyncio.sleep(0.1)  # in which it would have been polled
    assert (world.boxes(), world.record.state, world.shelf.asked) == ({"a"}, State.OK, ["list", "watch"])
    world.poller.pause(False)
    await until(lambda: world.boxes() == {"b"})
    await world.followed()


async def test_one_that_is_dropped_goes_with_its_rows_its_task_and_its_connection(world: World) -> None:
    await world.start("a")
    world.poller.drop(world.source.id)
    assert world.boxes() == set()
    await until(lambda: world.source.reading == 0 and not world.shelf.watchers)
    assert world.poller._following == {}
    await world.poller.stop()
    assert world.source.closed == 1


async def test_one_that_is_dropped_while_everything_stops_is_waited_for(world: World) -> None:
    await world.start("a")
    world.poller.drop(world.source.id)
    await world.poller.stop()
    assert (world.source.reading, world.source.closed) == (0, 1)


async def test_one_that_takes_anothers_place_is_followed_and_the_other_no_more(world: World) -> None:
    await world.start("a")
    other = Boxes(world.source.port)
    world.poller.add([other])
    await until(lambda: other.reading == 1 and world.source.reading == 0 and len(world.shelf.watchers) == 1)
    world.poller.refresh()
    await until(lambda: world.shelf.asked.count("list") == 3 and world.shelf.watchers)
    await world.poller.stop()
    assert (other.reading, other.closed, world.source.closed) == (0, 1, 1)


async def test_a_snapshot_never_follows(world: World) -> None:
    world.shelf.boxes = ["a"]
    await world.poller.once([world.source], timeout=10)
    assert (world.shelf.asked, world.boxes()) == (["list"], {"a"})
    assert (world.record.following, world.record.next_due, world.record.state) == (False, None, State.OK)


async def test_what_was_answered_in_part_is_polled_on_its_cadence_and_not_followed(world: World) -> None:
    world.source.partial = True
    world.poller.add([world.source])
    await asyncio.wait_for(world.poller.settled(), 10)
    await until(lambda: not world.record.polling)
    assert (world.record.state, world.record.following) == (State.PARTIAL, False)
    assert world.record.next_due is not None
    assert world.shelf.asked == ["list"]


async def test_one_that_cannot_be_followed_by_a_defect_of_ours_is_partial_and_is_polled_again(world: World) -> None:
    class Broken(Boxes):
        tries = 0

        def follow(self) -> AsyncGenerator[News, None]:
            self.tries += 1
            if self.tries < 3:
                raise KeyError("watch")
            return super().follow()

    world.source = Broken(world.source.port)
    await world.start("a")
    assert (State.PARTIAL, False) in world.stood
    assert (world.record.state, world.boxes()) == (State.OK, {"a"})


async def test_one_that_is_told_without_end_stops_at_once_when_it_is_asked_or_all_ends(world: World) -> None:
    class Endless(Boxes):
        following = 0

        async def follow(self) -> AsyncGenerator[News, None]:
            self.following += 1
            try:
                while True:
                    yield Batch((self.box("b"),))
            finally:
                self.following -= 1

    world.source = source = Endless(world.source.port)
    world.poller.add([source])
    await until(lambda: source.following == 1 and world.box("b"))
    world.poller.refresh()
    await until(lambda: world.shelf.asked.count("list") == 2 and source.following == 1)
    await world.poller.stop()
    assert source.following == 0
