"""A dashboard under test: the real one, on a real child process, over real pipes."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from tui.app import Dashboard
from tui.data.link import Feed
from tui.data.process import Collector
from tui.data.replica import Replica

SYNTHETIC = Path(__file__).parents[1] / "bench" / "synthetic.py"


class Opened:
    """The app, its pilot, and what a test wants to know of them."""

    def __init__(self, app: Dashboard, pilot: Pilot[int]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def replica(self) -> Replica:
        """The viewer's copy."""
        return self.app.replica

    @property
    def view(self) -> Any:
        """The view in front."""
        return self.app.current

    @property
    def screen(self) -> str:
        """What a person reads, line by line."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)

    async def until(self, holds: Callable[[], object], what: str = "", within: float = 60.0) -> None:
        """Wait until something is so; fails with the screen when it does not come true."""
        end = asyncio.get_running_loop().time() + within
        while not holds():
            assert asyncio.get_running_loop().time() < end, (
                f"{what or 'it'} did not come true; the screen:\n{self.screen}"
            )
            await self.pilot.pause(0.02)

    async def shows(self, text: str, within: float = 60.0) -> None:
        """Wait until a text is on the screen."""
        await self.until(lambda: text in self.screen, f"{text!r} on the screen", within)

    async def press(self, *keys: str) -> None:
        """Press keys."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Type a text."""
        names = {
            " ": "space",
            ":": "colon",
            "-": "minus",
            "*": "asterisk",
            "[": "left_square_bracket",
            "]": "right_square_bracket",
            "/": "slash",
            "=": "equals_sign",
            ".": "full_stop",
            "_": "underscore",
        }
        await self.press(*(names.get(char, char) for char in text))

    def toasts(self) -> list[str]:
        """What was said in the corner."""
        return [f"{toast.title} {toast.message}" for toast in self.app._notifications]


@asynccontextmanager
async def dashboard(
    *options: str,
    size: tuple[int, int] = (120, 40),
    view: str = "overview",
    query: str = "",
    export_dir: Path = Path(),
    settled: bool = True,
    notifications: bool = False,
) -> AsyncIterator[Opened]:
    """Open the dashboard on a synthetic collector with these options."""
    command = [sys.executable, str(SYNTHETIC), "--rows", "600", *options]
    async with on(
        command, size=size, view=view, query=query, export_dir=export_dir, settled=settled, notifications=notifications
    ) as opened:
        yield opened


@asynccontextmanager
async def on(
    command: list[str],
    *,
    size: tuple[int, int] = (120, 40),
    view: str = "overview",
    query: str = "",
    export_dir: Path = Path(),
    settled: bool = True,
    notifications: bool = False,
) -> AsyncIterator[Opened]:
    """Open the dashboard on a command that is a collector."""
    collector = Collector(command)
    collector.start()
    app = Dashboard(Feed(collector, Replica()), view=view, query=query, export_dir=export_dir, on_terminal=False)
    async with app.run_test(size=size, notifications=notifications) as pilot:
        opened = Opened(app, pilot)
        if settled:
            await opened.until(lambda: app.replica.settled and not app.replica.touched, "settled")
            await pilot.pause(0.05)
        yield opened
