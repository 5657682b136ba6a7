"""Every finding that is not as promised, worst first: those of one cause as one line, which opens out."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from posture.clock import Utc
from posture.problems import problems
from posture.rows import FindingRow
from tui.data.replica import FINDING, Replica, Table
from tui.terminal.text import plain
from tui.views import View
from tui.views.problem import Problem, problem_of
from tui.views.rows_view import RowsView
from tui.widgets.columns import (
    AGE,
    CONTROL,
    EXCEPTED,
    KIND,
    NAME,
    REASON,
    REGION,
    SEVERITY,
    SINCE,
    STATUS,
    TENANT,
    Cell,
    Column,
)


def _name_cell(row: Any, replica: Replica, now: Utc) -> Cell:
    text, paint = NAME.cell(row, replica, now)
    if isinstance(row, Problem):
        return f"{'▾' if row.opened else '▸'} {text}", paint
    return f"  {text}", paint


def _tenant_cell(row: Any, replica: Replica, now: Utc) -> Cell:
    if isinstance(row, Problem) and row.tenants > 1:
        return f"{row.tenants} tenants", "text"
    return TENANT.cell(row, replica, now)


WORST = Column("SEV", SEVERITY.cell, lambda replica: lambda row: row.severity * 8 + row.status, 4, keep=9)

VIEW = View(
    "findings",
    "Findings",
    short="Find",
    order=9,
    columns=(
        WORST,
        STATUS,
        CONTROL,
        replace(NAME, cell=_name_cell),
        KIND,
        replace(TENANT, cell=_tenant_cell),
        REGION,
        REASON,
        EXCEPTED,
        SINCE,
        AGE,
    ),
)


class FindingsView(RowsView):
    """FAIL, UNKNOWN and WARN of all controls: the severest first, then the worst status, then the latest."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l", "unfold(True)", "open a problem: its findings"),
        Binding("left,h", "unfold(False)", "close it"),
        Binding("f", "flat", "every finding by itself, and by cause again"),
    ]
    view = VIEW
    findings = True

    def __init__(self, replica: Replica) -> None:
        super().__init__(replica, identity=attrgetter("id"))
        self._opened: set[str] = set()
        self._flat = False
        self._problems = 0

    def table(self) -> Table[Any]:
        """All findings there are."""
        return self.replica.findings

    def kinds(self) -> set[str]:
        """One."""
        return {FINDING}

    def tie(self) -> Callable[[Any], Any]:
        """The latest first."""
        return lambda row: -row.since

    # ---------------------------------------------------------------- problems

    def listed(self) -> Sequence[Any]:
        """Problems where they have several findings, with these below one that is open; else the finding itself."""
        rows: Sequence[FindingRow] = self.selection.items
        if self._flat:
            return rows
        lines: list[FindingRow | Problem] = []
        self._problems = 0
        for found in problems(rows):
            self._problems += 1
            if len(found) == 1:
                lines += found
                continue
            problem = problem_of(found, self.replica, self._opened)
            lines.append(problem)
            if problem.opened:
                lines += found
        return lines

    def _tell(self) -> None:
        super()._tell()
        if not self._flat and self._problems != len(self.selection):
            self.border_title = plain(f"{self.border_title} in {self._problems:,} problems")

    def action_unfold(self, opened: bool) -> None:
        """Open the problem under the cursor, or close the one that the cursor is in."""
        at, items = self.cursor, self.items
        if not opened:
            at = next((above for above in range(at, -1, -1) if isinstance(items[above], Problem)), -1)
        line = items[at] if 0 <= at < len(items) else None
        if not isinstance(line, Problem) or line.opened is opened or (not opened and not self._within(at)):
            return
        (self._opened.add if opened else self._opened.discard)(line.id)
        if not opened:
            self.move_to(at)
        self.show(self.listed())

    def _within(self, at: int) -> bool:
        """Whether the cursor is on the problem of this line or on one of its findings."""
        line = self.items[at]
        return isinstance(line, Problem) and self.cursor - at <= line.many

    def action_flat(self) -> None:
        """One line a finding, or one a cause."""
        self._flat = not self._flat
        self.show(self.listed())
        self._tell()

    def action_choose(self) -> None:
        """Enter opens the resource, and a problem whose root is none."""
        line = self.current
        if isinstance(line, Problem) and self.target() is None:
            self.action_unfold(not line.opened)
        else:
            super().action_choose()

    def verdict(self) -> str:
        """Enter opens the resource at this control's verdict."""
        return "" if self.current is None or isinstance(self.current, Problem) else str(self.current.control)

    def target(self) -> str | None:
        """The resource that was found so, or that is the root of a problem."""
        line = self.current
        if isinstance(line, Problem):
            return line.resource if self.replica.row(line.resource) is not None else None
        return None if line is None else str(line.resource)

    def source_id(self) -> str | None:
        """The source that is the root of a problem."""
        line = self.current
        return line.resource if isinstance(line, Problem) and line.resource in self.replica.sources else None
