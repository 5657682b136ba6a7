"""Whether a redirect stays with the owner of the host that sends it.

Owners part below public suffixes, where anybody may register a name: `co.uk`, and also `github.io` or
`s3.amazonaws.com` (publicsuffix.org). The list comes with a package and is never fetched.
"""

import functools
import ipaddress
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_STRANGE = re.compile("[\x00-\x20\x7f\\\\\u00df\u1e9e\u03c2\u200c\u200d]")
"""What browsers read otherwise than RFC 3986: a backslash as a slash, blanks and control characters as nothing. And the
letters that IDNA 2003 and 2008 read as different names (UTS 46, deviations)."""


def another_owner(place: str, host: str) -> str | None:
    """Where a redirect leads, in words, if that may be another's than `host`; None for the same host, or one above
    or below it in one registered name.
    """
    if _STRANGE.search(place):
        return f"a place that clients read differently, {place[:60]!r}"
    try:
        parts = urlsplit(place)
        if parts.username is not None or parts.password is not None:
            return f"a place with a user name in it, {place[:60]}"
        there, _ = _plain(parts.hostname or ""), parts.port
    except ValueError:
        return f"a place that cannot be read, {place[:60]}"
    here = _plain(host)
    if not there or not here:
        return f"a place that cannot be read, {place[:60]}"
    return None if there == here or _same_owner(there, here) else f"another host, {there[:60]}"


def _plain(host: str) -> str:
    """A name in lower case and ASCII, an address in its shortest form; empty for what is neither."""
    name = host.removesuffix(".").lower()
    try:
        return ipaddress.ip_address(name).compressed
    except ValueError:
        pass
    try:
        name = name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        return ""
    return name if _NAME.fullmatch(name) else ""


def _same_owner(one: str, other: str) -> bool:
    """Of two different hosts: whether one is below the other, and both below the same registered name."""
    if _is_address(one) or _is_address(other) or not (one.endswith(f".{other}") or other.endswith(f".{one}")):
        return False
    registered = _suffixes().privatesuffix(one)
    return registered is not None and registered == _suffixes().privatesuffix(other)


def _is_address(host: str) -> bool:
    """Also as browsers take addresses: a last label of digits, decimal or hexadecimal (WHATWG URL 3.5)."""
    last = host.rpartition(".")[2]
    return ":" in host or last.isdigit() or re.fullmatch(r"0x[0-9a-f]*", last) is not None


@functools.cache
def _suffixes() -> "PublicSuffixList":
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()
