"""The Findings view by cause, as a person uses it."""

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.tui.support import Opened, on
from tests.world.fleet import DYING
from tui.views.problem import Problem
from tui.widgets.line_table import LineTable

FLEET = Path(__file__).parents[1] / "world" / "fleet" / "collector.py"
LIVE = [sys.executable, "-P", str(FLEET)]


def lines(it: Opened) -> Iterator[object]:
    """What is listed."""
    return iter(it.app.screen.query_one("#findings", LineTable).items)


def problem(it: Opened, name: str) -> Problem:
    """The problem of this name."""
    return next(line for line in lines(it) if isinstance(line, Problem) and line.name == name)


async def test_what_a_dying_key_explains_is_one_line_which_opens_out_and_closes() -> None:
    async with on(LIVE, size=(140, 40), view="findings") as it:
        found = problem(it, "alias/dying")
        assert (found.resource, found.tenants, found.opened) == (DYING, 2, False)
        assert "12 volumes, 1 key" in found.reason
        folded = len(list(lines(it)))
        it.view.move_to(list(lines(it)).index(found))
        await it.press("right")
        assert problem(it, "alias/dying").opened
        assert len(list(lines(it))) == folded + found.many
        await it.press("down", "down", "left")
        assert not problem(it, "alias/dying").opened
        assert it.view.current.id == found.id, "the cursor is on what was closed"
        await it.press("enter")
        await it.until(lambda: it.view.id_shown == DYING, "the root is opened")


async def test_a_filter_narrows_the_findings_and_the_problems_count_what_is_left() -> None:
    async with on(LIVE, size=(140, 40), view="findings", query="kind:volume tenant:beta") as it:
        found = problem(it, "alias/dying")
        assert (found.many, found.tenants) == (6, 1)
        await it.press("f")
        await it.until(lambda: not any(isinstance(line, Problem) for line in lines(it)), "one line a finding")
        await it.press("f")
        await it.until(lambda: any(isinstance(line, Problem) for line in lines(it)), "by cause again")


async def test_a_pane_of_the_overview_leads_with_the_problem_and_not_with_its_twelve_rows() -> None:
    async with on(LIVE, size=(140, 40)) as it:
        await it.shows("▸ alias/dying")
        assert "12 volumes" in it.screen


async def test_a_mended_key_takes_its_problem_away() -> None:
    async with on([*LIVE, "--mend"], size=(140, 40), view="findings") as it:
        assert problem(it, "alias/dying")
        await it.press("r")
        await it.until(
            lambda: not any(isinstance(line, Problem) and line.name == "alias/dying" for line in lines(it)), "mended"
        )
