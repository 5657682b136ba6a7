"""What every room's refusals have in common: words in one line, secrets masked, and how long to wait."""

import email.utils
import math
import re
import time
from collections.abc import Mapping
from urllib.parse import quote

from posture.clock import Seconds
from posture.text import LONGEST, one_line

SHORTEST_TOKEN = 16
"""Bytes; what is shorter may be a word of the answer's own."""
LONGEST_WAIT: Seconds = 86400.0
LEAST_SECRET = 6
"""Characters of a secret that is masked: a shorter one (`root`, of a test server) would take words with it that are
judged.
"""
MOST_READ, LONGEST_SECRET = 1 << 16, 1 << 13
"""Of an error that is longer (an answer may have 64 MB) only so many characters are looked at, and at their end one
may stand that was cut in two.
"""
_SECRET = re.compile(
    r"\b(?:hv[sbr]\.|s\.|b\.)[A-Za-z0-9_-]{20,}|\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*|\bya29\.[A-Za-z0-9_.-]{8,}|(?i:\bBearer\s+)[A-Za-z0-9._~+/=-]{8,}"
)


def masked(text: str, *secrets: str | None) -> str:
    """The text without our own `secrets`, should a server repeat the request, and without what looks like a token of
    Vault, Azure or Google.
    """
    for secret in secrets:
        if secret and len(secret) >= LEAST_SECRET:
            text = text.replace(secret, "[secret]")
    return _SECRET.sub("[secret]", text)


def told(said: object, *secrets: str | None, also: re.Pattern[str] | None = None) -> str:
    """The words of a server or an SDK in one line, cut after `LONGEST` characters, without these secrets, whatever
    looks like one, and what `also` matches.
    """
    text = str(said)
    line = masked(" ".join(text[:MOST_READ].split()), *secrets)
    if also is not None:
        line = also.sub("…", line)
    return one_line(line if len(text) <= MOST_READ else line[:-LONGEST_SECRET], LONGEST)


def retry_after(headers: Mapping[str, str], milliseconds: tuple[str, ...] = ()) -> Seconds | None:
    """Seconds until the server wants to be asked again: a header in `milliseconds`, else `Retry-After` as a number or a
    date (RFC 9110 10.2.3).

    Between 0 and a day; None where there is none, or it is no length of time. Headers are found in any case,
    `milliseconds` are in lower case.
    """
    found = {name.lower(): value for name, value in headers.items()}
    for name, unit in (*((name, 0.001) for name in milliseconds), ("retry-after", 1.0)):
        try:
            wait = float(found[name]) * unit
        except (KeyError, ValueError, TypeError):
            continue
        if math.isfinite(wait):
            return min(max(wait, 0.0), LONGEST_WAIT)
    try:
        parsed = email.utils.parsedate_tz(found.get("retry-after") or "")
        return None if parsed is None else min(max(email.utils.mktime_tz(parsed) - time.time(), 0.0), LONGEST_WAIT)
    except (ValueError, OverflowError, TypeError):
        return None


def without(body: bytes, *secrets: str) -> bytes:
    """An answer without our own `secrets`, should a server repeat the request as data, also as JSON and URLs write
    them; it costs a search for each.
    """
    for secret in secrets:
        for form in (
            {secret, secret.replace("/", "\\/"), quote(secret), quote(secret, safe="")}
            if len(secret) >= SHORTEST_TOKEN
            else ()
        ):
            if (found := form.encode()) in body:
                body = body.replace(found, b"[secret]")
    return body
