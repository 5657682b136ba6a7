"""Reading a resource's fields without guessing: a value, or the reason why there is none."""

from collections.abc import Collection
from typing import Any, TypeVar

from posture.clock import Utc, parse_rfc3339
from posture.fault import EnctopError, Fault
from posture.resource import Resource
from posture.verdict import Verdict, unanswered, unknown

T = TypeVar("T")
_WORDS: dict[type, str] = {
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
}


class NoAnswer(EnctopError):
    """The question ends here: what would answer it was refused or is missing. Carries the verdict, which is UNKNOWN;
    `@control` hands it on.
    """

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict


def field_of(resource: Resource, operation: str, field: str) -> Any:
    """The field that `operation` answers with; None where the API said that there is none. Raises `NoAnswer` where
    it was refused or left out.
    """
    refusal = resource.faults.get(operation)
    if refusal is not None:
        raise NoAnswer(unanswered(refusal))
    try:
        return resource.fields[field]
    except KeyError:
        raise NoAnswer(unknown(f"{operation} answered without {field}")) from None


def nested(answer: Any, operation: str, field: str) -> Any:
    """A field inside what an operation answered. Raises `NoAnswer` where it was left out."""
    if not isinstance(answer, dict) or answer.get(field) is None:
        raise NoAnswer(unknown(f"{operation} answered without {field}"))
    return answer[field]


def time_of(text: Any, operation: str, field: str) -> Utc:
    """A time as the provider reports it, RFC 3339 with a zone. Raises `NoAnswer` where it is none."""
    try:
        return parse_rfc3339(text)
    except (TypeError, ValueError):
        raise NoAnswer(unknown(f"{operation}: {field} is not a time: {text!r}")) from None


def refusals(resource: Resource, *operations: str) -> Fault | None:
    """The first of these operations that was refused; any of the resource's, where none is named."""
    named = operations or tuple(resource.faults)
    return next((resource.faults[operation] for operation in named if operation in resource.faults), None)


def expected(value: Any, of: type[T], operation: str, field: str) -> T:
    """The value, if it is of the type that the API documents. Raises `NoAnswer`, naming the field, where it is of
    another, or not there.
    """
    if value is None:
        raise NoAnswer(unknown(f"{operation} answered without {field}"))
    if not isinstance(value, of) or (isinstance(value, bool) and of is not bool):
        raise NoAnswer(
            unknown(
                f"{operation}: {field} is {_WORDS.get(type(value), type(value).__name__)}, not"
                f" {_WORDS.get(of, of.__name__)}"
            )
        )
    return value


def optional(value: Any, of: type[T], operation: str, field: str) -> T | None:
    """As `expected`, for what the API may leave out: None where it is not there."""
    return None if value is None else expected(value, of, operation, field)


def word(value: Any, known: Collection[str], operation: str, field: str) -> str:
    """The value, if it is one of the words that the API documents and enctop knows. Raises `NoAnswer`, naming it,
    where it is another.
    """
    text = expected(value, str, operation, field)
    if text not in known:
        raise NoAnswer(unknown(f"{operation}: {field} is {text[:60]!r}, which enctop does not know"))
    return text


def natural(value: Any, operation: str, field: str) -> int:
    """A whole number that is not negative. Raises `NoAnswer` for all else."""
    number = expected(value, int, operation, field)
    if number < 0:
        raise NoAnswer(unknown(f"{operation}: {field} is {number}"))
    return number


def texts(value: Any, operation: str, field: str) -> list[str]:
    """A list of words, none of them empty. Raises `NoAnswer` for all else."""
    listed = expected(value, list, operation, field)
    for one in listed:
        if not expected(one, str, operation, field):
            raise NoAnswer(unknown(f"{operation}: {field} has an empty word"))
    return listed


def objects(value: Any, operation: str, field: str) -> list[dict[str, Any]]:
    """A list of objects. Raises `NoAnswer` for all else."""
    listed = expected(value, list, operation, field)
    return [expected(one, dict, operation, field) for one in listed]
