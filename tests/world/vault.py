"""A real OpenBao as the tests hold it: what is mounted there, who asks, and what enctop makes of it."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable

from posture.entry import Entry
from posture.model import Model
from posture.snapshot import Snapshot, take, to_json
from posture.verdict import Finding, Status
from providers.collector.collector import Collector
from providers.collector.config import parse
from providers.demo.vault.rabbit import Rabbit
from providers.demo.vault.server import Bao, BaoError
from providers.limits import USUAL, Limits
from providers.vault.policy import policy
from providers.vault.source import Mount

TOKEN_ENV = "TEST_VAULT_TOKEN"


def configured(address: str, more: str = "", *, live: str = "1s", warm: str = "2s", tenant: str = "") -> str:
    """The configuration of one Vault; `more` stands in its block, `tenant` in the tenant's."""
    return f"""
        [poll]
        live = "{live}"
        warm = "{warm}"
        [[tenant]]
        name = "acme"
        [[tenant.vault]]
        address = "{address}"
        token_env = "{TOKEN_ENV}"
        {more}
        {tenant}
        """


async def polled(configuration: str, limits: Limits = USUAL) -> Collector:
    """A collector that has asked everything once."""
    collector = Collector(parse(configuration, "test"), limits=limits)
    await collector.once(timeout=60)
    return collector


def taken(collector: Collector) -> Snapshot:
    """What it knows, written down."""
    return take(collector.model, collector.model.now, "test")


def verdicts(collector: Collector) -> dict[str, dict[str, str]]:
    """Resource (without the server's address) -> control -> status; only what is Vault's."""
    found: dict[str, dict[str, str]] = {}
    for held in collector.model.all():
        if held.resource.provider == "vault":
            found[shortened(held.resource.id)] = {
                control: finding.status.word for control, finding in held.findings.items()
            }
    return found


def shortened(resource_id: str) -> str:
    """An id without `vault://HOST:PORT`; empty for the cluster."""
    return resource_id.removeprefix("vault://").partition("/")[2]


class Watched:
    """A collector that goes on polling, as under a dashboard."""

    def __init__(self, collector: Collector) -> None:
        self.collector = collector

    @property
    def model(self) -> Model:
        """What it knows now."""
        self.collector.model.tick(time.time())
        return self.collector.model

    def find(self, end: str) -> Entry:
        """The one resource whose id ends so."""
        (held,) = [
            held
            for held in self.model.all()
            if held.resource.provider == "vault" and shortened(held.resource.id) == end
        ]
        return held

    def findings(self) -> list[Finding]:
        """All of Vault's."""
        return [
            finding
            for held in self.model.all()
            if held.resource.provider == "vault"
            for finding in held.findings.values()
        ]

    def statuses(self, control: str) -> list[Status]:
        """Of one control, on whatever it judges."""
        return sorted(finding.status for finding in self.findings() if finding.control == control)

    def state(self, service: str) -> str:
        """How a source stands."""
        (source,) = [source for source in self.model.sources.values() if source.service == service]
        return source.state.value

    def polls(self, service: str) -> int:
        """How many polls of a source have begun."""
        (source,) = [source for source in self.model.sources.values() if source.service == service]
        return self.collector.model._reported.polls[source.id]

    async def polled(self, service: str, many: int) -> None:
        """Wait until a source has been asked so many times more."""
        before = self.polls(service)
        await self.until(lambda: self.polls(service) > before + many, f"{many} polls of {service}", 30.0)

    async def until(self, holds: Callable[[], object], what: str, within: float = 10.0) -> None:
        """Wait until something is so."""
        end = time.monotonic() + within
        while not holds():
            seen = sorted(
                (finding.status.word, finding.control, finding.reason)
                for finding in self.findings()
                if finding.status < Status.PASS
            )
            assert time.monotonic() < end, (
                f"{what} did not come true:"
                f" {[(s.service, s.state.value, str(s.fault)) for s in self.model.sources.values()]} {seen}"
            )
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def watched(configuration: str, limits: Limits = USUAL) -> AsyncIterator[Watched]:
    """Poll while the block runs; it begins when everything has been asked once."""
    collector = Collector(parse(configuration, "test"), limits=limits)
    collector.poller.add(collector.sources())
    try:
        async with asyncio.timeout(60):
            await collector.poller.settled()
        yield Watched(collector)
    finally:
        await collector.poller.stop()


def printed(bao: Bao, *, sudo: bool = True, renew: bool = False, namespaces: tuple[str, ...] = ("",)) -> str:
    """The policy as enctop prints it for what is mounted there."""
    mounts = []
    for namespace in namespaces:
        for prefix, path in (("", "sys/mounts"), ("auth/", "sys/auth")):
            entries = bao.call("GET", path, namespace=namespace)
            mounts += [
                Mount(namespace, prefix + name, entry["type"], entry["accessor"]) for name, entry in entries.items()
            ]
    return policy(mounts, namespaces, sudo=sudo, renew=renew)


def reader(
    bao: Bao,
    *,
    sudo: bool = True,
    renew: bool = False,
    ttl: str = "1h",
    namespaces: tuple[str, ...] = ("",),
    **more: object,
) -> str:
    """A token with exactly the printed policy."""
    name = f"enctop-{'sudo' if sudo else 'plain'}"
    bao.call("PUT", f"sys/policies/acl/{name}", {"policy": printed(bao, sudo=sudo, renew=renew, namespaces=namespaces)})
    body = {"policies": [name], "no_default_policy": True, "ttl": ttl, **more}
    return str(bao.call("POST", "auth/token/create-orphan", body)["auth"]["client_token"])


def broker(bao: Bao, rabbit: Rabbit, path: str = "rabbitmq", ttl: str = "1h", max_ttl: str = "24h") -> None:
    """An engine whose credentials live in `rabbit`."""
    bao.call(
        "POST",
        f"sys/mounts/{path}",
        {"type": "rabbitmq", "config": {"default_lease_ttl": ttl, "max_lease_ttl": max_ttl}},
    )
    account = {
        "connection_uri": rabbit.url,
        "username": "vault",
        "password": "canary-of-the-broker",
        "verify_connection": False,
    }
    bao.call("POST", f"{path}/config/connection", account)
    bao.call("POST", f"{path}/config/lease", {"ttl": ttl, "max_ttl": max_ttl})
    bao.call("POST", f"{path}/roles/app", {"vhosts": json.dumps({"/": {"read": ".*"}})})


async def counted(bao: Bao) -> None:
    """Until the server counts its leases, a second after it was unsealed, and says so."""
    for _ in range(100):
        with contextlib.suppress(BaoError):
            if b"expire_num_leases" in await asyncio.to_thread(bao.text, "sys/metrics?format=prometheus"):
                return
        await asyncio.sleep(0.05)
    raise AssertionError("the server does not count its leases")


def everything(collector: Collector) -> str:
    """All that could ever be written: the snapshot, with every control's remedy."""
    return to_json(taken(collector)).decode()
