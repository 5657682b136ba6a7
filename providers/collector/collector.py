"""The collector: polls, keeps the model, judges, and streams what moved. One process, apart from any screen.

`python -m providers.collector` speaks frames on its standard output and listens for asks on its standard input, whose
end is its own.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from posture import memory
from posture.clock import Seconds, Utc
from posture.controls.registry import registry
from posture.fault import EnctopError
from posture.filter import parse
from posture.model import Model
from posture.snapshot import take
from providers.collector.blast import blast_radius
from providers.collector.comparing import compared
from providers.collector.config import Config
from providers.collector.exporting import exported
from providers.collector.frames import (
    Ask,
    AskWho,
    Blast,
    BlastRadius,
    Compare,
    Compared,
    Decoder,
    Encoder,
    Export,
    Frame,
    Hello,
    Notice,
    Open,
    Pause,
    Refresh,
    Settled,
)
from providers.collector.history import keeper
from providers.collector.history.history import History
from providers.collector.poller import Poller
from providers.collector.promised import EVERY
from providers.collector.publisher import Publisher
from providers.collector.systems import open_systems
from providers.collector.version import enctop_version
from providers.collector.who import Whos
from providers.limits import USUAL, Limits
from providers.source import Source
from providers.threads import Threads

log = logging.getLogger(__name__)

GATHER: Seconds = 0.03
"""Changes are gathered this long before they are sent: a frame of a screen, not more."""
NICE = 5
"""The collector yields to the screen where both want a core."""
SLICE = 2000
"""Resources judged at a stretch; about 30 ms."""
BACKLOG = 20_000
"""Resources that may wait for the end of a snapshot to be judged; about a third of a second. Most accounts have
fewer, and each is judged once.
"""
LONGEST_NAP: Seconds = 30.0
"""The clock is looked at so often though nothing was reported: it may have been set, or have gone on while the
machine slept.
"""
_others = Threads(8, "calls")
"""For what asyncio itself does in threads: a name that does not resolve must not keep the process from ending
either.
"""


class Collector:
    """A model, what feeds it, and what it tells."""

    def __init__(
        self,
        config: Config,
        *,
        file: Path | None = None,
        simulated: bool = False,
        now: Callable[[], Utc] = time.time,
        limits: Limits = USUAL,
    ) -> None:
        self.config, self.file, self.limits = config, file, limits
        self.simulated = simulated
        self._now = now
        self.model = Model(registry(), {tenant.name: tenant.policy for tenant in config.tenant}, now())
        self._moved = asyncio.Event()
        self.poller = Poller(self.model, self._moved.set, now, limits)
        self.version = enctop_version()

    @cached_property
    def whos(self) -> Whos:
        """Who asks who changed what."""
        return Whos(self.model, self.poller.source, self._now)

    def sources(self) -> list[Source]:
        """The first sources of all that is configured."""
        return open_systems(self.config, self.version, self._now, self.limits, self.model.links.doors.of)

    async def once(self, timeout: Seconds, then: Callable[[], Awaitable[None]] | None = None) -> None:
        """Poll everything one time, for a snapshot; `then` is done before the sources are let go."""
        collect_garbage_seldom()
        asyncio.get_running_loop().set_default_executor(_others)
        if not self.simulated:
            self.model.recall(keeper.recall(self.config, self.file, self._now()))
        judging = asyncio.create_task(self._judge())
        try:
            await self.poller.once(self.sources(), timeout, then)
        finally:
            judging.cancel()
        self.model.tick(self._now())

    async def _judge(self) -> None:
        """Judge while it is asked, what is more than a while's work: an endless listing would else leave minutes of
        it for after the timeout.
        """
        while True:
            await asyncio.sleep(GATHER)
            while self.model.unsettled > BACKLOG:
                self.model.settle(SLICE)
                await asyncio.sleep(0)

    async def stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Poll until the reader ends, and write frames as the model moves."""
        collect_garbage_seldom()
        asyncio.get_running_loop().set_default_executor(_others)
        encoder, publisher = Encoder(), Publisher(self.model)

        async def send(*frames: Frame) -> None:
            for frame in frames:
                writer.write(encoder.encode(frame))
            await writer.drain()

        await send(Hello(self.version, tuple(sorted(self.model.policies)), self.simulated, self._now()))
        history = History(self.config, self.file, self._now, kept=not self.simulated)
        keeping = keeper.Keeper(history, self.model, self._now)
        painted = False
        async for known in keeping.restore():
            self.model.restore(known, self._now())
            if not painted:  # the worst at once; the rest is judged together, with what it points at
                self.model.settle()
                moved = self.model.moved()
                keeping.take(moved)
                await send(*publisher.frames(moved))
                painted = True
        self._moved.set()
        self.poller.add(self.sources())
        try:
            async with asyncio.TaskGroup() as jobs:
                settled = jobs.create_task(self._settled(keeping.restored))
                jobs.create_task(keeping.keep(send, settled))
                jobs.create_task(self._publish(publisher, keeping, send, settled))
                jobs.create_task(_collect_garbage(settled))
                jobs.create_task(self.whos.run())
                jobs.create_task(self._listen(reader, publisher, keeping, send))
        except* (_Left, ConnectionError):
            log.info("the viewer left")
        finally:
            await keeping.end()
            await self.whos.stop()
            await self.poller.stop()

    async def _publish(
        self, publisher: Publisher, keeping: keeper.Keeper, send: "Send", settled: asyncio.Task[None]
    ) -> None:
        told = False
        while True:
            await self._awaken(EVERY if publisher.promised.waiting else LONGEST_NAP)
            self._moved.clear()
            all_answered = settled.done()
            self.model.wake(self._now())
            settled_all = False
            # in slices: a key that 50,000 volumes hang on must not keep asks and signals waiting for seconds
            while not settled_all:
                settled_all = self.model.settle(SLICE)
                moved = self.model.moved()
                keeping.take(moved)
                self.whos.note(moved)
                for frame in publisher.frames(moved):
                    await send(frame)
                await asyncio.sleep(0)
            if all_answered and not told:  # after what the last of them reported
                told = True
                self.whos.begin()
                await send(Settled())
                collect_garbage_of_hours()
            await asyncio.sleep(GATHER)

    async def _awaken(self, longest: Seconds) -> None:
        """Until something was reported, or time alone changes a verdict; not for longer than this."""
        wakes_at = self.model.wakes_at()
        nap = longest if wakes_at is None else wakes_at - self._now()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(max(0.05, nap), longest)):
                await self._moved.wait()

    async def _settled(self, restored: Sequence[str]) -> None:
        await self.poller.settled()
        self.poller.forget(restored)
        self._moved.set()

    async def _listen(
        self, reader: asyncio.StreamReader, publisher: Publisher, keeping: keeper.Keeper, send: "Send"
    ) -> None:
        decoder = Decoder(Ask)
        async for ask in decoder.read_from(reader):
            match ask:
                case Open():
                    await send(await keeping.told(publisher.detail(ask.id)), *self.whos.answers(ask.id))
                case AskWho():
                    self.whos.wanted(ask.id, ask.control, send)
                case Blast():
                    await send(await self._blast(ask))
                case Compare():
                    await send(await self._compare(ask))
                case Refresh():
                    self.poller.refresh(ask.source)
                case Pause():
                    self.poller.pause(ask.on)
                case Export():
                    await send(self._export(ask))
        raise _Left

    async def _blast(self, ask: Blast) -> BlastRadius:
        """In steps: what 100,000 resources hang on must not keep the polls waiting."""
        steps = blast_radius(self.model, ask.id, ask.most)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                found: BlastRadius = end.value
                return found
            await asyncio.sleep(0)

    async def _compare(self, ask: Compare) -> Compared:
        """In a thread, but for the model: two snapshots of 100,000 resources take seconds."""
        taken = take(self.model, self._now(), self.version, simulated=self.simulated)
        return await asyncio.to_thread(compared, ask, taken)

    def _export(self, ask: Export) -> Notice:
        try:
            parse(ask.query)
            return exported(
                ask.path, take(self.model, self._now(), self.version, query=ask.query, simulated=self.simulated)
            )
        except EnctopError as error:
            return Notice("error", str(error))


def collect_garbage_seldom() -> None:
    """Nothing of what is read becomes garbage in cycles; looking for it costs a tenth of the CPU of reading and a third
    of that of judging.
    """
    gc.set_threshold(50_000, 10, 10)
    memory.share_one_arena()


def collect_garbage_of_hours() -> None:
    """From when all has been read: some 2,000 objects a minute do become garbage in cycles (exceptions, connections),
    and seldom is once in hours then. What is loaded stays, and is not looked at.
    """
    gc.freeze()
    gc.set_threshold(20_000, 3, 3)


async def _collect_garbage(settled: asyncio.Task[None]) -> None:
    """Every minute, once all that is loaded has been set aside, in some 10 ms with the simulated tenants. By the
    thresholds it is once in two hours, and what waits for it, 6 MB, leaves holes that are never given back.
    """
    await asyncio.wait([settled])
    while True:
        await asyncio.sleep(memory.EVERY)
        gc.collect()
        memory.give_back()


class _Left(Exception):
    """Nobody listens any more."""


Send = Callable[..., Coroutine[None, None, None]]


def own_output() -> BinaryIO:
    """Standard output, for nobody but the caller: whatever else writes there writes to standard error from now on,
    for a stray line would break the frames.
    """
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return out


async def over_pipes(
    run: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]], out: BinaryIO
) -> None:
    """Give `run` standard input and the output that `own_output` saved as streams."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, out)
    writer = asyncio.StreamWriter(transport, protocol, None, loop)
    task = asyncio.create_task(run(reader, writer))
    for sig in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        loop.add_signal_handler(sig, task.cancel)
    with contextlib.suppress(asyncio.CancelledError, ConnectionError):
        await task
