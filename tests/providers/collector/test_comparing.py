"""What changed since a snapshot in a file, as a viewer of a snapshot or of a collector is told."""

import os
from pathlib import Path

import pytest

from posture.clock import parse_rfc3339
from posture.diff import diff
from posture.diff_text import lines
from posture.frozen import frozen
from posture.snapshot import Snapshot, take, to_json
from providers.collector.comparing import MOST_LINES, compared
from providers.collector.frames import Compare, Compared, Decoder, Encoder, Frame
from providers.collector.history.stream import Replayed
from providers.collector.replay import Replay
from tests.posture.controls.world import volume
from tests.posture.models import VOLUMES, Feed
from tests.posture.snapshots import LATER, finding, resource, snapshot
from tests.providers.collector.history.kept import Kept


def held(one: Snapshot) -> Snapshot:
    """As it is taken of a model that holds it."""
    return take(frozen(one), parse_rfc3339(one.generated_at), "1")


OLD = held(snapshot([resource(), resource("vol-2")], [finding("pass"), finding("pass", "vol-2")]))
NEW = held(snapshot([resource(), resource("vol-2")], [finding("fail"), finding("fail", "vol-2")], at=LATER))


def on_file(path: Path, one: Snapshot) -> str:
    path.write_bytes(to_json(one))
    return str(path)


def test_a_snapshot_that_is_viewed_is_compared_with_an_older_one(tmp_path: Path) -> None:
    old, replay = on_file(tmp_path / "old.json", OLD), Replay(Path(on_file(tmp_path / "new.json", NEW)))
    for query in ("", "id:vol-2"):
        answer = replay._answer(Compare(old, query))
        assert isinstance(answer, Compared)
        assert (answer.path, answer.query, answer.problem) == (old, query, "")
        assert list(answer.lines) == list(lines(diff(OLD, NEW, query=query)))
        (again,) = Decoder(Frame).feed(Encoder().encode(answer))
        assert again == answer
    assert compared(Compare(str(tmp_path / "new.json"), ""), NEW).lines == ()


def test_the_past_is_compared_too(tmp_path: Path) -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, volume("vol-1"))
    old = on_file(tmp_path / "old.json", take(feed.model, feed.now, "1"))
    kept = Kept(feed.model)
    kept.take(beat=True)
    feed.poll(VOLUMES, volume("vol-1"), volume("vol-2"), after=60)
    kept.take(beat=True)
    (answer,) = Replayed(kept.sql, None)._answer(Compare(old, "kind:volume"))
    assert isinstance(answer, Compared)
    told = [text for line in answer.lines for text, _ in line if text.startswith("volume ")]
    assert told == [f"volume {volume('vol-2').id}"]


@pytest.mark.parametrize(
    ("name", "query", "problem"),
    [
        ("nowhere.json", "", "no such file"),
        ("pipe", "", "no such file"),
        ("a\0b", "", "no such file"),
        ("bad.json", "", "not an enctop.snapshot/1 file"),
        ("old.json", "nosuch:x", "no field 'nosuch'"),
    ],
)
def test_what_cannot_be_compared_is_said(name: str, query: str, problem: str, tmp_path: Path) -> None:
    on_file(tmp_path / "old.json", OLD)
    (tmp_path / "bad.json").write_bytes(b"{")
    os.mkfifo(tmp_path / "pipe")
    answer = compared(Compare(str(tmp_path / name), query), NEW)
    assert problem in answer.problem
    assert not answer.lines


def test_a_snapshot_whose_filter_cannot_be_read_is_still_viewed(tmp_path: Path) -> None:
    old = on_file(tmp_path / "old.json", OLD)
    replay = Replay(Path(on_file(tmp_path / "new.json", snapshot(query="nosuch:x"))))
    answer = replay._answer(Compare(old, ""))
    assert isinstance(answer, Compared)
    assert "no field 'nosuch'" in answer.problem


def test_a_page_has_so_many_lines_and_says_how_many_more(tmp_path: Path) -> None:
    number = MOST_LINES + 100
    new = snapshot([resource(f"v{index}") for index in range(number)], at=LATER)
    answer = compared(Compare(on_file(tmp_path / "old.json", snapshot()), ""), new)
    assert len(answer.lines) == MOST_LINES + 2
    ((text, _),) = answer.lines[-1]
    whole = len(list(lines(diff(snapshot(), new))))
    assert text == f"… and {whole - MOST_LINES:,} lines more: enctop diff tells them"
