"""The line at which one types: a filter after `/`, a command after `:`, a file after `=`."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Input

PLACEHOLDERS = {
    "/": "status:fail tenant:acme region:eu* key:customer or any text",
    ":": "a view, theme NAME, filter QUERY, export, pause, refresh, quit",
    "=": "a snapshot's file: what changed since it was written",
}


class Prompt(Input):
    """Tells of every change, of Enter and of Esc; `sign` is one of `PLACEHOLDERS`."""

    DEFAULT_CSS = """
    Prompt, Prompt:focus {
        height: 1; border: none; padding: 0 1; background: $panel; background-tint: $panel 0%; color: $foreground;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave(False)", "clear and close"),
        Binding("enter,down,tab", "leave(True)", "accept"),
    ]

    class Typed(Message):
        """The text is another now."""

        def __init__(self, sign: str, text: str) -> None:
            super().__init__()
            self.sign, self.text = sign, text

    def __init__(self, left: Callable[[str, str, bool], None]) -> None:
        """`left` is called at once when typing is over: with the sign, the text, and False after Esc."""
        super().__init__(id="prompt", select_on_focus=False, compact=True)
        self.sign = ""
        """Empty while nothing is typed here."""
        self._left = left
        self.display = False

    def begin(self, sign: str, value: str, words: Sequence[str]) -> None:
        """From the next key on, take what is typed."""
        self.sign = sign
        self.placeholder = PLACEHOLDERS[sign]
        self.suggester = SuggestFromList(words, case_sensitive=False)
        self.value = value
        self.cursor_position = len(value)
        self.display = True
        self.screen.set_focus(self)

    def end(self) -> None:
        """Typing is over."""
        self.sign = ""
        self.display = False

    async def on_key(self, event: events.Key) -> None:
        """Keys act in the order they were typed in: those that edit, too, and those typed behind Enter are not for
        this line.
        """
        if not self.sign:
            event.stop().prevent_default()
            self.app.post_message(events.Key(event.key, event.character))
        elif not event.is_printable and event.key in self._bindings.key_to_bindings and self.has_focus:
            event.stop().prevent_default()
            await self.app._check_bindings(event.key)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Every key counts."""
        event.stop()
        if self.sign and event.value == self.value:
            self.post_message(self.Typed(self.sign, self.value))

    def action_leave(self, accepted: bool) -> None:
        """Enter or Esc."""
        self._left(self.sign, self.value, accepted)
