"""Routes from outside: Ingress, Gateway and LoadBalancer Service. Each says what it means to offer; what a listener
really does, tls.* sees from outside.
"""

from collections.abc import Mapping
from typing import Any

from posture.context import Context
from posture.controls.registry import control
from posture.fields import flag, part, parts, text
from posture.kubernetes.edge import GATEWAYS, INGRESSES, SERVICES, addresses, annotations, inside_by
from posture.reading import expected, field_of, natural, optional, texts
from posture.resource import Resource
from posture.text import one_line
from posture.verdict import EvidenceClass, Status, Verdict, failed, not_applicable, passed, unknown, warned, worst

_TLS_ELSEWHERE = (
    "alb.ingress.kubernetes.io/certificate-arn",
    "networking.gke.io/managed-certificates",
    "ingress.gcp.kubernetes.io/pre-shared-cert",
    "appgw.ingress.kubernetes.io/appgw-ssl-certificate",
)
"""Annotations by which a controller ends TLS with a certificate of the cloud."""
_TRAEFIK = "traefik.ingress.kubernetes.io/router.tls"
_REDIRECTS: Mapping[str, str] = {
    "nginx.ingress.kubernetes.io/ssl-redirect": "true",
    "nginx.ingress.kubernetes.io/force-ssl-redirect": "true",
    "alb.ingress.kubernetes.io/ssl-redirect": "443",
    "appgw.ingress.kubernetes.io/ssl-redirect": "true",
    "kubernetes.io/ingress.allow-http": "false",
    "traefik.ingress.kubernetes.io/router.entrypoints": "websecure",
}
"""Annotation -> the value that closes plain HTTP, or sends it on."""
_SSL_CERT = "service.beta.kubernetes.io/aws-load-balancer-ssl-cert"
_SSL_PORTS = "service.beta.kubernetes.io/aws-load-balancer-ssl-ports"
_PLAIN, _TLS = (
    frozenset({"http", "ws", "grpc", "kubernetes.io/h2c", "kubernetes.io/ws"}),
    frozenset({"https", "tls", "wss", "kubernetes.io/wss"}),
)
"""Application protocols of a port, in lower case."""


@control("k8s.ingress.tls", on=("k8s.ingress", "k8s.gateway", "k8s.service"))
def ingress_tls(route: Resource, context: Context) -> Verdict:
    """Every host or listener is TLS, and plain HTTP leads there."""
    match route.type:
        case "k8s.ingress":
            return _ingress(route)
        case "k8s.gateway":
            return _gateway(route)
        case _:
            return _service(route)


def _ingress(ingress: Resource) -> Verdict:
    spec = expected(field_of(ingress, INGRESSES, "spec"), dict, INGRESSES, "spec")
    notes = annotations(ingress, INGRESSES)
    rules = parts(spec, INGRESSES, "rules") or []
    hosts = [text(rule, INGRESSES, "host") for rule in rules]
    if spec.get("defaultBackend") is not None and not rules:
        hosts = [None]
    facts: dict[str, Any] = {"hosts": [host or "*" for host in hosts]}
    if inside := inside_by(ingress, notes, INGRESSES):
        return not_applicable(f"inside: {inside}", facts)
    if not hosts:
        return not_applicable("routes nothing", facts)
    bare = [host or "*" for host in hosts if not _covered(host, parts(spec, INGRESSES, "tls") or [])]
    by = _ended_by(notes)
    facts |= {"without TLS": bare, **({"TLS by": by} if by else {})}
    if bare and by:
        return warned(f"TLS ends at the balancer only: {by}", facts)
    if bare and not _served(ingress, INGRESSES):
        return warned(f"{one_line(bare[0], 80)} has no TLS; nothing serves it yet", facts)
    if bare:
        rest = f" and {len(bare) - 1} more" if len(bare) > 1 else ""
        return failed(f"{one_line(bare[0], 80)}{rest}: no TLS", facts)
    return _redirected(notes, facts)


def _redirected(notes: Mapping[str, str], facts: dict[str, Any]) -> Verdict:
    said = {name: notes[name] for name in _REDIRECTS if name in notes}
    facts = {**facts, **said}
    if any(_REDIRECTS[name] == value.strip().lower() for name, value in said.items()):
        return passed("every host has TLS, and plain HTTP leads there", facts)
    if said:
        return warned("every host has TLS, but plain HTTP stays open", facts)
    return warned("every host has TLS; whether plain HTTP leads there is not said here", facts)


def _gateway(gateway: Resource) -> Verdict:
    spec = expected(field_of(gateway, GATEWAYS, "spec"), dict, GATEWAYS, "spec")
    listeners = parts(spec, GATEWAYS, "listeners")
    if not listeners:
        return unknown(f"{GATEWAYS} answered without spec.listeners")
    if inside := inside_by(gateway, annotations(gateway, GATEWAYS), GATEWAYS):
        return not_applicable(f"inside: {inside}")
    verdicts = [_listener(gateway, listener) for listener in listeners]
    status = worst(verdict.status for verdict in verdicts)
    found = next(verdict for verdict in verdicts if verdict.status is status)
    return Verdict(status, found.reason, {**found.evidence, "listeners": len(listeners)})


def _listener(gateway: Resource, listener: Mapping[str, Any]) -> Verdict:
    name = expected(text(listener, GATEWAYS, "name"), str, GATEWAYS, "spec.listeners[].name")
    protocol = text(listener, GATEWAYS, "protocol")
    shown, facts = f"listener {one_line(name, 60)}", {f"{GATEWAYS}.protocol": protocol}
    if protocol == "HTTP":
        return _plain_listener(gateway, name, shown, facts)
    if protocol not in {"HTTPS", "TLS"}:
        return unknown(f"{shown} is {one_line(str(protocol), 40)}: whether TLS is inside is not told", evidence=facts)
    tls = part(listener, GATEWAYS, "tls")
    mode = text(tls, GATEWAYS, "mode") or "Terminate"
    if mode == "Passthrough":
        return passed(f"{shown}: TLS is passed through", facts)
    if mode != "Terminate":
        return unknown(f"{shown}: tls.mode is {one_line(mode, 40)}, which enctop does not know", evidence=facts)
    references = parts(tls, GATEWAYS, "certificateRefs")
    if not (references and all(text(each, GATEWAYS, "name") for each in references)) and not part(
        tls, GATEWAYS, "options"
    ):
        return unknown(f"{shown} names no certificate", evidence=facts)
    own = gateway.name.partition("/")[0]
    if other := next((each for each in references or [] if each.get("namespace") not in {None, own}), None):
        return warned(f"{shown}: its certificate is in namespace {one_line(str(other['namespace']), 60)}", facts)
    return passed(f"{shown}: {protocol}", facts)


def _plain_listener(gateway: Resource, name: str, shown: str, facts: dict[str, Any]) -> Verdict:
    """A listener without TLS may do one thing: send everybody to one with it."""
    routes = parts(gateway.fields, GATEWAYS, "httpRoutes")
    if routes is None:
        return unknown(f"{shown} is HTTP; what its routes do was not read", evidence=facts)
    mine = [route for route in routes if text(route, GATEWAYS, "sectionName") in {None, name}]
    told = [flag(route, GATEWAYS, "redirects") for route in mine]
    if None in told:
        return unknown(f"{shown} is HTTP; what its routes do was not read", evidence=facts)
    bare = [redirects for redirects in told if not redirects]
    facts = {**facts, "routes": len(mine), "without a redirect": len(bare)}
    if bare:
        return failed(f"{shown} is HTTP, and {len(bare)} of its {len(mine)} routes do not redirect to https", facts)
    return passed(f"{shown} is HTTP, and {'redirects to https' if mine else 'routes nothing'}", facts)


def _service(service: Resource) -> Verdict:
    spec = expected(field_of(service, SERVICES, "spec"), dict, SERVICES, "spec")
    kind = expected(text(spec, SERVICES, "type"), str, SERVICES, "spec.type")
    if kind in {"ClusterIP", "NodePort", "ExternalName"}:
        return not_applicable(f"{kind}: no balancer", {f"{SERVICES}.spec.type": kind})
    if kind != "LoadBalancer":
        return unknown(f"{SERVICES}: spec.type is {one_line(kind, 60)!r}, which enctop does not know")
    notes = annotations(service, SERVICES)
    if inside := inside_by(service, notes, SERVICES):
        return not_applicable(f"inside: {inside}")
    ports = parts(spec, SERVICES, "ports")
    if not ports:
        return unknown(f"{SERVICES} answered without spec.ports")
    ended = _SSL_CERT in notes
    only = {one.strip() for one in notes.get(_SSL_PORTS, "*").split(",")}
    told = [_port(port, ended and bool(only & {"*", str(port.get("port")), str(port.get("name"))})) for port in ports]
    status = worst(each for each, _ in told)
    reason = next(why for each, why in told if each is status)
    facts = {
        f"{SERVICES}.spec.ports": [port.get("port") for port in ports],
        **({_SSL_CERT: notes[_SSL_CERT]} if ended else {}),
    }
    return passed(reason, facts, by=EvidenceClass.INFERRED) if status is Status.PASS else Verdict(status, reason, facts)


def _port(port: Mapping[str, Any], ended: bool) -> tuple[Status, str]:
    """What one port of a balancer is meant for, by what it says of itself."""
    number = natural(port.get("port"), SERVICES, "spec.ports[].port")
    name, protocol = (text(port, SERVICES, "name") or "").lower(), (text(port, SERVICES, "appProtocol") or "").lower()
    if ended:
        return Status.WARN, f"port {number}: TLS ends at the balancer only"
    if protocol in _PLAIN or (not protocol and (number == 80 or name == "http" or name.startswith("http-"))):
        return Status.WARN, f"port {number} is plain HTTP; whether it leads to https, tls.http-redirect tells"
    if protocol in _TLS or (not protocol and (number == 443 or name == "https" or name.startswith("https-"))):
        return Status.PASS, f"port {number} is meant for TLS"
    return Status.WARN, f"port {number} does not say that it is TLS"


def _served(route: Resource, operation: str) -> bool:
    """Whether a balancer has taken the route on; also where its status was not told."""
    return "status" not in route.fields or bool(addresses(route, operation))


def _covered(host: str | None, tls: list[dict[str, Any]]) -> bool:
    """Whether an entry of `tls` holds for a host; one without hosts holds for all, a wildcard for one label."""
    for entry in tls:
        hosts = entry.get("hosts")
        names = (
            [] if hosts is None else texts(optional(hosts, list, INGRESSES, "tls[].hosts"), INGRESSES, "tls[].hosts")
        )
        if not names or (host is not None and any(_matches(host, name) for name in names)):
            return True
    return False


def _matches(host: str, pattern: str) -> bool:
    host, pattern = host.lower(), pattern.lower()
    return host == pattern or (pattern.startswith("*.") and host.partition(".")[2] == pattern[2:])


def _ended_by(notes: Mapping[str, str]) -> str:
    """The annotation by which a controller ends TLS; empty for none."""
    found = next((name for name in _TLS_ELSEWHERE if notes.get(name, "").strip()), "")
    return found or (_TRAEFIK if notes.get(_TRAEFIK, "").strip().lower() == "true" else "")
