"""Routes from outside: what an Ingress, a Gateway and a balancer say that they offer."""

from typing import Any

import msgspec
import pytest

from posture.resource import Resource
from posture.verdict import EvidenceClass, Status
from tests.posture.controls.kubernetes.world import TLS_LISTENER, gateway, ingress, service
from tests.posture.controls.world import World

HOST = "shop.acme.example"
TLS = [{"hosts": [HOST], "secretName": "c"}]
ALB, NGINX = "alb.ingress.kubernetes.io", "nginx.ingress.kubernetes.io"
AWS, AZURE = "service.beta.kubernetes.io/aws-load-balancer", "service.beta.kubernetes.io/azure-load-balancer-internal"
ON = {f"{NGINX}/ssl-redirect": "true"}


def says(route: Resource) -> str:
    return World().ask("k8s.ingress.tls", route).status.word


@pytest.mark.parametrize(
    ("hosts", "tls", "notes", "expected"),
    [
        ([HOST], TLS, ON, "pass"),
        ([HOST.upper()], TLS, ON, "pass"),
        ([HOST], [{"secretName": "c"}], ON, "pass"),  # tls without hosts is for all of them
        ([None], [{"secretName": "c"}], ON, "pass"),
        ([None], TLS, ON, "fail"),
        ([HOST], [{"hosts": ["*.acme.example"]}], ON, "pass"),
        (["a.b.acme.example"], [{"hosts": ["*.acme.example"]}], ON, "fail"),
        (["acme.example"], [{"hosts": ["*.acme.example"]}], ON, "fail"),
        ([HOST, "other.example"], TLS, ON, "fail"),
        ([HOST], [], ON, "fail"),
        ([HOST], [], {f"{ALB}/certificate-arn": "arn:aws:acm:::certificate/1"}, "warn"),
        ([HOST], [], {"networking.gke.io/managed-certificates": "c"}, "warn"),
        ([HOST], [], {"ingress.gcp.kubernetes.io/pre-shared-cert": "c"}, "warn"),
        ([HOST], [], {"appgw.ingress.kubernetes.io/appgw-ssl-certificate": "c"}, "warn"),
        ([HOST], [], {"traefik.ingress.kubernetes.io/router.tls": "true"}, "warn"),
        ([HOST], [], {"traefik.ingress.kubernetes.io/router.tls": "false"}, "fail"),
        ([HOST], [], {f"{ALB}/certificate-arn": " "}, "fail"),
        ([HOST], TLS, {}, "warn"),  # whether plain HTTP leads there is not said
        ([HOST], TLS, {f"{NGINX}/ssl-redirect": "false"}, "warn"),
        ([HOST], TLS, {f"{ALB}/ssl-redirect": "443"}, "pass"),
        ([HOST], TLS, {"kubernetes.io/ingress.allow-http": "false"}, "pass"),
        ([HOST], TLS, {"kubernetes.io/ingress.allow-http": "true"}, "warn"),
        ([HOST], [], {f"{ALB}/scheme": "internal"}, "not_applicable"),
        ([HOST], [], {f"{ALB}/scheme": "internet-facing"}, "fail"),
        ([HOST], [], {"kubernetes.io/ingress.class": "gce-internal"}, "not_applicable"),
        ([HOST], [], {"appgw.ingress.kubernetes.io/use-private-ip": "true"}, "not_applicable"),
        ([], [], {}, "not_applicable"),
    ],
)
def test_every_host_of_an_ingress_has_tls(
    hosts: list[str | None], tls: list[dict[str, Any]], notes: dict[str, str], expected: str
) -> None:
    assert says(ingress(hosts, tls, annotations=notes)) == expected


def test_an_ingress_with_only_a_default_backend_serves_every_host() -> None:
    assert says(ingress([], [], spec={"defaultBackend": {"service": {"name": "x"}}})) == "fail"
    assert says(ingress([], [{"secretName": "c"}], spec={"defaultBackend": {}}, annotations=ON)) == "pass"


def test_an_ingress_that_only_private_addresses_serve_is_inside() -> None:
    assert says(ingress([HOST], [], address={"ip": "10.0.0.7"})) == "not_applicable"
    assert says(ingress([HOST], [], address={"ip": "203.0.113.7"})) == "not_applicable"  # documentation: never public
    assert says(ingress([HOST], [], address={"ip": "8.8.8.8"})) == "fail"
    assert says(ingress([HOST], [], address={"hostname": "10.example"})) == "fail"


def test_an_ingress_that_nothing_serves_yet_is_no_hole_yet() -> None:
    assert says(ingress([HOST], [], address={"ip": ""})) == "fail"  # an address that says nothing may be any
    waiting = ingress([HOST], [])
    fields = {**waiting.fields, "status": {"loadBalancer": {}}}
    assert says(msgspec.structs.replace(waiting, fields=fields)) == "warn"


HTTP = {"name": "http", "protocol": "HTTP", "port": 80}
REDIRECTS, SERVES = {"redirects": True}, {"redirects": False}


@pytest.mark.parametrize(
    ("listeners", "routes", "expected"),
    [
        ([TLS_LISTENER], None, "pass"),
        ([{**TLS_LISTENER, "protocol": "TLS", "tls": {"mode": "Passthrough"}}], None, "pass"),
        ([{**TLS_LISTENER, "tls": {"mode": "Qx"}}], None, "unknown"),
        ([{**TLS_LISTENER, "tls": {}}], None, "unknown"),
        ([{**TLS_LISTENER, "tls": {"options": {"networking.gke.io/pre-shared-certs": "c"}}}], None, "pass"),
        ([{**TLS_LISTENER, "tls": {"certificateRefs": [{"name": "c", "namespace": "acme"}]}}], None, "pass"),
        ([{**TLS_LISTENER, "tls": {"certificateRefs": [{"name": "c", "namespace": "other"}]}}], None, "warn"),
        ([{"name": "x", "protocol": "TCP", "port": 1}], None, "unknown"),
        ([{"name": "x", "port": 1}], None, "unknown"),
        ([HTTP], None, "unknown"),  # the routes were not read
        ([HTTP], [], "pass"),
        ([HTTP], [REDIRECTS], "pass"),
        ([HTTP, TLS_LISTENER], [{**REDIRECTS, "sectionName": "http"}, {**SERVES, "sectionName": "https"}], "pass"),
        ([HTTP, TLS_LISTENER], [SERVES], "fail"),  # a route without a section is on every listener
        ([HTTP], [REDIRECTS, SERVES], "fail"),
        ([HTTP], [{"redirects": None}], "unknown"),
        ([], None, "unknown"),
    ],
)
def test_every_listener_of_a_gateway_is_tls_or_leads_there(
    listeners: list[dict[str, Any]], routes: list[dict[str, Any]] | None, expected: str
) -> None:
    assert says(gateway(*listeners, routes=routes)) == expected


@pytest.mark.parametrize(
    ("ports", "notes", "expected"),
    [
        ([{"port": 443}], {}, "pass"),
        ([{"port": 8443, "name": "https"}], {}, "pass"),
        ([{"port": 9000, "appProtocol": "HTTPS"}], {}, "pass"),
        ([{"port": 80}, {"port": 443}], {}, "warn"),  # every controller's own Service: tls.http-redirect judges it
        ([{"port": 443, "appProtocol": "http"}], {}, "warn"),
        ([{"port": 5432}], {}, "warn"),
        ([{"port": 443}], {f"{AWS}-ssl-cert": "arn"}, "warn"),
        ([{"port": 443}], {f"{AWS}-ssl-cert": "arn", f"{AWS}-ssl-ports": "8443, admin"}, "pass"),
        ([{"port": 80}], {f"{AWS}-scheme": "internal"}, "not_applicable"),
        ([{"port": 80}], {f"{AWS}-internal": "true"}, "not_applicable"),
        ([{"port": 80}], {f"{AWS}-internal": "false"}, "warn"),
        ([{"port": 80}], {AZURE: "true"}, "not_applicable"),
        ([{"port": 80}], {"networking.gke.io/load-balancer-type": "Internal"}, "not_applicable"),
        ([], {}, "unknown"),
        ([{"port": "x"}], {}, "unknown"),
    ],
)
def test_a_balancer_says_by_its_ports_what_it_is_for(
    ports: list[dict[str, Any]], notes: dict[str, str], expected: str
) -> None:
    verdict = World().ask("k8s.ingress.tls", service(*ports, annotations=notes))
    assert verdict.status.word == expected
    assert verdict.status is not Status.PASS or verdict.evidence_class is EvidenceClass.INFERRED


@pytest.mark.parametrize(
    ("kind", "expected"), [("ClusterIP", "not_applicable"), ("NodePort", "not_applicable"), ("Qx", "unknown")]
)
def test_a_service_without_a_balancer_lets_nobody_in(kind: str, expected: str) -> None:
    assert says(service({"port": 80}, kind=kind)) == expected
