"""What an API server answers, as far as enctop looks at it: the fields' own names, typed, so that a page is decoded in
one go. What is not named here is passed over in the answer and never kept: managedFields, annotations that others use,
references to Secrets in a driver's options.

A field that is absent stays absent (`UNSET`) and one that is null stays null: the two mean different things.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar, Union

import msgspec
from msgspec import UNSET, UnsetType

T = TypeVar("T")
A = TypeVar("A")
S = TypeVar("S")
Text = Union[str, UnsetType, None]
Flag = Union[bool, UnsetType, None]
Number = Union[int, UnsetType, None]
Texts = Union[list[str], UnsetType, None]
Words = Union[dict[str, str], UnsetType, None]
Tables = Union[list[dict[str, Any]], UnsetType, None]


class ListMeta(msgspec.Struct, gc=False):
    """The metadata of a list."""

    resourceVersion: str = ""
    next: str = msgspec.field(name="continue", default="")


class Page(msgspec.Struct, Generic[T], gc=False):
    """One page of a list. Of a `kind` that is not one (`SecretList` apart, which is never asked) it is no answer."""

    kind: str
    metadata: ListMeta
    items: list[T] | None


class Event(msgspec.Struct, Generic[T], gc=False):
    """One line of a watch. A BOOKMARK has metadata alone."""

    type: str
    object: T


class Owner(msgspec.Struct, gc=False):
    """What an object belongs to."""

    kind: str = ""
    name: str = ""
    uid: Text = UNSET
    controller: Flag = UNSET


class Meta(msgspec.Struct, Generic[A], gc=False):
    """An object's metadata; `A` are the annotations that are kept."""

    name: str = ""
    namespace: Text = UNSET
    uid: Text = UNSET
    resourceVersion: str = ""
    creationTimestamp: Text = UNSET
    deletionTimestamp: Text = UNSET
    labels: Words = UNSET
    annotations: Union[A, UnsetType, None] = UNSET
    ownerReferences: Union[list[Owner], UnsetType, None] = UNSET


def _annotations(name: str, kept: Iterable[str]) -> Any:
    """A type that has these annotations, under their own names, and passes over all others."""
    fields = [
        (f"a{number}", Text, msgspec.field(name=annotation, default=UNSET)) for number, annotation in enumerate(kept)
    ]
    return msgspec.defstruct(name, fields, gc=False)


CLASS_BEFORE = "volume.beta.kubernetes.io/storage-class"
"""Goes before the field `storageClassName`."""
DEFAULTS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
_NLB = "service.beta.kubernetes.io/aws-load-balancer-"
_ALB, _NGINX, _APPGW = "alb.ingress.kubernetes.io/", "nginx.ingress.kubernetes.io/", "appgw.ingress.kubernetes.io/"
_TRAEFIK = "traefik.ingress.kubernetes.io/"

NoAnnotations = _annotations("NoAnnotations", ())
ClaimAnnotations = _annotations(
    "ClaimAnnotations",
    (
        CLASS_BEFORE,
        "volume.kubernetes.io/storage-provisioner",
        "volume.beta.kubernetes.io/storage-provisioner",
    ),
)
VolumeAnnotations = _annotations(
    "VolumeAnnotations", (CLASS_BEFORE, "pv.kubernetes.io/provisioned-by", "pv.kubernetes.io/migrated-to")
)
ClassAnnotations = _annotations("ClassAnnotations", DEFAULTS)
EdgeAnnotations = _annotations(
    "EdgeAnnotations",
    (
        "kubernetes.io/ingress.class",
        "kubernetes.io/ingress.allow-http",
        "cert-manager.io/cluster-issuer",
        "cert-manager.io/issuer",
        "networking.gke.io/managed-certificates",
        "networking.gke.io/v1beta1.FrontendConfig",
        "networking.gke.io/certmap",
        "networking.gke.io/load-balancer-type",
        "cloud.google.com/load-balancer-type",
        "cloud.google.com/app-protocols",
        "ingress.gcp.kubernetes.io/pre-shared-cert",
        "service.beta.kubernetes.io/azure-load-balancer-internal",
        *(_ALB + name for name in ("certificate-arn", "listen-ports", "scheme", "ssl-policy", "ssl-redirect")),
        *(_ALB + name for name in ("actions.ssl-redirect", "backend-protocol")),
        *(_APPGW + name for name in ("appgw-ssl-certificate", "ssl-redirect", "use-private-ip")),
        *(_NGINX + name for name in ("ssl-redirect", "force-ssl-redirect", "ssl-passthrough")),
        *(_TRAEFIK + name for name in ("router.tls", "router.entrypoints", "router.middlewares")),
        *(_NLB + name for name in ("ssl-cert", "ssl-ports", "ssl-negotiation-policy", "backend-protocol")),
        *(_NLB + name for name in ("internal", "scheme", "type")),
    ),
)


class Bare(msgspec.Struct, gc=False):
    """Whatever has metadata: what a row that cannot be read is called."""

    metadata: Meta[NoAnnotations] = msgspec.field(default_factory=Meta)


class Thing(msgspec.Struct, Generic[A, S], gc=False):
    """An object with a spec whose status is not looked at."""

    metadata: Meta[A] = msgspec.field(default_factory=Meta)
    spec: Union[S, UnsetType, None] = UNSET


# ------------------------------------------------------------ storage


class DataSource(msgspec.Struct, gc=False):
    """What a claim was filled from."""

    kind: Text = UNSET
    name: Text = UNSET
    apiGroup: Text = UNSET
    namespace: Text = UNSET


class Resources(msgspec.Struct, gc=False):
    """What a claim asks for."""

    requests: Words = UNSET


class ClaimSpec(msgspec.Struct, gc=False):
    """A claim's spec."""

    accessModes: Texts = UNSET
    storageClassName: Text = UNSET
    volumeName: Text = UNSET
    volumeMode: Text = UNSET
    volumeAttributesClassName: Text = UNSET
    resources: Union[Resources, UnsetType, None] = UNSET
    dataSource: Union[DataSource, UnsetType, None] = UNSET
    dataSourceRef: Union[DataSource, UnsetType, None] = UNSET


class Phase(msgspec.Struct, gc=False):
    """A claim's or volume's status."""

    phase: Text = UNSET
    capacity: Words = UNSET


class Claim(msgspec.Struct, gc=False):
    """PersistentVolumeClaim."""

    metadata: Meta[ClaimAnnotations] = msgspec.field(default_factory=Meta)
    spec: Union[ClaimSpec, UnsetType, None] = UNSET
    status: Union[Phase, UnsetType, None] = UNSET


class Csi(msgspec.Struct, gc=False):
    """A driver's volume."""

    driver: Text = UNSET
    volumeHandle: Text = UNSET
    volumeAttributes: Words = UNSET
    fsType: Text = UNSET


class Elsewhere(msgspec.Struct, gc=False):
    """A volume that no driver of a cloud has made, as far as it says where it is."""

    server: Text = UNSET
    path: Text = UNSET
    driver: Text = UNSET
    shareName: Text = UNSET
    volumeID: Text = UNSET
    volumePath: Text = UNSET
    pdName: Text = UNSET
    diskName: Text = UNSET
    diskURI: Text = UNSET
    kind: Text = UNSET
    image: Text = UNSET
    pool: Text = UNSET


Place = Union[Elsewhere, UnsetType, None]


class Expression(msgspec.Struct, gc=False):
    """One condition on a node's labels."""

    key: str = ""
    operator: Text = UNSET
    values: Texts = UNSET


class Term(msgspec.Struct, gc=False):
    """Conditions that hold together."""

    matchExpressions: Union[list[Expression], UnsetType, None] = UNSET


class Terms(msgspec.Struct, gc=False):
    """Conditions one of which holds."""

    nodeSelectorTerms: Union[list[Term], UnsetType, None] = UNSET


class Affinity(msgspec.Struct, gc=False):
    """Where a volume can be used."""

    required: Union[Terms, UnsetType, None] = UNSET


class Bound(msgspec.Struct, gc=False):
    """The claim that a volume is bound to."""

    namespace: Text = UNSET
    name: Text = UNSET
    uid: Text = UNSET


class VolumeSpec(msgspec.Struct, gc=False):
    """A volume's spec. Of the sources that are not CSI the whole list of the API, for one that is not named would
    look like none.
    """

    capacity: Words = UNSET
    accessModes: Texts = UNSET
    storageClassName: Text = UNSET
    volumeMode: Text = UNSET
    volumeAttributesClassName: Text = UNSET
    persistentVolumeReclaimPolicy: Text = UNSET
    mountOptions: Texts = UNSET
    claimRef: Union[Bound, UnsetType, None] = UNSET
    nodeAffinity: Union[Affinity, UnsetType, None] = UNSET
    csi: Union[Csi, UnsetType, None] = UNSET
    awsElasticBlockStore: Place = UNSET
    azureDisk: Place = UNSET
    azureFile: Place = UNSET
    gcePersistentDisk: Place = UNSET
    cephfs: Place = UNSET
    cinder: Place = UNSET
    fc: Place = UNSET
    flexVolume: Place = UNSET
    flocker: Place = UNSET
    glusterfs: Place = UNSET
    hostPath: Place = UNSET
    iscsi: Place = UNSET
    local: Place = UNSET
    nfs: Place = UNSET
    photonPersistentDisk: Place = UNSET
    portworxVolume: Place = UNSET
    quobyte: Place = UNSET
    rbd: Place = UNSET
    scaleIO: Place = UNSET
    storageos: Place = UNSET
    vsphereVolume: Place = UNSET


class Volume(msgspec.Struct, gc=False):
    """PersistentVolume."""

    metadata: Meta[VolumeAnnotations] = msgspec.field(default_factory=Meta)
    spec: Union[VolumeSpec, UnsetType, None] = UNSET
    status: Union[Phase, UnsetType, None] = UNSET


class StorageClass(msgspec.Struct, gc=False):
    """StorageClass."""

    metadata: Meta[ClassAnnotations] = msgspec.field(default_factory=Meta)
    provisioner: Text = UNSET
    parameters: Words = UNSET
    reclaimPolicy: Text = UNSET
    volumeBindingMode: Text = UNSET
    allowVolumeExpansion: Flag = UNSET
    mountOptions: Texts = UNSET


class SnapshotSource(msgspec.Struct, gc=False):
    """What a snapshot was taken of, or its handle where it was there before."""

    volumeHandle: Text = UNSET
    snapshotHandle: Text = UNSET


class SnapshotSpec(msgspec.Struct, gc=False):
    """A snapshot content's spec."""

    driver: Text = UNSET
    deletionPolicy: Text = UNSET
    volumeSnapshotClassName: Text = UNSET
    source: Union[SnapshotSource, UnsetType, None] = UNSET
    volumeSnapshotRef: Union[Bound, UnsetType, None] = UNSET


class SnapshotStatus(msgspec.Struct, gc=False):
    """A snapshot content's status."""

    snapshotHandle: Text = UNSET
    creationTime: Number = UNSET
    readyToUse: Flag = UNSET
    restoreSize: Number = UNSET


class SnapshotContent(msgspec.Struct, gc=False):
    """VolumeSnapshotContent."""

    metadata: Meta[NoAnnotations] = msgspec.field(default_factory=Meta)
    spec: Union[SnapshotSpec, UnsetType, None] = UNSET
    status: Union[SnapshotStatus, UnsetType, None] = UNSET


# ------------------------------------------------------------ workloads


class ClaimName(msgspec.Struct, gc=False):
    """A claim that a template names."""

    claimName: str = ""


class OnNode(msgspec.Struct, gc=False):
    """A directory of a node, kept or made for a pod."""

    path: Text = UNSET
    type: Text = UNSET
    medium: Text = UNSET
    sizeLimit: Union[str, int, UnsetType, None] = UNSET


class Ephemeral(msgspec.Struct, gc=False):
    """A claim that lives with its pod."""

    volumeClaimTemplate: Union[Thing[ClaimAnnotations, ClaimSpec], UnsetType, None] = UNSET


class PodVolume(msgspec.Struct, gc=False):
    """One volume of a pod; Secrets and ConfigMaps are passed over."""

    name: str = ""
    persistentVolumeClaim: Union[ClaimName, UnsetType, None] = UNSET
    ephemeral: Union[Ephemeral, UnsetType, None] = UNSET
    emptyDir: Union[OnNode, UnsetType, None] = UNSET
    hostPath: Union[OnNode, UnsetType, None] = UNSET
    csi: Union[Csi, UnsetType, None] = UNSET
    awsElasticBlockStore: Place = UNSET
    azureDisk: Place = UNSET
    azureFile: Place = UNSET
    gcePersistentDisk: Place = UNSET
    cephfs: Place = UNSET
    cinder: Place = UNSET
    fc: Place = UNSET
    flexVolume: Place = UNSET
    glusterfs: Place = UNSET
    iscsi: Place = UNSET
    nfs: Place = UNSET
    portworxVolume: Place = UNSET
    quobyte: Place = UNSET
    rbd: Place = UNSET
    scaleIO: Place = UNSET
    storageos: Place = UNSET
    vsphereVolume: Place = UNSET


class PodSpec(msgspec.Struct, gc=False):
    """A pod's spec, as far as it stores something."""

    volumes: Union[list[PodVolume], UnsetType, None] = UNSET


class PodTemplate(msgspec.Struct, gc=False):
    """What pods are made from."""

    spec: Union[PodSpec, UnsetType, None] = UNSET


class Selector(msgspec.Struct, gc=False):
    """Whose pods are whose."""

    matchLabels: Words = UNSET


class Ordinals(msgspec.Struct, gc=False):
    """The first ordinal."""

    start: Number = UNSET


class Retention(msgspec.Struct, gc=False):
    """What becomes of claims."""

    whenDeleted: Text = UNSET
    whenScaled: Text = UNSET


class JobSpec(msgspec.Struct, gc=False):
    """A job's spec."""

    template: Union[PodTemplate, UnsetType, None] = UNSET


class JobTemplate(msgspec.Struct, gc=False):
    """What jobs are made from."""

    spec: Union[JobSpec, UnsetType, None] = UNSET


class WorkloadSpec(msgspec.Struct, gc=False):
    """The spec of a StatefulSet, Deployment, DaemonSet or CronJob."""

    replicas: Number = UNSET
    serviceName: Text = UNSET
    schedule: Text = UNSET
    suspend: Flag = UNSET
    ordinals: Union[Ordinals, UnsetType, None] = UNSET
    selector: Union[Selector, UnsetType, None] = UNSET
    persistentVolumeClaimRetentionPolicy: Union[Retention, UnsetType, None] = UNSET
    volumeClaimTemplates: Union[list[Thing[ClaimAnnotations, ClaimSpec]], UnsetType, None] = UNSET
    template: Union[PodTemplate, UnsetType, None] = UNSET
    jobTemplate: Union[JobTemplate, UnsetType, None] = UNSET


Workload = Thing[NoAnnotations, WorkloadSpec]

# ------------------------------------------------------------ network


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

# ------------------------------------------------------------ the cluster itself


class NodeSpec(msgspec.Struct, gc=False):
    """A node's spec."""

    providerID: Text = UNSET


Node = Thing[NoAnnotations, NodeSpec]


class Group(msgspec.Struct, gc=False):
    """A group of the API."""

    name: str = ""


class Groups(msgspec.Struct, gc=False):
    """`/apis`."""

    kind: str
    groups: list[Group]


class Allowed(msgspec.Struct, gc=False):
    """The answer of a self review."""

    allowed: bool
    reason: Text = UNSET


class Review(msgspec.Struct, gc=False):
    """SelfSubjectAccessReview."""

    kind: str
    status: Allowed


# ------------------------------------------------------------ as fields

_PRIVATE = ("secret", "passw", "token", "credential", "userkey", "accountkey", "accesskey")


def fields_of(thing: msgspec.Struct) -> dict[str, Any]:
    """The object's own fields, as it named and nested them, without its version; what was absent is absent."""
    fields: dict[str, Any] = msgspec.to_builtins(thing)
    fields.get("metadata", {}).pop("resourceVersion", None)
    for holder, name in ((fields, "parameters"), ((fields.get("spec") or {}).get("csi"), "volumeAttributes")):
        if isinstance(holder, dict) and isinstance(table := holder.get(name), dict):
            holder[name] = public(table)
    return fields


def public(options: Mapping[str, str]) -> dict[str, str]:
    """A driver's options without those that are, or lead to, a secret."""
    return {key: value for key, value in options.items() if not any(word in key.lower() for word in _PRIVATE)}


def text(value: Any) -> str:
    """A field that is text; empty where it is absent or null."""
    return value if isinstance(value, str) else ""


def within(thing: Any, *names: str) -> Any:
    """The field at the end of a path of fields; None where one of them is absent or null."""
    for name in names:
        if thing is UNSET or thing is None:
            return None
        thing = getattr(thing, name)
    return None if thing is UNSET else thing
