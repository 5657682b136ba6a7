"""A certificate as facts: what the controls judge and the screen shows, taken from its DER once and remembered by its
SHA-256.

Certificates come from servers that may be hostile: one that cannot be read is a fact too (`Unreadable`), never an
exception.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from posture.clock import rfc3339
from providers.tls.signatures import signed

MOST_KEPT = 50_000
"""Certificates whose facts are kept; about 2 KB each."""
MOST_NAMES = 200
"""Names of a certificate that are kept: a shared one can have thousands, and its SHA-256 tells the rest."""

Facts = Mapping[str, Any]


def fingerprint(der: bytes) -> str:
    """SHA-256 of the DER, in hexadecimal: what names a certificate."""
    return hashlib.sha256(der).hexdigest()


def certificate_id(sha256: str) -> str:
    """`cert://SHA256`."""
    return f"cert://{sha256}"


class Library:
    """Facts by fingerprint; the same certificate from 400 endpoints is read once and kept once."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._facts: OrderedDict[str, Facts] = OrderedDict()
        self._most = most

    def read(self, der: bytes) -> tuple[str, Facts]:
        """(fingerprint, facts) of a certificate."""
        name = fingerprint(der)
        known = self._facts.get(name)
        if known is None:
            known = self._facts[name] = facts(der)
            if len(self._facts) > self._most:
                self._facts.popitem(last=False)
        else:
            self._facts.move_to_end(name)
        return name, known

    def get(self, sha256: str) -> Facts:
        """The facts of a certificate read before; none where there are too many to keep."""
        return self._facts.get(sha256, {})


def facts(der: bytes) -> Facts:
    """Subject, issuer, dates (RFC 3339), names, key, signature and what else is judged. Raises nothing."""
    try:
        return dict(_facts(x509.load_der_x509_certificate(der)))
    except Exception as error:  # noqa: BLE001 - a hostile certificate makes the parser raise whatever it likes, at any field
        return {"Unreadable": f"{type(error).__name__}: {error}"[:200]}


def _facts(certificate: x509.Certificate) -> Iterator[tuple[str, Any]]:
    yield "Subject", certificate.subject.rfc4514_string()
    yield "CommonName", common_name(certificate.subject)
    yield "Issuer", certificate.issuer.rfc4514_string()
    yield "IssuerName", issuer_label(certificate.issuer)
    yield "IssuerOrganization", _organization(certificate.issuer)
    yield "Serial", f"{certificate.serial_number:X}"
    yield "NotBefore", rfc3339(certificate.not_valid_before_utc.timestamp())
    yield "NotAfter", rfc3339(certificate.not_valid_after_utc.timestamp())
    kind, bits, curve = _key(certificate)
    yield "KeyType", kind
    yield "KeyBits", bits
    if curve:
        yield "Curve", curve
    yield "SignatureHash", _hash(certificate)
    yield "SelfIssued", certificate.issuer == certificate.subject and signed(certificate, certificate)
    extensions = {extension.oid: extension.value for extension in certificate.extensions}
    basic = extensions.get(x509.BasicConstraints.oid)
    yield "IsCa", bool(isinstance(basic, x509.BasicConstraints) and basic.ca)
    yield from _names(extensions.get(x509.SubjectAlternativeName.oid))
    feature = extensions.get(x509.TLSFeature.oid)
    yield "MustStaple", isinstance(feature, x509.TLSFeature) and x509.TLSFeatureType.status_request in feature
    yield "CrlUrls", list(_crls(extensions.get(x509.CRLDistributionPoints.oid)))
    access = extensions.get(x509.AuthorityInformationAccess.oid)
    wanted = {"OcspUrls": AuthorityInformationAccessOID.OCSP, "IssuerUrls": AuthorityInformationAccessOID.CA_ISSUERS}
    for field, method in wanted.items():
        urls = (
            []
            if not isinstance(access, x509.AuthorityInformationAccess)
            else [one.access_location.value for one in access if one.access_method == method]
        )
        yield field, [str(url) for url in urls][:4]


def common_name(name: x509.Name) -> str:
    """The common name, or what stands in its place."""
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.ORGANIZATION_NAME):
        if found := name.get_attributes_for_oid(oid):
            return str(found[0].value)
    return name.rfc4514_string()


def issuer_label(name: x509.Name) -> str:
    """Organization and common name, as people know an issuer: `Let's Encrypt R11`."""
    owner, common = _organization(name), common_name(name)
    return common if owner in common else f"{owner} {common}"


def _organization(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return str(found[0].value) if found else ""


def _key(certificate: x509.Certificate) -> tuple[str, int, str]:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA", key.key_size, ""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return (
            "EC",
            key.curve.key_size,
            {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}.get(key.curve.name, key.curve.name),
        )
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519", 256, ""
    if isinstance(key, ed448.Ed448PublicKey):
        return "Ed448", 456, ""
    if isinstance(key, dsa.DSAPublicKey):
        return "DSA", key.key_size, ""
    return type(key).__name__.removesuffix("PublicKey").strip("_"), 0, ""


def _hash(certificate: x509.Certificate) -> str:
    """`SHA256`...; for the Edwards curves, which bring their own, the name of the signature."""
    algorithm = certificate.signature_hash_algorithm
    if algorithm is not None:
        return algorithm.name.upper()
    return str(getattr(certificate.signature_algorithm_oid, "_name", certificate.signature_algorithm_oid.dotted_string))


def _names(names: object) -> Iterator[tuple[str, Any]]:
    listed = list(names) if isinstance(names, x509.SubjectAlternativeName) else []
    yield "DnsNames", [name.value for name in listed if isinstance(name, x509.DNSName)][:MOST_NAMES]
    yield "IpAddresses", [str(name.value) for name in listed if isinstance(name, x509.IPAddress)][:MOST_NAMES]
    if len(listed) > MOST_NAMES:
        yield "NamesInAll", len(listed)


def _crls(points: object) -> Iterator[str]:
    for point in points if isinstance(points, x509.CRLDistributionPoints) else ():
        for name in point.full_name or ():
            if isinstance(name, x509.UniformResourceIdentifier):
                yield str(name.value)
