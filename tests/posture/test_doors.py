"""Which TLS endpoints a resource names, and what of them is never asked by itself."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posture.doors import FINDERS, Door, Unasked, doors_of
from posture.hosts import host_name, is_inside, is_link_local, is_public
from posture.resource import Resource
from tests.posture.controls.aws import edge_world as edge
from tests.posture.controls.kubernetes import world as k8s
from tests.posture.controls.world import made

ELB_NAME = "web-1.us-east-1.elb.amazonaws.com"
PRIVATE, PENDING, WILDCARD = Unasked.PRIVATE, Unasked.PENDING, Unasked.WILDCARD


def named(resource: Resource) -> dict[str, Unasked | None]:
    """Endpoint -> why it is not asked."""
    return {door.id: door.unasked for door in doors_of(resource)}


def hosts(*names: Any, field: str = "host-header") -> list[dict[str, Any]]:
    """Rules for these hosts."""
    return [{"Conditions": [{"Field": field, "HostHeaderConfig": {"Values": list(names)}}]}]


def of_azure(type_: str, **properties: Any) -> Resource:
    return made("/a", "endpoint", f"azure.{type_}", fields={"properties": properties})


def front(*, inside: bool = False, port: int = 8443, **listener: Any) -> Resource:
    """An application gateway with one listener."""
    side = {"privateIPAddress": "10.0.0.4"} if inside else {"publicIPAddress": {"id": "/ip"}}
    settings = {"protocol": "Https", "frontendPort": {"id": "/P/1"}, "frontendIPConfiguration": {"id": "/f/1"}}
    return of_azure(
        "network.application-gateway",
        frontendPorts=[{"id": "/p/1", "properties": {"port": port}}],
        frontendIPConfigurations=[{"id": "/F/1", "properties": side}],
        httpListeners=[{"name": "l", "properties": settings | listener}],
    )


def balanced(*ports: dict[str, Any]) -> Resource:
    """A Service whose balancer has a name and an address."""
    named = {"hostname": "lb.example.com"}, {"ip": "8.8.8.8"}
    service = k8s.service(*ports)
    return msgspec.structs.replace(
        service, fields={**service.fields, "status": {"loadBalancer": {"ingress": list(named)}}}
    )


def linked(type_: str, to: str) -> Resource:
    return made("x", "vault", type_, links={"endpoint": to})


BALANCER = edge.balancer(DNSName=ELB_NAME)
CLASSIC = {"Listener": {"Protocol": "SSL", "LoadBalancerPort": 993}}
TABLE: list[tuple[Resource, dict[str, Unasked | None]]] = [
    (BALANCER, {f"tls://{ELB_NAME}:443": None}),
    (edge.balancer("internal", DNSName=ELB_NAME), {f"tls://{ELB_NAME}:443": PRIVATE}),
    (edge.balancer(DNSName=ELB_NAME, Listeners=[{"Protocol": "HTTP", "Port": 80}]), {}),
    (edge.balancer(DNSName=ELB_NAME, Listeners=[{"Protocol": "TCP", "Port": 443}]), {f"tls://{ELB_NAME}:443": None}),
    (edge.balancer(DNSName=ELB_NAME, Listeners=[{"Protocol": "TCP", "Port": 5432}]), {}),
    (
        edge.balancer(DNSName=ELB_NAME, Listeners=None, ListenerDescriptions=[CLASSIC]),
        {f"tls://{ELB_NAME}:993": None},
    ),
    (
        edge.listener(port=8443, Rules=hosts("Shop.Example.com.", "*.example.com", "api-?.example.com")),
        {
            "tls://shop.example.com:8443": None,
            "tls://*.example.com:8443": WILDCARD,
            "tls://api-?.example.com:8443": WILDCARD,
        },
    ),
    (edge.listener(Rules=hosts("/path", field="path-pattern")), {}),
    (edge.listener("HTTP", 80, Rules=hosts("shop.example.com")), {}),
    (edge.distribution(), {"tls://www.example.com:443": None, "tls://d1.cloudfront.net:443": None}),
    (edge.distribution(Enabled=False), {}),
    (edge.distribution(Staging=True), {}),
    (front(hostName="shop.example.com"), {"tls://shop.example.com:8443": None}),
    (
        front(hostNames=["a.example.com", "*.example.com"]),
        {"tls://a.example.com:8443": None, "tls://*.example.com:8443": WILDCARD},
    ),
    (front(hostName="shop.example.com", inside=True), {"tls://shop.example.com:8443": PRIVATE}),
    (front(hostName="shop.example.com", protocol="Http"), {}),
    (front(hostName="shop.example.com", frontendPort={"id": "/p/2"}), {}),
    (
        of_azure("network.front-door", frontendEndpoints=[{"properties": {"hostName": "fd.azurefd.net"}}]),
        {"tls://fd.azurefd.net:443": None},
    ),
    (
        of_azure(
            "network.front-door", enabledState="Disabled", frontendEndpoints=[{"properties": {"hostName": "f.net"}}]
        ),
        {},
    ),
    (
        made(
            "/a",
            "endpoint",
            "azure.cdn.front-door",
            fields={"hosts": {"a.example.com": "Approved", "b.example.com": "Pending", "c.example.com": "Disabled"}},
        ),
        {"tls://a.example.com:443": None, "tls://b.example.com:443": PENDING},
    ),
    (
        made(
            "//p",
            "endpoint",
            "gcp.compute.https-proxy",
            fields={"managedDomains": {"a.example.com": "ACTIVE", "b.example.com": "FAILED_NOT_VISIBLE"}},
        ),
        {"tls://a.example.com:443": None, "tls://b.example.com:443": PENDING},
    ),
    (
        k8s.ingress(("a.example.com", None), [{"hosts": ["b.example.com"]}]),
        {"tls://a.example.com:443": None, "tls://b.example.com:443": None},
    ),
    (
        k8s.ingress(("a.example.com",), annotations={"alb.ingress.kubernetes.io/scheme": "internal"}),
        {"tls://a.example.com:443": PRIVATE},
    ),
    (k8s.ingress(("a.example.com",), address={"ip": "10.0.0.7"}), {"tls://a.example.com:443": PRIVATE}),
    (
        k8s.gateway(
            {"name": "web", "protocol": "HTTPS", "port": 443, "hostname": "a.example.com"},
            {"name": "all", "protocol": "TLS", "port": 8443, "hostname": "*.example.com"},
            {"name": "any", "protocol": "HTTPS", "port": 9443},
            {"name": "plain", "protocol": "HTTP", "port": 80, "hostname": "plain.example.com"},
            routes=[
                {"name": "ns/r", "redirects": False, "hostnames": ["b.example.com", "c.other.com"]},
                {"name": "ns/s", "redirects": False, "sectionName": "any", "hostnames": ["s.example.com"]},
            ],
        ),
        {
            "tls://a.example.com:443": None,
            "tls://b.example.com:8443": None,
            "tls://b.example.com:9443": None,
            "tls://c.other.com:9443": None,
            "tls://s.example.com:9443": None,
        },
    ),
    (
        made("k8s://x", "cluster", "k8s.cluster", fields={"server": "https://api.example.com:6443/x"}),
        {"tls://api.example.com:6443": Unasked.OWN_ROOT},
    ),
    (made("k8s://x", "cluster", "k8s.cluster", fields={"server": "http://127.0.0.1:8001"}), {}),
    (
        balanced({"port": 443}, {"port": 80}, {"port": 6443, "appProtocol": "HTTPS"}),
        {"tls://lb.example.com:443": None, "tls://lb.example.com:6443": None},
    ),
    (linked("vault.listener", "tls://vault.example.com:8200"), {"tls://vault.example.com:8200": None}),
    (linked("vault.listener", "tls://[2001:db8::1]:8200"), {"tls://[2001:db8::1]:8200": Unasked.ADDRESS}),
    (linked("keycloak.realm", "tls://sso.example.com:443"), {"tls://sso.example.com:443": None}),
]


@pytest.mark.parametrize(("resource", "doors"), TABLE, ids=lambda value: getattr(value, "type", ""))
def test_a_resource_names_these_doors(resource: Resource, doors: dict[str, Unasked | None]) -> None:
    assert named(resource) == doors


def test_every_type_that_names_doors_stands_in_the_table_but_what_is_read_as_another_is() -> None:
    tried = {resource.type for resource, _ in TABLE}
    assert {*FINDERS} - tried == {"gcp.compute.ssl-proxy"}


def test_a_balancer_is_spoken_for_by_its_listener() -> None:
    (door,) = doors_of(BALANCER)
    assert door.finder == f"{edge.ELB}:listener/app/web/1/2"
    (door,) = doors_of(edge.balancer(DNSName=ELB_NAME, Listeners=None, ListenerDescriptions=[CLASSIC]))
    assert door.finder == f"{edge.BALANCER}:993"


# ---------------------------------------------------------------- what is no public name

HOSTILE: list[tuple[str, Unasked]] = [
    ("a\nb.example.com", Unasked.NOT_A_NAME),
    ("a\x00.example.com", Unasked.NOT_A_NAME),
    ("\x1b[2J.example.com", Unasked.NOT_A_NAME),
    ("\u202emoc.elpmaxe", Unasked.NOT_A_NAME),
    (" www.example.com", Unasked.NOT_A_NAME),
    ("www.example.com:8443", Unasked.NOT_A_NAME),
    ("https://www.example.com", Unasked.NOT_A_NAME),
    ("user@www.example.com", Unasked.NOT_A_NAME),
    ("www.example.com/path", Unasked.NOT_A_NAME),
    ("bücher.example.com", Unasked.NOT_A_NAME),
    ("www..example.com", Unasked.NOT_A_NAME),
    ("-a.example.com", Unasked.NOT_A_NAME),
    ("a" * 300 + ".com", Unasked.NOT_A_NAME),
    (".".join(["a" * 60] * 5), Unasked.NOT_A_NAME),
    ("0x7f.1", Unasked.NOT_A_NAME),
    ("127.1", Unasked.NOT_A_NAME),
    ("1.0x7f", Unasked.NOT_A_NAME),
    ("8.8.8.8", Unasked.ADDRESS),
    ("169.254.169.254", Unasked.ADDRESS),
    ("2001:4860:4860::8888", Unasked.ADDRESS),
    ("*", Unasked.WILDCARD),
    ("*.example.com", Unasked.WILDCARD),
    ("localhost", Unasked.PRIVATE),
    ("metadata.google.internal", Unasked.PRIVATE),
    ("shop.cluster.local", Unasked.PRIVATE),
    ("a.privatelink.blob.core.windows.net", Unasked.PRIVATE),
    ("router.home.arpa", Unasked.PRIVATE),
]


@pytest.mark.parametrize(("host", "why"), HOSTILE, ids=lambda value: ascii(value)[:30])
def test_what_is_no_public_name_is_counted_and_never_asked(host: str, why: Unasked) -> None:
    (door,) = doors_of(edge.listener(Rules=hosts(host)))
    assert door.unasked is why
    assert door.host.isprintable()
    assert len(door.host) <= 80
    assert door.where.isprintable()


def test_a_punycode_name_is_asked_as_it_stands() -> None:
    assert host_name("XN--Bcher-KVA.example.com") == "xn--bcher-kva.example.com"


@given(st.text(max_size=300))
def test_whatever_is_a_name_is_one_for_good_and_never_an_address(text: str) -> None:
    name = host_name(text)
    if name is not None:
        assert host_name(name) == name
        assert name == text.lower().removesuffix(".")
        assert not is_public(name)
        assert is_inside(name) == is_inside(name.upper().lower())


@pytest.mark.parametrize(
    ("address", "public", "link"),
    [
        ("8.8.8.8", True, False),
        ("2001:4860:4860::8888", True, False),
        ("10.0.0.1", False, False),
        ("172.16.0.1", False, False),
        ("192.168.1.1", False, False),
        ("100.64.0.1", False, False),
        ("127.0.0.1", False, False),
        ("0.0.0.0", False, False),
        ("224.0.0.1", False, False),
        ("169.254.169.254", False, True),
        ("100.100.100.200", False, True),
        ("::1", False, False),
        ("fe80::1", False, True),
        ("fd00:ec2::254", False, True),
        ("::ffff:10.0.0.1", False, False),
        ("::ffff:169.254.169.254", False, True),
        ("64:ff9b::a9fe:a9fe", False, True),
        ("64:ff9b::808:808", True, False),
        ("2002:0a00:0001::1", False, False),
        ("www.example.com", False, False),
    ],
)
def test_an_address_is_public_only_if_the_internet_routes_it(address: str, public: bool, link: bool) -> None:
    assert (is_public(address), is_link_local(address)) == (public, link)


# ---------------------------------------------------------------- whatever stands in the fields

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-1, 70000)
    | st.sampled_from(["HTTPS", "", "a.example.com", "x", "Https", "internet-facing"])
)
KEYS = st.sampled_from(
    [
        *("Scheme", "DNSName", "Listeners", "ListenerDescriptions", "Listener", "Protocol", "Port", "LoadBalancerPort"),
        *("Rules", "Conditions", "Field", "HostHeaderConfig", "Values", "Enabled", "Aliases", "Items", "DomainName"),
        *("properties", "frontendPorts", "frontendIPConfigurations", "httpListeners", "listeners", "hostName", "id"),
        *("hostNames", "protocol", "frontendPort", "frontendEndpoints", "hosts", "managedDomains", "server", "spec"),
        *("rules", "tls", "host", "hostname", "port", "ports", "status", "loadBalancer", "ingress", "httpRoutes"),
        *("sectionName", "hostnames", "metadata", "annotations", "name", "appProtocol", "publicIPAddress"),
    ]
)
FIELDS = st.dictionaries(
    KEYS,
    st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
    ),
    max_size=5,
)


@given(st.sampled_from(sorted(FINDERS)), FIELDS)
def test_whatever_the_fields_are_nothing_is_raised(type_: str, fields: dict[str, Any]) -> None:
    for door in doors_of(made("x", "endpoint", type_, fields=fields, links={"endpoint": str(fields.get("server"))})):
        assert isinstance(door, Door)
        assert 0 < door.port < 65536
