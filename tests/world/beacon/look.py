"""Opens the dashboard on a command that is a collector, walks through what knows kinds and views, and prints what was
on the screen, as JSON: step -> text.
"""

import asyncio
import json
import sys
from pathlib import Path

from posture.kinds import KINDS
from tests.tui.support import Opened
from tui.app import Dashboard
from tui.data.link import Feed
from tui.data.process import Collector
from tui.data.replica import Replica
from tui.widgets import commands

BEACON_FAIL = (*"kind", "colon", *"beacon", "space", *"status", "colon", *"fail")
KIND_VOLUME = (*"kind", "colon", *"volume")
STEPS: dict[str, tuple[tuple[str, ...], str]] = {
    "view": (("colon", *"beacons", "enter"), "Beacons 3"),
    "page": (("enter",), "VERDICTS"),
    "kind": (("escape", "colon", *"beacon", "enter"), "Beacons 3"),
    "filtered": (("colon", *"beacons", "enter", "slash", *BEACON_FAIL, "enter"), "Beacons 1/3"),
    "none": (("slash", *("backspace",) * 30, *KIND_VOLUME, "enter"), "nothing matches"),
    "expiring": (("escape", "colon", *"expiring", "enter"), "Expiring 3"),
    "others": (("colon", *"others", "enter"), "Others 0"),
    "next": (("tab",), "Beacons 3"),
    "help": (("question_mark",), "Everywhere"),
}
"""Step -> the keys, and what is on the screen then."""


async def walk(collector: list[str]) -> dict[str, str]:
    """The screens after each step."""
    child = Collector(collector)
    child.start()
    app = Dashboard(Feed(child, Replica()), view="overview", query="", export_dir=Path(), on_terminal=False)
    seen: dict[str, str] = {}
    async with app.run_test(size=(260, 60)) as pilot:
        it = Opened(app, pilot)
        await it.until(lambda: app.replica.settled and not app.replica.touched, "settled")
        seen["footer"] = it.screen.splitlines()[-1]
        seen["commands"] = " ".join(commands.names(app))
        seen["palette"] = " ".join(title for title, _, _ in commands.palette(app))
        for step, (keys, shown) in STEPS.items():
            await it.press(*keys)
            await it.shows(shown)
            seen[step] = it.screen
        seen["front"] = app.current.id
    return seen


if __name__ == "__main__":
    assert "beacon" in KINDS, "this is not the copy"
    sys.stdout.write(json.dumps(asyncio.run(walk(sys.argv[1:]))))
