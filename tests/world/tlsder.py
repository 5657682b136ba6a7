"""Certificates by hand: what no library writes."""

from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.world.tlschains import (
    Made,
    key,
    middle,
)

_VERSION, _SPKI = 0, 6
"""Places in a TBSCertificate (RFC 5280 4.1)."""


def _changed(one: Made, by: Made, change: Callable[[list[bytes]], list[bytes]]) -> Made:
    """The same with other parts of its TBSCertificate, signed anew."""
    return _signed_anew(one, by, None, lambda body: by.key.sign(body, ec.ECDSA(hashes.SHA256())), change=change)


def _signed_anew(
    one: Made,
    by: Made,
    algorithm: bytes | None,
    sign: Callable[[bytes], bytes],
    *,
    inner: bool = True,
    change: Callable[[list[bytes]], list[bytes]] = list,
) -> Made:
    """The same under another signature; `algorithm` (DER) is written outside, and inside too where `inner`."""
    body, outer, _ = _parts(one.der)
    parts = _parts(body)
    if algorithm is not None:
        outer = algorithm
        if inner:
            parts[2] = algorithm
    body = _sequence(*change(parts))
    return Made(x509.load_der_x509_certificate(_sequence(body, outer, _tagged(3, b"\0" + sign(body)))), one.key)


def _by_pss(one: Made, by: Made, scheme: padding.PSS) -> Made:
    """Signed by PSS with SHA-256."""
    sha = _sequence(bytes.fromhex("0609608648016503040201"), b"\x05\x00")
    mask = _sequence(bytes.fromhex("06092a864886f70d010108"), sha)
    told = _sequence(_tagged(0xA0, sha), _tagged(0xA1, mask), _tagged(0xA2, b"\x02\x01\x20"))
    return _signed_anew(
        one,
        by,
        _sequence(bytes.fromhex("06092a864886f70d01010a"), told),
        lambda body: by.key.sign(body, scheme, hashes.SHA256()),
    )


def _exponent_one(by: Made) -> Made:
    """An authority whose RSA key anybody can sign with: a signature is the padded text itself."""
    numbers = key("rsa2048", 23).public_key().public_numbers()
    public = _sequence(_integer(numbers.n), _integer(1))
    info = _sequence(_sequence(bytes.fromhex("06092a864886f70d010101"), b"\x05\x00"), _tagged(3, b"\0" + public))
    return _changed(middle(by, of=key("rsa2048", 23)), by, lambda parts: [*parts[:_SPKI], info, *parts[_SPKI + 1 :]])


def _by_exponent_one(one: Made, by: Made) -> Made:
    size: int = by.key.key_size // 8
    prefix = bytes.fromhex("3031300d060960864801650304020105000420")

    def sign(body: bytes) -> bytes:
        digest = hashes.Hash(hashes.SHA256())
        digest.update(body)
        told = prefix + digest.finalize()
        return b"\0\1" + b"\xff" * (size - len(told) - 3) + b"\0" + told

    return _signed_anew(one, by, None, sign)


def _explicit(one: Made, by: Made) -> Made:
    """An authority on P-256 written out as parameters, which may as well be another curve (CVE-2020-0601)."""
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    start = bytes.fromhex(
        "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
    )
    field = _sequence(bytes.fromhex("06072a8648ce3d0101"), _integer(prime))
    curve = _sequence(_tagged(4, (prime - 3).to_bytes(32, "big")), _tagged(4, b.to_bytes(32, "big")))
    parameters = _sequence(_integer(1), field, curve, _tagged(4, start), _integer(order), _integer(1))
    point = one.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    info = _sequence(_sequence(bytes.fromhex("06072a8648ce3d0201"), parameters), _tagged(3, b"\0" + point))
    return _changed(one, by, lambda parts: [*parts[:_SPKI], info, *parts[_SPKI + 1 :]])


def _algorithm(dotted: str, *, null: bool = True) -> bytes:
    named_by = x509.UnrecognizedExtension(x509.ObjectIdentifier(dotted), b"")
    # the library has no other writer of object identifiers
    name = x509.Name([x509.NameAttribute(named_by.oid, "x")]).public_bytes()
    inside = _parts(_parts(_parts(name)[0])[0])[0]
    return _sequence(inside, b"\x05\x00") if null else _sequence(inside)


def _tagged(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = (
        bytes([size])
        if size < 0x80
        else bytes([0x80 | (size.bit_length() + 7) // 8]) + size.to_bytes((size.bit_length() + 7) // 8, "big")
    )
    return bytes([tag]) + length + content


def _sequence(*parts: bytes) -> bytes:
    return _tagged(0x30, b"".join(parts))


def _integer(number: int) -> bytes:
    return _tagged(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _parts(der: bytes) -> list[bytes]:
    """The elements of a constructed element, each whole."""
    start, end = _span(der, 0)
    found: list[bytes] = []
    while start < end:
        _, after = _span(der, start)
        found.append(der[start:after])
        start = after
    return found


def _span(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at `at` begins and ends."""
    first = der[at + 1]
    many = first & 0x7F if first & 0x80 else 0
    size = int.from_bytes(der[at + 2 : at + 2 + many], "big") if many else first
    return at + 2 + many, at + 2 + many + size
