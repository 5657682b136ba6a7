"""Text that others chose, made fit for a terminal."""

from typing import cast

from textual.content import Content


def clean(text: str) -> str:
    """Without control characters: each becomes a dot."""
    return text if text.isprintable() else "".join(char if char.isprintable() else "·" for char in text)


def plain(text: str) -> str:
    """For `border_title` and whatever else reads a string as markup: shown as it is, whatever brackets it has.

    A border takes a `Content` as well as the string its type speaks of.
    """
    return cast("str", Content(clean(text)))
