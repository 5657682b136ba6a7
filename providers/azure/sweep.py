"""Resource Graph for what changes seldom: one query a kind for all subscriptions of a way in, and Resource Manager
where it does not answer.

Resource Graph leaves out what the identity may not read, lags behind by minutes, and says nothing of either
("Troubleshoot errors using Azure Resource Graph": no permission means no rows, no error). So its rows are held against
the ids that Resource Manager lists, one request a subscription for all kinds; where they differ, or there are none,
Resource Manager is asked for the kind, and answers or refuses.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any, TypeVar

from posture.clock import Seconds
from posture.fault import FaultKind, Refused
from providers.azure.calls import (
    LIST_CLASSIC_DOORS,
    LIST_CLUSTERS,
    LIST_EXTENSIONS,
    LIST_GALLERY_VERSIONS,
    LIST_GATEWAYS,
    LIST_MACHINES,
    LIST_PROFILES,
    LIST_RESOURCES,
    LIST_SCALE_SETS,
    LIST_SUBSCRIPTIONS,
    Call,
)
from providers.azure.client import ArmClient
from providers.azure.decode import Row, Subscription, Typed, Unread
from providers.azure.ids import last, normal, subscription_of

T = TypeVar("T", bound=Row)

SWEPT = (
    *(LIST_MACHINES, LIST_SCALE_SETS, LIST_EXTENSIONS, LIST_GALLERY_VERSIONS),
    *(LIST_CLUSTERS, LIST_GATEWAYS, LIST_PROFILES, LIST_CLASSIC_DOORS),
)
"""The listings for which Resource Graph may stand."""
FRESH: Seconds = 30.0
"""Answers are shared among the subscriptions' sources this long; a poll after that asks again."""
_SHOWN = (
    "resourcecontainers | where type =~ 'microsoft.resources/subscriptions' | project subscriptionId, id | order by"
    " id asc"
)
_ROWS = (
    "resources | where type =~ '{type}' | project id, name, location, tags, kind, sku, identity, properties | order by"
    " id asc"
)


class Sweep:
    """Answers of Resource Graph, shared by the sources of one way in. `subscriptions` gives those that are polled."""

    def __init__(self, arm: ArmClient, subscriptions: Callable[[], tuple[str, ...]]) -> None:
        self._arm = arm
        self._subscriptions = subscriptions
        self._locks: dict[str, asyncio.Lock] = {}
        self._kept: dict[str, tuple[Seconds, Any]] = {}

    async def listed(
        self, call: Call, row: type[T], subscription: str, unread: list[Unread]
    ) -> AsyncGenerator[list[T], None]:
        """The resources of one kind in one subscription: from Resource Graph, or from Resource Manager where that does
        not show them all. Raises `Refused`.

        Rows that cannot be read go to `unread`.
        """
        found = await self.shown(call, row, subscription, unread)
        if found:
            yield found
            return
        async for page in self._arm.pages(call, row, subscription=subscription, unread=unread):
            yield page

    async def shown(self, call: Call, row: type[T], subscription: str, unread: list[Unread]) -> list[T] | None:
        """The resources of one kind in one subscription as Resource Graph shows them; None where it does not show all
        that Resource Manager knows of. An empty list says no more than that neither names any: the identity may not
        be allowed to see them.

        Rows that cannot be read go to `unread`; where none can be read, the answer is None.
        """
        found, bad = await self._swept(call, row, subscription)
        shown = frozenset([*(normal(each.id) for each in found), *(normal(each.id) for each in bad)])
        if shown != await self._there(call, subscription) or (bad and not found):
            return None
        unread += bad
        return found

    async def names(self, call: Call) -> dict[str, str]:
        """Name, in lower case, -> id of every resource of a kind that Resource Graph shows, in any subscription that
        is polled; nothing where it refuses.
        """
        try:
            shared = await self._shared(call.type, lambda: self._rows(call, Row))
        except Refused as refused:
            if refused.fault.kind is FaultKind.EXPIRED:
                raise
            return {}
        return {(row.name or last(row.id)).lower(): row.id for rows, _ in shared.values() for row in rows}

    async def _swept(self, call: Call, row: type[T], subscription: str) -> tuple[list[T], list[Unread]]:
        """What Resource Graph shows, and what of it cannot be read."""
        try:
            shown = await self._shared("subscriptions", self._shown)
            if subscription not in shown:
                return [], []
            shared = await self._shared(call.type, lambda: self._rows(call, row))
        except Refused as refused:
            if refused.fault.kind is FaultKind.EXPIRED:
                raise
            return [], []
        found: tuple[list[T], list[Unread]] = shared.get(subscription, ([], []))
        return found

    async def _there(self, call: Call, subscription: str) -> frozenset[str] | None:
        """Normal forms of the ids of what Resource Manager knows of a kind; None where it does not say."""
        try:
            there = await self._shared(f"there/{subscription}", lambda: self._ids(subscription))
        except Refused as refused:
            if refused.fault.kind is FaultKind.EXPIRED:
                raise
            return None
        return frozenset(there.get(call.type, ()))

    async def _ids(self, subscription: str) -> dict[str, set[str]]:
        """One listing of ids for all the kinds that are swept: a request for a thousand of them."""
        kinds = " or ".join(f"resourceType eq '{call.permission.removesuffix('/read')}'" for call in SWEPT)
        ids: dict[str, set[str]] = {}
        async for page in self._arm.pages(LIST_RESOURCES, Typed, subscription=subscription, filter=kinds):
            for each in page:
                ids.setdefault(each.type.lower(), set()).add(normal(each.id))
        return ids

    async def _shown(self) -> frozenset[str]:
        pages = self._arm.query(_SHOWN, Subscription, self._subscriptions(), about=LIST_SUBSCRIPTIONS)
        return frozenset([each.subscriptionId.lower() async for page in pages for each in page])

    async def _rows(self, call: Call, row: type[T]) -> dict[str, tuple[list[T], list[Unread]]]:
        rows: dict[str, tuple[list[T], list[Unread]]] = {}
        unread: list[Unread] = []
        async for page in self._arm.query(
            _ROWS.format(type=call.type), row, self._subscriptions(), about=call, unread=unread
        ):
            for each in page:
                rows.setdefault(subscription_of(each.id), ([], []))[0].append(each)
        for bad in unread:
            rows.setdefault(subscription_of(bad.id), ([], []))[1].append(bad)
        return rows

    async def _shared(self, name: str, ask: Callable[[], Any]) -> Any:
        """The answer that somebody got just now, or a new one; who asks meanwhile waits for it. A refusal is an
        answer too. Raises `Refused`.
        """
        async with self._locks.setdefault(name, asyncio.Lock()):
            kept = self._kept.get(name)
            if kept is None or time.monotonic() - kept[0] > FRESH:
                try:
                    answer = await ask()
                except Refused as refused:
                    answer = refused
                kept = self._kept[name] = (time.monotonic(), answer)
                # thousands of rows need not wait hours for the next poll
                asyncio.get_running_loop().call_later(FRESH, self._kept.pop, name, None)
            if isinstance(kept[1], Refused):
                raise kept[1]
            return kept[1]
