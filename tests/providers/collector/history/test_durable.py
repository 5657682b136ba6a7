"""Nothing that was written is lost, however the process, the disk, the file or the clock ends."""

import contextlib
import os
import random
import resource
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from posture.fault import HistoryError
from posture.resource import Resource
from providers.collector.config import Config
from providers.collector.config import History as Settings
from providers.collector.history.history import History
from providers.collector.history.past import Past
from providers.collector.history.reader import Reader
from providers.collector.history.recorder import Moved, Work
from providers.collector.history.records import Kept as KeptResource
from providers.collector.history.records import Packer
from providers.collector.history.retention import DAY, prune
from providers.collector.history.schema import open_reader, open_writer, unusable
from providers.collector.history.writer import Writer
from tests.posture.controls.world import NOW, key_arn, volume
from tests.posture.models import VOLUMES, Feed
from tests.providers.collector.history.kept import Kept

KILLS = int(os.environ.get("ENCTOP_KILLS", "60"))


def moved(resource: Resource, at: float, status_of: Feed) -> Moved:
    """A resource as a feed judges it."""
    return Moved(at, resource.id, KeptResource.of(status_of.entry(resource)), at, news=True)


def _write_for_ever(path: Path, told: int) -> None:
    """Number the volumes on and on, and tell each number once it is written."""
    feed, number = Feed(VOLUMES), 0
    sql, _, _ = open_writer(path)
    writer = Writer(sql)
    while True:
        number += 1
        at = NOW + number
        one = volume("vol-1", key=key_arn(), Size=number)
        feed.now = at - 1
        feed.poll(VOLUMES, one, after=1.0)
        writer.write(Work(at, [moved(one, at, feed)], [], [], {}))
        os.write(told, number.to_bytes(4, "big"))


def test_what_was_told_to_be_written_is_there_after_the_process_is_killed(tmp_path: Path) -> None:
    dice, path = random.Random(7), tmp_path / "history"
    for _ in range(KILLS):
        path.unlink(missing_ok=True)
        path.with_name("history-wal").unlink(missing_ok=True)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                _write_for_ever(path, write)
            os._exit(1)
        os.close(write)
        time.sleep(dice.uniform(0.005, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(read, "rb") as pipe:
            said = pipe.read()
        if not path.exists():
            continue
        sql, lock, aside = open_writer(path)
        with contextlib.closing(sql):
            os.close(lock)
            told = int.from_bytes(said[-4:], "big")
            assert (sql.execute("PRAGMA integrity_check").fetchone(), aside) == (("ok",), aside if not told else None)
            if told:
                (size,) = {
                    entry.resource.fields["Size"] for entry in Past(Reader(sql)).model.all() if entry.source == VOLUMES
                }
                assert told <= size <= told + 1


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A history of some 40 pages, closed."""
    feed = Feed(VOLUMES)
    kept = Kept(feed.model, tmp_path / "history-ambient.sqlite")
    for size in range(1, 12):
        feed.poll(VOLUMES, *(volume(f"vol-{number}", key=key_arn(), Size=size) for number in range(20)), after=60.0)
        kept.take(beat=True)
    kept.sql.close()
    os.close(kept.lock or 0)
    return tmp_path / "history-ambient.sqlite"


def volumes_at(reader: Reader, at: float) -> int:
    """How many volumes there were."""
    return sum(entry.resource.kind == "volume" for piece in reader.entries(at) for entry in piece)


def _settings(folder: Path) -> Config:
    return Config(history=Settings(path=str(folder)))


async def _opened(folder: Path) -> History:
    """As a dashboard opens it and reads it all."""
    history = History(_settings(folder), None, lambda: NOW + 1000.0, kept=True)
    sources = await history.open()
    async for _ in history.entries(sources):
        pass
    return history


def _spoilt(file: Path) -> list[bytes]:
    """Its content cut off after each page, and with garbage in it."""
    whole, dice = file.read_bytes(), random.Random(3)
    places = [dice.randrange(0, len(whole) - 600) for _ in range(20)]
    garbage = [whole[:at] + dice.randbytes(500) + whole[at + 500 :] for at in places]
    return [whole[:cut] for cut in range(0, len(whole), 4096)] + garbage


def _put(file: Path, body: bytes) -> None:
    """In the place of all that is there."""
    for other in file.parent.iterdir():
        other.unlink()
    file.write_bytes(body)
    file.chmod(0o600)


async def test_a_file_that_is_cut_off_anywhere_or_has_garbage_in_it_is_set_aside_or_read_whole(filled: Path) -> None:
    for body in _spoilt(filled):
        _put(filled, body)
        history = await _opened(filled.parent)
        asides = [file for file in filled.parent.glob("*.aside-*") if not file.name.endswith(("-wal", "-shm"))]
        assert len(history.troubles) == len(asides) <= 1
        assert not asides or asides[0].read_bytes()[100:] == body[100:]
        assert await history.write(Work(NOW + 1000.0, [], [], [], {"acme": (1, 2, 3, 4, 5)})) == []
        await history.close()
        assert not [line for line in history.troubles if "\n" in line]


async def test_a_full_disk_is_told_once_and_what_could_not_be_written_is_written_when_there_is_room(
    filled: Path,
) -> None:
    history = await _opened(filled.parent)
    tallies: dict[str, tuple[int, ...]] = {f"tenant-{number}": (number,) * 5 for number in range(3000)}
    work = Work(NOW + 2000.0, [], [], [], tallies)
    assert history._sql is not None
    pages = history._sql.execute("PRAGMA page_count").fetchone()[0]
    history._sql.execute(f"PRAGMA max_page_count = {pages}")
    assert await history.write(work) is None
    assert await history.write(work) is None
    (line,) = history.troubles
    assert "database or disk is full" in line
    history._sql.execute("PRAGMA max_page_count = 100000")
    assert await history.write(work) == []
    await history.close()
    assert not list(filled.parent.glob("*.aside-*"))


def test_a_write_that_the_system_refuses_leaves_all_that_was_there(filled: Path) -> None:
    child = os.fork()
    if child == 0:
        with contextlib.suppress(sqlite3.Error, OSError):
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (32768, 32768))
            sql, _, _ = open_writer(filled)
            tallies: dict[str, tuple[int, ...]] = {f"tenant-{number}": (number,) * 5 for number in range(3000)}
            Writer(sql).write(Work(NOW + 2000.0, [], [], [], tallies))
            os._exit(0)
        os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    with contextlib.closing(open_reader(filled)) as sql:
        assert sql.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert (
            len([one for piece in Reader(sql).entries(NOW + 661.0) for one in piece if one.resource.kind == "volume"])
            == 20
        )


async def test_a_folder_that_may_only_be_read_is_told_in_one_line(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*values: object, **more: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("providers.collector.history.schema.os.open", refused)  # root may write anywhere
    history = await _opened(filled.parent)
    assert history.troubles == [f"the history is not kept: {filled}: Permission denied"]
    assert await history.write(Work(NOW, [], [], [], {"acme": (1, 2, 3, 4, 5)})) == []
    await history.close()


def test_it_stays_within_its_days_and_its_size_and_keeps_what_is_there_still(tmp_path: Path) -> None:
    feed = Feed(VOLUMES)
    kept = Kept(feed.model, tmp_path / "history")
    stays = volume("vol-stays", key=key_arn())
    for day in range(40):
        sizes = (volume(f"vol-{number}", key=key_arn(), Size=day, Tags=[os.urandom(200).hex()]) for number in range(40))
        feed.poll(VOLUMES, stays, *sizes, after=DAY)
        kept.take(beat=True)

    def told() -> list[float]:
        return [began for (began,) in kept.sql.execute("SELECT DISTINCT began FROM version ORDER BY began")]

    while not prune(kept.sql, feed.now, 30, 1 << 30):
        pass
    span = kept.reader.span()
    assert span is not None
    assert span[0] == feed.now - 30 * DAY
    assert len(told()) == 32, "of thirty days, the day before, and what stays"
    then = Past(kept.reader, feed.now - 20 * DAY)
    assert {entry.resource.fields.get("Size", 19) for entry in then.model.all() if entry.resource.kind == "volume"} >= {
        19
    }
    kept.sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = (tmp_path / "history").stat().st_size
    while not prune(kept.sql, feed.now, 30, before // 4):
        pass
    kept.sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert (tmp_path / "history").stat().st_size < before / 3
    assert volumes_at(kept.reader, feed.now) == 41
    while not prune(kept.sql, feed.now, 30, 1):
        pass
    assert volumes_at(kept.reader, feed.now) == 41


def test_a_poll_that_finds_nothing_new_writes_less_than_a_kilobyte_a_minute(tmp_path: Path) -> None:
    feed = Feed(VOLUMES)
    kept = Kept(feed.model, tmp_path / "history")
    volumes = [volume(f"vol-{number}", key=key_arn()) for number in range(200)]
    sizes = []
    for minute in range(125):
        feed.poll(VOLUMES, *volumes, after=60.0)
        kept.take(beat=True)
        if minute % 60 == 4:
            kept.sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            sizes.append((tmp_path / "history").stat().st_size)
    assert kept.sql.execute("SELECT count(*) FROM version WHERE began > ?", (NOW + 120.0,)).fetchone() == (0,)
    assert sizes[2] - sizes[1] <= 60 * 1024


def test_a_history_that_is_empty_says_so(tmp_path: Path) -> None:
    sql, lock, _ = open_writer(tmp_path / "history")
    with contextlib.closing(sql), pytest.raises(HistoryError, match="nothing was seen yet"):
        Past(Reader(sql))
    os.close(lock)


def test_what_goes_while_nothing_can_be_written_is_ended_when_it_can(tmp_path: Path) -> None:
    feed = Feed(VOLUMES)
    kept = Kept(feed.model, tmp_path / "history")
    good, other = volume("vol-g", key=key_arn()), volume("vol-o", key=key_arn())
    feed.poll(VOLUMES, good, other)
    kept.take(beat=True)
    feed.poll(VOLUMES, good, after=60.0)
    kept.take(write=False)
    kept.recorder.work(feed.now, beat=True)  # which is lost
    resources, _ = kept.reader.open_now()
    gone = [name for name, _ in resources if feed.model.entry(name) is None]
    assert gone == [other.id]
    kept.recorder.all(feed.now, gone)
    while kept.recorder.more(100, feed.now):
        pass
    kept.writer.write(kept.recorder.work(feed.now, beat=True))
    assert volumes_at(kept.reader, feed.now) == 1


def test_a_file_that_is_shorter_than_it_says_while_its_log_is_there_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "history"
    sql, lock, _ = open_writer(path)
    for number in range(600):
        sql.execute("INSERT INTO fact VALUES (?, ?)", (f"name-{number}", "x" * 900))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM fact").fetchone()
        sql.execute("UPDATE fact SET value = 'y'")
        sql.execute("PRAGMA wal_checkpoint(PASSIVE)")
        assert unusable(path) is None
        reader.execute("COMMIT")
    sql.close()
    os.close(lock)


def test_a_clock_that_ran_ahead_while_it_was_pruned_leaves_a_history_that_can_be_read(tmp_path: Path) -> None:
    feed = Feed(VOLUMES)
    kept = Kept(feed.model, tmp_path / "history")
    feed.poll(VOLUMES, volume("vol-g", key=key_arn()))
    kept.take(beat=True)
    while not prune(kept.sql, feed.now + 365 * DAY, 30, 1 << 30):
        pass
    kept.writer.correct(feed.now)
    span = kept.reader.span()
    assert span is not None
    assert max(span) <= feed.now
    feed.poll(VOLUMES, volume("vol-g", key=key_arn(), Size=9), after=60.0)
    kept.take(beat=True)
    assert Past(kept.reader, feed.now).at == feed.now


async def test_a_disk_that_fails_with_every_statement_ends_nothing(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = await _opened(filled.parent)

    class Broken:
        """A connection whose disk is gone."""

        in_transaction = False

        def execute(self, *values: object) -> object:
            raise sqlite3.OperationalError("disk I/O error")

        def close(self) -> None:
            return

    monkeypatch.setattr(history, "_sql", Broken())
    monkeypatch.setattr(history, "_writer", None)
    history._writer = Writer.__new__(Writer)
    history._writer._sql = history._sql  # type: ignore[assignment]
    history._writer.packer = Packer()
    assert await history.write(Work(NOW, [], [], [], {"acme": (1, 2, 3, 4, 5)})) is None
    none: dict[str, tuple[int, ...]] = {}
    assert await history.ask(lambda reader: reader.trends(NOW), none) == {}
    assert await history.write(Work(NOW, [], [], [], {"acme": (1, 2, 3, 4, 5)})) == []
    await history.close()


async def test_an_sqlite_that_is_too_old_keeps_no_history_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    history = await _opened(tmp_path)
    (line,) = history.troubles
    assert "is older than 3.37" in line
    assert await history.write(Work(NOW, [], [], [], {"acme": (1, 2, 3, 4, 5)})) == []
    await history.prune()
    await history.close()
