"""New failures are asked about by themselves, within a budget, and everything else when somebody wants to know."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from posture.controls.registry import registry
from posture.fault import Fault, FaultKind, Refused
from posture.model import Model
from posture.policy import Policy
from posture.reports import Batch, Complete
from posture.resource import Encryption, Resource
from posture.who import Change, Outcome, Trail, Who, event
from providers.collector.frames import Notice, WhoTold
from providers.collector.poller import Poller
from providers.collector.who import ATTEMPTS, MOST_ASKED, MOST_WAITING, Whos
from providers.source import Source, Yield
from tests.providers.conftest import until

ENCRYPTED = "aws.ebs.volume-encrypted"


class Volumes(Source):
    """Volumes by number, of which some are plaintext; it counts who asks who changed them."""

    service = "ebs"
    tells_who = True

    def __init__(self) -> None:
        super().__init__("acme", "aws", "1", 60.0)
        self.plain: set[int] = set()
        self.asked: list[Change] = []
        self.refuses = False
        self.late = self.silent = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """All in one page; of the seventh it is not told how it is while it is silent."""
        yield Batch.of(self.volume(number) for number in range(600))
        yield Complete(("aws.ebs.volume",))

    def volume(self, number: int) -> Resource:
        on = number not in self.plain
        return self.resource(
            id=f"vol-{number}",
            kind="volume",
            type="aws.ebs.volume",
            name=f"v{number}",
            fields={"State": "in-use"} | ({} if self.silent and number == 7 else {"Encrypted": on}),
            encryption=Encryption(on),
        )

    async def who(self, change: Change) -> Trail | Who:
        self.asked.append(change)
        await self.gate.wait()
        if self.refuses:
            raise Refused(Fault(FaultKind.DENIED, "AccessDenied", "trail:Ask", permission="trail:Ask"))
        events = () if self.late else (event(name="ec2:CreateVolume", at=change.since, actor="alice"),)
        return Trail(name="the trail", events=events, keeps=90 * 86400.0, lag=3600.0)


class World:
    """A model, a poller on one source, and who asks about it; the clock is the test's."""

    def __init__(self) -> None:
        self.at = 1_800_000_000.0
        self.source = Volumes()
        self.model = Model(registry(), {"acme": Policy()}, self.at)
        self.poller = Poller(self.model, lambda: None, lambda: self.at)
        self.whos = Whos(self.model, self.poller.source, lambda: self.at, between=0.0)

    async def poll(self) -> None:
        """Once, a minute later."""
        if self.model.sources:
            self.at += 60
            self.poller.refresh()
            await until(
                lambda: all(one.last_attempt == self.at and not one.polling for one in self.model.sources.values())
            )
        else:
            self.poller.add([self.source])
            await self.poller.settled()
        self.model.tick(self.at)
        self.whos.note(self.model.drain())

    def numbers(self) -> list[str]:
        return [change.resource.id for change in self.source.asked]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Polled once, and at work."""
    made = World()
    await made.poll()
    made.whos.begin()
    running = asyncio.create_task(made.whos.run())
    yield made
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    await made.whos.stop()
    await made.poller.stop()


async def rest() -> None:
    """Let whoever has something to do do it."""
    for _ in range(200):
        await asyncio.sleep(0)


async def test_of_500_new_failures_the_newest_are_asked_about_and_the_rest_when_somebody_wants_to_know(
    world: World,
) -> None:
    world.source.gate.clear()
    world.source.plain = set(range(500))
    await world.poll()
    world.source.plain |= {555}
    await world.poll()
    await rest()
    world.source.gate.set()
    await until(lambda: not world.whos._waiting)
    await rest()
    asked = world.numbers()
    assert "vol-555" in asked[:3], "the newest go first"
    assert MOST_WAITING <= len(asked) <= MOST_WAITING + 1
    never = next(id for number in range(500) if (id := f"vol-{number}") not in asked)
    who = await world.whos.ask(never, ENCRYPTED)
    assert who is not None
    assert who.outcome is Outcome.FOUND


async def test_what_failed_at_the_first_look_is_not_new() -> None:
    other = World()
    other.source.plain = set(range(500))
    await other.poll()
    other.whos.begin()
    running = asyncio.create_task(other.whos.run())
    await other.poll()
    await rest()
    running.cancel()
    assert other.source.asked == []
    await other.poller.stop()


async def test_the_time_in_which_it_changed_begins_with_the_poll_that_saw_it_otherwise(world: World) -> None:
    await world.poll()
    before = world.at
    world.source.plain = {7}
    await world.poll()
    await until(lambda: world.source.asked)
    change = world.source.asked[0]
    assert change.since == world.at
    assert change.after is not None
    assert before - 1 <= change.after <= before


async def test_what_became_so_while_nobody_saw_it_lies_after_it_was_seen_last(world: World) -> None:
    await world.poll()
    before = world.at
    for silent in (True, False):
        world.source.silent = silent
        world.source.plain = {7}
        await world.poll()
        world.at += 600
        await world.poll()
    await until(lambda: world.source.asked)
    change = world.source.asked[0]
    assert change.after is not None
    assert before - 1 <= change.after <= before < change.since - 600


async def test_the_answer_is_there_when_the_page_is_opened_and_gone_with_the_finding(world: World) -> None:
    world.source.plain = {7}
    await world.poll()
    await until(lambda: list(world.whos.answers("vol-7")))
    assert {told.control for told in world.whos.answers("vol-7")} == {ENCRYPTED}
    world.source.plain = set()
    await world.poll()
    assert list(world.whos.answers("vol-7")) == []


async def test_a_trail_that_refuses_is_not_asked_again_by_itself(world: World) -> None:
    world.source.refuses = True
    world.source.plain = {1}
    await world.poll()
    await until(lambda: list(world.whos.answers("vol-1")))
    await rest()
    asked = len(world.source.asked)
    world.source.plain = set(range(50))
    await world.poll()
    await rest()
    assert len(world.source.asked) == asked
    who = await world.whos.ask("vol-9", ENCRYPTED)
    assert who is not None
    assert (who.outcome, who.mend) == (Outcome.NOT_PERMITTED, "allow trail:Ask")


async def test_what_is_not_there_yet_is_asked_again_so_often_and_no_more(world: World) -> None:
    world.source.late = True
    world.source.plain = {7}
    await world.poll()
    for _ in range(2 * ATTEMPTS):
        await until(lambda: not world.whos._waiting)
        await rest()
        world.at += 1000
    assert len(world.source.asked) == ATTEMPTS


async def test_a_question_is_asked_once_at_a_time_and_many_are_bounded(world: World) -> None:
    told: list[WhoTold | Notice] = []

    async def tell(frame: WhoTold | Notice) -> None:
        told.append(frame)

    world.source.gate.clear()
    for _ in range(3):
        world.whos.wanted("vol-1", ENCRYPTED, tell)
    await rest()
    assert len(world.source.asked) == 1
    for number in range(100):
        world.whos.wanted(f"vol-{number}", ENCRYPTED, tell)
    await rest()
    world.source.gate.set()
    await until(lambda: not world.whos._asked)
    assert len(told) <= MOST_ASKED
    world.whos.wanted("vol-none", ENCRYPTED, tell)
    await until(lambda: isinstance(told[-1], Notice))


@pytest.mark.parametrize("fails", [KeyError("x"), TimeoutError("x")])
async def test_a_defect_is_no_answer_and_ends_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, fails: Exception
) -> None:
    async def broken(change: Change) -> Trail:
        raise fails

    monkeypatch.setattr(world.source, "who", broken)
    who = await world.whos.ask("vol-1", ENCRYPTED)
    assert who is not None
    assert who.outcome is Outcome.NOT_YET
    assert who.event is None
