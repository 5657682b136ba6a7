"""What any answer may be, whichever system gives it: how many bytes, how many pages, how long; and which way it may
travel.
"""

import asyncio
import contextlib
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from posture.clock import Seconds
from posture.fault import Fault, FaultKind, Refused
from posture.loopback import is_loopback

CHUNK = 1 << 16


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How long a system is waited for, how much of it is read, and how often it is asked. A room that knows better has
    a constant of its own beside it and takes the smaller of the two.
    """

    connect: Seconds = 5.0
    """For a TCP connection: a lost SYN is sent again after 1 s and 3 s."""
    read: Seconds = 20.0
    """Without a byte."""
    whole: Seconds = 60.0
    """From the request to the last byte of its answer."""
    most_bytes: int = 64 << 20
    """Of one answer, decoded. The longest known is a list of a million Vault accessors, 40 MB."""
    most_pages: int = 10_000
    """Of one listing: ten million rows at a thousand a page."""
    attempts: int = 5
    """How often a throttled call is tried, the first included."""
    transient_attempts: int = 3
    """How often a call is tried that got a 5xx or a broken connection."""
    pause: Seconds = 0.5
    """Before what may pass is asked again, at first."""
    longest_wait: Seconds = 60.0
    """A longer Retry-After is not slept out in the lane: calls fail as throttled, unsent, until it is over, and their
    source is asked again on its cadence.
    """
    first_retry: Seconds = 2.0
    """Before a source is polled again after a failure that may pass; doubled each time, never longer than the
    cadence.
    """
    pace: float = 1.0
    """Requests are made at the rate of a system's budgets times this; more only of a system that is simulated."""


USUAL = Limits()


class TooLongError(ValueError):
    """An answer that is longer than it may be."""

    def __init__(self, most: int) -> None:
        super().__init__(f"longer than {most} bytes")


async def read_all(chunks: AsyncIterator[bytes], most: int = USUAL.most_bytes) -> bytes:
    """The decoded body of an answer. Raises `TooLongError`, having kept no more than `most` bytes and a chunk."""
    held = bytearray()  # a list of chunks of a byte each would be 40 times as long
    async for chunk in chunks:
        held += chunk
        if len(held) > most:
            raise TooLongError(most)
    return bytes(held)


def read_whole(
    chunks: Iterable[bytes], ends_at: Seconds, now: Callable[[], Seconds], most: int = USUAL.most_bytes
) -> bytes:
    """As `read_all`, for a client that blocks. `now` gives monotonic seconds; raises TimeoutError where the answer
    goes on after `ends_at`.
    """
    held = bytearray()
    for chunk in chunks:
        held += chunk
        if len(held) > most:
            raise TooLongError(most)
        if now() > ends_at:
            raise TimeoutError("the answer was not whole in time")
    return bytes(held)


@contextlib.asynccontextmanager
async def whole_answer(limit: Seconds = USUAL.whole) -> AsyncIterator[None]:
    """Raise TimeoutError, in words, where an answer is not whole in time: a timeout between bytes alone lets a slow
    drip go on for ever.
    """
    try:
        async with asyncio.timeout(limit) as deadline:
            yield
    except TimeoutError:
        if deadline.expired():
            raise TimeoutError(f"the answer was not whole after {limit:g} s") from None
        raise


class Pages:
    """Follows a listing from page to page, and ends one that does not end by itself."""

    def __init__(self, operation: str, most: int = USUAL.most_pages) -> None:
        self._operation = operation
        self._most = most
        self._followed: set[int] = set()  # hashes: a token may be as long as an answer

    def follow(self, token: str) -> None:
        """The listing goes on at `token`, a page token or link. Raises `Refused` where it was there before, or has
        gone on too long.
        """
        if hash(token) in self._followed:
            raise Refused(
                Fault(
                    FaultKind.ERROR,
                    "LoopingListing",
                    self._operation,
                    f"page {len(self._followed) + 1} leads back to an earlier one",
                )
            )
        self._followed.add(hash(token))
        if len(self._followed) >= self._most:
            raise Refused(Fault(FaultKind.ERROR, "EndlessListing", self._operation, f"more than {self._most} pages"))


def proxies_for(url: str) -> dict[str, str]:
    """The environment's proxies by scheme (`HTTPS_PROXY`, `NO_PROXY`), none for this machine: a token for it must
    not leave it. ~/.netrc is not read.
    """
    host = urlsplit(url).hostname or ""
    if is_loopback(host) or urllib.request.proxy_bypass(host):
        return {}
    return {scheme: proxy for scheme, proxy in urllib.request.getproxies().items() if scheme in {"http", "https"}}


def proxy_for(url: str) -> str | None:
    """The proxy that a request to `url` goes through; None for none."""
    return proxies_for(url).get(urlsplit(url).scheme)


def hang_up(manager: Any) -> None:
    """Close the idle connections of urllib3's `PoolManager` now: `clear` leaves them to the garbage collector."""
    for key in list(manager.pools.keys()):
        if (pool := manager.pools.get(key)) is not None:
            pool.close()
    manager.clear()
