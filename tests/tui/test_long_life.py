"""The dashboard after hours: it holds what is on the screen, not what was."""

import gc
from collections.abc import Iterator
from itertools import count

import pytest
from textual.geometry import Region
from textual.strip import Strip

from tests.tui.support import Opened, dashboard
from tui.widgets.bars import NUMBERS
from tui.widgets.lines import KEPT, Lines


async def _live(it: Opened, clock: Iterator[float], ticks: int) -> None:
    """So many seconds in each view, in each of which every age is another."""
    for number in NUMBERS:
        await it.press(number)
        for _ in range(ticks):
            it.view.tick(next(clock))
            await it.pilot.pause()


def _strips() -> int:
    return sum(type(one) is Strip for one in gc.get_objects())


@pytest.fixture
def no_garbage_collector() -> Iterator[None]:
    """What only the garbage collector would free stays."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_garbage_collector")
async def test_what_was_drawn_an_hour_ago_is_held_no_more_by_anything_not_even_by_itself() -> None:
    async with dashboard(size=(120, 40)) as it:
        clock = count(it.replica.now(), 1801.0)
        it.replica._clock = lambda: next(clock)
        await _live(it, clock, 3)
        before = _strips()
        await _live(it, clock, 12)
        grown = _strips() - before
        assert grown < 400, f"{grown} more drawn lines are held"
        for view in it.app.query(Lines):
            held = len(view._strips) + len(view._styles_cache._cache)
            assert (
                held <= 40 + KEPT + 40 if view.display and view in it.view.walk_children(with_self=True) else held == 0
            ), f"{view} holds {held}"


async def test_what_was_worked_out_for_one_view_is_forgotten_with_it() -> None:
    async with dashboard(size=(160, 50)) as it:
        clock = count(it.replica.now(), 1801.0)
        it.replica._clock = lambda: next(clock)
        await _live(it, clock, 12)
        worked_out = Region.intersection.cache_info().currsize + Region.translate.cache_info().currsize
        assert worked_out < 600, f"{worked_out} places, of one view in front"
