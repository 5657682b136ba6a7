"""The past as a viewer sees it: moved by what became otherwise, by the hour, and to its ends."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from posture.clock import parse_rfc3339, rfc3339
from posture.fault import HistoryError, SnapshotError
from posture.snapshot import decoded
from posture.transition import ABSENT
from posture.verdict import Status
from providers.collector.frames import (
    Ask,
    Blast,
    BlastRadius,
    Detail,
    Export,
    Moment,
    Notice,
    Open,
    Refresh,
    Timeline,
    Travel,
    Trends,
)
from providers.collector.history.cut import cut_out
from providers.collector.history.past import snapshot_at, tenants_of
from providers.collector.history.recorder import Work
from providers.collector.history.schema import is_history, open_file
from providers.collector.history.stream import Replayed
from tests.posture.controls.world import key, key_arn, volume
from tests.posture.models import KEYS, VOLUMES, Feed
from tests.providers.collector.history.kept import Kept
from tests.providers.collector.viewer import shown

PLAIN, GOOD = volume("vol-p"), volume("vol-g", key=key_arn())
CONTROL = "aws.ebs.volume-encrypted"


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Kept, Feed]:
    """An hour in which a volume comes, is encrypted, and goes."""
    feed = Feed(VOLUMES, KEYS)
    kept = Kept(feed.model, tmp_path / "history.sqlite")
    for resources in ((GOOD,), (GOOD, PLAIN), (GOOD, volume("vol-p", key=key_arn())), (GOOD,)):
        for _ in range(15):
            feed.poll(VOLUMES, *resources, listed=[GOOD.type], after=60.0)
            feed.poll(KEYS, key())
            kept.take(beat=True)
    return kept, feed


class Viewer:
    """Asks a stream and keeps what it said."""

    def __init__(self, stream: Replayed) -> None:
        self.frames: list[Any] = []
        self.stream = stream

    def ask(self, ask: Ask) -> list[Any]:
        """The answer."""
        answer = self.stream._answer(ask)
        self.frames += answer
        return answer

    @property
    def at(self) -> str:
        """The time that is shown."""
        return [rfc3339(frame.at) for frame in self.frames if isinstance(frame, Moment)][-1]


def viewer(kept: Kept, at: float | None = None) -> Viewer:
    """One that begins at a time."""
    made = Viewer(Replayed(kept.sql, at))
    made.frames += made.stream._moved()
    return made


def test_stepping_back_and_on_stops_at_each_change_and_tells_it(kept: tuple[Kept, Feed]) -> None:
    looking = viewer(kept[0])
    stops = []
    for step in (-1, -1, -1, -1, 1, 1, 1, 1):
        said = looking.ask(Travel(transitions=step))
        stops.append((looking.at[11:16], [frame.text for frame in said if isinstance(frame, Notice)]))
    assert stops == [
        ("14:46", []),
        ("14:31", []),
        ("14:16", []),
        ("14:16", ["nothing became otherwise earlier"]),
        ("14:31", []),
        ("14:46", []),
        ("14:46", ["nothing became otherwise later"]),
        ("14:46", ["nothing became otherwise later"]),
    ]
    looking.ask(Travel(seconds=-20 * 60.0))
    rows = shown([frame for frame in looking.frames if not isinstance(frame, (Moment, Timeline, Notice))])["rows"]
    assert rows[PLAIN.id][1]["status"] == Status.FAIL
    told = [frame for frame in looking.frames if isinstance(frame, Timeline)][-1].transitions
    assert (CONTROL, ABSENT, Status.FAIL) in {(one.control, one.before, one.after) for one in told}
    looking.ask(Travel(seconds=-86400.0))
    assert [frame.text for frame in looking.ask(Travel(seconds=-60.0))] == ["the history begins here"]


def test_a_detail_of_then_tells_what_had_become_of_it_until_then(kept: tuple[Kept, Feed]) -> None:
    kept_, feed = kept
    for minutes, changes in ((5, 3), (20, 2), (35, 1), (50, 0)):
        (detail,) = viewer(kept_, feed.now - minutes * 60.0).ask(Open(PLAIN.id))
        assert isinstance(detail, Detail)
        assert len({one.at for one in detail.history}) == changes
        assert (detail.resource is None) is (minutes in (5, 50))
    (blast,) = viewer(kept_, feed.now).ask(Blast(key_arn()))
    assert isinstance(blast, BlastRadius)
    assert [type(frame) for frame in viewer(kept_, None).ask(Refresh())] == [Notice]


def test_an_export_of_the_past_is_the_snapshot_of_then(kept: tuple[Kept, Feed], tmp_path: Path) -> None:
    kept_, feed = kept
    then = feed.now - 35 * 60.0
    (notice,) = viewer(kept_, then).ask(Export(str(tmp_path / "then.json"), "id:*vol-p*"))
    assert "1 resources" in notice.text
    taken = decoded((tmp_path / "then.json").read_bytes())
    assert taken.generated_at == rfc3339(then)
    assert {(one.control, one.status) for one in taken.findings} >= {(CONTROL, "fail")}
    whole = snapshot_at(kept_.sql, then, taken.tool.version, "")
    assert [one for one in whole.findings if one.resource == PLAIN.id] == taken.findings
    with pytest.raises(HistoryError, match="the history tells of 2026-11-23T"):
        snapshot_at(kept_.sql, feed.now + 86400.0, "1", "")


def test_a_part_that_is_cut_out_tells_of_its_time_what_the_whole_told(kept: tuple[Kept, Feed], tmp_path: Path) -> None:
    kept_, feed = kept
    part, first, last = tmp_path / "part", feed.now - 40 * 60.0, feed.now - 20 * 60.0
    assert cut_out(kept_.sql, part, first, last)
    assert part.stat().st_mode & 0o777 == 0o600
    assert is_history(part)
    assert tenants_of(part) == ["acme", "beta"]
    with contextlib.closing(open_file(part)) as connection:
        for at in (first, first + 300.0, last):
            assert snapshot_at(connection, at, "1", "") == snapshot_at(kept_.sql, at, "1", "")
        for beyond in (first - 1.0, last + 1.0):
            with pytest.raises(HistoryError, match="the history tells of"):
                snapshot_at(connection, beyond, "1", "")
    with pytest.raises(HistoryError, match="nothing was seen in that time"):
        cut_out(kept_.sql, part, first - 1e6, first - 9e5)
    with pytest.raises(HistoryError, match="--from is later than --to"):
        cut_out(kept_.sql, part, last, first)
    with pytest.raises(SnapshotError, match="no-such-folder"):
        cut_out(kept_.sql, tmp_path / "no-such-folder" / "part", first, last)


def _view(sql: sqlite3.Connection) -> None:
    sql.execute("ALTER TABLE transition RENAME TO other")
    sql.execute(
        "CREATE VIEW transition AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
    )


def _trigger(sql: sqlite3.Connection) -> None:
    sql.execute("CREATE TRIGGER more AFTER INSERT ON beat BEGIN DELETE FROM version; END")


def _table(sql: sqlite3.Connection) -> None:
    sql.execute("DROP TABLE beat")


def _name(sql: sqlite3.Connection) -> None:
    sql.execute("PRAGMA application_id = 7")


@pytest.mark.parametrize("spoil", [_view, _trigger, _table, _name])
def test_a_file_that_was_handed_over_with_tables_of_its_own_is_refused(
    kept: tuple[Kept, Feed], tmp_path: Path, spoil: Callable[[sqlite3.Connection], None]
) -> None:
    part = tmp_path / "part"
    cut_out(kept[0].sql, part, 0.0, 9e9)
    with contextlib.closing(sqlite3.connect(part)) as sql, sql:
        spoil(sql)
    with pytest.raises(HistoryError, match=r"tables are not those of a history|is not a history of enctop"):
        open_file(part)


@pytest.mark.parametrize("wrong", [b"", b"\xff" * 40, msgspec.msgpack.encode([1, 2]), b"(\xb5/\xfd\xff\xff\xff\xff"])
def test_a_body_that_is_damaged_is_told_in_one_line(kept: tuple[Kept, Feed], tmp_path: Path, wrong: bytes) -> None:
    part = tmp_path / "part"
    cut_out(kept[0].sql, part, 0.0, 9e9)
    for table, column in (("version", "data"), ("standing", "data"), ("beat", "polls")):
        with contextlib.closing(sqlite3.connect(part)) as sql, sql:
            whole = sql.execute(f"SELECT rowid, {column} FROM {table}").fetchall()
            sql.execute(f"UPDATE {table} SET {column} = ?", (wrong,))
        with contextlib.closing(open_file(part)) as connection, pytest.raises(HistoryError, match="damaged"):
            Replayed(connection, None)
        with contextlib.closing(sqlite3.connect(part)) as sql, sql:
            sql.executemany(f"UPDATE {table} SET {column} = ?2 WHERE rowid = ?1", whole)


async def test_the_stream_begins_with_all_of_its_time_and_ends_with_its_viewer(kept: tuple[Kept, Feed]) -> None:
    reader, sent = asyncio.StreamReader(), bytearray()

    class Writer:
        def write(self, data: bytes) -> None:
            sent.extend(data)

        async def drain(self) -> None:
            return

    reader.feed_eof()
    await Replayed(kept[0].sql, kept[1].now).stream(reader, Writer())  # type: ignore[arg-type]
    assert CONTROL.encode() in sent


def test_the_trend_of_an_hour_tells_the_most_that_failed_in_each_five_minutes() -> None:
    kept = Kept(Feed(VOLUMES).model)
    now = 36_000.0
    for minutes, failed in ((90, 2), (50, 7), (48, 1), (20, 4)):
        kept.writer.write(Work(now - minutes * 60.0, [], [], [], {"acme": (failed, 0, 0, 0, 0)}))
    kept.writer.write(Work(now - 200.0, [], [], [], {"beta": (3, 0, 0, 0, 0)}))
    assert kept.reader.trends(now) == {
        "acme": (2, 2, 7, 1, 1, 1, 1, 1, 4, 4, 4, 4),
        "beta": (*[-1] * 11, 3),
    }
    assert kept.reader.trends(1000.0) == {}


def _dictionary(sql: sqlite3.Connection) -> None:
    sql.execute("INSERT OR REPLACE INTO dictionary VALUES (1, ?)", (b"\x37\xa4\x30\xec" + b"\0" * 20,))


def _counts(sql: sqlite3.Connection) -> None:
    sql.execute("UPDATE tally SET counts = ?", (msgspec.msgpack.encode(()),))


def _late(sql: sqlite3.Connection) -> None:
    sql.execute("UPDATE beat SET at = 1e90")


def _status(sql: sqlite3.Connection) -> None:
    sql.execute("UPDATE transition SET after = 77")


def _when(sql: sqlite3.Connection) -> None:
    sql.execute("UPDATE version SET began = -1e9")


@pytest.mark.parametrize("spoil", [_dictionary, _counts, _late, _status, _when])
def test_numbers_that_are_none_are_told_in_one_line(
    kept: tuple[Kept, Feed], tmp_path: Path, spoil: Callable[[sqlite3.Connection], None]
) -> None:
    part = tmp_path / "part"
    cut_out(kept[0].sql, part, 0.0, 9e9)
    with contextlib.closing(sqlite3.connect(part)) as sql, sql:
        spoil(sql)
    with contextlib.closing(open_file(part)) as connection, pytest.raises(HistoryError, match="damaged"):
        viewer_of(connection)


def viewer_of(connection: sqlite3.Connection) -> None:
    """Begin to look."""
    Replayed(connection, None)._moved()


def test_a_time_at_which_nobody_asked_is_not_green_and_not_complete(kept: tuple[Kept, Feed]) -> None:
    kept_, feed = kept
    then = snapshot_at(kept_.sql, feed.now, "1", "")
    assert then.complete
    feed.wait(86400.0)
    feed.poll(KEYS, key())
    kept_.take(beat=True)
    late = snapshot_at(kept_.sql, feed.now - 40_000.0, "1", "")
    assert not late.complete
    assert {one.status for one in late.findings} <= {"unknown", "not_applicable"}
    assert {one.state for one in late.sources} == {"pending"}
    looking = viewer(kept_, feed.now - 40_000.0)
    looking.ask(Travel(at=then_at(then.generated_at)))
    rows = shown([one for one in looking.frames if not isinstance(one, (Moment, Timeline, Trends))])["rows"]
    assert Status.FAIL in {row[1]["status"] for row in rows.values()}, "and back to when somebody did"


def then_at(text: str) -> float:
    """UTC seconds."""
    return parse_rfc3339(text)
