"""A scrolling widget that draws one line at a time, with a cursor: what the table and the detail page have in common.

Nothing is laid out or measured beyond the lines on the screen, so 100,000 lines cost what 40 do. Nothing is animated:
over SSH a smooth scroll is 0.6 MB a key.
"""

from collections.abc import Hashable
from time import monotonic
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.terminal.paint import Paint

KEPT = 16
"""Drawn lines that are kept beside those on the screen, some 10 KB each: scrolling draws the new ones only. More would
seldom be of use: where ages grow each line is another a second later.
"""

_MEMOS = [
    memo for kind in (Region, Strip) for name in vars(kind) if hasattr(memo := getattr(kind, name), "cache_clear")
]


def forget_places() -> None:
    """Let Textual forget what it has worked out about places and styles: it keeps up to 16,000 of each, and every view
    has its own.
    """
    for memo in _MEMOS:
        memo.cache_clear()


class Lines(ScrollView, can_focus=True):
    """Subclasses say how many lines there are (`count`), what a line hangs on (`fingerprint`) and how it is drawn
    (`draw`).
    """

    DEFAULT_CSS = """
    Lines {
        background: $background;
        color: $foreground;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
        scrollbar-color: $frame;
        scrollbar-color-hover: $frame-focus;
        scrollbar-color-active: $frame-focus;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "up"),
        Binding("down,j", "move(1)", "down"),
        Binding("pageup,ctrl+b", "page(-1)", "a page up"),
        Binding("pagedown,ctrl+f,space", "page(1)", "a page down"),
        Binding("home,g", "top", "first line"),
        Binding("end,G", "bottom", "last line"),
        Binding("enter", "choose", "open"),
    ]
    head = 0
    """Lines at the top that do not scroll."""
    foot = 0
    """Lines at the bottom that do not scroll."""

    class Moved(Message):
        """The cursor stands on another line."""

        def can_replace(self, message: Message) -> bool:
            """Only the last of several matters."""
            return isinstance(message, Lines.Moved)

    class Chosen(Message):
        """Enter was pressed, or a line was clicked twice."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.cursor = 0
        self.moved_at = 0.0
        """When somebody last moved the cursor, on the monotonic clock."""
        self._painted: dict[int, tuple[bool, bool, Hashable]] = {}
        # not Textual's LRUCache: a ring, which only the collector of garbage takes apart, strips and all, seldom
        self._strips: dict[Hashable, Strip] = {}
        """The lines drawn last, the oldest first."""

    # ---------------------------------------------------------------- for subclasses

    def count(self) -> int:
        """How many lines there are below the head."""
        raise NotImplementedError

    def fingerprint(self, index: int) -> Hashable:
        """Everything the drawing of a line depends on; equal means it looks the same."""
        raise NotImplementedError

    def draw(self, index: int, width: int, fingerprint: Hashable) -> Strip:
        """One line."""
        raise NotImplementedError

    def draw_head(self, y: int, width: int) -> Strip:
        """A line of the head."""
        return self.blank(width)

    def draw_foot(self, y: int, width: int) -> Strip:
        """A line of the foot."""
        return self.blank(width)

    def draw_empty(self, y: int, width: int) -> Strip:
        """A line below the last one; the first of them may say why there is nothing."""
        return self.blank(width)

    # ---------------------------------------------------------------- drawing

    @property
    def paint(self) -> Paint:
        """The present theme's styles."""
        paint: Paint = self.app.paint  # type: ignore[attr-defined]
        return paint

    @property
    def wide(self) -> int:
        """Cells a line has, beside the scroll bar."""
        return self.size.width - (1 if self.show_vertical_scrollbar else 0)

    def blank(self, width: int) -> Strip:
        """An empty line."""
        return Strip.blank(width, self.paint.plain)

    def render_line(self, y: int) -> Strip:
        """Textual asks for one line of the visible part."""
        width = self.wide
        if y < self.head:
            return self.draw_head(y, width)
        if y >= self.size.height - self.foot:
            return self.draw_foot(y - self.size.height + self.foot, width)
        index = self.scroll_offset.y + y - self.head
        if index >= self.count():
            self._painted.pop(y, None)
            return self.draw_empty(y - self.head, width)
        mark = self._painted[y] = (index == self.cursor, self.has_focus, self.fingerprint(index))
        key = (width, mark)
        if (strip := self._strips.pop(key, None)) is None:
            strip = self.draw(index, width, mark[2])
            if mark[0]:
                over = self.paint.cursor if mark[1] else self.paint.blurred
                strip = Strip(
                    [Segment(text, (style or Style.null()) + over, control) for text, style, control in strip], width
                )
        self._strips[key] = strip
        if len(self._strips) > self.size.height + KEPT:
            del self._strips[next(iter(self._strips))]
        return strip

    def repaint(self) -> None:
        """Draw those visible lines again that look different now, and of them what is different, and nothing else."""
        top, last = self.scroll_offset.y - self.head, self.count() - 1
        width = self.wide
        for y in range(self.head, self.size.height - self.foot):
            index = top + y
            mark = (index == self.cursor, self.has_focus, self.fingerprint(index)) if index <= last else None
            painted = self._painted.get(y)
            if painted != mark:
                spans = (
                    self.differences(painted[2], mark[2], width)
                    if painted and mark and painted[:2] == mark[:2]
                    else [(0, width)]
                )
                self.refresh(*(Region(left, y, wide, 1) for left, wide in spans))

    def differences(self, before: Hashable, after: Hashable, width: int) -> list[tuple[int, int]]:
        """Which parts of a line (left, width) look different, given two fingerprints; by default all of it."""
        return [(0, width)]

    def refresh_visible(self, y: int, lines: int = 1) -> None:
        """Draw lines again, counted from the top of what is seen."""
        self.refresh(Region(0, y, self.wide, lines))

    def forget(self) -> None:
        """Draw everything anew: the theme or the columns are others."""
        self._strips.clear()
        self._painted.clear()
        self.refresh()

    def resized(self) -> None:
        """The number of lines may have changed."""
        size = Size(0, self.count() + self.head + self.foot)
        if size != self.virtual_size:
            self.virtual_size = size
        self.cursor = max(0, min(self.cursor, self.count() - 1))

    def on_hide(self) -> None:
        """What was drawn is of no use, neither here nor where Textual keeps it: `look` draws anew."""
        self.forget()

    def on_focus(self) -> None:
        """The cursor line looks different with the focus."""
        self.repaint()

    def on_blur(self) -> None:
        """And without it."""
        self.repaint()

    # ---------------------------------------------------------------- moving

    @property
    def page(self) -> int:
        """Lines that can be seen at once."""
        return max(1, self.size.height - self.head - self.foot)

    def move_to(self, index: int) -> None:
        """Put the cursor on a line, and the line on the screen."""
        index = max(0, min(index, self.count() - 1))
        before, self.cursor = self.cursor, index
        top = self.scroll_offset.y
        if index < top:
            self._scroll_top(index)
        elif index >= top + self.page:
            self._scroll_top(index - self.page + 1)
        if before != index:
            if self.scroll_offset.y == top:
                self.repaint()
            self.post_message(self.Moved())

    def _scroll_top(self, top: int) -> None:
        self.scroll_to(y=top, animate=False, immediate=True, force=True)

    def action_move(self, step: int) -> None:
        """One line up or down."""
        self.moved_at = monotonic()
        self.move_to(self.cursor + step)

    def action_page(self, step: int) -> None:
        """One screenful up or down; the cursor keeps its height on the screen."""
        self.moved_at = monotonic()
        distance = step * self.page
        self._scroll_top(max(0, min(self.scroll_offset.y + distance, self.count() - self.page)))
        self.move_to(self.cursor + distance)

    def action_top(self) -> None:
        """To the first line."""
        self.move_to(0)

    def action_bottom(self) -> None:
        """To the last line."""
        self.move_to(self.count() - 1)

    def action_choose(self) -> None:
        """Enter."""
        if self.count():
            self.post_message(self.Chosen())

    # ---------------------------------------------------------------- the mouse

    def on_click(self, event: events.Click) -> None:
        """A click selects, a second one opens; on the head it is the subclass's."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if offset.y < self.head:
            self.click_head(offset.x)
            return
        index = self.scroll_offset.y + offset.y - self.head
        if offset.y < self.head + self.page and index < self.count():
            self.move_to(index)
            if event.chain == 2:
                self.post_message(self.Chosen())

    def click_head(self, x: int) -> None:
        """A click on the head, at this column."""
