"""What ends next, whatever it is: certificates, leases, tokens, exceptions, keys that wait for deletion; the soonest
first.
"""

from typing import Any

from posture.clock import parse_rfc3339
from posture.policy import DAY
from posture.rows import FindingRow, Row
from tui.data.replica import FINDING, Table
from tui.views.rows_view import RowsView
from tui.widgets.columns import AGE, KIND, NAME, REASON, STATUS, TENANT, Column
from tui.widgets.countdown import ENDS

ELSEWHERE = frozenset({"endpoint"})
"""Kinds that end with another row: an endpoint does with its certificate."""

WHEN = Column("ENDS", lambda row, replica, now: (_date(row.expires), "faint"), ENDS.order, 16, keep=6)


class ExpiringView(RowsView):
    """Everything that ends by itself, the soonest first; what has ended stands above."""

    name_of = "expiring"
    title = "Expiring"
    columns_of = (ENDS, KIND, NAME, TENANT, WHEN, STATUS, REASON, AGE)

    def table(self) -> Table[Any]:
        """The rows of all kinds that have an end, and the exceptions of the policy where they excuse something."""
        table: Table[Any] = Table()
        for kind, one in self.replica.tables.items():
            table.version += one.version
            if kind not in ELSEWHERE:
                table.rows.update((key, row) for key, row in one.rows.items() if row.expires)
        for finding in self.replica.findings.rows.values():
            if finding.excepted_until:
                table.rows[f"exception {finding.id}"] = _exception(finding)
        table.version += self.replica.findings.version
        table.moved = None
        return table

    def kinds(self) -> set[str]:
        """All, and the findings, which hold the exceptions."""
        return (set(self.replica.tables) - ELSEWHERE) | {FINDING}

    def _latest(self, item: Any) -> Any:
        return item if item.id.startswith("exception ") else self.replica.row(item.id) or item

    def target(self) -> str | None:
        """The resource; of an exception the one that it excuses."""
        return None if self.current is None else str(self.current.id).rpartition(" ")[2]


def _exception(finding: FindingRow) -> Row:
    """An exception ends with the day it names, in UTC."""
    ends = parse_rfc3339(f"{finding.excepted_until}T00:00:00Z") + DAY
    name = f"exception: {finding.name}"
    return Row(
        f"exception {finding.id}",
        finding.place,
        name,
        finding.status,
        finding.severity,
        -1,
        "",
        f"{finding.control}: {finding.reason}",
        finding.since,
        0,
        (),
        ends,
    )


def _date(at: float) -> str:
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError):
        return "-"
