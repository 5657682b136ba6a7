"""Addresses of servers, as the configuration names them: what may be one, and whether a token may go there."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from posture.loopback import is_loopback

_HOST = re.compile(
    r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.?", re.IGNORECASE
)
_STRANGE = re.compile(r"[^!-~]|[\\<>\"^`{|}]")


def parted(url: str) -> SplitResult | None:
    """The parts of an http or https URL whose host every parser reads alike; None where it is none.

    A host is a name in ASCII, an IPv4 address of four decimal numbers or an IPv6 address in brackets: `127.1`,
    `0x7f000001`, `127。0。0。1` and `host%2e` lead elsewhere with one library than with another.
    A port is between 1 and 65535.
    """
    if _STRANGE.search(url) or not re.match(r"(?i)https?://[^/?#@]+(?:[/?#]|$)", url):
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    authority = re.fullmatch(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(?::[0-9]{1,5})?", parts.netloc, re.IGNORECASE)
    return parts if authority and _is_host(host) and (port is None or port > 0) else None


def _is_host(host: str) -> bool:
    if ":" in host or re.fullmatch(r"(?:0x[0-9a-f]*|[0-9]+)", host.rstrip(".").rpartition(".")[2], re.IGNORECASE):
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return False
        return True
    return _HOST.fullmatch(host) is not None


def check_endpoint(
    field: str, url: str, *, allow_plaintext: bool, example: str = "https://HOST:PORT", path: bool = True
) -> None:
    """Raise ValueError, in one line that begins with `field`, where `url` is not an address, holds a password, or leads
    a token into the clear.
    """
    if "@" in url.partition("://")[2].split("/", 1)[0]:
        raise ValueError(f"{field}: carries a name or password; no secret ever stands in this file")
    parts = parted(url)
    if parts is None or parts.query or parts.fragment or (not path and parts.path.strip("/")):
        raise ValueError(f"{field}: {url!r} is not an http or https URL, as in {example}")
    if not keeps_secret(url, allow_plaintext=allow_plaintext):
        raise ValueError(
            f"{field}: plain http to {parts.hostname} is refused; use https, or allow_plaintext = true beside it"
        )


def keeps_secret(url: str, *, allow_plaintext: bool) -> bool:
    """Whether a token may be sent there: over TLS, to this machine itself, or where plain http was asked for."""
    parts = parted(url)
    return parts is not None and (parts.scheme == "https" or allow_plaintext or is_loopback(parts.hostname or ""))
