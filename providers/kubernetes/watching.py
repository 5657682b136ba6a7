"""List once, then watch: the machine behind every source whose kind is watched.

A list is read in pages; what the model is told of it is what has changed since it was told last. A watch that ends is
opened again at the version it had come to; one that lost it (410) is listed anew. A quiet watch is evidence only as
long as it speaks: a bookmark, or an event.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator, Iterator
from functools import cache
from typing import Any

import msgspec

from posture.clock import Seconds
from posture.fault import Fault, FaultKind, Refused
from posture.reports import Batch, Gone, ReadRefused, StillSo
from posture.resource import Resource
from providers.kubernetes.client import Stream
from providers.kubernetes.decode import Bare, Event
from providers.kubernetes.faults import Status, in_stream, is_gone, unreachable, unreadable
from providers.kubernetes.listing import Key, ListedSource, digest_of
from providers.kubernetes.source import Shared
from providers.source import News, Yield

CUT = 3
"""Watches in a row that ended without a word, after which the kind is listed on its cadence instead."""
QUIET = 1.5
"""Cadences without a bookmark or an event, after which a watch is opened again: else what is so would look old, where
the cadence is shorter than the minute between a server's bookmarks.
"""
SAY_AGAIN: Seconds = 10.0
"""A watch that speaks more often than this says only so often that all else is still so."""
CALM: Seconds = 120.0
"""After which a lost version is the first again."""
_PASSES = frozenset({FaultKind.UNREACHABLE, FaultKind.THROTTLED, FaultKind.EXPIRED})


@cache
def _event(row: Any) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(Event[row])


class WatchedSource(ListedSource):
    """A kind that is listed, and then watched."""

    wake: asyncio.Event | None = None
    """Set when something else of the cluster has changed what this source reports."""

    def __init__(self, shared: Shared, cadence: Seconds) -> None:
        super().__init__(shared, cadence)
        self._stream: Stream | None = None
        self._unwatched: Fault | None = None
        """Why there is no watch, where there could be a list."""
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
        """List the kind; or go on with a watch that broke, where its version is still known, or that was opened by
        the poll before this one.
        """
        goes_on = self._whole and self._version and self._server == self.shared.client.server
        if goes_on and (self._lost or self._stream is not None):
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
        self._leave()
        async with contextlib.aclosing(self.listed()) as listed:
            async for each in listed:
                yield each
        if self._unwatched is not None and self._whole and self._version:
            try:
                async with contextlib.aclosing(self._resumed()) as reports:
                    async for report in reports:
                        yield report
                self._unwatched = None
            except Refused as refused:
                yield ReadRefused(refused.fault)

    def follow(self) -> AsyncGenerator[News, None] | None:
        """Watch from where the list ended, until that ends; None where there is no list to begin with. Raises
        `Refused`.
        """
        return self._watched() if self._whole and self._version else None

    async def _watched(self) -> AsyncGenerator[News, None]:
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

    async def _followed(self) -> AsyncGenerator[News, None]:
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

    async def _resumed(self) -> AsyncGenerator[News, None]:
        """Open the watch again, and tell what was missed. Raises `Refused`."""
        stream = self._stream = self._stream or await self._open()
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
            self._leave()
            raise
        self._whole = True

    async def _missed(self, stream: Stream) -> AsyncGenerator[News, None]:
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

    async def _read_on(self, stream: Stream) -> AsyncGenerator[News, None]:
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
        silence = min(self.shared.client.limits.silence, QUIET * self.cadence)
        return await self.shared.client.watch(self.call, self._version, seconds, silence)

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

    def _told_by(self, lines: list[bytes]) -> Iterator[News]:
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
            key, version = self._key(thing)
            self._version = version or self._version
            if kind == "BOOKMARK" or not key[1]:
                marked = marked or kind == "BOOKMARK"
                continue
            if kind == "DELETED" or not self.keeps(thing, self.owner_of(thing, key[0])):
                if self._told.pop(key, None) is not None:
                    moved, gone[key] = True, None
                    changed.pop(key, None)
                    self.forget(*key)
                continue
            digest = digest_of(thing)
            if self._told.get(key) == digest:
                continue
            moved = True
            if made := self._put(thing, key, digest):
                gone.pop(key, None)
                changed[key] = made[0]
        yield from self._reports(changed, gone, moved=moved, marked=marked)
        if refused is not None:
            raise refused

    def _reports(
        self, changed: dict[Key, Resource], gone: dict[Key, None], *, moved: bool, marked: bool
    ) -> Iterator[News]:
        more = self.besides() if moved else []
        if changed or more:
            yield Batch((*changed.values(), *more))
        if gone and self.ours:
            yield Gone(tuple(self.id_of(*key) for key in gone))
        now = time.monotonic()
        if marked or (self._speaks and now - self._said_at > min(SAY_AGAIN, self.cadence / 2)):
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
