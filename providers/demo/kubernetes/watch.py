"""A watch: events as they happen, one JSON line each, with bookmarks (k8s.io/apiserver/pkg/endpoints/handlers)."""

import asyncio
import collections
import contextlib
import random
from typing import Any

import msgspec
from aiohttp import web

from providers.demo.kubernetes import answers
from providers.demo.kubernetes.answers import JSON, Asked
from providers.demo.kubernetes.faults import Faults
from providers.demo.kubernetes.listing import Refused, seconds_of, selected, version_of
from providers.demo.kubernetes.store import Event, Expired, Store
from providers.demo.kubernetes.table import form, single

Json = dict[str, Any]
LONGEST = (1800, 3600)
"""Seconds after which a watch that names no time ends (min-request-timeout)."""
INITIAL = "k8s.io/initial-events-end"


class Settings(msgspec.Struct):
    """How watches go: seconds between bookmarks and before the deadline of the last one; whether the server knows
    `sendInitialEvents` (WatchList); how long a second of `timeoutSeconds` lasts.
    """

    bookmark: float = 60.0
    last_bookmark: float = 2.0
    watch_list: bool = True
    second: float = 1.0


class Stream:
    """One open watch."""

    def __init__(
        self, store: Store, faults: Faults, settings: Settings, asked: Asked, request: web.BaseRequest
    ) -> None:
        self.asked = asked
        self.sent = 0
        """Lines so far."""
        self._store, self._faults, self._settings, self._request = store, faults, settings, request
        self._pending: collections.deque[Event | str] = collections.deque()
        self._woken = asyncio.Event()
        self._dead = False
        self._loop = asyncio.get_running_loop()
        self._form = form(request.headers.get("Accept", "")) or "whole"
        self._response = web.StreamResponse(headers={"Content-Type": JSON, "Cache-Control": "no-cache, private"})
        self._response.enable_chunked_encoding()
        self._bookmarks = asked.query.get("allowWatchBookmarks") in ("1", "true")
        self._initial = asked.query.get("sendInitialEvents") in ("1", "true")
        self._matches = selected(asked)
        self._revision = 0

    def tell(self, what: Event | str) -> None:
        """Pass on an event, or `end`, `cut`, `gone`: how the stream ends. From any thread."""
        self._pending.append(what)
        with contextlib.suppress(RuntimeError):  # the server has stopped
            self._loop.call_soon_threadsafe(self._woken.set)

    def abort(self) -> None:
        """Drop the connection."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def serve(self) -> web.StreamResponse:
        """Send what happens until the watch ends. Raises `Refused` before anything is sent."""
        query, kind = self.asked.query, self.asked.kind
        assert kind is not None
        self._check()
        since = version_of(query)
        lasts = self._settings.second * (seconds_of(query) or random.uniform(*LONGEST))
        if self._initial:
            since = None
        try:
            past, revision = self._store.follow(kind, since, self.tell)
        except Expired:
            await self._response.prepare(self._request)
            return await self._gone(since or 0)
        try:
            await self._response.prepare(self._request)
            await self._send(past)
            self._revision = max(revision, since or 0)
            if self._initial:
                await self._bookmark({INITIAL: "true"})
            return await self._go_on(lasts)
        finally:
            self._store.unfollow(self.tell)

    def _check(self) -> None:
        if "sendInitialEvents" not in self.asked.query:
            return
        if not self._settings.watch_list:
            what = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
            raise Refused(
                answers.invalid("ListOptions", "sendInitialEvents", f"Forbidden: {what}", cause="FieldValueForbidden")
            )
        if self.asked.query.get("resourceVersionMatch") != "NotOlderThan":
            what = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            raise Refused(answers.invalid("ListOptions", "resourceVersionMatch", what, cause="FieldValueForbidden"))

    async def _go_on(self, lasts: float) -> web.StreamResponse:
        start = self._loop.time()
        deadline, last = start + lasts, start + max(lasts - self._settings.last_bookmark, 0.0)
        bookmark = start + self._settings.bookmark
        if self._faults.taken(self.asked, {"end"}):
            return self._response
        if self._faults.taken(self.asked, {"gone"}):
            return await self._gone(self._revision)
        while (now := self._loop.time()) < deadline:
            due = min(bookmark, last if last > now else deadline, deadline)
            happened = await self._next(due - now)
            if not happened and self._loop.time() >= deadline:
                break
            if not happened:
                bookmark = self._loop.time() + self._settings.bookmark
                await self._bookmark()
                continue
            events = [each for each in happened if isinstance(each, Event)]
            if self._faults.taken(self.asked, {"cut"}) or "cut" in happened:
                return await self._cut()
            await self._send(events)
            if "gone" in happened:
                return await self._gone(self._revision)
            if "end" in happened:
                break
        if self._dead:
            await asyncio.Event().wait()
        return self._response

    async def _next(self, seconds: float) -> list[Event | str]:
        """What has happened since; nothing after so many seconds."""
        end = self._loop.time() + seconds
        await asyncio.sleep(0)
        while not self._pending and (left := end - self._loop.time()) > 0:
            self._woken.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), left)
        happened = []
        while self._pending:
            happened.append(self._pending.popleft())
        return happened

    async def _send(self, events: list[Event]) -> None:
        if events:
            self._revision = max(self._revision, events[-1].revision)
        if lines := [line for event in events if (line := self._line(event))]:
            await self._write(b"".join(lines))
            self.sent += len(lines)

    def _line(self, event: Event) -> bytes | None:
        """What is sent of an event: with a selector, an object comes and goes as it begins and ends to match."""
        kind: str = event.type
        if self._matches is not None:
            now = event.type != "DELETED" and self._matches(event.object)
            before = event.before is not None and self._matches(event.before)
            if not now and not before:
                return None
            kind = "DELETED" if not now else "MODIFIED" if before else "ADDED"
        body = single(event.object, self._form, self._include, columns=self.sent == 0)
        return b'{"type":"%b","object":%b}\n' % (kind.encode(), body.strip())

    @property
    def _include(self) -> str:
        return self.asked.query.get("includeObject", "Metadata")

    async def _bookmark(self, annotations: Json | None = None) -> None:
        kind = self.asked.kind
        assert kind is not None
        if not self._bookmarks or self._faults.holds(self.asked, "no_bookmarks"):
            return
        with self._store.lock:  # else a revision that is being written would be told before its event
            if not self._pending:
                self._revision = max(self._revision, self._store.revision)
        about: Json = {"resourceVersion": str(self._revision)} | ({"annotations": annotations} if annotations else {})
        body: Json = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": about}
        if self._form == "table":
            head = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": about, "columnDefinitions": []}
            body = {**head, "rows": []}
        await self._write(msgspec.json.encode({"type": "BOOKMARK", "object": body}) + b"\n")

    async def _gone(self, asked: int) -> web.StreamResponse:
        status = answers.expired_watch(asked, self._store.compacted)
        await self._write(msgspec.json.encode({"type": "ERROR", "object": status}) + b"\n")
        return self._response

    async def _cut(self) -> web.StreamResponse:
        await self._response.write(b'{"type":"MODIFIED","object":{"kind":')
        if self._request.transport is not None:
            self._request.transport.close()
        raise ConnectionResetError

    async def _write(self, data: bytes) -> None:
        """Send it, unless a rule keeps the stream silent."""
        self._dead = self._dead or self._faults.holds(self.asked, "silent")
        if not self._dead:
            await self._response.write(data)
