"""Who changed a resource, by Resource Graph's `resourcechanges`: 14 days, late by minutes, without old or new values.

It tells which properties moved; what they were and are is not asked for. Without the right to read changes it shows
none, and no error. Source: "Get resource changes" (Azure Resource Graph).
"""

import contextlib
from collections.abc import Iterable
from typing import Any

import msgspec

from posture.clock import Seconds, Utc, parse_rfc3339, rfc3339
from posture.fault import Refused
from posture.who import UNNAMED, Change, Event, Trail, Who, event, not_permitted, not_recorded
from providers.azure.calls import QUERY_CHANGES
from providers.azure.client import ArmClient
from providers.azure.decode import Unread
from providers.azure.ids import normal, subscription_of

KEEPS: Seconds = 14 * 86400.0
LAG: Seconds = 1800.0
"""A change is there in less than five minutes, as documented."""
MOST = 100
"""Changes of one resource that are read, the newest first."""
OPT_IN = "set who = true in its [[tenant.azure]], and allow what enctop policy azure --with who prints"
TRACKED = (
    "azure.compute.",
    "azure.storage.account",
    "azure.aks.",
    "azure.network.",
    "azure.cdn.",
)
"""Types whose changes Resource Graph keeps; keys, containers and file services are not among its resources."""
_CHANGES = (
    "resourcechanges | extend at = tostring(properties.changeAttributes.timestamp)"
    " | where tostring(properties.targetResourceId) =~ '{id}'"
    " | where todatetime(at) between (datetime({begins}) .. datetime({ends}))"
    " | project id, at, kind = tostring(properties.changeType), changed = bag_keys(properties.changes),"
    " by = tostring(properties.changeAttributes.changedBy),"
    " byType = tostring(properties.changeAttributes.changedByType),"
    " client = tostring(properties.changeAttributes.clientType),"
    " operation = tostring(properties.changeAttributes.operation)"
    " | order by at desc | take {most}"
)
_ANY = "resourcechanges | project id | take 1"


class ChangeRow(msgspec.Struct):
    """One change as it is asked for; anything may stand in it."""

    at: Any = ""
    kind: Any = ""
    changed: Any = None
    by: Any = ""
    byType: Any = ""
    client: Any = ""
    operation: Any = ""


async def asked(arm: ArmClient, change: Change) -> Trail | Who:
    """The changes of a resource in the time in question. Raises `Refused`."""
    if not change.events:
        return not_recorded(UNNAMED, change)
    resource = change.resource
    subscription = subscription_of(resource.id)
    if not resource.type.startswith(TRACKED) or not subscription:
        return not_recorded(f"Resource Graph keeps no changes of {resource.type}", change)
    begins = max(change.asked_at - KEEPS, change.after - 60 if change.after is not None else 0.0)
    kql = _CHANGES.format(
        id=_quoted(normal(resource.id)), begins=rfc3339(begins), ends=rfc3339(change.until + 1), most=MOST
    )
    rows = await _first_page(arm, kql, subscription)
    if not rows and not await _first_page(arm, _ANY, subscription):
        why = "Resource Graph shows no change of anything in this subscription, as it does where it may not"
        return not_permitted(why, f"allow {QUERY_CHANGES.permission}", change)
    events = (one for row in rows if (one := _event(row, change)) is not None)
    return Trail(name="Resource Graph", events=tuple(events), keeps=KEEPS, lag=LAG)


async def _first_page(arm: ArmClient, kql: str, subscription: str) -> list[ChangeRow]:
    unread: list[Unread] = []
    pages = arm.query(kql, ChangeRow, (subscription,), about=QUERY_CHANGES, unread=unread)
    async with contextlib.aclosing(pages):
        async for page in pages:
            if unread:  # it may be the newest of all, and nobody else did what it tells of
                raise Refused(unread[0].fault)
            return page[:MOST]
    return []


def _event(row: ChangeRow, change: Change) -> Event | None:
    """The event, None for a change of something else."""
    at = _time(row.at)
    name = _matched(row, change.events)
    if at is None or name is None:
        return None
    actor = row.by if isinstance(row.by, str) and row.by else row.byType
    did = f"{row.operation}: {name}" if isinstance(row.operation, str) and row.operation else name
    return event(name=did, at=at, actor=actor, agent=row.client)


def _matched(row: ChangeRow, events: Iterable[str]) -> str | None:
    """What of the change is one of the events: that it was made, or a property at, above or below one that they
    name.
    """
    if row.kind == "Create":
        return "Create" if "Create" in events else None
    changed = [name.lower() for name in row.changed if isinstance(name, str)] if isinstance(row.changed, list) else []
    for wanted in events:
        low = wanted.lower()
        if any(f"{name}.".startswith(f"{low}.") or f"{low}.".startswith(f"{name}.") for name in changed):
            return wanted
    return None


def _time(told: Any) -> Utc | None:
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        return parse_rfc3339(told)
    return None


def _quoted(text: str) -> str:
    """As it may stand between the quotes of a query."""
    return "".join(f"\\{char}" if char in "\\'" else char for char in text if char.isprintable())
