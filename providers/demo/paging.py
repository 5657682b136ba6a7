"""Pages of a listing that may change between two pages, as AWS's services hand them out."""

import base64
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


class BadToken(ValueError):
    """A token this server did not make."""


def page(things: Sequence[T], name: Callable[[T], str], limit: int | None, token: str | None) -> tuple[Sequence[T], str | None]:
    """The page of `things` that `token` stands for, and the token of the next, None after the last.

    A token names the thing it starts with, and where it stood: if that is gone meanwhile, the page starts where it would have been.
    """
    start = _start(things, name, token)
    if limit is None or start + limit >= len(things):
        return things[start:], None
    nxt = start + limit
    return things[start:nxt], base64.urlsafe_b64encode(f"{nxt}:{name(things[nxt])}".encode()).decode()


def _start(things: Sequence[T], name: Callable[[T], str], token: str | None) -> int:
    if not token:
        return 0
    try:
        at, _, wanted = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
        guess = int(at)
    except ValueError as wrong:
        raise BadToken(token) from wrong
    if guess < len(things) and name(things[guess]) == wanted:
        return guess
    return next((i for i, thing in enumerate(things) if name(thing) == wanted), min(guess, len(things)))
