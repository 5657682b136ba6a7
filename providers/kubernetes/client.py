"""The way into one cluster: its kubeconfig, the connections, the budget, and the ways of asking. Everything here reads;
the one POST asks what we are allowed.

aiohttp and msgspec, since no Kubernetes client has bookmarks, one run of a plugin for all requests, `proxy-url` and
`tls-server-name` together, and a row costs theirs 15 to 500 times as much CPU (tests/bench/test_kubernetes_cost.py).
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import aiohttp
import msgspec
from multidict import CIMultiDict
from yarl import URL

from posture.clock import Seconds
from posture.fault import Refused
from providers.endpoint import keeps_secret, parted
from providers.kubernetes.calls import AT_ONCE, PERIOD, RATE, REVIEW, REVIEW_PATH, REVIEW_PERMISSION, Call
from providers.kubernetes.faults import answered, misconfigured, unreachable, unreadable
from providers.kubernetes.identity import CONNECT, Identity, tls_context
from providers.kubernetes.kubeconfig import Access
from providers.kubernetes.settings import KubernetesSettings
from providers.lane import Lane
from providers.limits import CHUNK, Limits, TooLongError, proxy_for, read_all, whole_answer
from providers.refusals import without
from providers.source import TALLY

T = TypeVar("T")
PAGE = 500
"""Objects of a page; more takes more of the server's seats."""


class KubeLimits(Limits, frozen=True, kw_only=True):
    """How long a watch and a plugin are waited for, too."""

    silence: Seconds = 150.0
    """Of a watch; a server sends a bookmark a minute."""
    settle: Seconds = 1.0
    """Of quiet after which a watch that was opened again has told what it missed."""
    watch: tuple[int, int] = (300, 600)
    """After which the server ends a watch, chosen at random so that not all begin anew at once."""
    backoff: tuple[Seconds, Seconds] = (0.8, 30.0)
    """The first and the longest wait before what is listed or watched again."""
    line: int = 4 << 20
    """Of an event: an object has 1.5 MB at most."""
    plugin: Seconds = 30.0
    """For a credential plugin to end."""
    plugin_holds: Seconds = 10.0
    """A plugin is not run again within this time, whatever it came to: sources that ask at the same time share one
    run.
    """


class Stream:
    """An open watch."""

    def __init__(
        self, response: aiohttp.ClientResponse, operation: str, limits: KubeLimits, silence: Seconds, secrets: list[str]
    ) -> None:
        self._response, self._operation = response, operation
        self._limits, self._silence, self._secrets = limits, silence, secrets
        self._rest = b""

    async def lines(self) -> list[bytes] | None:
        """The whole lines of what has come, at least one; None at the end. Raises `Refused`, and TimeoutError where
        nothing came for too long.
        """
        while True:
            try:
                async with asyncio.timeout(self._silence):
                    chunk = await self._response.content.readany()
            except TimeoutError:
                raise TimeoutError from None
            except (aiohttp.ClientError, OSError, ValueError) as error:
                raise unreachable(self._operation, error, *self._secrets) from None
            if not chunk:
                last, self._rest = self._rest.strip(), b""
                return [last] if _is_whole(last) else None
            *whole, self._rest = (self._rest + chunk).split(b"\n")
            if len(self._rest) > self._limits.line:
                raise Refused(unreadable(self._operation, f"an event longer than {self._limits.line} bytes").fault)
            if found := [line for line in without(b"\n".join(whole), *self._secrets).split(b"\n") if line.strip()]:
                return found

    def close(self) -> None:
        """End it: the connection cannot be used for anything else."""
        self._response.close()


class KubeClient:
    """Asks one cluster. `load` reads its kubeconfig, of the context of this name, or for None of that which it names
    first; `identify` makes who asks of it.
    """

    def __init__(
        self,
        settings: KubernetesSettings,
        load: Callable[[str | None], Access],
        identify: Callable[[Access], Identity],
        version: str,
        limits: KubeLimits,
    ) -> None:
        self.settings = settings
        self.limits = limits
        self.server = ""
        """Where the cluster is, once that was read."""
        self._load, self._identify = load, identify
        self._context: str | None = None
        self._agent = f"enctop/{version}"
        self._lane = Lane(RATE, PERIOD, AT_ONCE, limits)
        self._identity: Identity | None = None
        self._http: aiohttp.ClientSession | None = None
        self._pair: tuple[bytes, bytes] | None = None
        self._proxy: str | None = None
        self._opening = asyncio.Lock()

    # ------------------------------------------------------------ asking

    async def connect(self) -> Access:
        """Read the kubeconfig, again where it was read before; what has changed in it holds from now on. Raises
        `Refused`, and keeps what was read before.
        """
        try:
            # always the one that was read first: another may be the current one by now, and is another cluster
            access = await asyncio.to_thread(self._load, self._context)
        except ValueError as error:
            raise misconfigured(CONNECT, str(error)) from None
        access = served(access, allow_plaintext=self.settings.allow_plaintext)
        self._context, self.server = access.context, access.cluster.server or ""
        if self._identity is None or self._identity.access != access:
            self._identity = self._identify(access)
            await self._leave()
        return access

    async def get(
        self, operation: str, permission: str, path: str, shape: type[T], query: Mapping[str, str | int] | None = None
    ) -> T:
        """One answer in its turn, as `shape`. Raises `Refused`."""
        return self.read(operation, await self.raw(operation, permission, path, query), shape)

    async def raw(
        self,
        operation: str,
        permission: str,
        path: str,
        query: Mapping[str, str | int] | None = None,
        accept: str = "",
    ) -> bytes:
        """The body of one answer in its turn, in the form that `accept` names. Raises `Refused`."""
        target = f"{path}?{urlencode(query)}" if query else path
        return await self._ask(operation, permission, "GET", target, None, accept)

    async def review(self, body: bytes) -> bytes:
        """What is answered to a SelfSubjectAccessReview: may we do this?"""
        return await self._ask(REVIEW, REVIEW_PERMISSION, "POST", REVIEW_PATH, body)

    def read(self, operation: str, body: bytes, shape: type[T]) -> T:
        """A body as `shape`. Raises `Refused`."""
        try:
            return msgspec.json.decode(body, type=shape)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise unreadable(operation, _page_or(error, body), *self._secrets()) from None

    async def watch(self, call: Call, version: str, seconds: int, silence: Seconds, namespace: str = "") -> Stream:
        """Watch a kind from a version on; the server ends it after `seconds`, and we after a `silence`. Raises
        `Refused`.
        """
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": seconds,
        }
        target = f"{call.path(namespace)}?{urlencode(query)}"

        async def attempt() -> Stream:
            TALLY.get().calls += 1
            return await self._open(call, target, silence)

        await self._identified()
        return await self._lane.run(attempt)

    async def close(self) -> None:
        """Close the connections."""
        await self._leave()

    # ------------------------------------------------------------ one request

    async def _ask(
        self, operation: str, permission: str, method: str, target: str, body: bytes | None, accept: str = ""
    ) -> bytes:
        async def attempt() -> bytes:
            TALLY.get().calls += 1
            try:
                async with whole_answer(self.limits.whole):
                    response, identity = await self._sent(operation, method, target, body, accept)
                    async with response:
                        content = await self._content(response, operation)
            except TimeoutError as error:
                raise _broken(operation, error, self._secrets()) from None
            if response.status not in {200, 201}:
                raise answered(operation, permission, response.status, response.headers, content, *self._secrets())
            return without(content, *identity.secrets)

        # outside of the lane: a plugin that hangs would hold its places one after the other
        await self._identified()
        return await self._lane.run(attempt)

    async def _open(self, call: Call, target: str, silence: Seconds) -> Stream:
        try:
            async with asyncio.timeout(self.limits.read):
                response, identity = await self._sent(call.operation, "GET", target, None, watch=True)
        except TimeoutError:
            raise unreachable(call.operation, TimeoutError("no answer to a watch"), transient=False) from None
        if response.status == 200 and response.content_type == "application/json":
            return Stream(response, call.operation, self.limits, silence, identity.secrets)
        try:
            async with whole_answer(self.limits.whole), response:
                content = await self._content(response, call.operation)
        except TimeoutError as error:
            raise _broken(call.operation, error, self._secrets()) from None
        if response.status == 200:
            raise unreadable(call.operation, _page_or("a watch that is not JSON", content))
        raise answered(
            call.operation, call.needs("watch"), response.status, response.headers, content, *self._secrets()
        )

    async def _sent(
        self, operation: str, method: str, target: str, body: bytes | None, accept: str = "", *, watch: bool = False
    ) -> tuple[aiohttp.ClientResponse, Identity]:
        """The answer's head; after a 401 that of a second try, with credentials got anew."""
        refused: str | None = None
        while True:
            identity = await self._identified()
            headers = await identity.headers(refused)
            if accept:
                headers = {**headers, "Accept": accept}
            session = await self._session(identity)
            said = str(headers.get("Authorization", ""))
            try:
                response = await self._request(session, identity, method, target, body, headers, watch=watch)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                raise _broken(operation, error, self._secrets()) from None
            except RuntimeError:  # closed for another that has a new certificate
                if not session.closed:
                    raise
                continue
            if response.status != 401 or refused is not None or not said:
                return response, identity
            response.close()
            refused = said

    async def _request(
        self,
        session: aiohttp.ClientSession,
        identity: Identity,
        method: str,
        target: str,
        body: bytes | None,
        headers: Mapping[str, Any],
        *,
        watch: bool,
    ) -> aiohttp.ClientResponse:
        server, sent = identity.access.cluster, _headers(headers)
        if body is not None:
            sent["Content-Type"] = "application/json"
        if watch or server.disable_compression:
            sent["Accept-Encoding"] = "identity"
        read = None if watch else self.limits.read  # a watch's silence is timed where it is read
        return await session.request(
            method,
            URL(f"{(server.server or '').rstrip('/')}{target}", encoded=True),
            data=body,
            headers=sent,
            allow_redirects=False,
            proxy=self._proxy,
            server_hostname=(server.tls_server_name or None) if identity.over_tls else None,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self.limits.connect, sock_read=read),
        )

    async def _content(self, response: aiohttp.ClientResponse, operation: str) -> bytes:
        try:
            return await read_all(response.content.iter_chunked(CHUNK), self.limits.most_bytes)
        except aiohttp.ClientPayloadError as error:
            raise unreadable(operation, error, *self._secrets()) from None
        except TooLongError as error:
            raise Refused(unreadable(operation, error, *self._secrets()).fault) from None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _broken(operation, error, self._secrets()) from None

    # ------------------------------------------------------------ connections

    async def _identified(self) -> Identity:
        """Who asks, with credentials that are there. Raises `Refused`."""
        if self._identity is None:
            await self.connect()
        identity = self._identity
        assert identity is not None
        await identity.headers()
        return identity

    async def _session(self, identity: Identity) -> aiohttp.ClientSession:
        """The connections, made anew where the client's certificate is another."""
        pair = await identity.certificate()
        async with self._opening:
            if self._http is None or pair != self._pair:
                await self._leave()
                cluster = identity.access.cluster
                context: ssl.SSLContext | bool = True
                if identity.over_tls:
                    context = await tls_context(identity.access, pair, allow_insecure=self.settings.allow_insecure)
                self._proxy = _proxy(cluster.proxy_url, cluster.server or "")
                self._pair = pair
                self._http = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0, ssl=context),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    headers={"User-Agent": self._agent, "Accept": "application/json"},
                )
            return self._http

    async def _leave(self) -> None:
        """Use these connections for nothing new; what is under way on them is cut."""
        session, self._http = self._http, None
        if session is not None:
            await session.close()

    def _secrets(self) -> list[str]:
        return self._identity.secrets if self._identity is not None else []


def served(access: Access, *, allow_plaintext: bool) -> Access:
    """The context with its server as a whole URL, as client-go completes it. Raises `Refused`."""
    cluster = access.cluster
    server, what = (cluster.server or "").strip(), f"cluster {access.cluster_name}: server"
    if not server:
        raise misconfigured(CONNECT, f"{what}: is not there")
    if "://" not in server:
        certain = (
            cluster.certificate_authority or cluster.certificate_authority_data or cluster.insecure_skip_tls_verify
        )
        server = f"{'https' if certain else 'http'}://{server}"
    if "@" in server.partition("://")[2].split("/", 1)[0]:
        raise misconfigured(CONNECT, f"{what}: carries a name or password")
    parts = parted(server)
    if parts is None or parts.query or parts.fragment:
        raise misconfigured(CONNECT, f"{what}: {server!r} is not an http or https URL")
    if not keeps_secret(server, allow_plaintext=allow_plaintext):
        raise misconfigured(
            CONNECT, f"{what}: plain http to {parts.hostname} is refused; allow_plaintext = true permits it"
        )
    return msgspec.structs.replace(access, cluster=msgspec.structs.replace(cluster, server=server))


def _proxy(named: str | None, server: str) -> str | None:
    """The proxy that the kubeconfig names, else the environment's. Raises `Refused`."""
    if not named:
        return proxy_for(server)
    scheme = urlsplit(named).scheme.lower()
    if scheme in {"socks5", "socks5h"}:
        raise misconfigured(CONNECT, "proxy-url: a SOCKS proxy cannot be used; name an http or https one")
    if scheme not in {"http", "https"}:
        raise misconfigured(CONNECT, "proxy-url: is not an http or https URL")
    return named


def _headers(headers: Mapping[str, Any]) -> "CIMultiDict[str]":
    made: CIMultiDict[str] = CIMultiDict()
    for name, value in headers.items():
        for each in value if isinstance(value, list) else [value]:
            made.add(name, each)
    return made


def _broken(operation: str, error: Exception, secrets: list[str]) -> Refused:
    certain = isinstance(error, aiohttp.ClientConnectorError | ssl.SSLError) or type(error) is TimeoutError
    return unreachable(operation, error, *secrets, transient=not certain)


def _is_whole(line: bytes) -> bool:
    """Whether this is JSON to its end, though no line end follows."""
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except msgspec.MsgspecError:
        return False
    return True


def _page_or(error: object, body: bytes) -> object:
    """A page of HTML is told as one: what its first byte is not says nothing to anybody."""
    return "a page of HTML instead of the API server's answer" if body.lstrip()[:1] == b"<" else error
