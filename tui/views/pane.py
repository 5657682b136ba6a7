"""A pane of the Overview: how many of a kind stand where, and the worst of them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from heapq import nsmallest
from operator import attrgetter
from typing import Any

import msgspec
from rich.segment import Segment
from textual.message import Message
from textual.strip import Strip

from posture.clock import Utc
from posture.filter import Filter
from posture.rows import Row
from posture.source import ANSWERED
from posture.verdict import Status
from tui.data.replica import Replica, count
from tui.data.row_filter import sieve
from tui.views.rows_view import Opened
from tui.widgets.columns import AGE, GLYPHS, NAME, PAINTS, REASON, STATUS, TENANT
from tui.widgets.line_table import LineTable
from tui.widgets.lines import Lines

WORST = 100
"""Rows a pane lists at the most."""
PANE_COLUMNS = (
    STATUS,
    replace(NAME, width=10, most=30),
    replace(TENANT, width=7, keep=3),
    replace(REASON, width=11, keep=7),
    AGE,
)


class Wanted(Message):
    """Another view is wanted."""

    def __init__(self, view: str) -> None:
        super().__init__()
        self.view = view


class Pane(LineTable[Row]):
    """One kind of resource: a bar of how many stand where, and below it the worst ones."""

    def __init__(self, replica: Replica, kind: str, title: str, view: str) -> None:
        table = replica.table(kind)
        super().__init__(
            PANE_COLUMNS,
            replica,
            attrgetter("id"),
            latest=lambda item: table.rows.get(item.id, item),
            id=f"pane-{kind}",
            classes="pane",
        )
        self.kind, self.title, self.view = kind, title, view
        self.kinds = frozenset({kind})
        """The tables it is about."""
        self.border_title = title
        self.counts: Sequence[int] = (0,) * 5

    def _dim(self, item: Row, now: Utc) -> bool:
        source = self.replica.source(item)
        return source is None or source.dim(now)

    def on_mount(self) -> None:
        """Old evidence is dim here too."""
        self.dim = self._dim

    def follow(self, query: Filter) -> None:
        """Count and find the worst anew."""
        rows: Sequence[Row] = list(self.replica.table(self.kind).rows.values())
        chosen = rows if (through := sieve(query, self.replica)) is None else through(rows)
        self.counts = count(chosen)
        bad = [row for row in chosen if row.status < Status.PASS]
        self.show(nsmallest(WORST, self._by_cause(bad), key=_worst_first))
        total = f"{len(chosen):,}" if len(chosen) == len(rows) else f"{len(chosen):,}/{len(rows):,}"
        self.border_title = f"{self.title} {total}" if rows else self.title
        self.border_subtitle = f"worst {WORST} of {len(bad):,}" if len(bad) > WORST else ""
        if chosen:
            self.empty = "all as promised" if not bad else ""
        elif rows:
            self.empty = "nothing matches the filter"
        else:
            self.empty = self._why_empty()
        self.refresh_visible(0)

    def _by_cause(self, bad: Sequence[Row]) -> Sequence[Row]:
        """One row for all that the same root explains: the worst of them, with the root's name and how many there
        are.
        """
        groups: dict[str, list[Row]] = {}
        for row in bad:
            groups.setdefault(row.cause or row.id, []).append(row)
        return [rows[0] if len(rows) == 1 else self._problem(rows) for rows in groups.values()]

    def _problem(self, rows: Sequence[Row]) -> Row:
        worst = min(rows, key=_worst_first)
        root = self.replica.row(worst.cause)
        named = worst if root is None else root
        reason = f"{len(rows):,} {self.title.lower()}: {worst.reason}"
        return msgspec.structs.replace(worst, id=named.id, name=f"▸ {named.name}", place=named.place, reason=reason)

    def _why_empty(self) -> str:
        """What nothing means: that nobody asked, that nobody answered yet, or that there is nothing."""
        provider = {"endpoint": "tls", "lease": "vault"}.get(self.kind)
        asked = any(provider in {None, source.provider} for source in self.replica.sources.values())
        if not asked and (provider or self.replica.settled):
            return "nothing configured"
        if not self.replica.settled:
            return "waiting for the first answers …"
        silent = [source for source in self.replica.sources.values() if source.state not in ANSWERED]
        return (
            f"none seen, and {len(silent)} of {len(self.replica.sources)} sources did not answer in full (see Sources)"
            if silent
            else "none seen"
        )

    def draw_head(self, y: int, width: int) -> Strip:
        """`✗ 12 ? 3 ! 40 ✓ 9,945` and a bar in the same proportions."""
        paint, counts = self.paint, self.counts
        segments = [Segment(" ", paint.plain)]
        used = 1
        for status in Status if sum(counts) else ():
            if counts[status] or status < Status.NOT_APPLICABLE:
                text = f"{GLYPHS[status]} {_short(counts[status])}  "
                segments.append(Segment(text, paint[PAINTS[status] if counts[status] else "faint"]))
                used += len(text)
        segments += _bar(counts, width - used - 1, self.paint)
        return Strip(segments).adjust_cell_length(width, paint.plain)

    def click_head(self, x: int) -> None:
        """The bar leads to the whole view."""
        self.post_message(Wanted(self.view))

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        """Enter opens the resource."""
        event.stop()
        if self.current is not None:
            self.post_message(Opened(self.current.id))

    def action_choose(self) -> None:
        """With nothing bad to open, Enter leads to the whole view."""
        if self.items:
            super().action_choose()
        else:
            self.post_message(Wanted(self.view))


def _worst_first(row: Row) -> tuple[int, int, float, str]:
    return row.status, row.severity, -row.since, row.name


def _short(many: int) -> str:
    return f"{many:,}" if many < 100_000 else f"{many / 1000:,.0f}k"


def _bar(counts: Sequence[int], width: int, paint: Any) -> Iterator[Segment]:
    """At least one cell for whatever is there at all, so that one failure among 100,000 is seen."""
    total = sum(counts)
    if not total or width < 8:
        return
    cells = [max(1, many * width // total) if many else 0 for many in counts]
    cells[cells.index(max(cells))] += width - sum(cells)
    for status, wide in enumerate(cells):
        if wide > 0:
            yield Segment("━" * wide, paint[PAINTS[status]])
