"""Which hosts and ports a resource names as TLS endpoints of its own, by the fields that its source reports.

What cannot be read names nothing: whether a resource answers as its API documents is judged by its controls.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import msgspec

from posture.aws.edge import HOSTS, TLS_PROTOCOLS
from posture.hosts import endpoint_id, host_name, is_address, is_inside
from posture.kubernetes.edge import GATEWAYS, INGRESSES, SERVICES, annotations, inside_by
from posture.reading import NoAnswer
from posture.resource import Resource
from posture.text import one_line

HTTPS = 443
MOST = 2000
"""Doors of one resource that are looked at; an Ingress of 1.5 MB names fewer."""
_PASSED_ON = frozenset({"TCP", "TCP_UDP", "TCP_QUIC"})
_TLS_PORTS = frozenset({443, 8443, 9443})
"""Where what is passed through unread is meant to be TLS."""
_LONGEST = 80


class Unasked(StrEnum):
    """Why a door that was found is never asked by itself."""

    PRIVATE = "private"
    """It is for the inside: by its scheme, its addresses, or its zone."""
    WILDCARD = "wildcard"
    """It stands for many names, and none of them is known."""
    ADDRESS = "address"
    """It has no name that a certificate could be for."""
    PENDING = "not in service"
    """Its name does not lead there yet, and may be another's."""
    OWN_ROOT = "own root"
    """Its authority is the cluster's own, which only its clients know."""
    NOT_A_NAME = "not a name"


class Door(msgspec.Struct, frozen=True, gc=False):
    """One host and port that a resource names. `finder` is the id of the resource that speaks for its TLS, `where` what
    a person calls that; `unasked` why it is never asked by itself, None where it may be.
    """

    host: str
    port: int
    finder: str
    where: str
    unasked: Unasked | None = None

    @property
    def id(self) -> str:
        """The id of the endpoint that it is (`tls://HOST:PORT`)."""
        return endpoint_id(self.host, self.port)


def doors_of(resource: Resource) -> tuple[Door, ...]:
    """The doors that a resource names, each once. Raises nothing, whatever its fields are."""
    look = _LOOKS.get(resource.type)
    if look is None:
        return ()
    found: dict[tuple[str, int], Door] = {}
    try:
        for door in islice(look(resource), MOST):
            found.setdefault((door.host, door.port), door)
    except NoAnswer:
        return ()
    return tuple(found.values())


def _door(
    host: Any, port: Any, word: str, resource: Resource, *, finder: str = "", unasked: Unasked | None = None
) -> Iterator[Door]:
    """A door, if there is a host and a port."""
    if isinstance(host, str) and host and 0 < _number(port) < 65536:
        name, why = _named(host)
        where = one_line(f"{word} {resource.name}", _LONGEST)
        yield Door(name, _number(port), finder or resource.id, where, why or unasked)


def _named(host: str) -> tuple[str, Unasked | None]:
    """The host as it is compared, and why it is not asked."""
    name = host_name(host)
    if name is not None:
        return name, Unasked.PRIVATE if is_inside(name) else None
    shown = one_line(host, _LONGEST).lower()
    if is_address(host):
        return shown, Unasked.ADDRESS
    pattern = host_name(host.replace("*", "x").replace("?", "x"))
    return shown, Unasked.NOT_A_NAME if pattern is None else Unasked.WILDCARD


# ---------------------------------------------------------------- AWS


def _balancer(balancer: Resource) -> Iterator[Door]:
    """Under its own name, at each of its listeners that speaks TLS, or passes it on; these speak for it."""
    fields = balancer.fields
    inside = None if fields.get("Scheme") == "internet-facing" else Unasked.PRIVATE
    for listener in _objects(fields.get("Listeners")):
        if _speaks(listener.get("Protocol"), port := listener.get("Port")):
            finder = _text(listener.get("ListenerArn"))
            yield from _door(fields.get("DNSName"), port, "elb", balancer, finder=finder, unasked=inside)
    for described in _objects(fields.get("ListenerDescriptions")):
        classic = _object(described.get("Listener"))
        if _speaks(classic.get("Protocol"), port := classic.get("LoadBalancerPort")):
            finder = f"{balancer.id}:{port}"
            yield from _door(fields.get("DNSName"), port, "elb", balancer, finder=finder, unasked=inside)


def _listener(listener: Resource) -> Iterator[Door]:
    """The hosts that its rules tell apart; they are read of what faces the internet alone."""
    if listener.fields.get("Protocol") != "HTTPS":
        return
    for rule in _objects(listener.fields.get("Rules")):
        for condition in _objects(rule.get("Conditions")):
            if condition.get("Field") == HOSTS:
                config = _object(condition.get("HostHeaderConfig"))
                for host in _list(config.get("Values")) or _list(condition.get("Values")):
                    yield from _door(host, listener.fields.get("Port"), "elb", listener)


def _speaks(protocol: Any, port: Any) -> bool:
    return isinstance(protocol, str) and (
        protocol in TLS_PROTOCOLS or (protocol in _PASSED_ON and _number(port) in _TLS_PORTS)
    )


def _distribution(distribution: Resource) -> Iterator[Door]:
    fields = distribution.fields
    if fields.get("Enabled") is not True or fields.get("Staging") is True:
        return
    for host in (*_list(_object(fields.get("Aliases")).get("Items")), fields.get("DomainName")):
        yield from _door(host, HTTPS, "cloudfront", distribution)


# ---------------------------------------------------------------- Azure


def _gateway(gateway: Resource) -> Iterator[Door]:
    """Each listener's hosts, at the port and on the side that its front end names."""
    properties = _object(gateway.fields.get("properties"))
    ports = {_id(port): _properties(port).get("port") for port in _objects(properties.get("frontendPorts"))}
    public = {
        _id(front)
        for front in _objects(properties.get("frontendIPConfigurations"))
        if _properties(front).get("publicIPAddress") is not None
    }
    for listener in (*_objects(properties.get("httpListeners")), *_objects(properties.get("listeners"))):
        settings = _properties(listener)
        if _text(settings.get("protocol")).casefold() not in {"https", "tls"}:
            continue
        outside = _id(settings.get("frontendIPConfiguration")) in public
        port = ports.get(_id(settings.get("frontendPort")))
        for host in (settings.get("hostName"), *_list(settings.get("hostNames"))):
            unasked = None if outside else Unasked.PRIVATE
            yield from _door(host, port, "app gateway", gateway, unasked=unasked)


def _classic_door(door: Resource) -> Iterator[Door]:
    properties = _object(door.fields.get("properties"))
    if _text(properties.get("enabledState")).casefold() != "disabled":
        for end in _objects(properties.get("frontendEndpoints")):
            yield from _door(_properties(end).get("hostName"), HTTPS, "front door", door)


def _front_door(door: Resource) -> Iterator[Door]:
    """By `hosts`, each with the state of its domain or endpoint: a domain that nobody validated may be anybody's."""
    for host, state in _object(door.fields.get("hosts")).items():
        word = _text(state).casefold()
        if word != "disabled":
            unasked = None if word in {"approved", "enabled"} else Unasked.PENDING
            yield from _door(host, HTTPS, "front door", door, unasked=unasked)


# ---------------------------------------------------------------- Google Cloud


def _proxy(proxy: Resource) -> Iterator[Door]:
    """The domains of the certificates that Google manages for it: one that is active leads to where it is served."""
    for host, state in _object(proxy.fields.get("managedDomains")).items():
        unasked = None if state == "ACTIVE" else Unasked.PENDING
        yield from _door(host, HTTPS, "proxy", proxy, unasked=unasked)


# ---------------------------------------------------------------- Kubernetes


def _ingress(ingress: Resource) -> Iterator[Door]:
    spec = _object(ingress.fields.get("spec"))
    hosts = [rule.get("host") for rule in _objects(spec.get("rules"))]
    hosts += [host for entry in _objects(spec.get("tls")) for host in _list(entry.get("hosts"))]
    for host in hosts:
        yield from _door(host, HTTPS, "ingress", ingress, unasked=_side(ingress, INGRESSES))


def _gateway_of_cluster(gateway: Resource) -> Iterator[Door]:
    """Each TLS listener's host, or where that is none or a wildcard, those of its routes that it takes."""
    routes = _objects(gateway.fields.get("httpRoutes"))
    for listener in _objects(_object(gateway.fields.get("spec")).get("listeners")):
        if _text(listener.get("protocol")) not in {"HTTPS", "TLS"}:
            continue
        own = _text(listener.get("hostname"))
        hosts = [own]
        if not own or "*" in own:
            named = [
                host
                for route in routes
                if _text(route.get("sectionName")) in {"", _text(listener.get("name"))}
                for host in _list(route.get("hostnames"))
                if _text(host).endswith(own.removeprefix("*"))
            ]
            hosts = named or hosts
        for host in hosts:
            yield from _door(host, listener.get("port"), "gateway", gateway, unasked=_side(gateway, GATEWAYS))


def _service(service: Resource) -> Iterator[Door]:
    """The names that its balancer was given, at the ports that are meant for TLS."""
    status = _object(_object(service.fields.get("status")).get("loadBalancer"))
    for port in _objects(_object(service.fields.get("spec")).get("ports")):
        words = {_text(port.get("name")).casefold(), _text(port.get("appProtocol")).casefold()}
        if _number(port.get("port")) not in _TLS_PORTS and not words & {"https", "tls"}:
            continue
        for address in _objects(status.get("ingress")):
            host, unasked = address.get("hostname"), _side(service, SERVICES)
            yield from _door(host, port.get("port"), "service", service, unasked=unasked)


def _side(route: Resource, operation: str) -> Unasked | None:
    return Unasked.PRIVATE if inside_by(route, annotations(route, operation), operation) else None


def _cluster(cluster: Resource) -> Iterator[Door]:
    """Its API server."""
    scheme, host, port = _parted(cluster.fields.get("server"))
    if scheme == "https":
        yield from _door(host, port or HTTPS, "cluster", cluster, unasked=Unasked.OWN_ROOT)


# ---------------------------------------------------------------- what the configuration names


def _linked(resource: Resource) -> Iterator[Door]:
    """The endpoint that a server's own answer is reached by."""
    word = {"vault.listener": "vault", "keycloak.realm": "realm"}.get(resource.type, "")
    _, host, port = _parted(resource.link("endpoint"))
    yield from _door(host, port, word, resource)


_LOOKS: Mapping[str, Callable[[Resource], Iterator[Door]]] = {
    "aws.elb.load-balancer": _balancer,
    "aws.elb.listener": _listener,
    "aws.cloudfront.distribution": _distribution,
    "azure.network.application-gateway": _gateway,
    "azure.network.front-door": _classic_door,
    "azure.cdn.front-door": _front_door,
    "gcp.compute.https-proxy": _proxy,
    "gcp.compute.ssl-proxy": _proxy,
    "k8s.ingress": _ingress,
    "k8s.gateway": _gateway_of_cluster,
    "k8s.service": _service,
    "k8s.cluster": _cluster,
    "vault.listener": _linked,
    "keycloak.realm": _linked,
}
FINDERS = frozenset(_LOOKS)
"""The types of resources that name doors."""


# ---------------------------------------------------------------- reading


def _parted(url: Any) -> tuple[str, str, int]:
    """Scheme, host and port of a URL; nothing and 0 where they are not said."""
    try:
        address = urlsplit(_text(url))
        return address.scheme, address.hostname or "", address.port or 0
    except ValueError:
        return "", "", 0


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _objects(value: Any) -> Iterable[Mapping[str, Any]]:
    return [one for one in _list(value) if isinstance(one, Mapping)]


def _list(value: Any) -> list[Any] | tuple[Any, ...]:
    return value if isinstance(value, list | tuple) else ()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _properties(child: Any) -> Mapping[str, Any]:
    return _object(_object(child).get("properties"))


def _id(reference: Any) -> str:
    return _text(_object(reference).get("id")).strip().rstrip("/").casefold()
