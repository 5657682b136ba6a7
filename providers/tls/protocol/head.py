"""`HEAD /`, and what a server's answer to it says: status, HSTS, where a redirect leads. Bounded, and nothing raises
on what a server sends.
"""

import re

MOST_BYTES = 32 * 1024
"""A longer head is cut off."""
_STATUS = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})(?: |\r|$)")


def request(host: str, port: int, default_port: int, version: str) -> bytes:
    """The only request enctop ever sends to an endpoint."""
    literal = f"[{host}]" if ":" in host else host
    where = literal if port == default_port else f"{literal}:{port}"
    lines = f"HEAD / HTTP/1.1\r\nHost: {where}\r\nUser-Agent: enctop/{version}\r\nAccept: */*\r\n"
    return f"{lines}Connection: close\r\n\r\n".encode("ascii", "replace")


class Head:
    """Feed it bytes until it is `done`. `status` is None where it is no HTTP; `fields` are by lower-case name, the
    first of each.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self.fields: dict[str, str] = {}
        self.done = False
        self._raw = b""

    def feed(self, data: bytes) -> bool:
        """Take in more; returns whether the head is complete, or will never be."""
        self._raw += data
        end = self._raw.find(b"\r\n\r\n")
        hopeless = len(self._raw) > MOST_BYTES or (len(self._raw) >= 5 and not self._raw.startswith(b"HTTP/"))
        if end >= 0 or hopeless:
            self.close(end)
        return self.done

    def close(self, end: int = -1) -> None:
        """There is no more to come."""
        if self.done:
            return
        self.done = True
        first, *lines = (self._raw[:end] if end >= 0 else self._raw[:MOST_BYTES]).split(b"\r\n")
        match = _STATUS.match(first)
        if match is None:
            return
        self.status = int(match[1])
        for line in lines[:200]:
            name, colon, value = line.partition(b":")
            if colon:
                self.fields.setdefault(name.decode("latin-1").strip().lower(), value.decode("latin-1").strip()[:2048])
        self._raw = b""

    @property
    def heard(self) -> bool:
        """Whether the server said anything at all."""
        return bool(self._raw) or self.status is not None
