"""Whether an Ingress, a Gateway or a Service is meant for the inside alone, and where it is reached."""

import ipaddress
from collections.abc import Mapping

from posture.fields import part, parts
from posture.resource import Resource
from posture.text import one_line

INGRESSES, GATEWAYS, SERVICES = "k8s:ingresses", "k8s:gateways", "k8s:services"
INTERNAL: Mapping[str, frozenset[str]] = {
    "alb.ingress.kubernetes.io/scheme": frozenset({"internal"}),
    "appgw.ingress.kubernetes.io/use-private-ip": frozenset({"true"}),
    "kubernetes.io/ingress.class": frozenset({"gce-internal"}),
    "networking.gke.io/load-balancer-type": frozenset({"internal"}),
    "cloud.google.com/load-balancer-type": frozenset({"internal"}),
    "service.beta.kubernetes.io/aws-load-balancer-scheme": frozenset({"internal"}),
    "service.beta.kubernetes.io/aws-load-balancer-internal": frozenset({"true", "0.0.0.0/0"}),
    "service.beta.kubernetes.io/azure-load-balancer-internal": frozenset({"true"}),
}
"""Annotation -> values, in lower case, that keep a balancer inside."""


def annotations(route: Resource, operation: str) -> dict[str, str]:
    """Those that are text. Raises `NoAnswer`."""
    metadata = part(route.fields, operation, "metadata")
    told = part(metadata, operation, "annotations")
    return {name: value for name, value in told.items() if isinstance(value, str)}


def inside_by(route: Resource, notes: Mapping[str, str], operation: str) -> str:
    """What keeps a route from being public: an annotation, or addresses that are all private; empty where nothing
    does. Raises `NoAnswer`.
    """
    for name, values in INTERNAL.items():
        if notes.get(name, "").strip().lower() in values:
            return f"{name} is {one_line(notes[name], 40)}"
    reached = addresses(route, operation)
    if reached and all(_private(address) for address in reached):
        return "all of its addresses are private"
    return ""


def addresses(route: Resource, operation: str) -> list[str]:
    """Where it is reached, as its status says. Raises `NoAnswer`."""
    status = part(route.fields, operation, "status")
    found = parts(part(status, operation, "loadBalancer"), operation, "ingress") or []
    named = [str(each.get("ip") or each.get("hostname") or "") for each in found]
    return named + [str(each.get("value") or "") for each in parts(status, operation, "addresses") or []]


def _private(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_private
    except ValueError:
        return False
