"""A Kubernetes API server on loopback, in memory: what kubectl and enctop ask, behind faults and a log.

    server = start()
    server.store.put({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "gp3"}, ...})
    server.faults.add("forbid", "k8s:nodes")
    server.stop()

Plain http lets everybody in. With TLS it knows `tokens` and the common name of a client's certificate, as a real one.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
import struct
import threading
import zlib
from collections.abc import Coroutine
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from providers.demo.answer import Answer
from providers.demo.kubernetes import access, answers, discovery, faults, protobuf
from providers.demo.kubernetes.access import Access
from providers.demo.kubernetes.answers import JSON, Asked, refused
from providers.demo.kubernetes.faults import Faults, Rule
from providers.demo.kubernetes.kinds import BY_PATH, PRIVATE
from providers.demo.kubernetes.listing import Refused, listed
from providers.demo.kubernetes.store import Store
from providers.demo.kubernetes.table import collection, form, single
from providers.demo.kubernetes.watch import Settings, Stream
from providers.demo.log import Log
from providers.demo.ports import free_port

T = TypeVar("T")
GZIP_FROM = 128 * 1024
"""Bytes from which an answer is compressed, where the client says it can."""
_QUIET = logging.Logger("kubernetes", logging.CRITICAL)
"""Clients that leave are no news, and the terminal belongs to the dashboard."""
ANONYMOUS, EVERYBODY = "system:anonymous", "system:admin"


class AskedLog(Log[Asked]):
    """Every request the server was sent."""

    @property
    def permissions(self) -> frozenset[str]:
        """Verb and resource of what was asked, each once: `list storageclasses.storage.k8s.io`."""
        return frozenset(asked.permission for asked in self)


class Server:
    """A running API server. `store` holds its objects, `access` who may do what; `violations` are the requests that
    enctop must never make: writes, Secrets, pods, config maps, events.

    `tokens` maps those it knows to user names; it may be changed while it runs. `settings` is how it watches;
    `unserved` are groups that it has not.
    """

    def __init__(self, port: int, tls: ssl.SSLContext | None, seed: str) -> None:
        self.store, self.log, self.faults, self.access = Store(seed), AskedLog(), Faults(), Access()
        self.settings = Settings()
        self.tokens: dict[str, str] = {}
        self.unserved: set[str] = set()
        self.violations: list[Asked] = []
        self.streams: list[Stream] = []
        self._tls = tls
        self.port = port or free_port()
        self._start()

    @property
    def url(self) -> str:
        """Where it listens: `http://127.0.0.1:PORT`, or https."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def _start(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kubernetes", daemon=True)
        self._thread.start()
        try:
            self._runner = self._run(self._listen())
        except OSError:
            self._end()
            raise

    def _run(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(10)

    async def _listen(self) -> web.ServerRunner:
        runner = web.ServerRunner(
            web.Server(self._handle, handler_cancellation=True, access_log=None, logger=_QUIET), shutdown_timeout=0.01
        )
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port, ssl_context=self._tls, reuse_address=True)
        await site.start()
        return runner

    def stop(self) -> None:
        """Stop listening and drop every connection; what exists stays."""
        if self._thread.is_alive():
            self._run(self._close())
            self._end()

    async def _close(self) -> None:
        for stream in self.streams:
            stream.abort()
        await self._runner.cleanup()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def restart(self) -> None:
        """Listen again on the same port."""
        self.stop()
        self._start()

    def reset(self) -> None:
        """Nothing exists, nothing is wrong, nothing was asked."""
        self.end_streams()
        self.faults.clear()
        self.store.clear()
        self.access.clear()
        self.settings = Settings()
        self.tokens, self.unserved, self.violations = {}, set(), []
        self.log.clear()

    def end_streams(self, operation: str = "*") -> None:
        """End the watches that are open, in order, as at their deadline."""
        self._each(operation, "end")

    def cut_streams(self, operation: str = "*") -> None:
        """End the connections of open watches in the middle of a line."""
        self._each(operation, "cut")

    def expire_streams(self, operation: str = "*") -> None:
        """Send each open watch the ERROR event of an expired version, and end it."""
        self._each(operation, "gone")

    def _each(self, operation: str, how: str) -> None:
        for stream in tuple(self.streams):
            if Rule("end", operation).hits(stream.asked):
                stream.tell(how)

    # ------------------------------------------------------------ one request

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.startswith("/enctop/"):
            return _response(await self._admin(request), request)
        asked = self._read(request)
        self.log.add(asked)
        try:
            if answer := await self._refused(request, asked):
                return _response(answer, request)
            if asked.verb == "watch" and asked.kind is not None:
                return await self._watch(request, asked)
            return await self._broken(request, asked, _response(await self._answer(request, asked), request))
        except Refused as refusal:
            return _response(refused(refusal.status), request)
        except ConnectionError:
            raise
        except Exception as fault:  # noqa: BLE001 - the stand-in's own fault must reach the client as a 500, and the tests as its words
            return _response(refused(answers.internal(f"{type(fault).__name__}: {fault}")), request)

    def _read(self, request: web.BaseRequest) -> Asked:
        """What a request asks, by its path."""
        query, parts = dict(request.query), request.path.strip("/").split("/")
        user = self._user(request)
        match parts:
            case ["api", version, *rest]:
                group = ""
            case ["apis", group, version, *rest] if rest:
                pass
            case _:
                group, version, rest = "", "", []
        namespace, name, sub = "", "", ""
        if len(rest) >= 3 and rest[0] == "namespaces":
            namespace, rest = rest[1], rest[2:]
        plural, name, sub = [*rest, "", "", ""][:3]
        kind = None if group in self.unserved else BY_PATH.get((group, version, plural))
        if kind is None or len(rest) > 3 or (namespace and not kind.namespaced):
            verb = request.method.lower()
            return Asked(verb, request.path, query=query, user=user, method=request.method)
        verbs = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
        verb = verbs.get(request.method) or ("get" if name else "list")
        if verb == "list" and query.get("watch") in ("1", "true", ""):
            verb = "watch"
        return Asked(verb, request.path, kind, namespace, name, sub, query, user, request.method)

    def _user(self, request: web.BaseRequest) -> str:
        """Who asks; "" for credentials that are not known."""
        if self._tls is None and not self.tokens:
            return EVERYBODY
        certificate = request.get_extra_info("peercert")
        header = request.headers.get("Authorization", "")
        if certificate:
            subject = {name: value for parts in certificate["subject"] for name, value in parts}
            return str(subject.get("commonName", ""))
        if header:
            return self.tokens.get(header.removeprefix("Bearer "), "")
        return ANONYMOUS

    async def _refused(self, request: web.BaseRequest, asked: Asked) -> Answer | None:
        """The refusal that takes the answer's place, if there is one."""
        if rule := self.faults.taken(asked, {"delay"}):
            await asyncio.sleep(rule.seconds)
        if rule := self.faults.taken(asked, faults.BROKEN):
            await self._silence(request, rule)
        if rule := self.faults.taken(asked, faults.INSTEAD - ({"gone"} if asked.verb == "watch" else set())):
            return faults.instead(rule)
        if not asked.user:
            return refused(answers.unauthorized())
        if self._violates(asked):
            self.violations.append(asked)
        if not self._allows(asked):
            return refused(answers.forbidden(asked))
        if form(request.headers.get("Accept", "")) is None:
            return refused(answers.not_acceptable(watch=asked.verb == "watch"))
        return None

    def _violates(self, asked: Asked) -> bool:
        if asked.kind is None:
            return asked.method not in ("GET", "HEAD")
        if asked.kind.plural in access.SELF:
            return asked.verb != "create"
        return asked.kind.plural in PRIVATE or bool(asked.subresource) or asked.verb not in ("get", "list", "watch")

    def _allows(self, asked: Asked) -> bool:
        if asked.user == ANONYMOUS:
            return asked.kind is None and asked.path in discovery.PUBLIC
        return self.access.allows(asked) and not self.faults.holds(asked, "forbid")

    async def _silence(self, request: web.BaseRequest, rule: Rule) -> None:
        """No answer for a while, then a reset."""
        loop = asyncio.get_running_loop()
        end = loop.time() + (rule.seconds if rule.kind == "hang" else 0.0)
        while loop.time() < end and self.faults.stands(rule):  # noqa: ASYNC110 - a rule is lifted from any thread
            await asyncio.sleep(0.02)
        _reset(request)
        raise ConnectionResetError

    async def _broken(self, request: web.BaseRequest, asked: Asked, answer: web.Response) -> web.StreamResponse:
        """The answer, or what a rule leaves of it."""
        rule, body = self.faults.taken(asked, {"cut", "truncate"}), answer.body
        if rule is None or not isinstance(body, bytes):
            return answer
        half = web.Response(status=answer.status, body=body[: len(body) // 2], headers=answer.headers)
        half.headers.popall("Content-Length", None)
        if rule.kind == "truncate":
            return half
        cut = web.StreamResponse(status=answer.status, headers={**answer.headers, "Content-Length": str(len(body))})
        await cut.prepare(request)
        await cut.write(body[: len(body) // 2])
        if request.transport is not None:
            request.transport.close()
        raise ConnectionResetError

    async def _answer(self, request: web.BaseRequest, asked: Asked) -> Answer:
        kind, how = asked.kind, form(request.headers.get("Accept", ""))
        if kind is None:
            return self._document(asked)
        if kind.plural in access.SELF and asked.verb == "create":
            return await self._review(request, asked)
        if asked.verb not in ("get", "list"):
            return refused(answers.not_allowed())
        if kind.plural in PRIVATE - {"events"}:
            return refused(answers.internal(f"nobody who looks at encryption may {asked.permission}"))
        assert how is not None
        include = asked.query.get("includeObject", "Metadata")
        if asked.verb == "get":
            each = self.store.get(kind, asked.name, asked.namespace)
            if each is None or asked.subresource:
                return refused(answers.not_found(kind, asked.name))
            return Answer(200, single(each, how, include), {"Content-Type": JSON})
        page = listed(self.store, asked)
        return Answer(200, collection(kind, page.objects, page.metadata, how, include), {"Content-Type": JSON})

    def _document(self, asked: Asked) -> Answer:
        if asked.path in discovery.HEALTH:
            return Answer(200, b"ok", {"Content-Type": answers.TEXT})
        found = discovery.document(asked.path, self.unserved) if asked.method == "GET" else None
        return _json(found) if found is not None else answers.not_served()

    async def _review(self, request: web.BaseRequest, asked: Asked) -> Answer:
        """SelfSubjectAccessReview or SelfSubjectRulesReview, answered as the requests themselves would be."""
        if request.content_type not in (JSON, protobuf.PROTOBUF):
            return refused(answers.unsupported())
        sent = await request.read()
        try:
            decoded = protobuf.review(sent) if request.content_type == protobuf.PROTOBUF else msgspec.json.decode(sent)
            review = msgspec.convert(decoded, access.Review)
        except (ValueError, KeyError, msgspec.ValidationError) as bad:
            return refused(answers.bad_request(f"the object provided is unrecognized: {bad}"))
        if asked.kind is not None and asked.kind.plural == "selfsubjectaccessreviews":
            return _json(review.told({"allowed": self._allows(review.asked(asked.user))}), 201)
        return _json(review.told(self.access.rules(asked.user, review.spec.namespace)), 201)

    async def _watch(self, request: web.BaseRequest, asked: Asked) -> web.StreamResponse:
        stream = Stream(self.store, self.faults, self.settings, asked, request)
        self.streams.append(stream)
        try:
            return await stream.serve()
        finally:
            self.streams.remove(stream)

    async def _admin(self, request: web.BaseRequest) -> Answer:
        """For tests in another process: POST a `Rule` to or DELETE /enctop/faults, GET or DELETE /enctop/log."""
        match request.method, request.path.removeprefix("/enctop/"):
            case "POST", "faults":
                rule = msgspec.json.decode(await request.read(), type=Rule)
                self.faults.add(**msgspec.structs.asdict(rule))
            case "DELETE", "faults":
                self.faults.clear()
            case "GET", "log":
                return _json([asked.permission for asked in self.log])
            case "DELETE", "log":
                self.log.clear()
            case _:
                return Answer(404, b"{}", {"Content-Type": JSON})
        return _json({"status": "ok"})


def start(port: int = 0, *, tls: ssl.SSLContext | None = None, seed: str = "") -> Server:
    """Start an API server on 127.0.0.1; port 0 takes a free one. With `tls` it authenticates; a client's certificate
    counts where the context asks for one. Raises OSError when the port is taken.
    """
    return Server(port, tls, seed)


def _json(value: object, status: int = 200) -> Answer:
    return Answer(status, msgspec.json.encode(value), {"Content-Type": JSON})


def _response(answer: Answer, request: web.BaseRequest) -> web.Response:
    body, headers = answer.body, {"Cache-Control": "no-cache, private", **answer.headers}
    if len(body) > GZIP_FROM and "gzip" in request.headers.get("Accept-Encoding", ""):
        packer = zlib.compressobj(1, wbits=31)
        body = packer.compress(body) + packer.flush()
        headers["Content-Encoding"] = "gzip"
    return web.Response(status=answer.status, body=body, headers=headers)


def _reset(request: web.BaseRequest) -> None:
    """Close the connection with a reset."""
    transport = request.transport
    if transport is not None:
        with contextlib.suppress(OSError):
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
