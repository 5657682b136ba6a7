"""Whether a certificate was taken back: by the OCSP staple a server sends (RFC 6960) and by its issuer's CRL (RFC 5280
5), fetched from where it says.

Of the two the worse counts: whoever stands between may choose which of an authority's signed answers we get. A CRL is
fetched only for a certificate whose chain leads to a trusted root: else any server could make us ask any address it
names in a certificate.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import aiohttp
import msgspec
from cryptography import x509

from posture.clock import Seconds, Utc, parse_rfc3339
from providers.limits import CHUNK, USUAL, Limits, proxy_for, read_all
from providers.source import TALLY
from providers.tls.certificates import Facts, common_name
from providers.tls.crl import Crl, check, covers, ends, parsed, said
from providers.tls.staple import Unfit, by_staple
from providers.tls.trust import fingerprint_of

MOST_BYTES = 32 << 20
"""A longer CRL is not read; the longest of public CAs have some 10 MB."""
MOST_POINTS = 3
"""Addresses of one certificate that are asked, one after the other, until one answers."""
MOST_ABOVE = 4
"""Intermediates that are looked up."""
LIMIT: Seconds = 20.0
LONGEST: Seconds = 6 * 3600.0
"""A CRL is fetched again after this long even if it is valid for longer (the cold cadence)."""
_NOT_FOLLOWED = "its chain is not trusted, so what it says of revocation is not followed"
PAUSE: Seconds = 300.0
"""How long a CRL that could not be fetched is left alone."""


class Revocations:
    """The CRLs of all endpoints, each fetched once. `now` gives UTC seconds."""

    def __init__(self, now: Callable[[], Utc], limits: Limits = USUAL) -> None:
        self._now = now
        self._limit, self._most = min(LIMIT, limits.whole), min(MOST_BYTES, limits.most_bytes)
        self._crls: dict[tuple[str, str], Crl] = {}
        self._fetching: dict[str, asyncio.Lock] = {}

    async def look(
        self,
        chain: Sequence[bytes],
        issuer: x509.Certificate | None,
        staple: bytes | None,
        *,
        trusted: bool,
        above: Sequence[x509.Certificate] = (),
    ) -> Facts:
        """What is known of the leaf's revocation: the worst word, with the other one as `Beside`, and as `Above` what
        is known of the intermediates.

        `above` runs from the leaf's issuer to the root. Raises nothing that a server could cause.
        """
        try:
            leaf = x509.load_der_x509_certificate(chain[0])
            points = list(_points(leaf))
        except Exception:  # noqa: BLE001 - a hostile certificate makes the parser raise whatever it likes
            return {"By": "none", "Why": "the certificate cannot be read"}
        words = [by_staple(leaf, issuer, staple, self._now())] if staple else []
        if issuer is None or not trusted:
            return next((one for one in words if one["Status"] == "revoked"), {"By": "none", "Why": _NOT_FOLLOWED})
        if points:
            words.append(await self._by_crl(leaf, issuer, points))
        told = self._worst(words) if words else {"By": "none", "Why": _no_way(leaf)}
        higher = [found async for found in self._above(above)]
        return {**told, "Above": higher} if higher else told

    def _worst(self, words: Sequence[Facts]) -> Facts:
        """An answer that does not count says nothing: the other one stands. Both are told."""
        first, *others = sorted(words, key=self._weight)
        return {**first, "Beside": others[0]} if others else first

    def _weight(self, told: Facts) -> int:
        match told["Status"]:
            case "revoked":
                return 0
            case "unknown" if parse_rfc3339(told["NextUpdate"]) > self._now():
                return 1
            case "good":
                return 2 if parse_rfc3339(told["NextUpdate"]) > self._now() else 3
            case _:
                return 4

    async def _above(self, above: Sequence[x509.Certificate]) -> AsyncIterator[Facts]:
        for number, (one, issuer) in enumerate(itertools.pairwise(above)):
            try:
                points, name = list(_points(one)), common_name(one.subject)
            except Exception:  # noqa: BLE001 - as above
                yield {
                    "Certificate": "?",
                    "By": "crl",
                    "Status": "unanswered",
                    "Why": "where it is listed cannot be read",
                }
                continue
            if points and number >= MOST_ABOVE:
                yield {
                    "Certificate": name,
                    "By": "crl",
                    "Status": "unanswered",
                    "Why": f"not asked: only {MOST_ABOVE} intermediates are",
                }
            elif points:
                yield {"Certificate": name, **await self._by_crl(one, issuer, points)}

    async def _by_crl(
        self,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        points: Sequence[tuple[str, x509.DistributionPoint]],
    ) -> Facts:
        """The word of the first list that has one."""
        first: Facts | None = None
        for url, point in points[:MOST_POINTS]:
            try:
                listed = await self._list(url, issuer)
                covers(listed, certificate, point)
                return said(listed, certificate, url)
            except Unfit as unfit:
                first = first or {"By": "crl", "Url": url, "Status": "unanswered", "Why": str(unfit)}
            except Exception as error:  # noqa: BLE001 - extensions are parsed late, and a hostile list makes the parser raise whatever it likes
                first = first or {
                    "By": "crl",
                    "Url": url,
                    "Status": "unanswered",
                    "Why": f"{type(error).__name__}: {error}"[:200],
                }
        assert first is not None
        return first

    async def _list(self, url: str, issuer: x509.Certificate) -> x509.CertificateRevocationList:
        """The list at this address, if it is this issuer's. Raises `Unfit`."""
        async with self._fetching.setdefault(url, asyncio.Lock()):
            key = url, fingerprint_of(issuer)
            kept = self._crls.get(key)
            if kept is None or not kept.fetched_at <= self._now() < _again(kept):
                fresh = await self._fetch(url, issuer)
                if fresh.listed is None and kept is not None and kept.listed is not None:
                    fresh = msgspec.structs.replace(kept, wrong=fresh.wrong, fetched_at=self._now())
                kept = self._crls[key] = fresh
        if kept.listed is None:
            raise Unfit(kept.wrong)
        return kept.listed

    async def _fetch(self, url: str, issuer: x509.Certificate) -> Crl:
        try:
            listed = parsed(await self._get(url))
            check(listed, issuer, self._now())
        except Unfit as unfit:
            return Crl(None, self._now(), str(unfit))
        except Exception as error:  # noqa: BLE001 - the network, the server and the parser can each fail in their own ways; all of them mean: no CRL
            return Crl(None, self._now(), f"{type(error).__name__}: {error}"[:200])
        return Crl(listed, self._now())

    async def _get(self, url: str) -> bytes:
        """Without what the environment and ~/.netrc would add, but for the proxy: a certificate names the host, and
        that host gets no password of ours.
        """
        TALLY.get().calls += 1
        timeout = aiohttp.ClientTimeout(total=self._limit)
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.get(url, allow_redirects=False, proxy=proxy_for(url)) as response,
        ):
            if response.status != 200:
                raise ValueError(f"HTTP {response.status}")
            return await read_all(response.content.iter_chunked(CHUNK), self._most)


def _points(certificate: x509.Certificate) -> Iterator[tuple[str, x509.DistributionPoint]]:
    """Where its revocation is listed, whole and by its own issuer. Raises what the parser raises."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return
    for point in points:
        for name in point.full_name or ():
            whole = not point.reasons and not point.crl_issuer
            if (
                whole
                and isinstance(name, x509.UniformResourceIdentifier)
                and name.value.startswith(("http://", "https://"))
            ):
                yield name.value, point


def _no_way(leaf: x509.Certificate) -> str:
    try:
        leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except Exception:  # noqa: BLE001 - none, or not readable
        return "no staple, and the certificate names no CRL"
    return (
        "no staple, and the certificate names no CRL; OCSP responders are not asked, since they learn who looks at whom"
    )


def _again(kept: Crl) -> Utc:
    if kept.listed is None or kept.wrong:
        return kept.fetched_at + PAUSE
    return max(kept.fetched_at + PAUSE, min(kept.fetched_at + LONGEST, ends(kept.listed)))
