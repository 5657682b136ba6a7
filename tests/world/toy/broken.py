"""Toys that break one law each, as rooms are known to."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable

from posture.fault import Refused
from posture.reports import Batch, Complete
from providers.limits import USUAL
from providers.source import News, Source, Yield
from providers.system import Blocks, Setup
from tests.world.toy.source import Boxes


class Nosy(Boxes):
    """Asks what its policy does not name."""

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """The box, and what is in it."""
        async for report in super().poll():
            yield report
        await self.ask("contents")


class Idle(Boxes):
    """Has a permission printed that it never uses."""

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """The box, of which nobody is asked."""
        yield Batch((self.box({}),))
        yield Complete(("toy.box",))


class Leaving(Boxes):
    """Leaves the task that asks when it is dropped."""

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """The box."""
        for asked in asyncio.as_completed([self.ask("boxes"), self.ask("boxes")]):
            yield Batch((self.box(await asked),))
        yield Complete(("toy.box",))


class Clinging(Boxes):
    """Leaves the task that asks when it is followed no more."""

    async def follow(self) -> AsyncGenerator[News, None]:
        """The box, once more."""
        for asked in asyncio.as_completed([self.ask("boxes"), self.ask("boxes")]):
            yield Batch((self.box(await asked),))


class Open(Boxes):
    """Keeps its connection when it is closed."""

    held: asyncio.StreamWriter | None = None

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """The box."""
        host, _, port = self.settings.url.rpartition("/")[2].partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        Open.held = writer
        async for report in super().poll():
            yield report


class Raising(Boxes):
    """Raises what is not a `Refused`."""

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """The box."""
        try:
            fields = await self.ask("boxes")
        except Refused as refused:
            raise KeyError(self.settings.box) from refused
        yield Batch((self.box(fields),))
        yield Complete(("toy.box",))


class Silent(Boxes):
    """Says that there is no box where nobody answered."""

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """The box."""
        with contextlib.suppress(Refused):
            yield Batch((self.box(await self.ask("boxes")),))
        yield Complete(("toy.box",))


class Early(Boxes):
    """Reads the clock of the machine."""

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """The box."""
        yield Batch((self.box({**await self.ask("boxes"), "seen": time.time()}),))
        yield Complete(("toy.box",))


class Boundless(Boxes):
    """Reads whatever comes."""

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """The box."""
        self.limits = USUAL
        async for report in super().poll():
            yield report


def opens(kind: type[Boxes]) -> Callable[[Setup, Blocks], list[Source]]:
    """What `System.open` names, with a source of this class a box."""

    def open_(setup: Setup, blocks: Blocks) -> list[Source]:
        return [kind(block.tenant, block.settings, setup) for block in blocks]

    return open_


open_nosy = opens(Nosy)
open_idle = opens(Idle)
open_leaving = opens(Leaving)
open_clinging = opens(Clinging)
open_open = opens(Open)
open_raising = opens(Raising)
open_silent = opens(Silent)
open_early = opens(Early)
open_boundless = opens(Boundless)
