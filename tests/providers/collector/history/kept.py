"""A model whose history is written as a collector writes it, without a loop."""

import contextlib
import sqlite3
from pathlib import Path

from posture.model import Model
from posture.transition import Transition
from providers.collector.history.reader import Reader
from providers.collector.history.recorder import Recorder
from providers.collector.history.records import Packer
from providers.collector.history.schema import open_file, open_temporary, open_writer
from providers.collector.history.writer import Writer

ZSTD = b"\x28\xb5\x2f\xfd"
"""RFC 8878, 3.1.1."""


def readable(path: Path) -> str:
    """All that a history holds, with every body unpacked."""
    with contextlib.closing(open_file(path)) as sql:
        found = sql.execute("SELECT data FROM dictionary").fetchone()
        packer, said = Packer(found[0] if found else None), []
        tables = [name for (name,) in sql.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for table in tables:
            for row in sql.execute(f"SELECT * FROM [{table}]"):
                said += [_told(cell, packer) for cell in row]
    return "\n".join(said)


def _told(cell: object, packer: Packer) -> str:
    if not isinstance(cell, bytes):
        return str(cell)
    return (packer.unpack(cell) if cell.startswith(ZSTD) else cell).decode("utf-8", "replace")


class Kept:
    """A history that is written by `take`; at `path`, or one that ends with the test."""

    def __init__(self, model: Model, path: Path | None = None) -> None:
        self.model = model
        self.lock: int | None = None
        if path is None:
            self.sql: sqlite3.Connection = open_temporary()
        else:
            self.sql, self.lock, _ = open_writer(path)
        self.writer = Writer(self.sql)
        self.writer.own({f"{tenant}/aws": "us" for tenant in model.policies}, model.now)
        self.recorder = Recorder(model)
        self.recorder.begin(model.now)

    def take(self, *, write: bool = True, beat: bool = False) -> list[Transition]:
        """Note what moved, and write it; returns the transitions."""
        self.recorder.take(self.model.drain(), self.model.now)
        return self.writer.write(self.recorder.work(self.model.now, beat=beat)) if write else []

    @property
    def reader(self) -> Reader:
        """Of what is written."""
        return Reader(self.sql, self.writer.packer)
