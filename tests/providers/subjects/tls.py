"""TLS: an endpoint, and what it heard: there is no policy, and nothing is sent but handshakes and `HEAD /`."""

from pathlib import Path
from typing import ClassVar

import pytest

from providers.demo.answer import Answer
from providers.demo.tls.pki import Authority
from providers.demo.tls.server import SECURE, Doors, context_for
from providers.tls import SYSTEM
from tests.matrix.front import Line, Request
from tests.providers.subjects.subject import Subject

HOST = "shop.lab.example"
HANDSHAKE, ALERT = 22, 21
"""Types of a TLS record (RFC 8446 5.1)."""
ALERTS = ("denied", "expired")
"""Faults that are an alert here: an endpoint that says no has answered, and its rows tell."""


class TlsSubject(Subject):
    """A door of stdlib's ssl; beside it one that speaks in the clear."""

    system = SYSTEM
    http = False
    free: ClassVar[frozenset[str]] = frozenset({"handshake", "HEAD / HTTP/1.1"})
    finds: ClassVar[frozenset[tuple[str, str]]] = frozenset((fault, "endpoints") for fault in ALERTS)

    def __init__(self, request: pytest.FixtureRequest) -> None:
        folder: Path = request.getfixturevalue("tmp_path")
        doors = Doors()
        request.addfinalizer(doors.close)
        authority = Authority("Suite")
        self._roots = folder / "roots.pem"
        self._roots.write_bytes(authority.root.pem)
        self._heard: set[str] = set()
        self._port = doors.open(context_for(authority.issue(HOST, crl=False)), self._says)
        self._plain = doors.open(None, self._says)
        self.overhears = self._overhear

    def _says(self, first: str, host: str) -> bytes:
        self._heard.add(first)
        return SECURE(first, host)

    async def _overhear(self, line: Line) -> bool:
        self._heard.add("handshake" if line.said[:2] == bytes((HANDSHAKE, 3)) else repr(line.said[:40]))
        await line.front.carry(line)
        return False

    @property
    def port(self) -> int:
        """Of the door."""
        return self._port

    def settings(self, port: int, *, everything: bool) -> str:
        """There is no opt-in."""
        return (
            f'[[tenant.tls]]\nendpoints = ["{HOST}:{port}"]\nca_file = "{self._roots}"\nhttp_port = {self._plain}\n'
            f'resolve = {{ "{HOST}" = "127.0.0.1" }}\n'
        )

    def asked(self) -> set[str]:
        """First lines of requests, and first bytes of connections."""
        assert self._heard >= self.free, f"nothing else was heard than {self._heard}"
        return set(self._heard)

    def forget(self) -> None:
        """What was heard."""
        self._heard.clear()

    def granted(self, *, everything: bool) -> set[str]:
        """Nothing: there is no policy."""
        assert self.system.policy is None
        return set()

    def refusal(self, kind: str, request: Request) -> Answer | Request:
        """It has no requests to refuse."""
        raise NotImplementedError

    async def begin(self, fault: str, place: object) -> bool:
        """An alert in the place of words."""
        if fault not in ALERTS:
            return False
        place.front.wrong = _alert  # type: ignore[attr-defined]
        return True


async def _alert(line: Line) -> bool:
    await line.send(bytes((ALERT, 3, 3, 0, 2, 2, 49)))
    return False
