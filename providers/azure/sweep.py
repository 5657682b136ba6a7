"""Resource Graph for what changes seldom: one query a kind for all subscriptions of a way in, and Resource Manager where it does not answer.

Resource Graph leaves out what the identity may not read and says nothing of it. So a subscription that it does not show, and one of which it shows no row of a
kind, are asked of Resource Manager, which answers or refuses ("Troubleshoot errors using Azure Resource Graph": no permission means no rows, no error).
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any, TypeVar

from posture.clock import Seconds
from posture.fault import FaultKind, Refused
from providers.azure.arm import Arm
from providers.azure.calls import LIST_SUBSCRIPTIONS, Call
from providers.azure.ids import subscription_of
from providers.azure.wire import Row, Subscription

T = TypeVar("T", bound=Row)

FRESH: Seconds = 30.0
"""Answers are shared among the subscriptions' sources this long; a poll after that asks again."""
_SHOWN = "resourcecontainers | where type =~ 'microsoft.resources/subscriptions' | project subscriptionId, id | order by id asc"
_ROWS = "resources | where type =~ '{type}' | project id, name, location, tags, kind, sku, identity, properties | order by id asc"


class Sweep:
    """Answers of Resource Graph, shared by the sources of one way in. `subscriptions` gives those that are polled."""

    def __init__(self, arm: Arm, subscriptions: Callable[[], tuple[str, ...]]) -> None:
        self._arm = arm
        self._subscriptions = subscriptions
        self._locks: dict[str, asyncio.Lock] = {}
        self._kept: dict[str, tuple[Seconds, Any]] = {}

    async def listed(self, call: Call, row: type[T], subscription: str) -> AsyncGenerator[list[T], None]:
        """The resources of one kind in one subscription: from Resource Graph, or from Resource Manager where that has none. Raises `Refused`."""
        found = await self._swept(call, row, subscription)
        if found:
            yield found
            return
        async for page in self._arm.pages(call, row, subscription=subscription):
            yield page

    async def names(self, call: Call) -> dict[str, str]:
        """Name, in lower case, -> id of every resource of a kind that Resource Graph shows, in any subscription that is polled; nothing where it refuses."""
        try:
            shared = await self._shared(call.type, lambda: self._rows(call, Row))
        except Refused as refused:
            if refused.fault.kind is FaultKind.EXPIRED:
                raise
            return {}
        return {row.name.lower(): row.id for rows in shared.values() for row in rows}

    async def _swept(self, call: Call, row: type[T], subscription: str) -> list[T]:
        try:
            shown = await self._shared("subscriptions", self._shown)
            if subscription not in shown:
                return []
            shared = await self._shared(call.type, lambda: self._rows(call, row))
        except Refused as refused:
            if refused.fault.kind is FaultKind.EXPIRED:
                raise
            return []
        found: list[T] = shared.get(subscription, [])
        return found

    async def _shown(self) -> frozenset[str]:
        pages = self._arm.query(_SHOWN, Subscription, self._subscriptions(), about=LIST_SUBSCRIPTIONS)
        return frozenset([each.subscriptionId.lower() async for page in pages for each in page])

    async def _rows(self, call: Call, row: type[T]) -> dict[str, list[T]]:
        rows: dict[str, list[T]] = {}
        async for page in self._arm.query(_ROWS.format(type=call.type), row, self._subscriptions(), about=call):
            for each in page:
                rows.setdefault(subscription_of(each.id), []).append(each)
        return rows

    async def _shared(self, name: str, ask: Callable[[], Any]) -> Any:
        """The answer that somebody got just now, or a new one; who asks meanwhile waits for it. A refusal is an answer too. Raises `Refused`."""
        async with self._locks.setdefault(name, asyncio.Lock()):
            kept = self._kept.get(name)
            if kept is None or time.monotonic() - kept[0] > FRESH:
                try:
                    answer = await ask()
                except Refused as refused:
                    answer = refused
                kept = self._kept[name] = (time.monotonic(), answer)
                asyncio.get_running_loop().call_later(FRESH, self._kept.pop, name, None)  # thousands of rows need not wait hours for the next poll
            if isinstance(kept[1], Refused):
                raise kept[1]
            return kept[1]
