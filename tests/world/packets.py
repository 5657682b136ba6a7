"""What this process sends: every connection that it begins, and every name that it looks up, while a block runs."""

import contextlib
import sys
from collections.abc import Iterator

import msgspec


class Sent(msgspec.Struct):
    """`connections` are (host, port), `lookups` names; addresses that are looked up are none."""

    connections: set[tuple[str, int]] = msgspec.field(default_factory=set)
    lookups: set[str] = msgspec.field(default_factory=set)

    def note(self, event: str, arguments: tuple[object, ...]) -> None:
        """What Python tells its auditors (`socket.connect`, `socket.getaddrinfo`)."""
        if event == "socket.connect" and isinstance(arguments[1], tuple):
            self.connections.add((str(arguments[1][0]), int(arguments[1][1])))
        elif event == "socket.getaddrinfo" and isinstance(arguments[0], str):
            self.lookups.add(arguments[0])


_listening: list[Sent] = []


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event.startswith("socket."):
        for sent in _listening:
            sent.note(event, arguments)


@contextlib.contextmanager
def recorded() -> Iterator[Sent]:
    """All of it, while the block runs; an auditor can never be taken away again, so there is one for all."""
    if not getattr(sys, "_enctop_auditor", False):
        sys.addaudithook(_hook)
        sys._enctop_auditor = True  # type: ignore[attr-defined]
    sent = Sent()
    _listening.append(sent)
    try:
        yield sent
    finally:
        _listening.remove(sent)
