"""Keeps the replica fed: frames go in as they come, the screen hears of it at most once a frame, and a collector
that died is started again.
"""

import asyncio
import gc
from collections.abc import Callable

from posture.clock import Seconds
from providers.collector.frames import (
    Ask,
    Blast,
    BlastRadius,
    Compare,
    Compared,
    Detail,
    Frame,
    Hello,
    Notice,
    Open,
    Pause,
    Settled,
    WhoTold,
)
from tui.data.process import Collector
from tui.data.replica import Replica

FRAME: Seconds = 1 / 30
"""The least time between two repaints for what the collector sent."""
BACK_OFF: tuple[Seconds, ...] = (1, 2, 4, 8, 16, 30)
"""How long to wait before a collector that died is started again, by how often it has died in a row."""


class Feed:
    """Between the collector and the screen.

    `on_moved` gets the names of what moved (`Replica.touched`); `on_notice` a line for the person; `on_down` a reason
    and the seconds until the restart, or ("", 0) when the collector is back.
    """

    def __init__(self, collector: Collector, replica: Replica) -> None:
        self.collector, self.replica = collector, replica
        self.on_moved: Callable[[set[str]], None] = lambda touched: None
        self.on_notice: Callable[[Notice], None] = lambda notice: None
        self.on_down: Callable[[str, Seconds], None] = lambda reason, wait: None
        self.on_refused: Callable[[str], None] = lambda reason: None
        self.paused = False
        self.down = ""
        self._deaths = 0
        self._opened: Open | Blast | Compare | None = None
        self._due: asyncio.TimerHandle | None = None
        self._again: asyncio.TimerHandle | None = None
        self._last = 0.0

    def start(self) -> None:
        """Begin to read, from the running loop."""
        self.collector.attach(self._frame, self._end)

    def stop(self) -> None:
        """End the collector; nothing more will be told."""
        for handle in (self._due, self._again):
            if handle is not None:
                handle.cancel()
        self.collector.stop()

    def ask(self, ask: Ask) -> None:
        """Send an ask; what matters beyond the collector's life (a pause, the open page) is said again to its
        successor.
        """
        if isinstance(ask, Pause):
            self.paused = ask.on
        if isinstance(ask, Open | Blast | Compare):
            self._opened = ask
        self.collector.ask(ask)

    def forget_open(self) -> None:
        """No page is looked at any more."""
        self._opened = None

    def restart(self) -> None:
        """Start the collector again, now."""
        self._again = None
        try:
            self.collector.start()
        except OSError as error:
            self._end(str(error), 1)
            return
        self.start()

    def _frame(self, frame: Frame) -> None:
        if isinstance(frame, Notice):
            self.on_notice(frame)
            return
        if isinstance(frame, Detail | BlastRadius | Compared | WhoTold) and not self._is_asked_for(frame):
            return
        self.replica.apply(frame)
        if isinstance(frame, Hello):
            self._hello()
        elif isinstance(frame, Settled):
            self._deaths = 0
            # what is loaded stays: the collector of garbage need not look at 100,000 rows again (30 ms a time)
            gc.freeze()
        if self._due is None:
            loop = asyncio.get_running_loop()
            self._due = loop.call_at(max(loop.time(), self._last + FRAME), self._tell)

    def _is_asked_for(self, frame: Detail | BlastRadius | Compared | WhoTold) -> bool:
        """Whether a page is what is looked at: the one before may come late."""
        match self._opened:
            case Open(id=id) | Blast(id=id):
                return not isinstance(frame, Compared) and frame.id == id
            case Compare(path=path, query=query):
                return isinstance(frame, Compared) and (frame.path, frame.query) == (path, query)
        return False

    def _tell(self) -> None:
        self._due = None
        self._last = asyncio.get_running_loop().time()
        touched, self.replica.touched = self.replica.touched, set()
        self.on_moved(touched)

    def _hello(self) -> None:
        if self.down:
            self.down = ""
            self.on_down("", 0)
        if self.paused:
            self.collector.ask(Pause(True))
        if self._opened is not None:
            self.collector.ask(self._opened)

    def _end(self, reason: str, code: int) -> None:
        if code == 2 and self.replica.hello is None:
            self.on_refused(reason)
            return
        wait = BACK_OFF[min(self._deaths, len(BACK_OFF) - 1)]
        self._deaths += 1
        self.down = reason
        self.on_down(reason, wait)
        self._again = asyncio.get_running_loop().call_later(wait, self.restart)
