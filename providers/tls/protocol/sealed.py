"""The first flight of a TLS 1.3 server, of which all but the ServerHello is encrypted: its certificates, their staple,
and whether it asks for a client's.

stdlib's `ssl` tells neither staple nor request. Asked only of servers that speak nothing older: the others tell the
same in clear to a TLS 1.2 hello. CertificateVerify and Finished are not checked here; the verified handshake has done
that.
"""

import hashlib
import hmac
import struct
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from providers.tls.protocol.answer import MOST_CERTIFICATES, Answer, Reader
from providers.tls.protocol.hello import hello_13
from providers.tls.protocol.suites import MODERN

_X25519, _P256 = 0x001D, 0x0017
# RFC 8446 B.4: hash, bytes of the key, AEAD
_SUITES: dict[int, tuple[str, int, Callable[[bytes], AESGCM | ChaCha20Poly1305]]] = {
    0x1301: ("sha256", 16, AESGCM),
    0x1302: ("sha384", 32, AESGCM),
    0x1303: ("sha256", 32, ChaCha20Poly1305),
}


class Sealed(Answer):
    """An `Answer` to its own `hello`, read on behind the ServerHello. A server that wants another group than X25519
    or P-256 ends it as a retry.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._x25519, self._p256 = X25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())
        point = self._p256.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        shares = ((_X25519, self._x25519.public_key().public_bytes_raw()), (_P256, point))
        self.hello = hello_13(
            name,
            tuple(MODERN),
            (_X25519, _P256),
            b"".join(struct.pack(">HH", group, len(key)) + key for group, key in shares),
        )
        self._said = self.hello[5:]
        self._open: AESGCM | ChaCha20Poly1305 | None = None
        self._nonce = 0
        self._records = 0

    def _record(self, kind: int, body: bytes) -> None:
        if self._open is None:
            super()._record(kind, body)
        elif kind == 23:
            self._sealed(body)
        elif kind != 20:  # a ChangeCipherSpec means nothing here (RFC 8446 5)
            self._end("a record in clear where it should be encrypted")

    def _sealed(self, body: bytes) -> None:
        assert self._open is not None
        nonce = (self._nonce ^ self._records).to_bytes(12, "big")
        self._records += 1
        try:
            inner = self._open.decrypt(nonce, body, struct.pack(">BHH", 23, 0x0303, len(body))).rstrip(b"\0")
        except (InvalidTag, ValueError):
            self._end("a record that does not decrypt")
            return
        if len(inner) < 2 or inner[-1] not in (21, 22):
            self._end("neither handshake nor alert in an encrypted record")
        else:
            super()._record(inner[-1], inner[:-1])

    def _message(self, kind: int, body: bytes) -> None:
        if self._open is None:
            self._said += bytes([kind]) + len(body).to_bytes(3, "big") + body
            super()._message(kind, body)
        elif kind == 11:
            self._certificate_entries(Reader(body))
        elif kind == 13:
            self.asks_certificate = True
        elif kind == 20:
            self._end()
        elif kind not in (8, 15):
            self._end(f"handshake message {kind} in the first flight")

    def _settled(self, share: bytes) -> None:
        if self.retry or self.suite not in _SUITES:
            self._end()
            return
        if self._messages:
            self._end("something in clear behind the ServerHello")
            return
        name, size, aead = _SUITES[self.suite]
        try:
            shared = self._shared(share)
        except ValueError:
            self._end("a key share that is none")
            return
        secret = _handshake_secret(name, shared, self._said)
        self._open = aead(_expand(name, secret, b"key", b"", size))
        self._nonce = int.from_bytes(_expand(name, secret, b"iv", b"", 12), "big")

    def _shared(self, share: bytes) -> bytes:
        if self.group == _X25519:
            return self._x25519.exchange(X25519PublicKey.from_public_bytes(share))
        if self.group == _P256:
            return self._p256.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), share))
        raise ValueError(self.group)

    def _certificate_entries(self, body: Reader) -> None:
        """RFC 8446 4.4.2; the staple stands among the leaf's extensions (4.4.2.1)."""
        body.take(body.number(1))
        listed = Reader(body.take(body.number(3)))
        chain: list[bytes] = []
        while listed.left and len(chain) < MOST_CERTIFICATES:
            chain.append(listed.take(listed.number(3)))
            extensions = Reader(listed.take(listed.number(2)))
            while extensions.left:
                kind, value = extensions.number(2), Reader(extensions.take(extensions.number(2)))
                if kind == 5 and len(chain) == 1:
                    self._status(value)
        self.chain = tuple(chain)


def _handshake_secret(name: str, shared: bytes, said: bytes) -> bytes:
    """The server's handshake traffic secret (RFC 8446 7.1); `said` are ClientHello and ServerHello."""
    none, empty = bytes(hashlib.new(name).digest_size), hashlib.new(name).digest()
    early = hmac.digest(none, none, name)
    secret = hmac.digest(_expand(name, early, b"derived", empty, len(none)), shared, name)
    return _expand(name, secret, b"s hs traffic", hashlib.new(name, said).digest(), len(none))


def _expand(name: str, secret: bytes, label: bytes, context: bytes, size: int) -> bytes:
    """HKDF-Expand-Label (RFC 8446 7.1), of no more than one block of the hash."""
    label = b"tls13 " + label
    return hmac.digest(
        secret, struct.pack(">HB", size, len(label)) + label + bytes([len(context)]) + context + b"\x01", name
    )[:size]
