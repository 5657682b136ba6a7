"""The way into one Vault: who we are there, which of its nodes is asked, the budget, and the one way of asking."""

import asyncio
import os
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import hvac
import msgspec
import requests
from hvac.adapters import RawAdapter

from posture.clock import Seconds
from posture.fault import Fault, FaultKind, Refused
from providers.lane import Lane
from providers.limits import USUAL, Limits
from providers.refusals import LEAST_SECRET
from providers.source import TALLY
from providers.threads import Threads
from providers.vault.calls import LOOKUP_SELF, Call
from providers.vault.faults import answered, broken, not_json
from providers.vault.login import log_in, token_from
from providers.vault.session import Session

WORKERS = 4
"""Requests under way at one Vault; each worker has a session of its own, since requests does not promise that one
can be shared.
"""
RATE = 100
"""Requests a second: a tenth of what a small server answers (1,044 lookups/s measured on two cores)."""
TOKEN_CHECKED: Seconds = 5.0
"""How long the answer to `is it the token or the policy` holds."""


class Reply(msgspec.Struct, frozen=True):
    """What a server said: status, body without our own token, and headers, whose names are found in any case."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class VaultClient:
    """Asks one Vault. `base` is the node that authenticated requests go to, `leader` the active one, where known;
    the live source keeps both.
    """

    def __init__(self, settings: Any, version: str, limits: Limits = USUAL) -> None:
        self.settings, self.limits = settings, limits
        self.base: str = settings.address
        self.leader: str | None = None
        self.accessor = ""
        """Of our own token: it has a row of its own, and none among the others. Empty where it was not told."""
        self.unnamed: Fault | None = None
        """Why it was not told."""
        self.generation = ""
        """Which cluster it is (`cluster_id`): another one means that whatever was remembered is of a server that is
        no more.
        """
        self._agent = f"enctop/{version}"
        self._lane = Lane(RATE, 1.0, WORKERS, limits)
        self._threads = Threads(WORKERS, "vault")
        self._local = threading.local()
        self._sessions: list[Session] = []
        self._closed = False
        self._token: str | None = None
        self._logging_in = threading.Lock()
        self._checked: tuple[float, bool] = (-TOKEN_CHECKED, True)

    # ------------------------------------------------------------ asking

    async def ask(
        self,
        call: Call,
        namespace: str = "",
        *,
        base: str = "",
        params: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
        **blanks: str,
    ) -> Any:
        """The `data` of an answer, an object; None where there is nothing of that name (404 without an error).
        Raises `Refused`.
        """
        path = call.at(**blanks)
        reply = await self.reply(call, path, namespace, base=base, params=params, body=body)
        if reply.status == 404:
            return None
        return data_of(call, reply)

    async def reply(
        self,
        call: Call,
        path: str,
        namespace: str = "",
        *,
        base: str = "",
        params: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
    ) -> Reply:
        """The answer as it came, if it is one. Raises `Refused`."""

        async def attempt() -> Reply:
            TALLY.get().calls += 1
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(
                self._threads, partial(self._blocking, call, path, namespace, base or self.base, params, body)
            )

        try:
            return await self._lane.run(attempt)
        except Refused as refused:
            if refused.fault.code == "403" and call.per != "open" and not await self._token_holds():
                raise Refused(token_ended(call)) from None
            raise

    async def close(self) -> None:
        """Let the threads go, and close the connections that they keep."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._hang_up()

    def _hang_up(self) -> None:
        for session in list(self._sessions):
            session.close()

    async def _token_holds(self) -> bool:
        """Whether a 403 is the policy's: a token that may look itself up is alive (every token of the default policy
        may).
        """
        now = asyncio.get_running_loop().time()
        if now - self._checked[0] >= TOKEN_CHECKED:
            self._checked = (now, await self._holds_now())
        return self._checked[1]

    async def _holds_now(self) -> bool:
        TALLY.get().calls += 1
        check = partial(self._blocking, LOOKUP_SELF, LOOKUP_SELF.path, "", self.base, None, None)
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, check)
        except Refused as refused:
            return refused.fault.kind not in {FaultKind.DENIED, FaultKind.EXPIRED}
        return True

    # ------------------------------------------------------------ hvac, in threads

    def _blocking(
        self,
        call: Call,
        path: str,
        namespace: str,
        base: str,
        params: dict[str, str] | None,
        body: dict[str, Any] | None,
    ) -> Reply:
        token = "" if call.per == "open" else self._own_token()
        reply = self._once(call, path, namespace, base, params, body, token)
        if reply.status in {401, 403} and token and self._again(token):
            reply = self._once(call, path, namespace, base, params, body, self._own_token())
        if reply.status < 300 or (reply.status == 404 and _nothing_there(reply.body)):
            return reply
        if (
            call.path == "sys/health"
            and reply.status in {429, 472, 473, 501, 503}
            and reply.body[:1] == b"{"
            and b'"initialized"' in reply.body
        ):
            return reply
        raise answered(call, "/".join(filter(None, (namespace, path))), reply.status, reply.body, reply.headers)

    def _once(
        self,
        call: Call,
        path: str,
        namespace: str,
        base: str,
        params: dict[str, str] | None,
        body: dict[str, Any] | None,
        token: str,
    ) -> Reply:
        client = self.client(base)
        adapter = client.adapter
        adapter.namespace = "/".join(filter(None, (self.settings.namespace.strip("/"), namespace))) or None
        adapter.token = token
        more: dict[str, Any] = {
            **({"params": params} if params else {}),
            **({"json": body} if body is not None else {}),
        }
        url = f"/v1/{quote(path)}"  # a mount may be named with `#`, `?` and `%`
        try:
            response: requests.Response = adapter.request(
                call.method, url, headers={"User-Agent": self._agent}, raise_exception=False, **more
            )
        except (requests.RequestException, OSError, ValueError) as error:
            raise broken(call, error, token) from None
        finally:
            if self._closed:  # it was under way then
                self._hang_up()
        said = response.content  # a server may repeat the request, wherever it likes
        if token and len(token) >= LEAST_SECRET:
            said = said.replace(token.encode(), b"[secret]")
        return Reply(response.status_code, said, response.headers)

    def client(self, base: str) -> Any:
        """This thread's hvac client for a node. It follows no redirect: a token goes only where it was meant to go."""
        known: dict[str, Any] = vars(self._local).setdefault("clients", {})
        if base not in known:
            verify = self.settings.ca_file or os.environ.get("VAULT_CACERT") or True
            ca = str(Path(verify).expanduser()) if isinstance(verify, str) else verify
            session, timeouts = Session(base, ca, self.limits), (self.limits.connect, self.limits.read)
            self._sessions.append(session)
            known[base] = hvac.Client(
                url=base, token="", session=session, timeout=timeouts, allow_redirects=False, adapter=RawAdapter
            )
        return known[base]

    def _own_token(self) -> str:
        if self._token is None:
            with self._logging_in:
                if self._token is None:
                    self._token = self._fresh()
        return self._token

    def _again(self, refused: str) -> bool:
        """Whether there is another token than the one that was refused: by another thread, from its file, or by
        logging in anew.
        """
        with self._logging_in:
            if self._token != refused:
                return True
            if self.settings.auth != "token":
                return self._log_in_again()
            if self.settings.token_env:
                return False
            self._token = token_from(self.settings)
            return self._token != refused

    def _log_in_again(self) -> bool:
        """At most once for each token that ended: a policy that refuses must not become a storm of logins."""
        client = self.client(self.base)
        client.adapter.token = self._token
        client.adapter.namespace = self.settings.namespace.strip("/") or None
        try:
            held: requests.Response = client.adapter.request("GET", f"/v1/{LOOKUP_SELF.path}", raise_exception=False)
        except (requests.RequestException, OSError, ValueError) as error:
            raise broken(LOOKUP_SELF, error, self._token) from None
        if held.status_code != 403:
            return False
        self._token = self._fresh()
        return True

    def _fresh(self) -> str:
        if self.settings.auth == "token":
            return token_from(self.settings)
        client = self.client(self.base)
        client.adapter.token = ""
        client.adapter.namespace = self.settings.namespace.strip("/") or None
        return log_in(client, self.settings)


def data_of(call: Call, reply: Reply) -> dict[str, Any]:
    """The `data` of an answer, or all of it where it is not wrapped. Raises `Refused` where it is not a JSON object, or
    has no `data` though it is to have one.
    """
    try:
        decoded: Any = msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, RecursionError):
        decoded = None
    if not isinstance(decoded, dict):
        raise not_json(call, reply.status)
    data = decoded.get("data")
    if data is None and not call.wrapped:
        return decoded
    if not isinstance(data, dict):
        raise Refused(Fault(FaultKind.ERROR, "Malformed", call.operation, "answered without data"))
    return data


def token_ended(call: Call) -> Fault:
    """The token does not count any more."""
    return Fault(
        FaultKind.EXPIRED,
        "InvalidToken",
        call.operation,
        "the token has expired or was revoked: the server does not know it any more",
    )


def _nothing_there(body: bytes) -> bool:
    """`{"errors":[]}`, or an answer without an error: Vault's words for an empty list. Any other JSON is somebody
    else's.
    """
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return False
    return isinstance(decoded, dict) and not decoded.get("errors") and ("errors" in decoded or "request_id" in decoded)
