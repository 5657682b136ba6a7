"""One way into Azure: the credential, the SDK's clients, the budgets, and the ways of asking. Everything here reads;
nothing can write.

The clients of azure-mgmt-compute and azure-mgmt-storage are used by their public `send_request`: their identity,
signing and transport, but not their models, which cost 190 µs a row (tests/bench). Their default pipeline is replaced
as a whole: it retries by itself, where our lane does, parses each body a second time, and answers "provider not
registered" by registering it, which is a write.
"""

import re
import ssl
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urljoin, urlsplit

import aiohttp
import msgspec
from azure.core.exceptions import AzureError
from azure.core.pipeline.policies import HeadersPolicy, RequestIdPolicy, SansIOHTTPPolicy, UserAgentPolicy
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.rest import HttpRequest
from azure.mgmt.compute.aio import ComputeManagementClient
from azure.mgmt.core import AsyncARMPipelineClient
from azure.mgmt.core.policies import AsyncARMChallengeAuthenticationPolicy
from azure.mgmt.storage.aio import StorageManagementClient

from posture.fault import ConfigError, Fault, FaultKind, Refused
from posture.text import one_line
from providers.azure.calls import BUDGETS, LIST_BLOBS, MOST_PAGE, QUERY_RESOURCES, Call
from providers.azure.decode import Graph, Page, Unread
from providers.azure.faults import answered, bad_row, broken, unreadable
from providers.azure.identity import EnvironmentToken
from providers.azure.settings import AzureSettings
from providers.lane import Lane, Lanes
from providers.limits import CHUNK, USUAL, Limits, Pages, proxy_for, read_all, whole_answer
from providers.refusals import masked, without
from providers.source import TALLY

CONNECTIONS = 32
"""Open at the same time, to all hosts together."""
TOP = 1000
"""Rows of a Resource Graph page; more is not given."""

RESOURCE_MANAGERS = {
    "public": "https://management.azure.com",
    "government": "https://management.usgovcloudapi.net",
    "china": "https://management.chinacloudapi.cn",
}
GRAPHS = {
    "public": "https://graph.microsoft.com",
    "government": "https://graph.microsoft.us",
    "china": "https://microsoftgraph.chinacloudapi.cn",
}
BLOB_HOSTS = {
    "public": r"\.blob\.core\.windows\.net|\.z[0-9]+\.blob\.storage\.azure\.net",
    "government": r"\.blob\.core\.usgovcloudapi\.net",
    "china": r"\.blob\.core\.chinacloudapi\.cn",
}
"""What follows an account's name in the host of its blob endpoint ("Standard endpoints", "Azure DNS zone
endpoints").
"""
STORAGE_SCOPE = "https://storage.azure.com/.default"
"""The audience of blob tokens; the same in every cloud."""
AUTHORITIES = {
    "public": "login.microsoftonline.com",
    "government": "login.microsoftonline.us",
    "china": "login.chinacloudapi.cn",
}

T = TypeVar("T")


class ArmClient:
    """Asks one cloud with one identity, about any of its subscriptions."""

    def __init__(self, settings: AzureSettings, version: str, limits: Limits = USUAL) -> None:
        self.settings, self.limits = settings, limits
        self.endpoint = (settings.endpoint or RESOURCE_MANAGERS[settings.cloud]).rstrip("/")
        self.graph_endpoint = settings.graph_endpoint or (GRAPHS[settings.cloud] if settings.endpoint is None else None)
        self._version = version
        self._clients: dict[str, Any] = {}
        self._lanes = Lanes(BUDGETS, limits)
        self._sent: deque[str] = deque(maxlen=8)
        """The bearer tokens that were sent last, one for each audience, to be masked should a server repeat them."""
        self._transport: AioHttpTransport | None = None
        self._session: aiohttp.ClientSession | None = None
        self._credential: Any = None

    async def get(
        self,
        call: Call,
        shape: type[T],
        *,
        subscription: str = "",
        within: str = "",
        tail: str = "",
        region: str = "",
    ) -> T:
        """Make one declared call and decode its answer. `within` is the id of the resource it reads below, `tail`
        what follows the path, `region` as for `pages`. Raises `Refused`.
        """
        url = self._url(call, subscription, within, tail)
        answer: T = await self._ask(call, url, shape, subscription, region=region)
        return answer

    async def pages(
        self,
        call: Call,
        row: type[T],
        *,
        subscription: str = "",
        within: str = "",
        tail: str = "",
        region: str = "",
        filter: str = "",
        unread: list[Unread] | None = None,
    ) -> AsyncGenerator[list[T], None]:
        """The pages of a listing, by `nextLink`. `region` is where it lies that is read, for a budget that each region
        has of its own. Raises `Refused`.

        Rows that cannot be read go to `unread` as the pages come; without it, one such row refuses the listing.
        """
        url: str | None = self._url(call, subscription, within, tail) + (f"&$filter={quote(filter)}" if filter else "")
        followed = Pages(call.operation, self.limits.most_pages)
        while url is not None:
            page = await self._ask(call, url, _Rows(Page, row, "value", unread), subscription, region=region)
            yield page.value
            url = self._following(call, page.nextLink or page.odata_next)
            if url is not None:
                followed.follow(url)

    async def query(
        self, kql: str, row: type[T], subscriptions: tuple[str, ...], *, about: Call, unread: list[Unread] | None = None
    ) -> AsyncGenerator[list[T], None]:
        """The pages of a Resource Graph query; `unread` as for `pages`. Raises `Refused`.

        Rows of what the identity may not read are left out without a word.
        """
        call = msgspec.structs.replace(QUERY_RESOURCES, permission=about.permission)
        token: str | None = None
        followed = Pages(call.operation, self.limits.most_pages)
        received = 0
        while True:
            options: dict[str, Any] = {
                "resultFormat": "objectArray",
                "$top": TOP,
                **({"$skipToken": token} if token else {}),
            }
            body = {"subscriptions": subscriptions, "query": kql, "options": options}
            before = len(unread or ())
            page = await self._ask(
                call, self._url(QUERY_RESOURCES, "", "", ""), _Rows(Graph, row, "data", unread), "", body
            )
            received += len(page.data) + len(unread or ()) - before
            yield page.data
            token = page.skip_token
            if not token:
                break
            followed.follow(token)
        if str(page.resultTruncated).lower() == "true" or (
            page.totalRecords is not None and page.totalRecords > received
        ):
            raise Refused(
                Fault(
                    FaultKind.ERROR,
                    "Truncated",
                    call.operation,
                    f"Resource Graph gave {received} rows of {page.totalRecords}",
                )
            )

    async def list_blobs(self, account: str, endpoint: str, container: str, at_most: int, marker: str = "") -> bytes:
        """One page of a container's listing, as XML (List Blobs): at most `at_most` blobs. `account` is a name.
        Raises `Refused`.
        """
        if not self._is_blob_host(account, endpoint):
            words = f"the blob endpoint of {account} is said to be {endpoint[:100] or 'nowhere'}: not asked"
            raise Refused(Fault(FaultKind.ERROR, "ForeignEndpoint", LIST_BLOBS.operation, words))
        more = f"&marker={quote(marker, safe='')}" if marker else ""
        url = f"{endpoint.rstrip('/')}/{quote(container, safe='$')}"
        url += f"?restype=container&comp=list&maxresults={at_most}{more}"

        async def attempt() -> bytes:
            TALLY.get().calls += 1
            return await self._fetch(
                LIST_BLOBS, HttpRequest("GET", url, headers={"x-ms-version": LIST_BLOBS.api_version})
            )

        return await self.lane(LIST_BLOBS, account).run(attempt)

    def _is_blob_host(self, account: str, endpoint: str) -> bool:
        """Whether a token may go there: the account's own host in this cloud, or beside a private endpoint that
        endpoint's host.
        """
        parts = urlsplit(endpoint)
        if self.settings.endpoint is not None:
            return parts[:2] == urlsplit(self.endpoint)[:2]
        ours = re.compile(rf"{re.escape(account)}({BLOB_HOSTS[self.settings.cloud]})", re.IGNORECASE)
        return parts.scheme == "https" and ours.fullmatch(parts.netloc) is not None

    def lane(self, call: Call, subscription: str, region: str = "") -> Lane:
        """The budget a call draws on: one for each family and subscription, and of storage for each region."""
        return self._lanes.of(call.family, subscription.lower(), region)

    async def close(self) -> None:
        """Close the connections and the credential."""
        for open_ in (self._session, self._credential):
            if open_ is not None:
                await open_.close()
        self._session = self._credential = self._transport = None
        self._clients.clear()

    # ------------------------------------------------------------ one request

    async def _ask(
        self,
        call: Call,
        url: str,
        shape: Any,
        subscription: str,
        body: Mapping[str, Any] | None = None,
        region: str = "",
    ) -> Any:
        async def attempt() -> Any:
            TALLY.get().calls += 1
            return await self._send(call, url, shape, body)

        return await self.lane(call, subscription, region).run(attempt)

    async def _send(self, call: Call, url: str, shape: Any, body: Mapping[str, Any] | None) -> Any:
        content = await self._fetch(
            call, HttpRequest("GET", url) if body is None else HttpRequest("POST", url, json=body)
        )
        try:
            return shape.read(call, content) if isinstance(shape, _Rows) else msgspec.json.decode(content, type=shape)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Refused(unreadable(call, error), transient=True) from None

    async def _fetch(self, call: Call, request: HttpRequest) -> bytes:
        try:
            async with whole_answer(self.limits.whole):
                # Streamed, or the pipeline would read and parse the body too.
                response = await self._client(call).send_request(request, stream=True)
                try:
                    # aiohttp has decoded it, a chunk at a time
                    content = await read_all(response.iter_raw(), min(MOST_PAGE, self.limits.most_bytes))
                finally:
                    await response.close()
        except ConfigError:
            raise
        except (AzureError, aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise broken(call, error, *self._sent) from None
        if response.status_code != 200:
            raise answered(call, response.status_code, response.headers, content, *self._sent)
        return without(content, *self._sent)

    def _url(self, call: Call, subscription: str, within: str, tail: str) -> str:
        base = self.graph_endpoint if call.family == "entra" else self.endpoint
        if within or call.within:
            path = f"{within}{call.path if call.within else ''}"
        elif subscription:
            path = f"/subscriptions/{subscription}{call.path}"
        else:
            path = call.path
        version = f"?api-version={call.api_version}" if call.api_version else ""
        return f"{base}{path}{tail}{version}"

    def _following(self, call: Call, link: str | None) -> str | None:
        """The next page's address, which may be relative. One that leads to another host would carry the token
        there.
        """
        if not link:
            return None
        base = (self.graph_endpoint if call.family == "entra" else self.endpoint) or ""
        try:
            whole = urljoin(base, link.strip())
            ours = _origin(whole) == _origin(base) and "@" not in urlsplit(whole).netloc
        except ValueError:  # no address at all
            whole, ours = link, False
        if not ours:
            where = one_line(masked(whole.partition("?")[0]), 100)
            raise Refused(
                Fault(
                    FaultKind.ERROR, "ForeignLink", call.operation, f"the next page is said to be at {where}: not asked"
                )
            )
        return whole

    # ------------------------------------------------------------ the SDK

    def _client(self, call: Call) -> Any:
        """Compute's and storage's own clients; one without models for what has no package here."""
        kind = (
            call.family
            if call.family in {"entra", "blob"}
            else {"Microsoft.Compute": "compute", "Microsoft.Storage": "storage"}.get(call.switch, "arm")
        )
        if call.path == QUERY_RESOURCES.path:
            kind = "arm"
        found = self._clients.get(kind)
        if found is None:
            found = self._clients[kind] = self._make(kind)
        return found

    def _make(self, kind: str) -> Any:
        base = (self.graph_endpoint if kind == "entra" else self.endpoint) or ""
        common: dict[str, Any] = {"transport": self._shared_transport(), "policies": self._policies(kind, base)}
        if kind in {"compute", "storage"}:
            client = ComputeManagementClient if kind == "compute" else StorageManagementClient
            # The id only fills paths of the typed operations, which are not used.
            return client(self._identity(), "00000000-0000-0000-0000-000000000000", base, **common)
        return AsyncARMPipelineClient(base_url=base, **common)

    def _policies(self, kind: str, base: str) -> list[Any]:
        own = kind == "entra" or self.settings.endpoint is None
        scope = STORAGE_SCOPE if kind == "blob" else f"{base if own else RESOURCE_MANAGERS['public']}/.default"
        plain = [_AllowHttp()] if base.startswith("http://") else []
        agent = UserAgentPolicy(f"enctop/{self._version}")
        headers = HeadersPolicy({"Accept": "application/xml" if kind == "blob" else "application/json"})
        return [
            RequestIdPolicy(),
            headers,
            agent,
            *plain,
            AsyncARMChallengeAuthenticationPolicy(self._identity(), scope),
        ]

    def _identity(self) -> Any:
        if self._credential is None:
            if self.settings.token_env is not None:
                self._credential = EnvironmentToken(self.settings.token_env)
            else:
                from azure.identity.aio import DefaultAzureCredential

                authority = AUTHORITIES[self.settings.cloud]
                self._credential = DefaultAzureCredential(
                    authority=authority, exclude_interactive_browser_credential=True, transport=self._shared_transport()
                )
        return self._credential

    def _shared_transport(self) -> AioHttpTransport:
        """One session for all clients, with one TLS context: the SDK's own way reads the CA file again for every
        request.
        """
        if self._transport is None:
            context: ssl.SSLContext | bool = True
            if self.settings.ca_file is not None:
                try:
                    context = ssl.create_default_context(cafile=self.settings.ca_file)
                except OSError as error:
                    raise Refused(
                        Fault(
                            FaultKind.ERROR,
                            "CaFile",
                            "azure:connect",
                            f"ca_file {self.settings.ca_file}: {error.strerror or error}",
                        )
                    ) from None
            connector = aiohttp.TCPConnector(limit=CONNECTIONS, ssl=context)
            # aiohttp's trust_env would read ~/.netrc, and take this machine's own addresses through the proxy.
            self._session = aiohttp.ClientSession(
                connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
            )
            self._transport = _Transport(
                self._sent,
                session=self._session,
                session_owner=False,
                connection_timeout=self.limits.connect,
                read_timeout=self.limits.read,
                connection_data_block_size=CHUNK,
                use_env_settings=False,
            )
        return self._transport


class _Rows:
    """The shape of a page of a listing: read in one go, and row by row where that fails."""

    def __init__(self, page: Any, row: Any, field: str, unread: list[Unread] | None) -> None:
        self._page, self._row, self._field, self._unread = page, row, field, unread

    def read(self, call: Call, content: bytes) -> Any:
        """The page, in which every row is as it should be; the others go to `unread`. Raises `msgspec.MsgspecError`
        where it is no page.
        """
        try:
            page = msgspec.json.decode(content, type=self._page[self._row])
        except msgspec.ValidationError:
            if self._unread is None:
                raise
            page = msgspec.json.decode(content, type=self._page[msgspec.Raw])
            setattr(
                page,
                self._field,
                [row for raw in getattr(page, self._field) if (row := self._one(call, raw)) is not None],
            )
        if page.error is not None and bytes(page.error) != b"null":
            raise msgspec.ValidationError("an error under the status of an answer")
        return page

    def _one(self, call: Call, raw: msgspec.Raw) -> Any:
        try:
            return msgspec.json.decode(raw, type=self._row)
        except msgspec.MsgspecError as error:
            assert self._unread is not None
            self._unread.append(bad_row(call, msgspec.json.decode(raw), str(error)))
            return None


class _Transport(AioHttpTransport):  # type: ignore[misc]  # azure-core loads it late, so that its type is not known
    """Sends each request through the proxy that the environment names for its host, which is read once."""

    def __init__(self, sent: deque[str], **settings: Any) -> None:
        super().__init__(**settings)
        self._sent = sent
        self._proxies: dict[str, str | None] = {}

    async def send(self, request: Any, **options: Any) -> Any:
        """As the SDK's transport does."""
        token = str(request.headers.get("Authorization") or "").removeprefix("Bearer ").strip()
        if token and token not in self._sent:
            self._sent.append(token)
        parts = urlsplit(request.url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._proxies:
            self._proxies[origin] = proxy_for(origin)
        return await super().send(request, **{**options, "proxies": None, "proxy": self._proxies[origin]})


def _origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port, the scheme's own where none is written. Raises ValueError where it is not an address."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").rstrip("."), parts.port or {"https": 443, "http": 80}.get(parts.scheme)


class _AllowHttp(SansIOHTTPPolicy[Any, Any]):
    """Lets a token travel over plain HTTP, to the loopback addresses and the endpoints the configuration allows."""

    def on_request(self, request: Any) -> None:
        request.context.options["enforce_https"] = False
