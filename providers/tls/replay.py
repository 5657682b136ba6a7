"""What our OpenSSL says of a chain that was read from a server, without asking the server again.

stdlib's `ssl` verifies chains only inside a handshake. In TLS 1.2 the certificates come in clear and are verified
before anything that needs the server's key, so a ServerHello and the chain are all that OpenSSL has to be shown (RFC
5246 7.3). It is the OpenSSL, the roots and the settings of the verified handshake.
"""

import ssl
import struct
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

_RECORD = 16384
_RSA, _ECDSA = 0xC02F, 0xC02B
_EXTENSIONS = b"\x00\x05\xff\x01\x00\x01\x00"  # secure renegotiation (RFC 5746), without which OpenSSL goes no further


def verified(context: ssl.SSLContext, chain: Sequence[bytes]) -> tuple[int | None, str]:
    """OpenSSL's verify code and text for a chain (DER, leaf first): 0 where it takes it, None where it could not be
    shown. Raises nothing.
    """
    try:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context.wrap_bio(incoming, outgoing)
        _step(client)
        incoming.write(_flight(chain))
        _step(client)
    except ssl.SSLCertVerificationError as error:
        return error.verify_code, str(error.verify_message or "")
    except Exception as error:  # noqa: BLE001 - a hostile certificate makes the parsers raise whatever they like
        return None, f"could not be verified ({getattr(error, 'reason', None) or type(error).__name__})"
    return 0, "ok"


def _step(client: ssl.SSLObject) -> None:
    """Returns where OpenSSL wants more, which is behind the verification once it has the chain."""
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return
    raise ValueError("a handshake without a server")


def _flight(chain: Sequence[bytes]) -> bytes:
    suite = _RSA if isinstance(x509.load_der_x509_certificate(chain[0]).public_key(), rsa.RSAPublicKey) else _ECDSA
    hello = struct.pack(">H32sBHB", 0x0303, bytes(32), 0, suite, 0) + _EXTENSIONS
    listed = b"".join(len(der).to_bytes(3, "big") + der for der in chain)
    messages = _message(2, hello) + _message(11, len(listed).to_bytes(3, "big") + listed)
    pieces = [messages[at : at + _RECORD] for at in range(0, len(messages), _RECORD)]
    return b"".join(struct.pack(">BHH", 22, 0x0303, len(piece)) + piece for piece in pieces)


def _message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body
