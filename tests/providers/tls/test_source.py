"""The TLS room as the house uses it: renewals, replicas, tenants that share a certificate, refusals, our own load,
and the configuration.
"""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from posture.fault import ConfigError
from posture.resource import Resource
from posture.source import State
from posture.verdict import Status
from providers.cadence import Cadence
from providers.collector.collector import Collector
from providers.collector.config import parse
from providers.collector.systems import open_systems
from providers.demo.tls.pki import Authority
from providers.demo.tls.server import Doors, context_for, load
from providers.system import Block, Setup
from providers.tls.probe import Slots
from providers.tls.settings import TlsSettings, parse_target
from providers.tls.source import Endpoints
from tests.world import tlsservers as servers
from tests.world.aws import Aws


class Place:
    """Some doors, an authority that clients trust, and how far ahead the collector's clock is (seconds)."""

    def __init__(self, folder: Path) -> None:
        self.doors = Doors()
        self.authority = Authority("Place")
        self.ahead = 0.0
        self.roots = servers.write(folder, "roots.pem", self.authority.root.pem)

    def collector(self, text: str) -> Collector:
        """Of this configuration."""
        return Collector(parse(text, "test"), now=lambda: time.time() + self.ahead)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Doors for one test."""
    made = Place(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.roots))
    yield made
    made.doors.close()


def block(*targets: str, addresses: Any = "127.0.0.1", http_port: int = 0, more: str = "") -> str:
    names = ", ".join(f'"{target}"' for target in targets)
    resolve = ", ".join(f'"{target.rpartition(":")[0]}" = {addresses!r}'.replace("'", '"') for target in targets)
    return f"[[tenant.tls]]\nendpoints = [{names}]\nresolve = {{ {resolve} }}\nhttp_port = {http_port}\n{more}"


async def rounds(collector: Collector, *between: Any) -> None:
    """Poll, and again after each of `between` was called."""
    model, sources = collector.model, collector.sources()
    collector.poller.add(sources)
    await collector.poller.settled()
    for act in between:
        act()
        before = {source.id: model.sources[source.id].last_attempt for source in sources}
        collector.poller.refresh()
        async with asyncio.timeout(20):
            while any(  # noqa: ASYNC110 - no event tells it
                model.sources[name].last_attempt == at or model.sources[name].polling for name, at in before.items()
            ):
                await asyncio.sleep(0.01)
    model.settle()
    await collector.poller.stop()


def of(collector: Collector, resource: str, control: str) -> Any:
    entry = collector.model.entry(resource)
    assert entry is not None, resource
    return entry.findings[control]


def resources(collector: Collector, kind: str) -> list[Resource]:
    return sorted(
        (entry.resource for entry in collector.model.all() if entry.resource.kind == kind), key=lambda one: one.id
    )


# ---------------------------------------------------------------- certificates come and go


async def test_a_certificate_renewed_under_way_shows_as_a_renewal_by_the_same_issuer(place: Place) -> None:
    first, second = (place.authority.issue("pay.example", crl=False) for _ in range(2))
    context = context_for(first)
    port = place.doors.open(context)
    collector = place.collector(f'[[tenant]]\nname = "a"\n{block(f"pay.example:{port}")}')

    def renew() -> None:
        place.ahead += 60
        load(context, second)

    await rounds(collector, renew)
    found = of(collector, f"tls://pay.example:{port}", "tls.cert-change")
    old, new = (pair.certificate.fingerprint(servers.sha256()).hex() for pair in (first, second))
    assert found.status is Status.PASS
    assert found.reason.startswith(f"renewed by Place Issuing CA 1: {old[:12]}… became {new[:12]}… at 20")
    assert (found.evidence["Change"]["From"], found.evidence["Change"]["To"]) == (old, new)
    entry = {one.id for one in resources(collector, "certificate")}
    assert f"cert://{new}" in entry
    assert f"cert://{old}" not in entry


async def test_another_issuer_is_told(place: Place) -> None:
    context = context_for(place.authority.issue("pay.example", crl=False))
    port = place.doors.open(context)
    collector = place.collector(f'[[tenant]]\nname = "a"\n{block(f"pay.example:{port}")}')
    await rounds(collector, lambda: load(context, Authority("Stranger").issue("pay.example")))
    found = of(collector, f"tls://pay.example:{port}", "tls.cert-change")
    assert found.status is Status.WARN
    assert "another issuer: Place Issuing CA 1 became Stranger Issuing CA 1" in found.reason


async def test_an_endpoint_that_goes_down_is_unknown_and_so_is_its_certificate(place: Place) -> None:
    context = context_for(place.authority.issue("up.example", crl=False))
    port = place.doors.open(context)
    collector = place.collector(f'[[tenant]]\nname = "a"\n{block(f"up.example:{port}")}')
    await rounds(collector, place.doors.close)
    endpoint = collector.model.entry(f"tls://up.example:{port}")
    assert endpoint is not None
    assert {finding.status for finding in endpoint.findings.values()} <= {Status.UNKNOWN, Status.NOT_APPLICABLE}
    assert "last answer" in endpoint.findings["tls.cert-expiry"].reason
    leaf = next(one for one in resources(collector, "certificate") if not one.fields["IsCa"])
    assert of(collector, leaf.id, "tls.cert-expiry").status is Status.UNKNOWN
    source = next(source for source in collector.model.sources.values() if source.provider == "tls")
    assert source.state is State.PARTIAL
    assert source.fault is not None
    assert source.fault.operation == "tls:Connect"


async def test_a_certificate_of_two_tenants_is_one_resource_of_both(place: Place) -> None:
    shared = context_for(place.authority.issue("*.shared.example", crl=False))
    ports = [place.doors.open(shared) for _ in range(2)]
    text = "".join(
        f'[[tenant]]\nname = "{name}"\n{block(f"{name}.shared.example:{port}")}'
        for name, port in zip("ab", ports, strict=True)
    )
    collector = place.collector(text)
    await rounds(collector, lambda: None)
    leaf = next(one for one in resources(collector, "certificate") if not one.fields["IsCa"])
    assert leaf.tenant == "a+b"
    entry = collector.model.entry(leaf.id)
    assert entry is not None
    assert entry.users == 2


async def test_an_unchanged_round_moves_nothing(place: Place) -> None:
    port = place.doors.open(context_for(place.authority.issue("calm.example", crl=False)))
    collector = place.collector(f'[[tenant]]\nname = "a"\n{block(f"calm.example:{port}")}')
    await rounds(collector, lambda: collector.model.drain())
    change = collector.model.drain()
    assert not {name for name in change.resources if name.startswith(("tls://", "cert://"))}


async def test_every_address_is_asked_ipv6_included(place: Place) -> None:
    context = context_for(place.authority.issue("both.example", crl=False))
    port = place.doors.open(context)
    try:
        place.doors.open(context, addresses=("::1",), port=port)
    except OSError:
        pytest.skip("no IPv6 on loopback")
    collector = place.collector(
        f'[[tenant]]\nname = "a"\n{block(f"both.example:{port}", addresses=["127.0.0.1", "::1"])}'
    )
    await rounds(collector)
    (endpoint,) = resources(collector, "endpoint")
    assert {address: told["Outcome"] for address, told in endpoint.fields["Addresses"].items()} == {
        "127.0.0.1": "ok",
        "::1": "ok",
    }


def naming(place: Place, asked: list[str | None], *names: str) -> Any:
    """A server's context that notes the SNI of each handshake; None where there was none."""
    context = context_for(place.authority.issue(*names, crl=False))
    context.sni_callback = lambda connection, name, context: asked.append(name)
    return context


async def test_a_name_is_sent_as_sni_and_an_address_never_is(place: Place) -> None:
    """In every hello of both passes, IPv4 and IPv6 (RFC 6066 3 forbids literal addresses)."""
    by_name: list[str | None] = []
    by_address: list[str | None] = []
    ports = [
        place.doors.open(naming(place, by_name, "sni.example")),
        place.doors.open(naming(place, by_address, "127.0.0.1", "::1")),
    ]
    targets = [f'"127.0.0.1:{ports[1]}"']
    try:
        place.doors.open(naming(place, by_address, "127.0.0.1", "::1"), addresses=("::1",), port=ports[1])
        targets.append(f'"[::1]:{ports[1]}"')
    except OSError:
        pass  # no IPv6 on loopback
    text = (
        f'[[tenant]]\nname = "a"\n{block(f"sni.example:{ports[0]}")}[[tenant.tls]]\nendpoints ='
        f" [{', '.join(targets)}]\nhttp_port = 0\n"
    )
    collector = place.collector(text)
    await rounds(collector)
    assert set(by_name) == {"sni.example"}
    assert set(by_address) == {None}
    assert min(len(by_name), len(by_address)) >= 3
    for target in targets:
        assert of(collector, f"tls://{target.strip(chr(34))}", "tls.hostname").status is Status.PASS


async def test_every_address_that_dns_has_for_a_name_is_asked(place: Place) -> None:
    """By the system's own resolver; `localhost` has the addresses that this machine gives it."""
    expected = {str(one[4][0]) for one in socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)}
    context = context_for(place.authority.issue("localhost", crl=False))
    port = place.doors.open(context)
    for address in expected - {"127.0.0.1"}:
        place.doors.open(context, addresses=(address,), port=port)
    collector = place.collector(
        f'[[tenant]]\nname = "a"\n[[tenant.tls]]\nendpoints = ["localhost:{port}"]\nhttp_port = 0\n'
    )
    await rounds(collector)
    (endpoint,) = resources(collector, "endpoint")
    assert {address: told["Outcome"] for address, told in endpoint.fields["Addresses"].items()} == dict.fromkeys(
        expected, "ok"
    )


async def test_roots_of_a_file_are_trusted_by_their_own_block_only(place: Place, tmp_path: Path) -> None:
    private = Authority("Inner")
    ports = [place.doors.open(context_for(private.issue(f"{name}.inner.example"))) for name in "ab"]
    file = servers.write(tmp_path, "inner.pem", private.root.pem)
    text = (
        '[[tenant]]\nname = "t"\n'
        + block(f"a.inner.example:{ports[0]}", more=f'ca_file = "{file}"\n')
        + block(f"b.inner.example:{ports[1]}")
    )
    collector = place.collector(text)
    await rounds(collector)
    assert of(collector, f"tls://a.inner.example:{ports[0]}", "tls.chain-trust").status is Status.PASS
    assert of(collector, f"tls://a.inner.example:{ports[0]}", "tls.cert-lifetime").status is Status.NOT_APPLICABLE
    assert of(collector, f"tls://b.inner.example:{ports[1]}", "tls.chain-trust").status is Status.FAIL


# ---------------------------------------------------------------- load


async def test_no_probe_times_out_because_of_our_own_load(
    place: Place, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand endpoints while AWS is polled in the same loop: every one answers, and handshakes as measured here
    stay far below the limit.
    """
    aws.big(volumes=2000, snapshots=200, buckets=200)
    made: list[Slots] = []

    def slots() -> Slots:
        made.append(Slots())
        return made[0]

    monkeypatch.setattr("providers.tls.discovery.Slots", slots)
    port = place.doors.open(context_for(place.authority.issue("*.many.example", crl=False, days=6)))
    names = [f"e{number}.many.example:{port}" for number in range(1000)]
    way = f'[[tenant.aws]]\nregions = ["us-east-1"]\nendpoint_url = "{aws.url}"\n'
    collector = place.collector(f'[[tenant]]\nname = "a"\n{way}{block(*names)}')
    await collector.once(240)
    endpoints = resources(collector, "endpoint")
    silent = [one.id for one in endpoints if one.fields["Addresses"]["127.0.0.1"]["Outcome"] != "ok"]
    assert len(endpoints) == 1000
    assert not silent
    assert made[0].handshakes >= 1000
    assert made[0].longest < 8000 / 2
    assert len(resources(collector, "volume")) >= 500


# ---------------------------------------------------------------- configuration


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("acme.example", "acme.example", 443),
        ("ACME.example.:8443", "acme.example", 8443),
        ("192.0.2.7:25", "192.0.2.7", 25),
        ("[2001:db8::7]:8443", "2001:db8::7", 8443),
        ("2001:db8:0::7", "2001:db8::7", 443),
        ("bücher.example", "xn--bcher-kva.example", 443),
    ],
)
def test_targets_are_read(text: str, host: str, port: int) -> None:
    assert parse_target(text) == (host, port)


@pytest.mark.parametrize(
    "text",
    [
        "https://acme.example",
        "acme.example/x",
        "acme.example:",
        "acme.example:0",
        "acme.example:99999",
        "[::1",
        "",
        "a b",
        "1.2.3",
        "-a.example",
    ],
)
def test_what_is_no_target_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match="is not a host, host:port"):
        parse_target(text)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("endpoints = []", "endpoints: there is none"),
        ('endpoints = ["a.example", "a.example:443"]', "stands there twice"),
        ('endpoints = ["a.example"]\nresolve = { "b.example" = "127.0.0.1" }', "is none of the endpoints' names"),
        ('endpoints = ["a.example"]\nresolve = { "a.example" = "localhost" }', "'localhost' is not an IP address"),
        ('endpoints = ["a.example"]\nhttp_port = 70000', "http_port: 70000 is not a port"),
        ('endpoints = ["a.example"]\nca_file = "/nowhere.pem"', "no such file"),
        ('endpoints = ["a.example"]\nendpoint = "x"', "unknown key, did you mean endpoints?"),
        (
            'endpoints = ["a.example"]\n[[tenant.tls]]\nendpoints = ["a.example"]',
            "is named by t and by t; name it once",
        ),
    ],
)
def test_a_wrong_block_says_what_is_wrong(more: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f'[[tenant]]\nname = "t"\n[[tenant.tls]]\n{more}\n', "file")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_vaults_own_listener_is_an_endpoint_unless_it_is_named_already() -> None:
    vaults = (
        '[[tenant]]\nname = "acme"\n[[tenant.vault]]\naddress ='
        ' "https://vault.acme.example:8200"\n[[tenant.vault]]\naddress = "http://127.0.0.1:8200"\n'
    )
    named = f'{vaults}[[tenant.tls]]\nendpoints = ["vault.acme.example:8200"]\n'
    for text, by in ((vaults, "vault"), (named, "configuration")):
        sources = [source for source in open_systems(parse(text, "test"), "0") if isinstance(source, Endpoints)]
        wanted = [one for source in sources for one in source._wanted.values()]
        assert [(one.target.host, one.target.port, one.by) for one in wanted] == [("vault.acme.example", 8200, by)]
        assert [source.tenant for source in sources] == ["acme"]


def test_many_endpoints_are_asked_less_often_so_that_they_cost_no_core() -> None:
    from providers.tls.discovery import open_tls

    def cadence(many: int) -> float:
        settings = TlsSettings(tuple(f"e{number}.example" for number in range(many)))
        (source,) = open_tls(Setup(version="0", cadence=Cadence(), now=time.time), [Block("t", settings)])
        return source.cadence

    assert cadence(10) == 60.0
    assert cadence(10_000) == 100.0


def test_a_resolver_that_does_not_answer_does_not_keep_the_process() -> None:
    """`getaddrinfo` cannot be ended: a snapshot that has told its timeout must not wait for the threads that are in
    it.
    """
    program = (
        "import asyncio, socket, threading\n"
        "socket.getaddrinfo = lambda *a, **k: threading.Event().wait()\n"
        "from providers.collector.collector import Collector\n"
        "from providers.collector.config import parse\n"
        """text = '[[tenant]]\\nname = "acme"\\n[[tenant.tls]]\\nendpoints = ["shop.lab.invalid"]\\n'\n"""
        """text += 'http_port = 0\\n'\n"""
        "collector = Collector(parse(text, 't'))\n"
        "asyncio.run(collector.once(0.5))\n"
        "print([str(source.state) for source in collector.model.sources.values()])\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (0, "['unreachable']"), ran.stderr


def test_a_source_of_several_endpoints_is_not_named_as_if_it_were_one_of_them(place: Place) -> None:
    texts = (
        block("sso.acme.example:443"),
        block("sso.acme.example:443", "jobs.acme.example:8443", "wiki.acme.example:443"),
    )
    scopes = [
        [source.scope for source in place.collector(f'[[tenant]]\nname = "acme"\n{text}').sources()] for text in texts
    ]
    assert scopes == [["sso.acme.example:443"], ["sso.acme.example:443+2"]]
