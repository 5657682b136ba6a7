"""What a simulated API server keeps: objects with one revision counter, and the log of what happened to them.

After k8s.io/apiserver's etcd3 store and watch cache: every write has the next revision; a page that continues a list
shows what was there at the list's revision; a compaction forgets what was before.
"""

import datetime
import random
import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from providers.demo.kubernetes.kinds import Kind, kind_of

Json = dict[str, Any]
Name = tuple[str, str]
"""Namespace ("" for what belongs to the cluster) and name."""
MAX_EVENTS = 200_000
MAX_SNAPSHOTS = 64
"""Lists that are kept for their next pages; the oldest goes first, as if its revision were compacted."""
FIRST_REVISION = 1000


class Expired(Exception):
    """A revision or a continue token is older than what is still known."""


class Object:
    """One revision of an object; never changed once made."""

    __slots__ = ("_raw", "body", "kind", "revision")

    def __init__(self, kind: Kind, body: Json, revision: int) -> None:
        self.kind, self.body, self.revision = kind, body, revision
        self._raw: bytes | None = None

    @property
    def name(self) -> Name:
        """Namespace and name."""
        metadata = self.body["metadata"]
        return metadata.get("namespace", ""), metadata["name"]

    @property
    def raw(self) -> bytes:
        """The object as an item of a list, without `kind` and `apiVersion`."""
        if self._raw is None:
            self._raw = msgspec.json.encode({k: v for k, v in self.body.items() if k not in ("kind", "apiVersion")})
        return self._raw


class Event(msgspec.Struct, frozen=True):
    """What happened to an object; `before` is the revision it replaced."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: Object
    before: Object | None = None

    @property
    def revision(self) -> int:
        """When it happened."""
        return self.object.revision


class Store:
    """All objects of one cluster. Every method may be called from any thread; `seed` makes uids the same again."""

    def __init__(self, seed: str = "") -> None:
        self.lock, self._seed = threading.RLock(), seed
        self._clear()
        self._watchers: list[tuple[Kind, Callable[[Event], None]]] = []

    def _clear(self) -> None:
        self.revision = self.compacted = FIRST_REVISION
        self._objects: dict[Kind, dict[Name, Object]] = {}
        self._events: deque[Event] = deque(maxlen=MAX_EVENTS)
        self._snapshots: dict[tuple[Kind, int], list[Object]] = {}
        self._chance = random.Random(self._seed)

    def clear(self) -> None:
        """Nothing exists any more; whoever watches is not told."""
        with self.lock:
            self._clear()

    def put(self, body: Mapping[str, Any]) -> Json:
        """Make an object, or replace the one of its name; returns it as it is kept. Nothing is written where nothing
        changes. Raises KeyError for a kind that is not served.
        """
        kind, given = kind_of(dict(body)), dict(body)
        with self.lock:
            held = self._objects.setdefault(kind, {})
            metadata = dict(given["metadata"])
            before = held.get((metadata.get("namespace", ""), metadata["name"]))
            given["metadata"] = self._metadata(given, metadata, before)
            if before is not None and given == before.body:
                return before.body
            made = self._stamped(kind, given)
            held[made.name] = made
            self._happened(Event("MODIFIED" if before else "ADDED", made, before))
        return made.body

    def _metadata(self, body: Json, metadata: Json, before: Object | None) -> Json:
        old = before.body["metadata"] if before else {}
        metadata |= {field: old[field] for field in ("uid", "creationTimestamp") if field in old}  # never change
        metadata.setdefault("uid", self._uid())
        metadata.setdefault("creationTimestamp", time_of(0))
        metadata.setdefault("managedFields", old.get("managedFields") or _managed(body, metadata))
        return {**metadata, "resourceVersion": old.get("resourceVersion", "0")}

    def _uid(self) -> str:
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))

    def _stamped(self, kind: Kind, body: Json) -> Object:
        self.revision += 1
        body = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.revision)}}
        return Object(kind, body, self.revision)

    def change(self, kind: Kind, name: str, namespace: str = "", **changes: Any) -> Json:
        """Merge `changes` into an object as a JSON merge patch (None takes a field away). Raises KeyError."""
        with self.lock:
            return self.put(_merged(self._objects[kind][namespace, name].body, changes))

    def delete(self, kind: Kind, name: str, namespace: str = "") -> None:
        """Take an object away; nothing happens if it is not there."""
        with self.lock:
            before = self._objects.get(kind, {}).pop((namespace, name), None)
            if before is not None:
                self._happened(Event("DELETED", self._stamped(kind, before.body), before))

    def get(self, kind: Kind, name: str, namespace: str = "") -> Object | None:
        """One object."""
        return self._objects.get(kind, {}).get((namespace, name))

    def objects(self, kind: Kind) -> tuple[list[Object], int]:
        """All objects of a kind by namespace and name, and the revision this is true at."""
        with self.lock:
            held = self._objects.get(kind, {})
            return [held[name] for name in sorted(held)], self.revision

    def keep(self, kind: Kind, revision: int, listed: list[Object]) -> None:
        """Remember a list for its next pages."""
        with self.lock:
            self._snapshots.setdefault((kind, revision), listed)
            while len(self._snapshots) > MAX_SNAPSHOTS:
                self._snapshots.pop(next(iter(self._snapshots)))

    def kept(self, kind: Kind, revision: int) -> list[Object]:
        """The list as it was at a revision. Raises `Expired`."""
        with self.lock:
            if (kind, revision) not in self._snapshots:
                raise Expired
            return self._snapshots[kind, revision]

    def compact(self) -> None:
        """Forget what happened so far: older revisions and continue tokens are expired. Whoever watches goes on."""
        with self.lock:
            self.compacted = self.revision
            self._events.clear()
            self._snapshots.clear()

    def advance(self, revisions: int = 1) -> int:
        """Let revisions go by, as writes to other kinds do; returns the newest."""
        with self.lock:
            self.revision += revisions
            return self.revision

    def follow(self, kind: Kind, since: int | None, happened: Callable[[Event], None]) -> tuple[list[Event], int]:
        """Call `happened` for every event of a kind from now on, in the thread that writes.

        Returns the events after `since` (None: what exists, as ADDED) and the revision they lead to. Raises `Expired`.
        """
        with self.lock:
            if since is None:
                past = [Event("ADDED", each) for each in self.objects(kind)[0]]
            elif since < self.compacted:
                raise Expired
            else:
                past = [event for event in self._events if event.revision > since and event.object.kind is kind]
            self._watchers.append((kind, happened))
            return past, self.revision

    def unfollow(self, happened: Callable[[Event], None]) -> None:
        """Tell it nothing any more."""
        with self.lock:
            self._watchers = [each for each in self._watchers if each[1] != happened]

    def _happened(self, event: Event) -> None:
        if len(self._events) == MAX_EVENTS:
            self.compacted = self._events[0].revision
        self._events.append(event)
        for kind, happened in self._watchers:
            if kind is event.object.kind:
                happened(event)


def time_of(days: float) -> str:
    """RFC 3339 in UTC, to the second, as the API server writes it; `days` ago."""
    at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _managed(body: Json, metadata: Json) -> list[Json]:
    """As server-side apply keeps who set which field: a third of what a list weighs, and of no use to anybody here."""
    own = {name: value for name, value in metadata.items() if name in ("annotations", "labels")}
    fields = _fields(
        {"metadata": own, **{k: v for k, v in body.items() if k not in ("apiVersion", "kind", "metadata")}}
    )
    told = {"manager": "kube-controller-manager", "operation": "Update", "apiVersion": body["apiVersion"]}
    return [{**told, "time": metadata["creationTimestamp"], "fieldsType": "FieldsV1", "fieldsV1": fields}]


def _fields(value: Json) -> Json:
    return {f"f:{name}": _fields(below) if isinstance(below, dict) else {} for name, below in value.items()}


def _merged(body: Mapping[str, Any], changes: Mapping[str, Any]) -> Json:
    merged = dict(body)
    for name, value in changes.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(name), Mapping):
            merged[name] = _merged(merged[name], value)
        else:
            merged[name] = value
    return merged
