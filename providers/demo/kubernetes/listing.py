"""A list of objects, page by page, as k8s.io/apiserver makes it."""

import base64
import binascii
from bisect import bisect_left
from collections.abc import Mapping
from typing import Any

import msgspec

from providers.demo.kubernetes import answers, selectors
from providers.demo.kubernetes.answers import Asked
from providers.demo.kubernetes.selectors import Matches
from providers.demo.kubernetes.store import Expired, Name, Object, Store

Json = dict[str, Any]
CURRENT = -1
"""The revision in a token whose rest need not be of one time."""


class Refused(Exception):
    """The request gets this Status."""

    def __init__(self, status: Json) -> None:
        super().__init__(status["message"])
        self.status = status


class Page(msgspec.Struct, frozen=True):
    """Some of the objects; `metadata` is that of the list."""

    objects: list[Object]
    metadata: Json


class Start(msgspec.Struct, rename={"revision": "rv", "version": "v"}):
    """What a continue token holds: the revision of the list, and the name its next page begins with."""

    revision: int
    start: str
    version: str = "meta.k8s.io/v1"


def listed(store: Store, asked: Asked) -> Page:
    """The page that a request asks for. Raises `Refused`."""
    query, kind = asked.query, asked.kind
    assert kind is not None
    limit, begins = _number(query, "limit"), query.get("continue", "")
    start = _start(begins, query.get("resourceVersion", "")) if begins else None
    if start is None:
        objects, revision = store.objects(kind)
        wanted = _number(query, "resourceVersion")
        if wanted > revision:
            raise Refused(answers.too_large(wanted, revision))
    else:
        objects, revision = _rest(store, asked, start)
    everything, name = objects, _name(start.start) if start else ("", "")
    objects = objects[bisect_left(objects, name, key=lambda each: each.name) :]
    matches = selected(asked)
    chosen = [each for each in objects if matches(each)] if matches else objects
    metadata: Json = {"resourceVersion": str(revision)}
    if limit and len(chosen) > limit and query.get("resourceVersion") != "0":
        at = start.revision if start else revision
        if at != CURRENT:
            store.keep(kind, at, everything)
        metadata["continue"] = token(at, chosen[limit].name)
        if "labelSelector" not in query and "fieldSelector" not in query:
            metadata["remainingItemCount"] = len(chosen) - limit
        chosen = chosen[:limit]
    return Page(chosen, metadata)


def _rest(store: Store, asked: Asked, start: Start) -> tuple[list[Object], int]:
    assert asked.kind is not None
    if start.revision == CURRENT:
        return store.objects(asked.kind)
    try:
        return store.kept(asked.kind, start.revision), start.revision
    except Expired:
        raise Refused(answers.expired_list(token(CURRENT, _name(start.start)))) from None


def selected(asked: Asked) -> "Chooses | None":
    """What the namespace and the selectors of a request choose; None for everything. Raises `Refused`."""
    tests: list[Matches] = []
    try:
        if "labelSelector" in asked.query:
            tests.append(selectors.labels(asked.query["labelSelector"]))
        if "fieldSelector" in asked.query:
            tests.append(selectors.fields(asked.query["fieldSelector"]))
    except selectors.BadSelector as bad:
        raise Refused(answers.bad_request(str(bad))) from None
    if not tests and not asked.namespace:
        return None
    return Chooses(asked.namespace, tests)


class Chooses:
    """Says of an object whether it is meant."""

    def __init__(self, namespace: str, tests: list[Matches]) -> None:
        self._namespace, self._tests = namespace, tests

    def __call__(self, each: Object) -> bool:
        """Whether it is."""
        inside = not self._namespace or each.body["metadata"].get("namespace") == self._namespace
        return inside and all(test(each.body) for test in self._tests)


def token(revision: int, name: Name) -> str:
    """The continue token of the page that begins with a name."""
    held = msgspec.json.encode(Start(revision, "/".join(name) + "\0"))
    return base64.urlsafe_b64encode(held).decode().rstrip("=")


def _start(text: str, version: str) -> Start:
    if version not in ("", "0"):
        raise Refused(answers.bad_request("specifying resource version is not allowed when using continue"))
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Start)
    except (binascii.Error, msgspec.DecodeError, ValueError) as bad:
        raise Refused(answers.bad_request(f"continue key is not valid: {bad}")) from None


def _name(start: str) -> Name:
    namespace, _, name = start.rstrip("\0").rpartition("/")
    return namespace, name


def _number(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "")
    if not text:
        return 0
    if not text.isdecimal():
        what = f'Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        raise Refused(answers.invalid("ListOptions", name, what))
    return int(text)


def version_of(query: Mapping[str, str]) -> int | None:
    """The version that a watch begins after; None where it names none, and begins with what exists."""
    return _number(query, "resourceVersion") or None


def seconds_of(query: Mapping[str, str]) -> int:
    """How long a watch is asked to last; 0 where nothing is said."""
    return _number(query, "timeoutSeconds")
