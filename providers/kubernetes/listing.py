"""A kind that is listed: in pages, and what the model is told of it is what has changed since it was told last."""

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from functools import cache
from typing import Any, ClassVar, TypeVar

import msgspec

from posture.clock import Seconds
from posture.fault import Fault, FaultKind, Refused
from posture.reports import Batch, Complete, Gone, ReadRefused, Report, StillSo
from posture.resource import Resource
from providers.kubernetes.calls import GROUPS, GROUPS_PATH, NAMESPACES, Call
from providers.kubernetes.client import PAGE
from providers.kubernetes.decode import Bare, Groups, Head, ListMeta, Page, fields_of
from providers.kubernetes.faults import DISABLED, is_gone, not_served, unreadable
from providers.kubernetes.settings import is_pattern, matches
from providers.kubernetes.source import KubeSource, Shared
from providers.limits import Pages
from providers.source import Yield

Key = tuple[str, str]
"""Namespace ("" for what belongs to the cluster) and name."""
Unread = list[tuple[Key, Fault]]
"""Objects that cannot be read, by their key, which is empty where they do not even say that; and why."""
RESTARTS = 3
"""Of a list whose place in it was lost."""
_ENCODE = msgspec.json.Encoder().encode
_HEAD = msgspec.json.Decoder(Head).decode
P = TypeVar("P")


class Rows(msgspec.Struct):
    """A page as it was read: its objects, those that cannot be read, and what the model has been told of it. Where it
    was told all of that before (`same`), the objects are not read.
    """

    things: list[Any]
    unread: Unread
    digest: int = 0
    """Of the items as they came; 0 where that cannot be said."""
    told: dict[Key, int] = {}
    same: bool = False


@cache
def _page(row: Any) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(Page[row])


class ListedSource(KubeSource):
    """A kind that is listed. `row` is how an object of it is decoded, `ours` the kind of its resources."""

    row: ClassVar[Any]
    ours: ClassVar[str] = ""
    cells: ClassVar[int] = 0
    """How many columns the kind has."""

    def __init__(self, shared: Shared, cadence: Seconds) -> None:
        super().__init__(shared, cadence)
        self._told: dict[Key, int] = {}
        """What the model was told, by the hash of the fields that are kept."""
        self._pages_told: dict[int, dict[Key, int]] = {}
        """What it was told of each page of the last list, by the hash of the page's items."""
        self._whole = False
        """Whether it was told all of it, and nothing was cut off meanwhile."""
        self._version, self._server = "", ""
        """How far the list had come, and of which server."""

    @property
    def types(self) -> tuple[str, ...]:
        """The types of resources that it reports."""
        return (self.type,) if self.ours else ()

    # ------------------------------------------------------------ what a kind says of itself

    def made(self, thing: Any, namespace: str, name: str) -> Resource | None:
        """The resource of an object; None where it is reported by another source."""
        return self.seen(self.ours, namespace, name, fields_of(thing))

    def owner_of(self, thing: Any, namespace: str) -> str:
        """The namespace that says whose an object is; empty for what belongs to the cluster."""
        return namespace

    def keeps(self, thing: Any, owner: str) -> bool:
        """Whether it is one of ours, by the namespace that says whose it is."""
        return self.shared.namespaces.of(owner) is not None

    def note(self, thing: Any, namespace: str, name: str) -> None:
        """An object is there, new or changed: what others need of it."""

    def forget(self, namespace: str, name: str) -> None:
        """An object is gone."""

    def besides(self) -> list[Resource]:
        """What else is to be reported when something has changed."""
        return []

    def anew(self) -> None:
        """A list begins that tells all: nothing that was told before counts."""

    # ------------------------------------------------------------ a list

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """List the kind."""
        async for report in self.listed():
            yield report

    async def listed(self) -> AsyncGenerator[Yield, None]:
        """The list, page by page; the first time all of it, then what has changed. Raises `Refused`."""
        first, self._whole, self._version = not self._whole, False, ""
        self._server = self.shared.client.server
        before = list(self._told)
        if first:
            self._told.clear()
            self.anew()
        seen: set[Key] = set()
        nameless, pages = False, dict[int, dict[Key, int]]()
        try:
            async for rows in self._pages(seen):
                changed, lost = self._taken_in(rows, seen)
                if rows.digest and not rows.unread:
                    pages[rows.digest] = rows.told
                nameless = nameless or lost
                for fault in rows.unread:
                    yield ReadRefused(fault[1])
                if changed:
                    yield Batch(tuple(changed))
        except Refused as refused:
            if refused.fault.kind is DISABLED:  # it does not exist here, nor does what was there before
                for report in self._vanished(before, set()):
                    yield report
                yield Complete(self.types)
            raise
        if nameless:
            return
        for report in self._vanished([*before, *self._told], seen):
            yield report
        if more := self.besides():
            yield Batch(tuple(more))
        yield Complete(self.types) if first else StillSo()
        self._whole, self._pages_told = True, pages

    def _vanished(self, before: Iterable[Key], seen: set[Key]) -> Iterator[Report]:
        gone = [key for key in dict.fromkeys(before) if key not in seen]
        for key in gone:
            self._told.pop(key, None)
            self.forget(*key)
        if gone and self.ours:
            yield Gone(tuple(self.id_of(*key) for key in gone))

    def _taken_in(self, rows: Rows, seen: set[Key]) -> tuple[list[Resource], bool]:
        """What has changed of a page, and whether there is a row that does not even say which it is."""
        changed: list[Resource] = []
        told, known = rows.told, self._told.get
        for thing in rows.things:
            key, _ = self._key(thing)
            digest = digest_of(thing)
            if known(key) != digest:
                if not key[1]:
                    rows.unread.append((key, unreadable(self.call.operation, "a row without a name").fault))
                    continue
                if not self.keeps(thing, self.owner_of(thing, key[0])):
                    continue
                changed += self._put(thing, key, digest)
            told[key] = digest
        seen.update(rows.told)
        for key, fault in rows.unread:
            if key[1] and self.shared.namespaces.of(key[0]) is not None:
                seen.add(key)
                changed += self._unread(key, fault)
        return changed, any(not key[1] for key, _ in rows.unread)

    def _key(self, thing: Any) -> tuple[Key, str]:
        """Its key and its version, which is taken off: every write changes it."""
        meta = thing.metadata
        version, meta.resourceVersion = meta.resourceVersion, ""
        namespace = meta.namespace if self.call.namespaced else ""
        return (namespace if type(namespace) is str else "", meta.name), version

    def _put(self, thing: Any, key: Key, digest: int) -> list[Resource]:
        """The resource of an object, of which other fields are kept than before, if there were any."""
        self._told[key] = digest
        self.note(thing, *key)
        made = self.made(thing, *key)
        return [] if made is None else [made]

    def _unread(self, key: Key, fault: Fault) -> list[Resource]:
        """An object of which no more is known than that it is there, and why."""
        self._told[key] = 0
        if not self.ours:
            return []
        cells = ("?",) * self.cells
        faults = {self.call.operation: fault}
        fields = {"metadata": {"name": key[1], **({"namespace": key[0]} if key[0] else {})}}
        return [self.seen(self.ours, *key, fields, faults=faults, cells=cells)]

    # ------------------------------------------------------------ pages

    async def _pages(self, seen: set[Key]) -> AsyncGenerator[Rows, None]:
        """The pages of the whole cluster; where that is forbidden, of the namespaces that are configured."""
        namespaces = self.shared.namespaces
        try:
            async for each in self._pages_of("", seen):
                yield each
            return
        except Refused as refused:
            if refused.fault.kind is not FaultKind.DENIED or not self.call.namespaced or not namespaces.named:
                raise
        self._version = ""  # they have one each: they are listed on the cadence
        for namespace in await self._configured():
            async for each in self._pages_of(namespace, seen):
                yield each
            self._version = ""

    async def _configured(self) -> list[str]:
        """The namespaces that are configured, those that a pattern stands for among them. Raises `Refused`."""
        named = self.shared.namespaces.named
        exact = [each for each in named if not is_pattern(each)]
        if len(exact) == len(named):
            return exact
        found: set[str] = set()
        async for _, page in self._paged(NAMESPACES, "", self._namespaces):
            found.update(each.metadata.name for each in page.items or ())
        return sorted({*exact, *(name for name in found if matches(name, named))})

    def _namespaces(self, body: bytes) -> tuple[ListMeta, Page[Bare]]:
        page = self.shared.client.read(NAMESPACES.operation, body, Page[Bare])
        return page.metadata, page

    async def _pages_of(self, namespace: str, seen: set[Key]) -> AsyncGenerator[Rows, None]:
        restarts = 0
        while True:
            try:
                async for metadata, rows in self._paged(self.call, namespace, self._read):
                    self._version = metadata.resourceVersion
                    yield rows
                return
            except Refused as refused:
                if refused.fault.code in {"NotFound", "404"}:
                    await self._is_served(refused)
                if not is_gone(refused) or restarts >= RESTARTS:
                    raise
                restarts += 1
                seen.clear()  # nothing is gone for it: what was not named again is looked for at the end

    async def _paged(
        self, call: Call, namespace: str, read: Callable[[bytes], tuple[ListMeta, P]]
    ) -> AsyncGenerator[tuple[ListMeta, P], None]:
        """Page after page, as `read` makes them of a body, each with the list's metadata."""
        followed = Pages(call.operation, self.shared.client.limits.most_pages)
        query = dict[str, str | int](limit=PAGE)
        while True:
            body = await self.shared.client.raw(call.operation, call.permission, call.path(namespace), query)
            metadata, page = read(body)
            yield metadata, page
            if not metadata.next:
                return
            followed.follow(metadata.next)
            query["continue"] = metadata.next

    def _read(self, body: bytes) -> tuple[ListMeta, Rows]:
        """A page, and the rows of it that cannot be read. Raises `Refused`."""
        head, digest = parted(body)
        told = self._pages_told.get(digest)
        if head is not None and told is not None and told.items() <= self._told.items():
            page = Page[Any](head.kind, head.metadata, None)
            rows = Rows([], [], digest, told, same=True)
        else:
            unread: Unread = []
            page = self._decoded(body, unread)
            rows = Rows(page.items or [], unread, digest, {})
        if page.kind != f"{self.call.named}List":
            raise unreadable(self.call.operation, f"{page.kind or 'nothing'} instead of {self.call.named}List")
        return page.metadata, rows

    def _decoded(self, body: bytes, unread: Unread) -> Page[Any]:
        try:
            page: Page[Any] = _page(self.row).decode(body)
        except msgspec.ValidationError:
            page = self.shared.client.read(self.call.operation, body, Page[msgspec.Raw])
            rows = [self._row(bytes(raw), unread) for raw in page.items or ()]
            return Page(page.kind, page.metadata, [row for row in rows if row is not None])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            page = self.shared.client.read(self.call.operation, body, Page[msgspec.Raw])
        return page

    def _row(self, raw: bytes, unread: Unread) -> Any:
        try:
            return msgspec.json.decode(raw, type=self.row)
        except msgspec.MsgspecError as error:
            key = _name_of(raw, self.call)
            why = f"{key[1] or 'a row without a name'}: {error}"
            unread.append((key, unreadable(self.call.operation, why).fault))
            return None

    async def _is_served(self, refused: Refused) -> None:
        """Raises `Refused` where the API server itself says that it has no such group; a 404 alone may be a proxy's."""
        groups = await self.shared.client.get(GROUPS, "", GROUPS_PATH, Groups)
        if groups.kind == "APIGroupList" and self.call.group not in {"", *(group.name for group in groups.groups)}:
            raise not_served(self.call)


def digest_of(thing: msgspec.Struct) -> int:
    """The hash of what is kept of an object."""
    return hash(_ENCODE(thing))


def parted(body: bytes) -> tuple[Head | None, int]:
    """What a page says before its items, and the hash of these and all after them; None and 0 where the items do not
    come last, as they do from an API server.
    """
    at = body.find(b'"items":')
    if at < 0:
        return None, 0
    try:  # an object once it is closed: then the items are the page's own, not those of something within it
        return _HEAD(body[:at].rstrip(b", \n") + b"}"), hash(body[at:])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None, 0


def _name_of(raw: bytes, call: Call) -> Key:
    """Namespace and name of a row that cannot be read; empty where it does not say them."""
    try:
        meta = msgspec.json.decode(raw, type=Bare).metadata
    except msgspec.MsgspecError:
        return "", ""
    namespace = meta.namespace if call.namespaced and isinstance(meta.namespace, str) else ""
    return namespace, meta.name
