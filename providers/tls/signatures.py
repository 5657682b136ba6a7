"""Whose key made a signature: on a certificate, or on an OCSP response."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.x509 import ocsp

BROKEN_HASHES = (hashes.SHA1, hashes.MD5)
"""Somebody else can make a second text with the same digest."""


def signed(child: x509.Certificate, parent: x509.Certificate) -> bool:
    """Whether `parent`'s key made `child`'s signature; also where it is SHA-1, which `cryptography` no longer
    verifies in certificates.
    """
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
        if (
            not isinstance(key, rsa.RSAPublicKey)
            or child.issuer != parent.subject
            or not isinstance(child.signature_hash_algorithm, BROKEN_HASHES)
        ):
            return False
        key.verify(child.signature, child.tbs_certificate_bytes, padding.PKCS1v15(), child.signature_hash_algorithm)
    except Exception:  # noqa: BLE001 - not a signature of this key, in whatever way
        return False
    return True


def answered_by(answer: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    """Whether `signer`'s key made the signature of an OCSP response, over a hash that still counts."""
    try:
        key, algorithm = signer.public_key(), answer.signature_hash_algorithm
        if isinstance(algorithm, BROKEN_HASHES):
            return False
        if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(answer.signature, answer.tbs_response_bytes)
        elif isinstance(key, rsa.RSAPublicKey) and algorithm is not None:
            key.verify(answer.signature, answer.tbs_response_bytes, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm is not None:
            key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(algorithm))
        else:
            return False
    except Exception:  # noqa: BLE001 - not a signature of this key, in whatever way
        return False
    return True
