"""The line at which one types: a filter after `/`, a command after `:`."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Input


class Prompt(Input):
    """Tells of every change, of Enter and of Esc; `sign` is `/` or `:`."""

    DEFAULT_CSS = """
    Prompt, Prompt:focus { height: 1; border: none; padding: 0 1; background: $panel; background-tint: $panel 0%; color: $foreground; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave(False)", "clear and close"),
        Binding("enter", "leave(True)", "accept"),
        Binding("down,tab", "leave(True)", "accept"),
    ]

    class Typed(Message):
        """The text is another now."""

        def __init__(self, sign: str, text: str) -> None:
            super().__init__()
            self.sign, self.text = sign, text

    class Left(Message):
        """Typing is over; `accepted` is False after Esc."""

        def __init__(self, sign: str, text: str, accepted: bool) -> None:
            super().__init__()
            self.sign, self.text, self.accepted = sign, text, accepted

    def __init__(self, sign: str, value: str, words: Sequence[str]) -> None:
        hint = (
            "status:fail tenant:acme region:eu* key:customer or any text" if sign == "/" else "a view, theme NAME, filter QUERY, export, pause, refresh, quit"
        )
        super().__init__(value, placeholder=hint, suggester=SuggestFromList(words, case_sensitive=False), id="prompt", select_on_focus=False, compact=True)
        self.sign = sign

    def on_input_changed(self, event: Input.Changed) -> None:
        """Every key counts."""
        event.stop()
        self.post_message(self.Typed(self.sign, self.value))

    def action_leave(self, accepted: bool) -> None:
        """Enter or Esc."""
        self.post_message(self.Left(self.sign, self.value, accepted))
