"""A door by two witnesses: what its edge is configured for, and what the probe hears."""

from typing import Any

import msgspec
import pytest

from posture.controls.registry import registry
from posture.resource import Resource
from posture.text import one_line
from posture.verdict import Status, Verdict
from tests.posture.controls.aws import edge_world as edge
from tests.posture.controls.azure import world as azure
from tests.posture.controls.gcp import world as gcp
from tests.posture.controls.kubernetes import world as k8s
from tests.posture.controls.tls.world import FAIL, NA, PASS, UNKNOWN, WARN, address, endpoint, found, full, silent
from tests.posture.controls.world import World, refused

OLD_TLS = endpoint(
    address(Full=full(Legacy={"TLSv1.1": "accepted (X)", "TLSv1.0": "refused (x)", "SSLv3": "refused (x)"}))
)
PLAIN = endpoint(address(Http={"Outcome": "ok", "Status": 200}))
NOT_TLS = endpoint({"Outcome": "not-tls", "Detail": "HTTP"})
HALF = endpoint({name: value for name, value in address().items() if name != "Full"})
GOOD = endpoint()
NEW, OLD = edge.listener(), edge.listener(policy="ELBSecurityPolicy-2016-08")
REFUSED = refused(NEW, "elasticloadbalancing:DescribeListeners")
CDN, OPEN_CDN, OLD_CDN = edge.distribution(), edge.distribution("allow-all"), edge.distribution(minimum="TLSv1")
ORIGIN = edge.distribution(origins=(edge.origin("http-only"),))
GATEWAY = azure.TYPES["azure.network.application-gateway"]
INGRESS = k8s.TYPES["k8s.ingress"]
BARE = k8s.ingress()


def agrees(probe: Resource, *edges: Resource, missing: str = "") -> Verdict:
    """What is said of an endpoint that was found in these."""
    ids = [one.id for one in edges] + [missing] * bool(missing)
    return World([edge.balancer(), *edges]).ask("tls.edge-agrees", found(probe, *ids))


@pytest.mark.parametrize(
    ("probe", "edges", "status"),
    [
        (GOOD, [NEW], PASS),
        (OLD_TLS, [NEW], FAIL),
        (NOT_TLS, [NEW], FAIL),
        (GOOD, [OLD], WARN),
        (OLD_TLS, [OLD], NA),
        (PLAIN, [NEW], PASS),  # a listener for HTTPS says nothing of the one for HTTP beside it
        (PLAIN, [CDN], FAIL),
        (OLD_TLS, [CDN], FAIL),
        (GOOD, [OPEN_CDN], WARN),
        (GOOD, [OLD_CDN], WARN),
        (GOOD, [ORIGIN], PASS),  # how an origin is reached is not what viewers see
        (PLAIN, [ORIGIN], FAIL),
        (GOOD, [GATEWAY], PASS),
        (OLD_TLS, [GATEWAY], FAIL),
        (PLAIN, [GATEWAY], FAIL),
        (GOOD, [INGRESS], PASS),
        (PLAIN, [INGRESS], FAIL),
        (OLD_TLS, [INGRESS], PASS),  # an Ingress does not say by which versions
        (PLAIN, [BARE], NA),
        (OLD_TLS, [NEW, OLD], NA),  # the other one explains it
        (GOOD, [NEW, OLD], PASS),
        (HALF, [NEW], UNKNOWN),
        (silent(), [NEW], UNKNOWN),
        (GOOD, [REFUSED], UNKNOWN),
        (OLD_TLS, [REFUSED], UNKNOWN),
        (GOOD, [NEW, REFUSED], PASS),
        (GOOD, [], NA),
        (GOOD, [edge.listener("TCP", 443)], NA),
        (GOOD, [edge.distribution(Enabled=False)], NA),
    ],
)
def test_an_edge_and_its_probe_either_agree_or_it_is_told_who_says_what(
    probe: Resource, edges: list[Resource], status: Status
) -> None:
    # two listeners of one world have one id
    apart = [msgspec.structs.replace(one, id=f"{one.id}{number or ''}") for number, one in enumerate(edges)]
    assert agrees(probe, *apart).status is status


@pytest.mark.parametrize(
    ("policy", "probe", "status"),
    [("TLS_1_2", GOOD, PASS), ("TLS_1_2", OLD_TLS, FAIL), (None, GOOD, WARN), (None, OLD_TLS, NA)],
)
def test_a_proxy_without_a_policy_is_old(policy: str | None, probe: Resource, status: Status) -> None:
    told = {"minTlsVersion": policy, "profile": "MODERN"} if policy else None
    proxy = gcp.proxy(told)
    assert agrees(probe, proxy).status is status


def test_an_edge_that_is_not_there_any_more_has_said_nothing() -> None:
    assert agrees(GOOD, missing=NEW.id).status is UNKNOWN


def test_a_distribution_speaks_for_its_aliases_and_not_for_the_name_that_cloudfront_gave_it() -> None:
    own = msgspec.structs.replace(OLD_TLS, fields={**OLD_TLS.fields, "Host": "d1.cloudfront.net"})
    plain = msgspec.structs.replace(PLAIN, fields={**PLAIN.fields, "Host": "d1.cloudfront.net"})
    default: dict[str, Any] = {"CloudFrontDefaultCertificate": True, "MinimumProtocolVersion": "TLSv1"}
    assert agrees(own, CDN).status is not FAIL
    assert agrees(plain, CDN).status is FAIL
    assert agrees(own, edge.distribution(ViewerCertificate=default)).status is not FAIL


def test_a_gateway_of_several_hosts_may_be_old_for_another() -> None:
    properties = GATEWAY.fields["properties"]
    old = {**properties, "sslPolicy": {"policyType": "Predefined", "policyName": "AppGwSslPolicy20150501"}}
    assert agrees(GOOD, msgspec.structs.replace(GATEWAY, fields={"properties": old})).status is NA
    front = {"id": "/front", "properties": {"publicIPAddress": {"id": "/ip"}}}
    port = {"id": "/port", "properties": {"port": 443}}
    settings = {"protocol": "Https", "frontendIPConfiguration": front, "frontendPort": port}
    alone = {
        **old,
        "frontendIPConfigurations": [front],
        "frontendPorts": [port],
        "httpListeners": [{"id": "/l", "name": "l", "properties": {**settings, "hostName": "shop.acme.example"}}],
    }
    assert agrees(GOOD, msgspec.structs.replace(GATEWAY, fields={"properties": alone})).status is WARN


def test_a_contradiction_names_the_edge_and_what_was_heard() -> None:
    name = one_line(NEW.name, 60)
    said = agrees(OLD_TLS, NEW)
    assert said.reason == f"accepts TLSv1.1, where {name} is configured for TLS 1.2 at least"
    assert said.valid_until is not None
    assert said.evidence == {"probe": "accepts TLSv1.1", f"edge {name} ({NEW.id})": "as promised"}


def test_every_control_that_it_takes_the_word_of_judges_the_type_it_is_asked_of() -> None:
    from posture.controls.tls.edge import _EDGES

    for type_, kind in _EDGES.items():
        judging = registry().get(kind.control)
        assert judging is not None
        assert type_ in judging.applies


@pytest.mark.parametrize(
    ("host", "by", "status"),
    [
        ("web-1.us-east-1.elb.amazonaws.com", "discovery", NA),
        ("net-1.elb.eu-west-1.amazonaws.com", "discovery", NA),
        ("web-1.us-east-1.elb.amazonaws.com", "configuration", FAIL),
        ("www.other.example", "discovery", FAIL),
        ("elb.amazonaws.com", "discovery", FAIL),
    ],
)
def test_no_certificate_is_for_the_name_that_aws_gave_a_balancer_and_only_who_found_it_comes_by_that(
    host: str, by: str, status: Status
) -> None:
    assert World().ask("tls.hostname", endpoint(host=host, NamedBy=by)).status is status
