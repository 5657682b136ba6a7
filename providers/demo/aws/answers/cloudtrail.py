"""CloudTrail's event history: one attribute a lookup, fifty events a page, two lookups a second, all as documented
(LookupEvents, CloudTrail API reference).
"""

import threading
import time
from collections import deque
from typing import Any

from providers.demo.answer import Answer, Environ
from providers.demo.aws import trail
from providers.demo.aws.answer import THROTTLED, error, jsonic
from providers.demo.aws.request import Asked

KEEPS = 90 * 86400.0
PAGE = 50
_asked: dict[tuple[str, str], deque[float]] = {}
_counting = threading.Lock()


def lookup_events(asked: Asked, environ: Environ) -> Answer:
    """`LookupAttributes` has at most one; `StartTime` and `EndTime` are UTC seconds."""
    if _too_many((asked.account, asked.region)):
        spelling = THROTTLED["kms"]
        return error(asked.service, spelling.status, spelling.code, "Rate exceeded")
    attributes = asked.parameters.get("LookupAttributes", [])
    most = asked.parameters.get("MaxResults", PAGE)
    if len(attributes) > 1:
        return error(asked.service, 400, "InvalidLookupAttributesException", "only one attribute can be looked up")
    if not isinstance(most, int) or not 1 <= most <= PAGE:
        return error(asked.service, 400, "InvalidMaxResultsException", "between 1 and 50")
    begins = max(float(asked.parameters.get("StartTime", 0)), time.time() - KEEPS)
    ends = float(asked.parameters.get("EndTime", time.time()))
    found = [
        one
        for one in trail.told(asked.account, asked.region)
        if begins <= one.at <= ends and all(_is(one, attribute) for attribute in attributes)
    ]
    token = str(asked.parameters.get("NextToken", ""))
    first = int(token.removeprefix("page-")) if token.startswith("page-") else 0
    page: dict[str, Any] = {"Events": [one.row() for one in found[first : first + most]]}
    if first + most < len(found):
        page["NextToken"] = f"page-{first + most}"
    return jsonic(page)


def _is(one: trail.Recorded, attribute: dict[str, str]) -> bool:
    value = attribute.get("AttributeValue")
    match attribute.get("AttributeKey"):
        case "ResourceName":
            return value in one.resources
        case "EventName":
            return value == one.name
        case _:
            return False


def _too_many(place: tuple[str, str]) -> bool:
    with _counting:
        times, now = _asked.setdefault(place, deque()), time.monotonic()
        while times and now - times[0] >= 1.0:
            times.popleft()
        if len(times) >= trail.budget.a_second:
            return True
        times.append(now)
        return False
