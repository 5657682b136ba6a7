"""Durations and times as people write them."""

import re
from datetime import UTC, datetime, timedelta

from posture.clock import Seconds, Utc, parse_rfc3339

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(text: str) -> Seconds:
    """`"60s"`, `"15m"`, `"6h"`, `"1d"` in seconds. Raises ValueError with what is allowed."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write a number and s, m, h or d, as in 60s or 15m")
    return float(match[1]) * _UNITS[match[2]]


def is_time(text: str) -> bool:
    """Whether this is a time that `time_of` reads."""
    try:
        time_of(text, 0.0)
    except ValueError:
        return False
    return True


def time_of(text: str, now: Utc) -> Utc:
    """A time that is past, UTC seconds: `-1h` or `1h` (ago), `2026-11-27T03:10Z`, `03:10` (UTC, the last), or `now`.
    Raises ValueError with what is allowed.
    """
    said = text.strip()
    if said == "now":
        return now
    try:
        if re.fullmatch(r"-?\d+(?:\.\d+)?\s*[smhd]", said):
            return now - seconds(said.removeprefix("-"))
        if match := re.fullmatch(r"(\d\d):(\d\d)(?::(\d\d))?Z?", said):
            here = datetime.fromtimestamp(now, UTC)
            at = here.replace(hour=int(match[1]), minute=int(match[2]), second=int(match[3] or 0), microsecond=0)
            return (at if at <= here else at - timedelta(days=1)).timestamp()
        return parse_rfc3339(said)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a time; write -1h, 03:10 (UTC) or 2026-11-27T03:10Z, with a zone") from None
