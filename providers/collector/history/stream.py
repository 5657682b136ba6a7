"""A history as a stream: the frames of a live collector, of a time that is past, which the viewer can move."""

import asyncio
import sqlite3
from typing import Final

from posture.clock import Utc
from posture.fault import EnctopError
from posture.snapshot import take
from providers.collector.blast import blast_radius, finished
from providers.collector.comparing import compared
from providers.collector.exporting import exported
from providers.collector.frames import (
    Ask,
    Blast,
    Compare,
    Decoder,
    Detail,
    Encoder,
    Export,
    Frame,
    Hello,
    Moment,
    Notice,
    Open,
    Settled,
    Timeline,
    Travel,
    Trends,
)
from providers.collector.history.keeper import DAY, MOST, with_history
from providers.collector.history.past import Past, told
from providers.collector.history.reader import Reader
from providers.collector.publisher import Publisher
from providers.collector.version import enctop_version

MOST_STEPS: Final = 1000
"""Transitions at one ask."""


class Replayed:
    """A history that answers a viewer as a collector would; what asks for news is told that there is none. `at` is the
    time that is shown first (UTC seconds), None for the last. Raises `HistoryError`.
    """

    def __init__(self, connection: sqlite3.Connection, at: Utc | None) -> None:
        with told():
            self._reader = Reader(connection)
        self._past = Past(self._reader, at)
        self._version = enctop_version()
        self._publisher = Publisher(self._past.model)

    async def stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send everything, then answer until the reader ends."""
        encoder, model = Encoder(), self._past.model

        async def send(*frames: Frame) -> None:
            for frame in frames:
                writer.write(encoder.encode(frame))
                await writer.drain()

        await send(Hello(self._version, tuple(sorted(model.policies)), False, self._past.at, self._past.at))
        await send(*self._moved(), Settled())
        async for ask in Decoder(Ask).read_from(reader):
            try:
                await send(*self._answer(ask))
            except EnctopError as error:
                await send(Notice("error", str(error)))

    def _moved(self) -> list[Frame]:
        """What stands otherwise at the time that is shown now."""
        past = self._past
        with told():
            trends = Trends(tuple(sorted(self._reader.trends(past.at).items())))
            day = self._reader.transitions(past.at - DAY, past.at, MOST)
        moment = Moment(past.at, past.first, past.last, past.watched())
        return [moment, trends, *self._publisher.frames(past.model.moved()), Timeline(tuple(reversed(day)), again=True)]

    def _answer(self, ask: Ask) -> list[Frame]:
        match ask:
            case Open():
                return [self._detail(ask.id)]
            case Blast():
                return [finished(blast_radius(self._past.model, ask.id, ask.most))]
            case Compare():
                return [compared(ask, take(self._past.model, self._past.at, self._version))]
            case Export():
                return [self._export(ask)]
            case Travel():
                return self._travel(ask)
            case _:
                return [Notice("warning", "this is the past: nothing is polled")]

    def _travel(self, ask: Travel) -> list[Frame]:
        past = self._past
        at: Utc = past.at if ask.at is None else ask.at
        at += ask.seconds
        if not ask.transitions:
            if past.move(at):
                return self._moved()
            end = "begins" if at < past.at else "ends"
            return [Notice("information", f"the history {end} here")]
        for _ in range(min(abs(ask.transitions), MOST_STEPS)):
            found = past.step(ask.transitions > 0)
            if found is None:
                when = "later" if ask.transitions > 0 else "earlier"
                return [*self._moved(), Notice("information", f"nothing became otherwise {when}")]
            past.move(found)
        return self._moved()

    def _detail(self, resource: str) -> Detail:
        if (entry := self._past.model.entry(resource)) is not None:
            self._past.age((entry,))
        detail = self._publisher.detail(resource)
        with told():
            return with_history(detail, self._reader, self._past.at)

    def _export(self, ask: Export) -> Notice:
        self._past.age(self._past.model.all())
        return exported(ask.path, take(self._past.model, self._past.at, self._version, query=ask.query))
