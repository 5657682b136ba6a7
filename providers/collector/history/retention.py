"""A history stays within its days and its megabytes; what is there still is never taken out."""

import sqlite3
from typing import Final

from posture.clock import Seconds, Utc

SLICE: Final = 5000
"""Rows a transaction; some 50 ms."""
DAY: Final[Seconds] = 86400.0
_TABLES: Final = (("version", "ended"), ("standing", "ended"), ("transition", "at"), ("beat", "at"))


def prune(sql: sqlite3.Connection, now: Utc, days: int, max_bytes: int) -> bool:
    """Take out what ended longer ago than `days`, or as much of the oldest as `max_bytes` asks for; says whether all is
    done, and is to be called again where not. Raises `sqlite3.Error`.
    """
    before = now - days * DAY
    if _size(sql) > max_bytes:
        before = max(before, _tenth(sql))
    if before <= _horizon(sql):
        return True
    more = [_take_out(sql, table, column, before) for table, column in _TABLES]
    sql.execute(
        "DELETE FROM tally WHERE at <= ? AND at < (SELECT max(at) FROM tally AS last WHERE last.tenant = tally.tenant)",
        (before,),
    )
    sql.execute("DELETE FROM resource WHERE gone_at <= ? AND version IS NULL", (before,))
    if any(more):
        return False
    sql.execute("INSERT OR REPLACE INTO fact VALUES ('horizon', ?)", (repr(before),))
    sql.executescript("PRAGMA incremental_vacuum;")  # `execute` takes one step of it, a page
    return _size(sql) <= max_bytes or _tenth(sql) <= before


def _take_out(sql: sqlite3.Connection, table: str, column: str, before: Utc) -> bool:
    """Whether there may be more."""
    taken = sql.execute(
        f"DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE {column} <= ? LIMIT {SLICE})", (before,)
    )
    return taken.rowcount == SLICE


def _size(sql: sqlite3.Connection) -> int:
    pages, free, size = (
        sql.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def _horizon(sql: sqlite3.Connection) -> Utc:
    found = sql.execute("SELECT value FROM fact WHERE name = 'horizon'").fetchone()
    return float(found[0]) if found else 0.0


def _tenth(sql: sqlite3.Connection) -> Utc:
    """When the oldest tenth of what ended had ended; 0 where nothing has."""
    ended = sql.execute("SELECT count(*) FROM version WHERE ended IS NOT NULL").fetchone()[0]
    found = sql.execute(
        "SELECT ended FROM version WHERE ended IS NOT NULL ORDER BY ended LIMIT 1 OFFSET ?", (ended // 10,)
    ).fetchone()
    return found[0] if found else 0.0
