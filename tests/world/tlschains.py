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
from providers.demo.tls.pki import Pair, _signed_with_sha1, now, rsa_key

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
    digest: hashes.HashAlgorithm | None = None,
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


def good() -> Iterator[Chain]:
    """What must stay a PASS: private authorities are not bound by what the Web asks."""
    for kind in ("ec", "p384", "p521", "rsa2048", "ed25519", "ed448"):
        top = root(of=key(kind, 1))
        above = middle(top, of=key(kind, 2))
        yield Chain(f"all of {kind}", (leaf(above, of=key(kind, 3)), above), (top,))
    top = root()
    above = middle(top)
    yield Chain("leaf of Ed25519 under P-256", (leaf(above, of=key("ed25519")), above), (top,))
    yield Chain("leaf of RSA under P-256", (leaf(above, of=key("rsa2048")), above), (top,))
    mixed = middle(top, of=key("ed25519", 7))
    yield Chain("Ed25519 authority under P-256", (leaf(mixed), mixed), (top,))
    full = root(identified=True)
    identified = middle(full, identified=True)
    yield Chain("with key identifiers", (leaf(identified, identified=True), identified), (full,))
    bare = made("Root", ca=True)
    bare_middle = made("Issuing CA", bare, ca=True)
    yield Chain("with nothing but basic constraints", (made(HOST, bare_middle, names=(HOST,)), bare_middle), (bare,))
    yield Chain("leaf without basic constraints", (leaf(above, ca=None), above), (top,))
    yield Chain("leaf without purposes", (leaf(above, purposes=()), above), (top,))
    yield Chain("leaf for clients too", (leaf(above, purposes=(CLIENT, SERVER)), above), (top,))
    yield Chain(
        "leaf for key encipherment", (leaf(above, of=key("rsa2048"), usage=("key_encipherment",)), above), (top,)
    )
    yield Chain("leaf that is an authority", (leaf(above, ca=True, usage=("digital_signature", *SIGN)), above), (top,))
    yield Chain("leaf that names nobody", (leaf(above, names=()), above), (top,), others={"tls.hostname": FAIL})
    yield Chain(
        "basic constraints and key usage not critical",
        (leaf(lax := middle(top, critical=False), critical=False), lax),
        (top,),
    )
    yield Chain("signed with SHA-512", (leaf(above, digest=hashes.SHA512()), above), (top,))
    yield Chain("root signed with SHA-384", (leaf(sha := root(digest=hashes.SHA384())),), (sha,))
    yield Chain("leaf right below the root", (leaf(top),), (top,))
    yield Chain("root sent", (leaf(above), above, top), (top,), WARN, "needlessly")
    yield Chain("intermediate trusted, not sent", (leaf(above),), (above,))
    yield Chain("intermediate trusted and sent", (leaf(above), above), (above,), WARN, "needlessly")
    alone = leaf(None)
    yield Chain("leaf trusted, signed by itself", (alone,), (alone,))
    plain = root(ca=None)
    yield Chain("root without basic constraints", (leaf(above_plain := middle(plain)), above_plain), (plain,))
    yield Chain(
        "leaf trusted, an authority's",
        (own := made(HOST, ca=True, names=(HOST,)),),
        (own,),
        others={"tls.signature": Status.NOT_APPLICABLE},
    )
    yield Chain("leaf trusted, below an authority that is not", (under := leaf(above),), (under,))
    yield Chain("path length enough", (leaf(short := middle(root1 := root(length=1), length=0)), short), (root1,))
    yield Chain("names permitted", (leaf(only := middle(top, **constrained(x509.DNSName("example")))), only), (top,))
    lax_names = middle(top, **constrained(x509.DNSName("example"), critical=False))
    yield Chain("names permitted, not critical", (leaf(lax_names), lax_names), (top,))
    owner = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme  corp")]))
    by_owner = middle(top, **constrained(x509.DNSName("example"), owner))
    yield Chain("directory name permitted", (leaf(by_owner, subject=named(HOST, O="ACME Corp")), by_owner), (top,))
    policies = ((x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3.4"), None)]), True),)
    yield Chain("critical policies", (leaf(above, extensions=policies), above), (top,))
    strange = ((x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), False),)
    yield Chain("an extension nobody knows", (leaf(above, extensions=strange), above), (top,))
    twin = Made(middle(old := root(subject="Old Root"), of=above.key).certificate, above.key)
    yield Chain(
        "cross-signed, the wrong one first",
        (leaf(above), twin, above),
        (top,),
        UNKNOWN,
        "cryptography says taken",
        openssl=False,
    )
    yield Chain("cross-signed, both roots trusted", (leaf(above), above, twin), (top, old))
    gone = middle(old, of=above.key, dates=(-100, -1))
    yield Chain("an expired cross-signature beside", (leaf(above), above, gone), (top,), WARN, "sent needlessly")
    renewed, ended = root(of=top.key), root(of=top.key, dates=(-300, -1))
    yield Chain("root renewed with its key, the old one trusted too", (leaf(above), above), (ended, renewed))
    yield Chain("sent in another order", (leaf(deep := middle(above, subject="Deep CA")), above, deep), (top,))
    yield Chain("a stranger beside", (leaf(above), above, root(subject="Stranger")), (top,))
    yield Chain(
        "leaf expired",
        (leaf(above, dates=(-90, -1)), above),
        (top,),
        PASS,
        "tls.cert-expiry",
        {"tls.cert-expiry": FAIL},
        openssl=False,
    )
    yield Chain(
        "leaf to come",
        (leaf(above, dates=(1, 90)), above),
        (top,),
        PASS,
        "tls.cert-expiry",
        {"tls.cert-expiry": FAIL},
        openssl=False,
    )
    weak = {"tls.key-strength": FAIL}
    yield Chain(
        "leaf of RSA 1024",
        (leaf(above, of=key("rsa1024")), above),
        (top,),
        PASS,
        "tls.key-strength",
        weak,
        openssl=False,
    )
    yield Chain("leaf of P-224", (leaf(above, of=key("p224")), above), (top,), PASS, "leads to", weak)


def bad() -> Iterator[Chain]:
    """What must never be a PASS."""
    top = root()
    above = middle(top)
    expired, coming = root(dates=(-300, -1)), root(dates=(1, 300))
    yield Chain(
        "root expired", (leaf(below := middle(expired)), below), (expired,), FAIL, "the root Root is out of date"
    )
    yield Chain("root expired, no intermediate", (leaf(expired),), (expired,), FAIL, "the root Root is out of date")
    yield Chain("root to come", (leaf(below := middle(coming)), below), (coming,), FAIL, "the root Root is out of date")
    nowhere = constrained(x509.DNSName("elsewhere.example"))
    yield Chain(
        "root expired and names not permitted",
        (leaf(below := middle(expired, **nowhere)), below),
        (expired,),
        FAIL,
        "out of date",
    )
    yield Chain(
        "intermediate expired",
        (leaf(below := middle(top, dates=(-90, -1))), below),
        (top,),
        FAIL,
        "the intermediate Issuing CA is out of date",
    )
    both = leaf(below := middle(top, dates=(-90, -1)), dates=(-90, -1))
    yield Chain("leaf and intermediate expired", (both, below), (top,), FAIL, "out of date", {"tls.cert-expiry": FAIL})
    hidden = leaf(below := middle(top, **nowhere), dates=(-90, -1))
    yield Chain(
        "leaf expired and names not permitted", (hidden, below), (top,), FAIL, "subtree", {"tls.cert-expiry": FAIL}
    )
    wrong = leaf(above, dates=(-90, -1), purposes=(CLIENT,))
    yield Chain("leaf expired and for clients", (wrong, above), (top,), FAIL, "purpose", {"tls.cert-expiry": FAIL})
    small = leaf(below := middle(top, length=0), of=key("rsa1024"), purposes=(CLIENT,))
    yield Chain("leaf of RSA 1024 and for clients", (small, below), (top,), FAIL, "purpose", {"tls.key-strength": FAIL})
    weak = {"tls.key-strength": FAIL}
    yield Chain(
        "intermediate of RSA 1024",
        (leaf(below := middle(top, of=key("rsa1024", 2))), below),
        (top,),
        FAIL,
        "RSA 1024",
        weak,
    )
    yield Chain(
        "intermediate of P-224",
        (leaf(below := middle(top, of=key("p224", 2))), below),
        (top,),
        FAIL,
        "secp224r1",
        weak,
        openssl=True,
    )
    yield Chain("root of RSA 1024", (leaf(below := root(of=key("rsa1024", 3))),), (below,), FAIL, "RSA 1024", weak)
    sha1_top = root(of=key("rsa2048", 4))
    sha1 = leaf(sha1_top, of=key("rsa2048", 5))
    sha1 = Made(_signed_with_sha1(sha1.certificate, sha1_top.key), sha1.key)
    yield Chain("leaf signed with SHA-1", (sha1,), (sha1_top,), FAIL, "(68)", {"tls.signature": FAIL})
    weak_link = middle(sha1_top, of=key("rsa2048", 6))
    weak_link = Made(_signed_with_sha1(weak_link.certificate, sha1_top.key), weak_link.key)
    yield Chain(
        "intermediate signed with SHA-1",
        (leaf(weak_link), weak_link),
        (sha1_top,),
        FAIL,
        "(68)",
        {"tls.signature": FAIL},
    )
    sha224 = leaf(above, digest=hashes.SHA224())
    yield Chain(
        "leaf signed with SHA-224",
        (sha224, above),
        (top,),
        UNKNOWN,
        "disagree",
        {"tls.signature": UNKNOWN},
        openssl=True,
    )
    yield Chain("leaf for clients", (leaf(above, purposes=(CLIENT,)), above), (top,), FAIL, "purpose")
    yield Chain(
        "leaf for signing code",
        (leaf(above, purposes=(ExtendedKeyUsageOID.CODE_SIGNING,)), above),
        (top,),
        FAIL,
        "purpose",
    )
    yield Chain(
        "leaf for any purpose",
        (leaf(above, purposes=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)), above),
        (top,),
        FAIL,
        "purpose",
    )
    yield Chain("leaf for CRLs", (leaf(above, usage=("crl_sign",)), above), (top,), FAIL, "purpose")
    yield Chain(
        "intermediate for clients", (leaf(below := middle(top, purposes=(CLIENT,))), below), (top,), FAIL, "purpose"
    )
    yield Chain(
        "intermediate without keyCertSign",
        (leaf(below := middle(top, usage=("crl_sign",))), below),
        (top,),
        FAIL,
        "does not verify",
    )
    yield Chain(
        "intermediate that is not an authority",
        (leaf(below := leaf(top, subject="Shop")), below),
        (top,),
        FAIL,
        "unknown issuer",
    )
    yield Chain(
        "intermediate without basic constraints",
        (leaf(below := middle(top, ca=None)), below),
        (top,),
        FAIL,
        "unknown issuer",
    )
    yield Chain("path too long", (leaf(below := middle(zero := root(length=0))), below), (zero,), FAIL, "path length")
    first = middle(top, length=0)
    second = middle(first, subject="Second CA")
    yield Chain("path too long below an intermediate", (leaf(second), second, first), (top,), FAIL, "path length")
    yield Chain(
        "names not permitted", (leaf(below := middle(top, **nowhere)), below), (top,), FAIL, "permitted subtree"
    )
    excluded = constrained(excluded=[x509.DNSName(HOST)])
    yield Chain("names excluded", (leaf(below := middle(top, **excluded)), below), (top,), FAIL, "excluded subtree")
    yield Chain(
        "names excluded by the root",
        (leaf(below := middle(strict := root(**excluded))), below),
        (strict,),
        FAIL,
        "excluded subtree",
    )
    owner = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme")]))
    yield Chain(
        "directory name not permitted",
        (leaf(below := middle(top, **constrained(owner)), subject=named(HOST, O="Other")), below),
        (top,),
        FAIL,
        "subtree",
    )
    strange = ((x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True),)
    yield Chain(
        "critical extension of the leaf", (leaf(above, extensions=strange), above), (top,), FAIL, "critical extension"
    )
    yield Chain(
        "critical extension of the intermediate",
        (leaf(below := middle(top, extensions=strange)), below),
        (top,),
        FAIL,
        "critical extension",
    )
    yield Chain("signed by itself", (leaf(None),), (top,), FAIL, "self-signed")
    yield Chain(
        "signed by nobody we know",
        (leaf(below := middle(root(subject="Stranger"))), below),
        (top,),
        FAIL,
        "unknown issuer",
    )
    yield Chain("intermediate not sent", (leaf(above),), (top,), FAIL, "unknown issuer")
    forged = leaf(Made(above.certificate, key("ec", 66)))
    yield Chain("signed with another key", (forged, above), (top,), FAIL, "unknown issuer")
    impostor = root(of=key("ec", 67))
    yield Chain(
        "a root of the same name", (leaf(below := middle(impostor)), below, impostor), (top,), FAIL, "unknown issuer"
    )
    lost = leaf(below := middle(top, of=key("ed25519", 8), **nowhere), of=key("ed25519", 9))
    yield Chain("Ed25519 and names not permitted", (lost, below), (top,), FAIL, "permitted subtree")
    yield Chain(
        "Ed25519 and path too long",
        (leaf(below := middle(zero := root(of=key("ed25519", 10), length=0))), below),
        (zero,),
        FAIL,
        "path length",
    )
    yield Chain("key of DSA", (leaf(above, of=key("dsa")), above), (top,), UNKNOWN, "OpenSSL did not verify it", weak)
