"""What ends next, whatever it is: certificates, leases, tokens, exceptions, keys that wait for deletion; the soonest
first.
"""

from collections.abc import Mapping
from typing import Any

from posture.clock import parse_rfc3339
from posture.kinds import kind_of
from posture.policy import DAY
from posture.rows import FindingRow, Row
from tui.data.replica import FINDING, Table
from tui.views import View
from tui.views.mixed import MixedView
from tui.widgets.columns import AGE, KIND, NAME, REASON, STATUS, TENANT, Column
from tui.widgets.countdown import ENDS

WHEN = Column("ENDS", lambda row, replica, now: (_date(row.expires), "faint"), ENDS.order, 16, keep=6)

VIEW = View(
    "expiring",
    "Expiring",
    short="Ends",
    order=12,
    columns=(ENDS, KIND, NAME, TENANT, WHEN, STATUS, REASON, AGE),
)


class ExpiringView(MixedView):
    """Everything that ends by itself, the soonest first; what has ended stands above."""

    view = VIEW

    def kinds(self) -> set[str]:
        """All but those that end with another, and the findings, which hold the exceptions of the policy."""
        return {kind for kind in self.replica.tables if not kind_of(kind).ends_with} | {FINDING}

    def chosen(self, rows: Mapping[str, Any]) -> Mapping[str, Any]:
        """The rows that have an end."""
        return {key: row for key, row in rows.items() if row.expires}

    def table(self) -> Table[Any]:
        """The rows of all kinds that have an end, and the exceptions where they excuse something."""
        table = super().table()
        for finding in self.replica.findings.rows.values():
            if finding.excepted_until:
                table.rows[f"exception {finding.id}"] = _exception(finding)
        table.version += self.replica.findings.version
        return table

    def _latest(self, item: Any) -> Any:
        return item if item.id.startswith("exception ") else super()._latest(item)

    def target(self) -> str | None:
        """The resource; of an exception the one that it excuses."""
        return None if self.current is None else str(self.current.id).rpartition(" ")[2]


def _exception(finding: FindingRow) -> Row:
    """An exception ends with the day it names, in UTC."""
    ends = parse_rfc3339(f"{finding.excepted_until}T00:00:00Z") + DAY
    name = f"exception: {finding.name}"
    return Row(
        id=f"exception {finding.id}",
        place=finding.place,
        name=name,
        status=finding.status,
        severity=finding.severity,
        key_class=-1,
        key="",
        reason=f"{finding.control}: {finding.reason}",
        since=finding.since,
        users=0,
        cells=(),
        expires=ends,
    )


def _date(at: float) -> str:
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError):
        return "-"
