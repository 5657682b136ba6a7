"""Times as enctop writes them: seconds since the epoch, UTC, and RFC 3339 on the outside."""

from datetime import UTC, datetime
from functools import lru_cache

Utc = float
"""Seconds since 1970-01-01T00:00:00Z."""
Seconds = float
"""A duration in seconds."""


def rfc3339(at: Utc) -> str:
    """`at` as RFC 3339 in UTC, to the second: `2026-11-23T14:00:00Z`."""
    return _second(int(at))


@lru_cache(maxsize=1024)
def _second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_rfc3339(text: str) -> Utc:
    """Read what `rfc3339` wrote, or another time with its zone. Raises ValueError: without a zone it is no one
    instant.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return at.timestamp()


def age(seconds: Seconds) -> str:
    """A duration as on-call engineers read it, at most four characters: `3s`, `12m`, `5h`, `9d`; a thousand days and
    more are years, `10y`.
    """
    whole = max(0, int(seconds))
    if whole >= 1000 * 86400:
        return f"{whole // (365 * 86400)}y"
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if whole >= 2 * size or (unit == "d" and whole >= size):
            return f"{whole // size}{unit}"
    return f"{whole}s"


def past(at: Utc, now: Utc) -> Utc:
    """A time that was noted; `now`, where it has not come yet or is none: the clock ran ahead, or somebody wrote it."""
    return at if 0 <= at <= now else now
