"""What the Vault sources share: the way in, how their resources are named, and how secrets in names are masked."""

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from posture.clock import Seconds, Utc
from posture.fault import Fault, FaultKind, Refused
from posture.resource import Link
from providers.reading import Reading
from providers.source import Source
from providers.vault.calls import Call
from providers.vault.client import VaultClient


class Mount(msgspec.Struct, frozen=True):
    """A mount as the mounts source saw it: `path` ends in a slash, and begins with `auth/` for an auth method. TTLs
    in seconds, effective; 0 where not told.
    """

    namespace: str
    path: str
    type: str
    accessor: str
    default_ttl: int = 0
    max_ttl: int = 0

    @property
    def shown(self) -> str:
        """As people write it, with its namespace."""
        return "/".join(filter(None, (self.namespace, self.path)))


class Shared:
    """What one source learns and others need. `now` gives UTC seconds."""

    def __init__(self, now: Callable[[], Utc] = time.time) -> None:
        self.now = now
        self.namespaces: tuple[str, ...] = ("",)
        """Relative to the configured one; "" is that itself."""
        self.mounts: tuple[Mount, ...] = ()
        self.unlisted: Fault | None = None
        """Why there may be more mounts than these."""
        self.leases: int | None = None
        """How many leases the server counts; None where it was not told."""
        self.uncounted: Fault | None = None
        """Why they are not counted."""
        self.metrics: dict[str, Any] | None = None
        """The active node's, as the leases source read them last; None where it could not."""
        self.replicated = True
        """Whether `sys/health` leaves it open that there is replication to ask about."""

    def of_type(self, *types: str) -> list[Mount]:
        """Mounts of these types, in every namespace."""
        return [mount for mount in self.mounts if mount.type in types]

    def by_accessor(self, accessor: str) -> str:
        """The path behind an accessor; the accessor itself where it is not known."""
        return next((mount.shown for mount in self.mounts if mount.accessor == accessor), accessor)

    def above(self, namespace: str, path: str) -> Mount | None:
        """The mount that a path is under: the longest."""
        found = [mount for mount in self.mounts if mount.namespace == namespace and path.startswith(mount.path)]
        return max(found, key=lambda mount: len(mount.path), default=None)


class VaultSource(Source):
    """A question asked of one Vault."""

    calls: tuple[Call, ...] = ()
    unrecorded = (
        "Vault answers nobody who did what: its audit devices write it to a file, a socket or syslog, where"
        " request.path and auth.display_name tell"
    )

    def __init__(self, tenant: str, client: VaultClient, seen: Shared, cadence: Seconds) -> None:
        self.client = client
        self.seen = seen
        self.permissions = tuple(call.line(call.path) for call in self.calls if call.per != "open")
        super().__init__(tenant, "vault", client.settings.place, cadence)
        self.within, self.region = client.settings.host, client.settings.namespace

    @property
    def root(self) -> str:
        """The id of the cluster: `vault://HOST:PORT/NAMESPACE`."""
        return f"vault://{self.client.settings.place}"

    def id_of(self, namespace: str, *parts: str) -> str:
        """The id of something in a namespace."""
        return "/".join(filter(None, (self.root, namespace, *(part.strip("/") for part in parts))))

    def linked(self, id: str, links: tuple[Link, ...]) -> tuple[Link, ...]:
        """All but the cluster itself hang on it, so that its seal is everybody's."""
        return links if id == self.root else (Link("vault", self.root), *links)


def objects(listed: Any) -> list[dict[str, Any]]:
    """The objects of a list; nothing of what is none."""
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def table(named: Any) -> dict[str, dict[str, Any]]:
    """The objects of an object by their names, an empty one where there is another thing: what it is named still
    exists.
    """
    return (
        {name: one if isinstance(one, dict) else {} for name, one in named.items()} if isinstance(named, dict) else {}
    )


def whole(number: Any) -> int:
    """A number that is told and not negative; else 0."""
    return number if isinstance(number, int) and not isinstance(number, bool) and number > 0 else 0


ENDS = frozenset({FaultKind.EXPIRED, FaultKind.UNREACHABLE, FaultKind.THROTTLED})
"""Faults that are not about one read: nothing else will be answered either."""


class VaultReading(Reading):
    """The reads that make up one resource: what was answered, what was refused, and what this server does not have
    (None).
    """

    def __init__(self, client: VaultClient, namespace: str = "") -> None:
        super().__init__()
        self._way = client
        self._namespace = namespace
        self.answer: dict[str, Any] = {}
        """Of the latest listing, whole."""

    async def ask(self, call: Call, field: str, keep: Sequence[str] | None = None, **named: Any) -> Any:
        """Read into a field, only the parts named by `keep`. An expired token or a server that is away ends the
        poll.
        """
        try:
            answer = await self._way.ask(call, self._namespace, **named)
        except Refused as refused:
            if refused.fault.kind in ENDS:
                raise
            if refused.fault.kind is not FaultKind.DISABLED:
                self.refused(refused, call.operation)
                return None
            answer = None
        if keep is not None and isinstance(answer, dict):
            answer = {name: answer[name] for name in keep if name in answer}
        self.fields[field] = answer
        return answer

    async def names(self, call: Call, **named: Any) -> list[str]:
        """What a listing names, sorted; none where there is nothing (404). A list that is none, or a name in it, is
        noted as a fault, and the rest stands.
        """
        answer = await self.ask(call, "names", **named)
        self.fields.pop("names", None)
        self.answer = answer or {}
        if answer is None:
            return []
        keys = answer.get("keys")
        found = sorted({key for key in keys if isinstance(key, str) and key}) if isinstance(keys, list) else []
        if not isinstance(keys, list) or len(found) < len(keys):
            told = (
                f"{len(keys) - len(found)} of {len(keys)} keys are no names, or there twice"
                if isinstance(keys, list)
                else "answered without keys"
            )
            self.faults[call.operation] = Fault(FaultKind.ERROR, "Malformed", call.operation, told)
        return found

    async def ask_text(self, call: Call, **named: Any) -> str | None:
        """An answer that is not JSON, as text; None where it was refused."""
        try:
            reply = await self._way.reply(call, call.path, self._namespace, **named)
        except Refused as refused:
            if refused.fault.kind in ENDS:
                raise
            self.refused(refused, call.operation)
            return None
        return reply.body.decode("utf-8", "replace")


def digest(secret: str) -> str:
    """Twelve characters that tell two secrets apart and give nothing of either away."""
    return hashlib.blake2b(secret.encode(), digest_size=6, key=b"enctop").hexdigest()
