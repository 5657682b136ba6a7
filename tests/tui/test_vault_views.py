"""The Vault and Leases views on a real server, and the figures and countdowns they draw."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from posture.kinds import KINDS
from posture.lease import Life
from posture.rows import Row
from providers.collector.frames import Decoder, Encoder, Frame, Rows
from providers.demo.vault.rabbit import Rabbit
from providers.demo.vault.server import Bao
from tests.tui.support import Opened
from tests.world.vault import broker, configured, counted
from tui.app import Dashboard
from tui.data.link import Feed
from tui.data.process import Collector
from tui.data.replica import Replica
from tui.widgets.time_left import countdown, painted, state_of


@asynccontextmanager
async def opened(
    configuration: str, tmp_path: Path, *, view: str = "leases", size: tuple[int, int] = (200, 50)
) -> AsyncIterator[Opened]:
    """The dashboard on a configuration of its own."""
    file = tmp_path / "enctop.toml"
    file.write_text(configuration)
    child = Collector([sys.executable, "-m", "providers.collector", "--config", str(file)])
    child.start()
    app = Dashboard(Feed(child, Replica()), view=view, query="", export_dir=tmp_path, on_terminal=False)
    try:
        async with app.run_test(size=size) as pilot:
            it = Opened(app, pilot)
            await it.until(lambda: it.replica.settled, "all has answered", 20)
            yield it
    finally:
        child.stop()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "ended"),
        (0.4, "0s"),
        (59.9, "59s"),
        (245, "4:05"),
        (11_520, "3h12m"),
        (446_400, "5d04h"),
        (18_489_600, "214d"),
    ],
)
def test_a_countdown_is_read_at_a_glance(seconds: float, text: str) -> None:
    assert countdown(seconds) == text
    assert len(text) <= 7


def test_the_time_of_the_end_travels_with_the_row() -> None:
    cells = ("rabbitmq/", "app", "2026-11-23T14:00:00Z", "", "yes", "")
    row = Row(
        id="vault://h/leases/x#1",
        place=0,
        name="x#1",
        status=3,
        severity=4,
        key_class=-1,
        key="",
        reason="",
        since=0.0,
        users=0,
        cells=cells,
        expires=1_795_446_000.0,
    )
    (back,) = Decoder(Frame).feed(Encoder().encode(Rows((row,))))
    assert back.rows == (row,)
    assert state_of(row, 1_795_442_400.0).value == "healthy"
    assert state_of(row, 1_795_446_000.0).value == "ended"
    assert KINDS["lease"].titles == ("ENGINE", "ROLE", "ISSUED", "RENEWED", "RENEWABLE", "STATE")


@pytest.mark.parametrize(
    ("life", "at", "colour"),
    [(60, 50, "text"), (60, 58, "text"), (36_000, 30_000, "warn"), (36_000, 35_000, "warn"), (60, 10, "pass")],
)
def test_what_is_made_to_run_down_is_no_alarm_when_it_does(life: int, at: int, colour: str) -> None:
    lease = Life(0.0, float(life), None, True)
    assert painted(lease, lease.state(at)) == colour


async def test_leases_run_down_on_the_screen_and_the_seal_is_seen(bao: Bao, rabbit: Rabbit, tmp_path: Path) -> None:
    broker(bao, rabbit, ttl="90s")
    broker(bao, rabbit, "quick", ttl="8s")
    for path in ("rabbitmq", "quick"):
        bao.call("GET", f"{path}/creds/app")
    await counted(bao)
    async with opened(configured(bao.url), tmp_path) as it:
        await it.shows("quick/", 15)
        for words in ("irrevocable 0", "rabbitmq/", "quick/", "ENDS IN", "healthy", "rows: 2"):
            assert words in it.screen
        before = it.screen
        await it.until(lambda: "quick/" not in it.screen, "the quick one is gone", 15)
        assert "FAIL" not in it.screen
        assert it.screen != before
        await it.press("6")
        await it.shows("barrier key")
        bao.seal()
        await it.shows("SEALED 0/2 keys", 8)
        await it.until(lambda: "✓ pass" not in it.screen, "nothing passes while it is sealed", 8)
        await it.press("1")
        await it.shows("sealed:", 8)
        bao.unseal()
        await it.press("6")
        await it.until(lambda: "✓ pass" in it.screen, "all is back", 15)


async def test_both_views_fit_80_columns(bao: Bao, rabbit: Rabbit, tmp_path: Path) -> None:
    broker(bao, rabbit)
    bao.call("GET", "rabbitmq/creds/app")
    await counted(bao)
    async with opened(configured(bao.url), tmp_path, size=(80, 24)) as it:
        await it.shows("59:", 15)
        for words in ("ENDS IN", "STATUS", "59:", "LIFE"):
            assert words in it.screen
        assert all(len(line) <= 80 for line in it.screen.splitlines())
        await it.press("6")
        await it.shows("barrier key")
        assert all(len(line) <= 80 for line in it.screen.splitlines())
