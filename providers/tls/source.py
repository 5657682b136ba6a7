"""The endpoints of a tenant: each probed on the live cadence, and in full on the warm one, a few in every round so
that there is never a burst.
"""

import asyncio
import logging
import socket
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Mapping, Sequence

import msgspec

from posture.clock import Seconds, rfc3339
from posture.door_index import FoundDoor
from posture.fault import Fault, FaultKind, Refused
from posture.hosts import endpoint_id, is_address, is_link_local, is_public
from posture.reports import Batch, Complete, Report
from posture.resource import Resource
from posture.who import Change, Trail, Who
from providers.source import Source, Yield
from providers.system import Setup
from providers.threads import Threads
from providers.tls import issuer
from providers.tls.certificates import Library
from providers.tls.faults import Outcome
from providers.tls.observation import Target
from providers.tls.owners import Owners
from providers.tls.probe import Prober
from providers.tls.resources import Finders, Known, certificate_resource, endpoint_resource

log = logging.getLogger(__name__)

RATE = 100.0
"""Endpoints a second at the most, on average: at 2 ms each, a fifth of a core. More endpoints than `live` x RATE are
asked less often.
"""
PAGE: Seconds = 0.25
"""What was seen is reported after this long, so that the first rows show at once."""
WORKERS = 256
MOST_ADDRESSES = 32
"""Addresses of a name that are asked; how many there are is told."""
DNS_LIMIT: Seconds = 6.0
_WITHHELD = "none of its addresses is one that may be asked"
_resolving = Threads(32, "dns")
"""getaddrinfo blocks for as long as the system's resolver likes: it gets threads of its own."""


class Wanted(msgspec.Struct, frozen=True):
    """An endpoint to ask: `addresses` given in the configuration, none where DNS is asked; `by` says who named it
    (`configuration`, `vault`...). `outside`: it is asked at public addresses alone, whatever DNS says.
    """

    target: Target
    addresses: tuple[str, ...] = ()
    by: str = "configuration"
    outside: bool = False


class Endpoints(Source):
    """A block of endpoints."""

    service = "endpoints"

    def __init__(
        self,
        tenant: str,
        label: str,
        setup: Setup,
        prober: Prober,
        wanted: Sequence[Wanted],
        owners: Owners,
        library: Library,
    ) -> None:
        super().__init__(tenant, "tls", label, max(setup.cadence.live, len(wanted) / RATE))
        self._warm = setup.cadence.warm
        self._prober = prober
        self._wanted: Mapping[str, Wanted] = {endpoint_id(one.target.host, one.target.port): one for one in wanted}
        self._owners = owners
        self._library = library
        self._now = setup.now
        self.doors = setup.doors
        self._found: Mapping[str, FoundDoor] = {}
        self._known: dict[str, Known] = {}
        self._reported: set[str] = set()

    async def who(self, change: Change) -> Trail | Who:
        """What its certificates tell."""
        return issuer.told(change)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """The fast pass over all, then the full pass over those that are due; every endpoint is reported as soon as
        it was asked.
        """
        self._found = self.doors(self.tenant)
        wanted = self.wanted(self._found)
        self._known = {name: known for name, known in self._known.items() if name in wanted}
        async for some in _paged(self._fast, wanted.items()):
            yield Batch.of([*self._endpoints(some), *self._certificates(self._of(some) - self._reported)])
        yield Batch.of(self._certificates(self._served()))
        asked = [known for known in self._known.values() if not known.inside]
        if asked and not any(known.answered for known in asked):
            self._owners.forget_unserved(self.id, self._served())
            raise Refused(self._silent())
        due = sorted((name for name in wanted if self._due(name)), key=lambda name: self._known[name].full_at)
        most = (
            len(wanted)
            if due and not self._known[due[0]].full_at
            else max(1, int(len(wanted) * self.cadence / self._warm * 1.5) + 1)
        )
        async for some in _paged(self._full, [(name, wanted[name]) for name in due[:most]]):
            yield Batch.of(self._endpoints(some))
        yield Batch.of(self._certificates(self._of(due[:most])))
        self._reported &= self._served()
        self._owners.forget_unserved(self.id, self._reported)
        yield Complete(("tls.endpoint", "tls.certificate"))

    def wanted(self, found: Mapping[str, FoundDoor]) -> Mapping[str, Wanted]:
        """What is asked now, by the ids of the endpoints; `found` are those that the tenant's resources name."""
        return self._wanted

    def whose(self, name: str) -> str:
        """The tenant of an endpoint."""
        return self.tenant

    def finders(self, name: str) -> Finders:
        """What speaks for an endpoint, of what the tenant's resources name."""
        return self._found[name].finders if name in self._found else ()

    def afterwards(self) -> Iterable[Report]:
        """Endpoints that others have found since they were asked."""
        self._found = self.doors(self.tenant)
        moved = [
            name
            for name, known in self._known.items()
            if known.tenant and (known.finders, known.tenant) != (self.finders(name), self.whose(name))
        ]
        return (Batch.of(self._endpoints(moved)),) if moved else ()

    # ------------------------------------------------------------ asking

    async def _fast(self, name: str, wanted: Wanted) -> str:
        known = self._known.setdefault(name, Known(name, wanted.target, wanted.by))
        addresses, trouble = await self._addresses(wanted)
        known.inside = wanted.outside and trouble == _WITHHELD
        if trouble is not None:
            known.unresolved(trouble)
            return name
        before = known.seen
        seen = {}
        for address in addresses[:MOST_ADDRESSES]:
            last = before.get(address)
            seen[address] = await self._prober.fast(wanted.target, address, patient=last is None or last.answered)
            if last is not None:
                seen[address].completed(last.full)
        known.take(seen, len(addresses), rfc3339(self._now()), self._library)
        return name

    async def _addresses(self, wanted: Wanted) -> tuple[list[str], str | None]:
        """Every address of a name, or why there is none."""
        if wanted.addresses:
            return list(wanted.addresses), None
        if is_address(wanted.target.host):
            return [wanted.target.host], None
        try:
            async with asyncio.timeout(DNS_LIMIT):
                found = await asyncio.get_running_loop().run_in_executor(_resolving, _resolve, wanted.target.host)
        except TimeoutError:
            return [], f"no answer within {DNS_LIMIT:g} s"
        except (OSError, UnicodeError) as error:
            return [], str(getattr(error, "strerror", None) or error)
        allowed = [one for one in found if (is_public(one) if wanted.outside else not is_link_local(one))]
        return allowed, None if allowed else _WITHHELD if found else "no address"

    async def _full(self, name: str, wanted: Wanted) -> str:
        known = self._known[name]
        for address, seen in known.seen.items():
            if seen.fields["Outcome"] == Outcome.OK:
                try:
                    seen.completed(await self._prober.full(wanted.target, address, seen, self._warm))
                except Exception as error:  # as in `Prober.fast`; what the last full pass saw stands, and ages
                    log.exception("%s at %s: %s", name, address, error)
        known.full_at = self._now()
        return name

    def _due(self, name: str) -> bool:
        known = self._known[name]
        fresh = any(seen.full is None and seen.fields["Outcome"] == Outcome.OK for seen in known.seen.values())
        waited = self._now() - known.full_at  # less than nothing where the clock ran ahead
        return fresh or (known.answered and not 0 <= waited < self._warm - self.cadence)

    # ------------------------------------------------------------ telling

    def _endpoints(self, names: Iterable[str]) -> list[Resource]:
        told = [known for name in names if not (known := self._known[name]).inside]
        for known in told:
            known.finders, known.tenant = self.finders(known.id), self.whose(known.id)
        return [endpoint_resource(known, self, self._library) for known in told]

    def _of(self, names: Iterable[str]) -> set[str]:
        """The certificates that these endpoints send."""
        return {sha256 for name in names for sha256 in self._known[name].certificates}

    def _certificates(self, touched: set[str]) -> list[Resource]:
        """Certificates as all their endpoints show them: once a round and not once a page, since one may have ten
        thousand endpoints.
        """
        self._owners.serve(self.id, self.tenant, touched)
        self._reported |= touched
        by_certificate = self._by_certificate(touched)
        # two sources with one resource would be two tenants with it
        own = [sha256 for sha256 in sorted(touched) if self._owners.reports(self.id, sha256)]
        return [
            certificate_resource(sha256, by_certificate[sha256], self, self._owners.tenant(sha256), self._library)
            for sha256 in own
        ]

    def _by_certificate(self, touched: set[str]) -> dict[str, list[Known]]:
        found: dict[str, list[Known]] = {sha256: [] for sha256 in touched}
        for known in self._known.values():
            for sha256 in known.certificates & touched:
                found[sha256].append(known)
        return found

    def _served(self) -> set[str]:
        return {sha256 for known in self._known.values() for sha256 in known.certificates}

    def _silent(self) -> Fault:
        first = next(iter(self._known.values()), None)
        told = first.trouble() if first is not None else None
        many = len(self._known)
        return told or Fault(FaultKind.UNREACHABLE, "silent", "tls:Connect", f"none of {many} endpoints answered")


def _resolve(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


async def _paged(
    ask: Callable[[str, Wanted], Coroutine[None, None, str]], wanted: Iterable[tuple[str, Wanted]]
) -> AsyncGenerator[list[str], None]:
    """Ask of each, many at a time; gives the names of those that were asked, a page every quarter of a second."""
    waiting = deque(wanted)
    done: list[str] = []
    moved = asyncio.Event()

    async def work() -> None:
        while waiting:
            name, one = waiting.popleft()
            done.append(await ask(name, one))
            moved.set()

    workers = [asyncio.create_task(work()) for _ in range(min(WORKERS, len(waiting)))]
    try:
        while not all(worker.done() for worker in workers):
            await asyncio.wait(workers, timeout=PAGE)
            if done:
                page, done[:] = list(done), []
                yield page
        for worker in workers:
            worker.result()
        if done:
            yield done
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
