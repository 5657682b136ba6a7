"""Text that others chose, for what reads a string as markup."""

from typing import cast

from textual.content import Content

from posture.text import clean


def plain(text: str) -> str:
    """For `border_title` and whatever else reads a string as markup: shown as it is, whatever brackets it has.

    A border takes a `Content` as well as the string its type speaks of.
    """
    return cast("str", Content(clean(text)))
