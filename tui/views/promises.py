"""Every sentence of the encryption document for every tenant, as a matrix; below it what stands behind the cell that
the cursor is on.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from operator import attrgetter
from textwrap import wrap
from typing import Any, ClassVar, cast

import msgspec
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.strip import Strip

from posture.clock import Utc
from posture.text import clean
from posture.verdict import Status
from providers.collector.frames import PromiseCell
from tui.data.replica import Replica, Table
from tui.data.row_filter import Sieve, rollup_tenants
from tui.views import View
from tui.views.overview import Narrowed
from tui.views.pane import Wanted
from tui.views.rows_view import RowsView
from tui.widgets.columns import PAINTS, Cell, Column, status_cell
from tui.widgets.line_table import fitted
from tui.widgets.lines import Lines

CELL, MOST_CELL, LEAST_TEXT = 9, 18, 20
LOW, MOST_FOOT = 12, 14
"""With fewer lines than `LOW` there is no foot."""


class Line(msgspec.Struct, frozen=True):
    """One sentence with its cells by tenant; `status` is the worst of those shown."""

    id: str
    number: int
    text: str
    status: int
    cells: Mapping[str, PromiseCell]


ID = Column("ID", lambda line, replica, now: (line.id, "faint"), lambda replica: attrgetter("number"), 3, keep=10)
PROMISE = Column(
    "THE DOCUMENT SAYS",
    lambda line, replica, now: (line.text, "name" if line.status < Status.PASS else "text"),
    lambda replica: attrgetter("text"),
    LEAST_TEXT,
    84,
    1,
    keep=9,
)
WORST = Column(
    "WORST",
    lambda line, replica, now: status_cell(line.status),
    lambda replica: attrgetter("status", "number"),
    6,
    keep=1,
    needed=lambda replica: len(replica.promises) > 1,
)

VIEW = View("promises", "Promises", short="Prms", order=18, columns=(ID, PROMISE, WORST))


class PromisesView(RowsView):
    """In the order of the page, or worst first; the arrows go from cell to cell, Enter opens its findings."""

    view = VIEW
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "tenant(-1)", "the tenant before"),
        Binding("right,l", "tenant(1)", "the next tenant"),
    ]

    def __init__(self, replica: Replica) -> None:
        super().__init__(replica)
        self.chosen = ""
        """The tenant that the cursor is on."""
        self._sentence = ""
        """The sentence that it was put on, also while a filter hides it."""
        self._first = 0
        self._shown: list[tuple[str, int]] = []
        """The tenants side by side, and how wide each is."""
        self._tenants: list[str] = []
        self._made: dict[str, Line] | None = None

    # ---------------------------------------------------------------- which rows and columns

    def table(self) -> Table[Any]:
        """The sentences as a table made on the spot; there are 32."""
        table: Table[Any] = Table()
        if self._made is None:
            self._made = self._lines()
        table.rows = dict(self._made)
        table.version = -2  # always another than the last seen
        table.moved = None
        return table

    def kinds(self) -> set[str]:
        """Promises are their own kind."""
        return {"promises"}

    def tie(self) -> Callable[[Any], Any]:
        """In the order of the page."""
        return attrgetter("number")

    def _lines(self) -> dict[str, Line]:
        promises, tenants = self.replica.promises, self._tenants
        return {
            name: Line(
                name,
                number,
                sentence.text,
                min((promises[tenant][number].status for tenant in tenants), default=Status.NOT_APPLICABLE),
                {tenant: promises[tenant][number] for tenant in tenants},
            )
            for number, (name, sentence) in enumerate(self.replica.sentences.items() if promises else ())
        }

    def sieve(self) -> Sieve | None:
        """A sentence stays where one of its cells passes."""
        if not self.filter.terms:
            return None
        matches = self.filter.matcher()

        def through(lines: Iterable[Line]) -> list[Line]:
            return [
                line
                for line in lines
                if any(matches(_reader(line, tenant, cell)) for tenant, cell in line.cells.items())
            ]

        return through

    def rebuild(self) -> None:
        """The tenants that the filter leaves, and the sentences."""
        self._tenants = rollup_tenants(self.filter, sorted(self.replica.promises))
        self._made = None
        if self.chosen not in self._tenants:
            self.chosen = self._tenants[0] if self._tenants else ""
        self._arrange()
        super().rebuild()
        ids = [line.id for line in self.items]
        if self._sentence in ids:
            self.move_to(ids.index(self._sentence))
        self._refoot()

    def moved(self, touched: set[str]) -> None:
        """A promise stands otherwise."""
        if touched & {"promises", "hello"}:
            self._made = None
        super().moved(touched)

    def on_resize(self) -> None:
        """More tenants or fewer, a longer foot or none."""
        self._arrange()
        self._refoot()

    def _arrange(self) -> None:
        """Choose the tenants that fit side by side, the chosen one among them."""
        height = self.size.height
        foot = 0 if height < LOW else min(MOST_FOOT, height // 3)
        if foot != self.foot:
            self.foot = foot
            self.resized()
            self.forget()
        fits = max(1, (self.size.width - 2 - 4 - LEAST_TEXT - 1 - 7) // (CELL + 1))
        at = self._tenants.index(self.chosen) if self.chosen in self._tenants else 0
        self._first = max(0, min(self._first, at, len(self._tenants) - fits))
        self._first = max(self._first, at - fits + 1)
        shown = self._tenants[self._first : self._first + fits]
        room = (self.size.width - 2 - 4 - LEAST_TEXT - 1 - 7) // max(1, len(shown)) - 1
        columns = [(tenant, max(CELL, min(room, MOST_CELL, len(tenant) + 2))) for tenant in shown]
        if columns != self._shown:
            self._shown = columns
            self.use((*self.view.columns, *(_column(*column) for column in columns)))
        hidden = len(self._tenants) - len(shown)
        self.border_subtitle = f"{len(shown)} of {len(self._tenants)} tenants; ← → for the others" if hidden else ""

    # ---------------------------------------------------------------- the cell under the cursor

    def action_tenant(self, step: int) -> None:
        """To the next tenant."""
        if self._tenants:
            at = self._tenants.index(self.chosen) + step
            self.chosen = self._tenants[max(0, min(at, len(self._tenants) - 1))]
            self._arrange()
            self.repaint()
            self._refoot()

    def on_lines_moved(self, event: Lines.Moved) -> None:
        """The foot is of the cell under the cursor."""
        self._sentence = "" if self.current is None else self.current.id
        self._refoot()

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        """Enter opens the findings behind the cell."""
        event.stop()
        if self.current is not None and self.chosen:
            self.post_message(Narrowed(f"sentence:{self.current.id} tenant:{_quoted(self.chosen)}"))
            self.post_message(Wanted("findings"))

    def target(self) -> str | None:
        """A promise is no resource."""
        return None

    def _latest(self, item: Any) -> Any:
        return (self._made or {}).get(item.id, item)

    def _dim(self, item: Any, now: Utc) -> bool:
        return False

    # ---------------------------------------------------------------- drawing

    def fingerprint(self, index: int) -> Hashable:
        """The cell under the cursor stands in brackets."""
        mark = cast("tuple[tuple[Cell, ...], bool, bool]", super().fingerprint(index))
        if index != self.cursor:
            return mark
        cells, *rest = mark
        names = [name for name, _ in self._shown]
        here = self.columns[3 + names.index(self.chosen)] if self.chosen in names else None
        inside = tuple(
            (f"[{text.strip()}]", paint) if column is here else (text, paint)
            for column, (text, paint) in zip(self.shown_columns(), cells, strict=True)
        )
        return (inside, *rest)

    def draw_foot(self, y: int, width: int) -> Strip:
        """The sentence, its verdict, and what stands behind it."""
        paint, lines = self.paint, self._told(width - 2)
        parts = lines[y] if y < len(lines) else []
        if y == self.foot - 1 and len(lines) > self.foot:
            parts = [(f"… {len(lines) - y} more lines; Enter opens the findings", "faint")]
        segments = [Segment(" ", paint.plain), *(Segment(clean(text), paint[name]) for text, name in parts)]
        return Strip(segments).adjust_cell_length(width, paint.plain)

    def _refoot(self) -> None:
        if self.foot and self.size.height:
            self.refresh_visible(self.size.height - self.foot, self.foot)

    def _told(self, width: int) -> list[list[Cell]]:
        line, cell = self.current, None
        if line is not None:
            cell = line.cells.get(self.chosen)
        if line is None or cell is None:
            return []
        says = [("─" * width, "faint")]
        head: list[Cell] = [(f"{line.id} {self.chosen} ", "title"), (cell.verdict, PAINTS[cell.status])]
        return [
            says,
            head,
            *_wrapped("", line.text, width),
            *(row for note in cell.notes for row in _wrapped(note[0], note[1], width)),
        ]


def _wrapped(head: str, text: str, width: int) -> list[list[Cell]]:
    start = f"{head}: " if head else ""
    parts = wrap(f"{start}{text}", max(20, width), subsequent_indent="  ") or [""]
    first: list[Cell] = [(start, "faint"), (parts[0].removeprefix(start), "text")]
    return [first, *([(part, "text")] for part in parts[1:])]


def _column(tenant: str, wide: int) -> Column:
    def cell(line: Line, replica: Replica, now: Utc) -> Cell:
        one = line.cells.get(tenant)
        if one is None:
            return "", "faint"
        text, paint = status_cell(one.status)
        return f" {text}{'*' if one.attested and one.status == Status.PASS else ''}", paint

    def order(replica: Replica) -> Callable[[Line], Any]:
        return lambda line: (line.cells[tenant].status if tenant in line.cells else 0, line.number)

    return Column(f" {fitted(tenant, wide - 1, False, middle=True).rstrip()}", cell, order, wide, keep=8)


def _reader(line: Line, tenant: str, cell: PromiseCell) -> Callable[[str], str]:
    texts = {
        "tenant": tenant,
        "status": Status(cell.status).word,
        "sentence": line.id,
        "id": line.id,
        "name": line.text,
        "": f"{line.id} {line.text} {cell.verdict}",
    }
    return lambda field: texts.get(field, "")


def _quoted(tenant: str) -> str:
    """As a filter takes it."""
    if re.fullmatch(r"[\w.+-]+", tenant):
        return tenant
    return f"'{tenant}'" if '"' in tenant else f'"{tenant}"'
