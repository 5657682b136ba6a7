"""Chains that must be taken."""

from collections.abc import Iterator

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from posture.verdict import Status
from tests.world.tlschains import (
    CLIENT,
    FAIL,
    HOST,
    PASS,
    SERVER,
    SIGN,
    UNKNOWN,
    WARN,
    Chain,
    Made,
    constrained,
    key,
    leaf,
    made,
    middle,
    named,
    root,
)


def good() -> Iterator[Chain]:
    """What must stay a PASS: private authorities are not bound by what the Web asks."""
    for made_of in (_of_keys, _of_leaves, _of_trust, _of_constraints, _of_crossings, _of_others):
        yield from made_of()


def _of_keys() -> Iterator[Chain]:
    """Each kind of key, and one kind under another."""
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


def _of_leaves() -> Iterator[Chain]:
    """What a leaf may leave out or say more of."""
    top = root()
    above = middle(top)
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


def _of_trust() -> Iterator[Chain]:
    """Where trust begins, and what is sent beside."""
    top = root()
    above = middle(top)
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


def _of_constraints() -> Iterator[Chain]:
    """Constraints that are kept, and extensions."""
    top = root()
    above = middle(top)
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


def _of_crossings() -> Iterator[Chain]:
    """More than one way up."""
    top = root()
    above = middle(top)
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


def _of_others() -> Iterator[Chain]:
    """What another control finds."""
    top = root()
    above = middle(top)
    weak = {"tls.key-strength": FAIL}
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
