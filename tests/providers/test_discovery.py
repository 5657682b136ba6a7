"""Hosts of a whole company, in the stand-ins of three clouds and a cluster: each found once, with its finder, and none
of them sent a packet where nobody asked for it.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from posture.doors import Unasked
from posture.resource import Resource
from providers.collector.collector import Collector
from providers.collector.config import parse
from providers.demo.aws.edge import FIXED, FORWARD, Distributions, Edge, for_host
from providers.demo.azure import more as azure_edge
from providers.demo.gcp import more as gcp_edge
from providers.demo.tls.pki import Authority
from providers.demo.tls.server import Doors, context_for
from providers.limits import Limits
from tests.world import tlsservers as servers
from tests.world.aws import Aws
from tests.world.azure import Azure
from tests.world.gcp import Google
from tests.world.kubernetes import CONTEXT, Kubernetes
from tests.world.packets import recorded

ZONE = "found.example.com"
BY_CLOUD = {"lb": 80, "cdn": 40, "gw": 50, "fd": 30, "gcp": 50, "ing": 40, "kgw": 10}
"""Of each kind of finder, how many hosts; 300 in all."""
TYPES = {
    "lb": "aws.elb.listener",
    "cdn": "aws.cloudfront.distribution",
    "gw": "azure.network.application-gateway",
    "fd": "azure.cdn.front-door",
    "gcp": "gcp.compute.https-proxy",
    "ing": "k8s.ingress",
    "kgw": "k8s.gateway",
}
SHARED = f"cdn-00.{ZONE}"
"""An alias of a distribution that an Ingress names too: it is behind it."""
WILD, INSIDE, WAITING = f"*.{ZONE}", f"inside.{ZONE}", f"waiting.{ZONE}"
AT = "127.93.0.9"
"""Where the names lead: an address of this machine at which nothing listens on port 443."""


def names(kind: str) -> list[str]:
    return [f"{kind}-{number:02}.{ZONE}" for number in range(BY_CLOUD[kind])]


class Company:
    """All of it; `port` is where the gateway of the cluster listens, with a certificate for its zone."""

    def __init__(self, aws: Aws, azure: Azure, google: Google, kubernetes: Kubernetes, folder: Path) -> None:
        self._aws, self._azure, self._google, self._kubernetes = aws, azure, google, kubernetes
        self._folder = folder
        self.doors, authority = Doors(), Authority("Company")
        self.roots = servers.write(folder, "roots.pem", authority.root.pem)
        self.port = self.doors.open(context_for(authority.issue(WILD, crl=False)), addresses=(AT,))

    def seed(self) -> None:
        """Give every kind of finder its hosts, and three that are not to be asked."""
        edge = Edge()
        for at in range(0, BY_CLOUD["lb"], 20):
            balancer = edge.balancer(f"web-{at}")
            hosts = [*names("lb")[at : at + 20], *([WILD] if not at else ())]
            edge.listener(balancer, "HTTPS", 443, FIXED, *(([for_host(host)], FORWARD) for host in hosts))
        edge.listener(edge.balancer("inside", internal=True), "HTTPS", 443)
        for at in range(0, BY_CLOUD["cdn"], 10):
            Distributions().make(*names("cdn")[at : at + 10])
        azure_edge.gateway(self._azure.estate, "gw", hosts=names("gw"))
        azure_edge.gateway(self._azure.estate, "private", hosts=[INSIDE], inside=True)
        azure_edge.front_door(self._azure.estate, "fd", hosts=names("fd"))
        project, told = self._google.project, names("gcp")
        active = gcp_edge.certificate(project, "one", domains=dict.fromkeys(told[:25], "ACTIVE"))
        other = gcp_edge.certificate(
            project, "two", domains={**dict.fromkeys(told[25:], "ACTIVE"), WAITING: "FAILED_NOT_VISIBLE"}
        )
        project.proxy("web", certificates=[active, other])
        cluster, told = self._kubernetes.cluster, names("ing")
        cluster.ingress("shop", "front", *told[:20], SHARED)
        cluster.ingress("shop", "back", *told[20:])
        listener = {"name": "all", "port": self.port, "protocol": "HTTPS", "hostname": WILD}
        cluster.gateway("shop", "edge", {**listener, "tls": {"certificateRefs": [{"name": "c"}]}})
        parents = [{"name": "edge"}]
        spec = {"parentRefs": parents, "hostnames": names("kgw"), "rules": []}
        cluster.put("gateway.networking.k8s.io/v1", "HTTPRoute", "all", "shop", spec=spec)

    def text(self, discover: str) -> str:
        """The configuration."""
        file = self._kubernetes.kubeconfig(self._folder)
        return (
            self._azure.text()
            + f'[[tenant.aws]]\nregions = ["us-east-1"]\nendpoint_url = "{self._aws.url}"\n'
            + self._google.configuration().partition('name = "acme"\n')[2].partition("[tenant.policy]")[0]
            + f'[[tenant.kubernetes]]\nkubeconfig = "{file}"\ncontext = "{CONTEXT}"\n'
            + f"[tenant.discover]\n{discover}\n"
        )

    @property
    def servers(self) -> set[int]:
        """The ports of the clouds and the cluster."""
        urls = (self._aws.url, self._azure.server.url, self._google.server.url, self._kubernetes.server.url)
        return {urlsplit(url).port or 0 for url in urls}

    async def look(self, discover: str) -> Collector:
        """Once."""
        collector = Collector(parse(self.text(discover), "test"), limits=Limits(pause=0.01))
        await collector.once(60)
        return collector


@pytest.fixture
def company(
    aws: Aws, azure: Azure, google: Google, kubernetes: Kubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Company]:
    """The company, seeded."""
    made = Company(aws, azure, google, kubernetes, tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.roots))
    made.seed()
    yield made
    made.doors.close()


def resource(collector: Collector, id: str) -> Resource:
    entry = collector.model.entry(id)
    assert entry is not None, id
    return entry.resource


async def test_three_hundred_hosts_are_found_each_once_with_its_finder_and_asked_only_where_that_is_wanted(
    company: Company,
) -> None:
    with recorded() as sent:
        off = await company.look("tls = false")
    assert {source.state.value for source in off.model.sources.values()} == {"ok"}
    doors = off.model.links.doors.of("acme")
    ours = {door.host: door for door in doors.values() if door.host.endswith(f".{ZONE}") and door.unasked is None}
    wanted = {host: kind for kind in BY_CLOUD for host in names(kind)}
    assert len(wanted) == 300
    assert set(ours) == set(wanted)
    for host, kind in wanted.items():
        types = [resource(off, finder).type for finder, _ in ours[host].finders]
        assert types == [TYPES[kind]] if host != SHARED else set(types) == {TYPES["cdn"], TYPES["ing"]}
    why = {door.host: door.unasked for door in doors.values() if door.unasked is not None}
    assert (why[WILD], why[INSIDE], why[WAITING]) == (Unasked.WILDCARD, Unasked.PRIVATE, Unasked.PENDING)
    # nothing was sent to any of them: no connection but to the clouds, no name looked up but theirs
    assert {port for _, port in sent.connections} == company.servers
    assert not [name for name in sent.lookups if ZONE in name or name in {door.host for door in doors.values()}]
    coverage = off.model.entry("enctop://acme")
    assert coverage is not None
    evidence = coverage.findings["meta.inventory.coverage"].evidence
    assert evidence["endpoints found"] == evidence["endpoints found and not probed"] == len(doors)

    resolve = json.dumps({door.host: AT for door in doors.values() if door.unasked is None}).replace('": "', '" = "')
    on = await company.look(f"tls = true\nresolve = {resolve}\nhttp_port = 0")
    endpoints = {entry.resource.id: entry for entry in on.model.all() if entry.resource.type == "tls.endpoint"}
    assert endpoints.keys() == {id for id, door in doors.items() if door.unasked is None}
    for id, entry in endpoints.items():
        assert entry.resource.fields["FoundIn"] == [finder for finder, _ in doors[id].finders]
        assert entry.source == "acme/tls/discovered/endpoints"
    for host in names("kgw"):
        assert endpoints[f"tls://{host}:{company.port}"].findings["tls.chain-trust"].status.word == "pass"
