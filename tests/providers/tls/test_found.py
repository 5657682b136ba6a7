"""Endpoints that nobody configured: who names them, when they are asked, and when never."""

import ssl
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from posture.clock import Seconds
from posture.door_index import FoundDoor
from posture.doors import Unasked
from posture.fault import ConfigError
from posture.reports import Batch, Complete
from posture.resource import Resource
from posture.verdict import Status
from providers.cadence import Cadence
from providers.collector.collector import Collector
from providers.collector.config import parse
from providers.demo.tls.pki import Authority
from providers.demo.tls.server import Doors, context_for
from providers.source import Source, Yield
from providers.system import Discover, Setup
from providers.tls.discovery import open_tls
from providers.tls.found import MOST, FoundEndpoints
from tests.posture.controls.aws import edge_world as edge
from tests.posture.controls.aws.edge_world import MODERN
from tests.providers.conftest import until
from tests.providers.tls.test_source import of
from tests.world import tlsservers as servers
from tests.world.packets import recorded

HOST = "shop.lab.example.com"
OTHER = "www.lab.example.com"


class Edges(Source):
    """What a cloud would tell; `resources` may change between its polls."""

    service = "edges"

    def __init__(self, *resources: Resource, tenant: str = "acme", cadence: Seconds = 3600.0) -> None:
        super().__init__(tenant, "aws", "111122223333", cadence)
        self.resources = list(resources)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """All there is."""
        yield Batch.of(msgspec.structs.replace(one, tenant=self.tenant, source=self.id) for one in self.resources)
        yield Complete(("aws.elb.listener", "aws.elb.load-balancer"))


def listener(port: int, *hosts: str, policy: str = MODERN) -> Resource:
    """An HTTPS listener whose rules tell these hosts apart."""
    rules = [{"Conditions": [{"Field": "host-header", "Values": list(hosts)}]}]
    return msgspec.structs.replace(edge.listener(port=port, Rules=rules, policy=policy), name=f"web:{port}")


class Street:
    """Doors of an authority that clients trust, and a collector for them."""

    def __init__(self, folder: Path) -> None:
        self.doors, self.authority = Doors(), Authority("Street")
        self.roots = servers.write(folder, "roots.pem", self.authority.root.pem)

    def open(self, *names: str, **how: Any) -> int:
        """A door with a certificate for these names; its port."""
        return self.doors.open(context_for(self.authority.issue(*names, crl=False), **how))

    def text(self, *tenants: str, on: bool = True, resolve: Mapping[str, str] | None = None, more: str = "") -> str:
        """Tenants that ask what is found, or do not."""
        found = {HOST: "127.0.0.1", OTHER: "127.0.0.1"} if resolve is None else resolve
        told = ", ".join(f'"{name}" = "{address}"' for name, address in found.items())
        discover = f"[tenant.discover]\ntls = {str(on).lower()}\nresolve = {{ {told} }}\nhttp_port = 0\n"
        return "".join(f'[[tenant]]\nname = "{tenant}"\n{discover}{more}' for tenant in tenants or ("acme",))

    async def look(self, text: str, *found: Source) -> Collector:
        """One look, as a snapshot takes it."""
        collector = Collector(parse(text, "test"))
        collector.simulated = True
        await collector.poller.once([*collector.sources(), *found], 30)
        collector.model.tick(time.time())
        return collector


@pytest.fixture
def street(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Street]:
    """Doors for one test."""
    made = Street(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.roots))
    yield made
    made.doors.close()


def endpoints(collector: Collector) -> dict[str, Resource]:
    """Id -> endpoint."""
    return {
        entry.resource.id: entry.resource for entry in collector.model.all() if entry.resource.type == "tls.endpoint"
    }


async def test_what_a_listener_names_is_asked_like_a_configured_endpoint_and_says_where_it_was_found(
    street: Street,
) -> None:
    port = street.open(HOST)
    door, id = listener(port, HOST), f"tls://{HOST}:{port}"
    collector = await street.look(street.text(), Edges(door))
    (found,) = endpoints(collector).values()
    assert (found.id, found.tenant, found.fields["NamedBy"]) == (id, "acme", "discovery")
    assert found.link("found-in") == door.id
    assert found.fields["FoundIn"] == [door.id]
    assert found.cells[-1] == f"elb {door.name}"
    assert of(collector, id, "tls.chain-trust").status is Status.PASS
    assert of(collector, id, "tls.edge-agrees").status is Status.PASS
    coverage = of(collector, "enctop://acme", "meta.inventory.coverage")
    assert coverage.evidence["endpoints found and not probed"] == 0


async def test_an_edge_that_is_called_modern_and_speaks_old_tls_is_a_finding_of_its_own_and_so_is_the_reverse(
    street: Street,
) -> None:
    old = street.open(HOST, lowest=ssl.TLSVersion.TLSv1, ciphers="ECDHE+AESGCM:ECDHE+AES:RSA+AES:@SECLEVEL=0")
    new = street.open(OTHER)
    edges = [listener(old, HOST), listener(new, OTHER, policy="ELBSecurityPolicy-2016-08")]
    collector = await street.look(street.text(), Edges(*edges))
    lie = of(collector, f"tls://{HOST}:{old}", "tls.edge-agrees")
    assert (lie.status, lie.reason.startswith("accepts TLSv1")) == (Status.FAIL, True)
    assert of(collector, f"tls://{OTHER}:{new}", "tls.edge-agrees").status is Status.WARN


async def test_without_discover_no_packet_is_sent_and_no_name_looked_up(street: Street) -> None:
    port = street.open(HOST)
    with recorded() as sent:
        collector = await street.look(street.text(on=False), Edges(listener(port, HOST, OTHER)))
    assert sent.connections == set()
    assert sent.lookups == set()
    assert endpoints(collector) == {}
    coverage = of(collector, "enctop://acme", "meta.inventory.coverage")
    assert coverage.evidence["endpoints found and not probed"] == 2
    with recorded() as sent:  # the recorder sees what is sent
        await street.look(street.text(), Edges(listener(port, HOST)))
    assert sent.connections == {("127.0.0.1", port)}


async def test_an_endpoint_that_is_configured_stays_as_it_is_and_gains_where_it_was_found(street: Street) -> None:
    port, id = street.open(HOST), ""
    id = f"tls://{HOST}:{port}"
    block = f'[[tenant.tls]]\nendpoints = ["{HOST}:{port}"]\nresolve = {{ "{HOST}" = "127.0.0.1" }}\nhttp_port = 0\n'
    door = listener(port, HOST)
    for on in (False, True):
        collector = await street.look(street.text(on=on, more=block), Edges(door))
        assert endpoints(collector).keys() == {id}
        found = endpoints(collector)[id]
        assert found.fields["NamedBy"] == "configuration"
        assert found.source.startswith(f"acme/tls/{HOST}:{port}/")
        assert found.link("found-in") == door.id
        assert of(collector, id, "tls.edge-agrees").status is Status.PASS


async def test_a_name_that_leads_inside_is_not_asked_whatever_the_cloud_says(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS may answer what it likes, and otherwise tomorrow: what counts is the address that is connected to."""
    import socket

    port, real = street.open(HOST), socket.getaddrinfo
    inside = {
        HOST: ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::ffff:127.0.0.1", "64:ff9b::7f00:1"],
        OTHER: ["169.254.169.254"],
    }

    def answers(host: str, *more: Any, **named: Any) -> Any:
        if host in inside:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in inside[host]]
        return real(host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", answers)
    configured = f'[[tenant.tls]]\nendpoints = ["{OTHER}:{port}"]\nhttp_port = 0\n'
    with recorded() as sent:
        collector = await street.look(street.text(resolve={}, more=configured), Edges(listener(port, HOST)))
    assert sent.connections == set()
    assert endpoints(collector).keys() == {f"tls://{OTHER}:{port}"}  # what is configured says why it has no answer
    assert "may be asked" in of(collector, f"tls://{OTHER}:{port}", "tls.reachable").fault.message
    source = collector.model.sources["acme/tls/discovered/endpoints"]
    assert source.fault is None
    coverage = of(collector, "enctop://acme", "meta.inventory.coverage")
    assert coverage.evidence["endpoints found and not probed"] == 1


async def test_a_door_of_two_tenants_is_asked_once_for_both(street: Street) -> None:
    port = street.open(HOST)
    first, second = Edges(listener(port, HOST)), Edges(listener(port, HOST), tenant="beta")
    second.resources = [msgspec.structs.replace(one, id=f"{one.id}/b") for one in second.resources]
    collector = await street.look(street.text("acme", "beta"), first, second)
    (found,) = endpoints(collector).values()
    assert found.tenant == "acme+beta"
    sources = [source for source in collector.model.sources.values() if source.scope == "discovered"]
    assert [(source.tenant, source.state.value) for source in sources] == [("acme", "ok"), ("beta", "ok")]
    assert sorted(source.resources for source in sources)[0] == 0
    assert found.fields["FoundIn"] == sorted(source.resources[0].id for source in (first, second))


async def test_a_door_that_is_named_no_more_goes_and_one_that_comes_is_asked(street: Street) -> None:
    ports = street.open(HOST), street.open(OTHER)
    edges = Edges(listener(ports[0], HOST))
    setup_text = street.text().replace("[[tenant]]", '[poll]\nlive = "1s"\n[[tenant]]', 1)
    collector = Collector(parse(setup_text, "test"))
    collector.poller.add([*collector.sources(), edges])
    await collector.poller.settled()
    assert endpoints(collector).keys() == {f"tls://{HOST}:{ports[0]}"}
    edges.resources = [listener(ports[1], OTHER)]
    collector.poller.refresh(edges.id)
    await until(lambda: endpoints(collector).keys() == {f"tls://{OTHER}:{ports[1]}"})
    edges.resources = []
    collector.poller.refresh(edges.id)
    await until(lambda: endpoints(collector) == {})
    assert collector.model.sources["acme/tls/discovered/endpoints"].state.value == "ok"
    await collector.poller.stop()


# ---------------------------------------------------------------- how much, and how it is set


def found_source(*named: str) -> FoundEndpoints:
    setup = Setup(version="0", cadence=Cadence(), now=time.time, discover={"acme": Discover(tls=True)})
    (source,) = open_tls(setup, [])
    assert isinstance(source, FoundEndpoints)
    return source


def door(number: int, unasked: Unasked | None = None) -> FoundDoor:
    return FoundDoor(f"h{number:04}.example.com", 443, (("x", "x"),), unasked)


def test_no_more_than_a_thousand_are_asked_and_that_is_told(caplog: pytest.LogCaptureFixture) -> None:
    doors = {f"tls://h{number:04}.example.com:443": door(number) for number in range(MOST + 3)}
    source = found_source()
    for _ in range(2):
        assert list(source.wanted(doors)) == list(doors)[:MOST]
    assert [record.message for record in caplog.records] == [
        f"acme/tls/discovered/endpoints: {MOST + 3} endpoints were found, the first {MOST} by name are asked"
    ]


@pytest.mark.parametrize("why", Unasked)
def test_what_is_never_asked_by_itself_is_not(why: Unasked) -> None:
    doors = {"tls://h0001.example.com:443": door(1, why), "tls://h0002.example.com:443": door(2)}
    assert list(found_source().wanted(doors)) == ["tls://h0002.example.com:443"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("tsl = true", "unknown key, did you mean tls?"),
        ('resolve = { "a.example" = "localhost" }', "'localhost' is not an IP address"),
        ('resolve = { "a.example" = "169.254.169.254" }', "'169.254.169.254' is not an IP address that may be asked"),
        ('resolve = { "https://a" = "127.0.0.1" }', "'https://a' is not the name of a host"),
        ('resolve = { "a.example" = [] }', "'a.example' has no address"),
        ("http_port = 70000", "http_port: 70000 is not a port"),
        ('ca_file = "/nowhere.pem"', "no such file"),
        ('tls = "yes"', "tls"),
    ],
)
def test_a_wrong_setting_says_what_is_wrong(line: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f'[[tenant]]\nname = "t"\n[tenant.discover]\n{line}\n', "file")
    assert says in str(caught.value)
    assert "tenant[0].discover" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ['endpoints = ["169.254.169.254"]', 'endpoints = ["[fe80::1]:443"]'])
def test_what_is_of_this_link_alone_is_never_asked_not_even_by_hand(text: str) -> None:
    with pytest.raises(ConfigError, match="of the link alone"):
        parse(f'[[tenant]]\nname = "t"\n[[tenant.tls]]\n{text}\n', "file")
