"""The room as its tests hold it: opened on a kubeconfig, its sources by their service, polled and followed by hand."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from posture.clock import Utc
from posture.reports import Batch, Gone
from posture.resource import Resource
from providers.cadence import Cadence
from providers.collector.config import parse
from providers.kubernetes.client import KubeLimits
from providers.kubernetes.discovery import open_kubernetes
from providers.kubernetes.watching import WatchedSource
from providers.source import TALLY, Children, Source, Tally
from providers.system import Setup
from tests.providers.subjects.laws import Poll, polled

BOUND = 20.0
"""Seconds; of anything that is waited for: a bound on a hang, not a measure."""
QUICK = KubeLimits(connect=2.0, read=5.0, first_retry=0.05, silence=5.0, settle=0.05, backoff=(0.01, 0.05), plugin=5.0)


class Room:
    """What `[[tenant.kubernetes]]` blocks open."""

    def __init__(
        self,
        *blocks: str,
        limits: KubeLimits = QUICK,
        cadence: Cadence | None = None,
        now: Callable[[], Utc] = time.time,
    ) -> None:
        tenants = ("acme", "globex", "initech")
        text = "".join(
            f'[[tenant]]\nname = "{tenant}"\n[[tenant.kubernetes]]\n{block}\n'
            for tenant, block in zip(tenants, blocks, strict=False)
        )
        setup = Setup(version="test", cadence=cadence or Cadence(), now=now, limits=limits)
        self.roots = open_kubernetes(setup, parse(text, "test").blocks("kubernetes"))
        self.sources: dict[str, Source] = {}
        self.held: dict[str, Resource] = {}
        """What a model would hold."""

    async def begin(self) -> Poll:
        """Poll the first source, which names the others."""
        made = await polled(self.roots[0])
        for report in made.reports:
            if isinstance(report, Children):
                self.sources = {source.service: source for source in report.sources}
        return made

    async def poll(self, service: str) -> Poll:
        """Poll one of them."""
        if not self.sources:
            await self.begin()
        made = await polled(self.sources[service])
        for report in made.reports:
            self.take(report)
        return made

    def take(self, report: Any) -> None:
        """As a model would."""
        if isinstance(report, Batch):
            self.held.update((resource.id, resource) for resource in report.resources)
        elif isinstance(report, Gone):
            for id in report.ids:
                self.held.pop(id, None)

    def watched(self, service: str) -> WatchedSource:
        """One that is watched."""
        source = self.sources[service]
        assert isinstance(source, WatchedSource)
        return source

    @contextlib.asynccontextmanager
    async def following(self, service: str) -> AsyncIterator["Following"]:
        """Follow one of them while the block runs."""
        follow = Following(self, self.watched(service))
        try:
            yield follow
        finally:
            await follow.stop()

    async def close(self) -> None:
        """As the poller does."""
        for source in (*self.roots, *self.sources.values()):
            await source.close()


class Following:
    """One that is followed, as the poller does: what it said, and how it ended."""

    def __init__(self, room: Room, source: WatchedSource) -> None:
        self.reports: list[Any] = []
        self.error: BaseException | None = None
        self._room, self._source = room, source
        self._moved = asyncio.Event()
        self._task = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        TALLY.set(Tally())
        try:
            news = self._source.follow()
            if news is None:
                return
            async with contextlib.aclosing(news) as reports:
                async for report in reports:
                    self._room.take(report)
                    self.reports.append(report)
                    self._moved.set()
        except Exception as error:  # noqa: BLE001 - what is looked for
            self.error = error

    def said(self, kind: type) -> list[Any]:
        """The reports of a kind."""
        return [report for report in self.reports if isinstance(report, kind)]

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is so; raises TimeoutError."""
        async with asyncio.timeout(BOUND):
            while not true():
                self._moved.clear()
                await self._moved.wait()

    async def ended(self) -> None:
        """Wait until it is not followed any more."""
        async with asyncio.timeout(BOUND):
            await asyncio.shield(self._task)

    async def stop(self) -> None:
        """Follow no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@contextlib.asynccontextmanager
async def opened(*blocks: str, **more: Any) -> AsyncIterator[Room]:
    """A room, closed at the end of the block."""
    room = Room(*blocks, **more)
    try:
        yield room
    finally:
        await room.close()


def block(kubeconfig: Path, *lines: str) -> str:
    """A block of settings."""
    return "\n".join((f'kubeconfig = "{kubeconfig}"', *lines))


def faults(made: Poll) -> Iterator[str]:
    """Every line it would show."""
    for fault in made.faults():
        yield f"{fault} {fault.message}"


def words(value: Any) -> str:
    """Everything in it, as text."""
    return msgspec.json.encode(value, enc_hook=repr).decode()
