"""Every Vault: seal, nodes, keys, audit, engines, logins, tokens; worst first."""

from dataclasses import replace
from typing import Any

from posture.clock import Utc
from tui.data.replica import Replica, Table
from tui.views.rows_view import RowsView
from tui.widgets.columns import AGE, KIND, NAME, REASON, REGION, SINCE, STATUS, TENANT, Cell, Column
from tui.widgets.time_left import EXPIRES

KINDS = frozenset({"vault", "secret-engine", "auth-method", "token", "lease-totals"})
"""What is Vault's own, beside keys, certificates and leases, which have views of their own."""


def _says(row: Any, replica: Replica, now: Utc) -> Cell:
    text = " · ".join(cell for cell in row.cells[:3] if cell)
    return text or "-", "text" if text else "faint"


SAYS = Column("SAYS", _says, lambda replica: lambda row: row.cells, 16, 44, 2, keep=6)


def _namespaces(replica: Replica) -> bool:
    return any(place.region for place in replica.places.values() if place.provider == "vault")


NAMESPACE = replace(REGION, title="NAMESPACE", needed=_namespaces)


def _ends(row: Any, replica: Replica, now: Utc) -> Cell:
    return EXPIRES.cell(row, replica, now) if row.expires else ("", "faint")


class VaultView(RowsView):
    """The kinds of a Vault side by side, worst first."""

    name_of = "vault"
    title = "Vault"
    columns_of = (STATUS, KIND, NAME, SAYS, replace(EXPIRES, cell=_ends, keep=5), TENANT, NAMESPACE, REASON, SINCE, AGE)
    own_filter = f"kind:{','.join(sorted(KINDS))}"

    def table(self) -> Table[Any]:
        """The kinds' tables put together; they hold few rows."""
        table: Table[Any] = Table()
        for kind in KINDS:
            one = self.replica.table(kind)
            table.rows.update(one.rows)
            table.version += one.version
        table.moved = None
        return table

    def kinds(self) -> set[str]:
        """Those."""
        return set(KINDS)

    def _latest(self, item: Any) -> Any:
        return self.replica.row(item.id) or item
