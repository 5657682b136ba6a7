"""A part of a history, cut out to be handed over: a history of its own, which `enctop view` opens."""

import contextlib
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from posture.clock import Utc
from posture.fault import HistoryError
from posture.text import one_line
from providers.collector.files import write
from providers.collector.history.past import told
from providers.collector.history.reader import BACK
from providers.collector.history.schema import open_new

_PARTS: Final = {
    "fact": "1",
    "dictionary": "1",
    "control": "1",
    "source": "1",
    "standing": "began <= :last AND (ended IS NULL OR ended > :first)",
    "version": "began <= :last AND (ended IS NULL OR ended > :first)",
    "transition": "at BETWEEN :first AND :last",
    "beat": f"at BETWEEN :first - {BACK} AND :last",
    "tally": "at BETWEEN (SELECT ifnull(min(at), 0) FROM (SELECT max(at) AS at FROM main.tally WHERE at <= :first"
    " GROUP BY tenant)) AND :last",
    "resource": "id IN (SELECT resource FROM part.version UNION SELECT resource FROM part.transition)",
}
"""What of each table belongs to a part."""


def cut_out(connection: sqlite3.Connection, target: Path, first: Utc, last: Utc) -> int:
    """Write what tells of `first` to `last` (UTC seconds) to `target`, mode 0600, whole or not at all; returns how many
    versions of resources that is. Raises `HistoryError` for an empty part, `SnapshotError` where it cannot be written.
    """
    if first > last:
        raise HistoryError("history export: --from is later than --to")
    with _folder() as folder, told():
        made = Path(folder) / "part"
        open_new(made).close()
        connection.execute("ATTACH DATABASE ? AS part", (str(made),))
        try:
            connection.execute("BEGIN")
            for table, where in _PARTS.items():
                connection.execute(
                    f"INSERT INTO part.[{table}] SELECT * FROM main.[{table}] WHERE {where}",
                    {"first": first, "last": last},
                )
            # what ended later stood still at the last time that the part tells of
            connection.execute("UPDATE part.version SET ended = NULL WHERE ended > ?", (last,))
            connection.execute("UPDATE part.standing SET ended = NULL WHERE ended > ?", (last,))
            connection.execute(
                "UPDATE part.resource SET gone_at = NULL, version ="
                " (SELECT max(id) FROM part.version WHERE resource = resource.id AND ended IS NULL)"
            )
            connection.execute("INSERT OR REPLACE INTO part.fact VALUES ('horizon', ?)", (repr(first),))
            connection.execute("INSERT OR REPLACE INTO part.fact VALUES ('until', ?)", (repr(last),))
            many = int(connection.execute("SELECT count(*) FROM part.version").fetchone()[0])
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            connection.execute("DETACH DATABASE part")
        if not many:
            raise HistoryError(one_line("history export: nothing was seen in that time"))
        write(target, _pieces(made))
    return many


@contextlib.contextmanager
def _folder() -> Iterator[str]:
    try:
        made = tempfile.TemporaryDirectory(prefix="enctop.")
    except OSError as error:
        raise HistoryError(one_line(f"history export: there is no folder for it: {error}")) from None
    with made as folder:
        yield folder


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            yield piece
