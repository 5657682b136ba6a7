"""Text that others chose, made fit for a terminal, a log and a line."""

import difflib
from collections.abc import Iterable

LONGEST = 300
"""Characters of a server's words that are kept."""


def clean(text: str) -> str:
    """The text with each character that a terminal would act on (control, bidi, zero-width, line and paragraph
    separators) as a dot: as many characters.
    """
    return text if text.isprintable() else "".join(char if char.isprintable() else "·" for char in text)


def one_line(text: str, longest: int | None = None) -> str:
    """The text with every such character written as its escape (`\\n`, `\\x1b`, `\\u202e`), cut after `longest`
    characters.
    """
    line = text if text.isprintable() else "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return line if longest is None or len(line) <= longest else f"{line[: longest - 1]}…"


def nearest(name: str, known: Iterable[str]) -> str:
    """`, did you mean NAME?`, where there is one that is near."""
    near = difflib.get_close_matches(name, list(known), 1, 0.5)
    return f", did you mean {near[0]}?" if near else ""
