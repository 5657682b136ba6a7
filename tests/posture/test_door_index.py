"""The doors of every tenant as resources come and go: always what a fresh look at all of them finds."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.door_index import DoorIndex, Found
from posture.entry import Entry, tenant_id
from posture.resource import Resource
from posture.rollup import OWN
from posture.verdict import Status
from tests.posture.controls.aws import edge_world as edge
from tests.posture.controls.tls.world import endpoint
from tests.posture.controls.world import made
from tests.posture.models import MORE, POLICIES, VOLUMES, Feed

TYPES = ("aws.elb.load-balancer", "aws.cloudfront.distribution", "azure.cdn.front-door", "tls.endpoint")
TENANTS = (*POLICIES, "acme+beta", "unassigned")
HOSTS = ("a.example.com", "b.example.com", "*.example.com", "inside.local")


def balancer(number: int, host: str, scheme: str = "internet-facing") -> Resource:
    listener = {"ListenerArn": f"{edge.ELB}:listener/app/web/1/{number}", "Protocol": "HTTPS", "Port": 443}
    found = edge.balancer(scheme, DNSName=host, Listeners=[listener])
    return msgspec.structs.replace(found, id=f"{found.id}{number}", name=f"web-{number}")


def door(host: str, tenant: str = "acme") -> Resource:
    """The endpoint, as the probe reports it."""
    return msgspec.structs.replace(endpoint(host=host), tenant=tenant)


@st.composite
def resources(draw: st.DrawFn) -> list[Resource]:
    """A few, each once."""
    number, host = st.integers(1, 2), st.sampled_from(HOSTS)
    state = st.sampled_from(["Approved", "Pending", None])
    one = st.one_of(
        st.builds(balancer, number, host, st.sampled_from(["internet-facing", "internal"])),
        st.builds(lambda host: edge.distribution(Aliases={"Items": [host]}), host),
        st.builds(
            lambda hosts: made("/fd", "endpoint", "azure.cdn.front-door", fields={"hosts": hosts}),
            st.dictionaries(host, state, max_size=3),
        ),
        st.builds(door, host),
    )
    found = [msgspec.structs.replace(each, tenant=draw(st.sampled_from(TENANTS))) for each in draw(st.lists(one))]
    return list({each.id: each for each in found}.values())


def agrees(feed: Feed) -> None:
    """The index is what a fresh one is, and the coverage of each tenant was judged by it."""
    fresh = DoorIndex()
    for entry in feed.model.all():
        if entry.resource.provider != OWN:
            fresh.replace(None, entry.resource)
    for tenant in (*TENANTS, *POLICIES):
        assert feed.model.links.doors.of(tenant) == fresh.of(tenant)
        assert feed.model.links.doors.found(tenant) == fresh.found(tenant)
    for tenant in POLICIES:
        found = fresh.found(tenant)
        evidence = feed.finding("meta.inventory.coverage", tenant_id(tenant)).evidence
        assert evidence.get("endpoints found", 0) == found.doors
        assert evidence.get("endpoints found and not probed", 0) == found.doors - found.probed


STEPS = st.lists(
    st.tuples(
        st.sampled_from([VOLUMES, MORE]),
        resources(),
        st.sampled_from(["all", "part", "drop", "again"]),
    ),
    max_size=6,
)


@settings(max_examples=30, deadline=None)
@given(STEPS)
def test_the_index_is_what_a_fresh_look_at_everything_finds(steps: list[tuple[str, list[Resource], str]]) -> None:
    feed = Feed(VOLUMES, MORE)
    for name, seen, how in steps:
        feed.poll(name, *seen, listed=TYPES if how == "all" else ())
        agrees(feed)
        if how == "drop":
            gone = feed.model.sources[name]
            feed.model.drop_source(name, feed.now)
            feed.model.settle()
            agrees(feed)
            feed.model.add_source(gone)
        if how == "again":
            rows = [entry for entry in feed.model.all() if entry.resource.provider != OWN]
            feed = Feed(VOLUMES, MORE, now=feed.now)
            feed.model.restore(
                (Entry.seen(entry.resource, entry.source, entry.observed_at, {}) for entry in rows), feed.now
            )
            feed.model.tick(feed.now)
            agrees(feed)


PROBED = "meta.endpoints.probed"


def test_a_host_that_many_name_is_one_door_with_all_of_them_and_asked_if_one_says_so() -> None:
    feed = Feed(VOLUMES)
    public, inside = balancer(1, "a.example.com"), balancer(2, "a.example.com", "internal")
    feed.poll(VOLUMES, inside)
    (only,) = feed.model.links.doors.of("acme").values()
    assert only.unasked == "private"
    feed.poll(VOLUMES, public, inside, edge.distribution(Aliases={"Items": ["a.example.com"]}, DomainName=""))
    (found,) = feed.model.links.doors.of("acme").values()
    assert (found.host, found.port, found.unasked) == ("a.example.com", 443, None)
    assert [where for _, where in found.finders] == [
        f"cloudfront {edge.distribution().name}",
        "elb web-1",
        "elb web-2",
    ]


def test_coverage_counts_what_was_found_and_not_probed_and_says_why_not() -> None:
    feed = Feed(VOLUMES, MORE)
    wild = balancer(1, "*.example.com")
    feed.poll(MORE).poll(VOLUMES, wild, balancer(2, "b.example.com"), listed=TYPES)
    finding = feed.finding("meta.inventory.coverage", "enctop://acme")
    assert finding.status is Status.PASS
    assert finding.reason.endswith("; 1 TLS endpoint was found and not probed")
    assert finding.evidence["endpoints found and not probed"] == 2
    assert finding.evidence["not probed: wildcard"] == 1
    feed.poll(MORE, door("b.example.com"))
    finding = feed.finding("meta.inventory.coverage", "enctop://acme")
    assert finding.reason == "every source answered, every resource has its tenant"
    assert finding.evidence["endpoints found and not probed"] == 1
    feed.poll(VOLUMES, listed=TYPES)
    assert "endpoints found" not in feed.finding("meta.inventory.coverage", "enctop://acme").evidence
    assert feed.model.links.doors.found("acme") == Found()


def test_a_tenant_is_not_as_promised_while_an_endpoint_that_could_be_asked_is_not() -> None:
    feed = Feed(VOLUMES, MORE)
    feed.poll(MORE).poll(VOLUMES, listed=TYPES)
    finding = feed.finding(PROBED, "enctop://acme")
    assert (finding.status, finding.reason) == (Status.NOT_APPLICABLE, "no resource names a TLS endpoint")
    feed.poll(VOLUMES, balancer(1, "*.example.com"), balancer(2, "b.example.com"), listed=TYPES)
    finding = feed.finding(PROBED, "enctop://acme")
    assert (finding.status, finding.reason) == (Status.WARN, "1 TLS endpoint was found and not probed")
    feed.poll(MORE, door("b.example.com"))
    finding = feed.finding(PROBED, "enctop://acme")
    assert finding.status is Status.PASS
    assert finding.evidence["not probed: wildcard"] == 1
    feed.poll(VOLUMES, balancer(1, "*.example.com"), listed=TYPES)
    assert feed.finding(PROBED, "enctop://acme").status is Status.PASS, "a wildcard is not asked"
