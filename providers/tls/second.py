"""A second word on a chain beside OpenSSL's: that of `cryptography.x509.verification`, which shares no code with it.

Its own policy is the Web's (CA/Browser Forum), which a private authority is not bound by: key identifiers, a marked
`serverAuth` or a name may be missing. The policy here is that of RFC 5280 6 and 4.2.1: what is there must hold.
"""

import datetime
import functools
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from posture.clock import Utc
from providers.tls.constraints import broken, judged, odd
from providers.tls.required import lacking

_EDWARDS = (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)
_EITHER = verification.Criticality.AGNOSTIC


class Second:
    """Judges chains against these roots."""

    def __init__(self, roots: Sequence[x509.Certificate]) -> None:
        self._store = verification.Store(list(roots)) if roots else None

    def path(self, sent: Sequence[x509.Certificate], at: Utc) -> tuple[list[x509.Certificate], str]:
        """The path from the leaf to a root that holds at this time (UTC seconds), or none and the reason. Raises
        nothing.
        """
        if self._store is None:
            return [], "there are no roots"
        path, why = _verified(self._store, sent, at)
        try:
            why = why or lacking(path)
        except Exception as error:  # noqa: BLE001 - as in `stands_in`
            why = f"{type(error).__name__}: {error}"[:200]
        return ([], why) if why else (path, "")


def stands_in(path: Sequence[x509.Certificate], at: Utc) -> tuple[bool, str]:
    """Whether a path (leaf to root, its signatures verified before) holds, where the verifier refuses its form: Edwards
    keys, roots of 1998 or oddly encoded.

    Of a root only the name, the key and its constraints count (RFC 5280 6.1.1 d): it is written anew. Where authorities
    have Edwards keys, or constraints that are judged here, the whole path is written anew, with other keys.
    """
    *below, root = path
    try:
        if why := broken(path) or lacking(path):
            return False, why
        anew = any(isinstance(one.public_key(), _EDWARDS) or any(odd(one)) for one in path[1:])
        key = _stand_in() if anew else None
        new = [_rewritten(one, key) for one in below] if key is not None else list(below)
        _, why = (
            _verified(verification.Store([_rewritten(root, key, anchor=True)]), new, at)
            if below
            else ([], "it is its own root")
        )
    except Exception as error:  # noqa: BLE001 - an extension that cannot be read or written makes the library raise whatever it likes
        return False, f"{type(error).__name__}: {error}"[:200]
    return not why, why


def _verified(
    store: verification.Store, sent: Sequence[x509.Certificate], at: Utc
) -> tuple[list[x509.Certificate], str]:
    time = datetime.datetime.fromtimestamp(at, datetime.UTC).replace(tzinfo=None)
    authority, server = _policies()
    builder = (
        verification.PolicyBuilder().store(store).time(time).extension_policies(ca_policy=authority, ee_policy=server)
    )
    # a client's, since a server's demands a name that matches, which is judged apart; the purpose is looked at below
    try:
        return builder.build_client_verifier().verify(sent[0], list(sent[1:])).chain, ""
    except verification.VerificationError as error:
        text = str(error).partition(" (encountered processing")[0]
        return [], text.removeprefix("validation failed: ").replace(
            "Python extension validator failed: ValueError: ", ""
        )[:200]
    except Exception as error:  # noqa: BLE001 - a hostile certificate makes the parser raise whatever it likes
        return [], f"{type(error).__name__}: {error}"[:200]


@functools.cache
def _policies() -> tuple[verification.ExtensionPolicy, verification.ExtensionPolicy]:
    """For authorities, for servers. What no rule names and is critical is refused; name constraints and path lengths
    the verifier checks by itself.
    """
    authority, server = (
        verification.ExtensionPolicy.webpki_defaults_ca(),
        verification.ExtensionPolicy.webpki_defaults_ee(),
    )
    for kind in (
        x509.AuthorityKeyIdentifier,
        x509.SubjectKeyIdentifier,
        x509.CertificatePolicies,
        x509.PolicyConstraints,
        x509.InhibitAnyPolicy,
    ):
        authority, server = authority.may_be_present(kind, _EITHER, None), server.may_be_present(kind, _EITHER, None)
    authority = authority.require_present(x509.BasicConstraints, _EITHER, _may_issue)
    authority = authority.may_be_present(x509.KeyUsage, _EITHER, _may_sign).may_be_present(
        x509.ExtendedKeyUsage, _EITHER, _for_servers
    )
    authority = authority.may_be_present(x509.NameConstraints, _EITHER, None)
    server = server.may_be_present(x509.BasicConstraints, _EITHER, None).may_be_present(
        x509.SubjectAlternativeName, _EITHER, None
    )
    server = server.may_be_present(x509.KeyUsage, _EITHER, None).may_be_present(
        x509.ExtendedKeyUsage, _EITHER, _for_servers
    )
    return authority, server


def _may_issue(policy: verification.Policy, certificate: x509.Certificate, found: x509.BasicConstraints) -> None:
    if not found.ca:
        raise ValueError("an issuer is not an authority (basicConstraints)")


def _may_sign(policy: verification.Policy, certificate: x509.Certificate, found: x509.KeyUsage | None) -> None:
    if found is not None and not found.key_cert_sign:
        raise ValueError("an issuer may not sign certificates (keyUsage)")


def _for_servers(
    policy: verification.Policy, certificate: x509.Certificate, found: x509.ExtendedKeyUsage | None
) -> None:
    # as OpenSSL, which does not take anyExtendedKeyUsage for it
    if found is not None and ExtendedKeyUsageOID.SERVER_AUTH not in found:
        raise ValueError("it is not for servers (extendedKeyUsage)")


@functools.cache
def _stand_in() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _rewritten(
    one: x509.Certificate, key: ec.EllipticCurvePrivateKey | None, *, anchor: bool = False
) -> x509.Certificate:
    """The same certificate with `key` in it, or with its own; signed by the stand-in. A trust anchor is an authority
    also where it does not say so.
    """
    builder = (
        x509.CertificateBuilder()
        .subject_name(one.subject)
        .issuer_name(one.issuer)
        .serial_number(x509.random_serial_number())
    )
    builder = builder.not_valid_before(one.not_valid_before_utc).not_valid_after(one.not_valid_after_utc)
    builder = builder.public_key(one.public_key() if key is None else key.public_key())
    if anchor and not any(isinstance(extension.value, x509.BasicConstraints) for extension in one.extensions):
        builder = builder.add_extension(x509.BasicConstraints(True, None), True)
    for extension in one.extensions:
        value = judged(extension.value) if isinstance(extension.value, x509.NameConstraints) else extension.value
        if value is not None:
            builder = builder.add_extension(value, extension.critical)
    return builder.sign(_stand_in(), hashes.SHA256())
