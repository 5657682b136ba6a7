"""The simulated Keycloak as the tests hold it: what exists, what goes wrong, what was asked, and a collector's look at
it.
"""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema

from posture.model import Model
from posture.resource import Resource
from posture.source import Source
from providers.collector.collector import Collector
from providers.collector.config import parse
from providers.demo.keycloak.server import Server, start
from providers.demo.keycloak.world import Realm, realm

_SCHEMA = json.loads((Path(__file__).parent / "keycloak_schema.json").read_text())


def defects(operation: str, body: Any) -> list[str]:
    """How an answer differs from Keycloak's OpenAPI description; nothing of what that leaves out."""
    if operation not in _SCHEMA["roots"]:
        return []
    whole = {"$defs": _SCHEMA["$defs"], **_SCHEMA["roots"][operation]}
    found = jsonschema.Draft202012Validator(whole).iter_errors(body)
    return [f"{error.json_path}: {error.message}" for error in found]


class Keycloak:
    """One server for the session, emptied for every test."""

    def __init__(self) -> None:
        self.server: Server = start()

    def realm(self, policy: str | None = "hashAlgorithm(argon2)") -> Realm:
        """acme's, made anew."""
        return self.server.add(realm("acme", policy))

    def configuration(self, policy: str = "", **settings: Any) -> str:
        """One tenant, one realm; `policy` are lines of `[tenant.policy]`."""
        block = self.server.configuration("acme", **settings)
        return f'[[tenant]]\nname = "acme"\n{block}\n[tenant.policy]\n{policy}\n'

    async def poll(self, policy: str = "", **settings: Any) -> "Seen":
        """What a collector sees that asks once."""
        collector = Collector(parse(self.configuration(policy, **settings), "test"))
        await collector.once(30)
        return Seen(collector.model)


class Seen:
    """What a collector saw of it."""

    def __init__(self, model: Model) -> None:
        self.model = model

    @property
    def source(self) -> Source:
        """The realm's."""
        return next(source for source in self.model.sources.values() if source.provider == "keycloak")

    @property
    def realm(self) -> Resource:
        """The realm."""
        return next(entry.resource for entry in self.model.all() if entry.resource.type == "keycloak.realm")

    def said(self, control: str) -> tuple[str, str]:
        """Status and reason of a control, of the realm."""
        entry = self.model.entry(self.realm.id)
        assert entry is not None
        finding = entry.findings[control]
        return finding.status.word, finding.reason


@contextlib.contextmanager
def serving() -> Iterator[Keycloak]:
    """A server while the block runs."""
    keycloak = Keycloak()
    try:
        yield keycloak
    finally:
        keycloak.server.stop()
