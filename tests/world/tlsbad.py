"""Chains that must not be taken."""

from collections.abc import Iterator

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from providers.demo.tls.pki import _signed_with_sha1
from tests.world.tlschains import (
    CLIENT,
    FAIL,
    HOST,
    UNKNOWN,
    Chain,
    Made,
    constrained,
    key,
    leaf,
    middle,
    named,
    root,
)


def bad() -> Iterator[Chain]:
    """What must never be a PASS."""
    for made_of in (
        _of_dates,
        _of_weak_keys,
        _of_signatures,
        _of_purposes,
        _of_constraints,
        _of_strangers,
        _of_other_kinds,
    ):
        yield from made_of()


def _of_dates() -> Iterator[Chain]:
    """What is out of date, alone and with what is worse."""
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


def _of_weak_keys() -> Iterator[Chain]:
    """Keys that are too small."""
    top = root()
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


def _of_signatures() -> Iterator[Chain]:
    """Hashes that nobody should sign with."""
    top = root()
    above = middle(top)
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


def _of_purposes() -> Iterator[Chain]:
    """Certificates for something else."""
    top = root()
    above = middle(top)
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
    yield from _of_uses(top, above)


def _of_uses(top: Made, above: Made) -> Iterator[Chain]:
    """Certificates and authorities for something else, by their key usage and basic constraints."""
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


def _of_constraints() -> Iterator[Chain]:
    """Constraints of length and name."""
    top = root()
    above = middle(top)
    nowhere = constrained(x509.DNSName("elsewhere.example"))
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


def _of_strangers() -> Iterator[Chain]:
    """What leads nowhere."""
    top = root()
    above = middle(top)
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


def _of_other_kinds() -> Iterator[Chain]:
    """Keys that OpenSSL treats otherwise."""
    top = root()
    above = middle(top)
    nowhere = constrained(x509.DNSName("elsewhere.example"))
    weak = {"tls.key-strength": FAIL}
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
