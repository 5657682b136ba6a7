"""The simulated Keycloak on one loopback port: logins of clients as themselves, and reads of a realm.

`realms` is what exists, `faults` what goes wrong, `log` what was asked. What it was asked that is not a read stands in
`writes`, and is refused. Answers follow Keycloak's OpenAPI description, errors its own words.
"""

import json
import re
import secrets
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from providers.demo import server
from providers.demo.answer import Answer, Environ
from providers.demo.keycloak.faults import JSON, KeycloakAsked, KeycloakFaults, error
from providers.demo.keycloak.world import ROLE, Realm
from providers.demo.log import Log
from providers.keycloak.calls import ACTIONS, CALLS, EXECUTIONS, FEDERATION, REALM, SERVER_INFO, TOKEN

_LIMITED = ("realm", "bruteForceProtected")
"""What is told of a realm to a client that may not view it."""


class Server(server.StandIn):
    """A running Keycloak. `version` is what `serverinfo` tells to whoever has a role in `told_to`."""

    def __init__(self, port: int | None = 0) -> None:
        self.realms: dict[str, Realm] = {}
        self.faults = KeycloakFaults()
        self.log = Log[KeycloakAsked]()
        self.writes: list[str] = []
        self.version = "26.4.0"
        self.told_to = ROLE
        self._tokens: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()
        super().__init__(port)

    def reset(self) -> None:
        """No realm, no faults, an empty log; every token is forgotten."""
        self.realms.clear()
        self.faults.clear()
        self.log.clear()
        self.writes.clear()
        self.forget_tokens()
        self.version, self.told_to = "26.4.0", ROLE

    def forget_tokens(self) -> None:
        """As after a restart with other keys: no token is known any more."""
        with self._lock:
            self._tokens.clear()

    def add(self, *realms: Realm) -> Realm:
        """These exist from now on; returns the last."""
        self.realms |= {realm.name: realm for realm in realms}
        return realms[-1]

    def configuration(self, realm: str, url: str = "", **more: Any) -> str:
        """The collector's block for a realm, as TOML; its secret is written among our temporary files."""
        file = Path(tempfile.mkdtemp(prefix="enctop-keycloak-")) / "secret"
        file.write_text(f"{self.realms[realm].secret}\n")
        file.chmod(0o600)
        lines = {"address": url or self.url, "realm": realm, "client_id": self.realms[realm].client}
        lines |= {"secret_file": str(file), **more}
        return "\n  [[tenant.keycloak]]\n" + "".join(f"  {key} = {json.dumps(value)}\n" for key, value in lines.items())

    def serve(self, environ: Environ) -> Answer:
        """Answer one request."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        asked, flow = _asked(method, environ.get("REQUEST_URI", path))
        self.log.add(asked)
        refused = self.faults.before(asked)
        if refused is not None:
            return refused
        return self.faults.after(asked, self._answer(asked, flow, environ))

    # ------------------------------------------------------------ one request

    def _answer(self, asked: KeycloakAsked, flow: str, environ: Environ) -> Answer:
        if asked.operation == TOKEN.operation:
            return self._token(asked.resource, environ["wsgi.input"].read())
        if asked.operation not in CALLS:
            if asked.method != "GET":
                self.writes.append(f"{asked.method} {environ['PATH_INFO']}")
            return error(404, "HTTP 404 Not Found")
        owner = self._owner(environ)
        if owner is None:
            return error(401, "HTTP 401 Unauthorized")
        if asked.operation == SERVER_INFO.operation:
            return self._server_info(owner)
        realm = self.realms.get(asked.resource)
        if realm is None:
            return error(404, "Realm not found.")
        if owner is not realm or (ROLE not in realm.roles and asked.operation != REALM.operation):
            return error(403, "HTTP 403 Forbidden")
        if asked.operation == EXECUTIONS.operation:
            return _json(realm.flows[flow]) if flow in realm.flows else error(404, "flow not found")
        return _json(self._of(realm, asked.operation, parse_qs(environ.get("QUERY_STRING", ""))))

    def _of(self, realm: Realm, operation: str, query: dict[str, list[str]]) -> Any:
        if operation == ACTIONS.operation:
            return realm.actions
        if operation == FEDERATION.operation:
            (wanted,) = query.get("type", [""])
            return [one for one in realm.components if wanted in ("", one["providerType"])]
        if ROLE in realm.roles:
            return realm.settings
        return {name: realm.settings[name] for name in _LIMITED}

    def _server_info(self, owner: Realm) -> Answer:
        if not owner.roles:
            return error(403, "HTTP 403 Forbidden")
        told = {"systemInfo": {"version": self.version}} if self.told_to in owner.roles else {}
        return _json({**told, "themes": {}})

    def _owner(self, environ: Environ) -> Realm | None:
        kind, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        with self._lock:
            name, ends = self._tokens.get(token, ("", 0.0))
        return self.realms.get(name) if kind == "Bearer" and time.monotonic() < ends else None

    def _token(self, name: str, body: bytes) -> Answer:
        form = {key: values[-1] for key, values in parse_qs(body.decode("utf-8", "replace")).items()}
        realm = self.realms.get(name)
        if realm is None:
            return error(404, "Realm does not exist")
        if form.get("grant_type") != "client_credentials":
            return error(400, "unsupported_grant_type", "Unsupported grant_type")
        if (form.get("client_id"), form.get("client_secret")) != (realm.client, realm.secret):
            return error(401, "invalid_client", "Invalid client or Invalid client credentials")
        token = secrets.token_urlsafe(48)
        with self._lock:
            self._tokens[token] = (name, time.monotonic() + realm.lifetime)
        return _json(
            {
                "access_token": token,
                "expires_in": realm.lifetime,
                "refresh_expires_in": 0,
                "token_type": "Bearer",
                "not-before-policy": 0,
                "scope": "email profile",
            }
        )


def start(port: int = 0) -> Server:
    """A server on 127.0.0.1."""
    return Server(port)


_TEMPLATES = [
    (call.operation, call.method, re.compile(re.sub(r"\\?\{(\w+)\\?\}", r"(?P<\1>[^/]+)", re.escape(call.path))))
    for call in CALLS.values()
]


def _asked(method: str, target: str) -> tuple[KeycloakAsked, str]:
    """What is asked, and the flow that it names, "" for none."""
    path = target.partition("?")[0]
    for operation, of, template in _TEMPLATES:
        found = template.fullmatch(path)
        if found is not None and method == of:
            named = {name: unquote(value) for name, value in found.groupdict().items()}
            return KeycloakAsked(operation, named.get("realm", ""), method), named.get("flow", "")
    return KeycloakAsked(f"{method} {unquote(path)}", "", method), ""


def _json(value: Any) -> Answer:
    return Answer(200, json.dumps(value).encode(), {"content-type": JSON})
