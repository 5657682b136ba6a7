"""What every room's refusals have in common: secrets masked, and how long to wait."""

import email.utils
import math
import re
import time
from collections.abc import Mapping

from posture.clock import Seconds

LONGEST_WAIT: Seconds = 86400.0
_SECRET = re.compile(
    r"\b(?:hv[sbr]\.|s\.|b\.)[A-Za-z0-9_-]{20,}|\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*|\bya29\.[A-Za-z0-9_.-]{8,}|(?i:\bBearer\s+)[A-Za-z0-9._~+/=-]{8,}"
)


def masked(text: str, *secrets: str | None) -> str:
    """The text without our own `secrets`, should a server repeat the request, and without what looks like a token of Vault, Azure or Google."""
    for secret in secrets:
        if secret and len(secret) >= 6:
            text = text.replace(secret, "[secret]")
    return _SECRET.sub("[secret]", text)


def retry_after(headers: Mapping[str, str], milliseconds: tuple[str, ...] = ()) -> Seconds | None:
    """Seconds until the server wants to be asked again: a header in `milliseconds`, else `Retry-After` as a number or a date (RFC 9110 10.2.3).

    Between 0 and a day; None where there is none, or it is no length of time.
    """
    for name, unit in (*((name, 0.001) for name in milliseconds), ("Retry-After", 1.0)):
        try:
            wait = float(headers[name]) * unit
        except (KeyError, ValueError, TypeError):
            continue
        if math.isfinite(wait):
            return min(max(wait, 0.0), LONGEST_WAIT)
    try:
        parsed = email.utils.parsedate_tz(headers.get("Retry-After") or "")
        return None if parsed is None else min(max(email.utils.mktime_tz(parsed) - time.time(), 0.0), LONGEST_WAIT)
    except (ValueError, OverflowError, TypeError):
        return None
