"""The Overview's pane of Vault and its leases: what is wrong, and below it what ends next, ticking."""

from dataclasses import replace
from heapq import nsmallest

from posture.clock import Utc
from posture.filter import Filter
from posture.rows import Row
from posture.verdict import Status
from tui.data.replica import Replica, count
from tui.data.row_filter import sieve
from tui.views.pane import WORST, Pane
from tui.views.vault import VIEW as VAULT
from tui.widgets.columns import NAME, STATUS, TENANT, Cell, Column
from tui.widgets.time_left import EXPIRES, NEVER, life_of, painted, state_of


def _tells(row: Row, replica: Replica, now: Utc) -> Cell:
    """The reason, where it is not as promised; else what the lease is doing."""
    if row.status < Status.PASS or replica.place(row).kind != "lease":
        return row.reason, "text" if row.status < Status.PASS else "faint"
    state = state_of(row, now)
    return state.value, painted(life_of(row), state)


def _ends(row: Row, replica: Replica, now: Utc) -> Cell:
    return EXPIRES.cell(row, replica, now) if row.expires else ("", "faint")


TELLS = Column("REASON", _tells, lambda replica: lambda row: row.reason, 11, 90, 3, keep=7)
COLUMNS = (
    STATUS,
    replace(NAME, width=8, most=34),
    replace(TENANT, width=7, keep=3),
    TELLS,
    replace(EXPIRES, cell=_ends),
)


class LeasePane(Pane):
    """Vault's kinds and the leases together: a sealed Vault is worse than any lease."""

    def __init__(self, replica: Replica, kind: str, title: str, view: str) -> None:
        super().__init__(replica, kind, title, view)
        self.kinds = frozenset({kind, *VAULT.kinds})
        self.latest = lambda item: replica.row(item.id) or item
        self.use(COLUMNS)

    def follow(self, query: Filter) -> None:
        """What is wrong first; then leases by their end."""
        rows = [row for kind in self.kinds for row in self.replica.table(kind).rows.values()]
        chosen = rows if (through := sieve(query, self.replica)) is None else through(rows)
        leases = self.replica.table(self.kind).rows
        self.counts = count(chosen)
        bad = nsmallest(
            WORST,
            (row for row in chosen if row.status < Status.PASS),
            key=lambda row: (row.status, row.severity, -row.since, row.name),
        )
        well = (row for row in chosen if row.status >= Status.PASS and row.id in leases)
        self.show([*bad, *nsmallest(WORST - len(bad), well, key=lambda row: (row.expires or NEVER, row.name))])
        many = sum(row.id in leases for row in chosen)
        self.border_title = f"{self.title} {many:,} · Vault {len(chosen) - many:,}" if rows else self.title
        self.border_subtitle = ""
        if rows:
            self.empty = "nothing matches the filter" if not chosen else "as promised; no lease is shown one by one"
        else:
            self.empty = self._why_empty()
        self.refresh_visible(0)
