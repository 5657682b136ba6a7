"""Durations as people write them in the configuration."""

import re

from posture.clock import Seconds

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(text: str) -> Seconds:
    """`"60s"`, `"15m"`, `"6h"`, `"1d"` in seconds. Raises ValueError with what is allowed."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write a number and s, m, h or d, as in 60s or 15m")
    return float(match[1]) * _UNITS[match[2]]
