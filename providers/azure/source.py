"""What the Azure sources share: the way in, the subscription they ask about, and how their resources are named."""

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, TypeVar

import msgspec

from posture.clock import Seconds
from posture.fault import Fault, FaultKind, Refused
from posture.kinds import kind_of
from posture.reading import NoAnswer
from posture.reports import Batch, Complete, ReadRefused
from posture.resource import Encryption, Resource
from posture.who import Change, Trail, Who, not_permitted
from providers.azure import trail
from providers.azure.calls import Call
from providers.azure.client import ArmClient
from providers.azure.decode import Row, Unread
from providers.azure.faults import bad_row
from providers.azure.ids import last, normal
from providers.azure.sweep import Sweep
from providers.reading import Reading
from providers.source import Source, Yield
from providers.tenancy import Tenancy

R = TypeVar("R", bound=Row)


class AccountSeen(msgspec.Struct, frozen=True, gc=False):
    """A storage account: whether anonymous access to its containers is possible, what they have from it, where its
    blobs are (empty: not said), whether it has a file service, and whose it is where tags say so.
    """

    public: bool
    region: str
    encryption: Encryption
    blobs: str = ""
    files: bool = True
    tenant: str = ""


class Shared:
    """What some sources of one way in learn and others need."""

    def __init__(self) -> None:
        self.keys: dict[str, dict[str, str | None]] = {}
        """Subscription of the user -> key's URL as it was named, versions apart -> id of its vault where that was
        named.
        """
        self.accounts: dict[str, dict[str, AccountSeen]] = {}
        """Subscription -> id of a storage account -> what its containers need to know of it."""
        self.containers: dict[str, dict[str, tuple[str, ...] | Fault]] = {}
        """Subscription -> normal form of a storage account's id -> ids of its containers, or why they are not known.
        Only where blobs are sampled.
        """
        self.readers: dict[str, str] = {}
        """Key's URL -> id of the source that reads it: a key that two subscriptions use is read once."""
        self.spelled: dict[str, str] = {}
        """Normal form of an id -> the id as it was returned first: the services change the case between two answers."""


class AzureReading(Reading):
    """The reads that make up one resource; expired credentials end the poll."""

    def refused(self, refused: Refused, operation: str = "") -> None:
        """Note a read that was refused. Raises it where nothing else will be answered either."""
        if refused.fault.kind is FaultKind.EXPIRED:
            raise refused
        super().refused(refused, operation)


class AzureSource(Source):
    """A question asked about one subscription."""

    calls: tuple[Call, ...] = ()
    tenancy: Tenancy | None = None
    """Whose its resources are, where tenants share the subscription."""

    def __init__(self, tenant: str, arm: ArmClient, subscription: str, cadence: Seconds, seen: Shared) -> None:
        self.arm = arm
        self.subscription = subscription
        self.seen = seen
        self.permissions = tuple(sorted({call.permission for call in self.calls}))
        super().__init__(tenant, "azure", subscription, cadence)

    async def close(self) -> None:
        """The way in; closing it twice does no harm."""
        await self.arm.close()

    async def who(self, change: Change) -> Trail | Who:
        """What Resource Graph holds of it, where `who` allows to ask."""
        if not self.tells_who:
            return not_permitted("who is off for this subscription", trail.OPT_IN, change)
        return await trail.asked(self.arm, change)

    def owner(self, fields: Mapping[str, Any]) -> str:
        """The tenant of a resource; its tags tell where tenants share the subscription. Names of tags do not regard
        case, their values do.
        """
        if self.tenancy is None:
            return self.tenant
        tags = fields.get("tags")
        marks = tags.items() if isinstance(tags, dict) else ()
        return self.tenancy.of((str(name).lower(), value) for name, value in marks if isinstance(value, str))

    def spelled(self, id: str, aliases: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
        """The id as it was returned first, and its normal form, by which links name it, as an alias."""
        joined = normal(id)
        shown = self.seen.spelled.setdefault(joined, id)
        return shown, aliases if joined == shown else (joined, *aliases)

    async def listing(
        self, call: Call, row: type[R], make: Callable[[R], Resource], kind: str, type: str
    ) -> AsyncGenerator[Yield, None]:
        """The resources of a listing, page by page, and that they were all. Raises `Refused`.

        A row that cannot be read stands as a resource that nothing is known of but why; where it does not say which it
        is, the listing is not whole.
        """
        unread: list[Unread] = []
        whole = True
        async for page in self.rows(call, row, unread):
            made = [resource for each in page if (resource := self.made(call, make, each, unread)) is not None]
            for bad in unread:
                yield ReadRefused(bad.fault)
            made += [self.unread(bad, kind, type) for bad in unread if bad.id]
            whole = whole and all(bad.id for bad in unread)
            unread.clear()
            yield Batch(tuple(made))
        if whole:
            yield Complete((type,))

    def rows(self, call: Call, row: type[R], unread: list[Unread]) -> AsyncGenerator[list[R], None]:
        """The pages of a listing of this subscription; rows that cannot be read go to `unread`. Raises `Refused`."""
        return self.arm.pages(call, row, subscription=self.subscription, unread=unread)

    def made(self, call: Call, make: Callable[[R], Resource], row: R, unread: list[Unread]) -> Resource | None:
        """The resource of a row; None where a part of it is not what it should be, which goes to `unread`."""
        row.name = row.name or last(row.id)
        try:
            return make(row)
        except NoAnswer as odd:
            unread.append(
                bad_row(
                    call,
                    {"id": row.id, "location": row.location},
                    odd.verdict.reason.removeprefix(f"{call.operation}: "),
                )
            )
            return None

    def unread(self, bad: Unread, kind: str, type: str, name: str = "", tenant: str = "") -> Resource:
        """A resource of which no more is known than that it is there, and why."""
        encryption = Encryption() if kind_of(kind).encrypted else None
        cells = ("?",) * len(kind_of(kind).columns)
        name, faults = name or last(bad.id), {bad.fault.operation: bad.fault}
        return self.resource(
            id=bad.id,
            kind=kind,
            type=type,
            name=name,
            fields={"name": name},
            region=bad.region,
            encryption=encryption,
            faults=faults,
            cells=cells,
            tenant=tenant,
        )


class SweptSource(AzureSource):
    """A question about what changes seldom, which Resource Graph answers for many subscriptions at once."""

    def __init__(
        self, tenant: str, arm: ArmClient, subscription: str, cadence: Seconds, seen: Shared, sweep: Sweep
    ) -> None:
        super().__init__(tenant, arm, subscription, cadence, seen)
        self.sweep = sweep

    def rows(self, call: Call, row: type[R], unread: list[Unread]) -> AsyncGenerator[list[R], None]:
        """As for any source, through Resource Graph where it shows them all."""
        return self.sweep.listed(call, row, self.subscription, unread)


def fields_of(row: msgspec.Struct) -> dict[str, Any]:
    """The provider's own fields, as it named and nested them; what was absent is absent."""
    fields: dict[str, Any] = msgspec.to_builtins(row)
    del fields["id"]
    return fields


def text(value: Any) -> str:
    """A field that is text, without the blanks and line ends around it; empty where it is absent or null."""
    return value.strip() if isinstance(value, str) else ""
