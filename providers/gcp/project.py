"""One way into one project: the credentials, the connections, the budgets, and the one way of asking.

REST through aiohttp with google-auth's credentials; google-cloud-compute, whose typed rows cost thirty times as much CPU, only where it is asked for (`typed`).
"""

import asyncio
import re
import ssl
import urllib.request
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
import msgspec
from yarl import URL

from providers.gcp.calls import BUDGETS, CLOUD_SCOPE, DIRECTORY_SCOPE, ROOTS, Call
from providers.gcp.faults import answered, no_credentials, unreachable, unreadable
from providers.gcp.settings import GcpSettings
from providers.gcp.wire import Page
from providers.lane import Lane
from providers.source import TALLY

CONNECT_TIMEOUT, READ_TIMEOUT = 5, 20

T = TypeVar("T")
P = TypeVar("P", bound=Page)
_decoders: dict[Any, Any] = {}
_TOKEN = re.compile(r"ya29\.[\w.-]+")


class Project:
    """Asks one project. `name` is its id; `number` is known once it was asked for."""

    def __init__(self, settings: GcpSettings, version: str) -> None:
        self.settings = settings
        self.name = settings.project
        self.number = ""
        self._agent = f"enctop/{version}"
        self._lanes: dict[str, Lane] = {}
        self._credentials: dict[str, Any] = {}
        self._renewing = asyncio.Lock()
        self._http: aiohttp.ClientSession | None = None
        self._proxies: dict[str, str] = {}
        self._client: Any = None

    async def ask(self, call: Call, answer: type[T], query: Mapping[str, str | int] | None = None, **blanks: str) -> T:
        """Make one declared call in its lane, and read its answer as `answer`. Raises `Refused`."""

        async def attempt() -> T:
            TALLY.get().calls += 1
            return await self._get(call, answer, query or {}, blanks)

        return await self.lane(call).run(attempt)

    async def pages(self, call: Call, page: type[P], query: Mapping[str, str | int] | None = None, **blanks: str) -> AsyncIterator[P]:
        """The pages of a listing."""
        asked: dict[str, str | int] = {**(query or {})}
        while True:
            answer = await self.ask(call, page, asked, **blanks)
            yield answer
            following = answer.nextPageToken
            if not following:
                return
            if following == asked.get("pageToken"):
                raise unreadable(call, "the page after this one is this one")
            asked["pageToken"] = following

    def lane(self, call: Call) -> Lane:
        """The budget a call draws on: one for each API."""
        found = self._lanes.get(call.family)
        if found is None:
            found = self._lanes[call.family] = Lane(*BUDGETS[call.family])
        return found

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    # ------------------------------------------------------------ one GET

    async def _get(self, call: Call, answer: type[T], query: Mapping[str, str | int], blanks: Mapping[str, str]) -> T:
        url = self._url(call, query, blanks)
        for renew in (False, True):
            headers, token = await self._authorised(call, renew=renew)
            if call.service == "compute" and self.settings.client == "google-cloud-compute":
                status, body, head = await self._typed(call, query, blanks)
            else:
                status, body, head = await self._fetch(call, url, headers)
            if status != 401 or not token or renew:
                break
        if status != 200:
            raise answered(call, status, _without(body, token), head, self.name)
        try:
            read: T = _decoder(answer).decode(body)
        except msgspec.DecodeError as error:
            raise unreadable(call, error) from None
        if isinstance(read, Page) and read.error is not None:
            raise unreadable(call, "an error under the status of an answer")
        return read

    async def _fetch(self, call: Call, url: str, headers: Mapping[str, str]) -> tuple[int, bytes, Mapping[str, str]]:
        try:
            async with self._session().get(
                URL(url, encoded=True), headers=headers, allow_redirects=False, proxy=self._proxies.get(url.partition(":")[0])
            ) as response:
                return response.status, await response.read(), response.headers
        except aiohttp.ClientPayloadError as error:
            raise unreadable(call, error) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise unreachable(call, error, transient=not isinstance(error, aiohttp.ClientConnectorError)) from None

    async def _typed(self, call: Call, query: Mapping[str, str | int], blanks: Mapping[str, str]) -> tuple[int, bytes, Mapping[str, str]]:
        """The same page through google-cloud-compute, in a thread: it blocks, and so does its import."""
        from providers.gcp.typed import Client

        if self._client is None:
            self._client = Client(self.name, self.settings.endpoint)
        try:
            return await asyncio.to_thread(self._client.page, call, query, blanks, self._credentials.get(CLOUD_SCOPE))
        except OSError as error:  # those of requests are
            raise unreachable(call, error, transient=True) from None

    def _url(self, call: Call, query: Mapping[str, str | int], blanks: Mapping[str, str]) -> str:
        root = (self.settings.endpoint or ROOTS[call.service]).rstrip("/")
        path = call.path.format(**{"project": self.name, **{name: quote(value, safe="/:") for name, value in blanks.items()}})
        asked: dict[str, str | int] = {**query}
        if call.size is not None:
            asked.setdefault(*call.size)
        if call.fields:
            asked["fields"] = call.fields
        return f"{root}/{path}?{urlencode(asked, safe='(),/*:')}"

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            # Once, not by aiohttp's trust_env: that reads the environment and ~/.netrc in a thread for every request.
            host = urlsplit(self.settings.endpoint or ROOTS["compute"]).hostname or ""
            self._proxies = {} if urllib.request.proxy_bypass(host) else urllib.request.getproxies()
            plain = (self.settings.endpoint or "").startswith("http:")
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=True if plain else ssl.create_default_context()),
                timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_TIMEOUT, sock_read=READ_TIMEOUT),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": self._agent, "Accept": "application/json"},
            )
        return self._http

    # ------------------------------------------------------------ who we are

    async def _authorised(self, call: Call, *, renew: bool) -> tuple[Mapping[str, str], str]:
        """The headers that say who asks, and the token among them ("" for nobody). Credentials are found and renewed in a thread: both may block."""
        if self.settings.credentials == "anonymous":
            return {}, ""
        scope = DIRECTORY_SCOPE if call.service == "directory" else CLOUD_SCOPE
        credentials = self._credentials.get(scope)
        if credentials is None or renew or not _fresh(credentials):
            credentials = await self._renewed(call, scope, stale=credentials.token if credentials is not None else None, force=renew)
        headers: dict[str, str] = {}
        credentials.apply(headers)
        return headers, credentials.token or ""

    async def _renewed(self, call: Call, scope: str, *, stale: str | None, force: bool) -> Any:
        from google.auth.exceptions import GoogleAuthError

        async with self._renewing:
            credentials = self._credentials.get(scope)
            if credentials is not None and _fresh(credentials) and not (force and credentials.token == stale):
                return credentials
            try:
                if credentials is None:
                    credentials = await asyncio.to_thread(_found, self.settings, scope)
                await asyncio.to_thread(_renew, credentials)
            except (GoogleAuthError, OSError, ValueError) as error:
                raise no_credentials(call, error) from None
            self._credentials[scope] = credentials
            return credentials


def _found(settings: GcpSettings, scope: str) -> Any:
    """Credentials of google-auth: the application default ones, or those of a file."""
    import google.auth

    if settings.credentials == "default":
        credentials, _ = google.auth.default(scopes=[scope])
    else:
        # Deprecated for files whose origin nobody vouches for: this one is named by whoever wrote the configuration, as the default chain's are.
        load: Any = google.auth.load_credentials_from_file
        credentials, _ = load(str(Path(settings.credentials).expanduser()), scopes=[scope])
    if scope == DIRECTORY_SCOPE and settings.workspace_admin and hasattr(credentials, "with_subject"):
        credentials = credentials.with_subject(settings.workspace_admin)
    return credentials


def _renew(credentials: Any) -> None:
    from google.auth.transport.requests import Request

    credentials.refresh(Request())


def _fresh(credentials: Any) -> bool:
    return str(credentials.token_state.name) == "FRESH"


def _without(body: bytes, token: str) -> bytes:
    """An error's text without the token, should a server hand it back."""
    text = body.decode("utf-8", "replace")
    if token:
        text = text.replace(token, "[token]")
    return _TOKEN.sub("[token]", text).encode()


def _decoder(answer: Any) -> Any:
    found = _decoders.get(answer)
    if found is None:
        found = _decoders[answer] = msgspec.json.Decoder(answer)
    return found
