"""Equal strings kept once: rows of one listing say the same words thousands of times, and each parser makes them
anew.
"""

from collections.abc import Iterable
from typing import Any

SHORT = 120
"""Longer strings are hardly ever the same twice."""


def intern_strings(value: Any, seen: dict[str, str]) -> None:
    """Put the first of equal strings in the place of the others, in a dictionary or list and all below it. `seen`
    holds them all: it is for one page.
    """
    items: Iterable[tuple[Any, Any]]
    if type(value) is dict:
        items = value.items()
    elif type(value) is list:
        items = enumerate(value)
    else:
        return
    for at, inner in items:
        kind = type(inner)
        if kind is str:
            if len(inner) <= SHORT:
                value[at] = seen.setdefault(inner, inner)
        elif kind is dict or kind is list:
            intern_strings(inner, seen)
