"""The history of a running collector: one thread that reads and writes, so that no disk holds the loop up."""

import asyncio
import contextlib
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from posture.clock import Seconds, Utc
from posture.entry import Entry
from posture.fault import HistoryError
from posture.text import one_line
from posture.transition import Transition
from providers.collector.config import Config
from providers.collector.history.place import owners, path_for
from providers.collector.history.reader import Reader, Stood
from providers.collector.history.recorder import Work
from providers.collector.history.retention import prune
from providers.collector.history.schema import BusyError, open_reader, open_temporary, open_writer, set_aside
from providers.collector.history.writer import Writer
from providers.threads import Threads

T = TypeVar("T")

log = logging.getLogger(__name__)

EVERY: Final[Seconds] = 1.0
"""What moved is written so often: as much is lost when the process is killed."""
BEAT: Final[Seconds] = 60.0
"""What the polls were, and the counts, are written so often."""
PRUNE: Final[Seconds] = 600.0
USUAL_DAYS: Final = 30
"""Of a history that is not on disk."""
_DAMAGED: Final = ("malformed", "not a database", "corrupt")
"""What SQLite says of SQLITE_CORRUPT and SQLITE_NOTADB (https://www.sqlite.org/rescode.html)."""


class History:
    """What was seen, on disk, or, where that cannot be or is not wanted, until the process ends.

    `troubles` collects, for the person, what did not go well, a line each.
    """

    def __init__(self, config: Config, file: Path | None, now: Callable[[], Utc], *, kept: bool) -> None:
        self._config, self._now = config, now
        self._path = path_for(config, file) if kept and config.history.days else None
        self._threads = Threads(1, "history")
        self._sql: sqlite3.Connection | None = None
        self._past: sqlite3.Connection | None = None
        self._writer: Writer | None = None
        self._lock: int | None = None
        self.troubles: list[str] = []

    async def open(self) -> dict[str, Stood]:
        """Open it; returns the sources that it tells of, as they stood last."""
        return await self._in_thread(self._open)

    @property
    def shared(self) -> bool:
        """Whether another enctop writes it, and this one only reads."""
        return self._past is not None

    async def entries(self, sources: dict[str, Stood]) -> AsyncIterator[list[Entry]]:
        """What was there last, in pieces, the worst first."""
        if self._path is None:
            return
        none: Iterator[list[Entry]] = iter(())
        pieces = await self.ask(lambda reader: reader.current(self._now(), sources), none)
        while (piece := await self._in_thread(lambda: self._trying(lambda: next(pieces, None), None))) is not None:
            yield piece

    async def write(self, work: Work) -> list[Transition] | None:
        """Write what moved; returns the transitions, None where it could not be written."""
        return await self._in_thread(lambda: self._trying(lambda: self._write(work), None))

    async def correct(self, now: Utc) -> None:
        """The clock was set back to `now` (UTC seconds)."""
        await self._in_thread(lambda: self._trying(lambda: self._correct(now), None))

    async def prune(self) -> None:
        """Keep it within its bounds; what is to be written has its turn between two parts of it."""
        while not await self._in_thread(lambda: self._trying(self._prune, True)):
            pass

    async def ask(self, question: Callable[[Reader], T], otherwise: T) -> T:
        """What a reader says."""
        return await self._in_thread(lambda: self._trying(lambda: question(self._reader()), otherwise))

    async def close(self, work: Work | None = None) -> None:
        """Write what is left, and let go of it."""
        if work:
            await self.write(work)
        await self._in_thread(self._close)
        self._threads.shutdown()

    # ------------------------------------------------------------ in the thread

    async def _in_thread(self, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, act)

    def _open(self) -> dict[str, Stood]:
        if self._path is not None:
            try:
                self._sql, self._lock, aside = open_writer(self._path)
                if aside is not None:
                    self._tell(aside)
                self._writer = Writer(self._sql)
                self._begin()
                return self._known()
            except BusyError as error:
                self._tell(f"{error}; this one reads it")
                with contextlib.suppress(HistoryError):
                    self._past = open_reader(self._path)
            except HistoryError as error:
                self._tell(str(error))
                self._path = None
            except (sqlite3.Error, ValueError, OSError) as error:
                self._damaged(error)
        if self._sql is None:
            self._temporary()
        return self._known()

    def _temporary(self) -> None:
        """One that ends with the process; none at all where SQLite cannot have even that."""
        try:
            self._sql = open_temporary(in_memory=not self._config.history.days)
            self._writer = Writer(self._sql)
        except (sqlite3.Error, OSError, HistoryError) as error:
            self._tell(str(error))
            self._sql = self._writer = None

    def _begin(self) -> None:
        assert self._writer is not None
        assert self._sql is not None
        now = self._now()
        span = Reader(self._sql, self._writer.packer).span()
        if span is not None and span[1] > now + BEAT:
            self._writer.correct(now)
        self._writer.own(owners(self._config), now)

    def _known(self) -> dict[str, Stood]:
        """Of the tenants that are configured."""
        tenants = {tenant.name for tenant in self._config.tenant}
        if self._path is None:
            return {}
        none: dict[str, Stood] = {}

        def known() -> dict[str, Stood]:
            reader = self._reader()
            found = reader.sources(self._now())
            foreign = reader.foreign(owners(self._config), found)
            return {
                name: one
                for name, one in found.items()
                if name not in foreign and tenants.intersection(one.source.tenant.split("+"))
            }

        return self._trying(known, none)

    def _reader(self) -> Reader:
        if self._past is not None:
            return Reader(self._past)
        if self._sql is None or self._writer is None:
            raise HistoryError("there is no history")
        return Reader(self._sql, self._writer.packer)

    def _write(self, work: Work) -> list[Transition]:
        return [] if self._writer is None else self._writer.write(work)

    def _correct(self, now: Utc) -> None:
        if self._writer is not None:
            self._writer.correct(now)

    def _prune(self) -> bool:
        if self._sql is None:
            return True
        days = self._config.history.days or USUAL_DAYS
        return prune(self._sql, self._now(), days, self._config.history.max_mb << 20)

    def _trying(self, act: Callable[[], T], otherwise: T) -> T:
        """Do it; where the disk refuses or the file is damaged, tell it, and go on without."""
        try:
            return act()
        except HistoryError:
            return otherwise  # it was told
        except sqlite3.OperationalError as error:
            if any(word in str(error) for word in _DAMAGED):
                self._damaged(error)
            else:
                self._refused(error)
            return otherwise
        except (sqlite3.Error, ValueError, OSError) as error:
            self._damaged(error)
            return otherwise

    def _refused(self, error: Exception) -> None:
        """The disk takes no more, or fails: what the writer remembers may have been undone."""
        self._tell(f"the history is not kept: {self._path or 'temporary file'}: {error}")
        if self._sql is not None:
            try:
                self._writer = Writer(self._sql)
            except sqlite3.Error:
                self._path = None
                self._temporary()

    def _damaged(self, error: Exception) -> None:
        """Set the file aside and begin a new one; where that cannot be, one that ends with the process."""
        path, self._path = self._path, None
        for connection in (self._sql, self._past):
            if connection is not None:
                connection.close()
        self._sql = self._past = None
        try:
            if path is None or self._lock is None:
                raise HistoryError(f"the history is not read: {error}")
            self._tell(set_aside(path, str(error)))
            os.close(self._lock)
            self._sql, self._lock, _ = open_writer(path)
            self._path = path
            self._writer = Writer(self._sql)
        except (OSError, HistoryError, sqlite3.Error) as refused:
            self._tell(str(refused))
            self._temporary()

    def _tell(self, line: str) -> None:
        line = one_line(line)
        if line not in self.troubles:
            log.warning("%s", line)
            self.troubles.append(line)

    def _close(self) -> None:
        for connection in (self._sql, self._past):
            if connection is not None:
                with contextlib.suppress(sqlite3.Error):
                    connection.close()
        self._sql = self._past = self._writer = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
