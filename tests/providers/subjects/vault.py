"""Vault: a real OpenBao with an engine of each kind, a lease, a token, namespaces, and its audit log as the judge."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import msgspec
import pytest

from providers.collector.config import parse
from providers.collector.systems import policy_text
from providers.demo.answer import Answer
from providers.demo.vault.rabbit import Rabbit
from providers.demo.vault.server import Bao
from providers.vault import SYSTEM
from tests.matrix.front import Request
from tests.providers.subjects.subject import Subject
from tests.providers.vault.test_audit import ALLOWED, NAMESPACES, OPEN, permits
from tests.providers.vault.test_truth import provision
from tests.world.vault import TOKEN_ENV, configured, reader

_LINE = re.compile(r"^path .*$", re.MULTILINE)
_ALIKE = (
    (r'"team-a/(inner/)?', '"'),
    (r'"empty/', '"transit/'),
    (r"/nobody/", "/userpass/"),
    (r"sys/mounts/.*/tune", "sys/mounts/+/tune"),
)
"""What is granted once for each namespace and mount, and is one permission."""


class VaultSubject(Subject):
    """Whatever no line of the policy allows is named by its path."""

    system = SYSTEM
    free: ClassVar[frozenset[str]] = frozenset(f"read {path}" for path in OPEN)
    finds: ClassVar[frozenset[tuple[str, str]]] = frozenset({("denied", "vault")})
    """Seal and nodes need no token, and every token may look itself up."""
    spare: ClassVar[frozenset[str]] = frozenset(
        f'path "{path}" {{ capabilities = [{words}] }}'
        for path, words in (
            ("auth/token/renew-self", '"update"'),  # when half of the token's life is over
            ("sys/ha-status", '"read"'),  # where there is more than one node
            ("sys/leases", '"read", "sudo"'),  # where a lease could not be revoked
            ("sys/quotas/lease-count/+", '"read"'),  # OpenBao has none
            ("sys/replication/status", '"read"'),  # nor this
        )
    )

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._bao: Bao = request.getfixturevalue("bao")
        rabbit: Rabbit = request.getfixturevalue("rabbit")
        self._patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
        provision(self._bao, rabbit)
        self._bao.call("GET", "rabbitmq/creds/app")
        self._bao.call("POST", "auth/token/create-orphan", {"policies": ["default"]})
        nobody = {"policies": ["default"], "ttl": "1h"}
        self._nobodys = str(self._bao.call("POST", "auth/token/create-orphan", nobody)["auth"]["client_token"])
        self._since = 0
        self._everything = True

    @property
    def port(self) -> int:
        """Of the server."""
        return self._bao.port

    def settings(self, port: int, *, everything: bool) -> str:
        """By a token with the printed policy."""
        self._everything = everything
        self._patch.setenv(TOKEN_ENV, reader(self._bao, renew=everything, namespaces=NAMESPACES))
        renews = "renew_token = true\n" if everything else ""
        return f'[[tenant.vault]]\naddress = "http://127.0.0.1:{port}"\ntoken_env = "{TOKEN_ENV}"\n{renews}'

    def asked(self) -> set[str]:
        """Lines of the policy."""
        lines, named = _LINE.findall(self._policy(self._everything)), set[str]()
        for text in self._bao.audit_log.read_bytes()[self._since :].splitlines():
            entry = json.loads(text)
            request = entry["request"]
            if entry["type"] == "request":
                path = request.get("namespace", {}).get("path", "") + request["path"]
                allowed = {_alike(line) for line in lines if permits(line, ALLOWED[request["operation"]], path)}
                named |= allowed or {f"{request['operation']} {path}"}
        return named

    def forget(self) -> None:
        """The audit log so far."""
        self._since = self._bao.audit_log.stat().st_size

    def granted(self, *, everything: bool) -> set[str]:
        """Lines of the policy for what is mounted there."""
        return {_alike(line) for line in _LINE.findall(self._policy(everything))}

    def _policy(self, everything: bool) -> str:
        needs, text = frozenset({"renew_token"} if everything else ()), configured(self._bao.url)
        with ThreadPoolExecutor(1) as apart:  # it has a loop of its own
            return apart.submit(policy_text, "vault", needs, lambda: parse(text, "test")).result()

    def refusal(self, kind: str, request: Request) -> Answer | Request:
        """As in the matrix."""
        if kind in {"deny", "expire"}:
            token = self._nobodys if kind == "deny" else "s.nobody"
            return msgspec.structs.replace(request, headers={**request.headers, "x-vault-token": token})
        status, words = (429, "request path: rate limit quota exceeded") if kind == "throttle" else (500, "internal")
        return Answer(status, json.dumps({"errors": [words]}).encode(), {"content-type": "application/json"})


def _alike(line: str) -> str:
    for pattern, one in _ALIKE:
        line = re.sub(pattern, one, line)
    return line
