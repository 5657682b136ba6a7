"""List once, then watch: the machine behind every source whose kind is watched.

A list is read in pages; what the model is told of it is what has changed since it was told last. A watch that ends is
opened again at the version it had come to; one that lost it (410) is listed anew. A quiet watch is evidence only as
long as it speaks: a bookmark, or an event.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from functools import cache
from typing import Any, ClassVar

import msgspec

from posture.clock import Seconds
from posture.fault import Fault, FaultKind, Refused
from posture.reports import Batch, Complete, Gone, ReadRefused, Report, StillSo
from posture.resource import Resource
from providers.kubernetes.calls import GROUPS, GROUPS_PATH, NAMESPACES, Call
from providers.kubernetes.client import PAGE, Stream
from providers.kubernetes.decode import Bare, Event, Groups, Page, fields_of
from providers.kubernetes.faults import DISABLED, Status, in_stream, is_gone, not_served, unreachable, unreadable
from providers.kubernetes.settings import is_pattern, matches
from providers.kubernetes.source import KubeSource, Shared
from providers.limits import Pages
from providers.source import Yield

Key = tuple[str, str]
"""Namespace ("" for what belongs to the cluster) and name."""
RESTARTS = 3
"""Of a list whose place in it was lost."""
CUT = 3
"""Watches in a row that ended without a word, after which the kind is listed on its cadence instead."""
SAY_AGAIN: Seconds = 10.0
"""A watch that speaks more often than this says only so often that all else is still so."""
CALM: Seconds = 120.0
"""After which a lost version is the first again."""
_PASSES = frozenset({FaultKind.UNREACHABLE, FaultKind.THROTTLED, FaultKind.EXPIRED})
_ENCODE = msgspec.json.Encoder().encode


@cache
def _page(row: Any) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(Page[row])


@cache
def _event(row: Any) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(Event[row])


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
        self._whole = False
        """Whether it was told all of it, and nothing was cut off meanwhile."""
        self._version = ""
        self._unwatched: Fault | None = None

    @property
    def types(self) -> tuple[str, ...]:
        """The types of resources that it reports."""
        return (f"k8s.{self.call.kind}",) if self.ours else ()

    # ------------------------------------------------------------ what a kind says of itself

    def made(self, thing: Any, namespace: str, name: str) -> Resource | None:
        """The resource of an object; None where it is reported by another source."""
        return self.resource(self.ours, namespace, name, fields_of(thing))

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

    # ------------------------------------------------------------ a list

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """List the kind."""
        async for report in self.listed():
            yield report

    async def listed(self) -> AsyncGenerator[Yield, None]:
        """The list, page by page; the first time all of it, then what has changed. Raises `Refused`."""
        first, self._whole, self._version = not self._whole, False, ""
        before = list(self._told)
        if first:
            self._told.clear()
        seen: set[Key] = set()
        nameless = False
        try:
            async for page, unread in self._pages(seen):
                changed, lost = self._taken_in(page, unread, seen)
                nameless = nameless or lost
                for fault in unread:
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
        yield Complete((*self.types, *{resource.type for resource in more})) if first else StillSo()
        self._whole = True
        if self._unwatched is not None:
            yield ReadRefused(self._unwatched)

    def _vanished(self, before: Iterable[Key], seen: set[Key]) -> Iterator[Report]:
        gone = [key for key in dict.fromkeys(before) if key not in seen]
        for key in gone:
            self._told.pop(key, None)
            self.forget(*key)
        if gone and self.ours:
            yield Gone(tuple(self.id_of(*key) for key in gone))

    def _taken_in(
        self, page: list[Any], unread: list[tuple[Key, Fault]], seen: set[Key]
    ) -> tuple[list[Resource], bool]:
        """What has changed of a page, and whether there is a row that does not even say which it is."""
        changed: list[Resource] = []
        for thing in page:
            key, owner, _ = self._key(thing)
            if not self.keeps(thing, owner):
                continue
            seen.add(key)
            changed += self._put(thing, key)
        for key, fault in unread:
            if key[1] and self.shared.namespaces.of(key[0]) is not None:
                seen.add(key)
                changed += self._unread(key, fault)
        return changed, any(not key[1] for key, _ in unread)

    def _key(self, thing: Any) -> tuple[Key, str, str]:
        """Key, the namespace that says whose it is, and the version, which is taken off: it changes with every write."""
        meta = thing.metadata
        namespace = meta.namespace if self.call.namespaced and isinstance(meta.namespace, str) else ""
        version, meta.resourceVersion = meta.resourceVersion, ""
        return (namespace, meta.name), self.owner_of(thing, namespace), version

    def _put(self, thing: Any, key: Key) -> list[Resource]:
        """The resource, where what is kept of it has changed."""
        digest = hash(_ENCODE(thing))
        if self._told.get(key) == digest:
            return []
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
        return [self.resource(self.ours, *key, fields, faults=faults, cells=cells)]

    # ------------------------------------------------------------ pages

    async def _pages(self, seen: set[Key]) -> AsyncGenerator[tuple[list[Any], list[tuple[Key, Fault]]], None]:
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
        async for page in self._paged(NAMESPACES, "", self._namespaces):
            found.update(each.metadata.name for each in page.items or ())
        return sorted({*exact, *(name for name in found if matches(name, named))})

    def _namespaces(self, body: bytes) -> Page[Bare]:
        return self.shared.client.read(NAMESPACES.operation, body, Page[Bare])

    async def _pages_of(
        self, namespace: str, seen: set[Key]
    ) -> AsyncGenerator[tuple[list[Any], list[tuple[Key, Fault]]], None]:
        restarts = 0
        while True:
            try:
                unread: list[tuple[Key, Fault]] = []
                async for page in self._paged(self.call, namespace, lambda body: self._read(body, unread)):
                    self._version = page.metadata.resourceVersion
                    yield page.items or [], unread
                    unread.clear()
                return
            except Refused as refused:
                if refused.fault.code in {"NotFound", "404"}:
                    await self._is_served(refused)
                if not is_gone(refused) or restarts >= RESTARTS:
                    raise
                restarts += 1
                seen.clear()  # nothing is gone for it: what was not named again is looked for at the end

    async def _paged(
        self, call: Call, namespace: str, read: Callable[[bytes], Page[Any]]
    ) -> AsyncGenerator[Page[Any], None]:
        """Page after page, as `read` makes them of a body."""
        followed, query = Pages(call.operation), dict[str, str | int](limit=PAGE)
        while True:
            page = read(await self.shared.client.raw(call.operation, call.permission, call.path(namespace), query))
            yield page
            if not page.metadata.next:
                return
            followed.follow(page.metadata.next)
            query["continue"] = page.metadata.next

    def _read(self, body: bytes, unread: list[tuple[Key, Fault]]) -> Page[Any]:
        """A page; rows of it that cannot be read go to `unread`. Raises `Refused`."""
        try:
            page = _page(self.row).decode(body)
        except msgspec.ValidationError:
            page = self.shared.client.read(self.call.operation, body, Page[msgspec.Raw])
            rows = [self._row(bytes(raw), unread) for raw in page.items or ()]
            page = Page(page.kind, page.metadata, [row for row in rows if row is not None])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            page = self.shared.client.read(self.call.operation, body, Page[msgspec.Raw])
        if page.kind != f"{self.call.named}List":
            raise unreadable(self.call.operation, f"{page.kind or 'nothing'} instead of {self.call.named}List")
        return page

    def _row(self, raw: bytes, unread: list[tuple[Key, Fault]]) -> Any:
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


class WatchedSource(ListedSource):
    """A kind that is listed, and then watched."""

    wake: asyncio.Event | None = None
    """Set when something else of the cluster has changed what this source reports."""

    def __init__(self, shared: Shared, cadence: Seconds) -> None:
        super().__init__(shared, cadence)
        self._stream: Stream | None = None
        self._lost = False
        """Whether a watch ended that can go on from its version."""
        self._speaks = False
        """Whether a watch has ever said something: then it reaches us, and a quiet one has nothing to say."""
        self._cut = 0
        self._gone = (0, 0.0)
        self._said_at = 0.0

    def woken(self) -> list[Resource]:
        """What something else of the cluster has changed."""
        return []

    async def close(self) -> None:
        """The watch, and the way in."""
        self._leave()
        await super().close()

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """List the kind; or go on with a watch that broke, where its version is still known."""
        self._leave()
        if self._lost and self._whole and self._version:
            self._lost = False
            try:
                async with contextlib.aclosing(self._resumed()) as reports:
                    async for report in reports:
                        yield report
                return
            except Refused as refused:
                if refused.fault.kind in _PASSES and self._cut < CUT:
                    self._lost = True
                    raise
                if not is_gone(refused):
                    self._unwatched = refused.fault
        async with contextlib.aclosing(self.listed()) as reports:
            async for report in reports:
                yield report

    async def follow(self) -> AsyncGenerator[Yield, None]:
        """Watch from where the list ended, until that ends. Raises `Refused`."""
        if not self._whole or not self._version or not self.call.watched:
            await asyncio.sleep(self._wait())
            return
        self._whole = False  # as long as it is not known that everything was told
        async with contextlib.aclosing(self._followed()) as reports:
            try:
                async for report in reports:
                    yield report
            except Refused:
                self._whole = True
                raise
        self._whole = True

    # ------------------------------------------------------------ one watch

    async def _followed(self) -> AsyncGenerator[Yield, None]:
        stream = self._stream
        if stream is None:
            try:
                stream = self._stream = await self._open()
            except Refused as refused:
                if refused.fault.kind in _PASSES:
                    self._lost = True
                    raise
                self._unwatched = refused.fault  # listed on the cadence, and said so
                await asyncio.sleep(self._wait())
                return
        try:
            async with contextlib.aclosing(self._read_on(stream)) as reports:
                async for report in reports:
                    yield report
        except TimeoutError:  # nothing for too long: ask again, where a watch is known to reach us
            self._lost = self._speaks
        except Refused as refused:
            if is_gone(refused):
                await asyncio.sleep(self._backed_off())
                return
            if refused.fault.kind not in _PASSES:
                raise
            await self._was_cut(refused.fault)
        else:
            await self._was_cut(unreachable(self.call.operation, OSError("the watch ends at once")).fault)
        finally:
            self._leave()

    async def _was_cut(self, fault: Fault) -> None:
        """A stream ended. One that again and again says nothing cannot be kept: something between us cuts it."""
        self._cut += 1
        if self._cut < CUT:
            self._lost = True
            return
        self._unwatched = fault
        await asyncio.sleep(self._wait())

    async def _resumed(self) -> AsyncGenerator[Yield, None]:
        """Open the watch again, and tell what was missed. Raises `Refused`."""
        stream = self._stream = await self._open()
        self._whole = False
        try:
            async with contextlib.aclosing(self._missed(stream)) as reports:
                async for report in reports:
                    yield report
            if more := self.woken():
                yield Batch(tuple(more))
            yield StillSo()
        except Refused:
            self._whole = True  # what came before was told
            raise
        self._whole = True

    async def _missed(self, stream: Stream) -> AsyncGenerator[Yield, None]:
        """What a watch says until it is quiet, or has said it for long enough. Raises `Refused`."""
        settle = self.shared.client.limits.settle
        ends = time.monotonic() + 10 * settle
        while time.monotonic() < ends:
            try:
                async with asyncio.timeout(settle):
                    lines = await stream.lines()
            except TimeoutError:
                return
            if lines is None:
                self._cut += 1
                raise unreachable(self.call.operation, OSError("the watch ends at once"))
            for report in self._told_by(lines):
                yield report

    async def _read_on(self, stream: Stream) -> AsyncGenerator[Yield, None]:
        """What a watch says, until it ends. Raises `Refused`, and TimeoutError where it says nothing for too long."""
        reading: asyncio.Future[list[bytes] | None] | None = None
        try:
            while True:
                if self.wake is None:
                    lines = await stream.lines()
                else:
                    reading = reading or asyncio.ensure_future(stream.lines())
                    await _either(self.wake, reading)
                    if more := self.woken():
                        yield Batch(tuple(more))
                    if not reading.done():
                        continue
                    lines, reading = reading.result(), None
                if lines is None:
                    return
                for report in self._told_by(lines):
                    yield report
        finally:
            if reading is not None:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)

    async def _open(self) -> Stream:
        seconds = random.randint(*self.shared.client.limits.watch)
        return await self.shared.client.watch(self.call, self._version, seconds)

    def _leave(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _wait(self) -> Seconds:
        return self.cadence * random.uniform(0.9, 1.0)

    def _backed_off(self) -> Seconds:
        """How long to wait before a list that a lost version asks for: at random, that not all lists begin at once."""
        first, longest = self.shared.client.limits.backoff
        count, at = self._gone
        now = time.monotonic()
        count = 0 if now - at > CALM else count
        self._gone = (count + 1, now)
        return random.uniform(0.0, min(longest, first * 2.0**count))

    # ------------------------------------------------------------ events

    def _told_by(self, lines: list[bytes]) -> Iterator[Report]:
        """What these events change, in the end. Raises `Refused` for an ERROR, after what came before it."""
        changed: dict[Key, Resource] = {}
        gone: dict[Key, None] = {}
        moved, marked, refused = False, False, None
        for line in lines:
            try:
                kind, thing = self._read_event(line)
            except Refused as error:
                refused = error
                break
            self._speaks, self._cut, self._unwatched = True, 0, None
            if thing is None:
                continue
            key, owner, version = self._key(thing)
            self._version = version or self._version
            if kind == "BOOKMARK":
                marked = True
                continue
            if kind == "DELETED" or not self.keeps(thing, owner):
                if self._told.pop(key, None) is not None:
                    moved, gone[key] = True, None
                    changed.pop(key, None)
                    self.forget(*key)
                continue
            known = self._told.get(key)
            made = self._put(thing, key)
            moved = moved or self._told[key] != known
            if made:
                gone.pop(key, None)
                changed[key] = made[0]
        yield from self._reports(changed, gone, moved=moved, marked=marked)
        if refused is not None:
            raise refused

    def _reports(
        self, changed: dict[Key, Resource], gone: dict[Key, None], *, moved: bool, marked: bool
    ) -> Iterator[Report]:
        more = self.besides() if moved else []
        if changed or more:
            yield Batch((*changed.values(), *more))
        if gone and self.ours:
            yield Gone(tuple(self.id_of(*key) for key in gone))
        now = time.monotonic()
        if marked or (self._speaks and now - self._said_at > SAY_AGAIN):
            self._said_at = now
            yield StillSo()

    def _read_event(self, line: bytes) -> tuple[str, Any]:
        """Kind and object of an event; no object where it cannot be read. Raises `Refused` for an ERROR, and for what
        is no event.
        """
        operation = self.call.operation
        try:
            event = _event(self.row).decode(line)
        except msgspec.ValidationError:
            event = self.shared.client.read(operation, line, Event[msgspec.Raw])
            if event.type != "ERROR":
                return event.type, self._odd(event.type, bytes(event.object))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise unreadable(operation, error) from None
        if event.type == "ERROR":
            status = self.shared.client.read(operation, line, Event[Status]).object
            raise in_stream(operation, self.call.needs("watch"), status)
        if event.type not in {"ADDED", "MODIFIED", "DELETED", "BOOKMARK"}:
            raise unreadable(operation, f"an event of type {event.type}")
        return event.type, event.object

    def _odd(self, kind: str, raw: bytes) -> Any:
        """An object in which a field is not what it should be: its name and version are taken, and it is listed anew
        where it is not gone.
        """
        if kind == "DELETED" and (bare := self.shared.client.read(self.call.operation, raw, Bare)).metadata.name:
            thing = self.row()
            thing.metadata.name, thing.metadata.namespace = bare.metadata.name, bare.metadata.namespace
            thing.metadata.resourceVersion = bare.metadata.resourceVersion
            return thing
        raise Refused(Fault(FaultKind.ERROR, "Expired", self.call.operation, "an object that cannot be read"))


async def _either(wake: asyncio.Event, reading: "asyncio.Future[Any]") -> None:
    """Wait for one of them; the event is cleared."""
    waiting = asyncio.ensure_future(wake.wait())
    try:
        await asyncio.wait({waiting, reading}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    wake.clear()


def _name_of(raw: bytes, call: Call) -> Key:
    """Namespace and name of a row that cannot be read; empty where it does not say them."""
    try:
        meta = msgspec.json.decode(raw, type=Bare).metadata
    except msgspec.MsgspecError:
        return "", ""
    namespace = meta.namespace if call.namespaced and isinstance(meta.namespace, str) else ""
    return namespace, meta.name
