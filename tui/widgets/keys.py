"""What the keys do on every view."""

from textual.binding import Binding

KEYS = (
    Binding("tab", "step(1)", "next view", priority=True),
    Binding("shift+tab", "step(-1)", "view before", priority=True),
    Binding("slash", "filter", "filter"),
    Binding("colon", "command", "type a command"),
    Binding("ctrl+p", "command_palette", "command palette"),
    Binding("escape", "back", "back; clear the filter"),
    Binding("e", "export", "export what is shown to JSON"),
    Binding("y", "copy_id", "copy the id (or what the mouse selected)"),
    Binding("x", "blast", "blast radius: what depends on the resource under the cursor"),
    Binding("r", "refresh", "poll now: the source under the cursor, else all"),
    Binding("p", "pause", "pause polling, go on"),
    Binding("left_square_bracket", "travel(-1, 0)", "in a history: back to the change before"),
    Binding("right_square_bracket", "travel(1, 0)", "in a history: on to the next change"),
    Binding("left_curly_bracket", "travel(0, -1)", "in a history: an hour back"),
    Binding("right_curly_bracket", "travel(0, 1)", "in a history: an hour on"),
    Binding("question_mark,f1", "help", "this help"),
    Binding("q", "end", "quit"),
    Binding("ctrl+c", "interrupt", "quit", priority=True),
    Binding("ctrl+z", "suspend_process", "to the shell and back (fg)"),
)
"""Beside the numbers, which lead to the views."""
