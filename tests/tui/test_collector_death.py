"""The collector may die: the rows stay, the reason is shown, a new one is started, and what it does not send again
goes.
"""

import sys
from functools import partial
from pathlib import Path

import pytest

from providers.collector.files import append_lines
from tests.tui.support import dashboard
from tui.data import link
from tui.data.process import Collector


async def test_when_the_collector_dies_the_rows_stay_and_a_banner_says_why() -> None:
    async with dashboard("--crash-after", "0.5", view="volumes") as it:
        await it.shows("the collector ended")
        assert "MemoryError: the synthetic collector" in it.screen
        assert "restart in" in it.screen
        assert len(it.view.items) == 432


async def test_it_is_started_again_and_what_it_does_not_send_again_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "BACK_OFF", (0.1,))
    async with dashboard("--crash-after", "0.5", view="volumes") as it:
        await it.shows("the collector ended")
        before = set(it.replica.table("volume").rows)
        it.app.feed.collector.argv += ["--seed", "8", "--crash-after", "0"]
        await it.until(lambda: it.app.feed.down == "" and it.replica.settled, "the new collector has settled")
        after = set(it.replica.table("volume").rows)
        assert not before & after
        await it.until(lambda: {row.id for row in it.view.items} == after)
        assert "the collector ended" not in it.screen
        assert all(row.place >= 0 for row in it.replica.table("volume").rows.values())


async def test_a_pause_is_said_again_to_the_new_collector(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(link, "BACK_OFF", (0.1,))
    asks = tmp_path / "asks"
    async with dashboard("--crash-after", "0.7", "--asks", str(asks)) as it:
        await it.press("p")
        await it.until(lambda: asks.exists() and asks.read_text().count("Pause(on=True)") == 2, "the second pause")


async def test_a_collector_that_speaks_nonsense_is_ended_and_named() -> None:
    from tests.tui.support import dashboard as opened

    async with opened(settled=False) as it:
        await it.until(lambda: it.replica.settled)
        it.app.feed.collector._decoder._pending += b"\xff\xff\xff\xff"
        await it.press("r")
        await it.shows("invalid data")


async def test_the_collector_ends_with_its_viewer() -> None:
    async with dashboard() as it:
        process = it.app.feed.collector._process
        assert process is not None
        assert process.poll() is None
    assert process.poll() is not None


async def test_a_frozen_collector_is_ended_too() -> None:
    collector = Collector(
        [sys.executable, "-c", "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"]
    )
    collector.start()
    process = collector._process
    collector.stop()
    assert process is not None
    assert process.poll() is not None


async def test_what_the_collector_says_goes_to_the_log_file(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with dashboard("--crash-after", "3", settled=False) as it:
        it.app.feed.collector._log = partial(append_lines, log)
        await it.shows("the collector ended", 60)
    assert "MemoryError" in log.read_text()
