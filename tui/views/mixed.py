"""Several kinds side by side."""

from collections.abc import Mapping
from typing import Any

from tui.data.replica import FINDING, Table
from tui.views.rows_view import RowsView


class MixedView(RowsView):
    """The rows of several kinds, worst first. Subclasses say of which (`kinds`), and which of those (`chosen`)."""

    def table(self) -> Table[Any]:
        """The kinds' tables put together."""
        table: Table[Any] = Table()
        for kind in self.kinds() - {FINDING}:
            one = self.replica.table(kind)
            table.rows.update(self.chosen(one.rows))
            table.version += one.version
        table.moved = None
        return table

    def kinds(self) -> set[str]:
        """Those that the view declares."""
        return set(self.view.kinds)

    def chosen(self, rows: Mapping[str, Any]) -> Mapping[str, Any]:
        """All of a kind's rows."""
        return rows

    def _latest(self, item: Any) -> Any:
        return self.replica.row(item.id) or item
