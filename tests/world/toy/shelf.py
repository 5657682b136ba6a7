"""A shelf of toy boxes that is listed, and then watched: one line for each box that comes or goes."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from posture.clock import Seconds
from posture.fault import Fault, FaultKind, Refused
from posture.reports import Batch, Complete, Gone, ReadRefused, StillSo
from posture.resource import Resource
from providers.source import TALLY, News, Source, Yield


class Shelf:
    """The server, on a port of loopback. `boxes` is what a listing names; `watchers` are the connections that watch;
    `asked` is what was asked, in order. `listing` and `watching` are the faults that are answered instead.
    """

    def __init__(self) -> None:
        self.boxes: list[str] = []
        self.watchers: list[asyncio.StreamWriter] = []
        self.asked: list[str] = []
        self.listing: dict[str, Any] | None = None
        self.watching: dict[str, Any] | None = None
        self._server: asyncio.Server | None = None
        self._asks: set[asyncio.Task[None]] = set()

    async def open(self) -> int:
        """Listen; returns the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """End every connection."""
        assert self._server is not None
        self._server.close()
        self.cut()
        await asyncio.gather(*self._asks, return_exceptions=True)

    def tell(self, **event: Any) -> None:
        """One event to everybody who watches."""
        for watcher in self.watchers:
            watcher.write(json.dumps(event).encode() + b"\n")

    def cut(self) -> None:
        """Close every connection that watches."""
        for watcher in list(self.watchers):
            watcher.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._asks.add(task)
        try:
            await self._answer((await reader.readline()).decode().strip(), reader, writer)
        finally:
            self._asks.discard(task)
            writer.close()

    async def _answer(self, ask: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(ask)
        refused = self.listing if ask == "list" else self.watching
        if refused is not None or ask == "list":
            writer.write(json.dumps(refused or {"boxes": self.boxes}).encode() + b"\n")
            return
        writer.write(b"{}\n")
        self.watchers.append(writer)
        try:
            await reader.read()
        finally:
            self.watchers.remove(writer)


class Boxes(Source):
    """The boxes of a shelf. `reading` says whether a connection is open."""

    service = "boxes"

    def __init__(self, port: int, cadence: Seconds = 3600.0, name: str = "shelf") -> None:
        super().__init__("acme", "toy", name, cadence)
        self.port = port
        self.partial = False
        self.reading = self.closed = 0

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """List them."""
        async for told in self._lines("list"):
            yield Batch.of(self.box(name) for name in told["boxes"])
            if self.partial:
                yield ReadRefused(Fault(FaultKind.DENIED, "Lid", "toy:lids"))
            yield Complete(("toy.box",))

    async def follow(self) -> AsyncGenerator[News, None]:
        """Watch them, until the server says that it ends."""
        async for event in self._lines("watch"):
            match event:
                case {"put": name}:
                    yield Batch((self.box(name, on=event.get("on")),))
                case {"gone": name}:
                    yield Gone((self.box(name).id,))
                case {"so": True}:
                    yield StillSo()
                case {"end": True}:
                    return
                case {"break": True}:
                    raise KeyError("object")
        raise Refused(Fault(FaultKind.UNREACHABLE, "Cut", "toy:watch", "the connection was closed"))

    async def close(self) -> None:
        """Count."""
        self.closed += 1

    def box(self, name: str, **fields: Any) -> Resource:
        """The row of one."""
        return self.resource(id=f"toy:{name}", kind="bucket", type="toy.box", name=name, fields=fields)

    async def _lines(self, ask: str) -> AsyncIterator[dict[str, Any]]:
        TALLY.get().calls += 1
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError as error:
            raise Refused(Fault(FaultKind.UNREACHABLE, type(error).__name__, f"toy:{ask}")) from None
        self.reading += 1
        try:
            writer.write(ask.encode() + b"\n")
            while line := await reader.readline():
                told = json.loads(line)
                if "refuse" in told:
                    kind, after = FaultKind(told["refuse"]), told.get("after")
                    raise Refused(Fault(kind, "Refused", f"toy:{ask}", retry_after=after))
                if told or ask == "list":
                    yield told
        finally:
            self.reading -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
