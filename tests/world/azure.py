"""The simulated Azure as the tests hold it: what exists, what goes wrong, what was asked, and a collector's look at
it.
"""

import contextlib
from collections.abc import Iterator, Mapping

import msgspec
import pytest

from posture.fault import Fault
from posture.model import Model
from posture.resource import Resource
from posture.source import Source
from posture.verdict import Finding
from providers.collector.collector import Collector
from providers.collector.config import Config, parse
from providers.demo.azure.accounts import SUBSCRIPTION, TOKEN, TOKEN_ENV
from providers.demo.azure.faults import AzureFaults
from providers.demo.azure.resources import BOTH, CUSTOMER, PLATFORM, Body, Resources
from providers.demo.azure.server import Server, start
from providers.limits import USUAL, Limits

REGIONS = ("westeurope", "northeurope", "eastus", "eastus2", "westus2", "uksouth", "francecentral", "swedencentral")
"""A subscription may have 250 storage accounts in a region."""


class Seen:
    """What a collector saw of it."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def finding(self, control: str, resource_id: str) -> Finding:
        """The finding of a control on a resource."""
        entry = self.model.entry(resource_id.lower()) or self.model.entry(resource_id)
        assert entry is not None, f"{resource_id} was not seen"
        return entry.findings[control]

    def statuses(self, resource_id: str) -> Mapping[str, str]:
        """Control -> status, of one resource."""
        entry = self.model.entry(resource_id.lower()) or self.model.entry(resource_id)
        assert entry is not None, f"{resource_id} was not seen"
        return {control: finding.status.word for control, finding in entry.findings.items()}

    def resource(self, resource_id: str) -> Resource:
        """A resource by its id, in any case."""
        entry = self.model.entry(resource_id.lower()) or self.model.entry(resource_id)
        assert entry is not None, f"{resource_id} was not seen"
        return entry.resource

    def resources(self, type_: str) -> dict[str, Resource]:
        """Name -> resource, of one type."""
        return {entry.resource.name: entry.resource for entry in self.model.all() if entry.resource.type == type_}

    def source(self, service: str, subscription: str = SUBSCRIPTION) -> Source:
        """A source by its service, of a subscription or of none."""
        found = [
            source
            for source in self.model.sources.values()
            if source.service == service and source.scope in (subscription, "private")
        ]
        assert found, f"no source {service}: {sorted(self.model.sources)}"
        return found[0]

    def fault(self, service: str, subscription: str = SUBSCRIPTION) -> Fault:
        """Why a source did not answer in full."""
        fault = self.source(service, subscription).fault
        assert fault is not None, f"{service} answered"
        return fault


class Azure:
    """One server for the session, emptied for every test."""

    def __init__(self) -> None:
        self.server: Server = start()

    @property
    def estate(self) -> Resources:
        """What exists."""
        return self.server.estate

    @property
    def faults(self) -> AzureFaults:
        """All that can go wrong."""
        return self.server.faults

    def reset(self) -> None:
        """One empty subscription, nothing wrong, nothing asked."""
        self.server.reset()
        self.server.estate.subscription()

    def fill(self, disks: int, accounts: int) -> None:
        """Many of them: of a hundred disks five under a customer's key and one under both, accounts under
        Microsoft's.
        """
        estate = self.estate
        vault = estate.vault("acme-keys")
        made = estate.encryption_set("disks", estate.key(vault, "disks"), vault)
        patterns = [
            self._pattern(estate.disk(f"pattern-{kind}", kind, set_id=made if kind != PLATFORM else None))
            for kind in (PLATFORM, CUSTOMER, BOTH)
        ]
        for number in range(disks):
            body = patterns[1] if number % 20 == 3 else patterns[2] if number % 100 == 7 else patterns[0]
            estate.put(
                f"/subscriptions/{SUBSCRIPTION}/resourceGroups/prod/providers/Microsoft.Compute/disks/disk-{number:05}",
                body,
            )
        account = self._pattern(estate.account("pattern"))
        for number in range(accounts):
            group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/data"
            name = f"{group}/providers/Microsoft.Storage/storageAccounts/acme{number:05}"
            estate.put(name, {**account, "location": REGIONS[number % len(REGIONS)]})

    def _pattern(self, made: str) -> Body:
        """The body of a resource, which is taken away again: making one through the SDK's models costs a thousand
        times as much as a copy.
        """
        body = self.estate.get(made)
        assert body is not None
        self.estate.delete(made)
        return {name: value for name, value in body.items() if name not in {"id", "name", "type"}}

    def text(self, *subscriptions: str, policy: str = "", more: str = "") -> str:
        """A configuration of one tenant, as TOML; without subscriptions, of all there are."""
        named = f"subscription = {msgspec.json.encode(subscriptions).decode()}\n" if subscriptions else ""
        block = f'[[tenant.azure]]\n{named}endpoint = "{self.server.url}"\ntoken_env = "{TOKEN_ENV}"\n{more}\n'
        return f'[[tenant]]\nname = "acme"\n{block}' + (f"[tenant.policy]\n{policy}\n" if policy else "")

    def config(self, *subscriptions: str, policy: str = "", more: str = "") -> Config:
        """The same, read."""
        return parse(self.text(*subscriptions, policy=policy, more=more), "test")

    async def poll(
        self, *subscriptions: str, policy: str = "", more: str = "", timeout: float = 60, limits: Limits = USUAL
    ) -> Seen:
        """Look at it once."""
        config = self.config(*(subscriptions or (SUBSCRIPTION,)), policy=policy, more=more)
        collector = Collector(config, limits=limits)
        await collector.once(timeout)
        return Seen(collector.model)


@contextlib.contextmanager
def serving() -> Iterator[Azure]:
    """A server while the block runs."""
    azure = Azure()
    try:
        yield azure
    finally:
        azure.server.stop()


def let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment in which the simulated token is found, and no real credential."""
    monkeypatch.setenv(TOKEN_ENV, TOKEN)
    for name in ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID"):
        monkeypatch.delenv(name, raising=False)
