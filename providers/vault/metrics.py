"""The few lines of `sys/metrics` (Prometheus text) that say how the leases are."""

import contextlib
import math
import re
from collections.abc import Iterator
from typing import Any

from posture.clock import Utc, parse_rfc3339, rfc3339

_LINE = re.compile(
    r"^(?:[a-z]+_)?(expire_num_leases|expire_num_irrevocable_leases|expire_leases_by_expiration|"
    r"expire_job_manager_total_jobs|"
    r"audit_log_request_failure|audit_log_response_failure|token_count)(?:\{(.*)\})? ([0-9.eE+-]+)$"
)
_EXPIRING = re.compile(r'expiring="([^"]*)"')
HOURS = 24
"""How far ahead the histogram is kept; one bucket an hour, by default (`lease_metrics_epsilon`)."""


def read(text: str) -> dict[str, Any]:
    """Counts by name; `expire_leases_by_expiration` is a list of (RFC 3339 time, leases that end then), soonest
    first.
    """
    found: dict[str, Any] = {}
    ends: dict[Utc, int] = {}
    for name, labels, value in _lines(text):
        if name != "expire_leases_by_expiration":
            found[name] = found.get(name, 0) + round(value)
        elif (at := _expiring(labels)) is not None:
            ends[at] = ends.get(at, 0) + round(value)
    if ends:
        found["expire_leases_by_expiration"] = [(rfc3339(at), many) for at, many in sorted(ends.items()) if many]
    return found


def _lines(text: str) -> Iterator[tuple[str, str, float]]:
    for line in text.splitlines():
        if line[:1] != "#" and (match := _LINE.match(line)):
            with contextlib.suppress(ValueError):  # what turns out not to be a number counts nothing
                if math.isfinite(value := float(match[3])):
                    yield match[1], match[2] or "", value


def _expiring(labels: str) -> Utc | None:
    """The bucket's end: `2026-11-23 15:00:00 +0000 UTC` or RFC 3339."""
    match = _EXPIRING.search(labels)
    if match is None:
        return None
    text = re.sub(r"^(\S+) (\S+) \+0000 UTC$", r"\1T\2Z", match[1])
    try:
        return parse_rfc3339(text)
    except ValueError:
        return None
