"""What an API server answers of what lets others in (`providers.kubernetes.decode` has the rest)."""

from typing import Any, Union

import msgspec
from msgspec import UNSET, UnsetType

from providers.kubernetes.decode import EdgeAnnotations, Meta, NoAnnotations, Number, Tables, Text, Texts, Thing


class Served(msgspec.Struct, gc=False):
    """Names that a certificate is for, and the Secret it is in (its name)."""

    hosts: Texts = UNSET
    secretName: Text = UNSET


class Rule(msgspec.Struct, gc=False):
    """A host that an Ingress answers to."""

    host: Text = UNSET


class IngressSpec(msgspec.Struct, gc=False):
    """An Ingress's spec."""

    ingressClassName: Text = UNSET
    tls: Union[list[Served], UnsetType, None] = UNSET
    rules: Union[list[Rule], UnsetType, None] = UNSET
    defaultBackend: Union[dict[str, Any], UnsetType, None] = UNSET


class Address(msgspec.Struct, gc=False):
    """Where a load balancer is reached."""

    ip: Text = UNSET
    hostname: Text = UNSET


class Balancer(msgspec.Struct, gc=False):
    """A load balancer's addresses."""

    ingress: Union[list[Address], UnsetType, None] = UNSET


class EdgeStatus(msgspec.Struct, gc=False):
    """The status of an Ingress or a Service."""

    loadBalancer: Union[Balancer, UnsetType, None] = UNSET


class Ingress(msgspec.Struct, gc=False):
    """Ingress."""

    metadata: Meta[EdgeAnnotations] = msgspec.field(default_factory=Meta)
    spec: Union[IngressSpec, UnsetType, None] = UNSET
    status: Union[EdgeStatus, UnsetType, None] = UNSET


class Port(msgspec.Struct, gc=False):
    """A port of a Service."""

    name: Text = UNSET
    port: Number = UNSET
    protocol: Text = UNSET
    appProtocol: Text = UNSET


class ServiceSpec(msgspec.Struct, gc=False):
    """A Service's spec."""

    type: Text = UNSET
    ports: Union[list[Port], UnsetType, None] = UNSET
    loadBalancerClass: Text = UNSET
    externalIPs: Texts = UNSET


class Service(msgspec.Struct, gc=False):
    """Service."""

    metadata: Meta[EdgeAnnotations] = msgspec.field(default_factory=Meta)
    spec: Union[ServiceSpec, UnsetType, None] = UNSET
    status: Union[EdgeStatus, UnsetType, None] = UNSET


class Listener(msgspec.Struct, gc=False):
    """A listener of a Gateway."""

    name: Text = UNSET
    hostname: Text = UNSET
    port: Number = UNSET
    protocol: Text = UNSET
    tls: Union[dict[str, Any], UnsetType, None] = UNSET


class GatewaySpec(msgspec.Struct, gc=False):
    """A Gateway's spec."""

    gatewayClassName: Text = UNSET
    listeners: Union[list[Listener], UnsetType, None] = UNSET
    addresses: Tables = UNSET


class GatewayStatus(msgspec.Struct, gc=False):
    """A Gateway's status."""

    addresses: Tables = UNSET


class Gateway(msgspec.Struct, gc=False):
    """Gateway."""

    metadata: Meta[EdgeAnnotations] = msgspec.field(default_factory=Meta)
    spec: Union[GatewaySpec, UnsetType, None] = UNSET
    status: Union[GatewayStatus, UnsetType, None] = UNSET


class Parent(msgspec.Struct, gc=False):
    """The Gateway, or the listener of it, that a route belongs to."""

    kind: Text = UNSET
    group: Text = UNSET
    namespace: Text = UNSET
    name: Text = UNSET
    sectionName: Text = UNSET
    port: Number = UNSET


class Redirect(msgspec.Struct, gc=False):
    """Where a route sends who asks."""

    scheme: Text = UNSET
    statusCode: Number = UNSET


class Filter(msgspec.Struct, gc=False):
    """What a route does with a request before it is passed on."""

    type: Text = UNSET
    requestRedirect: Union[Redirect, UnsetType, None] = UNSET


class RouteRule(msgspec.Struct, gc=False):
    """A rule of a route."""

    filters: Union[list[Filter], UnsetType, None] = UNSET


class RouteSpec(msgspec.Struct, gc=False):
    """An HTTPRoute's spec."""

    hostnames: Texts = UNSET
    parentRefs: Union[list[Parent], UnsetType, None] = UNSET
    rules: Union[list[RouteRule], UnsetType, None] = UNSET


Route = Thing[NoAnnotations, RouteSpec]
