"""ClientHellos, byte by byte: what stdlib's OpenSSL cannot or will not offer (RFC 5246 7.4.1.2, RFC 8446 4.1.2).

A raw hello costs the client no cryptography: it is sent, the first flight of the answer is read, and the connection is
dropped.
"""

import os
import struct
from collections.abc import Sequence

from providers.tls.protocol.suites import SSL3, TLS12, TLS13

_STATUS_REQUEST = b"\x01\x00\x00\x00\x00"  # OCSP, by any responder (RFC 6066 8)
_GROUPS = (0x001D, 0x0017, 0x0018, 0x0019)
_SIGNATURES = (0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201)
"""SHA-1 stands at the end: without it a server with a SHA-1 chain would refuse, and its certificate could not be
seen.
"""


def hello(version: int, suites: Sequence[int], name: str) -> bytes:
    """A hello that offers at most `version` (SSLv3 to TLS 1.2) and these suites. `name` is the SNI, empty for an IP
    target (RFC 6066 3).
    """
    extensions = b""
    if version > SSL3:
        extensions = (
            _server_name(name)
            + _extension(0x000A, _list16(_GROUPS))
            + _extension(0x000B, b"\x01\x00")
            + _extension(0xFF01, b"\x00")
        )
        if version >= TLS12:
            extensions += _extension(0x000D, _list16(_SIGNATURES)) + _extension(0x0005, _STATUS_REQUEST)
    return _record(version, suites, extensions)


def hello_13(name: str, suites: Sequence[int], groups: Sequence[int], shares: bytes = b"") -> bytes:
    """A hello for TLS 1.3 alone. Without key shares the server must name the group it wants in a HelloRetryRequest
    (RFC 8446 4.1.4), or refuse.
    """
    extensions = (
        _server_name(name)
        + _extension(0x002B, b"\x02" + struct.pack(">H", TLS13))
        + _extension(0x000A, _list16(groups))
    )
    extensions += _extension(0x000D, _list16(_SIGNATURES)) + _extension(0x0033, struct.pack(">H", len(shares)) + shares)
    extensions += _extension(0x0005, _STATUS_REQUEST)
    return _record(TLS12, suites, extensions)


def _record(version: int, suites: Sequence[int], extensions: bytes) -> bytes:
    session = b"" if version == SSL3 else os.urandom(32)
    body = struct.pack(">H", version) + os.urandom(32) + bytes([len(session)]) + session + _list16(suites) + b"\x01\x00"
    if extensions:
        body += struct.pack(">H", len(extensions)) + extensions
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return struct.pack(">BHH", 22, SSL3 if version == SSL3 else 0x0301, len(message)) + message


def _server_name(name: str) -> bytes:
    if not name:
        return b""
    host = name.encode("ascii", "replace")
    return _extension(0x0000, struct.pack(">HBH", len(host) + 3, 0, len(host)) + host)


def _extension(number: int, body: bytes) -> bytes:
    return struct.pack(">HH", number, len(body)) + body


def _list16(numbers: Sequence[int]) -> bytes:
    return struct.pack(f">H{len(numbers)}H", 2 * len(numbers), *numbers)
