"""What an API server answers, as far as enctop looks at it: the fields' own names, typed, so that a page is decoded in
one go. What is not named here is passed over in the answer and never kept: managedFields, annotations that others use,
references to Secrets in a driver's options.

A field that is absent stays absent (`UNSET`) and one that is null stays null: the two mean different things.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeAlias, TypeVar, Union

import msgspec
from msgspec import UNSET, UnsetType

T = TypeVar("T")
A = TypeVar("A")
S = TypeVar("S")
Text = Union[str, UnsetType, None]
Flag = Union[bool, UnsetType, None]
Number = Union[Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)], UnsetType, None]
"""An int64, as all of the API's are."""
Texts = Union[list[str], UnsetType, None]
Words = Union[dict[str, str], UnsetType, None]
Tables = Union[list[dict[str, Any]], UnsetType, None]


class ListMeta(msgspec.Struct, gc=False):
    """The metadata of a list."""

    resourceVersion: str = ""
    next: str = msgspec.field(name="continue", default="")


class Head(msgspec.Struct, gc=False):
    """What a page says of itself before its items."""

    kind: str
    metadata: ListMeta


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


def _annotations(name: str, kept: Iterable[str]) -> type[msgspec.Struct]:
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

if TYPE_CHECKING:  # made while it runs, which mypy cannot follow
    NoAnnotations: TypeAlias = msgspec.Struct
    ClaimAnnotations: TypeAlias = msgspec.Struct
    VolumeAnnotations: TypeAlias = msgspec.Struct
    ClassAnnotations: TypeAlias = msgspec.Struct
    EdgeAnnotations: TypeAlias = msgspec.Struct
else:
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

_PRIVATE = re.compile(r"secret|passw|token|credential|userkey|accountkey|accesskey", re.IGNORECASE)


def fields_of(thing: msgspec.Struct) -> dict[str, Any]:
    """The object's own fields, as it named and nested them, without its version; what was absent is absent."""
    fields: dict[str, Any] = msgspec.to_builtins(thing)
    if meta := fields.get("metadata"):
        meta.pop("resourceVersion", None)
        if meta.get("annotations") == {}:  # it has some, and none that is kept
            del meta["annotations"]
    return fields


def public(holder: Any, name: str) -> None:
    """Take what is, or leads to, a secret out of a driver's options, which `holder` has under this name."""
    options = holder.get(name) if isinstance(holder, dict) else None
    if isinstance(options, dict):
        holder[name] = {key: value for key, value in options.items() if not _PRIVATE.search(key)}


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
