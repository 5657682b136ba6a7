"""One way into one project: the credentials, the connections, the budgets, and the one way of asking.

REST through aiohttp with google-auth's credentials; google-cloud-compute, whose typed rows cost thirty times as much
CPU, only where it is asked for (`typed`).
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from posture.fault import Refused
from providers.gcp.answers import read
from providers.gcp.calls import BUDGETS, CLOUD_SCOPE, DIRECTORY_SCOPE, MOST_PAGE, ROOTS, Call
from providers.gcp.decode import Page, Unread
from providers.gcp.faults import answered, no_credentials, unreachable, unreadable
from providers.gcp.settings import GcpSettings
from providers.lane import Lane, Lanes
from providers.limits import CHUNK, USUAL, Limits, Pages, TooLongError, proxy_for, read_all, whole_answer
from providers.refusals import without
from providers.source import TALLY

T = TypeVar("T")
P = TypeVar("P", bound=Page)


class GcpClient:
    """Asks one project. `name` is its id; `number` is known once it was asked for."""

    def __init__(self, settings: GcpSettings, version: str, limits: Limits = USUAL) -> None:
        self.settings, self.limits = settings, limits
        self.name = settings.project
        self.number = ""
        self._agent = f"enctop/{version}"
        self._lanes = Lanes(BUDGETS, limits)
        self._credentials: dict[str, Any] = {}
        self._renewing = asyncio.Lock()
        self._http: aiohttp.ClientSession | None = None
        self._proxies: dict[str, str | None] = {}
        self._client: Any = None

    async def ask(
        self,
        call: Call,
        answer: type[T],
        query: Mapping[str, str | int] | None = None,
        unread: list[Unread] | None = None,
        body: Mapping[str, Any] | None = None,
        **blanks: str,
    ) -> T:
        """Make one declared call in its lane, and read its answer as `answer`; with a `body` by POST. Raises
        `Refused`.

        Rows of a page that cannot be read go to `unread`; without it, one such row refuses the page.
        """

        async def attempt() -> T:
            TALLY.get().calls += 1
            return await self._get(call, answer, query or {}, blanks, unread, body)

        return await self.lane(call).run(attempt)

    async def pages(
        self,
        call: Call,
        page: type[P],
        query: Mapping[str, str | int] | None = None,
        unread: list[Unread] | None = None,
        **blanks: str,
    ) -> AsyncIterator[P]:
        """The pages of a listing; `unread` as for `ask`. Raises `Refused`."""
        asked: dict[str, str | int] = {**(query or {})}
        followed = Pages(call.operation, self.limits.most_pages)
        while True:
            answer = await self.ask(call, page, asked, unread, None, **blanks)
            yield answer
            following = answer.nextPageToken
            if not following:
                return
            followed.follow(following)
            asked["pageToken"] = following

    def lane(self, call: Call) -> Lane:
        """The budget a call draws on: one for each API."""
        return self._lanes.of(call.family)

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    # ------------------------------------------------------------ one request

    async def _get(
        self,
        call: Call,
        answer: type[T],
        query: Mapping[str, str | int],
        blanks: Mapping[str, str],
        unread: list[Unread] | None,
        posted: Mapping[str, Any] | None = None,
    ) -> T:
        url = self._url(call, query, blanks)
        for renew in (False, True):
            headers, token = await self._authorised(call, renew=renew)
            if call.service == "compute" and self.settings.client == "google-cloud-compute":
                status, body, head = await self._typed(call, query, blanks)
            else:
                status, body, head = await self._fetch(call, url, headers, posted)
            if status != 401 or not token or renew:
                break
        if status != 200:
            raise answered(call, status, body, head, self.name, token)
        return read(call, answer, without(body, token), unread)

    async def _fetch(
        self, call: Call, url: str, headers: Mapping[str, str], posted: Mapping[str, Any] | None
    ) -> tuple[int, bytes, Mapping[str, str]]:
        session, address, limits = self._session(), URL(url, encoded=True), self.limits
        method = "GET" if posted is None else "POST"
        try:
            async with (
                whole_answer(limits.whole),
                session.request(
                    method, address, headers=headers, json=posted, allow_redirects=False, proxy=self._proxy(url)
                ) as response,
            ):
                body = await read_all(response.content.iter_chunked(CHUNK), min(MOST_PAGE, limits.most_bytes))
                return response.status, body, response.headers
        except aiohttp.ClientPayloadError as error:
            raise unreadable(call, error) from None
        except TooLongError as error:
            raise Refused(unreadable(call, error).fault) from None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            dripped = type(error) is TimeoutError  # it answered, and went on answering: once is enough
            raise unreachable(
                call, error, transient=not isinstance(error, aiohttp.ClientConnectorError) and not dripped
            ) from None

    def _proxy(self, url: str) -> str | None:
        """The proxy that the environment names for a service's host, read once: aiohttp's trust_env reads it and
        ~/.netrc for every request.
        """
        origin = "/".join(url.split("/")[:3])
        if origin not in self._proxies:
            self._proxies[origin] = proxy_for(origin)
        return self._proxies[origin]

    async def _typed(
        self, call: Call, query: Mapping[str, str | int], blanks: Mapping[str, str]
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """The same page through google-cloud-compute, in a thread: it blocks, and so does its import."""
        from providers.gcp.typed import Client

        if self._client is None:
            self._client = Client(self.name, self.settings.endpoint, self.limits)
        try:
            return await asyncio.to_thread(self._client.page, call, query, blanks, self._credentials.get(CLOUD_SCOPE))
        except TooLongError as error:
            raise Refused(unreadable(call, error).fault) from None
        except OSError as error:  # those of requests are
            raise unreachable(call, error, transient=type(error) is not TimeoutError) from None

    def _url(self, call: Call, query: Mapping[str, str | int], blanks: Mapping[str, str]) -> str:
        root = (self.settings.endpoint or ROOTS[call.service]).rstrip("/")
        path = call.path.format(
            **{"project": self.name, **{name: quote(value, safe="/:") for name, value in blanks.items()}}
        )
        asked: dict[str, str | int] = {**query}
        if call.size is not None:
            asked.setdefault(*call.size)
        if call.fields:
            asked["fields"] = call.fields
        return f"{root}/{path}?{urlencode(asked, safe='(),/*:')}"

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            plain = (self.settings.endpoint or "").startswith("http:")
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=True if plain else ssl.create_default_context()),
                timeout=aiohttp.ClientTimeout(sock_connect=self.limits.connect, sock_read=self.limits.read),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": self._agent, "Accept": "application/json"},
            )
        return self._http

    # ------------------------------------------------------------ who we are

    async def _authorised(self, call: Call, *, renew: bool) -> tuple[Mapping[str, str], str]:
        """The headers that say who asks, and the token among them ("" for nobody). Credentials are found and renewed
        in a thread: both may block.
        """
        if self.settings.credentials == "anonymous":
            return {}, ""
        scope = DIRECTORY_SCOPE if call.service == "directory" else CLOUD_SCOPE
        credentials = self._credentials.get(scope)
        if credentials is None or renew or not _fresh(credentials):
            credentials = await self._renewed(
                call, scope, stale=credentials.token if credentials is not None else None, force=renew
            )
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
                await asyncio.to_thread(_renew, credentials, self.limits)
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
        # Deprecated for files whose origin nobody vouches for: this one is named by whoever wrote the configuration, as
        # the default chain's are.
        load: Any = google.auth.load_credentials_from_file
        credentials, _ = load(str(Path(settings.credentials).expanduser()), scopes=[scope])
    if scope == DIRECTORY_SCOPE and settings.workspace_admin and hasattr(credentials, "with_subject"):
        credentials = credentials.with_subject(settings.workspace_admin)
    return credentials


def _renew(credentials: Any, limits: Limits) -> None:
    from google.auth.transport.requests import Request

    from providers.gcp.sessions import Plain

    with Plain(limits) as session:
        credentials.refresh(Request(session))


def _fresh(credentials: Any) -> bool:
    return str(credentials.token_state.name) == "FRESH"
