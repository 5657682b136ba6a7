"""Chains of every shape, good and bad, each with its true verdict: what is sent, what is trusted, and what
tls.chain-trust must say.
"""

import datetime
import functools
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from posture.verdict import Status
from providers.demo.tls.pki import Pair, now, rsa_key

FAIL, WARN, PASS, UNKNOWN = Status.FAIL, Status.WARN, Status.PASS, Status.UNKNOWN
HOST = "chain.example"
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
_USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "encipher_only",
    "decipher_only",
)


class Made(msgspec.Struct, frozen=True):
    """A certificate with its key (of any kind)."""

    certificate: x509.Certificate
    key: Any

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


class Chain(msgspec.Struct, frozen=True):
    """`sent` leaf first; `status` of tls.chain-trust and `word` in its reason; `others` of other controls, where they
    are not PASS.

    `openssl` says whether OpenSSL itself takes it (without host name), None where its versions differ.
    """

    name: str
    sent: tuple[Made, ...]
    trusted: tuple[Made, ...]
    status: Status = PASS
    word: str = "leads to"
    others: dict[str, Status] = {}
    openssl: bool | None = None

    @property
    def taken(self) -> bool:
        return self.status in (PASS, WARN) if self.openssl is None else self.openssl

    @property
    def pair(self) -> Pair:
        """As a server loads it."""
        return Pair(self.sent[0].certificate, self.sent[0].key, tuple(one.certificate for one in self.sent[1:]))


@functools.cache
def key(kind: str = "ec", number: int = 0) -> Any:
    """A key of a kind; the same for the same arguments."""
    match kind:
        case "ec":
            return ec.generate_private_key(ec.SECP256R1())
        case "p224" | "p384" | "p521":
            return ec.generate_private_key(
                {"p224": ec.SECP224R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}[kind]
            )
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "ed448":
            return ed448.Ed448PrivateKey.generate()
        case "dsa":
            return dsa.generate_private_key(2048)
        case _:
            return rsa_key(int(kind.removeprefix("rsa")), number)


def named(common: str, **more: str) -> x509.Name:
    """A name of an organization (`O`) and a country (`C`) perhaps."""
    oids = {"C": NameOID.COUNTRY_NAME, "O": NameOID.ORGANIZATION_NAME}
    return x509.Name(
        [
            *(x509.NameAttribute(oids[kind], text) for kind, text in more.items()),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


Digest = hashes.SHA224 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512


def made(
    subject: str | x509.Name,
    by: Made | None = None,
    *,
    of: Any = None,
    ca: bool | None = None,
    length: int | None = None,
    usage: Sequence[str] | None = None,
    purposes: Sequence[x509.ObjectIdentifier] = (),
    names: Sequence[str] = (),
    dates: tuple[float, float] = (-100, 200),
    identified: bool = False,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    digest: Digest | None = None,
    critical: bool = True,
) -> Made:
    """A certificate; `ca` None leaves the basic constraints out, `by` None signs it with itself, `dates` are days
    from now, `of` is its key.
    """
    own, name = of or ec.generate_private_key(ec.SECP256R1()), named(subject) if isinstance(subject, str) else subject
    signer = by.key if by else own
    begins, ends = (now() + datetime.timedelta(days=day) for day in dates)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(by.certificate.subject if by else name)
        .public_key(own.public_key())
    )
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begins).not_valid_after(ends)
    for value, is_critical in _extensions(own, signer, ca, length, usage, purposes, names, identified, critical):
        builder = builder.add_extension(value, is_critical)
    for value, is_critical in extensions:
        builder = builder.add_extension(value, is_critical)
    edwards = isinstance(signer, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    return Made(builder.sign(signer, None if edwards else digest or hashes.SHA256()), own)


def _extensions(
    own: Any, signer: Any, ca: Any, length: Any, usage: Any, purposes: Any, names: Any, identified: bool, critical: bool
) -> Iterator[Any]:
    if ca is not None:
        yield x509.BasicConstraints(ca, length), critical
    if usage is not None:
        yield x509.KeyUsage(**{use: use in usage for use in (*_USES, "key_cert_sign", "crl_sign")}), critical
    if purposes:
        yield x509.ExtendedKeyUsage(purposes), False
    if identified:
        yield x509.SubjectKeyIdentifier.from_public_key(own.public_key()), False
        yield x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False
    if names:
        yield x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False


SIGN = ("key_cert_sign", "crl_sign")


def root(**more: Any) -> Made:
    return made(**{"subject": "Root", "ca": True, "usage": SIGN, **more})


def middle(by: Made, **more: Any) -> Made:
    return made(**{"subject": "Issuing CA", "by": by, "ca": True, "usage": SIGN, **more})


def leaf(by: Made | None, **more: Any) -> Made:
    return made(
        **{
            "subject": HOST,
            "by": by,
            "ca": False,
            "usage": ("digital_signature",),
            "purposes": (SERVER,),
            "names": (HOST,),
            **more,
        }
    )


def constrained(
    *permitted: x509.GeneralName, excluded: Sequence[x509.GeneralName] = (), critical: bool = True
) -> dict[str, Any]:
    """Name constraints."""
    return {"extensions": ((x509.NameConstraints(permitted or None, excluded or None), critical),)}
