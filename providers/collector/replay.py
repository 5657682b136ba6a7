"""A snapshot on file as a stream: the frames of a live collector, made by the same publisher, clocks frozen at the
snapshot's time.
"""

import asyncio
from pathlib import Path

from posture.clock import parse_rfc3339
from posture.fault import EnctopError
from posture.frozen import frozen
from posture.snapshot import Snapshot, take
from providers.collector.blast import blast_radius, finished
from providers.collector.comparing import compared
from providers.collector.exporting import exported
from providers.collector.files import read_snapshot
from providers.collector.frames import (
    Ask,
    Blast,
    Compare,
    Compared,
    Decoder,
    Encoder,
    Export,
    Frame,
    Hello,
    Notice,
    Open,
    Settled,
)
from providers.collector.publisher import Publisher


class Replay:
    """A snapshot that answers a viewer as a collector would; what asks for news is told that there is none. Raises
    `SnapshotError` where it is none.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        snapshot = read_snapshot(file)
        self._at = parse_rfc3339(snapshot.generated_at)
        self._version, self._simulated, self._filter = (
            snapshot.tool.version,
            snapshot.scope.simulated,
            snapshot.scope.filter,
        )
        self.model = frozen(snapshot)
        self._publisher = Publisher(self.model, whole=self._filter is None)

    async def stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send everything, then answer until the reader ends."""
        encoder = Encoder()
        hello = Hello(self._version, tuple(sorted(self.model.policies)), self._simulated, self._at, self._at)
        for frame in (hello, *self._publisher.frames(self.model.moved()), Settled()):
            writer.write(encoder.encode(frame))
            await writer.drain()
        decoder = Decoder(Ask)
        async for ask in decoder.read_from(reader):
            writer.write(encoder.encode(self._answer(ask)))
            await writer.drain()

    def _answer(self, ask: Ask) -> Frame:
        match ask:
            case Open():
                return self._publisher.detail(ask.id)
            case Blast():
                return finished(blast_radius(self.model, ask.id, ask.most))
            case Compare():
                return self._compare(ask)
            case Export():
                return self._export(ask)
            case _:
                return Notice("warning", f"{self._file.name} is a snapshot: nothing is polled")

    def _compare(self, ask: Compare) -> Compared:
        try:
            return compared(ask, self._snapshot(self._filter or ""))
        except EnctopError as error:
            return Compared(ask.path, ask.query, problem=str(error))

    def _snapshot(self, query: str) -> Snapshot:
        return take(self.model, self._at, self._version, query=query, simulated=self._simulated)

    def _export(self, ask: Export) -> Notice:
        try:
            snapshot = self._snapshot(" ".join(filter(None, (self._filter, ask.query))))
            return exported(ask.path, snapshot)
        except EnctopError as error:
            return Notice("error", str(error))
