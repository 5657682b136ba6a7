"""Names that are looked up nowhere: `*.matrix.invalid` is this machine, unless it is lost."""

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

DOMAIN = ".matrix.invalid"


class Names:
    """Hands out names, and answers for them as a resolver does: for those in `lost`, that there is no such name."""

    def __init__(self) -> None:
        self.lost: set[str] = set()
        self._given = 0

    def give(self) -> str:
        """A name that nobody has."""
        self._given += 1
        return f"cell-{self._given}{DOMAIN}"

    @contextlib.contextmanager
    def asked(self) -> Iterator[None]:
        """Answer in the place of the system's resolver while the block runs, and only for these names."""
        real = socket.getaddrinfo

        def getaddrinfo(host: Any, *rest: Any, **more: Any) -> Any:
            name = host.decode() if isinstance(host, bytes) else host
            if isinstance(name, str) and name.endswith(DOMAIN):
                if name in self.lost:
                    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
                host = "127.0.0.1"
            return real(host, *rest, **more)

        socket.getaddrinfo = getaddrinfo
        try:
            yield
        finally:
            socket.getaddrinfo = real
