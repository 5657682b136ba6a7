"""Who changed it, as lines of a page."""

from collections.abc import Iterator, Mapping

from posture.clock import Utc
from posture.who import Who, words

Whos = Mapping[str, Who | None]
"""Who changed what, by control; None where it is being asked."""


def who_lines(control: str, whos: Whos, now: Utc) -> Iterator[tuple[str, str, str]]:
    """(label, text, paint) of who made a verdict what it is, where that was asked; or that it is being asked."""
    who = whos.get(control)
    if who is not None:
        paint = "unknown" if who.event is None else "name"
        for label, text in words(who, now):
            yield label, text, paint if label == "who" else "text"
    elif control in whos:
        yield "who", "… the log of its system is being asked", "faint"
