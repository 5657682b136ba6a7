"""TLS: a door of stdlib's ssl for each cell, whose certificate has five days left."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from posture.fault import FaultKind
from providers.demo.tls.pki import Authority, Pair
from providers.demo.tls.server import SECURE, Doors, answer, context_for, load
from tests.matrix.cell import Place
from tests.matrix.faults import BROKEN
from tests.matrix.front import Fault, Line
from tests.matrix.system import CERTIFICATE, System

HOST = "shop.lab.example"
_NO_PAGES = "there are no pages"
_NO_ANSWER_TO_UNFOLD = "no compression is offered in the handshake"
_NO_TLS = frozenset({"tls.reachable"})
"""What speaks something else, speaks no TLS."""
_ANSWERS = (
    "denied",
    "expired",
    "throttled for ever",
    "5xx",
    "garbage",
    "endless",
    "another shape",
    "certificate changed",
)
"""An endpoint that says no, or something else, has answered: its findings tell, and not its source."""
_ALERT = {"deny": 49, "empty": 112}  # access_denied, unrecognized_name


class TlsSystem(System):
    """One endpoint. What other systems say in their own words, it says in alerts, by its certificate, and in HTTP
    behind the handshake.
    """

    name, provider = "TLS", "tls"
    http = False
    good, bad = "tls.hostname", "tls.cert-expiry"
    absent: ClassVar[Mapping[str, str]] = {
        "bomb": _NO_ANSWER_TO_UNFOLD,
        "partial pages": _NO_PAGES,
        "looping pages": _NO_PAGES,
        "pages for ever": _NO_PAGES,
    }
    may_change: ClassVar[Mapping[str, frozenset[str]]] = {
        "expired": CERTIFICATE,
        "certificate changed": CERTIFICATE,
        "clock +400 d": CERTIFICATE,
        "garbage": _NO_TLS,
        "another shape": _NO_TLS,
    }
    kinds: ClassVar[Mapping[str, frozenset[FaultKind]]] = {name: frozenset() for name in _ANSWERS} | {
        "other types": BROKEN
    }
    loses: ClassVar[frozenset[str]] = frozenset({"expired", "certificate changed"})

    hurries: ClassVar[frozenset[str]] = frozenset({"tls.reachable"})
    remembers: ClassVar[frozenset[str]] = frozenset({"tls.cert-change"})

    def __init__(self, folder: Path) -> None:
        self._doors = Doors()
        self._authority = Authority("Matrix")
        self._stranger = Authority("Stranger")
        self._roots = folder / "tls-roots.pem"
        self._roots.write_bytes(self._authority.root.pem)
        self._contexts: dict[int, ssl.SSLContext] = {}
        self._pairs: dict[int, Pair] = {}
        self._says: dict[int, bytes] = {}

    def stop(self) -> None:
        """Close all doors."""
        self._doors.close()

    def upstream(self) -> tuple[str, int]:
        """A door of its own for each cell, so that its certificate can change."""
        pair = self._pair()
        context = context_for(pair)
        port = 0
        port = self._doors.open(context, lambda first, host: self._says.get(port) or SECURE(first, host))
        self._contexts[port], self._pairs[port] = context, pair
        return "127.0.0.1", port

    def configuration(self, url: str, ca_file: Path) -> str:
        """The endpoint by its name, and its address unless that is to be looked up."""
        host, _, port = url.rpartition("//")[2].partition(":")
        named, resolve = (
            (host, "") if host.endswith(".invalid") else (HOST, f'resolve = {{ "{HOST}" = "127.0.0.1" }}\n')
        )
        return f'[[tenant.tls]]\nendpoints = ["{named}:{port}"]\nca_file = "{self._roots}"\nhttp_port = 0\n{resolve}'

    def _pair(self, by: Authority | None = None, left: float = 5) -> Pair:
        return (by or self._authority).issue(HOST, "*.matrix.invalid", left=left, crl=False)

    async def begin(self, fault: str, place: Place) -> bool:
        """Alerts, certificates, and HTTP in the place of words."""
        port = place.upstream[1]
        match fault:
            case "denied":
                place.front.wrong = _alert(_ALERT["deny"])
            case "expired":
                load(self._contexts[port], self._pair(left=-1))
            case "throttled for ever":
                self._says[port] = answer("429 Too Many Requests", Retry_After="1")("", "")
            case "throttled in bursts":
                place.front.wrong = _every_other
            case "5xx":
                self._says[port] = answer("503 Service Unavailable")("", "")
            case "back empty":
                place.front.wrong = _alert(_ALERT["empty"])
            case "certificate changed":
                load(self._contexts[port], self._pair(self._stranger))
            case _:
                return False
        return True

    async def end(self, fault: str, place: Place) -> bool:
        """All as it was."""
        port = place.upstream[1]
        place.front.wrong = None
        self._says.pop(port, None)
        if fault in {"expired", "certificate changed"}:
            load(self._contexts[port], self._pairs[port])
            return True
        return fault in {"denied", "throttled for ever", "throttled in bursts", "5xx", "back empty"}


def _alert(number: int) -> Fault:
    async def wrong(line: Line) -> bool:
        await line.send(bytes((0x15, 3, 3, 0, 2, 2, number)))
        return False

    return wrong


_seen = 0


async def _every_other(line: Line) -> bool:
    """Of two connections one is closed without a word."""
    global _seen
    _seen += 1
    if _seen % 2:
        return False
    await line.front.carry(line)
    return False
