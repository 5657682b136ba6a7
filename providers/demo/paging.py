"""Pages of a listing that may change between two pages, as AWS's services hand them out."""

import base64
import binascii
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


class BadToken(ValueError):
    """A token this server did not make."""


def page(
    things: Iterable[T], name: Callable[[T], str], limit: int | None, token: str | None
) -> tuple[Sequence[T], str | None]:
    """The page of `things`, by name, that `token` stands for, and the token of the next, None after the last.

    A token is the name the next page begins with, so that nothing is shown twice or left out because something else
    came or went meanwhile.
    """
    ordered = sorted(things, key=name)
    start = bisect_left(ordered, _wanted(token), key=name) if token else 0
    if limit is None or start + limit >= len(ordered):
        return ordered[start:], None
    following = ordered[start + limit]
    return ordered[start : start + limit], "page-" + base64.urlsafe_b64encode(name(following).encode()).decode()


def _wanted(token: str) -> str:
    try:
        if not token.startswith("page-"):
            raise BadToken(token)
        return base64.urlsafe_b64decode(token.removeprefix("page-").encode()).decode()
    except (binascii.Error, UnicodeError) as wrong:
        raise BadToken(token) from wrong
