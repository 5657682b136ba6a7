"""The first screen: how each tenant stands, what workloads stand on, and the worst of volumes, buckets, TLS endpoints
and leases, side by side.
"""

from operator import attrgetter
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.message import Message

from posture.clock import Utc
from posture.filter import Filter
from providers.collector.frames import TenantRollup
from tui.data.replica import TRANSITION, Replica
from tui.data.row_filter import rollup_tenants
from tui.views import View
from tui.views.changed_line import ChangedLine
from tui.views.exposure_line import ExposureLine
from tui.views.lease_pane import LeasePane
from tui.views.pane import Pane
from tui.views.rows_view import Counted
from tui.widgets.columns import (
    TALLIES,
    TENANT_AGES,
    TENANT_NAME,
    TENANT_RESOURCES,
    TENANT_STATUS,
    TENANT_TREND,
)
from tui.widgets.line_table import LineTable
from tui.widgets.lines import Lines

VIEW = View("overview", "Overview", order=1)
PANES = (
    ("volume", "Volumes", "volumes"),
    ("bucket", "Buckets", "buckets"),
    ("endpoint", "TLS endpoints", "endpoints"),
    ("lease", "Secret leases", "leases"),
)
"""Kind, title, and the view that Enter opens when there is nothing bad to open."""


class Narrowed(Message):
    """A tenant was chosen: show only what is its own."""

    def __init__(self, query: str) -> None:
        super().__init__()
        self.query = query


class Tenants(LineTable[TenantRollup]):
    """One line a tenant, the worst first."""

    def __init__(self, replica: Replica) -> None:
        columns = (TENANT_STATUS, TENANT_NAME, TENANT_TREND, *TALLIES, TENANT_RESOURCES, TENANT_AGES)
        super().__init__(
            columns,
            replica,
            attrgetter("tenant"),
            latest=lambda item: replica.rollups.get(item.tenant, item),
            id="tenants",
            classes="pane",
        )
        self.border_title = "Tenants"
        self.border_subtitle = "FAIL to PASS count findings"

    def follow(self, query: Filter) -> None:
        """List the tenants the filter leaves."""
        rollups = self.replica.rollups
        self.empty = "waiting for the first answers …" if not rollups else "no tenant of that name"
        left = [rollups[tenant] for tenant in rollup_tenants(query, rollups)]
        self.show(
            sorted(left, key=lambda rollup: (rollup.status, *(-many for many in rollup.findings[:3]), rollup.tenant))
        )
        self.border_title = (
            f"Tenants {len(left)}" if len(left) == len(rollups) else f"Tenants {len(left)}/{len(rollups)}"
        )

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        """Enter narrows everything to this tenant."""
        event.stop()
        if self.current is not None:
            name = self.current.tenant
            self.post_message(Narrowed(f'tenant:"{name}"' if " " in name else f"tenant:{name}"))


class OverviewView(Container):
    """Tenants above, panes below. Left and right go from pane to pane."""

    DEFAULT_CSS = """
    OverviewView { layout: vertical; }
    OverviewView #panes { layout: grid; grid-size: 2 2; height: 1fr; }
    OverviewView.-wide #panes { grid-size: 4 1; }
    OverviewView.-short-below #panes { grid-rows: 1fr 4; }
    OverviewView.-wide.-short-below #panes { grid-columns: 5fr 5fr 2fr 2fr; grid-rows: 1fr; }
    OverviewView.-narrow #panes { layout: vertical; }
    OverviewView.-narrow .pane { border: none; }
    OverviewView.-narrow #panes .pane { display: none; height: 1fr; }
    OverviewView.-narrow #panes .pane.-front { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "pane(-1)", "the pane before"),
        Binding("right,l", "pane(1)", "the next pane"),
    ]
    view = VIEW
    own_filter = ""

    def __init__(self, replica: Replica) -> None:
        super().__init__(id=VIEW.name)
        self.replica = replica
        self.filter = Filter("")
        self.tenants, self.exposures, self.changed = Tenants(replica), ExposureLine(replica), ChangedLine(replica)
        self.panes: list[Pane] = [(LeasePane if pane[0] == "lease" else Pane)(replica, *pane) for pane in PANES]

    def compose(self) -> ComposeResult:
        """The tenants, what workloads stand on, and the panes in a grid."""
        yield self.tenants
        yield self.exposures
        yield self.changed
        with Container(id="panes"):
            yield from self.panes

    # ---------------------------------------------------------------- as every view

    def look(self) -> None:
        """The view comes to the front."""
        for table in self._tables():
            table.forget()
        self.rebuild()

    def narrow(self, query: Filter) -> None:
        """Another filter."""
        self.filter = query

    def rebuild(self) -> None:
        """Everything anew, after a person's act."""
        self.follow(self._everything())

    def moved(self, touched: set[str]) -> None:
        """Something in the replica moved."""
        if "settled" in touched or "hello" in touched:
            touched = touched | self._everything()
        self._waiting = self._waiting | touched
        if "settled" in touched:
            self._catch_up()
        elif not self._timer_runs:
            self._timer_runs = True
            self.set_timer(0.5 if self._looked else 0.01, self._catch_up)
            self._looked = True

    def _everything(self) -> set[str]:
        return {"rollups", "workload", TRANSITION, *(pane.kind for pane in self.panes)}

    _waiting: frozenset[str] | set[str] = frozenset()
    _timer_runs = False
    _looked = False

    def _catch_up(self) -> None:
        self._timer_runs = False
        waiting, self._waiting = self._waiting, set()
        if self.display:
            self.follow(set(waiting))
            self.post_message(Counted())

    def follow(self, touched: set[str]) -> None:
        """Bring what was touched up to date."""
        if touched & {"rollups", "sources", "trends"}:
            before = len(self.tenants.items)
            self.tenants.follow(self.filter)
            if len(self.tenants.items) != before:
                self._arrange()
        if "workload" in touched:
            self.exposures.follow(self.filter)
        if TRANSITION in touched:
            self.changed.follow(self.filter, self.replica.now())
        for pane in self.panes:
            if pane.kinds & touched:
                pane.follow(self.filter)
            elif "sources" in touched:
                pane.repaint()
        self.set_class(
            not any(self.replica.table(kind).rows for pane in self.panes[2:] for kind in pane.kinds), "-short-below"
        )

    def tick(self, now: Utc) -> None:
        """A second has passed."""
        for table in self._tables():
            table.tick(now)

    def forget(self) -> None:
        """The theme is another."""
        for table in self._tables():
            table.forget()

    def target(self) -> str | None:
        """The id of the resource under the cursor of the pane with the focus."""
        pane = self._front()
        return pane.current.id if isinstance(pane, Pane) and pane.current is not None else None

    def source_id(self) -> str | None:
        """Refresh means everything here."""
        return None

    @property
    def inside(self) -> Any:
        """What has the focus: the pane that had it, or the tenants."""
        return self._front()

    @property
    def matched(self) -> tuple[int, int]:
        """Rows in the panes that the filter leaves, and all of them."""
        return sum(sum(pane.counts) for pane in self.panes), sum(
            len(self.replica.table(pane.kind).rows) for pane in self.panes
        )

    # ---------------------------------------------------------------- panes

    def _tables(self) -> list[LineTable[Any]]:
        return [self.tenants, *self.panes]

    def _front(self) -> LineTable[Any]:
        return next((table for table in self._tables() if table.has_focus), self._last_front)

    @property
    def _last_front(self) -> LineTable[Any]:
        return next((pane for pane in self.panes if pane.has_class("-front") and self._stepped), self.tenants)

    _stepped = False

    def action_pane(self, step: int) -> None:
        """To the next pane, round in a circle."""
        tables = self._tables()
        following = tables[(tables.index(self._front()) + step) % len(tables)]
        self._stepped = following is not self.tenants
        if isinstance(following, Pane):
            for pane in self.panes:
                pane.set_class(pane is following, "-front")
        following.focus()

    def on_mount(self) -> None:
        """One pane is in front where only one fits."""
        self.panes[0].add_class("-front")

    def on_resize(self, event: events.Resize) -> None:
        """Four beside each other, two by two, or one at a time."""
        self._arrange()

    def _arrange(self) -> None:
        width, height = self.size
        narrow = width < 78 or height < 18
        self.set_class(narrow, "-narrow")
        self.set_class(not narrow and width >= 176, "-wide")
        frame = 1 if narrow else 3
        room = max(2, height * 2 // 5 if narrow else height // 3)
        self.tenants.styles.height = min(room, max(1, len(self.tenants.items)) + frame)
