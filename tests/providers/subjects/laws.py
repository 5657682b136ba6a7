"""The laws of a system, as functions that return what is wrong: each is held against a whole room through a loopback
port that goes wrong when told to.
"""

import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from socketserver import BaseServer
from typing import Any, cast

import msgspec
import psutil
import pytest

from posture.clock import Seconds, Utc, parse_rfc3339
from posture.controls.registry import registry
from posture.fault import Fault, FaultKind, Refused
from posture.reports import Batch, NotRead, ReadRefused
from posture.who import Change
from providers.cadence import Cadence
from providers.collector.config import parse
from providers.limits import USUAL, Limits
from providers.source import TALLY, Children, Source, Tally
from providers.system import Setup, called
from providers.threads import Threads, _Crew
from tests.matrix import front as front_module
from tests.matrix.faults import FAULTS
from tests.matrix.front import Front, Line, session
from tests.matrix.limits import SHORT
from tests.providers.subjects.subject import Subject

BOUND: Seconds = 60.0
"""Of anything that is waited for: a bound on a hang, not a measure."""
AHEAD: Seconds = 400 * 86400.0
ROUNDS = 30
"""Of polls until every source was polled after those it waits for."""
FAULTY = ("denied", "expired", "gone and back", "truncated", "reset in mid-body")
"""Faults of the matrix that every single source is held against."""
DEPTHS = (1, 2, 3, 4, 6, 9, 13, 20, 40)
"""At which of its questions a poll is dropped."""


class Poll(msgspec.Struct):
    """What one poll of one source came to."""

    reports: list[Any] = []
    refused: Fault | None = None
    error: Exception | None = None
    calls: int = 0

    def faults(self) -> list[Fault]:
        """Every refusal that it told, of a read, of a row or of all."""
        told = [self.refused] if self.refused is not None else []
        for report in self.reports:
            if isinstance(report, ReadRefused):
                told.append(report.fault)
            elif isinstance(report, Batch | NotRead):
                told += [fault for resource in report.resources for fault in resource.faults.values()]
        return told


class Stage:
    """A system's sources, opened by its declaration and asked one by one, behind a front. `place` is what a fault of
    the matrix takes hold of.
    """

    def __init__(
        self, subject: Subject, front: Front, now: Callable[[], Utc], *, everything: bool = True, limits: Limits = USUAL
    ) -> None:
        self.subject, self.front, self.system = subject, front, subject
        text = f'[[tenant]]\nname = "acme"\n{subject.settings(front.port, everything=everything)}'
        setup = Setup(version="test", cadence=Cadence(cold=0.0), now=now, limits=limits)
        blocks = parse(text, "test").blocks(subject.system.name)
        self.sources: list[Source] = list(called(subject.system.open)(setup, blocks))

    async def walk(self) -> dict[str, Poll]:
        """Poll every source once, parents before their children and after those it waits for; the children join."""
        polls: dict[str, Poll] = {}
        for _ in range(ROUNDS):
            known = {source.id for source in self.sources}
            ready = [
                source
                for source in self.sources
                if source.id not in polls and not any(each in known and each not in polls for each in source.after)
            ]
            if not ready:
                break
            for source in ready:
                polls[source.id] = made = await polled(source)
                for report in made.reports:
                    if isinstance(report, Children):
                        self.sources += [each for each in report.sources if each.id not in known]
                        known |= {each.id for each in report.sources}
        assert polls.keys() >= {source.id for source in self.sources}, "sources wait for each other"
        return polls

    async def close(self) -> None:
        """As the poller does at the end."""
        for source in self.sources:
            await source.close()


async def polled(source: Source) -> Poll:
    """One poll to its end, as the poller makes it."""
    made, tally = Poll(reports=[]), Tally()
    TALLY.set(tally)
    try:
        async with contextlib.aclosing(source.poll()) as reports:
            async for report in reports:
                made.reports.append(report)
    except Refused as refused:
        made.refused = refused.fault
    except Exception as error:  # noqa: BLE001 - what is looked for
        made.error = error
    made.calls = tally.calls
    return made


async def followed(source: Source) -> None:
    """What changes after a poll, read to its end, as the poller reads it."""
    TALLY.set(Tally())
    news = source.follow()
    if news is not None:
        async with contextlib.aclosing(news) as reports:
            async for _ in reports:
                pass


@contextlib.asynccontextmanager
async def staged(
    subject: Subject, now: Callable[[], Utc] = time.time, *, everything: bool = True, limits: Limits = USUAL
) -> AsyncIterator[Stage]:
    """The subject behind a front, until the block ends."""
    asyncio.get_running_loop().set_default_executor(Threads(8, "calls"))
    async with session() as http:
        front = Front(("127.0.0.1", subject.port), http if subject.http else None)
        await front.open()
        stage = Stage(subject, front, now, everything=everything, limits=limits)
        try:
            yield stage
        finally:
            front.wrong = None
            await front.close()
            await stage.close()


# ------------------------------------------------------------ what is asked


async def asks_otherwise_than_printed(subject: Subject, *, everything: bool) -> list[str]:
    """What is asked and not granted, and what is granted and never asked."""
    async with staged(subject, everything=everything) as stage:
        subject.forget()
        stage.front.wrong = subject.overhears
        polls = await stage.walk()
        wrong = [f"{id}: {fault}" for id, poll in polls.items() for fault in poll.faults()]
        await wondered(stage, polls)
    asked, granted = subject.asked() - subject.free, subject.granted(everything=everything)
    wrong += [f"asked and not granted: {one}" for one in sorted(asked - granted)]
    return wrong + [f"granted and never asked: {one}" for one in sorted(granted - asked - subject.spare)]


async def wondered(stage: "Stage", polls: Mapping[str, Poll]) -> None:
    """Ask who changed the first resource of which its system can tell."""
    TALLY.set(Tally())
    for source in stage.sources:
        batches = (report for report in polls[source.id].reports if isinstance(report, Batch))
        for resource in (one for batch in batches for one in batch.resources):
            events = next((control.events for control in registry().for_type(resource.type) if control.events), ())
            change = Change(resource=resource, events=events, since=time.time(), asked_at=time.time())
            with contextlib.suppress(Refused):
                await source.who(change)
            if TALLY.get().calls:
                return


async def reads_beyond(subject: Subject) -> list[str]:
    """Sources that are answered in full though no answer may be longer than a byte: they read without the limits of
    their `Setup`. What is no http has bounds of its own.
    """
    async with staged(subject, limits=msgspec.structs.replace(SHORT, most_bytes=1)) as stage:
        polls = await stage.walk() if subject.http else {}
    return [f"{id} reads more than it may" for id, poll in polls.items() if poll.calls and not poll.faults()]


# ------------------------------------------------------------ what goes wrong


async def tells_badly(subject: Subject, name: str) -> list[str]:
    """Sources that raise anything but `Refused` while a fault lasts, say nothing of it, say it badly, or do not answer
    in full once it is over.
    """
    fault = next(each for each in FAULTS if each.name == name)
    wrong: list[str] = []
    async with staged(subject, limits=SHORT) as stage:
        before = await stage.walk()
        wrong += [f"{id} is not healthy: {poll.error or poll.faults()[0]}" for id, poll in before.items() if _bad(poll)]
        place = cast(Any, stage)
        if not await subject.begin(name, stage):
            await fault.begin(place)
        for source in stage.sources:
            tasks = asyncio.all_tasks()
            async with asyncio.timeout(BOUND):
                made = await polled(source)
            wrong += [f"{source.id} leaves {each}" for each in await _left(tasks)]
            if before[source.id].calls or not subject.http:
                wrong += [
                    f"{source.id}: {each}"
                    for each in _told(made, fault.kinds, silent=(name, source.service) in subject.finds)
                ]
        stage.front.wrong = None
        await fault.end(place)
        for _ in range(ROUNDS):
            after = {source.id: await polled(source) for source in stage.sources}
            if not any(_bad(poll) for poll in after.values()):
                break
            await asyncio.sleep(0.2)  # what was throttled is held back for a second
        wrong += [f"{id} is not back: {poll.error or poll.faults()[0]}" for id, poll in after.items() if _bad(poll)]
    return wrong


def _bad(poll: Poll) -> bool:
    return poll.error is not None or bool(poll.faults())


def _told(made: Poll, kinds: frozenset[FaultKind], *, silent: bool) -> Iterator[str]:
    if made.error is not None:
        yield f"raises {type(made.error).__name__}: {made.error}"
    told = made.faults()
    if not made.calls and not told:
        return  # it had nothing to ask
    if not told and not silent and made.error is None:
        yield "says nothing of it"
    for fault in told:
        if fault.kind not in kinds:
            yield f"speaks of {fault.kind}: {fault} {fault.message}"
        if not fault.message or "\n" in fault.message:
            yield f"has no line for it: {fault} {fault.message!r}"


# ------------------------------------------------------------ what is left


async def leaves_behind(subject: Subject) -> list[str]:
    """Tasks, threads and connections that are there after a poll was dropped in the middle, at each of its first
    questions, or while it was followed; for every source.
    """
    wrong: list[str] = []
    threads = set(threading.enumerate())
    async with staged(subject) as stage:
        await stage.walk()
        for source in stage.sources:
            for depth in DEPTHS:
                left = await _dropped(stage, source, depth)
                if left is None:
                    break
                wrong += [f"{type(source).__name__} at question {depth}: {each}" for each in left]
            await polled(source)
            left = await _dropped(stage, source, 1, followed)
            wrong += [f"{type(source).__name__} while followed: {each}" for each in left or ()]
        for source in stage.sources:
            await polled(source)
        await stage.close()
        wrong += await _connections(stage.front.port)
    return wrong + [f"thread {thread.name}" for thread in set(threading.enumerate()) - threads if not _known(thread)]


def _known(thread: threading.Thread) -> bool:
    """Whether it is of a pool of ours, or of a stand-in."""
    return isinstance(getattr(getattr(thread, "_target", None), "__self__", None), _Crew | BaseServer)


async def _dropped(
    stage: Stage, source: Source, depth: int, read: Callable[[Source], Coroutine[Any, Any, object]] = polled
) -> list[str] | None:
    """The tasks that are left of a poll that is dropped there; None where the poll ended before."""
    before, stuck, count = asyncio.all_tasks(), asyncio.Event(), 0

    async def hang(line: Line) -> bool:
        nonlocal count
        count += 1
        if count >= depth:
            stuck.set()
            await line.left()
            return False
        if line.request is None:
            await line.front.carry(line)
            return False
        await line.answer(await line.truth())
        return True

    stage.front.wrong = hang
    poll, waits = asyncio.ensure_future(read(source)), asyncio.create_task(stuck.wait())
    await asyncio.wait({poll, waits}, timeout=BOUND, return_when=asyncio.FIRST_COMPLETED)
    waits.cancel()
    ended = poll.done()
    poll.cancel()
    await asyncio.wait({poll, waits}, timeout=BOUND)
    left = await _left(before)
    stage.front.drop()  # a call that blocks in a thread ends
    stage.front.wrong = None
    return None if ended else left


async def _left(before: "set[asyncio.Task[Any]]") -> list[str]:
    """Tasks that were not there before and do not end by themselves at once; they end now."""
    for _ in range(3):
        await asyncio.sleep(0)
    left = [task for task in asyncio.all_tasks() - before if not _of_front(task)]
    for task in left:
        task.cancel()
    return [f"task {getattr(task.get_coro(), '__qualname__', task)}" for task in left]


def _of_front(task: "asyncio.Task[Any]") -> bool:
    """Whether it is of the server in front: its own code, or a connection that it is just taking (asyncio's)."""
    code = getattr(task.get_coro(), "cr_code", None)
    accepting = code is not None and code.co_name == "_accept_connection2"
    return accepting or (code is not None and code.co_filename == front_module.__file__)


async def _connections(port: int) -> list[str]:
    """To a port of loopback, and once all that is on its way had its time to end."""
    end = time.monotonic() + 5.0
    while True:
        held = [
            f"connection {one.laddr.port}->{port} {one.status}"
            for one in psutil.Process().net_connections("tcp")
            if one.raddr and one.raddr.port == port
        ]
        if not held or time.monotonic() > end:
            return held
        await asyncio.sleep(0.02)


# ------------------------------------------------------------ what time it is


async def reads_the_clock(subject: Subject) -> list[str]:
    """Where a room asks the machine for the time, and what its reports carry of it, while it is told another."""
    read: dict[str, None] = {}
    real = time.time
    whose = called(subject.system.open).__module__.rpartition(".")[0]

    def watched() -> float:
        frame = sys._getframe(1)
        module, name = str(frame.f_globals.get("__name__", "")), frame.f_code.co_qualname
        if module.startswith(whose) and name not in subject.clocks:
            read[f"{module}:{name} reads the clock"] = None
        return real()

    with pytest.MonkeyPatch.context() as patch:
        async with staged(subject, lambda: real() + AHEAD) as stage:
            patch.setattr(time, "time", watched)
            began = real()
            polls = await stage.walk()
    carried = {
        f"{id} carries {path}": None
        for id, poll in polls.items()
        for report in poll.reports
        if not isinstance(report, Children)
        for path, at in _times(msgspec.to_builtins(report, enc_hook=str))
        if began <= at <= real()
    }
    return [*read, *carried]


def _times(value: Any, path: str = "") -> Iterator[tuple[str, Utc]]:
    match value:
        case dict():
            for name, inner in value.items():
                yield from _times(inner, f"{path}.{name}")
        case list() | tuple():
            for inner in value:
                yield from _times(inner, path)
        case bool():
            return
        case int() | float():
            yield path, float(value)
        case str():
            with contextlib.suppress(ValueError):
                yield path, parse_rfc3339(value)
