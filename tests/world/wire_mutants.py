"""Bodies that are not as their API documents them: every part of a healthy one taken away or changed, one at a time."""

import copy
from collections.abc import Iterator
from typing import Any

Path = tuple[str | int, ...]
STRANGE: tuple[tuple[str, Any], ...] = (
    ("absent", None),
    ("null", None),
    ("word", "Qx-Unknown"),
    ("empty", ""),
    ("number", 7),
    ("true", True),
    ("list", []),
    ("object", {}),
)
"""What may stand in place of a value; one of the same type and value is left out."""


def mutants(body: Any, but: frozenset[str] = frozenset()) -> Iterator[tuple[str, str, Any]]:
    """Where (`properties.rules.#.id`), the change, and the body with it; `case` is another case of a text, `extra` a
    field that nobody knows.
    """
    for path in _paths(body):
        if path[0] in but:
            continue
        where = ".".join("#" if isinstance(step, int) else step for step in path)
        value = _at(body, path)
        for change, new in STRANGE:
            if (
                change in {"absent", "null"}
                or type(new) is not type(value)
                or (isinstance(value, str) and new != value)
                or (not new and value)
            ):
                yield where, change, _put(body, path, new, gone=change == "absent")
        if isinstance(value, str) and value.swapcase() != value:
            yield where, "case", _put(body, path, value.swapcase())
        if isinstance(value, dict):
            yield where, "extra", _put(body, (*path, "qxNobodyKnows"), {"a": [1]})


def _paths(value: Any) -> Iterator[Path]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (key,)
        yield from ((key, *deeper) for deeper in _paths(inner))


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def _put(body: Any, path: Path, new: Any, *, gone: bool = False) -> Any:
    changed = copy.deepcopy(body)
    holder = _at(changed, path[:-1])
    if gone:
        del holder[path[-1]]
    else:
        holder[path[-1]] = copy.deepcopy(new)
    return changed
