"""What changed since a snapshot in a file, of what the filter lets through. Esc goes back."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.cells import cell_len, chop_cells

from posture.clock import Utc
from posture.filter import Filter
from providers.collector.frames import Ask, Compare
from tui.data.replica import Replica
from tui.pages.detail import Copied, DetailView, Stop
from tui.pages.lines import Line, Part
from tui.terminal.text import plain
from tui.widgets.lines import Lines

INDENT = 8
"""Cells by which what does not fit on a line begins on the next."""
_WORD = re.compile(r" *[^ ]+| +")


class ChangesView(DetailView):
    """The lines of `enctop diff`, from the file to what is shown now. They stand still: `=` compares anew."""

    name_of = "changes"
    title = "What changed"

    def __init__(self, replica: Replica, ask: Callable[[Ask], None]) -> None:
        super().__init__(replica, ask)
        self._query = ""

    def narrow(self, query: Filter) -> None:
        """What is compared from the next `open` on."""
        self._query = query.text

    def open(self, resource: str, control: str = "", *, blast: bool = False) -> None:
        """Compare with the snapshot of this path, instead of the one before."""
        self.replica.compared = None
        self.trail[:] = [Stop(resource)]
        self._enter(0)

    def _request(self) -> None:
        self._ask(Compare(self.id_shown, self._query))

    def moved(self, touched: set[str]) -> None:
        """The answer came."""
        if "compared" in touched:
            self.build()

    def tick(self, now: Utc) -> None:
        """Time changes nothing here."""

    def target(self) -> str | None:
        """No resource is under the cursor."""
        return None

    def source_id(self) -> str | None:
        """Nor a source."""
        return None

    def build(self) -> None:
        """Write the lines anew and draw those that are different."""
        self._lines = list(self._told(max(20, self.wide - 3)))
        narrowed = f" · {self._query}" if self._query else ""
        self.border_title = plain(f"{self.origin} › what changed since {Path(self.id_shown).name}{narrowed}")
        self.border_subtitle = "= compares anew · c copies the line · Esc back"
        self.resized()
        self.repaint()

    def _told(self, width: int) -> Iterator[Line]:
        found = self.replica.compared
        if found is None or found.path != self.id_shown:
            yield Line((("…", "faint"),))
        elif found.problem:
            yield from wrapped([(found.problem, "unknown")], width)
        elif not found.lines:
            yield Line((("nothing changed", "text"),))
        else:
            for parts in found.lines:
                yield from wrapped(parts, width)

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        """A line leads nowhere."""
        event.stop()

    def action_copy_remedy(self) -> None:
        """What the line says."""
        if self.line.copies:
            self.post_message(Copied(self.line.copies, "the line"))
        else:
            self.notify("there is nothing to copy on this line", severity="warning", markup=False)

    def action_raw(self) -> None:
        """There is no other form: `enctop diff --format json` has it."""

    def action_aside(self, step: int) -> None:
        """There is no chain here."""


def wrapped(parts: Sequence[Part], width: int) -> Iterator[Line]:
    """A line in as many as it takes, broken before a word where that can be. Each copies the whole."""
    whole = "".join(text for text, _ in parts).strip()
    line: list[Part] = []
    used = 0
    for text, tone in parts:
        for word in _WORD.findall(text):
            if line and used + cell_len(word) > width:
                yield Line(tuple(line), copies=whole)
                line, used, word = [(" " * INDENT, "text")], INDENT, word.lstrip()
            while used + cell_len(word) > width:
                piece = chop_cells(word, width - used)[0]
                yield Line((*line, (piece, tone)), copies=whole)
                line, used, word = [(" " * INDENT, "text")], INDENT, word[len(piece) :]
            line.append((word, tone))
            used += cell_len(word)
    yield Line(tuple(line), copies=whole)
