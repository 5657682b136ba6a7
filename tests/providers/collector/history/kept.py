"""A model whose history is written as a collector writes it, without a loop."""

import sqlite3
from pathlib import Path

from posture.model import Model
from posture.transition import Transition
from providers.collector.history.reader import Reader
from providers.collector.history.recorder import Recorder
from providers.collector.history.schema import open_temporary, open_writer
from providers.collector.history.writer import Writer


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
