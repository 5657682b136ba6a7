"""How the dashboard lives in its terminal: colours, signals, exit codes, the clipboard, a terminal that is too small
or gone.
"""

import asyncio
import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from textual import events
from textual._context import active_message_pump
from textual.app import App
from textual.await_complete import AwaitComplete
from textual.filter import LineFilter
from textual.notifications import SeverityLevel
from textual.widget import Widget
from textual.worker import active_worker

from posture.text import clean
from tui.terminal import themes
from tui.terminal.clipboard import copy
from tui.terminal.driver import LeanDriver
from tui.terminal.paint import Paint
from tui.terminal.printable import Printable
from tui.terminal.strips import free_at_once
from tui.widgets.bars import Bar

LEAST = (60, 15)
"""Columns and lines below which there is nothing sensible to draw."""


MOST_TOASTS = 5
_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())  # else Python writes on standard error, which is the screen
GRACE = 2.0
"""Seconds an orderly end may take when the terminal is gone."""


class Shell(App[int]):
    """An app that leaves its terminal as it found it, whatever ends it. `on_terminal` is False under test."""

    def __init__(self, *, on_terminal: bool) -> None:
        super().__init__(driver_class=LeanDriver if on_terminal else None)
        self.paint = Paint({})
        self._on_terminal = on_terminal
        for fixed in (
            ("COLUMNS", "LINES") if on_terminal else ()
        ):  # exported by some shells, they would be believed for ever, whatever the terminal's size becomes
            os.environ.pop(fixed, None)
        self._printable = Printable()
        free_at_once()
        for theme in themes.THEMES:
            self.register_theme(theme)
        wanted = os.environ.get("TEXTUAL_THEME", "")
        self.theme = wanted if wanted in self.available_themes else themes.DEFAULT

    def mind_signals(self) -> None:
        """From now on a signal ends the app as `q` does, with the exit code that shells expect."""
        if self._on_terminal:
            loop = asyncio.get_running_loop()
            for number, code in ((signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)):
                loop.add_signal_handler(number, self.leave, code)
            threading.Thread(target=_end_after, args=(sys.__stdin__,), name="hang-up", daemon=True).start()
            if isinstance(self._driver, LeanDriver):
                self._driver.mind_suspends(loop)
            # the terminal shows nothing of ours any more
            self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))

    def mind_terminal(self) -> None:
        """End when the terminal is gone: reading it would otherwise burn a core for ever."""
        if self._on_terminal and hung_up(sys.__stdin__):
            self.leave(129)

    def leave(self, code: int) -> None:
        """End with this exit code."""
        # in the terminal that is the shell's again a further Ctrl-C is a SIGINT, which Python would tell by a traceback
        if self._on_terminal:
            asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.exit(code, return_code=code)

    def action_end(self) -> None:
        """q."""
        self.leave(0)

    def action_interrupt(self) -> None:
        """Ctrl-C."""
        self.leave(130)

    async def action_quit(self) -> None:
        """Ctrl-Q."""
        self.leave(0)

    def gone(self, pump: Any = None) -> bool:
        """Whether the app is ending, or the part of it that `pump` is."""
        if self._exit or self._closing or not self.screen_stack:
            return True
        return isinstance(pump, Widget) and (
            pump._closing or not pump.is_attached or pump.screen not in self.screen_stack
        )

    def _handle_exception(self, error: Exception) -> None:
        """What goes wrong in a part that is being taken down (a palette that looks for the list it had) ends nothing
        else, and stands in the log.
        """
        pump, worker = active_message_pump.get(None), active_worker.get(None)
        if self.gone(pump) or (worker is not None and self.gone(worker.node)):
            _log.warning(
                "%s while it was being closed: %s: %s", type(pump).__name__, type(error).__name__, error, exc_info=error
            )
        else:
            super()._handle_exception(error)

    def pop_screen(self) -> AwaitComplete:
        """Close what lies over the dashboard; the dashboard itself stays: a key pressed twice closes help or palette
        twice.
        """
        return super().pop_screen() if len(self.screen_stack) > 1 else AwaitComplete()

    # ---------------------------------------------------------------- colours and size

    def get_css_variables(self) -> dict[str, str]:
        """The theme's variables and those that enctop derives from them; also what all drawing is done with."""
        variables = themes.completed(super().get_css_variables())
        self.theme_variables = variables
        self.paint = Paint(variables)
        return variables

    def on_resize(self, event: events.Resize) -> None:
        """Below a useful size say so, and come back when there is room."""
        width, height = event.size
        small = width < LEAST[0] or height < LEAST[1]
        for screen in self.screen_stack:
            screen.set_class(small, "-small")
        if small:
            self.query_one("#too-small", Bar).show(
                [(f" {width}x{height} is too small, enctop needs {LEAST[0]}x{LEAST[1]}", "warn"), (" · q quits", "bar")]
            )

    # ---------------------------------------------------------------- telling

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every line of every widget goes through."""
        return (*super().get_line_filters(), self._printable)

    def notify(self, message: str, **how: Any) -> None:
        """A toast; the same one is not shown twice at a time, and of many the old ones go: each that stands is
        measured again at every layout.
        """
        # `list` would ask for their number, at which those whose time is over go while it counts them
        shown = [one for one in self._notifications]  # noqa: C416
        if any(one.message == message and one.title == how.get("title", "") for one in shown):
            return
        if len(shown) >= MOST_TOASTS:
            self.clear_notifications()
        super().notify(message, **how)

    def say(
        self, text: str, *, title: str = "", severity: SeverityLevel = "information", timeout: float | None = None
    ) -> None:
        """A line in the corner, as it is: what clouds and people wrote is never read as markup."""
        self.notify(
            "\n".join(clean(line) for line in text.splitlines()),
            title=title,
            severity=severity,
            timeout=timeout,
            markup=False,
        )

    # ---------------------------------------------------------------- copying

    def copy(self, text: str, what: str, *, lines: bool = False) -> None:
        """Copy what is shown, dots and all, and say so, or why not; `lines` for what is meant to have several."""
        text = "\n".join(map(clean, text.split("\n"))) if lines else clean(text)
        done = copy(text, self._to_terminal)
        if done.problem:
            self.say(done.problem, title=f"{what} was not copied", severity="error")
        else:
            self._clipboard = text
            self.say(
                _shortened(text), title=f"copied {what}" if done.known else f"{what} was sent to the terminal (OSC 52)"
            )

    def _to_terminal(self, sequence: str) -> None:
        if self._driver is not None:
            self._driver.write(sequence)


def _end_after(stream: Any) -> None:
    """End the process soon after its terminal has gone, whatever its loop is waiting for then: there is nothing left
    to tidy up.
    """
    poll = select.poll()
    try:
        poll.register(stream.fileno(), 0)  # nothing but its end, which costs no CPU to wait for
        poll.poll()
    except (OSError, ValueError, AttributeError):
        return
    time.sleep(GRACE)
    os._exit(129)


def hung_up(stream: Any) -> bool:
    """Whether the terminal behind this stream has gone away."""
    poll = select.poll()
    try:
        poll.register(stream.fileno(), select.POLLHUP | select.POLLERR)
        return any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in poll.poll(0))
    except (OSError, ValueError, AttributeError):
        return True


def _shortened(text: str) -> str:
    return text if len(text) <= 160 else f"{text[:159]}…"
