"""Google Cloud from a poll to the screen: what comes later, in a zone that nobody has seen, is there too."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.world.gcp import Google
from tui.app import Dashboard
from tui.data.link import Feed
from tui.data.process import Collector
from tui.data.replica import Replica
from tui.widgets.line_table import LineTable


def _volumes(app: Dashboard) -> list[str]:
    return [row.name for row in app.screen.query_one("#volumes", LineTable).items]


async def _until(pilot: Any, holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await pilot.pause(0.05)


async def test_a_filter_lets_through_what_comes_later_in_a_zone_that_was_empty(google: Google, tmp_path: Path) -> None:
    file = tmp_path / "enctop.toml"
    file.write_text("[poll]\nlive = '1s'\n" + google.configuration())
    google.project.disk("near", "zones/us-central1-a")
    child = Collector([sys.executable, "-m", "providers.collector", "--config", str(file)], None)
    child.start()
    app = Dashboard(
        Feed(child, Replica()), view="volumes", query="region:us-central1-*", export_dir=tmp_path, on_terminal=False
    )
    try:
        async with app.run_test(size=(140, 40)) as pilot:
            await _until(
                pilot,
                lambda: app.replica.settled and _volumes(app) == ["near"],
            )
            google.project.disk("far", "zones/us-central1-c", key={"sha256": "u0Wh="})
            google.project.disk("elsewhere", "zones/europe-west1-b")
            await _until(
                pilot,
                lambda: _volumes(app) == ["far", "near"],
            )
            google.project.unreachable["zones/us-central1-c"] = "UNREACHABLE"
            rows = app.replica.table("volume").rows
            await _until(
                pilot, lambda: {row.name: row.status for row in rows.values()} == {"far": 1, "near": 3, "elsewhere": 3}
            )
    finally:
        child.stop()
