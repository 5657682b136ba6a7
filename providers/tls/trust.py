"""Where a chain leads: to a trusted root, to one that is not, or nowhere because a certificate was not sent (RFC 5280 6, without dates and names).

OpenSSL's verification says what an API client does; it names one error only, and the same one for several defects. This tells those apart.
"""

import logging
import warnings
from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from providers.tls.certificates import Facts, fingerprint, issuer_label

log = logging.getLogger(__name__)

LONGEST = 10
"""Certificates of a path; the longest in use have five."""


class Path(StrEnum):
    """Where it ended."""

    TRUSTED = "trusted"
    SELF_SIGNED = "self-signed"
    UNKNOWN_ISSUER = "unknown-issuer"
    MISSING_INTERMEDIATE = "missing-intermediate"
    UNREADABLE = "unreadable"


class Trust(msgspec.Struct, frozen=True):
    """`root` names the trusted root, `public` says that it is the system's own; `missing` names the issuer that was not sent or is not trusted.

    `root_sent` says that the trusted root stands needlessly in the chain; `path` are fingerprints from leaf to the last that was sent and used.
    """

    end: Path
    root: str = ""
    public: bool = False
    missing: str = ""
    root_sent: bool = False
    path: tuple[str, ...] = ()


class Roots:
    """The trusted roots, by subject, and the intermediates that any endpoint has sent."""

    def __init__(self, roots: Iterable[bytes], system: Iterable[bytes]) -> None:
        self._der = list(roots)
        self._system = {fingerprint(der) for der in system}
        self._by_subject: dict[bytes, list[x509.Certificate]] | None = None
        self._seen: dict[bytes, x509.Certificate] = {}
        self._known: dict[tuple[str, ...], Trust] = {}

    def trust(self, chain: Sequence[bytes]) -> Trust:
        """Where this chain, leaf first, leads. Raises nothing."""
        key = tuple(map(fingerprint, chain))
        found = self._known.get(key)
        if found is None:
            try:
                found = self._walk(chain)
            except Exception:  # noqa: BLE001 - a hostile certificate makes the parser raise whatever it likes
                found = Trust(Path.UNREADABLE)
            if len(self._known) > 50_000:
                self._known.clear()
            self._known[key] = found
        return found

    def _walk(self, chain: Sequence[bytes]) -> Trust:
        sent = [x509.load_der_x509_certificate(der) for der in chain]
        at, path = sent[0], [fingerprint(chain[0])]
        for _ in range(LONGEST):
            if (root := self._root(at)) is not None:
                name = fingerprint_of(root)
                return Trust(Path.TRUSTED, _label(root.subject), name in self._system, "", name in map(fingerprint, chain), tuple(path))
            if at.subject == at.issuer and signed(at, at):
                end = Path.SELF_SIGNED if at is sent[0] else Path.UNKNOWN_ISSUER
                return Trust(end, missing=_label(at.subject), path=tuple(path))
            above = next((one for one in sent if one.subject == at.issuer and fingerprint_of(one) not in path and _may_issue(one) and signed(at, one)), None)
            if above is None:
                return Trust(self._gap(at, alone=at is sent[0]), missing=_label(at.issuer), path=tuple(path))
            at = above
            path.append(fingerprint_of(at))
            if len(self._seen) < 2000:
                self._seen.setdefault(at.subject.public_bytes(), at)
        return Trust(Path.UNKNOWN_ISSUER, missing=_label(at.issuer), path=tuple(path))

    def _gap(self, at: x509.Certificate, *, alone: bool) -> Path:
        """The issuer was not sent. An intermediate is missing if it is known from elsewhere and trusted.

        Most likely it is, too, where the leaf stands alone and says where its issuer's certificate can be fetched: roots are not fetched.
        """
        elsewhere = self._seen.get(at.issuer.public_bytes())
        if elsewhere is not None and signed(at, elsewhere) and self._root(elsewhere) is not None:
            return Path.MISSING_INTERMEDIATE
        if not alone:
            return Path.UNKNOWN_ISSUER
        try:
            at.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
        except x509.ExtensionNotFound:
            return Path.UNKNOWN_ISSUER
        return Path.MISSING_INTERMEDIATE

    def _root(self, at: x509.Certificate) -> x509.Certificate | None:
        """The trusted root that is `at`, or that signed it."""
        if self._by_subject is None:
            self._by_subject = _by_subject(self._der)
        for root in self._by_subject.get(at.subject.public_bytes(), ()):
            if root == at:
                return root
        return next((root for root in self._by_subject.get(at.issuer.public_bytes(), ()) if signed(at, root)), None)

    def issuer(self, chain: Sequence[bytes]) -> x509.Certificate | None:
        """The certificate, sent or trusted, that signed the leaf."""
        try:
            leaf, *rest = [x509.load_der_x509_certificate(der) for der in chain]
            return next((one for one in rest if one.subject == leaf.issuer and signed(leaf, one)), None) or self._root(leaf)
        except Exception:  # noqa: BLE001 - as in `trust`
            return None


def _by_subject(roots: Iterable[bytes]) -> dict[bytes, list[x509.Certificate]]:
    """Of a root that cannot be read, which OpenSSL still trusts, only its own chains are lost."""
    found: dict[bytes, list[x509.Certificate]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old roots have serial numbers below one
        for der in roots:
            try:
                root = x509.load_der_x509_certificate(der)
                found.setdefault(root.subject.public_bytes(), []).append(root)
            except Exception as error:  # noqa: BLE001 - the parser raises whatever it likes
                log.warning("a trusted root cannot be read: %s", error)
    return found


def signed(child: x509.Certificate, parent: x509.Certificate) -> bool:
    """Whether `parent`'s key made `child`'s signature; also where it is SHA-1, which `cryptography` no longer verifies in certificates."""
    try:
        child.verify_directly_issued_by(parent)
    except InvalidSignature:
        return False
    except (ValueError, TypeError):
        return _signed_sha1(child, parent)
    except Exception:  # noqa: BLE001 - UnsupportedAlgorithm, and what a hostile key may raise
        return _signed_sha1(child, parent)
    return True


def _signed_sha1(child: x509.Certificate, parent: x509.Certificate) -> bool:
    try:
        key = parent.public_key()
        if not isinstance(key, rsa.RSAPublicKey) or child.issuer != parent.subject or not isinstance(child.signature_hash_algorithm, hashes.SHA1 | hashes.MD5):
            return False
        key.verify(child.signature, child.tbs_certificate_bytes, padding.PKCS1v15(), child.signature_hash_algorithm)
    except Exception:  # noqa: BLE001 - not a signature of this key, in whatever way
        return False
    return True


def fingerprint_of(certificate: x509.Certificate) -> str:
    """SHA-256 of a certificate that is parsed already."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def _may_issue(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _label(name: x509.Name) -> str:
    return issuer_label(name)


def described(trust: Trust) -> Facts:
    """As an endpoint's field."""
    told = {"End": trust.end.value, "Path": list(trust.path)}
    if trust.end is Path.TRUSTED:
        return {**told, "Root": trust.root, "RootStore": "system" if trust.public else "ca_file", "RootSent": trust.root_sent}
    return {**told, "Missing": trust.missing}
