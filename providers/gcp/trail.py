"""Who changed a resource, by the Admin Activity log of its project: kept for 400 days, always on.

Of an entry only who, when, where from and by what is decoded: the request in it may hold anything. Source:
entries.list (Logging API v2), AuditLog (Cloud Audit Logs).
"""

import contextlib
import re
from typing import Any, ClassVar

import msgspec

from posture.clock import Seconds, Utc, parse_rfc3339, rfc3339
from posture.fault import Refused
from posture.who import UNNAMED, Change, Event, Trail, Who, event, not_recorded
from providers.gcp.calls import LIST_ENTRIES
from providers.gcp.client import GcpClient
from providers.gcp.decode import Page, Unread

KEEPS: Seconds = 400 * 86400.0
LAG: Seconds = 1800.0
"""No delay is published; entries come within seconds, and at times minutes."""
PAGE = 50
MOST_PAGES = 5
"""Of one question; a page may be empty while the log is being searched."""
OPT_IN = "set who = true in its [[tenant.gcp]], and grant what enctop policy gcp --with who prints"
UNFILED = ("gcp.compute.location", "gcp.storage.objects", "gcp.workspace")
"""Types that no change is filed under."""


class Auth(msgspec.Struct):
    """`authenticationInfo`: who asked, and for a service account through whom."""

    principalEmail: Any = ""
    principalSubject: Any = ""
    serviceAccountDelegationInfo: Any = None


class Origin(msgspec.Struct):
    """`requestMetadata`."""

    callerIp: Any = ""
    callerSuppliedUserAgent: Any = ""


class Status(msgspec.Struct):
    """`status`: a code where it was refused or failed."""

    code: Any = 0


class Payload(msgspec.Struct):
    """What is decoded of an audit record."""

    methodName: str = ""
    resourceName: str = ""
    authenticationInfo: Auth | None = None
    requestMetadata: Origin | None = None
    status: Status | None = None


class Entry(msgspec.Struct):
    """One entry of the log."""

    timestamp: str = ""
    protoPayload: Payload | None = None


class LogPage(Page, frozen=True):
    """A page of `entries:list`."""

    rows: ClassVar[tuple[str, ...]] = ("entries",)
    row: ClassVar[Any] = Entry
    begins: ClassVar[str] = ""

    entries: list[Entry] | None = None


async def asked(project: GcpClient, change: Change) -> Trail | Who:
    """The entries of a resource in the time in question, the newest first, until one is found. Raises `Refused`."""
    if not change.events:
        return not_recorded(UNNAMED, change)
    resource = change.resource
    if resource.type in UNFILED or not resource.id.startswith("//"):
        return not_recorded(f"no entry of the log is filed under {resource.type}", change)
    names = _names(resource.id)
    owner = names[0].split("/")[1] if names[0].count("/") else ""
    if owner not in {"_", project.name, project.number}:
        return not_recorded(f"its entries are in the log of its own project, {owner}", change)
    found, cut = await _found(project, change, _filter(project.name, names, change))
    name = f"the Admin Activity log of {project.name}"
    return Trail(name=name, events=tuple(found), keeps=KEEPS, lag=LAG, back_to=cut, made=_made(resource.fields))


async def _found(project: GcpClient, change: Change, filter: str) -> tuple[list[Event], Utc | None]:
    """The newest event, and how far back was read where that is not all."""
    token, reached = "", change.until
    for _ in range(MOST_PAGES):
        unread: list[Unread] = []
        body = {
            "resourceNames": [f"projects/{project.name}"],
            "filter": filter,
            "orderBy": "timestamp desc",
            "pageSize": PAGE,
            **({"pageToken": token} if token else {}),
        }
        page = await project.ask(LIST_ENTRIES, LogPage, unread=unread, body=body)
        if unread:  # it may be the newest of all, and nobody else did what it tells of
            raise Refused(unread[0].fault)
        for entry in page.entries or ():
            one = _event(entry, change)
            if one is not None and one.at <= change.until:
                return [one], None
            reached = min(reached, _time(entry.timestamp) or reached)
        if not page.nextPageToken or page.nextPageToken == token:
            return [], None
        token = page.nextPageToken
    return [], reached


def _names(id: str) -> list[str]:
    """As the log may name a resource: a cluster of one zone below its zone."""
    name = id.removeprefix("//").partition("/")[2].partition("#")[0]
    return [name] + ([name.replace("/locations/", "/zones/")] if name.count("/clusters/") else [])


def _filter(project: str, names: list[str], change: Change) -> str:
    begins = max(change.asked_at - KEEPS, change.after - 60 if change.after is not None else 0.0)
    # a version of a key is filed below its key
    named = " OR ".join(
        f'protoPayload.resourceName="{_quoted(name)}" OR protoPayload.resourceName:"{_quoted(name)}/"' for name in names
    )
    methods = "|".join(re.escape(method) for method in change.events)
    return (
        f'logName="projects/{project}/logs/cloudaudit.googleapis.com%2Factivity"'
        f' AND timestamp>="{rfc3339(begins)}" AND timestamp<="{rfc3339(change.until + 1)}"'
        f' AND ({named}) AND protoPayload.methodName=~"{_quoted(f"({methods})$")}"'
    )


def _event(entry: Entry, change: Change) -> Event | None:
    """The event; None for another one, and for one that was refused."""
    payload, at = entry.protoPayload, _time(entry.timestamp)
    if payload is None or at is None or (payload.status is not None and payload.status.code not in (0, None)):
        return None
    name = next((method for method in change.events if payload.methodName.endswith(method)), None)
    if name is None:
        return None
    auth, origin = payload.authenticationInfo or Auth(), payload.requestMetadata or Origin()
    return event(
        name=payload.methodName,
        at=at,
        actor=auth.principalEmail or auth.principalSubject,
        issuer=_through(auth.serviceAccountDelegationInfo),
        address=origin.callerIp,
        agent=origin.callerSuppliedUserAgent,
    )


def _through(delegation: Any) -> Any:
    """Who acted as a service account, where somebody did."""
    first = delegation[0] if isinstance(delegation, list) and delegation else None
    principal = first.get("firstPartyPrincipal") if isinstance(first, dict) else None
    return principal.get("principalEmail", "") if isinstance(principal, dict) else ""


def _made(fields: Any) -> Utc | None:
    for name in ("creationTimestamp", "timeCreated", "createTime"):
        if isinstance(told := fields.get(name), str) and (at := _time(told)) is not None:
            return at
    return None


def _time(told: str) -> Utc | None:
    with contextlib.suppress(ValueError, OverflowError):
        return parse_rfc3339(told)
    return None


def _quoted(text: str) -> str:
    """As it may stand between the quotes of a filter."""
    return "".join(f"\\{char}" if char in '\\"' else char for char in text if char.isprintable())
