"""The tables of a history, and how its file is opened: https://www.sqlite.org/wal.html, one writer at a time."""

import contextlib
import fcntl
import itertools
import os
import sqlite3
import time
from functools import cache
from pathlib import Path
from typing import Final

from posture.fault import HistoryError
from posture.text import one_line
from providers.collector.files import folder
from providers.collector.history.place import trouble

VERSION: Final = 1
"""Of the tables, `PRAGMA user_version`."""
MARK: Final = 0x656E6374
"""`enct`, `PRAGMA application_id`."""
OLDEST: Final = (3, 37)
"""The first SQLite with STRICT tables."""
_PAGE = 4096

TABLES: Final = """
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE dictionary (id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE control (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE source (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE standing (
    id INTEGER PRIMARY KEY, source INTEGER NOT NULL, began REAL NOT NULL, ended REAL, digest INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;
CREATE INDEX standing_source ON standing (source, began);
CREATE TABLE resource (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, label TEXT NOT NULL, kind TEXT NOT NULL, type TEXT NOT NULL,
    tenant TEXT NOT NULL, provider TEXT NOT NULL, scope TEXT NOT NULL, region TEXT NOT NULL, source TEXT NOT NULL,
    first_seen REAL NOT NULL, gone_at REAL, version INTEGER
) STRICT;
CREATE TABLE version (
    id INTEGER PRIMARY KEY, resource INTEGER NOT NULL, began REAL NOT NULL, ended REAL, observed REAL NOT NULL,
    status INTEGER NOT NULL, digest INTEGER NOT NULL, verdicts BLOB NOT NULL, data BLOB NOT NULL
) STRICT;
CREATE INDEX version_resource ON version (resource, began);
CREATE INDEX version_began ON version (began);
CREATE INDEX version_standing ON version (status) WHERE ended IS NULL;
CREATE INDEX version_ended ON version (ended) WHERE ended IS NOT NULL;
CREATE TABLE transition (
    at REAL NOT NULL, resource INTEGER NOT NULL, control INTEGER NOT NULL, before INTEGER NOT NULL,
    after INTEGER NOT NULL, reason TEXT NOT NULL
) STRICT;
CREATE INDEX transition_at ON transition (at);
CREATE INDEX transition_resource ON transition (resource, at);
CREATE TABLE beat (at REAL NOT NULL, polls BLOB NOT NULL) STRICT;
CREATE INDEX beat_at ON beat (at);
CREATE TABLE tally (at REAL NOT NULL, tenant TEXT NOT NULL, counts BLOB NOT NULL) STRICT;
CREATE INDEX tally_at ON tally (at);
"""
"""Times are UTC seconds. A `version` is a resource as it was from `began` to `ended` (NULL: still), `observed` when it
was read, `verdicts` the status of each control. A `standing` is a source likewise. A `beat` tells of the polls of a
minute that found nothing new.
"""


def open_writer(path: Path) -> tuple[sqlite3.Connection, int, str | None]:
    """The history at `path`, made where there is none, for the one who writes; with the descriptor that holds it, and
    what was set aside for it, in one line.

    Raises `BusyError` where somebody else writes, `HistoryError` with one line for what cannot be used.
    """
    try:
        folder(path.parent)
        if (why := trouble(path)) is not None:
            raise HistoryError(one_line(why))
        lock = _hold(path)
    except OSError as error:
        raise HistoryError(one_line(f"the history is not kept: {path}: {error.strerror or error}")) from None
    try:
        why = unusable(path)
        aside = None if why is None else set_aside(path, why)
        try:
            return _made(path), lock, aside
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as damaged:
            aside = set_aside(path, str(damaged))
            return _made(path), lock, aside
    except (OSError, sqlite3.Error) as error:
        os.close(lock)
        raise HistoryError(one_line(f"the history is not kept: {path}: {error}")) from None
    except HistoryError:
        os.close(lock)
        raise


def open_temporary(*, in_memory: bool = False) -> sqlite3.Connection:
    """A history that ends with this process: SQLite keeps it in a file that has no name, or in memory."""
    connection = _connected(":memory:" if in_memory else "")
    _fill(connection)
    return connection


def open_new(path: Path) -> sqlite3.Connection:
    """A history in a new file that is one file and no more. Raises `sqlite3.Error`."""
    connection = _connected(path.absolute().as_uri())
    _fill(connection)
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Our own history at `path`, to be read only. Raises `HistoryError` with one line."""
    if (why := trouble(path)) is not None:
        raise HistoryError(one_line(why.replace("is not kept", "is not read", 1)))
    return open_file(path)


def open_file(path: Path) -> sqlite3.Connection:
    """A history that somebody may have handed over, to be read only. Raises `HistoryError` with one line."""
    if not path.is_file():
        raise HistoryError(one_line(f"{path}: there is no history"))
    if (why := unusable(path)) is not None:
        raise HistoryError(one_line(f"{path}: {why}"))
    try:
        connection = _connected(f"{path.absolute().as_uri()}?mode=ro")
        if _objects(connection) != _ours():
            connection.close()
            raise HistoryError(one_line(f"{path}: its tables are not those of a history"))
        return connection
    except sqlite3.Error as error:
        raise HistoryError(one_line(f"{path}: {error}")) from None


def is_history(path: Path) -> bool:
    """Whether a file looks like a history, ours or not."""
    try:
        with path.open("rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except OSError:
        return False


def set_aside(path: Path, why: str) -> str:
    """Rename a history that cannot be used, with what belongs to it; returns what to tell. Raises OSError."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    names = (path.with_name(f"{path.name}.aside-{stamp}-{number}") for number in itertools.count(1))
    target = next(name for name in names if not os.path.lexists(name))
    for tail in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + tail).rename(target.with_name(target.name + tail))
    return one_line(f"the history was set aside as {target}: {why}; a new one is begun")


def unusable(path: Path) -> str | None:
    """Why a file is not a history of ours; None where it is, or where there is none."""
    try:  # https://www.sqlite.org/fileformat.html, section 1.3
        with path.open("rb") as file:
            head, size = file.read(100), os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        return None
    except OSError as error:
        return error.strerror or str(error)
    if not head:
        return None
    if len(head) < 100 or not head.startswith(b"SQLite format 3\0"):
        return "it is not an SQLite file"
    pages, version, mark = (int.from_bytes(head[at : at + 4], "big") for at in (28, 60, 68))
    if mark != MARK:
        return "it is not a history of enctop"
    if version > VERSION:
        return f"it is of a newer enctop (version {version}, this one reads {VERSION})"
    if pages * _PAGE > size and not _logged(path):
        return "it is not whole"
    return None


def _logged(path: Path) -> bool:
    """Whether pages are in the log still, so that the file may be shorter than it says."""
    try:
        return path.with_name(path.name + "-wal").stat().st_size > 0
    except OSError:
        return False


class BusyError(HistoryError):
    """Another enctop writes this history."""


def _hold(path: Path) -> int:
    lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system lets go of it, however the process ends
    except BlockingIOError:
        os.close(lock)
        raise BusyError(one_line(f"the history is kept by another enctop: {path}")) from None
    return lock


def _made(path: Path) -> sqlite3.Connection:
    new = not path.exists() or path.stat().st_size == 0
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))  # SQLite's own mode is 0644
    connection = _connected(path.absolute().as_uri())
    if new:
        _fill(connection)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA journal_size_limit = {4 << 20}")
    connection.execute("PRAGMA synchronous = NORMAL")  # what a power cut takes are the last seconds, never the rest
    return connection


def _connected(name: str) -> sqlite3.Connection:
    if sqlite3.sqlite_version_info < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise HistoryError(f"the history is not kept: SQLite {sqlite3.sqlite_version} is older than {oldest}")
    connection = sqlite3.connect(name, timeout=5.0, isolation_level=None, check_same_thread=False, uri=True)
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _fill(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA page_size = {_PAGE}")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    # before WAL, so that the head of the file tells what it is from the beginning
    connection.executescript(
        f"BEGIN; PRAGMA application_id = {MARK}; PRAGMA user_version = {VERSION}; {TABLES} COMMIT;"
    )


@cache
def _ours() -> frozenset[tuple[str, ...]]:
    with contextlib.closing(_connected(":memory:")) as connection:
        _fill(connection)
        return _objects(connection)


def _objects(connection: sqlite3.Connection) -> frozenset[tuple[str, ...]]:
    """What a file defines: another's views and triggers would run as it is read."""
    return frozenset(connection.execute("SELECT type, name, tbl_name, ifnull(sql, '') FROM sqlite_schema"))
