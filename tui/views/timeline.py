"""What became otherwise, the newest first: of a day, and while enctop runs."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar

from posture.clock import Utc
from posture.transition import ABSENT
from tui.data.move import Move
from tui.data.replica import TRANSITION, Replica, Table
from tui.views import View
from tui.views.rows_view import RowsView
from tui.widgets.columns import CONTROL, KIND, NAME, PAINTS, REASON, REGION, TENANT, WORDS, Cell, Column


def _when_cell(row: Move, replica: Replica, now: Utc) -> Cell:
    at = datetime.fromtimestamp(row.since, UTC)
    today = datetime.fromtimestamp(now, UTC).date() == at.date()
    return at.strftime("%H:%M:%S" if today else "%m-%d %H:%M"), "text" if today else "faint"


def _word(status: int, missing: str) -> str:
    return missing if status == ABSENT else WORDS[status]


def _change_cell(row: Move, replica: Replica, now: Utc) -> Cell:
    paint = "faint" if row.after == ABSENT else PAINTS[row.after]
    return f"{_word(row.before, 'new')} → {_word(row.after, 'gone')}", paint


def _latest_first(replica: Replica) -> Callable[[Any], Any]:
    return lambda row: -row.since


WHEN = Column("WHEN", _when_cell, _latest_first, 11, keep=10)
CHANGE = Column("CHANGE", _change_cell, lambda replica: lambda row: (row.after, row.before), 15, keep=9)

VIEW = View(
    "timeline",
    "Timeline",
    short="Time",
    order=10,
    columns=(WHEN, CHANGE, CONTROL, NAME, KIND, TENANT, REGION, REASON),
)


class TimelineView(RowsView):
    """The transitions of the last day, and of what is shown of a history."""

    BINDINGS: ClassVar[list[Any]] = []
    view = VIEW
    findings = True

    def table(self) -> Table[Any]:
        """All that is told."""
        return self.replica.transitions

    def kinds(self) -> set[str]:
        """One."""
        return {TRANSITION}

    def _dim(self, item: Any, now: Utc) -> bool:
        return False

    def target(self) -> str | None:
        """The resource."""
        return None if self.current is None else str(self.current.resource)

    def verdict(self) -> str:
        """The control's."""
        return "" if self.current is None else str(self.current.control)

    def why_empty(self) -> str:
        """What an empty table says."""
        if self.total:
            return super().why_empty()
        return "nothing became otherwise in the last 24 hours of which enctop knows"
