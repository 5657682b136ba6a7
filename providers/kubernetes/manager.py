"""Who changed an object, by its managedFields: each field manager with the time of its last change, and the fields it
owns.

A manager is a program's own name for itself; the user who ran it stands in the API server's audit log, which no API
reads. It is asked for that one object, by a list of its name and of its metadata alone, so that `list` is right enough.
Source: "Server-Side Apply", "Receiving just metadata" (Kubernetes documentation).
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import msgspec

from posture.clock import Utc, parse_rfc3339
from posture.who import Change, Event, Trail, Who, event, not_recorded
from providers.kubernetes.calls import CALLS, Call
from providers.kubernetes.client import KubeClient

METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
MOST_FIELDS = 3
"""Of what a manager owns, that are named."""
_OF_KIND = {call.kind: call for call in CALLS.values()}


class Managed(msgspec.Struct):
    """One entry; `fieldsV1` has the names of fields, and no values."""

    manager: Any = ""
    operation: Any = ""
    time: Any = ""
    subresource: Any = ""
    fieldsV1: Any = None


class ManagedMeta(msgspec.Struct):
    """What is decoded of an object's metadata."""

    name: str = ""
    namespace: str = ""
    managedFields: list[Managed] | None = None


class Partial(msgspec.Struct):
    """An object without all else."""

    metadata: ManagedMeta


class Partials(msgspec.Struct):
    """A list of them."""

    items: list[Partial] | None = None


async def asked(client: KubeClient, change: Change) -> Trail | Who:
    """The managers of one object. Raises `Refused`."""
    resource = change.resource
    call = _OF_KIND.get(resource.type.removeprefix("k8s."))
    namespace, _, name = resource.name.rpartition("/")
    if call is None or not name or call.namespaced != bool(namespace):
        return not_recorded(f"{resource.type} is not an object of the API server", change)
    managed = await _managed(client, call, namespace, name)
    if managed is None:
        return not_recorded("the object is gone, and its managers with it", change)
    events = list(_events(managed))
    later = [one for one in events if one.at > change.until]
    if later and change.after is None:
        # it tells only of the last change of each: what is older need not be what is judged
        why = f"it was changed since, by {max(later, key=lambda one: one.at).actor}; earlier changes are not kept"
        return not_recorded(why, change)
    return Trail(name=f"managedFields of {resource.name}", events=tuple(events), keeps=None, lag=0.0)


async def _managed(client: KubeClient, call: Call, namespace: str, name: str) -> list[Managed] | None:
    query: dict[str, str | int] = {"fieldSelector": f"metadata.name={name}", "limit": 1}
    body = await client.raw(call.operation, call.needs("list"), call.path(namespace), query, accept=METADATA)
    items = client.read(call.operation, body, Partials).items or []
    found = (one.metadata for one in items if (one.metadata.name, one.metadata.namespace) == (name, namespace))
    meta = next(found, None)
    return None if meta is None else meta.managedFields or []


def _events(managed: list[Managed]) -> Iterator[Event]:
    """Every change but those of the status, which controllers write down all day."""
    for entry in managed:
        at = _time(entry.time)
        if at is None or entry.subresource not in ("", None):
            continue
        fields = ", ".join(list(_fields(entry.fieldsV1))[:MOST_FIELDS])
        did = f"{entry.operation} of {fields}" if fields else entry.operation
        manager = f"{entry.manager}, a field manager" if isinstance(entry.manager, str) and entry.manager else ""
        yield event(name=did, at=at, actor=manager)


def _fields(owned: Any) -> Iterator[str]:
    """`spec.tls`: two levels of what a manager owns, but for labels and annotations."""
    for name, below in owned.items() if isinstance(owned, dict) else ():
        if not name.startswith("f:") or name == "f:metadata":
            continue
        inner = [each[2:] for each in below if each.startswith("f:")] if isinstance(below, dict) else []
        yield from (f"{name[2:]}.{each}" for each in inner) if inner else (name[2:],)


def _time(told: Any) -> Utc | None:
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        return parse_rfc3339(told)
    return None
