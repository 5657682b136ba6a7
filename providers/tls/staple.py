"""What an OCSP staple says, and whether it may say it: of this certificate, by its issuer or a responder of the
issuer's, and now (RFC 6960 3.2, 4.2.2).
"""

import time
from collections.abc import Iterator
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from posture.clock import Seconds, Utc, rfc3339
from posture.controls.tls.revocation import SKEW
from providers.tls.certificates import Facts
from providers.tls.signatures import BROKEN_HASHES, answered_by, signed

UNLIMITED: Seconds = 7 * 86400.0
"""How long an answer counts that does not say until when (RFC 6960 leaves it open; the CA/B Forum allows ten days at
most).
"""


class Unfit(Exception):
    """An answer that says nothing of this certificate now; the text says why."""


def by_staple(leaf: x509.Certificate, issuer: x509.Certificate | None, staple: bytes, now: Utc | None = None) -> Facts:
    """`good`, `revoked` or `unknown` with its window, or `unverified` with `Why`. A good answer past its window
    keeps its status: its `NextUpdate` tells.
    """
    try:
        return {
            "By": "staple",
            **_told(leaf, issuer, ocsp.load_der_ocsp_response(staple), time.time() if now is None else now),
        }
    except Unfit as unfit:
        why = str(unfit)
    except Exception as error:  # noqa: BLE001 - a hostile staple makes the parser raise whatever it likes
        why = f"{type(error).__name__}: {error}"[:200]
    return {"By": "staple", "Status": "unverified", "Why": why}


def _told(
    leaf: x509.Certificate, issuer: x509.Certificate | None, answer: ocsp.OCSPResponse, now: Utc
) -> dict[str, Any]:
    if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise Unfit(f"the responder answered {answer.response_status.name.lower()}")
    single = next((one for one in answer.responses if one.serial_number == leaf.serial_number), None)
    if single is None:
        raise Unfit("the staple is of another certificate")
    if issuer is None or not _names(single, issuer):
        raise Unfit("the staple names another issuer")
    if not any(answered_by(answer, signer) for signer in _signers(answer, issuer, now)):
        raise Unfit(
            "the staple is not signed by the certificate's issuer, nor by a responder of the issuer's that is in date"
        )
    if any(extension.critical for extension in (*answer.extensions, *answer.single_extensions)):
        raise Unfit("the staple has a critical extension that is not known")
    begins = single.this_update_utc.timestamp()
    if begins > now + SKEW:
        raise Unfit(f"the staple is not valid before {rfc3339(begins)}")
    ends = begins + UNLIMITED if single.next_update_utc is None else single.next_update_utc.timestamp()
    if single.next_update_utc is None and ends <= now:
        raise Unfit(f"the staple is of {rfc3339(begins)} and does not say until when it counts")
    told = {
        "Status": single.certificate_status.name.lower(),
        "ThisUpdate": rfc3339(begins),
        "NextUpdate": rfc3339(ends),
    }
    if single.revocation_time_utc is not None:
        reason = single.revocation_reason
        if reason is x509.ReasonFlags.certificate_hold and ends <= now:
            raise Unfit("the staple is out of date and says that the certificate is on hold")
        told |= {
            "RevokedAt": rfc3339(single.revocation_time_utc.timestamp()),
            "Reason": reason.value if reason else "unspecified",
        }
    return told


def _names(single: ocsp.OCSPSingleResponse, issuer: x509.Certificate) -> bool:
    """Whether the answer is of this issuer's certificates: a serial number says nothing without it."""
    algorithm = single.hash_algorithm
    point = issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return single.issuer_name_hash == _digest(
        algorithm, issuer.subject.public_bytes()
    ) and single.issuer_key_hash == _digest(algorithm, _key_bits(point))


def _digest(algorithm: hashes.HashAlgorithm, data: bytes) -> bytes:
    digest = hashes.Hash(algorithm)
    digest.update(data)
    return digest.finalize()


def _key_bits(info: bytes) -> bytes:
    """The BIT STRING of a SubjectPublicKeyInfo, without its count of unused bits (RFC 6960 4.1.1): the last element
    of the outer SEQUENCE.
    """
    at, _ = _content(info, 0)
    first, length = _content(info, at)
    start, size = _content(info, first + length)
    return info[start + 1 : start + size]


def _content(data: bytes, at: int) -> tuple[int, int]:
    """Where the content of the DER element at `at` begins, and its length."""
    length = data[at + 1]
    if length < 0x80:
        return at + 2, length
    many = length & 0x7F
    return at + 2 + many, int.from_bytes(data[at + 2 : at + 2 + many], "big")


def _signers(answer: ocsp.OCSPResponse, issuer: x509.Certificate, now: Utc) -> Iterator[x509.Certificate]:
    """The issuer itself, and the responders it has certified for that (RFC 6960 4.2.2.2)."""
    yield issuer
    for delegate in answer.certificates[:4]:
        try:
            usage = delegate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except x509.ExtensionNotFound:
            continue
        if not _may_sign(delegate):
            continue
        unknown = any(one.critical and isinstance(one.value, x509.UnrecognizedExtension) for one in delegate.extensions)
        in_date = delegate.not_valid_before_utc.timestamp() <= now <= delegate.not_valid_after_utc.timestamp()
        if ExtendedKeyUsageOID.OCSP_SIGNING in usage and in_date and not unknown and signed(delegate, issuer):
            yield delegate


def _may_sign(delegate: x509.Certificate) -> bool:
    """Whether its key is for signing answers (RFC 5280 4.2.1.12), and its own signature not of a kind that others
    can make.
    """
    if isinstance(delegate.signature_hash_algorithm, BROKEN_HASHES):
        return False
    try:
        usage = delegate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.digital_signature or usage.content_commitment
