"""The help page, written from the bindings themselves."""

from collections.abc import Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from posture.filter import FIELDS
from posture.text import clean
from tui.pages.detail import DetailView
from tui.views.overview import OverviewView
from tui.views.promises import PromisesView
from tui.views.rows_view import RowsView
from tui.widgets.lines import Lines

SECTIONS: tuple[tuple[str, type], ...] = (
    ("Moving", Lines),
    ("In tables", RowsView),
    ("On the overview", OverviewView),
    ("On the promises", PromisesView),
    ("On a resource", DetailView),
)
KEYS = {
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "escape": "Esc",
    "enter": "Enter",
    "slash": "/",
    "colon": ":",
    "equals_sign": "=",
    "question_mark": "?",
    "space": "Space",
}


class Help(ModalScreen[None]):
    """Keys, the filter language, and what the words mean. Any of the keys that opened it closes it."""

    DEFAULT_CSS = """
    Help { align: center middle; background: $background 60%; }
    Help VerticalScroll {
        width: 90; max-width: 96%; height: auto; max-height: 92%; padding: 0 2;
        border: round $frame-focus; background: $background;
        scrollbar-size-vertical: 1; scrollbar-background: $background; scrollbar-color: $frame;
    }
    Help Static { background: $background; height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q,enter", "dismiss", "close")]

    def __init__(self, everywhere: list[BindingType], origin: str = "") -> None:
        super().__init__()
        self._everywhere, self._origin = everywhere, origin

    def compose(self) -> ComposeResult:
        """One scrolling text."""
        with VerticalScroll() as box:
            box.border_title = "Help"
            box.border_subtitle = "Esc closes"
            yield Static(Content("\n").join([*self._text()]))

    def _text(self) -> Iterator[Content]:
        if self._origin:
            yield Content.assemble(("configuration: ", "$faint"), clean(self._origin))
        views = [binding for binding in self._everywhere if isinstance(binding, Binding) and binding.key.isdigit()]
        yield Content("  ".join(f"{binding.key} {binding.description}" for binding in views))
        yield from _section("Everywhere", [binding for binding in self._everywhere if binding not in views])
        for title, owner in SECTIONS:
            yield from _section(title, owner.__dict__.get("BINDINGS", ()))
        yield _title("Filter")
        yield Content("  words side by side must all hold; a,b is either; * and ? stand for anything; - turns round")
        yield Content("  status:fail,unknown tenant:acme region:eu* -key:customer pg-data")
        yield Content.styled(f"  fields: {', '.join(FIELDS)}", "$faint")
        yield _title("Words")
        words = (
            ("✗ FAIL", "status-fail", "the evidence contradicts the promise"),
            ("? UNKN", "status-unknown", "there is no answer; never counted as good"),
        )
        more = (
            ("! WARN", "status-warn", "as promised, but fragile, or an exception"),
            ("✓ pass", "status-pass", "as promised, on evidence that is fresh"),
        )
        for word, colour, meaning in (*words, *more):
            yield Content.assemble("  ", (f"{word:<14}", f"${colour}"), meaning)
        yield Content.styled("  grey lines are older than two polls: their AGE says how old", "$faint")


def _section(title: str, bindings: object) -> Iterator[Content]:
    yield _title(title)
    for binding in bindings if isinstance(bindings, (list, tuple)) else ():
        if isinstance(binding, Binding) and binding.description:
            keys = " ".join(dict.fromkeys(_key(key.strip()) for key in binding.key.split(",")))
            yield Content.assemble("  ", (f"{keys:<14}", "$primary"), binding.description)


def _title(text: str) -> Content:
    return Content.styled(f"\n{text}", "bold $name")


def _key(key: str) -> str:
    return KEYS.get(key, key.replace("ctrl+", "^") if key.startswith("ctrl+") else key)
