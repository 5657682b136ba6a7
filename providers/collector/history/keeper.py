"""Between a model and its history: what moved goes in, what was seen comes back at the next start."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Final

import msgspec

from posture.changes import Change
from posture.clock import Seconds, Utc
from posture.entry import Entry, Statuses, clamped
from posture.fault import HistoryError
from posture.model import Model
from posture.rollup import OWN, UNASSIGNED
from posture.transition import Transition
from providers.collector.config import Config
from providers.collector.frames import Detail, Notice, Timeline, Trends
from providers.collector.history.history import BEAT, EVERY, PRUNE, History
from providers.collector.history.place import owners, path_for
from providers.collector.history.reader import Reader
from providers.collector.history.recorder import Recorder
from providers.collector.history.records import waiting
from providers.collector.history.schema import open_reader

Send = Callable[..., Coroutine[None, None, None]]

DAY: Final[Seconds] = 86400.0
PATIENCE: Final[Seconds] = 300.0
"""What was seen is written after this long at the latest, though a source has not answered yet."""
LAST: Final[Seconds] = 0.5
"""To write what is left at the end."""
SLICE: Final = 1000
"""Resources noted at a stretch, about 10 ms."""
MOST: Final = 2000
"""Transitions that a viewer is told of, of the last day."""
MOST_OF_ONE: Final = 50
"""Transitions that the detail of a resource tells."""


class Keeper:
    """Writes what moved, and fills a model that begins."""

    def __init__(self, history: History, model: Model, now: Callable[[], Utc]) -> None:
        self._history, self._model, self._now = history, model, now
        self._tenants = set(model.policies) | {UNASSIGNED}
        self._recorder = Recorder(model)
        self._told = 0
        self.restored: list[str] = []
        """The sources that were restored: all pending until they answer."""

    async def restore(self) -> AsyncIterator[list[Entry]]:
        """What an earlier run had seen, in pieces, the worst first, with its sources added before; it ages from when it
        was seen.
        """
        sources = await self._history.open()
        for one in sources.values():
            self._model.add_source(waiting(one.source))
        self.restored = sorted(sources)
        self._recorder = Recorder(self._model, () if self._history.shared else self.restored)
        now = self._now()
        async for piece in self._history.entries(sources):
            yield [
                Entry.seen(entry.resource, entry.source, entry.observed_at, clamped(entry.statuses_since(), now))
                for entry in piece
                if entry.resource.provider != OWN and entry.source in sources
            ]

    def take(self, change: Change) -> None:
        """Note what moved."""
        self._recorder.take(change, self._now())

    async def keep(self, send: Send, settled: asyncio.Task[None]) -> None:
        """Write what was noted every second, once all has `settled` or soon after, and tell the viewer what became
        otherwise; for ever.
        """
        none: list[Transition] = []
        day = await self._history.ask(lambda reader: reader.transitions(self._now() - DAY, self._now(), MOST), none)
        ours = [one for one in reversed(day) if not self._tenants.isdisjoint(one.tenant.split("+"))]
        await send(Timeline(tuple(ours), again=True))
        await self._tell(send)
        await asyncio.wait([settled], timeout=PATIENCE)
        self.begin()
        beat, pruned, before = 0.0, self._now(), self._now()
        while True:
            now = self._now()
            if now < before - Model.SLACK:
                await self._history.correct(now)
            before = now
            due = not 0 <= now - beat < BEAT
            beat = now if due else beat
            if not await self._write(send, beat=due):
                await asyncio.sleep(BEAT)
                await self._again()
            if due:
                await self._tell_trends(send)
            if not 0 <= now - pruned < PRUNE:
                pruned = now
                await self._history.prune()
            await self._tell(send)
            await asyncio.sleep(EVERY)

    def begin(self) -> None:
        """Every source has answered or failed once: what moves from now on is written, and what has moved till now."""
        self._recorder.begin(self._now())

    async def _again(self) -> None:
        """What could not be written is written when it can be, and what went meanwhile is ended."""
        none: tuple[list[tuple[str, str]], list[str]] = ([], [])
        resources, sources = await self._history.ask(lambda reader: reader.open_now(), none)
        gone = [name for name, source in resources if self._ours(source) and self._model.entry(name) is None]
        ended = [name for name in sources if self._ours(name) and name not in self._model.sources]
        self._recorder.all(self._now(), gone, ended)

    def _ours(self, source: str) -> bool:
        return not self._tenants.isdisjoint(source.partition("/")[0].split("+"))

    async def _write(self, send: Send, *, beat: bool) -> bool:
        """Write what was noted; says whether that went well."""
        while True:
            more = self._recorder.more(SLICE, self._now())
            if work := self._recorder.work(self._now(), beat=beat and not more):
                # it is written though the viewer leaves meanwhile
                found = await asyncio.shield(self._history.write(work))
                if found is None:
                    return False
                if found:
                    await send(Timeline(tuple(found)))
            if not more:
                return True

    async def told(self, detail: Detail) -> Detail:
        """A detail with its resource's history."""
        return await self._history.ask(lambda reader: with_history(detail, reader, self._now()), detail)

    async def end(self) -> None:
        """Write what is left, or as much as the viewer has patience for: what is not written is read again."""
        loop = asyncio.get_running_loop()
        until = loop.time() + LAST
        while self._recorder.more(SLICE, self._now()) and loop.time() < until:
            await self._history.write(self._recorder.work(self._now(), beat=False))
        await self._history.close(self._recorder.work(self._now(), beat=True))

    async def _tell_trends(self, send: Send) -> None:
        none: dict[str, tuple[int, ...]] = {}
        trends = await self._history.ask(lambda reader: reader.trends(self._now()), none)
        await send(Trends(tuple(sorted(one for one in trends.items() if one[0] in self._tenants))))

    async def _tell(self, send: Send) -> None:
        for line in self._history.troubles[self._told :]:
            self._told += 1
            await send(Notice("warning", line))


def with_history(detail: Detail, reader: Reader, now: Utc) -> Detail:
    """A detail with what became otherwise of its resource up to `now` (UTC seconds), and when that was first seen."""
    seen = reader.seen(detail.id)
    history = tuple(reader.transitions(0.0, now, MOST_OF_ONE, resource=detail.id))
    return msgspec.structs.replace(detail, first_seen=None if seen is None else seen[0], history=history)


def recall(config: Config, file: Path | None, now: Utc) -> dict[str, Statuses]:
    """How every finding stood last, by resource id, for a run that keeps none itself; empty where there is no history,
    or none of ours.
    """
    if not config.history.days:
        return {}
    try:
        connection = open_reader(path_for(config, file))
        try:
            return Reader(connection).statuses(now, owners(config))
        finally:
            connection.close()
    except (HistoryError, sqlite3.Error, ValueError):
        return {}
