"""Where Azure begins: which subscriptions there are, and so which sources."""

from collections.abc import AsyncGenerator
from typing import TypeVar

from posture.fault import Fault, FaultKind, Refused
from posture.reports import ReadRefused
from providers.azure.blobs import Blobs
from providers.azure.calls import LIST_SUBSCRIPTIONS
from providers.azure.client import ArmClient
from providers.azure.decode import Subscription, Unread
from providers.azure.disks import Disks, EncryptionSets, Snapshots
from providers.azure.edge import Edge
from providers.azure.entra import Entra
from providers.azure.files import FileServices
from providers.azure.galleries import Galleries
from providers.azure.ids import subscription_of
from providers.azure.keys import Keys, ScopeKeys
from providers.azure.machines import Clusters, Machines
from providers.azure.settings import AzureSettings
from providers.azure.source import AzureSource, Shared, SweptSource
from providers.azure.storage import Accounts, Containers
from providers.azure.sweep import Sweep
from providers.cadence import Cadence
from providers.source import Children, Source, Yield
from providers.system import Block, Blocks, Setup
from providers.tenancy import Tenancy

S = TypeVar("S", bound=AzureSource)

_OVER = {"Disabled", "Deleted"}


class Root(Source):
    """What the credentials can see: the parent of each subscription's sources."""

    service = "subscriptions"
    permissions = (LIST_SUBSCRIPTIONS.permission,)

    def __init__(
        self, tenancy: Tenancy, settings: AzureSettings, label: str, cadence: Cadence, shared: "SharedSubscriptions"
    ) -> None:
        super().__init__(tenancy.name, "azure", label, cadence.warm)
        self._tenancy = tenancy
        self._settings = settings
        self._cadence = cadence
        self._shared = shared
        self._made: dict[str, Source] = {}

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """List the subscriptions. Those of the configuration are asked whether they are listed or not: their own
        answers say more than a gap here.
        """
        arm, wanted, seen = self._shared.arm, self._settings.subscriptions, dict[str, Subscription]()
        try:
            unread: list[Unread] = []
            async for page in arm.pages(LIST_SUBSCRIPTIONS, Subscription, unread=unread):
                seen.update((each.subscriptionId.lower(), each) for each in page)
            for bad in unread:
                yield ReadRefused(bad.fault)
                if named := subscription_of(bad.id):
                    seen.setdefault(named, Subscription(named))
        except Refused as refused:
            if wanted is None:
                raise
            yield ReadRefused(refused.fault)
        else:
            for missing in (each for each in wanted or () if each.lower() not in seen):
                yield ReadRefused(_not_found(missing, len(seen)))
        if wanted is None:
            wanted = tuple(sorted(name for name, each in seen.items() if each.state not in _OVER))
        mine = tuple(each.lower() for each in wanted if self._claim(each.lower()))
        for lost in (each.lower() for each in wanted if each.lower() not in mine):
            yield ReadRefused(
                Fault(
                    FaultKind.ERROR,
                    "AlreadyPolled",
                    LIST_SUBSCRIPTIONS.operation,
                    f"subscription {lost} is polled by {self._shared.claimed[lost]} already; tenants share a"
                    ' subscription by tag = "KEY=VALUE"',
                )
            )
        self._shared.polled |= set(mine)
        entra = sorted({each.tenantId for name, each in seen.items() if name in mine and each.tenantId})
        yield Children((*(source for each in mine for source in self._sources(each)), *self._entra(entra)))

    async def close(self) -> None:
        """Close the connections."""
        await self._shared.arm.close()

    def _claim(self, subscription: str) -> bool:
        """A subscription has one way in: seen twice, every resource in it would be two tenants'."""
        return self._shared.claimed.setdefault(subscription, self.id) == self.id

    def _sources(self, subscription: str) -> list[Source]:
        live, warm, cold = self._cadence.live, self._cadence.warm, self._cadence.cold
        sets = self._once(EncryptionSets, subscription, live)
        accounts = self._once(Accounts, subscription, warm)
        containers = self._once(Containers, subscription, cold)
        containers.after = (accounts.id,)
        containers.sampled = self._settings.blob_sample > 0
        files = self._once(FileServices, subscription, cold)
        files.after = (accounts.id,)
        keys = self._once(Keys, subscription, live)
        keys.after = (sets.id, accounts.id)
        scope_keys = self._once(ScopeKeys, subscription, live)
        scope_keys.after = (containers.id, keys.id)
        return [
            self._once(Disks, subscription, live),
            sets,
            accounts,
            containers,
            files,
            keys,
            scope_keys,
            self._once(Snapshots, subscription, cold),
            *(self._once(kind, subscription, cold) for kind in (Machines, Galleries, Clusters, Edge)),
            *self._blobs(subscription, containers),
        ]

    def _blobs(self, subscription: str, containers: Containers) -> list[Source]:
        """The sample of blobs, where the operator asks for one."""
        if not self._settings.blob_sample:
            return []
        blobs = self._once(Blobs, subscription, self._cadence.cold)
        blobs.after = (containers.id,)
        blobs.wanted = self._settings.blob_sample
        return [blobs]

    def _entra(self, tenants: list[str]) -> list[Source]:
        """The Entra tenants behind the subscriptions, each asked once; where there is no Graph to ask, none."""
        if not self._settings.entra or self._shared.arm.graph_endpoint is None:
            return []
        mine = [each for each in tenants if self._claim(each)]
        for each in mine:
            self._made.setdefault(each, Entra(self.tenant, self._shared.arm, each, self._cadence.cold))
        return [self._made[each] for each in mine]

    def _once(self, kind: type[S], subscription: str, cadence: float) -> S:
        """The source of this kind and subscription, made the first time."""
        name = f"{kind.__name__}/{subscription}"
        if name not in self._made:
            more = (self._shared.sweep,) if issubclass(kind, SweptSource) else ()
            made = kind(self.tenant, self._shared.arm, subscription, cadence, self._shared.seen, *more)
            made.tells_who = self._settings.who
            made.tenancy = self._tenancy if self._tenancy.shared else None
            self._made[name] = made
        found: S = self._made[name]  # type: ignore[assignment]
        return found


class SharedSubscriptions:
    """What all tenants of one way in have together."""

    def __init__(self, arm: ArmClient) -> None:
        self.arm = arm
        self.seen = Shared()
        self.claimed: dict[str, str] = {}
        """Subscription, or Entra tenant -> id of the source that polls it."""
        self.polled: set[str] = set()
        """Subscriptions that are polled, of all tenants."""
        self.sweep = Sweep(arm, lambda: tuple(sorted(self.polled)))


def open_azure(setup: Setup, blocks: Blocks) -> list[Source]:
    """The first sources of every way into Azure; blocks that are the same way in share its connections and budgets, and
    those that share subscriptions by a tag are asked as one.
    """
    ways: dict[tuple[object, ...], SharedSubscriptions] = {}
    labels: dict[tuple[str, str], int] = {}
    made: list[Source] = []
    groups: dict[object, list[Block]] = {}
    for block in blocks:
        groups.setdefault(block.settings.together, []).append(block)
    for members in groups.values():
        settings = members[0].settings
        tenancy = Tenancy({block.tenant: _mark(block.settings.tag) for block in members})
        tenant = tenancy.name
        shared = ways.get(settings.connection)
        if shared is None:
            shared = ways[settings.connection] = SharedSubscriptions(ArmClient(settings, setup.version, setup.limits))
        base = settings.cloud if settings.endpoint is None else "private"
        count = labels[tenant, base] = labels.get((tenant, base), 0) + 1
        made.append(Root(tenancy, settings, base if count == 1 else f"{base}-{count}", setup.cadence, shared))
    return made


def _mark(tag: str | None) -> str | None:
    """A tag as it is compared: its name in lower case."""
    if tag is None:
        return None
    name, _, value = tag.partition("=")
    return f"{name.lower()}={value}"


def _not_found(subscription: str, seen: int) -> Fault:
    return Fault(
        FaultKind.ERROR,
        "SubscriptionNotFound",
        LIST_SUBSCRIPTIONS.operation,
        f"subscription {subscription} is none of the {seen} that these credentials see",
        LIST_SUBSCRIPTIONS.permission,
    )
