"""The fields of an answer by their JSON type: what is there, None where it is absent or null, and an UNKNOWN that
names it where it is something else.
"""

from typing import Any, TypeVar

from posture.reading import NoAnswer, objects, optional
from posture.text import one_line
from posture.verdict import Verdict, unknown

T = TypeVar("T")


def part(answer: Any, operation: str, field: str) -> dict[str, Any]:
    """The object in a field, empty where there is none. Raises `NoAnswer`."""
    return _field(answer, dict, operation, field) or {}


def parts(answer: Any, operation: str, field: str) -> list[dict[str, Any]] | None:
    """The list of objects in a field, None where there is none. Raises `NoAnswer`."""
    found = _field(answer, list, operation, field)
    return None if found is None else objects(found, operation, field)


def flag(answer: Any, operation: str, field: str) -> bool | None:
    """The true or false in a field, None where there is none. Raises `NoAnswer`."""
    return _field(answer, bool, operation, field)


def text(answer: Any, operation: str, field: str) -> str | None:
    """The text in a field, None where there is none. Raises `NoAnswer`; an empty text is none that an API documents."""
    found = _field(answer, str, operation, field)
    if found is not None and not found.strip():
        raise NoAnswer(unknown(f"{operation}: {field} is empty"))
    return found


def low(value: str | None) -> str | None:
    """A word as it is compared where its API does not regard case; None stays None."""
    return None if value is None else value.strip().casefold()


def strange(operation: str, field: str, value: Any) -> Verdict:
    """UNKNOWN because a field holds a value that enctop does not know, or none at all."""
    if value is None:
        return unknown(f"{operation} answered without {field}")
    return unknown(
        f"{operation}: {field} is {one_line(repr(value), 60)}, which enctop does not know",
        evidence={f"{operation}.{field}": value},
    )


def _field(answer: Any, of: type[T], operation: str, field: str) -> T | None:
    found = answer.get(field) if isinstance(answer, dict) else None
    # a disk has ten of them, and there are thousands
    return found if found is None or type(found) is of else optional(found, of, operation, field)
