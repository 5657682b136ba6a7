"""Whether a certificate was taken back: by the OCSP staple a server sends (RFC 6960), else by its issuer's CRL (RFC 5280 5), fetched from where it says.

A CRL is fetched only for a certificate whose chain leads to a trusted root: else any server could make us ask any address it names in a certificate.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from posture.clock import Seconds, Utc, rfc3339
from providers.source import TALLY
from providers.tls.certificates import Facts
from providers.tls.trust import signed

MOST_BYTES = 32 << 20
"""A longer CRL is not read; the longest of public CAs have some 10 MB."""
LIMIT: Seconds = 20.0
LONGEST: Seconds = 6 * 3600.0
"""A CRL is fetched again after this long even if it is valid for longer (the cold cadence)."""
PAUSE: Seconds = 300.0
"""How long a CRL that could not be fetched is left alone."""


class Crl(msgspec.Struct):
    """A list as fetched; `wrong` says why there is none."""

    listed: x509.CertificateRevocationList | None
    fetched_at: Utc
    wrong: str = ""


class Revocations:
    """The CRLs of all endpoints, each fetched once. `now` gives UTC seconds."""

    def __init__(self, now: Callable[[], Utc]) -> None:
        self._now = now
        self._crls: dict[str, Crl] = {}
        self._fetching: dict[str, asyncio.Lock] = {}

    async def look(self, chain: Sequence[bytes], issuer: x509.Certificate | None, staple: bytes | None, *, trusted: bool) -> Facts:
        """What is known of the leaf's revocation. Raises nothing that a server could cause."""
        try:
            leaf = x509.load_der_x509_certificate(chain[0])
        except Exception:  # noqa: BLE001 - a hostile certificate makes the parser raise whatever it likes
            return {"By": "none", "Why": "the certificate cannot be read"}
        told = by_staple(leaf, issuer, staple) if staple else None
        if told is not None and told["Status"] != "unverified":
            return told
        if issuer is None or not trusted:
            return told or {"By": "none", "Why": "its issuer is not trusted, so what it says of revocation is not followed"}
        urls = _urls(leaf)
        if not urls:
            return told or {"By": "none", "Why": _no_way(leaf)}
        return await self._by_crl(leaf, issuer, urls[0])

    async def _by_crl(self, leaf: x509.Certificate, issuer: x509.Certificate, url: str) -> Facts:
        async with self._fetching.setdefault(url, asyncio.Lock()):
            kept = self._crls.get(url)
            if kept is None or self._now() >= _again(kept):
                fresh = await self._fetch(url, issuer)
                if fresh.listed is None and kept is not None and kept.listed is not None:
                    fresh = msgspec.structs.replace(kept, wrong=fresh.wrong, fetched_at=self._now())
                kept = self._crls[url] = fresh
        if kept.listed is None:
            return {"By": "crl", "Url": url, "Status": "unanswered", "Why": kept.wrong}
        return _judged_by(kept.listed, leaf, url)

    async def _fetch(self, url: str, issuer: x509.Certificate) -> Crl:
        try:
            body = await _get(url)
            listed = _parsed(body)
            if listed.issuer != issuer.subject or not listed.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]  # a key that cannot sign raises
                return Crl(None, self._now(), "not signed by the certificate's issuer")
        except Exception as error:  # noqa: BLE001 - the network, the server and the parser can each fail in their own ways; all of them mean: no CRL
            return Crl(None, self._now(), f"{type(error).__name__}: {error}"[:200])
        return Crl(listed, self._now())


def _urls(leaf: x509.Certificate) -> list[str]:
    try:
        points = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except Exception:  # noqa: BLE001 - none, or not readable
        return []
    names = [name.value for point in points for name in point.full_name or () if isinstance(name, x509.UniformResourceIdentifier)]
    return [name for name in names if name.startswith(("http://", "https://"))]


def _no_way(leaf: x509.Certificate) -> str:
    try:
        leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except Exception:  # noqa: BLE001 - none, or not readable
        return "no staple, and the certificate names no CRL"
    return "no staple, and the certificate names no CRL; OCSP responders are not asked, since they learn who looks at whom"


async def _get(url: str) -> bytes:
    TALLY.get().calls += 1
    timeout = aiohttp.ClientTimeout(total=LIMIT)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session, session.get(url, allow_redirects=False) as response:
        if response.status != 200:
            raise ValueError(f"HTTP {response.status}")
        body = await response.content.read(MOST_BYTES + 1)
        while len(body) <= MOST_BYTES and (more := await response.content.read(MOST_BYTES + 1 - len(body))):
            body += more
        if len(body) > MOST_BYTES:
            raise ValueError(f"longer than {MOST_BYTES} bytes")
        return body


def _parsed(body: bytes) -> x509.CertificateRevocationList:
    return x509.load_pem_x509_crl(body) if body.startswith(b"-----") else x509.load_der_x509_crl(body)


def _again(kept: Crl) -> Utc:
    if kept.listed is None or kept.wrong:
        return kept.fetched_at + PAUSE
    following = kept.listed.next_update_utc
    due = kept.fetched_at + LONGEST
    return due if following is None else max(kept.fetched_at + PAUSE, min(due, following.timestamp()))


def _judged_by(listed: x509.CertificateRevocationList, leaf: x509.Certificate, url: str) -> Facts:
    told: dict[str, Any] = {"By": "crl", "Url": url, "Status": "good", "ThisUpdate": rfc3339(listed.last_update_utc.timestamp())}
    if listed.next_update_utc is not None:
        told["NextUpdate"] = rfc3339(listed.next_update_utc.timestamp())
    revoked = listed.get_revoked_certificate_by_serial_number(leaf.serial_number)
    if revoked is not None:
        told |= {"Status": "revoked", "RevokedAt": rfc3339(revoked.revocation_date_utc.timestamp())}
        try:
            told["Reason"] = revoked.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
        except x509.ExtensionNotFound:
            told["Reason"] = "unspecified"
    return told


def by_staple(leaf: x509.Certificate, issuer: x509.Certificate | None, staple: bytes) -> dict[str, Any]:
    """What a staple says of the leaf: `good`, `revoked`, `unknown`; `unverified` where it is not of this certificate or not signed by its issuer."""
    told: dict[str, Any] = {"By": "staple", "Status": "unverified"}
    try:
        answer = ocsp.load_der_ocsp_response(staple)
        if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return {**told, "Why": f"the responder answered {answer.response_status.name.lower()}"}
        if answer.serial_number != leaf.serial_number:
            return {**told, "Why": "the staple is of another certificate"}
        if issuer is None or not _staple_signed(answer, issuer):
            return {**told, "Why": "the staple is not signed by the certificate's issuer"}
        told |= {"Status": answer.certificate_status.name.lower(), "ThisUpdate": rfc3339(answer.this_update_utc.timestamp())}
        if answer.next_update_utc is not None:
            told["NextUpdate"] = rfc3339(answer.next_update_utc.timestamp())
        if answer.revocation_time_utc is not None:
            reason = answer.revocation_reason
            told |= {"RevokedAt": rfc3339(answer.revocation_time_utc.timestamp()), "Reason": reason.value if reason else "unspecified"}
    except Exception as error:  # noqa: BLE001 - a hostile staple makes the parser raise whatever it likes
        return {"By": "staple", "Status": "unverified", "Why": f"{type(error).__name__}: {error}"[:200]}
    return told


def _staple_signed(answer: ocsp.OCSPResponse, issuer: x509.Certificate) -> bool:
    """By the issuer itself, or by a responder it has certified for that (RFC 6960 4.2.2.2)."""
    signers = [issuer]
    for delegate in answer.certificates[:4]:
        try:
            usage = delegate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except x509.ExtensionNotFound:
            continue
        if ExtendedKeyUsageOID.OCSP_SIGNING in usage and signed(delegate, issuer):
            signers.append(delegate)
    return any(_made_by(answer, signer) for signer in signers)


def _made_by(answer: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    key, algorithm = signer.public_key(), answer.signature_hash_algorithm
    try:
        if isinstance(key, rsa.RSAPublicKey) and algorithm is not None:
            key.verify(answer.signature, answer.tbs_response_bytes, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm is not None:
            key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(algorithm))
        else:
            return False
    except Exception:  # noqa: BLE001 - not a signature of this key, in whatever way
        return False
    return True
