"""Staples and lists of revocations of every kind, proper and not, for one leaf below an intermediate below a root."""

import datetime
from collections.abc import Callable, Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from providers.demo.tls.pki import now
from tests.world.tlschains import HOST, Made, leaf, made, middle, root

HOLD, KEY = x509.ReasonFlags.certificate_hold, x509.ReasonFlags.key_compromise


class Authorities:
    """A root, an intermediate whose revocation the root lists at `/root.crl`, and a leaf whose revocation the
    intermediate lists at `/leaf.crl`.
    """

    def __init__(self, port: int, **of_leaf: Any) -> None:
        self.port = port
        self.root = root()
        self.middle = middle(self.root, extensions=(self.point("/root.crl"),))
        self.leaf = leaf(self.middle, extensions=(self.point("/leaf.crl"),), **of_leaf)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def point(self, *paths: str) -> tuple[x509.ExtensionType, bool]:
        """Where revocation is listed."""
        names = [x509.UniformResourceIdentifier(self.url(path)) for path in paths]
        return x509.CRLDistributionPoints([x509.DistributionPoint([name], None, None, None) for name in names]), False

    def responder(
        self,
        by: Made | None = None,
        *,
        dates: tuple[float, float] = (-10, 10),
        purpose: Any = ExtendedKeyUsageOID.OCSP_SIGNING,
        usage: Any = None,
    ) -> Made:
        """Somebody whom the intermediate, or `by`, lets answer."""
        return made("Responder", by or self.middle, ca=False, purposes=(purpose,), usage=usage, dates=dates)


def crl(
    by: Made,
    *revoked: Made,
    begins: float = -1,
    days: float = 7,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    of_entries: Sequence[tuple[x509.ExtensionType, bool]] = ((x509.CRLReason(KEY), False),),
    issuer: x509.Name | None = None,
) -> bytes:
    """A list, DER; it begins `begins` days from now."""
    at = now() + datetime.timedelta(days=begins)
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer or by.certificate.subject).last_update(at)
    builder = builder.next_update(at + datetime.timedelta(days=days))
    for one in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(one.certificate.serial_number).revocation_date(at)
        for value, critical in of_entries:
            entry = entry.add_extension(value, critical)
        builder = builder.add_revoked_certificate(entry.build())
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    return builder.sign(by.key, hashes.SHA256()).public_bytes(Encoding.DER)


def scope(**more: Any) -> tuple[x509.ExtensionType, bool]:
    """What a list is of."""
    none: dict[str, Any] = dict.fromkeys(("full_name", "relative_name", "only_some_reasons"))
    flags = dict.fromkeys(
        ("only_contains_user_certs", "only_contains_ca_certs", "indirect_crl", "only_contains_attribute_certs"), False
    )
    return x509.IssuingDistributionPoint(**{**none, **flags, **more}), True


def staple(
    of: Made,
    issuer: Made,
    *,
    by: Made | None = None,
    status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
    begins: float = -1,
    days: float | None = 7,
    reason: x509.ReasonFlags = KEY,
    named: Made | None = None,
    digest: Callable[[], hashes.HashAlgorithm] = hashes.SHA1,
) -> bytes:
    """An OCSP answer, DER, signed by the issuer or `by`, that names the issuer or `named`."""
    at = now() + datetime.timedelta(days=begins)
    revoked = status is ocsp.OCSPCertStatus.REVOKED
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=of.certificate,
        issuer=(named or issuer).certificate,
        algorithm=digest(),
        cert_status=status,
        this_update=at,
        next_update=None if days is None else at + datetime.timedelta(days=days),
        revocation_time=at if revoked else None,
        revocation_reason=reason if revoked else None,
    )
    signer = by or issuer
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
    if by is not None:
        builder = builder.certificates([by.certificate])
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)


__all__ = ["HOST", "Authorities", "crl", "scope", "staple"]
