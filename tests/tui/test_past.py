"""The dashboard on the past: it says so loudly, steps, and tells what became otherwise."""

import os
import sys
from pathlib import Path

import pytest

from providers.collector.history.place import path_for
from tests.posture.controls.world import key, key_arn, volume
from tests.posture.models import KEYS, VOLUMES, Feed
from tests.providers.collector.history.kept import Kept
from tests.tui.support import on
from tui.cli.main import main
from tui.views.timeline import TimelineView

PLAIN = volume("vol-p")
TEXT = '[[tenant]]\nname = "acme"\n[[tenant.aws]]\nregions = ["us-east-1"]\n'

LONG_AGO = ("--from", "2020-01-01T00:00Z", "--to", "2020-01-02T00:00Z")


def hour(path: Path) -> Path:
    """A history of an hour in which a plaintext volume comes and is encrypted."""
    feed = Feed(VOLUMES, KEYS)
    kept = Kept(feed.model, path)
    good = volume("vol-g", key=key_arn())
    for volumes in ((good,), (good, PLAIN), (good, volume("vol-p", key=key_arn()))):
        for _ in range(20):
            feed.poll(VOLUMES, *volumes, listed=[good.type], after=60.0)
            feed.poll(KEYS, key())
            kept.take(beat=True)
    kept.sql.close()
    os.close(kept.lock or 0)
    return path


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests."""
    return hour(tmp_path_factory.mktemp("history") / "history.sqlite")


def command(history: Path) -> list[str]:
    """The process that shows it."""
    return [sys.executable, "-P", "-m", "providers.collector", "--file", str(history)]


async def test_the_past_says_loudly_that_it_is_and_steps_back_and_on(history: Path) -> None:
    async with on(command(history), size=(140, 40), view="volumes", notifications=True) as it:
        await it.shows("THE PAST  2026-11-23 15:00:00Z")
        assert "history 2026-11-23T14:01:00Z to 2026-11-23T15:00:00Z" in it.screen
        assert "Encrypted is false" not in it.screen
        await it.press("left_square_bracket", "left_square_bracket")
        await it.shows("THE PAST  2026-11-23 14:21:00Z")
        await it.shows("Encrypted is false")
        await it.press("right_square_bracket")
        await it.shows("THE PAST  2026-11-23 14:41:00Z")
        await it.until(lambda: "Encrypted is false" not in it.screen, "encrypted by then")
        await it.press("left_curly_bracket")
        await it.shows("THE PAST  2026-11-23 14:01:00Z")
        await it.press("r")
        await it.until(lambda: any("this is the past: nothing is polled" in one for one in it.toasts()), "said so")


async def test_the_timeline_tells_what_became_otherwise_and_a_page_what_its_resource_was(history: Path) -> None:
    async with on(command(history), size=(140, 40), view="timeline") as it:
        await it.until(lambda: isinstance(it.view, TimelineView) and len(it.view.selection), "what became otherwise")
        changes = [(row.control, row.name) for row in it.view.selection.items]
        assert ("aws.ebs.volume-encrypted", PLAIN.name) in changes
        assert "FAIL → pass" in it.screen
        assert "new → FAIL" in it.screen
        await it.type("/aws.ebs.volume-encrypted")
        await it.press("enter")
        assert {row.control for row in it.view.selection.items} == {"aws.ebs.volume-encrypted"}
        await it.press("enter")
        await it.shows("HISTORY")
        assert "2026-11-23T14:41:00Z" in it.screen


async def test_the_overview_tells_what_the_last_hour_changed_and_how_many_failed_in_it(history: Path) -> None:
    async with on(command(history), size=(140, 40)) as it:
        await it.shows("Last hour")
        assert "became FAIL   ✓ 2 no more" in it.screen, it.screen
        assert "FAIL, 1 H" in it.screen
        (bars,) = {replica for tenant, replica in it.replica.trends.items() if tenant == "acme"}
        assert bars[4] > bars[0]
        assert bars[4] > bars[11], "encrypted by then"
        await it.press("left_curly_bracket")
        await it.until(lambda: "Last hour" not in it.screen, "nothing yet")


async def test_what_is_live_is_not_stepped_through(history: Path) -> None:
    from tests.tui.support import SYNTHETIC

    async with on([sys.executable, "-P", str(SYNTHETIC), "--rows", "600"], size=(100, 30), notifications=True) as it:
        await it.press("left_square_bracket")
        await it.until(lambda: any("this is not a history" in one for one in it.toasts()), "said so")


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The options of a configuration with that history; what a command writes is beside it."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "enctop.toml"
    file.write_text(f'{TEXT}[history]\npath = "kept"\n')
    (tmp_path / "kept").mkdir(mode=0o700)
    from providers.collector.config import load

    hour(path_for(load(file), file))
    return ["--config", str(file)]


def test_the_command_tells_what_became_otherwise(configured: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    since = ["--since", "2026-11-23T14:10Z"]
    assert main(["history", *configured, *since, "--filter", "control:aws.ebs.volume-encrypted"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"2026-11-23T14:21:00Z  absent -> fail            acme          aws.ebs.volume-encrypted {PLAIN.id}:"
        " Encrypted is false",
        f"2026-11-23T14:41:00Z  fail -> pass              acme          aws.ebs.volume-encrypted {PLAIN.id}:"
        " Encrypted is true",
    ]
    assert main(["history", PLAIN.id, *configured, *since, "--format", "jsonl"]) == 0
    said = capsys.readouterr()
    assert '"from":"fail","to":"pass"' in said.out
    assert main(["history", PLAIN.id, *configured, *since]) == 0
    assert "first seen 2026-11-23T14:21:00Z" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["history", "--since", "soon"], "--since: 'soon' is not a time; write -1h, 03:10 (UTC) or"),
        (["history", "nosuch"], "nosuch: nothing is known of a resource of this id"),
        (["history", "--filter", "severity:high"], "severity: a history is not filtered by it; there are control,"),
        (["history", "export"], "history export: needs -o FILE"),
        (["history", "export", "-o", "part", "--tenant", "acme"], "a part is of all tenants"),
        (
            ["history", "export", "-o", "part", *LONG_AGO],
            "nothing was seen in that time",
        ),
        (["snapshot", "--at", "-2h"], "the history tells of 2026-11-23T14:01:00Z to 2026-11-23T15:00:00Z"),
        (["replay", "--at", "x"], "--at: 'x' is not a time"),
    ],
)
def test_what_cannot_be_told_is_said_in_one_line(
    configured: list[str], capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert main([*arguments, *configured]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line


def test_a_snapshot_of_then_and_a_part_are_written(
    configured: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    then, part = tmp_path / "then.json", tmp_path / "part"
    assert main(["snapshot", "--at", "2026-11-23T14:30Z", *configured, "-o", str(then), "--fail-on", "fail"]) == 1
    assert '"generated_at": "2026-11-23T14:30:00Z"' in then.read_text()
    span = ["--from", "2026-11-23T14:10Z", "--to", "2026-11-23T14:50Z"]
    assert main(["history", "export", *configured, *span, "-o", str(part)]) == 0
    assert "open it: enctop view" in capsys.readouterr().err
    assert part.stat().st_mode & 0o777 == 0o600


def test_where_nothing_was_seen_yet_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "enctop.toml"
    file.write_text(TEXT)
    for arguments in (["history"], ["replay"], ["snapshot", "--at", "1h"]):
        assert main([*arguments, "--config", str(file)]) == 2
        assert "there is no history" in capsys.readouterr().err


def test_two_times_of_a_history_are_compared(configured: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    times = ["2026-11-23T14:30Z", "now"]
    assert main(["diff", *times, *configured, "--filter", "control:aws.ebs.volume-encrypted", "--fail-on", "any"]) == 1
    said = capsys.readouterr().out
    assert "aws.ebs.volume-encrypted" in said
    assert "<- not encrypted" in said
    assert main(["diff", "2026-11-23T14:30Z", "2026-11-23T14:30Z", *configured, "--fail-on", "any"]) == 0
    assert main(["diff", "3h", "now", *configured]) == 2
    assert "the history tells of" in capsys.readouterr().err
