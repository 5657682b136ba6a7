"""A list of revocations as fetched, and what it may say: of which certificates, by whom, and when (RFC 5280 5.2,
6.3.3).
"""

from typing import Any

import msgspec
from cryptography import x509

from posture.clock import Utc, rfc3339
from posture.controls.tls.revocation import SKEW
from providers.tls.certificates import Facts
from providers.tls.staple import UNLIMITED, Unfit

_READ = (x509.AuthorityKeyIdentifier, x509.CRLNumber, x509.IssuingDistributionPoint)
_READ_OF_ENTRIES = (x509.CRLReason, x509.InvalidityDate)
_CRITICAL = bytes.fromhex("0101ff04")
"""How an extension goes on that is critical: TRUE, and an OCTET STRING. Found by a search, since a list may have a
million entries.
"""


class Crl(msgspec.Struct):
    """A list, and when it was fetched (UTC seconds); `wrong` says why there is none, or why it could not be renewed."""

    listed: x509.CertificateRevocationList | None
    fetched_at: Utc
    wrong: str = ""


def parsed(body: bytes) -> x509.CertificateRevocationList:
    """DER or PEM. Raises ValueError."""
    return x509.load_pem_x509_crl(body) if body.startswith(b"-----") else x509.load_der_x509_crl(body)


def ends(listed: x509.CertificateRevocationList) -> Utc:
    """Until when it counts."""
    following = listed.next_update_utc
    return listed.last_update_utc.timestamp() + UNLIMITED if following is None else following.timestamp()


def check(listed: x509.CertificateRevocationList, issuer: x509.Certificate, now: Utc) -> None:
    """Whether it is this issuer's whole list, begun by now. Raises `Unfit`, and what the parser raises."""
    if listed.issuer != issuer.subject or not listed.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]  # a key that cannot sign raises
        raise Unfit("not signed by the certificate's issuer")
    try:
        if not issuer.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign:
            raise Unfit("signed by a key that may sign no CRL (keyUsage)")
    except x509.ExtensionNotFound:
        pass
    if listed.last_update_utc.timestamp() > now + SKEW:
        raise Unfit(f"not valid before {rfc3339(listed.last_update_utc.timestamp())}")
    for extension in listed.extensions:
        if isinstance(extension.value, x509.DeltaCRLIndicator):
            raise Unfit("a delta CRL, which names only what has changed")
        if extension.critical and not isinstance(extension.value, _READ):
            raise Unfit(f"it has a critical extension that is not known, {extension.oid.dotted_string}")
    if listed.tbs_certlist_bytes.count(_CRITICAL) > sum(extension.critical for extension in listed.extensions):
        _check_entries(listed)


def _check_entries(listed: x509.CertificateRevocationList) -> None:
    """RFC 5280 5.3: a list with an entry that cannot be understood says nothing of any certificate."""
    for entry in listed:
        for extension in entry.extensions:
            if extension.critical and not isinstance(extension.value, _READ_OF_ENTRIES):
                raise Unfit(f"an entry has a critical extension that is not known, {extension.oid.dotted_string}")


def covers(
    listed: x509.CertificateRevocationList, certificate: x509.Certificate, point: x509.DistributionPoint
) -> None:
    """Whether it would name this certificate, which says it is listed at `point`. Raises `Unfit`."""
    try:
        scope = listed.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    except x509.ExtensionNotFound:
        return
    if scope.indirect_crl:
        raise Unfit("an indirect CRL, of several issuers")
    if scope.only_some_reasons:
        raise Unfit("of some reasons only")
    if scope.only_contains_attribute_certs:
        raise Unfit("of attribute certificates only")
    if scope.only_contains_ca_certs and not is_authority(certificate):
        raise Unfit("of authorities' certificates only")
    if scope.only_contains_user_certs and is_authority(certificate):
        raise Unfit("of no authorities' certificates")
    if scope.relative_name is not None or (
        scope.full_name is not None and not set(scope.full_name) & set(point.full_name or ())
    ):
        raise Unfit("of another distribution point")


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether its basic constraints say so."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def said(listed: x509.CertificateRevocationList, certificate: x509.Certificate, url: str) -> Facts:
    """`good` or `revoked`, of a list that covers the certificate."""
    told: dict[str, Any] = {"By": "crl", "Url": url, "Status": "good"}
    told |= {"ThisUpdate": rfc3339(listed.last_update_utc.timestamp()), "NextUpdate": rfc3339(ends(listed))}
    revoked = listed.get_revoked_certificate_by_serial_number(certificate.serial_number)
    if revoked is None:
        return told
    told |= {
        "Status": "revoked",
        "RevokedAt": rfc3339(revoked.revocation_date_utc.timestamp()),
        "Reason": "unspecified",
    }
    for extension in revoked.extensions:
        if isinstance(extension.value, x509.CRLReason):
            told["Reason"] = extension.value.reason.value
        elif isinstance(extension.value, x509.CertificateIssuer):
            raise Unfit("an entry of another issuer stands in it")
    return told
