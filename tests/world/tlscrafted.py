"""Chains that somebody crafted to be taken for good, and good ones that look crafted: rows for the table of
tlschains.py, each with its verdict by the RFCs.
"""

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.world.tlschains import (
    CLIENT,
    FAIL,
    HOST,
    SERVER,
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

ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
_SPARE = x509.ObjectIdentifier("2.5.29.99")
"""An extension's name that nobody uses, as long as the names of RFC 5280's: it is written over."""
_VERSION, _SPKI = 0, 6
"""Places in a TBSCertificate (RFC 5280 4.1)."""


def crafted() -> Iterator[Chain]:
    """Every chain."""
    yield from _names()
    yield from _uses()
    yield from _paths()
    yield from _encodings()
    yield from _policies()


def _names() -> Iterator[Chain]:
    """Name constraints (RFC 5280 4.2.1.10)."""
    top = root()

    def below(
        *permitted: x509.GeneralName, excluded: Sequence[x509.GeneralName] = (), **of_leaf: Any
    ) -> tuple[tuple[Made, ...], tuple[Made, ...]]:
        above = middle(top, **constrained(*permitted, excluded=excluded))
        return (leaf(above, **of_leaf), above), (top,)

    def also(*names: x509.GeneralName) -> dict[str, Any]:
        return {"names": (), "extensions": ((x509.SubjectAlternativeName([x509.DNSName(HOST), *names]), False),)}

    ten, other = (x509.IPAddress(ipaddress.ip_network(net)) for net in ("10.0.0.0/8", "192.0.2.0/24"))
    inside = x509.IPAddress(ipaddress.ip_address("192.0.2.7"))
    mail, site = x509.RFC822Name("me@acme.example"), x509.UniformResourceIdentifier("https://acme.example/")
    yield Chain("address permitted", *below(other, **also(inside)))
    yield Chain("address not permitted", *below(ten, **also(inside)), FAIL, "permitted subtree")
    yield Chain("address excluded", *below(excluded=[other], **also(inside)), FAIL, "excluded subtree")
    yield Chain("name permitted but for a dot between labels", *below(x509.DNSName("ample")), FAIL, "permitted subtree")
    yield Chain("name excluded in capitals", *below(excluded=[x509.DNSName("CHAIN.Example")]), FAIL, "excluded subtree")
    hidden = {"tls.hostname": FAIL}
    yield Chain(
        "wildcard over an excluded name",
        *below(excluded=[x509.DNSName(HOST)], names=("*.example",)),
        UNKNOWN,
        "disagree",
        hidden,
        openssl=True,
    )
    yield Chain(
        "wildcard over the permitted name",
        *below(x509.DNSName(HOST), names=("*.example",)),
        FAIL,
        "permitted subtree",
        hidden,
    )
    dotted = below(excluded=[x509.DNSName(HOST)], names=(f"{HOST}.",))
    yield Chain("excluded name with a dot behind", *dotted, UNKNOWN, "disagree", openssl=True)
    yield Chain(
        "mail address excluded",
        *below(excluded=[x509.RFC822Name("acme.example")], **also(mail)),
        FAIL,
        "excluded subtree",
    )
    yield Chain(
        "mail address not permitted", *below(x509.RFC822Name("other.example"), **also(mail)), FAIL, "permitted subtree"
    )
    yield Chain(
        "address of a page excluded",
        *below(excluded=[x509.UniformResourceIdentifier("acme.example")], **also(site)),
        FAIL,
        "excluded subtree",
    )
    yield Chain(
        "common name not permitted, no other",
        *below(x509.DNSName("elsewhere.example"), names=()),
        UNKNOWN,
        "disagree",
        hidden,
        openssl=False,
    )
    owner = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme")]))
    yield Chain(
        "directory name excluded in other letters",
        *below(excluded=[owner], subject=named(HOST, O="ACME")),
        FAIL,
        "subtree",
    )
    mailed = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, HOST), x509.NameAttribute(NameOID.EMAIL_ADDRESS, "me@acme.example")]
    )
    yield Chain(
        "mail address excluded, in the subject",
        *below(excluded=[x509.RFC822Name("acme.example")], subject=mailed),
        UNKNOWN,
        "disagree",
        openssl=False,
    )
    yield Chain("every name excluded", *below(excluded=[x509.DNSName("")]), FAIL, "excluded subtree")
    yield Chain(
        "names below the host permitted, not the host", *below(x509.DNSName(f".{HOST}")), FAIL, "permitted subtree"
    )
    yield Chain(
        "host name cut off by a zero",
        *below(x509.DNSName("example"), names=(f"{HOST}\0.evil.example",)),
        UNKNOWN,
        "disagree",
        hidden,
        openssl=True,
    )
    above = middle(top, **constrained(excluded=[owner]))
    second = middle(above, subject=named("Second CA", O="Acme"))
    yield Chain("directory name of an intermediate excluded", (leaf(second), second, above), (top,), FAIL, "subtree")
    elsewhere = constrained(x509.DNSName("elsewhere.example"))
    full = root(identified=True)
    alike = leaf(above := middle(full, identified=True, **elsewhere), subject="Issuing CA", identified=True)
    yield Chain("leaf of its issuer's name, names not permitted", (alike, above), (full,), FAIL, "permitted subtree")
    strict = middle(full, identified=True, **elsewhere)
    rolled = middle(strict, length=0, identified=True)
    yield Chain(
        "names not permitted two above, the key rolled between",
        (leaf(rolled, identified=True), rolled, strict),
        (full,),
        FAIL,
        "permitted subtree",
    )


def _uses() -> Iterator[Chain]:
    """What keys may be used for (RFC 5280 4.2.1.3, 4.2.1.12; RFC 8422 5.3; RFC 8446 4.4.2.2)."""
    top = root()
    above = middle(top)
    yield Chain(
        "leaf of P-256 for key agreement only",
        (leaf(above, usage=("key_agreement",)), above),
        (top,),
        UNKNOWN,
        "disagree",
        openssl=True,
    )
    yield Chain(
        "leaf of P-256 for key encipherment only",
        (leaf(above, usage=("key_encipherment",)), above),
        (top,),
        UNKNOWN,
        "disagree",
        openssl=True,
    )
    agreeing = leaf(above, of=key("ed25519", 30), usage=("key_agreement",))
    yield Chain("leaf of Ed25519 for key agreement only", (agreeing, above), (top,), UNKNOWN, "disagree", openssl=True)
    yield Chain("leaf for no use at all", (leaf(above, usage=()), above), (top,), FAIL, "does not verify")
    yield Chain(
        "leaf for signing certificates only", (leaf(above, usage=("key_cert_sign",)), above), (top,), FAIL, "purpose"
    )
    mail = ExtendedKeyUsageOID.EMAIL_PROTECTION
    yield Chain(
        "intermediate for mail, above one for servers",
        (leaf(low := middle(high := middle(top, subject="Mail CA", purposes=(mail,)), purposes=(SERVER,))), low, high),
        (top,),
        FAIL,
        "purpose",
    )
    yield Chain(
        "intermediate for any purpose", (leaf(low := middle(top, purposes=(ANY,))), low), (top,), FAIL, "purpose"
    )
    yield Chain(
        "intermediate for servers and clients", (leaf(low := middle(top, purposes=(CLIENT, SERVER))), low), (top,)
    )
    stamps = root(purposes=(ExtendedKeyUsageOID.TIME_STAMPING,))
    yield Chain("root for time stamps", (leaf(stamps),), (stamps,), FAIL, "purpose")
    poison = ((x509.PrecertPoison(), True),)
    yield Chain(
        "leaf that is a precertificate", (leaf(above, extensions=poison), above), (top,), FAIL, "critical extension"
    )
    proxy = (
        (
            x509.UnrecognizedExtension(
                x509.ObjectIdentifier("1.3.6.1.5.5.7.1.14"), bytes.fromhex("300c300a06082b06010505071501")
            ),
            True,
        ),
    )
    yield Chain(
        "leaf that is a proxy's",
        (leaf(leaf(above, subject="shop"), subject=named(HOST), ca=None, extensions=proxy),),
        (top,),
        FAIL,
        "",
    )


def _paths() -> Iterator[Chain]:
    """Which way up (RFC 5280 6.1)."""
    top, old = root(), root(subject="Old Root")
    above = middle(top)
    ended = middle(old, of=above.key, dates=(-100, -1))
    yield Chain(
        "an expired cross-signature first, a good one behind",
        (leaf(above), ended, above),
        (top,),
        WARN,
        "sent needlessly",
    )
    yield Chain(
        "an expired cross-signature first, both roots trusted",
        (leaf(above), ended, above),
        (top, old),
        WARN,
        "sent needlessly",
    )
    yield Chain("only the expired cross-signature", (leaf(above), ended), (top, old), FAIL, "out of date")
    twin = Made(middle(top, of=key("ec", 40)).certificate, key("ec", 40))
    yield Chain(
        "a namesake of another key first", (leaf(above), twin, above), (top,), UNKNOWN, "disagree", openssl=False
    )
    one, two = made("One", ca=True, of=key("ec", 41)), made("Two", ca=True, of=key("ec", 42))
    by_two, by_one = made("One", two, ca=True, of=one.key), made("Two", one, ca=True, of=two.key)
    yield Chain("two that sign each other", (leaf(by_two), by_two, by_one), (top,), FAIL, "unknown issuer")
    out = middle(top, of=one.key, subject="One")
    yield Chain(
        "two that sign each other, one a root's",
        (leaf(by_one), by_one, by_two, out),
        (top,),
        UNKNOWN,
        "disagree",
        openssl=False,
    )
    zero = root(length=0, identified=True)
    rolled = root(by=zero, of=key("ec", 43), identified=True)
    yield Chain(
        "path length not spent by a root that rolled its key",
        (leaf(rolled, identified=True), rolled),
        (zero,),
        UNKNOWN,
        "disagree",
        openssl=True,
    )
    rolled = middle(first := middle(top, identified=True), of=key("ec", 44), length=0, identified=True)
    yield Chain(
        "path too long below a rolled key",
        (leaf(low := middle(rolled, subject="Low CA")), low, rolled, first),
        (top,),
        FAIL,
        "path length",
    )
    entry = middle(top, length=0)
    yield Chain(
        "path too long below a trusted intermediate",
        (leaf(low := middle(entry, subject="Low CA")), low),
        (entry,),
        FAIL,
        "path length",
    )
    full = middle(top, identified=True)
    wrong = x509.AuthorityKeyIdentifier(b"\x01" * 20, None, None)
    yield Chain(
        "key identifier of nobody",
        (leaf(full, extensions=((wrong, False),)), full),
        (top,),
        UNKNOWN,
        "disagree",
        openssl=False,
    )
    shop = leaf(above, subject="shop.example", names=("shop.example",))
    yield Chain("leaf signed by a neighbour's leaf", (leaf(shop), shop, above), (top,), FAIL, "unknown issuer")
    sham = leaf(above, subject="shop.example", usage=("digital_signature", "key_cert_sign"))
    yield Chain(
        "leaf signed by a leaf that may sign certificates", (leaf(sham), sham, above), (top,), FAIL, "unknown issuer"
    )
    yield Chain("leaf that outlives its issuer", (leaf(short := middle(top, dates=(-100, 20))), short), (top,))
    yield Chain("a weak stranger beside", (leaf(above), above, made("Weak", of=key("rsa1024", 9), ca=True)), (top,))
    yield Chain("the leaf twice", ((own := leaf(above)), own, above), (top,))
    yield Chain("the intermediate twice", (leaf(above), above, above), (top,))


def _encodings() -> Iterator[Chain]:
    """Signatures, keys and extensions that are not what they say (RFC 5280 4.1.1.2, 4.2; RFC 8017; RFC 5480)."""
    top, wide = root(), root(of=key("rsa2048", 20))
    above = middle(top)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    yield Chain("leaf signed by PSS", (_by_pss(leaf(wide, of=key("rsa2048", 21)), wide, pss),), (wide,))
    md5 = _signed_anew(
        leaf(wide),
        wide,
        _algorithm("1.2.840.113549.1.1.4"),
        lambda body: wide.key.sign(body, padding.PKCS1v15(), hashes.MD5()),
    )
    yield Chain("leaf signed with MD5", (md5,), (wide,), FAIL, "(68)", {"tls.signature": FAIL})
    other = _signed_anew(
        leaf(above),
        above,
        _algorithm("1.2.840.10045.4.3.3", null=False),
        lambda body: above.key.sign(body, ec.ECDSA(hashes.SHA384())),
        inner=False,
    )
    yield Chain("signature of another algorithm than it says inside", (other, above), (top,), FAIL, "")
    old_pss = _sequence(bytes.fromhex("06092a864886f70d01010a"), _sequence())  # SHA-1, where it does not say
    sha1 = _signed_anew(
        leaf(wide),
        wide,
        old_pss,
        lambda body: wide.key.sign(body, padding.PSS(padding.MGF1(hashes.SHA1()), 20), hashes.SHA1()),
    )
    yield Chain("leaf signed by PSS over SHA-1", (sha1,), (wide,), FAIL, "(68)", {"tls.signature": FAIL})
    nameless = middle(top, subject=x509.Name([]))
    yield Chain("intermediate without a name", (leaf(nameless), nameless), (top,), UNKNOWN, "disagree", openssl=True)
    empty = _signed_anew(leaf(above), above, None, lambda body: b"")
    yield Chain("no signature at all", (empty, above), (top,), FAIL, "")
    zeros = _signed_anew(leaf(above), above, None, lambda body: bytes.fromhex("3006020100020100"))
    yield Chain("a signature of zeros", (zeros, above), (top,), FAIL, "")
    first = _changed(middle(top), top, lambda parts: parts[1:])
    yield Chain(
        "intermediate of version 1 with extensions", (leaf(first), first), (top,), UNKNOWN, "disagree", openssl=True
    )
    bare = _changed(made("Issuing CA", top), top, lambda parts: parts[1:])
    yield Chain("intermediate of version 1", (leaf(bare), bare), (top,), FAIL, "")
    san = x509.UnrecognizedExtension(_SPARE, bytes.fromhex("300f820d6576696c2e6578616d706c65") + b"")
    twice = _changed(
        leaf(above, extensions=((san, False),)),
        above,
        lambda parts: [part.replace(b"\x55\x1d\x63", b"\x55\x1d\x11") for part in parts],
    )
    everything = dict.fromkeys(("tls.cert-expiry", "tls.hostname", "tls.key-strength", "tls.signature"), UNKNOWN)
    yield Chain("two lists of names", (twice, above), (top,), UNKNOWN, "cannot be read", everything, openssl=False)
    unread = {"tls.key-strength": UNKNOWN, "tls.signature": UNKNOWN}
    lax = x509.UnrecognizedExtension(_SPARE, bytes.fromhex("3003010101"))  # cA TRUE, not as DER has it
    loose = _changed(
        made("Issuing CA", top, extensions=((lax, True),)),
        top,
        lambda parts: [part.replace(b"\x55\x1d\x63", b"\x55\x1d\x13") for part in parts],
    )
    yield Chain(
        "intermediate with a TRUE that is not DER's", (leaf(loose), loose), (top,), UNKNOWN, "", unread, openssl=True
    )
    one = _exponent_one(top)
    yield Chain(
        "intermediate of RSA 2048 with exponent 1",
        (_by_exponent_one(leaf(one), one), one),
        (top,),
        UNKNOWN,
        "",
        unread,
        openssl=True,
    )
    explicit = _explicit(middle(top, of=key("ec", 45)), top)
    yield Chain("intermediate on a curve of its own making", (leaf(explicit), explicit), (top,), FAIL, "explicit")
    sha1_root = root(of=key("rsa2048", 22))
    old = Made(
        _signed_anew(
            sha1_root,
            sha1_root,
            _algorithm("1.2.840.113549.1.1.5"),
            lambda body: sha1_root.key.sign(body, padding.PKCS1v15(), hashes.SHA1()),
        ).certificate,
        sha1_root.key,
    )
    yield Chain("root signed with SHA-1 by itself", (leaf(old),), (old,))


def _policies() -> Iterator[Chain]:
    """Certificate policies that an authority requires (RFC 5280 6.1.3 f, 6.1.5 g)."""
    top = root()
    required = (x509.PolicyConstraints(0, None), True)
    soon = (x509.PolicyConstraints(1, None), True)
    unmapped = (x509.PolicyConstraints(None, 0), True)
    no_any = (x509.InhibitAnyPolicy(0), True)

    def has(*policies: str) -> tuple[x509.ExtensionType, bool]:
        return x509.CertificatePolicies(
            [x509.PolicyInformation(x509.ObjectIdentifier(policy), None) for policy in policies]
        ), False

    def chain(name: str, of_middle: Sequence[Any], of_leaf: Sequence[Any], *more: Any, **others: Any) -> Chain:
        above = middle(top, extensions=of_middle)
        return Chain(name, (leaf(above, extensions=of_leaf), above), (top,), *more, **others)

    any_policy = "2.5.29.32.0"
    yield chain("policy required and there", [required, has("1.2.3.4")], [has("1.2.3.4", "1.2.3.5")])
    yield chain("policy required, any allowed above", [required, has(any_policy)], [has("1.2.3.4")])
    yield chain("policy required, none in the leaf", [required, has("1.2.3.4")], [], UNKNOWN, "disagree", openssl=True)
    yield chain(
        "policy required, another in the leaf",
        [required, has("1.2.3.4")],
        [has("1.2.3.5")],
        UNKNOWN,
        "disagree",
        openssl=True,
    )
    yield chain(
        "policy required, none in the intermediate", [required], [has("1.2.3.4")], UNKNOWN, "disagree", openssl=True
    )
    yield chain(
        "policy required, only any in the leaf and any inhibited",
        [required, has("1.2.3.4"), no_any],
        [has(any_policy)],
        UNKNOWN,
        "disagree",
        openssl=True,
    )
    yield chain("policy required of the leaf, which has none", [soon], [], UNKNOWN, "disagree", openssl=True)
    yield chain("policy required of the leaf, which has one", [soon, has("1.2.3.4")], [has("1.2.3.4")])
    yield chain("policy required of those below the leaf", [(x509.PolicyConstraints(2, None), True)], [])
    yield chain("mapping inhibited, no policy required", [unmapped], [])
    yield chain("any policy inhibited, no policy required", [no_any], [has(any_policy)])


# ---------------------------------------------------------------- by hand: what no library writes


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
    size = by.key.key_size // 8
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
