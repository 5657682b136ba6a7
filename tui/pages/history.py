"""What a resource was, and when: the part of its page that the history tells."""

from collections.abc import Iterator

from posture.clock import Utc, age, rfc3339
from posture.transition import ABSENT, Transition
from providers.collector.frames import Detail
from tui.widgets.columns import PAINTS, WORDS

Parts = tuple[tuple[str, str], ...]


def history_lines(detail: Detail, now: Utc) -> Iterator[tuple[Parts, str]]:
    """(parts, what is copied) of each line, the newest first."""
    for one in detail.history:
        yield _line(one, now), f"{rfc3339(one.at)} {_words(one)} {one.control} {one.reason}"
    if detail.first_seen is not None:
        at = detail.first_seen
        yield ((f"  {rfc3339(at)} {age(now - at):>4} ago  ", "faint"), ("first seen", "text")), rfc3339(at)


def _line(one: Transition, now: Utc) -> Parts:
    paint = "faint" if one.after == ABSENT else PAINTS[one.after]
    return (
        (f"  {rfc3339(one.at)} {age(now - one.at):>4} ago  ", "faint"),
        (f"{_words(one):<17}", paint),
        (f"  {one.control}" if one.control else "", "name"),
        (f"  {one.reason}", "text"),
    )


def _words(one: Transition) -> str:
    before = "new" if one.before == ABSENT else WORDS[one.before]
    after = "gone" if one.after == ABSENT else WORDS[one.after]
    return f"{before} → {after}"
