"""Every source: how it stands, how old its answer is, and what would mend it."""

from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import Any

from textual.message import Message

from posture.clock import Utc
from tui.data.replica import Table
from tui.data.row_filter import Sieve, source_matches
from tui.terminal.text import plain
from tui.views import View
from tui.views.rows_view import RowsView
from tui.widgets.columns import (
    CADENCE,
    CALLS,
    ERROR,
    PERMISSION,
    RESOURCES,
    SECONDS,
    SERVICE,
    SOURCE_SCOPE,
    SOURCE_STATE,
    SOURCE_TENANT,
    SUCCESS,
)
from tui.widgets.lines import Lines

VIEW = View(
    "sources",
    "Sources",
    short="Srcs",
    order=10,
    columns=(
        SOURCE_STATE,
        SERVICE,
        SOURCE_TENANT,
        SOURCE_SCOPE,
        SUCCESS,
        CADENCE,
        CALLS,
        SECONDS,
        RESOURCES,
        ERROR,
        PERMISSION,
    ),
)


class SourceOpened(Message):
    """A source is to be looked at."""

    def __init__(self, id: str) -> None:
        super().__init__()
        self.id = id


class SourcesView(RowsView):
    """What was asked of whom, worst first; `r` asks the one under the cursor again."""

    view = VIEW

    def look(self) -> None:
        """The view comes to the front: it names the configuration that says what is asked."""
        origin = getattr(self.app, "origin", "")
        self.border_subtitle = plain(f"configuration: {origin}") if origin else ""
        super().look()

    def table(self) -> Table[Any]:
        """The sources as a table made on the spot; there are hundreds, not thousands."""
        table: Table[Any] = Table()
        table.rows = dict(self.replica.sources)
        table.version = -2  # always another than the last seen
        table.moved = None
        return table

    def kinds(self) -> set[str]:
        """Sources are their own kind."""
        return {"sources"}

    def tie(self) -> Callable[[Any], Any]:
        """By id."""
        return attrgetter("id")

    def sieve(self) -> Sieve | None:
        """Sources are chosen by their own fields."""
        return partial(source_matches, self.filter) if self.filter.terms else None

    def _latest(self, item: Any) -> Any:
        return self.replica.sources.get(item.id, item)

    def _dim(self, item: Any, now: Utc) -> bool:
        return False

    def target(self) -> str | None:
        """A source is no resource."""
        return None

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        """Enter opens the source."""
        event.stop()
        if (source := self.source_id()) is not None:
            self.post_message(SourceOpened(source))

    def source_id(self) -> str | None:
        """The source under the cursor."""
        return None if self.current is None else str(self.current.id)
