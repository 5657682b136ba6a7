"""Every lease, the worst first and then those that end soonest; above them how many there are and when they end."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from rich.segment import Segment
from textual.strip import Strip

from posture.clock import Utc, age
from posture.kinds import KINDS
from posture.rows import Row
from tui.data.replica import Replica
from tui.views import View
from tui.views.rows_view import ResourceView
from tui.views.vault import NAMESPACE
from tui.widgets.columns import AGE, NAME, REASON, STATUS, TENANT, own
from tui.widgets.time_left import EXPIRES, ISSUED, LEASE_STATE, LIFE, NEVER, RENEWED

TOTALS = "lease-totals"
ROOM = 14
"""Lines the view must have for its totals to stand above the rows."""
BLOCKS = " ▁▂▃▄▅▆▇█"
HOURS = 24
MOST_DIGITS = 16
_ENGINE, _ROLE, _, _, _RENEWABLE, _ = own("lease")

VIEW = View(
    "leases",
    "Leases",
    short="Lses",
    order=7,
    kinds=("lease",),
    columns=(
        STATUS,
        EXPIRES,
        LIFE,
        LEASE_STATE,
        _ENGINE,
        _ROLE,
        ISSUED,
        RENEWED,
        _RENEWABLE,
        NAME,
        TENANT,
        replace(NAMESPACE, keep=2),
        REASON,
        AGE,
    ),
)


class LeasesView(ResourceView):
    """Leases one by one, and their totals; countdowns tick here, from the time of the end."""

    view = VIEW

    def __init__(self, replica: Replica) -> None:
        super().__init__(replica)
        self._lines: list[list[tuple[str, str]]] = []

    def kinds(self) -> set[str]:
        """Leases, and the totals above them."""
        return {*self.view.kinds, TOTALS}

    def tie(self) -> Callable[[Any], Any]:
        """The next to end first."""
        return lambda row: row.expires or NEVER

    # ---------------------------------------------------------------- the totals

    def moved(self, touched: set[str]) -> None:
        """Rows or totals moved."""
        if TOTALS in touched:
            self._retotal()
        super().moved(touched)

    def look(self) -> None:
        """The view comes to the front."""
        self._retotal()
        super().look()

    def on_resize(self) -> None:
        """Where there is little room, the rows have it."""
        self._retotal()

    def tick(self, now: Utc) -> None:
        """Countdowns."""
        self._retotal()
        super().tick(now)

    def _retotal(self) -> None:
        before = self._lines
        totals = sorted(self.replica.table(TOTALS).rows.values(), key=lambda row: (row.status, row.id))
        self._lines = list(_totals(totals, self.replica.now())) if totals and self.size.height >= ROOM else []
        if len(before) != len(self._lines):
            self.head = len(self._lines) + 1
            self.resized()
            self.forget()
        elif before != self._lines:
            self.refresh_visible(0, len(self._lines))

    def draw_head(self, y: int, width: int) -> Strip:
        """The totals, and below them the titles."""
        if y >= len(self._lines):
            return super().draw_head(0, width)
        paint = self.paint
        segments = [Segment(" ", paint.plain), *(Segment(text, paint[name]) for text, name in self._lines[y])]
        return Strip(segments).adjust_cell_length(width, paint.plain)

    def why_empty(self) -> str:
        """With no rows, the totals say why."""
        totals = list(self.replica.table(TOTALS).rows.values())
        if self.total or not self.replica.settled or not totals:
            return super().why_empty()
        return f"no lease is shown one by one ({_cell(totals[0], 'ROWS')}): the counts above are of all"


def _number(text: str) -> int | None:
    """A count; None for what is none, as a snapshot on file may hold."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < MOST_DIGITS else None


def _end(pair: str, now: Utc) -> tuple[int, int] | None:
    """(hours from now, how many) of `at:many`; None for what is none."""
    at, _, many = pair.partition(":")
    count = _number(many)
    try:
        return None if count is None else (int((float(at) - now) // 3600), count)
    except (ValueError, OverflowError):  # no number, or none that is finite
        return None


def _cell(row: Row, title: str) -> str:
    index = KINDS[TOTALS].titles.index(title)
    return row.cells[index] if index < len(row.cells) else ""


def _totals(rows: list[Row], now: Utc) -> Iterator[list[tuple[str, str]]]:
    """Two lines of counts, of the worst Vault where there are several, and one of what ends when, of all."""
    row = rows[0]
    total, limit = (_number(_cell(row, title)) for title in ("TOTAL", "LIMIT"))
    more = f"   and {len(rows) - 1} more Vaults" if len(rows) > 1 else ""
    if total is None:
        yield [
            (row.name, "name"),
            ("  leases are not counted: ", "unknown"),
            (row.reason or "no answer yet", "text"),
            (more, "faint"),
        ]
    else:
        share = f" ({total / limit:.1%})" if limit else ""
        full = min(20, round(20 * total / limit)) if limit else 0
        bar = "█" * max(full, 1 if total else 0)
        paint = "fail" if limit and total >= limit else "warn" if limit and total >= 0.8 * limit else "pass"
        yield [
            (row.name, "name"),
            (f"  {total:,} of {limit or 0:,} leases{share} ", "text"),
            (bar, paint),
            ("░" * (20 - len(bar)), "faint"),
            (more, "faint"),
        ]
    growth, doubles, stuck, waiting = (_cell(row, title) for title in ("GROWTH", "DOUBLES", "IRREVOCABLE", "BACKLOG"))
    parts = [
        (f"{growth or '-'} a minute", "text"),
        (f", doubles in {doubles}" if doubles else "", "warn" if (total or 0) >= 1000 else "faint"),
    ]
    parts += [
        ("   irrevocable ", "faint"),
        (stuck or "not told", "pass" if stuck == "0" else "fail" if stuck else "unknown"),
    ]
    parts += [("   revocations waiting ", "faint"), (waiting or "not told", "faint")]
    yield [*parts, ("   rows: ", "faint"), (_cell(row, "ROWS"), "text")]
    yield _histogram(rows, now)


def _histogram(rows: list[Row], now: Utc) -> list[tuple[str, str]]:
    """How many leases end in each of the next hours, as the server counts them."""
    ends = [end for row in rows for pair in _cell(row, "ENDS").split() if (end := _end(pair, now)) is not None]
    hours = [0] * HOURS
    later = 0
    for ahead, many in ends:
        if ahead < HOURS:
            hours[max(0, ahead)] += many
        else:
            later += many
    if not ends:
        return [("ends by hour: ", "faint"), ("the server has not counted them yet", "faint")]
    most = max(hours) or 1
    blocks = "".join(BLOCKS[-(-many * 8 // most)] for many in hours)
    at = datetime.fromtimestamp(now, UTC).strftime("%H:%MZ")
    return [
        (f"ends by hour from {at} ▕", "faint"),
        (blocks, "accent"),
        (f"▏ next {age(3600)}: {hours[0]:,}, 24h: {sum(hours):,}, later: {later:,}", "faint"),
    ]
