"""One resource: what was found and why, what would mend it, where it leads. Enter follows a link, Esc goes back."""

from collections.abc import Callable, Hashable
from typing import ClassVar, cast

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip

from posture.clock import Utc
from posture.filter import Filter
from posture.rows import Row
from posture.text import clean
from providers.collector.frames import Detail
from tui.data.replica import Replica
from tui.pages.lines import Line, page, raw, remedy_of
from tui.terminal.text import plain
from tui.widgets.lines import Lines


class Copied(Message):
    """A text is to be copied; `what` names it for the person, `lines` says that it is meant to have several."""

    def __init__(self, text: str, what: str, *, lines: bool = False) -> None:
        super().__init__()
        self.text, self.what, self.lines = text, what, lines


class DetailView(Lines):
    """A page about one resource, and the trail of those that led here. `ask` sends for a resource's `Detail`."""

    ALLOW_SELECT = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "copy_remedy", "copy the remedy (or what the line says)"),
        Binding("J", "raw", "raw JSON, and back"),
        Binding("n", "link(1)", "next link"),
        Binding("N", "link(-1)", "link before"),
    ]
    name_of = "detail"
    title = "Detail"
    own_filter = ""

    def __init__(self, replica: Replica, ask: Callable[[str], None]) -> None:
        super().__init__(id=self.name_of)
        self.replica, self._ask = replica, ask
        self.trail: list[tuple[str, int, str]] = []
        """Ids from the first opened to the one shown, each with the line the cursor stood on and the control for
        whose sake it was opened.
        """
        self.origin = ""
        self.raw = False
        self._lines: list[Line] = []
        self._row: Row | None = None
        self._cursor_after = 0
        self._seek = ""
        """The control whose verdict the cursor is to go to once the page came."""

    # ---------------------------------------------------------------- the trail

    @property
    def id_shown(self) -> str:
        """The id of the resource on the page."""
        return self.trail[-1][0] if self.trail else ""

    @property
    def _opened_at(self) -> str:
        """The control whose verdict the page was opened for."""
        return self.trail[-1][2] if self.trail else ""

    def open(self, resource: str, control: str = "") -> None:
        """Go on to a resource, to the verdict of a control where one is named."""
        if self.trail:
            self.trail[-1] = (self.trail[-1][0], self.cursor, self.trail[-1][2])
        self.trail.append((resource, 0, control))
        self._enter(0, control)

    def back(self) -> bool:
        """To the resource before; False when there is none."""
        if self.trail:
            self.trail.pop()
        if not self.trail:
            return False
        self._enter(self.trail[-1][1])
        return True

    def _enter(self, cursor: int, control: str = "") -> None:
        self.raw = False
        self.cursor, self._cursor_after, self._seek = 0, cursor, control
        self._row = self.replica.row(self.id_shown)
        self._lines = []
        self.replica.details.clear()
        self.build()
        self._ask(self.id_shown)

    # ---------------------------------------------------------------- as every view

    def look(self) -> None:
        """The page comes to the front."""
        self.forget()

    def narrow(self, query: Filter) -> None:
        """A filter has no say here."""

    def rebuild(self) -> None:
        """Nor here."""

    def moved(self, touched: set[str]) -> None:
        """Its own detail came; or its row changed, and the detail is asked for again."""
        if "detail" in touched:
            self.build()
            if self._cursor_after:
                self.move_to(self._cursor_after)
                self._cursor_after = 0
            self._find_verdict()
        row = self.replica.row(self.id_shown)
        if row is not self._row:
            self._row = row
            self._ask(self.id_shown)
        if "sources" in touched:
            self.build()

    def _find_verdict(self) -> None:
        """The verdict the page was opened for stands at the top, under the cursor."""
        found = (
            next((index for index, line in enumerate(self._lines) if line.control == self._seek), None)
            if self._seek
            else None
        )
        if found is not None:
            self._seek = ""
            self._scroll_top(max(0, min(found, self.count() - self.page)))
            self.move_to(found)

    def tick(self, now: Utc) -> None:
        """Ages grow."""
        self.build()

    def target(self) -> str | None:
        """The resource shown."""
        return self.id_shown or None

    def source_id(self) -> str | None:
        """Its source."""
        detail = self.detail
        return detail.resource.source if detail is not None and detail.resource is not None else None

    @property
    def detail(self) -> Detail | None:
        """What is shown, once it came."""
        return self.replica.details.get(self.id_shown)

    # ---------------------------------------------------------------- the page

    def build(self) -> None:
        """Write the lines anew and draw those that are different."""
        width = max(20, self.wide - 3)
        if (detail := self.detail) is None:
            self._lines = [Line((("…", "faint"),))]
        elif self.raw:
            self._lines = raw(detail, width)
        else:
            self._lines = page(detail, width, self.replica.now(), self._freshness(detail), self._opened_at)
        names = [self.origin, *(self._called(resource) for resource, *_ in self.trail)]
        self.border_title = plain(" › ".join(name for name in names if name) + (" · JSON" if self.raw else ""))
        self.border_subtitle = "Enter follows · c copies the remedy · J JSON · Esc back"
        self.resized()
        self.repaint()

    def _freshness(self, detail: Detail) -> str:
        source = self.replica.sources.get(detail.resource.source) if detail.resource else None
        if source is None:
            return "its source is gone"
        text, dim = self.replica.freshness(source, self.replica.now())
        trouble = f", {source.state}: {source.fault}" if source.fault else f", {source.state}"
        return (
            f"source {source.id}: last full answer"
            f" {text if text == '-' else text + ' ago'}{' (old)' if dim else ''}{trouble}"
        )

    def _called(self, resource: str) -> str:
        row = self.replica.row(resource)
        name = (row.name if row else "") or resource.rpartition("/")[2]
        return name if len(name) <= 28 else f"{name[:27]}…"

    def count(self) -> int:
        """Lines of the page."""
        return len(self._lines)

    def fingerprint(self, index: int) -> Hashable:
        """The line, and what of it is selected with the mouse."""
        selection = self.text_selection
        return self._lines[index], None if selection is None else selection.get_span(index)

    def draw(self, index: int, width: int, fingerprint: Hashable) -> Strip:
        """One line."""
        line, span = cast("tuple[Line, tuple[int, int] | None]", fingerprint)
        paint = self.paint
        segments = [Segment(" ", paint.plain)]
        segments += [Segment(clean(text), paint[name]) for text, name in line.parts]
        if line.opens:
            segments.append(Segment("  ⏎", paint["faint"]))
        strip = Strip(segments).adjust_cell_length(width, paint.plain)
        return strip if span is None else self._selected(strip, *span)

    def _selected(self, strip: Strip, start: int, end: int) -> Strip:
        width = strip.cell_length
        end = width if end < 0 else min(end, width)
        if start >= end:
            return strip
        before, chosen, after = strip.crop(0, start), strip.crop(start, end), strip.crop(end, width)
        return Strip.join([before, chosen.apply_style(self.paint.cursor), after])

    def render_line(self, y: int) -> Strip:
        """With the offsets by which the mouse selects text."""
        return super().render_line(y).apply_offsets(0, self.scroll_offset.y + y)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text that is selected."""
        return selection.extract("\n".join(f" {clean(line.text)}" for line in self._lines)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """The mouse moved on."""
        self.repaint()

    def on_resize(self, event: events.Resize) -> None:
        """Other widths wrap otherwise."""
        self.build()

    # ---------------------------------------------------------------- keys

    @property
    def line(self) -> Line:
        """The line under the cursor."""
        return self._lines[self.cursor] if self.cursor < len(self._lines) else Line(())

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        """Follow the link of this line."""
        event.stop()
        if self.line.opens:
            self.open(self.line.opens)

    def action_link(self, step: int) -> None:
        """The cursor jumps to the next line that leads somewhere."""
        found = [index for index, line in enumerate(self._lines) if line.opens and (index - self.cursor) * step > 0]
        if found:
            self.move_to(min(found) if step > 0 else max(found))

    def action_copy_remedy(self) -> None:
        """The remedy of the verdict under the cursor, else the first there is."""
        found = self.detail.findings if self.detail else ()
        remedies = {judged.finding.control: remedy for judged in found if (remedy := remedy_of(judged))}
        wanted = self.line.control or self._opened_at
        if self.line.copies:
            is_remedy = self.line.copies in remedies.values()
            self.post_message(Copied(self.line.copies, "the remedy" if is_remedy else "the line", lines=is_remedy))
        elif wanted in remedies:
            self.post_message(Copied(remedies[wanted], "the remedy", lines=True))
        elif remedies and not wanted:
            self.post_message(Copied(next(iter(remedies.values())), "the remedy", lines=True))
        else:
            self.notify("there is no remedy to copy", severity="warning", markup=False)

    def action_raw(self) -> None:
        """JSON instead of the page, or the page again."""
        self.raw = not self.raw
        self.cursor = 0
        self.build()
        self.scroll_to(y=0, animate=False, immediate=True)
