"""What all row views share: a filter, an order, and a table that follows the replica."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from time import monotonic
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from posture.clock import Seconds, Utc
from posture.filter import Filter
from posture.source import ANSWERED
from tui.data.ordered_rows import Selection
from tui.data.replica import FINDING, Replica, Table
from tui.data.row_filter import Sieve, sieve
from tui.terminal.text import plain
from tui.views import View
from tui.widgets.columns import Column, shared_columns
from tui.widgets.line_table import LineTable
from tui.widgets.lines import Lines

REORDER: Seconds = 0.5
"""The least time between two new orders while data streams; what a person does takes effect at once."""


QUIET: Seconds = 0.2
"""No new order comes this soon after the cursor moved, so that the key after it need not wait."""
PUT_OFF: Seconds = 2.0
"""But it comes at the latest so long after the last."""


class Opened(Message):
    """A resource is to be looked at, for the sake of one control's verdict where `verdict` names that."""

    def __init__(self, id: str, verdict: str = "") -> None:
        super().__init__()
        self.id, self.verdict = id, verdict


class Counted(Message):
    """How many match, or how many there are, may be another number now."""

    def can_replace(self, message: Message) -> bool:
        """Only the last matters."""
        return isinstance(message, Counted)


class RowsView(LineTable[Any]):
    """A table over rows of the replica, filtered and in order. Subclasses say which rows (`table`) and which
    columns.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort_next", "sort by the next column"),
        Binding("S", "sort_reverse", "reverse the order"),
    ]
    view: ClassVar[View]
    """Its declaration; a class for several has it set."""
    findings: ClassVar[bool] = False

    def __init__(self, replica: Replica, *, identity: Callable[[Any], str] = attrgetter("id")) -> None:
        columns = self.view.columns or shared_columns(self.view.kinds)
        super().__init__(columns, replica, identity, latest=self._latest, dim=self._dim, id=self.view.name)
        self.filter = Filter("")
        self.selection: Selection[Any] = Selection(columns[0].order(replica), self.tie())
        self.order = (columns[0], False)
        self.total = 0
        self._version = -1
        self._places = -1
        self._pending: dict[str, Any] | None = {}
        self._last, self._took = 0.0, 0.0
        self._reorder_later = False

    # ---------------------------------------------------------------- which rows

    @property
    def own_filter(self) -> str:
        """What this view alone shows, in the filter language: an export says it beside the filter."""
        return f"kind:{','.join(self.view.kinds)}" if self.view.kinds else ""

    def table(self) -> Table[Any]:
        """The rows this view is about."""
        raise NotImplementedError

    def tie(self) -> Callable[[Any], Any]:
        """The order among equals."""
        return attrgetter("name")

    def sieve(self) -> Sieve | None:
        """What lets through what the filter selects."""
        return sieve(self.filter, self.replica, findings=self.findings)

    def _latest(self, item: Any) -> Any:
        return self.table().rows.get(self.identity(item), item)

    def _dim(self, item: Any, now: Utc) -> bool:
        source = self.replica.source(item)
        return source is None or source.dim(now)

    # ---------------------------------------------------------------- following the replica

    def listed(self) -> Sequence[Any]:
        """The lines, of the rows that are selected."""
        return self.selection.items

    @property
    def matched(self) -> tuple[int, int]:
        """How many rows match, and how many there are."""
        return len(self.selection), self.total

    def look(self) -> None:
        """The view comes to the front: take in whatever happened meanwhile."""
        self.table().take()
        self._pending = {}
        if self._version != self.table().version or not self.total:
            self.rebuild()
        else:
            self.forget()

    def on_hide(self) -> None:
        """What moves from now on need not be remembered, row by row as it was: `look` takes in everything."""
        self._pending = self.table().moved = None

    def narrow(self, query: Filter) -> None:
        """Another filter."""
        self.filter = query
        self._version = -1

    def moved(self, touched: set[str]) -> None:
        """Something in the replica moved: draw what is visible at once, order anew when it is time."""
        if not self.concerns(touched):
            if "sources" in touched:
                self.repaint()
            return
        moved = self.table().take()
        if moved is None or self._pending is None:
            self._pending = None
        else:
            for name, old in moved.items():
                self._pending.setdefault(name, old)
        if moved and self.replica.settled:
            self.mark(list(moved), self.replica.now())
        else:
            self.repaint()
        self._reorder_when_due(bool(touched & {"hello", "settled"}))

    def concerns(self, touched: set[str]) -> bool:
        """Whether what was touched may change the order or the membership."""
        by_source = self.order is not None and self.order[0].by_source and "sources" in touched
        by_finding = FINDING in touched and any(term.field in {"", "control", "sentence"} for term in self.filter.terms)
        by_sentence = "promises" in touched and any(term.field == "sentence" for term in self.filter.terms)
        anew = by_source or by_finding or by_sentence or bool(touched & {"hello", "settled", "places"})
        if anew:
            self._pending = None
        return anew or bool(touched & self.kinds())

    def kinds(self) -> set[str]:
        """The names of the replica's tables shown here."""
        raise NotImplementedError

    def _reorder_when_due(self, at_once: bool) -> None:
        if self._reorder_later and not at_once:
            return
        pause = max(REORDER, 8 * self._took) if self.total else 0.0
        wait = self._last + pause - monotonic()
        if wait <= 0 or at_once:
            self._reorder()
        else:
            self._reorder_later = True
            self.set_timer(wait, self._reorder)

    def _reorder(self) -> None:
        self._reorder_later = False
        if not self.display:
            self._version = -1
            return
        if monotonic() - self.moved_at < QUIET and monotonic() - self._last < PUT_OFF:
            self._reorder_later = True
            self.set_timer(QUIET, self._reorder)
            return
        # neither sieve nor order knows places that came since
        if self._pending is None or self._places != len(self.replica.places):
            self.rebuild()
            return
        pending, self._pending = self._pending, {}
        started = monotonic()
        changed = self.selection.update(self.table().rows, pending, self.identity)
        self._done(started)
        if changed:
            self.show(self.listed())
        self._tell()

    def rebuild(self) -> None:
        """Filter and sort everything: after a person's act, or when too much moved."""
        started = monotonic()
        table = self.table()
        table.take()
        self._pending = {}
        self.selection.sieve = self.sieve()
        self._places = len(self.replica.places)
        if self.order is not None:
            self.selection.key, self.selection.reverse = self.order[0].order(self.replica), self.order[1]
        self.selection.rebuild(table.rows)
        self._done(started)
        self.show(self.listed())
        self._tell()

    def _done(self, started: float) -> None:
        self._last = monotonic()
        self._took = self._last - started
        self._version = self.table().version
        self.total = len(self.table().rows)

    def _tell(self) -> None:
        matched = len(self.selection)
        shown = f"{matched:,}" if matched == self.total else f"{matched:,}/{self.total:,}"
        self.border_title = plain(f"{self.view.title} {shown}")
        self.empty = self.why_empty()
        self.post_message(Counted())

    def why_empty(self) -> str:
        """What an empty table says."""
        if self.total:
            return f"nothing matches {self.filter.text}  (Esc clears the filter)"
        if not self.replica.settled:
            return "waiting for the first answers …"
        silent = sum(source.state not in ANSWERED for source in self.replica.sources.values())
        return f"no {self.view.title.lower()} seen" + (
            f"; {silent} of {len(self.replica.sources)} sources did not answer in full (see Sources)" if silent else ""
        )

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        """Enter opens the resource."""
        event.stop()
        if (target := self.target()) is not None:
            self.post_message(Opened(target, self.verdict()))

    def target(self) -> str | None:
        """The id of the resource under the cursor."""
        return None if self.current is None else str(self.current.id)

    def verdict(self) -> str:
        """The control whose verdict is under the cursor; empty where it is a resource with all of its."""
        return ""

    def source_id(self) -> str | None:
        """The source to refresh for what is under the cursor; None for all."""
        return None

    # ---------------------------------------------------------------- sorting

    def sort(self, column: Column) -> None:
        """Sort by a column; by the same one again: the other way round."""
        by, reverse = self.order or (None, False)
        self.order = (column, not reverse if column is by else False)
        self._sorted(column is not by)

    def _sorted(self, another: bool) -> None:
        if self.order is None:
            return
        column, self.selection.reverse = self.order
        if another:
            self.selection.key = column.order(self.replica)
            self.selection.resort()
        self.show(self.listed())
        self.refresh_visible(0)

    def action_sort_next(self) -> None:
        """Sort by the next visible column."""
        columns = self.shown_columns()
        by = self.order[0] if self.order else None
        following = columns[(columns.index(by) + 1) % len(columns)] if by in columns else columns[0]
        self.order = (following, False)
        self._sorted(True)

    def action_sort_reverse(self) -> None:
        """Turn the order round."""
        if self.order:
            self.order = (self.order[0], not self.order[1])
            self._sorted(False)

    def on_line_table_sorted(self, event: LineTable.Sorted) -> None:
        """A title was clicked."""
        event.stop()
        self.sort(event.column)

    def rows(self) -> Mapping[str, Any]:
        """All rows, unfiltered."""
        return self.table().rows


class ResourceView(RowsView):
    """Every resource of one kind, worst first."""

    def table(self) -> Table[Any]:
        """The kind's rows."""
        return self.replica.table(self.view.kinds[0])

    def kinds(self) -> set[str]:
        """The one that the view declares."""
        return set(self.view.kinds)
