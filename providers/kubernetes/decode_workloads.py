"""What an API server answers of workloads (`providers.kubernetes.decode` has the rest)."""

from typing import Union

import msgspec
from msgspec import UNSET, UnsetType

from providers.kubernetes.decode import (
    ClaimSpec,
    Csi,
    Flag,
    NoAnnotations,
    Number,
    Place,
    Text,
    Thing,
    Words,
)


class ClaimName(msgspec.Struct, gc=False):
    """A claim that a template names."""

    claimName: str = ""


class OnNode(msgspec.Struct, gc=False):
    """A directory of a node, kept or made for a pod."""

    path: Text = UNSET
    type: Text = UNSET
    medium: Text = UNSET
    sizeLimit: Union[str, int, UnsetType, None] = UNSET


class TemplateMeta(msgspec.Struct, gc=False):
    """What claims made from a template are called and labelled."""

    name: str = ""
    labels: Words = UNSET


class ClaimTemplate(msgspec.Struct, gc=False):
    """What claims are made from."""

    metadata: TemplateMeta = msgspec.field(default_factory=TemplateMeta)
    spec: Union[ClaimSpec, UnsetType, None] = UNSET


class Ephemeral(msgspec.Struct, gc=False):
    """A claim that lives with its pod."""

    volumeClaimTemplate: Union[ClaimTemplate, UnsetType, None] = UNSET


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
    volumeClaimTemplates: Union[list[ClaimTemplate], UnsetType, None] = UNSET
    template: Union[PodTemplate, UnsetType, None] = UNSET
    jobTemplate: Union[JobTemplate, UnsetType, None] = UNSET


Workload = Thing[NoAnnotations, WorkloadSpec]
