"""The one table of the dashboard: items of any kind in columns, 100,000 of them if need be."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar, cast

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.message import Message
from textual.strip import Strip

from posture.clock import Seconds, Utc
from tui.data.replica import Replica
from tui.widgets.columns import Cell, Column, fit
from tui.widgets.lines import Lines

T = TypeVar("T")
MARK_FOR: Seconds = 2.5
"""How long a line that changed is marked."""


class LineTable(Lines, Generic[T]):
    """Items in columns, with a cursor that stays with its item.

    `identity` names an item; `latest` gives the newest of an item that was listed a moment ago; `dim` says whether what
    it shows is old.
    """

    class Sorted(Message):
        """The title of a column was clicked."""

        def __init__(self, column: Column) -> None:
            super().__init__()
            self.column = column

    def __init__(
        self,
        columns: Sequence[Column],
        replica: Replica,
        identity: Callable[[Any], str],
        *,
        titles: bool = True,
        latest: Callable[[T], T] = lambda item: item,
        dim: Callable[[T, Utc], bool] = lambda item, now: False,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.columns, self.replica, self.identity = columns, replica, identity
        self.latest, self.dim = latest, dim
        self.head = 1 if titles else 0
        self.empty = ""
        self.order: tuple[Column, bool] | None = None
        """The column it is sorted by, and whether in reverse: shown in the titles."""
        self._items: Sequence[T] = ()
        self._marks: dict[str, Utc] = {}
        self._fitted: tuple[int, tuple[Column, ...], list[tuple[Column, int]]] = (-1, (), [])

    @property
    def items(self) -> Sequence[T]:
        """What is listed, in order."""
        return self._items

    @property
    def current(self) -> T | None:
        """The item under the cursor."""
        return self.latest(self._items[self.cursor]) if self._items and self.cursor < len(self._items) else None

    def show(self, items: Sequence[T]) -> None:
        """List these; the cursor goes with its item if that is still there, else keeps its line."""
        wanted = self.identity(self._items[self.cursor]) if self.cursor < len(self._items) else None
        above = self.cursor - self.scroll_offset.y
        stuck_to_top = self.cursor == 0
        self._items = items
        self.refit()
        self.resized()
        if (
            wanted is not None
            and not stuck_to_top
            and (found := self._find(wanted)) is not None
            and found != self.cursor
        ):
            self.cursor = found
            self.scroll_to(y=max(0, found - above), animate=False, immediate=True, force=True)
        self.move_to(self.cursor)
        self.repaint()

    def _find(self, wanted: str) -> int | None:
        items, identity, near = self._items, self.identity, self.cursor
        if near < len(items) and identity(items[near]) == wanted:
            return near
        return next((index for index, item in enumerate(items) if identity(item) == wanted), None)

    def mark(self, names: Sequence[str], now: Utc) -> None:
        """Mark those of these that are on the screen as changed just now, and draw what changed."""
        changed = set(names)
        top = self.scroll_offset.y
        for item in self._items[top : top + self.page]:
            if (name := self.identity(item)) in changed:
                self._marks[name] = now + MARK_FOR
        self.repaint()

    def tick(self, now: Utc) -> None:
        """A second has passed: ages grow, marks end."""
        for name in [name for name, end in self._marks.items() if end <= now]:
            del self._marks[name]
        self.repaint()

    # ---------------------------------------------------------------- drawing

    def count(self) -> int:
        """One line an item."""
        return len(self._items)

    def fingerprint(self, index: int) -> Hashable:
        """The texts of the line, whether it is old, and whether it changed just now."""
        item, now, replica = self.latest(self._items[index]), self.replica.now(), self.replica
        cells = tuple(column.cell(item, replica, now) for column, _ in self._fit(self.wide))
        return cells, self.dim(item, now), bool(self._marks) and self.identity(item) in self._marks

    def draw(self, index: int, width: int, fingerprint: Hashable) -> Strip:
        """The cells side by side."""
        cells, dim, marked = cast("tuple[tuple[Cell, ...], bool, bool]", fingerprint)
        paint = self.paint
        segments = [Segment("▎" if marked else " ", paint["mark" if marked else "text"])]
        for (column, wide), (text, name) in zip(self._fit(width), cells, strict=True):
            style = paint["faint" if dim and name in {"text", "name", "faint"} else name]
            segments.append(Segment(fitted(text, wide, column.right, column.middle) + " ", style))
        return Strip(segments).adjust_cell_length(width, paint.plain)

    def differences(self, before: Hashable, after: Hashable, width: int) -> list[tuple[int, int]]:
        """The cells that changed: a line whose age alone grew costs 30 bytes instead of 600."""
        cells, *state = cast("tuple[tuple[Cell, ...], bool, bool]", before)
        others, *new_state = cast("tuple[tuple[Cell, ...], bool, bool]", after)
        fitted = self._fit(width)
        if state != new_state or not len(cells) == len(others) == len(fitted):
            return [(0, width)]
        spans, left = [], 1
        for (_, wide), cell, other in zip(fitted, cells, others, strict=True):
            if cell != other:
                spans.append((left, wide))
            left += wide + 1
        return spans

    def draw_head(self, y: int, width: int) -> Strip:
        """The titles; the one it is sorted by shows which way."""
        paint, segments = self.paint, [Segment(" ", self.paint.plain)]
        by, reverse = self.order or (None, False)
        for column, wide in self._fit(width):
            arrow = " " if column is not by else "▲" if reverse else "▼"
            segments.append(
                Segment(fitted(column.title, wide, column.right) + arrow, paint["sorted" if column is by else "head"])
            )
        return Strip(segments).adjust_cell_length(width, paint.plain)

    def draw_empty(self, y: int, width: int) -> Strip:
        """Why there is nothing, if there is nothing."""
        if y or self._items:
            return self.blank(width)
        return Strip([Segment(f" {self.empty}", self.paint["faint"])]).adjust_cell_length(width, self.paint.plain)

    def click_head(self, x: int) -> None:
        """A click on a title asks to sort by it."""
        left = 1
        for column, wide in self._fit(self.wide):
            if left <= x <= left + wide:
                self.post_message(self.Sorted(column))
                return
            left += wide + 1

    def shown_columns(self) -> list[Column]:
        """The columns there is room for."""
        return [column for column, _ in self._fit(self.wide)]

    def use(self, columns: Sequence[Column]) -> None:
        """Show other columns."""
        self.columns = columns
        self._fitted = (-1, (), [])
        self.forget()

    def _fit(self, width: int) -> list[tuple[Column, int]]:
        if self._fitted[0] != width:
            needed = self._needed()
            self._fitted = (width, needed, fit(needed, width - 1))
        return self._fitted[2]

    def _needed(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.needed(self.replica))

    def refit(self) -> None:
        """Something arrived that can make a column needed, or needless."""
        if self._fitted[0] >= 0 and self._fitted[1] != self._needed():
            self._fitted = (-1, (), [])
            self.forget()


def fitted(text: str, wide: int, right: bool, middle: bool = False) -> str:
    """The text in exactly `wide` cells: padded, or cut with an ellipsis, at its end or in its middle."""
    if not text.isprintable():
        text = _printable(text)
    if text.isascii():
        if len(text) > wide:
            tail = (wide - 1) // 2 if middle else 0
            return f"{text[: wide - 1 - tail]}…{text[len(text) - tail :]}"
        return text.rjust(wide) if right else text.ljust(wide)
    size = cell_len(text)
    if size > wide:
        return set_cell_size(text, wide - 1) + "…"
    return " " * (wide - size) + text if right else text + " " * (wide - size)


def _printable(text: str) -> str:
    """No control character reaches the terminal, whatever a cloud calls a thing."""
    return "".join(char if char.isprintable() else "·" for char in text)
