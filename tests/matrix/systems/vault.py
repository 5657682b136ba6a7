"""Vault: a real OpenBao."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import msgspec

from posture.controls.registry import registry
from providers.demo.answer import Answer
from providers.demo.vault.server import Bao
from tests.matrix.cell import Place
from tests.matrix.front import Request
from tests.matrix.system import CERTIFICATE, System
from tests.world.vault import TOKEN_ENV, reader

_NO_PAGES = "its lists are whole"

TOKENS = frozenset(control.id for control in registry().for_type("vault.token"))


class VaultSystem(System):
    """A transit key, and one that may leave it."""

    name, provider = "Vault", "vault"
    good, bad = "vault.seal.status", "vault.transit.key-posture"
    steps = 2  # tokens wait for the count of the leases
    absent: ClassVar[Mapping[str, str]] = {
        "partial pages": _NO_PAGES,
        "looping pages": _NO_PAGES,
        "pages for ever": _NO_PAGES,
    }
    may_change: ClassVar[Mapping[str, frozenset[str]]] = {
        "certificate changed": CERTIFICATE | {"vault.listener.tls"},  # its listener is looked at as an endpoint too
        # Who is denied here is another token, so what looks itself up meanwhile takes its own for somebody's.
        "denied": TOKENS,
        "clock +400 d": frozenset(
            {
                "vault.barrier.rotation",
                "vault.transit.rotation",
                "vault.token.own",
                "vault.lease.not-renewed",
                "vault.lease.expiring",
            }
        ),
    }
    loses: ClassVar[frozenset[str]] = frozenset({"certificate changed"})
    remembers: ClassVar[frozenset[str]] = frozenset({"vault.lease.growth", "tls.cert-change"})
    environment: ClassVar[dict[str, str]] = {}

    def __init__(self, folder: Path) -> None:
        self._bao = bao = Bao()
        bao.call("POST", "sys/mounts/transit", {"type": "transit"})
        bao.call("POST", "transit/keys/ledger", {"auto_rotate_period": "720h"})
        bao.call("POST", "transit/keys/loose", {"exportable": True, "auto_rotate_period": "720h"})
        self.environment[TOKEN_ENV] = reader(bao, ttl="100h")
        self._nobodys: str = bao.call("POST", "auth/token/create-orphan", {"policies": ["default"], "ttl": "100h"})[
            "auth"
        ]["client_token"]

    def stop(self) -> None:
        """End it, and the other one where it was needed."""
        self._bao.stop()
        if "_other" in vars(self):
            self._other.stop()

    @cached_property
    def _other(self) -> Bao:
        return Bao()

    def upstream(self) -> tuple[str, int]:
        """The same for all cells."""
        return "127.0.0.1", self._bao.port

    def configuration(self, url: str, ca_file: Path) -> str:
        """One server, by a token with the printed policy."""
        trust = f'ca_file = "{ca_file}"\n' if url.startswith("https") else ""
        return f'[[tenant.vault]]\naddress = "{url}"\ntoken_env = "{TOKEN_ENV}"\nallow_plaintext = true\n{trust}'

    def refusal(self, kind: str, request: Request) -> Answer | Request:
        """The server's own words to a token that may nothing, and to one it does not know; those of its quotas and
        of its storage as documented.
        """
        if kind in {"deny", "expire"}:
            return msgspec.structs.replace(
                request, headers={**request.headers, "x-vault-token": self._nobodys if kind == "deny" else "s.nobody"}
            )
        status, words = (
            (429, "request path: rate limit quota exceeded") if kind == "throttle" else (500, "internal error")
        )
        return Answer(status, json.dumps({"errors": [words]}).encode(), {"content-type": "application/json"})

    def empty(self, place: Place) -> None:
        """Another server at the same address, to whom our token is nobody's."""
        place.front.upstream = "127.0.0.1", urlsplit(self._other.url).port or 0
