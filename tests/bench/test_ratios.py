"""What must hold on any machine, however busy: this is cheaper than that."""

import subprocess
import sys
import time
from operator import attrgetter
from pathlib import Path

from msgspec.structs import replace

from providers.collector.frames import Frame
from tests.bench.synthetic_world import World
from tui.data.ordered_rows import Selection
from tui.data.replica import Replica
from tui.widgets.columns import STATUS


def test_following_changes_is_much_cheaper_than_starting_over() -> None:
    replica = Replica()
    frames: list[Frame] = list(World(60_000).frames())
    for frame in frames:
        replica.apply(frame)
    table = replica.table("volume")
    selection: Selection[object] = Selection(STATUS.order(replica), attrgetter("name"))
    whole, following, keys = [], [], list(table.rows)
    for turn in range(5):
        start = time.process_time()
        selection.rebuild(table.rows)
        whole.append(time.process_time() - start)
        table.take()
        for key in keys[turn::400]:
            table.put(key, replace(table.rows[key], status=(table.rows[key].status + 1) % 4))
        moved = table.take()
        assert moved is not None
        start = time.process_time()
        selection.update(table.rows, moved, attrgetter("id"))
        following.append(time.process_time() - start)
    assert min(following) < min(whole) / 2


def test_nothing_heavy_is_imported_before_the_first_frame() -> None:
    code = "import sys, tui.cli.open, tui.app, tui.data.link; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    modules = set(done.stdout.split())
    assert not modules & {
        "textual.widgets._markdown",
        "pygments",
        "markdown_it",
        "tui.widgets.help",
        "tui.widgets.prompt",
        "tui.pages.detail",
        "tui.views.findings",
        "boto3",
    }
