"""Where a chain leads: to a trusted root, to one that is not, or nowhere because a certificate was not sent (RFC 5280
6).

OpenSSL's verification says what an API client does; it names one error only, and the same one for several defects. This
tells those apart, and asks a second verifier (`second`), whose word stands beside OpenSSL's.
"""

import logging
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from posture.clock import Seconds, Utc
from providers.tls.certificates import Facts, facts, fingerprint, issuer_label
from providers.tls.second import Second, stands_in
from providers.tls.signatures import signed

log = logging.getLogger(__name__)

LONGEST = 10
"""Certificates of a path; the longest in use have five."""
MOST_SIGNATURES = 200
"""Signatures that one chain may cost; a path of five costs five."""
KEPT: Seconds = 3600.0
"""How long a verdict on a chain stands, if no certificate begins or ends before."""
TAKEN = "taken"


class Path(StrEnum):
    """Where it ended."""

    TRUSTED = "trusted"
    SELF_SIGNED = "self-signed"
    UNKNOWN_ISSUER = "unknown-issuer"
    MISSING_INTERMEDIATE = "missing-intermediate"
    UNREADABLE = "unreadable"


class Trust(msgspec.Struct, frozen=True):
    """`root` names the trusted root, `anchor` are its facts, `public` says that every client has it; `missing` names
    the issuer that was not sent or is not trusted.

    `root_sent` says that the trusted root stands needlessly in the chain; `path` are fingerprints from leaf to the last
    that was sent and used; `above` are the certificates of the path from the leaf's issuer to the root. `second` is
    `taken`, or why the second verifier does not take it.
    """

    end: Path
    root: str = ""
    public: bool = False
    missing: str = ""
    root_sent: bool = False
    path: tuple[str, ...] = ()
    second: str = ""
    anchor: Facts = {}
    above: tuple[x509.Certificate, ...] = ()


class Roots:
    """The trusted roots, by subject, and the intermediates that any endpoint has sent.

    `system` are those of the roots that every client has, and `store` says whose they are; `now` gives UTC seconds.
    """

    def __init__(
        self, roots: Iterable[bytes], system: Iterable[bytes], store: str = "system", now: Callable[[], Utc] = time.time
    ) -> None:
        self._der = list(roots)
        self._system = {fingerprint(der) for der in system}
        self.store = store
        self._now = now
        self._by_subject: dict[bytes, list[x509.Certificate]] | None = None
        self._second = Second([])
        self._left = 0
        self._seen: dict[bytes, x509.Certificate] = {}
        self._known: dict[tuple[str, ...], tuple[Utc, Utc, Trust]] = {}

    def trust(self, chain: Sequence[bytes]) -> Trust:
        """Where this chain, leaf first, leads now. Raises nothing."""
        key, now = tuple(map(fingerprint, chain)), self._now()
        since, until, found = self._known.get(key, (now, now, None))
        if found is None or not since <= now < until:
            since, until = now, now + KEPT
            try:
                sent = [x509.load_der_x509_certificate(der) for der in chain]
                found = self._judged(sent, now)
                until = min((turn for turn in _turns([*sent, *found.above]) if turn > now), default=until)
            except Exception:  # noqa: BLE001 - a hostile certificate makes the parser raise whatever it likes
                found = Trust(Path.UNREADABLE)
            if len(self._known) > 50_000:
                self._known.clear()
            self._known[key] = since, min(until, now + KEPT), found
        return found

    def _judged(self, sent: Sequence[x509.Certificate], now: Utc) -> Trust:
        """Of a leaf that is out of date, which is told apart from all else, the chain is judged as of the nearest
        time at which it is not.
        """
        self._read()
        leaf = sent[0]
        at = min(max(now, leaf.not_valid_before_utc.timestamp()), leaf.not_valid_after_utc.timestamp())
        path, why = self._second.path(sent, at)
        if path:
            return self._trusted(path, sent, TAKEN)
        self._left = MOST_SIGNATURES
        found = self._climb((leaf,), sent, now)
        if isinstance(found, Trust):
            return found
        holds, other = stands_in(found, at)
        return self._trusted(found, sent, TAKEN if holds else other or why)

    def _trusted(self, path: Sequence[x509.Certificate], sent: Sequence[x509.Certificate], second: str) -> Trust:
        """`path` runs from the leaf to the root."""
        root, names = path[-1], tuple(map(fingerprint_of, path))
        for one in path[1:-1]:
            if len(self._seen) < 2000:
                self._seen.setdefault(one.subject.public_bytes(), one)
        return Trust(
            Path.TRUSTED,
            issuer_label(root.subject),
            names[-1] in self._system,
            "",
            len(path) > 1 and any(one == root for one in sent[1:]),
            names[:-1] or names,
            second,
            facts(root.public_bytes(Encoding.DER)),
            tuple(path[1:]),
        )

    def _climb(
        self, path: tuple[x509.Certificate, ...], sent: Sequence[x509.Certificate], now: Utc
    ) -> Trust | tuple[x509.Certificate, ...]:
        """The first path to a root, and where there is none, the end of the first."""
        at = path[-1]
        if (root := self._root(at, now)) is not None:
            return path if root == at else (*path, root)
        names = tuple(map(fingerprint_of, path))
        if at.subject == at.issuer and self._signed(at, at):
            return Trust(
                Path.SELF_SIGNED if len(path) == 1 else Path.UNKNOWN_ISSUER,
                missing=issuer_label(at.subject),
                path=names,
            )
        first: Trust | None = None
        for above in self._issuers(at, sent, names) if len(path) < LONGEST else ():
            found = self._climb((*path, above), sent, now)
            if not isinstance(found, Trust):
                return found
            first = first or found
        return first or Trust(self._gap(at, alone=len(path) == 1), missing=issuer_label(at.issuer), path=names)

    def _issuers(
        self, at: x509.Certificate, sent: Sequence[x509.Certificate], names: Sequence[str]
    ) -> Iterator[x509.Certificate]:
        for one in sent:
            if (
                one.subject == at.issuer
                and fingerprint_of(one) not in names
                and _may_issue(one)
                and self._signed(at, one)
            ):
                yield one

    def _signed(self, child: x509.Certificate, parent: x509.Certificate) -> bool:
        self._left -= 1
        return self._left >= 0 and signed(child, parent)

    def _gap(self, at: x509.Certificate, *, alone: bool) -> Path:
        """The issuer was not sent. An intermediate is missing if it is known from elsewhere and trusted.

        Most likely it is, too, where the leaf stands alone and says where its issuer's certificate can be fetched:
        roots are not fetched.
        """
        elsewhere = self._seen.get(at.issuer.public_bytes())
        if elsewhere is not None and signed(at, elsewhere) and self._root(elsewhere, self._now()) is not None:
            return Path.MISSING_INTERMEDIATE
        if not alone:
            return Path.UNKNOWN_ISSUER
        try:
            at.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
        except x509.ExtensionNotFound:
            return Path.UNKNOWN_ISSUER
        return Path.MISSING_INTERMEDIATE

    def _root(self, at: x509.Certificate, now: Utc) -> x509.Certificate | None:
        """The trusted root that is `at`, or that signed it; of several one that is in date."""
        self._read()
        assert self._by_subject is not None
        if any(root == at for root in self._by_subject.get(at.subject.public_bytes(), ())):
            return at
        above = [root for root in self._by_subject.get(at.issuer.public_bytes(), ()) if signed(at, root)]
        return next(
            (
                root
                for root in above
                if root.not_valid_before_utc.timestamp() <= now <= root.not_valid_after_utc.timestamp()
            ),
            next(iter(above), None),
        )

    def _read(self) -> None:
        if self._by_subject is None:
            self._by_subject = _by_subject(self._der)
            self._second = Second([root for some in self._by_subject.values() for root in some])

    def issuer(self, chain: Sequence[bytes]) -> x509.Certificate | None:
        """The certificate, sent or trusted, that signed the leaf."""
        try:
            leaf, *rest = [x509.load_der_x509_certificate(der) for der in chain]
            return next((one for one in rest if one.subject == leaf.issuer and signed(leaf, one)), None) or self._root(
                leaf, self._now()
            )
        except Exception:  # noqa: BLE001 - as in `trust`
            return None


def _turns(certificates: Iterable[x509.Certificate]) -> Iterator[Utc]:
    """When any of them begins or ends."""
    for one in certificates:
        yield one.not_valid_before_utc.timestamp()
        yield one.not_valid_after_utc.timestamp()


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


def fingerprint_of(certificate: x509.Certificate) -> str:
    """SHA-256 of a certificate that is parsed already."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def _may_issue(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


_OF_ROOTS = ("CommonName", "NotBefore", "NotAfter", "KeyType", "KeyBits", "Curve", "Unreadable")


def described(trust: Trust, store: str = "system") -> Facts:
    """As an endpoint's field; `store` says whose roots every client's are taken to be."""
    told = {"End": trust.end.value, "Path": list(trust.path), "Store": store}
    if trust.end is not Path.TRUSTED:
        return {**told, "Missing": trust.missing}
    root = {name: trust.anchor[name] for name in _OF_ROOTS if name in trust.anchor}
    return {
        **told,
        "Root": trust.root,
        "RootStore": store if trust.public else "ca_file",
        "RootSent": trust.root_sent,
        "Second": trust.second,
        "Anchor": root,
    }
