"""A certificate authority for simulated servers: good certificates, and every kind of bad one."""

import datetime
import functools
import ipaddress

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_SHA256_RSA, _SHA1_RSA = bytes.fromhex("06092a864886f70d01010b"), bytes.fromhex("06092a864886f70d010105")


class Pair(msgspec.Struct, frozen=True):
    """A certificate with its key, and the certificates above it, nearest first."""

    certificate: x509.Certificate
    key: Key
    above: tuple[x509.Certificate, ...] = ()

    @property
    def pem(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def chain_pem(self) -> bytes:
        """The certificate and what is above it, but for the root."""
        return self.pem + b"".join(
            one.public_bytes(serialization.Encoding.PEM) for one in self.above if one.issuer != one.subject
        )

    @property
    def key_pem(self) -> bytes:
        """The key, unencrypted."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


@functools.cache
def rsa_key(bits: int, number: int = 0) -> rsa.RSAPrivateKey:
    """An RSA key; the same for the same arguments, since making one takes up to a second."""
    return rsa.generate_private_key(65537, bits)


def now() -> datetime.datetime:
    """UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


_ISSUER_URL = x509.AccessDescription(
    AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier("http://127.0.0.1:9/issuer.der")
)


class Authority:
    """A root and one intermediate. `crl_url` goes into the certificates it issues; days are counted from now."""

    def __init__(self, organization: str, crl_url: str | None = None) -> None:
        self.organization = organization
        self.crl_url = crl_url
        self.root = self._ca(f"{organization} Root", None, 3650)
        self.intermediate = self._ca(f"{organization} Issuing CA 1", self.root, 1825)
        self.revoked: dict[int, datetime.datetime] = {}

    def other_intermediate(self, name: str, days: float = 1825, begins: float = -400) -> Pair:
        """One more intermediate below the root."""
        return self._ca(name, self.root, days, begins)

    def issue(
        self,
        *names: str,
        days: float = 90,
        left: float | None = None,
        key: Key | None = None,
        by: Pair | None = None,
        common_name: str | None = None,
        must_staple: bool = False,
        crl: bool = True,
        issuer_url: bool = True,
        sha1: bool = False,
    ) -> Pair:
        """A certificate for these names or addresses, with a life of `days`, of which `left` (default: two thirds)
        are to come; negative: it has expired.
        """
        by = by or self.intermediate
        key = key or ec.generate_private_key(ec.SECP256R1())
        ends = now() + datetime.timedelta(days=days * 2 / 3 if left is None else left)
        builder = _builder(
            common_name or (names[0] if names else "nobody"),
            self.organization if common_name else None,
            key,
            by.certificate.subject,
        )
        builder = builder.not_valid_before(ends - datetime.timedelta(days=days)).not_valid_after(ends)
        builder = builder.add_extension(x509.BasicConstraints(False, None), True)
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), False
        )
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key()), False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), False)
        if must_staple:
            builder = builder.add_extension(x509.TLSFeature([x509.TLSFeatureType.status_request]), False)
        if crl and self.crl_url is not None:
            point = x509.DistributionPoint([x509.UniformResourceIdentifier(self.crl_url)], None, None, None)
            builder = builder.add_extension(x509.CRLDistributionPoints([point]), False)
        if issuer_url:
            builder = builder.add_extension(x509.AuthorityInformationAccess([_ISSUER_URL]), False)
        made = builder.sign(by.key, hashes.SHA256())
        return Pair(_signed_with_sha1(made, by.key) if sha1 else made, key, (by.certificate, *by.above))

    def revoke(self, pair: Pair) -> None:
        """Take a certificate back, as of an hour ago."""
        self.revoked[pair.certificate.serial_number] = now() - datetime.timedelta(hours=1)

    def crl(self, *, stale: bool = False) -> bytes:
        """The list of what was taken back, DER, signed by the intermediate."""
        begins = now() - datetime.timedelta(days=9 if stale else 1)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.intermediate.certificate.subject)
        builder = builder.last_update(begins).next_update(begins + datetime.timedelta(days=7))
        for serial, at in self.revoked.items():
            one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at)
            builder = builder.add_revoked_certificate(
                one.add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), False).build()
            )
        return builder.sign(self.intermediate.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def staple(self, pair: Pair, *, revoked: bool = False, stale: bool = False) -> bytes:
        """An OCSP response for a certificate, DER."""
        begins = now() - datetime.timedelta(days=9 if stale else 1)
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=pair.certificate,
            issuer=self.intermediate.certificate,
            algorithm=hashes.SHA1(),
            cert_status=ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD,
            this_update=begins,
            next_update=begins + datetime.timedelta(days=7),
            revocation_time=now() - datetime.timedelta(hours=1) if revoked else None,
            revocation_reason=x509.ReasonFlags.key_compromise if revoked else None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, self.intermediate.certificate)
        return builder.sign(self.intermediate.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def _ca(self, name: str, by: Pair | None, days: float, begins: float = -400) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, self.organization),
                x509.NameAttribute(NameOID.COMMON_NAME, name),
            ]
        )
        builder = _builder(name, self.organization, key, by.certificate.subject if by else subject)
        starts = now() + datetime.timedelta(days=begins)
        builder = builder.not_valid_before(starts).not_valid_after(starts + datetime.timedelta(days=days))
        usage = dict.fromkeys(
            (
                "digital_signature",
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "encipher_only",
                "decipher_only",
            ),
            False,
        )
        builder = builder.add_extension(x509.BasicConstraints(True, None), True)
        builder = builder.add_extension(x509.KeyUsage(**usage, key_cert_sign=True, crl_sign=True), True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        made = builder.sign(by.key if by else key, hashes.SHA256())
        return Pair(made, key, (by.certificate, *by.above) if by else ())


def self_signed(*names: str, days: float = 90) -> Pair:
    """A certificate that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    builder = _builder(names[0], None, key, subject)
    builder = builder.not_valid_before(now() - datetime.timedelta(days=days / 3)).not_valid_after(
        now() + datetime.timedelta(days=days * 2 / 3)
    )
    builder = builder.add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), False)
    return Pair(builder.sign(key, hashes.SHA256()), key)


def _builder(name: str, organization: str | None, key: Key, issuer: x509.Name) -> x509.CertificateBuilder:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, name[:64])]
    if organization:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    builder = x509.CertificateBuilder().subject_name(x509.Name(parts)).issuer_name(issuer)
    return builder.public_key(key.public_key()).serial_number(x509.random_serial_number())


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _signed_with_sha1(made: x509.Certificate, key: Key) -> x509.Certificate:
    """The same certificate under a SHA-1 signature, which `cryptography` no longer makes: both names of the
    algorithm changed, signed anew by hand.
    """
    assert isinstance(key, rsa.RSAPrivateKey)
    body = made.tbs_certificate_bytes.replace(_SHA256_RSA, _SHA1_RSA, 1)
    signature = key.sign(body, padding.PKCS1v15(), hashes.SHA1())
    whole = made.public_bytes(serialization.Encoding.DER)
    assert len(signature) == len(made.signature)
    start = whole.index(made.tbs_certificate_bytes)
    end = start + len(body)
    return x509.load_der_x509_certificate(
        whole[:start] + body + whole[end:].replace(_SHA256_RSA, _SHA1_RSA, 1).replace(made.signature, signature)
    )


def rsa_intermediate(authority: Authority, name: str) -> Pair:
    """An intermediate with an RSA key, for signatures that only RSA makes."""
    key = rsa_key(2048, 9)
    builder = _builder(name, authority.organization, key, authority.root.certificate.subject)
    builder = builder.not_valid_before(now() - datetime.timedelta(days=400)).not_valid_after(
        now() + datetime.timedelta(days=1400)
    )
    builder = builder.add_extension(x509.BasicConstraints(True, None), True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    return Pair(builder.sign(authority.root.key, hashes.SHA256()), key, (authority.root.certificate,))
