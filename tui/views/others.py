"""Whatever has no view of its own: accounts and regions, launch templates, and kinds to come."""

from typing import Any

from tui.data.replica import Table
from tui.views.rows_view import RowsView
from tui.views.vault import KINDS as VAULT
from tui.widgets.columns import AGE, KIND, NAME, REASON, REGION, SCOPE, SINCE, STATUS, TENANT

ELSEWHERE = frozenset({"volume", "snapshot", "bucket", "key", "endpoint", "certificate", "lease", *VAULT})
"""Kinds that have a view."""


class OthersView(RowsView):
    """All the other kinds side by side, worst first."""

    name_of = "others"
    title = "Others"
    columns_of = (STATUS, KIND, NAME, TENANT, SCOPE, REGION, REASON, SINCE, AGE)
    own_filter = " ".join(f"-kind:{kind}" for kind in sorted(ELSEWHERE))

    def table(self) -> Table[Any]:
        """The kinds' tables put together; they hold few rows."""
        table: Table[Any] = Table()
        for kind in self.kinds():
            one = self.replica.table(kind)
            table.rows.update(one.rows)
            table.version += one.version
        table.moved = None
        return table

    def kinds(self) -> set[str]:
        """Those without a view."""
        return set(self.replica.tables) - ELSEWHERE

    def _latest(self, item: Any) -> Any:
        return self.replica.row(item.id) or item
