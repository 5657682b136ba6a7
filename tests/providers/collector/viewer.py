"""A viewer of the collector: what it was told, and what it asks."""

import asyncio
from typing import Any, TypeVar

import msgspec

from providers.collector.frames import (
    Ask,
    Decoder,
    Encoder,
    Findings,
    Frame,
    Places,
    Rollups,
    Rows,
    Sentences,
    Settled,
    Sources,
    TenantPromises,
)
from tests.providers.conftest import SOON, until

F = TypeVar("F")


class Viewer:
    """The other end of the pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.frames: list[Any] = []
        self._decoder = Decoder(Frame)
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while data := await self.process.stdout.read(1 << 16):
            self.frames += self._decoder.feed(data)

    def all(self, kind: type[F]) -> list[F]:
        """The frames of one kind, so far."""
        return [frame for frame in self.frames if isinstance(frame, kind)]

    async def settled(self) -> "Viewer":
        """Wait for the first round."""
        await until(lambda: self.all(Settled) or self._reading.done(), 30)
        assert self.all(Settled)
        return self

    async def ask(self, ask: Ask) -> None:
        """Send an ask."""
        self.send(Encoder().encode(ask))

    def send(self, data: bytes) -> None:
        """Send bytes."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)

    async def told(self, kind: type[F], after: int = 0) -> F:
        """The frame of a kind that comes after the first `after` of them."""
        await until(lambda: len(self.all(kind)) > after, 30)
        return self.all(kind)[after]

    async def ended(self, seconds: float = SOON) -> tuple[int, str]:
        """Exit code and standard error."""
        code = await asyncio.wait_for(self.process.wait(), seconds)
        assert self.process.stderr is not None
        await self._reading
        return code, (await self.process.stderr.read()).decode()


def shown(frames: list[Any]) -> dict[str, Any]:
    """What a viewer holds after these frames, with places spelled out and times to the second."""
    places: list[Any] = []
    tables = ("rows", "findings", "sources", "rollups", "sentences", "promises")
    held: dict[str, dict[Any, Any]] = {table: {} for table in tables}
    for frame in frames:
        match frame:
            case Places():
                places += frame.places
            case Rows():
                for row in frame.rows:
                    held["rows"][row.id] = (
                        places[row.place],
                        _whole_seconds(msgspec.structs.asdict(row) | {"place": 0}),
                    )
            case Findings():
                for found in frame.rows:
                    held["findings"][found.control, found.resource] = (
                        places[found.place],
                        _whole_seconds(msgspec.structs.asdict(found) | {"place": 0}),
                    )
            case Sources():
                for source in frame.sources:
                    held["sources"][source.id] = (
                        source.state,
                        source.fault,
                        source.resources,
                        source.cadence,
                        source.calls,
                        int(source.last_success or 0),
                    )
            case Rollups():
                held["rollups"] = {rollup.tenant: msgspec.to_builtins(rollup) for rollup in frame.tenants}
            case Sentences():
                held["sentences"] = {sentence.id: sentence for sentence in frame.sentences}
            case TenantPromises():
                held["promises"][frame.tenant] = frame.cells
            case Settled():
                pass
    return held


def _whole_seconds(row: dict[str, Any]) -> dict[str, Any]:
    return {name: int(value) if isinstance(value, float) else value for name, value in row.items()}
