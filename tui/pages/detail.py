"""One resource: what was found and why, what would mend it, where it leads; or what depends on it. Enter follows a
link, Esc goes back.
"""

from collections.abc import Callable, Collection, Hashable
from time import monotonic
from typing import ClassVar, NamedTuple, cast

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip

from posture.clock import Seconds, Utc
from posture.filter import Filter
from posture.rows import Row
from posture.source import ANSWERED
from posture.text import clean
from posture.verdict import Status
from posture.who import Who
from providers.collector.frames import Ask, AskWho, Blast, BlastRadius, Box, Detail, Open
from tui.data.replica import Replica
from tui.pages.blast import blast_lines
from tui.pages.chain import chosen_box
from tui.pages.lines import Line, page, raw, remedy_of
from tui.terminal.text import plain
from tui.widgets.lines import Lines


class Copied(Message):
    """A text is to be copied; `what` names it for the person, `lines` says that it is meant to have several."""

    def __init__(self, text: str, what: str, *, lines: bool = False) -> None:
        super().__init__()
        self.text, self.what, self.lines = text, what, lines


MOST = 100
"""What a tree lists at first of all that depends directly on a resource; Enter on the rest lists four times as many."""
PATIENCE: Seconds = 130.0
"""A little longer than the collector waits for a trail."""
FOLLOW: Seconds = 2.0
"""The least time between two looks at what depends on a resource, while something moves."""


_CHAINED = frozenset({"workload", "claim", "persistent-volume", "volume", "key"})


class Stop(NamedTuple):
    """A page of the trail: the resource, the line the cursor stood on, the control for whose sake it was opened, and
    whether what depends on it is shown.
    """

    id: str
    cursor: int = 0
    control: str = ""
    blast: bool = False


class DetailView(Lines):
    """A page about one resource, or about what depends on it, and the trail of those that led here. `ask` sends for
    either.
    """

    ALLOW_SELECT = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "who", "who changed it, as the cloud's own log tells"),
        Binding("c", "copy_remedy", "copy the remedy (or what the line says)"),
        Binding("J", "raw", "raw JSON, and back"),
        Binding("n", "link(1)", "next link"),
        Binding("N", "link(-1)", "link before"),
        Binding("left,h", "aside(-1)", "along the chain, towards the workload; in a tree: fold"),
        Binding("right,l", "aside(1)", "along the chain, towards the key; in a tree: unfold"),
    ]
    name_of = "detail"
    title = "Detail"
    own_filter = ""

    def __init__(self, replica: Replica, ask: Callable[[Ask], None]) -> None:
        super().__init__(id=self.name_of)
        self.replica, self._ask = replica, ask
        self.trail: list[Stop] = []
        """From the first opened to the one shown."""
        self.origin = ""
        self.raw = False
        self._lines: list[Line] = []
        self._row: Row | None = None
        self._cursor_after = 0
        self._seek = ""
        """The control whose verdict the cursor is to go to once the page came."""
        self._box: int | None = None
        """The box of the chain that was walked to."""
        self._folded: set[str] = set()
        self._most, self._asked, self._look_after, self._stirred = MOST, 0.0, 0.0, False
        self._wondering: dict[str, float] = {}
        """Controls of whose verdict it is asked who changed it, and since when (`time.monotonic`)."""

    # ---------------------------------------------------------------- the trail

    @property
    def _stop(self) -> Stop:
        return self.trail[-1] if self.trail else Stop("")

    @property
    def id_shown(self) -> str:
        """The id of the resource on the page."""
        return self._stop.id

    def open(self, resource: str, control: str = "", *, blast: bool = False) -> None:
        """Go on to a resource, to the verdict of a control where one is named; or to what depends on it."""
        if self.trail:
            self.trail[-1] = self._stop._replace(cursor=self.cursor)
        self.trail.append(Stop(resource, 0, control, blast))
        self._enter(0, control)

    def back(self) -> bool:
        """To the page before; False when there is none."""
        if self.trail:
            self.trail.pop()
        if not self.trail:
            return False
        self._enter(self._stop.cursor)
        return True

    def _enter(self, cursor: int, control: str = "") -> None:
        self.raw, self._box, self._most = False, None, MOST
        self._folded.clear()
        self.cursor, self._cursor_after, self._seek = 0, cursor, control
        self._row = self.replica.row(self.id_shown)
        self._lines = []
        self.replica.details.clear()
        self.replica.blasts.clear()
        self.replica.whos.clear()
        self._wondering.clear()
        self.build()
        self._request()

    def _request(self) -> None:
        self._asked, self._stirred = monotonic(), False
        self._ask(Blast(self.id_shown, self._most) if self._stop.blast else Open(self.id_shown))

    # ---------------------------------------------------------------- as every view

    def look(self) -> None:
        """The page comes to the front."""
        self.forget()

    def narrow(self, query: Filter) -> None:
        """A filter has no say here."""

    def rebuild(self) -> None:
        """Nor here."""

    def moved(self, touched: set[str]) -> None:
        """What it shows came; or its row changed, and it is asked for again."""
        if touched & {"detail", "blast"}:
            self._look_after = monotonic() + max(FOLLOW, 10 * (monotonic() - self._asked))
            self.build()
            if self._cursor_after:
                self.move_to(self._cursor_after)
                self._cursor_after = 0
            self._find_verdict()
        self._stirred |= not touched.isdisjoint(self._beside())
        if self._stop.blast:
            return
        row = self.replica.row(self.id_shown)
        if row is not self._row:
            self._row = row
            self._request()
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
        """Ages grow; and what is beside the resource is looked at again where something of it moved."""
        if not self._stop.blast:
            self._ask_again(now)
            self.build()
        if self._stirred and monotonic() >= self._look_after:
            self._request()

    def _beside(self) -> Collection[str]:
        """The kinds of what the page shows beside the resource itself."""
        if self._stop.blast:
            return self.replica.tables
        detail = self.detail
        if detail is None or detail.resource is None:
            return ()
        kinds = {link.kind for link in (*detail.links, *detail.users)}
        return kinds | _CHAINED if detail.resource.kind in _CHAINED or detail.chain else kinds

    def target(self) -> str | None:
        """The resource shown; in a tree the one under the cursor."""
        return (self._stop.blast and self.line.opens) or self.id_shown or None

    def blast_target(self) -> str | None:
        """Whose dependents are asked for: where the line under the cursor leads, else of the resource shown."""
        return self._leads() or self.target()

    def source_id(self) -> str | None:
        """Its source."""
        detail = self.detail
        return detail.resource.source if detail is not None and detail.resource is not None else None

    @property
    def detail(self) -> Detail | None:
        """What is shown, once it came."""
        return self.replica.details.get(self.id_shown)

    @property
    def radius(self) -> BlastRadius | None:
        """What depends on it, once that came."""
        return self.replica.blasts.get(self.id_shown)

    # ---------------------------------------------------------------- the page

    def build(self) -> None:
        """Write the lines anew and draw those that are different."""
        width = max(20, self.wide - 3)
        self._lines = self._blast(width) if self._stop.blast else self._page(width)
        names = [self.origin, *(self._called(stop.id) for stop in self.trail)]
        form = " · blast radius" if self._stop.blast else " · JSON" if self.raw else ""
        self.border_title = plain(" › ".join(name for name in names if name) + form)
        self.border_subtitle = (
            "Enter opens · ← → fold · x goes on from here · Esc back"
            if self._stop.blast
            else "Enter follows · w who · x blast radius · c copies the remedy · Esc back"
        )
        self.resized()
        self.repaint()

    def _page(self, width: int) -> list[Line]:
        if (detail := self.detail) is None:
            return [Line((("…", "faint"),))]
        if self.raw:
            return raw(detail, width)
        now, freshness = self.replica.now(), self._freshness(detail)
        return page(detail, width, now, freshness, self._stop.control, self._box, self._whos())

    def _whos(self) -> dict[str, Who | None]:
        """What is known of who changed what, by control; None where it is being asked."""
        asking = (control for control, asked in self._wondering.items() if monotonic() - asked < PATIENCE)
        return {**dict.fromkeys(asking), **self._answers()}

    def _answers(self) -> dict[str, Who]:
        """The answers about the verdicts as they stand now, by control."""
        found = self.detail.findings if self.detail is not None else ()
        since = {judged.finding.control: judged.finding.since for judged in found}
        return {name: told.who for name, told in self.replica.whos.items() if told.since == since.get(name)}

    def _blast(self, width: int) -> list[Line]:
        if (radius := self.radius) is None:
            return [Line((("…", "faint"),))]
        sources = self.replica.sources.values()
        silent = sum(source.state not in ANSWERED for source in sources)
        why = f"{silent:,} of {len(sources):,} sources did not answer in full (see Sources): there may be more"
        return blast_lines(radius, width, why if silent else "", self._folded)

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
        """Follow the link of this line; or list more."""
        event.stop()
        if self.line.more and self.line.more == self.id_shown:
            self._most *= 4
            self._request()
        elif self.line.more:
            self.open(self.line.more, blast=True)
        elif leads := self._leads():
            self.open(leads)

    def _leads(self) -> str:
        """The resource that this line leads to, empty where it leads nowhere but here."""
        if (chain := self._chain) and self.line.boxes:
            box = chain[chosen_box(chain, self._box)]
            return box.members[0].id if box.members and not box.here else ""
        return self.line.opens

    @property
    def _chain(self) -> tuple[Box, ...]:
        return self.detail.chain if self.detail is not None and not self._stop.blast and not self.raw else ()

    def action_aside(self, step: int) -> None:
        """To the next box of the chain; in a tree fold or unfold."""
        if self._stop.blast:
            self._fold(step)
        elif chain := self._chain:
            self._box = max(0, min(chosen_box(chain, self._box) + step, len(chain) - 1))
            self.build()
            self.move_to(next(index for index, line in enumerate(self._lines) if line.boxes))

    def _fold(self, step: int) -> None:
        """Left hides what depends on the resource under the cursor, right shows it."""
        radius, name = self.radius, self.line.opens
        lines = {branch.id: branch for branch in radius.lines if not branch.again} if radius is not None else {}
        branch = lines.get(name)
        if branch is None:
            return
        if step > 0:
            self._folded.discard(name)
        elif branch.direct and name not in self._folded:
            self._folded.add(name)
        self.build()

    def action_link(self, step: int) -> None:
        """The cursor jumps to the next line that leads somewhere."""
        found = [index for index, line in enumerate(self._lines) if line.opens and (index - self.cursor) * step > 0]
        if found:
            self.move_to(min(found) if step > 0 else max(found))

    def action_copy_remedy(self) -> None:
        """The remedy of the verdict under the cursor, else the first there is."""
        found = self.detail.findings if self.detail else ()
        remedies = {judged.finding.control: remedy for judged in found if (remedy := remedy_of(judged))}
        wanted = self.line.control or self._stop.control
        if self.line.copies:
            is_remedy = self.line.copies in remedies.values()
            self.post_message(Copied(self.line.copies, "the remedy" if is_remedy else "the line", lines=is_remedy))
        elif wanted in remedies:
            self.post_message(Copied(remedies[wanted], "the remedy", lines=True))
        elif remedies and not wanted:
            self.post_message(Copied(next(iter(remedies.values())), "the remedy", lines=True))
        else:
            self.notify("there is no remedy to copy", severity="warning", markup=False)

    def action_who(self) -> None:
        """Ask who made the verdict under the cursor what it is, else the one that the page was opened for, else the
        first.
        """
        hello, detail = self.replica.hello, self.detail
        if (hello is not None and hello.frozen_at is not None) or self.replica.moment is not None:
            self.notify("a snapshot does not tell who changed it", severity="warning", markup=False)
            return
        found = [judged.finding for judged in detail.findings] if detail is not None and not self._stop.blast else []
        wanted = self.line.control or self._stop.control
        first = next((one.control for one in found if one.status in {Status.FAIL, Status.WARN}), "")
        control = wanted if any(one.control == wanted for one in found) else first
        if not control:
            self.notify("no verdict here has a change to ask about", severity="warning", markup=False)
            return
        self.replica.whos.pop(control, None)
        self._wonder(control)
        self.build()

    def _wonder(self, control: str) -> None:
        self._wondering[control] = monotonic()
        self._ask(AskWho(self.id_shown, control))

    def _ask_again(self, now: Utc) -> None:
        """What was not there yet, at the time that it was told to be asked again."""
        for control, who in self._answers().items():
            last = self._wondering.get(control, 0.0)
            if who.again_at is not None and who.again_at <= now and monotonic() - last > FOLLOW:
                self._wonder(control)

    def action_raw(self) -> None:
        """JSON instead of the page, or the page again."""
        if self._stop.blast:
            return
        self.raw = not self.raw
        self.cursor = 0
        self.build()
        self.scroll_to(y=0, animate=False, immediate=True)
