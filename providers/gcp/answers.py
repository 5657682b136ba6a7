"""An answer as what it says it is: told from any other JSON by its `kind`, and read row by row where it cannot be
read in one go.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from posture.fault import Fault, FaultKind
from providers.gcp.calls import Call
from providers.gcp.decode import Page, Unread
from providers.gcp.faults import short, unreadable

T = TypeVar("T")
_decoders: dict[Any, Any] = {}


def read(call: Call, answer: type[T], body: bytes, unread: list[Unread] | None = None) -> T:
    """The body as `answer`. Rows of a page that cannot be read go to `unread`, where it is given. Raises `Refused`."""
    try:
        found: T = _decoder(answer).decode(body)
    except msgspec.ValidationError as error:
        if unread is None or not isinstance(answer, type) or not issubclass(answer, Page) or not answer.rows:
            raise unreadable(call, error) from None
        found = _by_row(call, answer, body, unread)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unreadable(call, error) from None
    if isinstance(found, Page):
        if found.error is not None and bytes(found.error) != b"null":
            raise unreadable(call, "an error under the status of an answer")
        if not (found.kind or "").startswith(found.begins):
            raise unreadable(call, f"its kind is {short(found.kind)!r}, not {found.begins}...")
    return found


def _by_row(call: Call, answer: Any, body: bytes, unread: list[Unread]) -> Any:
    """The page without the rows that cannot be read."""
    whole, bad = msgspec.json.decode(body), list[Unread]()
    for scope, rows in _lists(answer, whole):
        kept = []
        for row in rows:
            try:
                msgspec.convert(row, answer.row)
                kept.append(row)
            except msgspec.ValidationError as error:
                bad.append(_unread(call, scope, row, str(error)))
        rows[:] = kept
    try:
        page = msgspec.convert(whole, answer)
    except msgspec.ValidationError as error:
        raise unreadable(call, error) from None
    unread += bad
    return page


def _lists(answer: Any, whole: Any) -> Iterator[tuple[str, list[Any]]]:
    """Each list of rows of a page, with the scope it stands under, "" where it is the page's own."""
    first, *rest = answer.rows
    found = whole.get(first) if isinstance(whole, dict) else None
    if isinstance(found, list) and not rest:
        yield "", found
    for scope, within in found.items() if isinstance(found, dict) and rest else ():
        rows = within.get(rest[-1]) if isinstance(within, dict) else None
        if isinstance(rows, list):
            yield scope, rows


def _unread(call: Call, scope: str, row: Any, why: str) -> Unread:
    name = row.get("name") if isinstance(row, dict) else None
    named = name.strip() if isinstance(name, str) else ""
    place = row.get("location") if isinstance(row, dict) else None
    return Unread(scope or (place if isinstance(place, str) else ""), named, bad_row(call, named, why))


def bad_row(call: Call, name: str, why: str) -> Fault:
    """Why a row stands as unknown; `why` names the field."""
    return Fault(FaultKind.ERROR, "UnreadableRow", call.operation, short(f"{name or 'a row without a name'}: {why}"))


def _decoder(answer: Any) -> Any:
    found = _decoders.get(answer)
    if found is None:
        found = _decoders[answer] = msgspec.json.Decoder(answer)
    return found
