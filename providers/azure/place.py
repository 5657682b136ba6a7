"""What the Azure sources share: the way in, the subscription they ask about, and how their resources are named."""

from collections.abc import Mapping
from typing import Any

import msgspec

from posture.clock import Seconds
from posture.fault import Fault
from posture.resource import Encryption, Link, Resource
from providers.azure.arm import Arm
from providers.azure.calls import Call
from providers.azure.ids import normal
from providers.azure.sweep import Sweep
from providers.source import Source


class AccountSeen(msgspec.Struct, frozen=True, gc=False):
    """A storage account: whether anonymous access to its containers is possible, what they have from it, and where its blobs are (empty: not said)."""

    public: bool
    region: str
    encryption: Encryption
    blobs: str = ""


class Seen:
    """What some sources of one way in learn and others need."""

    def __init__(self) -> None:
        self.keys: dict[str, dict[str, str | None]] = {}
        """Subscription of the user -> key's URL as it was named, versions apart -> id of its vault where that was named."""
        self.accounts: dict[str, dict[str, AccountSeen]] = {}
        """Subscription -> id of a storage account -> what its containers need to know of it."""
        self.containers: dict[str, dict[str, tuple[str, ...] | Fault]] = {}
        """Subscription -> normal form of a storage account's id -> ids of its containers, or why they are not known. Only where blobs are sampled."""
        self.readers: dict[str, str] = {}
        """Key's URL -> id of the source that reads it: a key that two subscriptions use is read once."""
        self.spelled: dict[str, str] = {}
        """Normal form of an id -> the id as it was returned first: the services change the case between two answers."""


class AzureSource(Source):
    """A question asked about one subscription."""

    calls: tuple[Call, ...] = ()

    def __init__(self, tenant: str, arm: Arm, subscription: str, cadence: Seconds, seen: Seen) -> None:
        self.arm = arm
        self.subscription = subscription
        self.seen = seen
        self.permissions = tuple(sorted({call.permission for call in self.calls}))
        super().__init__(tenant, "azure", subscription, cadence)

    def resource(
        self,
        id: str,
        kind: str,
        type: str,
        name: str,
        fields: Mapping[str, Any],
        *,
        region: str = "",
        encryption: Encryption | None = None,
        links: tuple[Link, ...] = (),
        faults: Mapping[str, Fault] | None = None,
        aliases: tuple[str, ...] = (),
        cells: tuple[str, ...] = (),
    ) -> Resource:
        """A resource of this subscription. Links name others by the normal form of their id, which is an alias of every resource here."""
        joined = normal(id)
        shown = self.seen.spelled.setdefault(joined, id)
        named = aliases if joined == shown else (joined, *aliases)
        return Resource(
            shown, kind, type, name, self.tenant, "azure", self.subscription, region, self.id, encryption, fields, links, faults or {}, named, cells
        )


class SweptSource(AzureSource):
    """A question about what changes seldom, which Resource Graph answers for many subscriptions at once."""

    def __init__(self, tenant: str, arm: Arm, subscription: str, cadence: Seconds, seen: Seen, sweep: Sweep) -> None:
        super().__init__(tenant, arm, subscription, cadence, seen)
        self.sweep = sweep


def fields_of(row: msgspec.Struct) -> dict[str, Any]:
    """The provider's own fields, as it named and nested them; what was absent is absent."""
    fields: dict[str, Any] = msgspec.to_builtins(row)
    del fields["id"]
    return fields


def text(value: Any) -> str:
    """A field that is text, without the blanks and line ends around it; empty where it is absent or null."""
    return value.strip() if isinstance(value, str) else ""
