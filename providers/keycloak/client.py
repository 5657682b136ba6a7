"""The way into one realm: the client's token, the connections, the budget, and the one way of asking."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
from yarl import URL

from posture.clock import Seconds
from providers.keycloak.calls import AT_ONCE, PERIOD, RATE, TOKEN, Call
from providers.keycloak.faults import answered, no_secret, unreachable, unreadable
from providers.keycloak.settings import KeycloakSettings
from providers.lane import Lane
from providers.limits import CHUNK, USUAL, Limits, TooLongError, proxy_for, read_all, whole_answer
from providers.refusals import without
from providers.secret_file import read_secret
from providers.source import TALLY

T = TypeVar("T")
RENEWED_AT = 0.8
"""Of a token's life, after which another one is got."""


class Token(msgspec.Struct, frozen=True):
    """The answer to a login (RFC 6749 5.1); `expires_in` in seconds."""

    access_token: str
    token_type: str
    expires_in: float = 0.0


class _Held(msgspec.Struct, frozen=True):
    token: str
    until: Seconds
    secret: str


class KeycloakClient:
    """Asks one realm, as a client of it that logs in by its secret (`client_credentials`, RFC 6749 4.4)."""

    def __init__(self, settings: KeycloakSettings, version: str, limits: Limits = USUAL) -> None:
        self.settings, self.limits = settings, limits
        self._agent = f"enctop/{version}"
        self._lane = Lane(RATE, PERIOD, AT_ONCE, limits)
        self._http: aiohttp.ClientSession | None = None
        self._held: _Held | None = None
        self._logging_in = asyncio.Lock()

    async def ask(self, call: Call, shape: type[T], **blanks: str) -> T:
        """Make one declared call in its turn, and read its answer as `shape`. Raises `Refused`."""

        async def attempt() -> T:
            held = await self._logged_in(None)
            status, headers, body = await self._get(call, blanks, held)
            if status == 401:
                held = await self._logged_in(held)
                status, headers, body = await self._get(call, blanks, held)
            if status != 200:
                raise answered(call, status, headers, body, held.token, held.secret)
            return _read(call, without(body, held.token, held.secret), shape)

        return await self._lane.run(attempt)

    async def close(self) -> None:
        """Close the connections."""
        session, self._http = self._http, None
        if session is not None:
            await session.close()

    # ------------------------------------------------------------ who we are

    async def _logged_in(self, refused: _Held | None) -> _Held:
        """A token that is alive, and another one than the one that was refused. Raises `Refused`."""
        async with self._logging_in:
            held = self._held
            if held is None or held is refused or asyncio.get_running_loop().time() >= held.until:
                held = self._held = await self._log_in()
            return held

    async def _log_in(self) -> _Held:
        try:
            secret = await asyncio.to_thread(read_secret, self.settings.secret_file, "secret")
        except ValueError as error:
            raise no_secret(str(error)) from None
        form = {"grant_type": "client_credentials", "client_id": self.settings.client_id, "client_secret": secret}
        asked_at = asyncio.get_running_loop().time()
        media = {"Content-Type": "application/x-www-form-urlencoded"}
        status, headers, body = await self._sent(TOKEN, {}, media, (secret,), urlencode(form).encode())
        if status != 200:
            raise answered(TOKEN, status, headers, body, secret)
        try:
            token = msgspec.json.decode(body, type=Token)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            # what does not fit may be the token itself
            raise unreadable(TOKEN, "the answer is not a token", transient=False) from None
        text = token.access_token
        if not text or not text.isascii() or not text.isprintable() or token.token_type.lower() != "bearer":
            raise unreadable(TOKEN, "the answer holds no bearer token", transient=False)
        return _Held(text, asked_at + RENEWED_AT * max(token.expires_in, 0.0), secret)

    # ------------------------------------------------------------ one request

    async def _get(self, call: Call, blanks: Mapping[str, str], held: _Held) -> tuple[int, Mapping[str, str], bytes]:
        headers = {"Authorization": f"Bearer {held.token}"}
        return await self._sent(call, blanks, headers, (held.token, held.secret), None)

    async def _sent(
        self,
        call: Call,
        blanks: Mapping[str, str],
        headers: Mapping[str, str],
        secrets: tuple[str, ...],
        body: bytes | None,
    ) -> tuple[int, Mapping[str, str], bytes]:
        TALLY.get().calls += 1
        url = self._url(call, blanks)
        session = await self._session()
        try:
            async with (
                whole_answer(self.limits.whole),
                session.request(
                    call.method,
                    URL(url, encoded=True),
                    data=body,
                    headers=headers,
                    allow_redirects=False,
                    proxy=proxy_for(url),
                ) as response,
            ):
                content = await read_all(response.content.iter_chunked(CHUNK), self.limits.most_bytes)
                return response.status, response.headers, content
        except aiohttp.ClientPayloadError as error:
            raise unreadable(call, error, *secrets) from None
        except TooLongError as error:
            raise unreadable(call, error, transient=False) from None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            certain = isinstance(error, aiohttp.ClientConnectorError | ssl.SSLError) or type(error) is TimeoutError
            raise unreachable(call, error, *secrets, transient=not certain) from None

    def _url(self, call: Call, blanks: Mapping[str, str]) -> str:
        named = {"realm": self.settings.realm, **blanks}
        path = call.path.format(**{name: quote(value, safe="") for name, value in named.items()})
        query = f"?{urlencode(call.query)}" if call.query else ""
        return f"{self.settings.address.rstrip('/')}{path}{query}"

    async def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            context: ssl.SSLContext | bool = True
            if self.settings.address.lower().startswith("https:"):
                context = await asyncio.to_thread(ssl.create_default_context, cafile=self.settings.ca_file)
        if self._http is None:
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=context),
                timeout=aiohttp.ClientTimeout(None, sock_connect=self.limits.connect, sock_read=self.limits.read),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": self._agent, "Accept": "application/json"},
            )
        return self._http


def _read(call: Call, body: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        page = body.lstrip()[:1] == b"<"
        raise unreadable(call, "a page of HTML instead of Keycloak's answer" if page else error) from None
