"""What a server answers to a ClientHello, read byte by byte: its first flight, as far as it is in the clear.

Everything here comes from a server that may be hostile: lengths are checked before they are believed, the whole is
bounded, and nothing raises. Fuzzed in tests/providers/tls/test_answer.py.
"""

import struct

from providers.tls.protocol.suites import ALERTS, TLS13, VERSIONS

MOST_BYTES = 128 * 1024
"""More than this is no first flight: the longest chain seen in the wild is a tenth of it."""
MOST_CERTIFICATES = 16
MOST_PARTS = 1000
"""Records and messages: 128 KiB of empty ones would be 20,000, each with its cost."""
_RECORD = 16384 + 2048  # RFC 5246 6.2.3
# RFC 8446 4.1.3: this random makes it a HelloRetryRequest
_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
_FINITE, _CURVE = frozenset({0x0015, 0x0016, 0x0014, 0x0033, 0x0039, 0x0067, 0x006B, 0x009E, 0x009F, 0xCCAA}), 3
_ANONYMOUS = frozenset({0x0018, 0x001B, 0x0034, 0x003A, 0x006D, 0x00A6, 0x00A7})


class Answer:
    """Feed it bytes as they come until it is `done`; then its fields say what the server chose.

    `garbled` says why the rest cannot be read; `plain` that the first bytes are no TLS at all. `chain` are certificates
    (DER) as sent, `staple` the OCSP response (DER), `dh_prime` a finite-field prime, `retry` that the server asks for
    another key share.
    """

    def __init__(self) -> None:
        self.version = 0
        self.suite = 0
        self.group = 0
        self.retry = False
        self.chain: tuple[bytes, ...] = ()
        self.staple: bytes | None = None
        self.dh_prime = b""
        self.asks_certificate = False
        self.alert: str | None = None
        self.plain = False
        self.garbled: str | None = None
        self.done = False
        self._raw = bytearray()
        self._messages = bytearray()
        self._fed = 0
        self._parts = 0

    @property
    def dh_bits(self) -> int:
        """Size of the prime, 0 where there was none."""
        return (
            int.from_bytes(self.dh_prime[:1], "big").bit_length() + 8 * (len(self.dh_prime) - 1) if self.dh_prime else 0
        )

    @property
    def accepted(self) -> bool:
        """Whether a ServerHello was read."""
        return self.version != 0

    def feed(self, data: bytes) -> bool:
        """Take in more bytes; returns whether the answer is complete, or will never be."""
        if self.done:
            return True
        self._fed += len(data)
        self._raw += data
        if self._fed > MOST_BYTES:
            return self._end("the first flight is longer than 128 KiB")
        while not self.done and len(self._raw) >= 5:
            kind, version, length = struct.unpack_from(">BHH", self._raw)
            if version >> 8 != 3 or kind not in (20, 21, 22, 23):
                self.plain = not self._messages and not self.accepted
                return self._end(f"not a TLS record: {bytes(self._raw[:16])!r}")
            if length > _RECORD or length == 0:
                return self._end(f"a TLS record of {length} bytes")
            if len(self._raw) < 5 + length:
                break
            body = bytes(self._raw[5 : 5 + length])
            del self._raw[: 5 + length]
            self._parts += 1
            self._record(kind, body)
            if self._parts > MOST_PARTS and not self.done:
                return self._end(f"the first flight is in more than {MOST_PARTS} pieces")
        if not self.done and self._raw and not self.accepted and self._raw[0] not in (20, 21, 22, 23):
            self.plain = not self._messages
            return self._end(f"not a TLS record: {bytes(self._raw[:16])!r}")
        return self.done

    def _end(self, garbled: str | None = None) -> bool:
        self.garbled = garbled
        self.done = True
        self._raw.clear()
        self._messages.clear()
        return True

    def _record(self, kind: int, body: bytes) -> None:
        if kind == 21:
            # A warning such as unrecognized_name may come before the ServerHello and refuses nothing (RFC 6066 3).
            if len(body) != 2:
                self._end("an alert that is not two bytes long")
            elif not (body[0] == 1 and body[1] != 0):
                self.alert = ALERTS.get(body[1], f"alert {body[1]}")
                self._end()
        elif kind == 22:
            self._messages += body
            self._handshake()
        else:  # ChangeCipherSpec or application data: what follows is encrypted
            self._end(None if self.accepted else "encrypted data before a ServerHello")

    def _handshake(self) -> None:
        while not self.done and len(self._messages) >= 4:
            length = int.from_bytes(self._messages[1:4], "big")
            if length > MOST_BYTES:
                self._end(f"a handshake message of {length} bytes")
                return
            if len(self._messages) < 4 + length:
                return
            kind, body = self._messages[0], bytes(self._messages[4 : 4 + length])
            del self._messages[: 4 + length]
            self._parts += 1
            if self._parts > MOST_PARTS:
                self._end(f"the first flight is in more than {MOST_PARTS} pieces")
                return
            try:
                self._message(kind, body)
            except (struct.error, IndexError, _Short):
                self._end(f"handshake message {kind} ends too soon")

    def _message(self, kind: int, body: bytes) -> None:
        if kind == 2:
            if self.accepted:
                self._end("a second ServerHello")
                return
            self._server_hello(Reader(body))
        elif not self.accepted:
            self._end(f"handshake message {kind} before a ServerHello")
        elif kind == 11:
            self._certificates(Reader(body))
        elif kind == 22:
            self._status(Reader(body))
        elif kind == 12:
            self._key_exchange(Reader(body))
        elif kind == 13:
            self.asks_certificate = True
        elif kind == 14:
            self._end()

    def _server_hello(self, body: "Reader") -> None:
        """The choice. Of TLS 1.3 that is all there is in clear."""
        version = body.number(2)
        random = body.take(32)
        body.take(body.number(1))
        suite = body.number(2)
        body.take(1)
        extensions = Reader(body.take(body.number(2))) if body.left else Reader(b"")
        group, share = 0, b""
        while extensions.left:
            kind, value = extensions.number(2), Reader(extensions.take(extensions.number(2)))
            if kind == 0x002B:
                version = value.number(2)
            elif kind == 0x0033:
                group = value.number(2)
                share = value.take(value.number(2)) if value.left else b""
        if version not in VERSIONS:
            self._end(f"a ServerHello of version 0x{version:04X}")
            return
        self.version, self.suite, self.retry = version, suite, random == _RETRY
        if version == TLS13:
            self.group = group
            self._settled(share)

    def _settled(self, share: bytes) -> None:
        """TLS 1.3 is agreed on, with this key share of the server's: the rest is encrypted."""
        self._end()

    def _certificates(self, body: "Reader") -> None:
        listed = Reader(body.take(body.number(3)))
        chain: list[bytes] = []
        while listed.left and len(chain) < MOST_CERTIFICATES:
            chain.append(listed.take(listed.number(3)))
        self.chain = tuple(chain)

    def _status(self, body: "Reader") -> None:
        if body.number(1) == 1:
            self.staple = body.take(body.number(3))

    def _key_exchange(self, body: "Reader") -> None:
        if self.suite in _FINITE or self.suite in _ANONYMOUS:
            self.dh_prime = body.take(body.number(2)).lstrip(b"\0")
        elif body.number(1) == _CURVE:
            self.group = body.number(2)


class _Short(Exception):
    """There are fewer bytes than a length promised."""


class Reader:
    """Takes bytes off the front, and never more than there are."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, many: int) -> bytes:
        if many > self.left:
            raise _Short
        self._at += many
        return self._data[self._at - many : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")
