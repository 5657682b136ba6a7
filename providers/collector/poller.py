"""The loop that asks: every source on its cadence, one poll of it at a time, never all at once."""

import asyncio
import contextlib
import logging
import random
import time
import traceback
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from pathlib import Path

import msgspec

from posture.clock import Seconds, Utc
from posture.fault import Fault, FaultKind, Refused
from posture.model import Model
from posture.reports import ReadRefused
from posture.source import State
from providers.limits import USUAL, Limits
from providers.refusals import told
from providers.source import TALLY, Children, News, Source, Tally, Yield

log = logging.getLogger(__name__)

_HOME = Path(__file__).parents[2]
JITTER = 0.1
"""Each wait is up to this share shorter than the cadence, so that sources drift apart instead of polling together."""
_MAY_PASS = frozenset({FaultKind.UNREACHABLE, FaultKind.THROTTLED, FaultKind.ERROR, FaultKind.EXPIRED})


class Poller:
    """Keeps the sources polled and the model fed.

    `moved` is called whenever the model may have changed. `now` gives UTC seconds.
    """

    def __init__(
        self, model: Model, moved: Callable[[], None], now: Callable[[], Utc] = time.time, limits: Limits = USUAL
    ) -> None:
        self._model = model
        self._first_retry = limits.first_retry
        self._moved = moved
        self._now = now
        self._sources: dict[str, Source] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._asked: dict[str, asyncio.Event] = {}
        self._first: dict[str, asyncio.Event] = {}
        self._children: dict[str, tuple[str, ...]] = {}
        self._failures: dict[str, tuple[int, Fault]] = {}
        self._tallies: dict[str, Tally] = {}
        self._following: dict[str, asyncio.Timeout] = {}
        self._cut_short: Counter[str] = Counter()
        self._ending: set[asyncio.Task[None]] = set()
        self._restored: set[str] = set()
        self._left: list[Source] = []
        self._go = asyncio.Event()
        self._go.set()
        self._once = False
        self._patience: Seconds | None = None

    # ------------------------------------------------------------ what callers do

    def add(self, sources: Iterable[Source]) -> None:
        """Poll these from now on. A source of the same id is replaced, and keeps its rows."""
        for source in sources:
            old = self._tasks.pop(source.id, None)
            if old is not None:
                self._end(old)
                self._leave(source.id, source)
            self._sources[source.id] = source
            self._model.add_source(source.record())
            self._asked[source.id] = asyncio.Event()
            self._first.setdefault(source.id, asyncio.Event())
            self._tasks[source.id] = asyncio.create_task(self._run(source), name=source.id)
        self._moved()

    def drop(self, source_id: str) -> None:
        """Poll this no more; what only it reported goes."""
        for child in self._children.pop(source_id, ()):
            self.drop(child)
        task = self._tasks.pop(source_id, None)
        if task is None:
            return
        self._end(task)
        self._leave(source_id)
        del self._sources[source_id], self._asked[source_id]
        self._failures.pop(source_id, None)
        self._tallies.pop(source_id, None)
        self._cut_short.pop(source_id, None)
        self._first.pop(source_id).set()
        self._model.drop_source(source_id, self._now())
        self._moved()

    def forget(self, restored: Iterable[str]) -> None:
        """Drop the sources of an earlier run that nobody asks now, as soon as what could name them has said which
        there are.
        """
        self._restored = set(restored)
        self._sweep()

    def _sweep(self) -> None:
        heard = {State.OK, State.PARTIAL}
        silent = {
            tuple(name.split("/")[:2])
            for name in self._sources
            if name not in self._children and self._model.sources[name].state not in heard
        }
        for name in sorted(self._restored):
            if name in self._sources or name not in self._model.sources:
                self._restored.discard(name)
            elif tuple(name.split("/")[:2]) not in silent:
                self._restored.discard(name)
                self._model.drop_source(name, self._now())
                self._moved()

    def refresh(self, source_id: str | None = None) -> None:
        """Poll one source now, or all; one that is being polled is polled again after that, for what it has read may
        be older than the ask. One that is followed is polled, and followed again.
        """
        for name, asked in self._asked.items():
            if source_id in (None, name):
                asked.set()
                self._follow_no_more(name)

    def pause(self, on: bool) -> None:
        """Start no more polls and follow nothing, or go on; polls under way end, and what was followed is polled."""
        if on:
            self._go.clear()
            for name in list(self._following):
                self._follow_no_more(name)
        else:
            self._go.set()

    def source(self, source_id: str) -> Source | None:
        """The source of this id that is polled."""
        return self._sources.get(source_id)

    async def settled(self, *, but_last: bool = False) -> None:
        """Wait until every source, children included, has answered or failed once; `but_last`: those that wait for
        these themselves excepted.
        """
        while True:
            waiting = [
                event.wait()
                for name, event in list(self._first.items())
                if not event.is_set() and not (but_last and self._sources[name].last)
            ]
            if not waiting:
                return
            await asyncio.gather(*waiting)

    async def once(
        self, sources: Iterable[Source], timeout: Seconds, then: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Poll each source and its children one time. What has not ended after `timeout` seconds is recorded as
        unreachable. `then` is done before the sources are let go.
        """
        self._once, self._patience = True, timeout / 2
        self.add(sources)
        try:
            await self._within(timeout)
            if then is not None:
                await then()
        finally:
            await self.stop()
        for source in self._sources.values():
            for report in source.afterwards():
                self._model.apply(source.id, report, self._now())

    async def _within(self, timeout: Seconds) -> None:
        try:
            async with asyncio.timeout(timeout):
                await self.settled()
        except TimeoutError:
            log.warning("not everything answered within %g s", timeout)
            for name, event in self._first.items():
                if not event.is_set():
                    self._cut_off(name, timeout)

    def _cut_off(self, name: str, timeout: Seconds) -> None:
        """End a poll whose time is over: what it has named so far stands there with the reason."""
        tally = self._tallies.get(name) or Tally()
        fault = Fault(FaultKind.UNREACHABLE, "Timeout", "enctop", f"no answer within {timeout:g} s")
        if tally.held is not None:
            asked = f", the server asks to wait {tally.held.retry_after:g} s" if tally.held.retry_after else ""
            told = f"throttled{asked}, and not answered within {timeout:g} s"
            fault = msgspec.structs.replace(
                tally.held, message=f"{told}: {tally.held.message}" if tally.held.message else told
            )
        for report in self._sources[name].unasked(fault):
            self._model.apply(name, report, self._now())
        self._model.finish(name, self._now(), fault=fault, calls=tally.calls, seconds=timeout, next_due=None)

    async def stop(self) -> None:
        """End every poll, and let go of what the sources hold open."""
        tasks = [*self._tasks.values(), *self._ending]
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        closing = [*self._sources.values(), *self._left]
        self._left.clear()
        for failed in await asyncio.gather(*(source.close() for source in closing), return_exceptions=True):
            if isinstance(failed, Exception):
                log.warning("a source was not closed: %s", failed)

    # ------------------------------------------------------------ one source

    async def _run(self, source: Source) -> None:
        for needed in source.after:
            if needed in self._first:
                await self._first[needed].wait()
        if source.last:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(source.cadence if self._patience is None else self._patience):
                    await self.settled(but_last=True)
        asked = self._asked[source.id]
        while True:
            await self._go.wait()
            asked.clear()
            wait, news = await self._poll(source)
            self._first[source.id].set()
            if self._once:
                return
            if news is not None:
                wait = 0.0 if asked.is_set() or not self._go.is_set() else await self._follow(source, news)
            await _first_of(asked.wait(), wait)

    async def _poll(self, source: Source) -> tuple[Seconds, AsyncGenerator[News, None] | None]:
        """Poll once; returns the seconds until the next one, and what is to be followed until then."""
        model, started, tally = self._model, time.monotonic(), Tally()
        TALLY.set(tally)
        self._tallies[source.id] = tally
        model.begin(source.id, self._now())
        self._moved()
        fault: Fault | None = None
        parts: list[Fault] = []
        news: AsyncGenerator[News, None] | None = None
        try:
            # else a poll that is left goes on asking until it is collected as garbage
            async with contextlib.aclosing(source.poll()) as reports:
                async for report in reports:
                    if isinstance(report, ReadRefused):
                        parts.append(report.fault)
                    await self._take(source, report)
            if not self._once and not parts:
                news = source.follow()
        except Exception as error:  # noqa: BLE001 - a defect of ours must not end the loop, nor look like an answer
            fault = self._fault(source, error)
        passing = next((part for part in reversed(parts) if part.kind in _MAY_PASS), None)
        wait = self._wait(source, fault or passing)
        model.finish(
            source.id,
            self._now(),
            fault=fault,
            calls=tally.calls,
            seconds=time.monotonic() - started,
            next_due=None if self._once or news is not None else self._now() + wait,
            following=news is not None,
        )
        if self._restored:
            self._sweep()
        self._moved()
        return wait, news

    async def _follow(self, source: Source, news: AsyncGenerator[News, None]) -> Seconds:
        """Take in what changes until that ends, or a refresh or a pause ends it; returns the seconds until the next
        poll.
        """
        started, tally = time.monotonic(), Tally()
        TALLY.set(tally)
        fault: Fault | None = None
        until = asyncio.timeout(None)
        self._following[source.id] = until
        try:
            async with until, contextlib.aclosing(news) as reports:
                async for report in reports:
                    await self._take(source, report)
        except Exception as error:  # noqa: BLE001 - as in a poll
            if not until.expired():
                fault = self._fault(source, error)
        finally:
            if self._following.get(source.id) is until:
                del self._following[source.id]
        if until.expired():
            return 0.0
        short = self._cut_short[source.id] = (
            self._cut_short[source.id] + 1 if time.monotonic() - started < self._first_retry else 0
        )
        # the first time at once; then as after failures, for a listing each time it is cut would be a storm of them
        wait = self._backoff(source, short - 2) if short > 1 else 0.0
        if fault is not None:
            wait = max(wait, self._wait(source, fault))
            model, now = self._model, self._now()
            model.begin(source.id, now)  # what is refused is all of it, as in a poll that is refused at once
            last = model.sources[source.id].seconds
            model.finish(source.id, now, fault=fault, calls=tally.calls, seconds=last, next_due=now + wait)
            self._moved()
        return wait

    def _follow_no_more(self, name: str) -> None:
        until = self._following.pop(name, None)
        if until is not None:
            until.reschedule(asyncio.get_running_loop().time())

    async def _take(self, source: Source, report: Yield) -> None:
        if isinstance(report, Children):
            self._adopt(source, report)
            return
        self._model.apply(source.id, report, self._now())
        self._moved()
        await asyncio.sleep(0)

    def _fault(self, source: Source, error: Exception) -> Fault:
        if isinstance(error, Refused):
            return error.fault
        fault = _defect(source, error)
        if self._failures.get(source.id, (0, None))[1] != fault:  # the same one is told once
            log.error("%s: %s", source.id, defect(error))
        return fault

    def _wait(self, source: Source, fault: Fault | None) -> Seconds:
        known, _ = self._failures.get(source.id, (0, None))
        if fault is None:
            if self._failures.pop(source.id, None) is not None:
                log.info("%s: recovered", source.id)
                self._ask_those_beside(source)
            return source.cadence * (1 - random.uniform(0, JITTER))
        if not known:
            log.warning("%s: %s", source.id, fault if str(fault) == fault.message else f"{fault} {fault.message}")
        self._failures[source.id] = known + 1, fault
        if fault.kind not in _MAY_PASS:
            return source.cadence * (1 - random.uniform(0, JITTER))
        return self._backoff(source, known, fault.retry_after)

    def _backoff(self, source: Source, failures: int, retry_after: Seconds | None = None) -> Seconds:
        """How long to wait after so many failures before the last one."""
        soon = max(retry_after or 0.0, self._first_retry * 2.0 ** min(failures, 16))
        return min(source.cadence, soon) * (1 - random.uniform(0, JITTER))

    def _ask_those_beside(self, source: Source) -> None:
        """What failed in the same place may be well again too: ask now, but for what is throttled, or was told how
        long to wait.
        """
        for name, (_, fault) in self._failures.items():
            other = self._sources.get(name)
            same = other is not None and (other.tenant, other.provider) == (source.tenant, source.provider)
            if same and fault.kind in _MAY_PASS - {FaultKind.THROTTLED} and fault.retry_after is None:
                self._asked[name].set()

    def _end(self, task: asyncio.Task[None]) -> None:
        """End the task of a source that is polled no more; `stop` waits for it."""
        task.cancel()
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _leave(self, source_id: str, successor: Source | None = None) -> None:
        """Remember to close a source that is polled no more."""
        source = self._sources[source_id]
        if source is not successor:
            self._left.append(source)

    def _adopt(self, parent: Source, report: Children) -> None:
        named = tuple(child.id for child in report.sources)
        for gone in set(self._children.get(parent.id, ())) - set(named):
            self.drop(gone)
        self._children[parent.id] = named
        self.add(child for child in report.sources if child.id not in self._sources)


def defect(error: Exception) -> str:
    """An exception that no room took for an answer, in one line: what it is, and where in enctop it came from,
    innermost first.
    """
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).parent.is_relative_to(_HOME)
    ]
    where = " < ".join(f"{Path(frame.filename).relative_to(_HOME)}:{frame.lineno}" for frame in reversed(frames[-4:]))
    return told(f"{type(error).__name__}: {error}") + (f" ({where})" if where else "")


async def _first_of(asked: Awaitable[object], wait: Seconds) -> None:
    try:
        async with asyncio.timeout(wait):
            await asked
    except TimeoutError:
        return


def _defect(source: Source, error: Exception) -> Fault:
    told = "enctop failed while reading the answer; see --log-file"
    return Fault(FaultKind.ERROR, type(error).__name__, f"{source.provider}:{source.service}", told)
