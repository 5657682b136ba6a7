"""Every finding that is not as promised, worst first."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from tui.data.replica import FINDING, Replica, Table
from tui.views import View
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
    Column,
)

WORST = Column("SEV", SEVERITY.cell, lambda replica: lambda row: row.severity * 8 + row.status, 4, keep=9)

VIEW = View(
    "findings",
    "Findings",
    short="Find",
    order=9,
    columns=(WORST, STATUS, CONTROL, NAME, KIND, TENANT, REGION, REASON, EXCEPTED, SINCE, AGE),
)


class FindingsView(RowsView):
    """FAIL, UNKNOWN and WARN of all controls: the severest first, then the worst status, then the latest."""

    view = VIEW
    findings = True

    def table(self) -> Table[Any]:
        """All findings there are."""
        return self.replica.findings

    def kinds(self) -> set[str]:
        """One."""
        return {FINDING}

    def __init__(self, replica: Replica) -> None:
        super().__init__(replica, identity=attrgetter("id"))

    def tie(self) -> Callable[[Any], Any]:
        """The latest first."""
        return lambda row: -row.since

    def verdict(self) -> str:
        """Enter opens the resource at this control's verdict."""
        return "" if self.current is None else str(self.current.control)

    def target(self) -> str | None:
        """The resource that was found so."""
        return None if self.current is None else str(self.current.resource)
