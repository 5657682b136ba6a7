"""Which thing of a cloud an object of a cluster stands on: a driver's handle in, the id out by which the clouds'
rooms know it.

Sources: the drivers' own parsers: aws-ebs-csi-driver, azuredisk-csi-driver, gcp-compute-persistent-disk-csi-driver,
aws-efs, aws-fsx, azurefile, blobfuse, gcp-filestore and gcs-fuse drivers; kubernetes/csi-translation-lib for the
in-tree forms.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from posture.resource import Link
from providers.kubernetes.decode import Node, SnapshotContent, StorageClass, Volume, text, within

COMPUTE, STORAGE = "//compute.googleapis.com", "//storage.googleapis.com"
CONTAINER = "//container.googleapis.com"
FILE, KMS = "//file.googleapis.com", "//cloudkms.googleapis.com"
UNSPECIFIED = "UNSPECIFIED"

UNPARSABLE = "unparsable"
NODE_LOCAL = "node-local"
UNMANAGED = "unmanaged"
NO_PROJECT = "project-unspecified"
NO_ZONE = "zone-unspecified"
NO_ACCOUNT = "account-unknown"
NO_BUCKET = "bucket-unknown"

_EBS, _SNAP, _EC2 = (
    re.compile(r"vol-[0-9a-f]{8,17}"),
    re.compile(r"snap-[0-9a-f]{8,17}"),
    re.compile(r"i-[0-9a-f]{8,17}"),
)
_IN_TREE_EBS = re.compile(r"(?:aws://([a-z0-9-]*)/)?(vol-[0-9a-f]{8,17})")
_EFS = re.compile(r"(?:efs:|s3files:)?(fs-[0-9a-f]{8,40})(?::.*)?", re.DOTALL)
_FSX = re.compile(r"fs-[0-9a-f]{8,40}")
_GCP_NAME = r"[a-z](?:[a-z0-9-]*[a-z0-9])?"
_GCP_PROJECT = r"(?:[a-z0-9.-]+:)?[a-z0-9-]+"
_PD = re.compile(
    rf"projects/({_GCP_PROJECT}|{UNSPECIFIED})/(zones|regions)/({_GCP_NAME}|{UNSPECIFIED})/disks/({_GCP_NAME})"
)
_PD_SNAPSHOT = re.compile(rf"projects/{_GCP_PROJECT}/(?:global|regions/{_GCP_NAME})/(?:snapshots|images)/{_GCP_NAME}")
_GCE_KEY = re.compile(rf"(projects/{_GCP_PROJECT}/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+)(?:/.*)?")
_AZURE_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_FILESTORE = re.compile(r"modeInstance/([^/]+)/([^/]+)/[^/]+")
_MULTISHARE = re.compile(r"modeMultishare/[^/]+/([^/]+)/([^/]+)/([^/]+)/[^/]+")
_REGION = re.compile(r"[a-z]+(?:-[a-z]+)+-\d+")
_ARN = re.compile(r"arn:[a-z0-9-]+:kms:[a-z0-9-]+:\d{12}:(?:key|alias)/.+")
_EKS = re.compile(r"arn:[a-z0-9-]+:eks:[a-z0-9-]+:\d{12}:cluster/[A-Za-z0-9_-]{1,100}")
GKE = re.compile(r"gke_([a-z0-9.:-]+)_([a-z0-9-]+)_([a-z0-9-]+)")
"""How gcloud calls the contexts that it makes: project, zone or region, cluster."""
_ZONES = ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone")
_REGIONS = ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region")
_AFFINE = ("topology.gke.io/zone", "topology.ebs.csi.aws.com/zone", "topology.disk.csi.azure.com/zone", *_ZONES)


class Handle(msgspec.Struct, frozen=True):
    """Where something stands: links to it, its handle as the cluster has it, the word for what is wrong with that
    ("" for nothing), and its region where the cluster says it.
    """

    links: tuple[Link, ...] = ()
    text: str = ""
    problem: str = ""
    region: str = ""


def volume_of(volume: Volume, project: str = "") -> Handle:
    """What a PersistentVolume stands on. `project` is the cluster's in Google Cloud, "" where it is not known. A driver
    that is not known has a handle and no link.
    """
    csi = within(volume, "spec", "csi")
    zones, region = zones_of(volume), _region_of(volume)
    if csi is not None:
        handle, parse = text(csi.volumeHandle), _DRIVERS.get(text(csi.driver))
        if parse is None:
            return Handle(text=handle, region=region)
        found = parse(handle, _Around(zones, project, csi.volumeAttributes or {}, region))
    elif (in_tree := within(volume, "spec", "awsElasticBlockStore")) is not None:
        handle = text(in_tree.volumeID)
        found = _in_tree_ebs(handle, region)
    elif (in_tree := within(volume, "spec", "azureDisk")) is not None:
        handle = text(in_tree.diskURI)
        found = _azure_disk(handle, _Around())
    elif (in_tree := within(volume, "spec", "gcePersistentDisk")) is not None:
        handle = text(in_tree.pdName)
        found = _in_tree_pd(handle, zones, project)
    elif (in_tree := within(volume, "spec", "azureFile")) is not None:  # its account is in a Secret
        handle = text(in_tree.shareName)
        found = Handle(problem=NO_ACCOUNT)
    else:
        return Handle(region=region)
    return msgspec.structs.replace(found, text=handle, region=found.region or region)


def snapshot_of(content: SnapshotContent) -> Handle:
    """What a VolumeSnapshotContent stands for; the handle of one that was there before stands in its spec."""
    handle = text(within(content, "status", "snapshotHandle")) or text(
        within(content, "spec", "source", "snapshotHandle")
    )
    driver, to = text(within(content, "spec", "driver")), ""
    if not handle:
        return Handle()
    if driver in _EBS_DRIVERS and _SNAP.fullmatch(handle):
        to = handle
    elif driver == "disk.csi.azure.com" and _is_arm(handle, "snapshots"):
        to = arm(handle)
    elif driver == "pd.csi.storage.gke.io" and _PD_SNAPSHOT.fullmatch(handle):
        to = f"{COMPUTE}/{handle}"
    elif driver not in {*_EBS_DRIVERS, "disk.csi.azure.com", "pd.csi.storage.gke.io"}:
        return Handle(text=handle)
    return Handle((Link("snapshot", to),), handle) if to else Handle(text=handle, problem=UNPARSABLE)


def key_of(storage_class: StorageClass) -> str | None:
    """The key that a class names for its volumes, as the cloud's room knows it: an ARN, a disk encryption set, a
    CryptoKey. None for none, and for one that its name alone does not tell.
    """
    provisioner, parameters = text(storage_class.provisioner), storage_class.parameters or {}
    folded = {name.lower(): value.strip() for name, value in parameters.items()}
    if provisioner in {*_EBS_DRIVERS, "kubernetes.io/aws-ebs"}:
        return _arn(folded.get("kmskeyid"))
    if provisioner == "fsx.csi.aws.com":
        return _arn(parameters.get("kmsKeyId"))
    if provisioner in {"disk.csi.azure.com", "kubernetes.io/azure-disk"}:
        named = folded.get("diskencryptionsetid", "")
        return arm(named) if _is_arm(named, "diskencryptionsets") else None
    name = {
        "pd.csi.storage.gke.io": "disk-encryption-kms-key",
        "kubernetes.io/gce-pd": "disk-encryption-kms-key",
        "filestore.csi.storage.gke.io": "instance-encryption-kms-key",
    }.get(provisioner)
    found = _GCE_KEY.fullmatch(folded.get(name, "")) if name else None
    return f"{KMS}/{found[1]}" if found else None


def machine_of(node: Node) -> tuple[str, str]:
    """The id of the machine that a node is ("" where its providerID is none we know), and its project in Google
    Cloud.
    """
    said = text(within(node, "spec", "providerID"))
    cloud, _, path = said.partition("://")
    parts = path.strip("/").split("/")
    if cloud == "aws" and _EC2.fullmatch(parts[-1]):
        return parts[-1], ""
    if cloud == "azure" and arm(path).startswith("/subscriptions/"):
        return arm(path), ""
    if cloud == "gce" and len(parts) == 3 and all(parts):
        return f"{COMPUTE}/projects/{parts[0]}/zones/{parts[1]}/instances/{parts[2]}", parts[0]
    return "", ""


def cluster_of(*names: str) -> tuple[str, ...]:
    """The id by which its cloud knows a cluster, told by what a kubeconfig calls it: the ARN of EKS, or the name that
    gcloud makes of project, location and cluster; empty for all other names.
    """
    found = [found for name in names if (found := _cluster_of(name))]
    return tuple(dict.fromkeys(found))


def _cluster_of(name: str) -> str:
    if _EKS.fullmatch(name):
        return name
    gke = GKE.fullmatch(name)
    return f"{CONTAINER}/projects/{gke[1]}/locations/{gke[2]}/clusters/{gke[3]}" if gke else ""


def region_of(cluster: str) -> str:
    """The region of AWS that the ARN of a cluster names, as its room calls it; empty for other names."""
    parts = cluster.split(":")
    return f"aws://{parts[4]}/{parts[3]}" if _EKS.fullmatch(cluster) else ""


def arm(resource_id: str) -> str:
    """An id of Azure Resource Manager in the form in which they are compared: `providers/azure/ids.py` has the same."""
    return resource_id.strip().rstrip("/").lower()


def project_of(volume: Volume) -> str:
    """The Google Cloud project that a volume's handle names; "" for none."""
    found = _PD.fullmatch(text(within(volume, "spec", "csi", "volumeHandle")))
    return "" if found is None or found[1] == UNSPECIFIED else found[1]


# ------------------------------------------------------------ where it is


def zones_of(volume: Volume) -> tuple[str, ...]:
    """The zones a volume can be used in: its label, which names two with `__` between them, else its affinity."""
    labels = within(volume, "metadata", "labels") or {}
    for name in _ZONES:
        if labels.get(name):
            return tuple(zone for zone in labels[name].split("__") if zone)
    return tuple(dict.fromkeys(value for key in _AFFINE for value in _affine(volume, key)))


def _affine(volume: Volume, key: str) -> Iterator[str]:
    for term in within(volume, "spec", "nodeAffinity", "required", "nodeSelectorTerms") or ():
        for expression in term.matchExpressions or ():
            if expression.key == key and text(expression.operator) == "In":
                yield from (value for value in expression.values or () if value)


def _region_of(volume: Volume) -> str:
    labels = within(volume, "metadata", "labels") or {}
    said = next((labels[name] for name in _REGIONS if labels.get(name)), "")
    regions = {_region(zone) for zone in zones_of(volume)} - {""}
    return said or (regions.pop() if len(regions) == 1 else "")


def _region(zone: str) -> str:
    """The region of a zone: us-west-2 of AWS's `us-west-2-lax-1a`, us-central1 of Google's `us-central1-a`, eastus of
    Azure's `eastus-1`.
    """
    found = _REGION.match(zone)
    if found:
        return found[0]
    head, _, tail = zone.rpartition("-")
    return head if (len(tail) == 1 and tail.isalnum()) else ""


# ------------------------------------------------------------ what each driver calls a volume


class _Around(msgspec.Struct, frozen=True):
    """What stands beside a handle."""

    zones: Sequence[str] = ()
    project: str = ""
    attributes: Mapping[str, str] = {}
    region: str = ""


def _linked(rel: str, *to: str, region: str = "") -> Handle:
    return Handle(tuple(Link(rel, id) for id in to), region=region)


def _ebs(handle: str, around: _Around) -> Handle:
    if handle.startswith("local-ebs://"):
        return Handle(problem=NODE_LOCAL)
    return _linked("volume", handle) if _EBS.fullmatch(handle) else Handle(problem=UNPARSABLE)


def _in_tree_ebs(handle: str, region: str) -> Handle:
    found = _IN_TREE_EBS.fullmatch(handle)
    return (
        _linked("volume", found[2], region=region or _region(found[1] or "")) if found else Handle(problem=UNPARSABLE)
    )


def _azure_disk(handle: str, around: _Around) -> Handle:
    if handle.lower().startswith(("http://", "https://")):
        return Handle(problem=UNMANAGED)
    return _linked("volume", arm(handle)) if _is_arm(handle, "disks") else Handle(problem=UNPARSABLE)


def _is_arm(named: str, collection: str) -> bool:
    parts = arm(named).split("/")
    return (
        len(parts) == 9
        and all(parts[1:])
        and (parts[0], parts[1], parts[3], parts[5]) == ("", "subscriptions", "resourcegroups", "providers")
        and (parts[6], parts[7]) == ("microsoft.compute", collection)
    )


def _pd(handle: str, around: _Around) -> Handle:
    found = _PD.fullmatch(handle)
    if found is None:
        return Handle(problem=UNPARSABLE)
    project, where, place, disk = found.groups()
    project = around.project if project == UNSPECIFIED else project
    if not project:
        return Handle(problem=NO_PROJECT)
    if place == "multi-zone":  # one of that name in each of its zones
        return _disks(project, "zones", around.zones, disk) if around.zones else Handle(problem=NO_ZONE)
    if place == UNSPECIFIED:
        if where == "regions":
            regions = sorted({_region(zone) for zone in around.zones} - {""})
            return _disks(project, where, regions, disk) if len(regions) == 1 else Handle(problem=NO_ZONE)
        return _disks(project, where, around.zones, disk) if len(around.zones) == 1 else Handle(problem=NO_ZONE)
    return _disks(project, where, (place,), disk)


def _in_tree_pd(name: str, zones: Sequence[str], project: str) -> Handle:
    if not re.fullmatch(_GCP_NAME, name):
        return Handle(problem=UNPARSABLE)
    if not project:
        return Handle(problem=NO_PROJECT)
    if len(zones) > 1:  # two zones: a regional disk
        regions = {_region(zone) for zone in zones}
        return _disks(project, "regions", tuple(regions), name) if len(regions) == 1 else Handle(problem=NO_ZONE)
    return _disks(project, "zones", zones, name) if zones else Handle(problem=NO_ZONE)


def _disks(project: str, where: str, places: Sequence[str], disk: str) -> Handle:
    if not all(re.fullmatch(_GCP_NAME, place) for place in places):
        return Handle(problem=NO_ZONE)
    region = places[0] if where == "regions" else _region(places[0])
    return _linked("volume", *(f"{COMPUTE}/projects/{project}/{where}/{p}/disks/{disk}" for p in places), region=region)


def _efs(handle: str, around: _Around) -> Handle:
    found = _EFS.fullmatch(handle)
    return _linked("filesystem", found[1]) if found else Handle(problem=UNPARSABLE)


def _fsx(handle: str, around: _Around) -> Handle:
    return _linked("filesystem", handle) if _FSX.fullmatch(handle) else Handle(problem=UNPARSABLE)


def _azure_file(handle: str, around: _Around) -> Handle:
    return _azure_account("filesystem", handle, around)


def _azure_blob(handle: str, around: _Around) -> Handle:
    return _azure_account("bucket", handle, around)


def _azure_account(rel: str, handle: str, around: _Around) -> Handle:
    """The storage account: second in a handle that the driver made, an attribute beside one that somebody chose. An
    account's name is its own in all of Azure.
    """
    folded = {name.lower(): value for name, value in around.attributes.items()}
    parts = handle.split("#")
    account = parts[1] if len(parts) >= 3 else folded.get("storageaccount") or folded.get("storageaccountname") or ""
    return _linked(rel, storage_account(account)) if _AZURE_ACCOUNT.fullmatch(account) else Handle(problem=NO_ACCOUNT)


def storage_account(name: str) -> str:
    """How links name an Azure storage account of which only the name is known."""
    return f"storageaccount:{name.lower()}"


def _filestore(handle: str, around: _Around) -> Handle:
    if found := _MULTISHARE.fullmatch(handle):
        project, location, instance = found.groups()
    elif found := _FILESTORE.fullmatch(handle):
        project, (location, instance) = around.project, found.groups()
    else:
        return Handle(problem=UNPARSABLE)
    if not project:
        return Handle(problem=NO_PROJECT)
    return _linked("filesystem", f"{FILE}/projects/{project}/locations/{location}/instances/{instance}")


def _gcs(handle: str, around: _Around) -> Handle:
    bucket = handle.partition(":")[0]
    if bucket == "_" or not _BUCKET.fullmatch(bucket):  # `_`: whichever the pod may see
        return Handle(problem=NO_BUCKET)
    return _linked("bucket", f"{STORAGE}/projects/_/buckets/{bucket}")


def _s3(handle: str, around: _Around) -> Handle:
    bucket = around.attributes.get("bucketName", "")
    if not _BUCKET.fullmatch(bucket):
        return Handle(problem=NO_BUCKET)
    first = around.region.partition("-")[0]
    partition = {"cn": "aws-cn", "eusc": "aws-eusc"}.get(first, "aws")
    return _linked("bucket", f"arn:{'aws-us-gov' if around.region.startswith('us-gov-') else partition}:s3:::{bucket}")


def _arn(named: str | None) -> str | None:
    return named if named and _ARN.fullmatch(named) else None


_EBS_DRIVERS = frozenset({"ebs.csi.aws.com", "ebs.csi.eks.amazonaws.com"})
_DRIVERS: dict[str, Callable[[str, _Around], Handle]] = {
    **dict.fromkeys(_EBS_DRIVERS, _ebs),
    "disk.csi.azure.com": _azure_disk,
    "pd.csi.storage.gke.io": _pd,
    "efs.csi.aws.com": _efs,
    "fsx.csi.aws.com": _fsx,
    "file.csi.azure.com": _azure_file,
    "blob.csi.azure.com": _azure_blob,
    "filestore.csi.storage.gke.io": _filestore,
    "gcsfuse.csi.storage.gke.io": _gcs,
    "s3.csi.aws.com": _s3,
}
