"""Every form of handle that a driver gives, and what it is in a cloud."""

from typing import Any

import msgspec
import pytest

from providers.azure.ids import normal
from providers.kubernetes.decode import Node, SnapshotContent, StorageClass, Volume
from providers.kubernetes.handles import (
    arm,
    cluster_of,
    key_of,
    machine_of,
    project_of,
    region_of,
    snapshot_of,
    volume_of,
)

DISK = "/subscriptions/00000000-0000-0000-0000-00000000000A/resourceGroups/MC_rg/providers/Microsoft.Compute/disks/D1"
PD = "//compute.googleapis.com/projects/acme/"
EBS = "vol-0123456789abcdef0"
FOLDED = DISK.lower()
BETA, ZONE = "failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"
REGION = "topology.kubernetes.io/region"


def volume(
    source: dict[str, Any], labels: dict[str, str] | None = None, zones: dict[str, list[str]] | None = None
) -> Volume:
    """A volume with this source; `zones` is its affinity."""
    terms = [
        {"matchExpressions": [{"key": key, "operator": "In", "values": values}]}
        for key, values in (zones or {}).items()
    ]
    spec = {**source, **({"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}} if terms else {})}
    return msgspec.convert({"metadata": {"name": "pv", "labels": labels or {}}, "spec": spec}, Volume)


def csi(driver: str, handle: str, **attributes: str) -> dict[str, Any]:
    """A volume of a driver."""
    return {"csi": {"driver": driver, "volumeHandle": handle, "volumeAttributes": attributes}}


def ebs(handle: str) -> dict[str, Any]:
    """Of EBS."""
    return csi("ebs.csi.aws.com", handle)


def pd(handle: str) -> dict[str, Any]:
    """Of Google Cloud."""
    return csi("pd.csi.storage.gke.io", handle)


def azure(handle: str) -> dict[str, Any]:
    """Of Azure."""
    return csi("disk.csi.azure.com", handle)


IN_ZONE = {"topology.gke.io/zone": ["us-central1-a"]}
TWO_ZONES = {"topology.gke.io/zone": ["us-central1-a", "us-central1-b"]}
VOLUMES: dict[str, tuple[Volume, list[tuple[str, str]], str, str]] = {
    "ebs": (volume(ebs(EBS), zones={ZONE: ["us-east-1a"]}), [("volume", EBS)], "", "us-east-1"),
    "ebs of old": (volume(ebs("vol-0123abcd")), [("volume", "vol-0123abcd")], "", ""),
    "auto mode": (volume(csi("ebs.csi.eks.amazonaws.com", EBS)), [("volume", EBS)], "", ""),
    "auto mode, on a node": (volume(csi("ebs.csi.eks.amazonaws.com", "local-ebs://dev/xvdbz")), [], "node-local", ""),
    "a local zone": (
        volume(ebs(EBS), zones={"topology.ebs.csi.aws.com/zone": ["us-west-2-lax-1a"]}),
        [("volume", EBS)],
        "",
        "us-west-2",
    ),
    "wavelength": (volume(ebs(EBS), {ZONE: "us-east-1-wl1-bos-wlz-1"}), [("volume", EBS)], "", "us-east-1"),
    "gov": (volume(ebs(EBS), {BETA: "us-gov-west-1a"}), [("volume", EBS)], "", "us-gov-west-1"),
    "sovereign": (volume(ebs(EBS), {ZONE: "eusc-de-east-1a"}), [("volume", EBS)], "", "eusc-de-east-1"),
    "two regions": (volume(ebs(EBS), zones={ZONE: ["us-east-1a", "us-west-2a"]}), [("volume", EBS)], "", ""),
    "ebs, upper case": (volume(ebs(EBS.upper())), [], "unparsable", ""),
    "ebs, more": (volume(ebs(f"{EBS}/x")), [], "unparsable", ""),
    "ebs, none": (volume(ebs("")), [], "unparsable", ""),
    "in tree": (
        volume({"awsElasticBlockStore": {"volumeID": f"aws://us-east-1a/{EBS}"}}),
        [("volume", EBS)],
        "",
        "us-east-1",
    ),
    "in tree, no zone": (volume({"awsElasticBlockStore": {"volumeID": f"aws:///{EBS}"}}), [("volume", EBS)], "", ""),
    "in tree, bare": (volume({"awsElasticBlockStore": {"volumeID": EBS}}), [("volume", EBS)], "", ""),
    "in tree, odd": (volume({"awsElasticBlockStore": {"volumeID": "aws://x"}}), [], "unparsable", ""),
    "azure": (volume(azure(DISK), {REGION: "eastus"}), [("volume", FOLDED)], "", "eastus"),
    "azure, a slash": (volume(azure(f"{DISK}/ ")), [("volume", FOLDED)], "", ""),
    "azure, in tree": (volume({"azureDisk": {"diskURI": DISK, "diskName": "D1"}}), [("volume", FOLDED)], "", ""),
    "azure, a blob": (
        volume({"azureDisk": {"diskURI": "https://a.blob.core.windows.net/vhds/d.vhd"}}),
        [],
        "unmanaged",
        "",
    ),
    "azure, eight parts": (volume(azure(DISK.rpartition("/")[0])), [], "unparsable", ""),
    "azure, ten parts": (volume(azure(f"{DISK}/x")), [], "unparsable", ""),
    "azure, a snapshot": (volume(azure(DISK.replace("disks", "snapshots"))), [], "unparsable", ""),
    "pd": (
        volume(pd("projects/acme/zones/us-central1-a/disks/d")),
        [("volume", f"{PD}zones/us-central1-a/disks/d")],
        "",
        "us-central1",
    ),
    "pd of a domain": (
        volume(pd("projects/example.com:acme/zones/us-central1-a/disks/d")),
        [("volume", "//compute.googleapis.com/projects/example.com:acme/zones/us-central1-a/disks/d")],
        "",
        "us-central1",
    ),
    "pd, regional": (
        volume(pd("projects/acme/regions/us-central1/disks/d")),
        [("volume", f"{PD}regions/us-central1/disks/d")],
        "",
        "us-central1",
    ),
    "pd, in many zones": (
        volume(pd("projects/acme/zones/multi-zone/disks/d"), zones=TWO_ZONES),
        [("volume", f"{PD}zones/us-central1-a/disks/d"), ("volume", f"{PD}zones/us-central1-b/disks/d")],
        "",
        "us-central1",
    ),
    "pd, in many unknown zones": (volume(pd("projects/acme/zones/multi-zone/disks/d")), [], "zone-unspecified", ""),
    "pd, no project": (
        volume(pd("projects/UNSPECIFIED/zones/us-central1-a/disks/d")),
        [("volume", "//compute.googleapis.com/projects/home/zones/us-central1-a/disks/d")],
        "",
        "us-central1",
    ),
    "pd, nothing": (
        volume(pd("projects/UNSPECIFIED/zones/UNSPECIFIED/disks/d"), zones=IN_ZONE),
        [("volume", "//compute.googleapis.com/projects/home/zones/us-central1-a/disks/d")],
        "",
        "us-central1",
    ),
    "pd, two zones": (
        volume(pd("projects/acme/zones/UNSPECIFIED/disks/d"), zones=TWO_ZONES),
        [],
        "zone-unspecified",
        "us-central1",
    ),
    "pd, no region": (
        volume(pd("projects/acme/regions/UNSPECIFIED/disks/d"), zones=TWO_ZONES),
        [("volume", f"{PD}regions/us-central1/disks/d")],
        "",
        "us-central1",
    ),
    "pd, odd": (volume(pd("projects/acme/zones/us-central1-a/disks/../x")), [], "unparsable", ""),
    "gce in tree": (
        volume({"gcePersistentDisk": {"pdName": "d"}}, {ZONE: "us-west1-z", BETA: "us-central1-a"}),
        [("volume", "//compute.googleapis.com/projects/home/zones/us-central1-a/disks/d")],
        "",
        "us-central1",
    ),
    "gce in tree, regional": (
        volume({"gcePersistentDisk": {"pdName": "d"}}, {ZONE: "us-central1-a__us-central1-b"}),
        [("volume", "//compute.googleapis.com/projects/home/regions/us-central1/disks/d")],
        "",
        "us-central1",
    ),
    "gce in tree, nowhere": (volume({"gcePersistentDisk": {"pdName": "d"}}), [], "zone-unspecified", ""),
    "efs": (volume(csi("efs.csi.aws.com", "fs-0123456789abcdef0")), [("filesystem", "fs-0123456789abcdef0")], "", ""),
    "efs, a path and a point": (
        volume(csi("efs.csi.aws.com", "fs-0123abcd:/data:fsap-0123")),
        [("filesystem", "fs-0123abcd")],
        "",
        "",
    ),
    "efs, a point": (
        volume(csi("efs.csi.aws.com", "fs-0123abcd::fsap-0123")),
        [("filesystem", "fs-0123abcd")],
        "",
        "",
    ),
    "efs of 2026": (volume(csi("efs.csi.aws.com", "efs:fs-0123abcd:/x")), [("filesystem", "fs-0123abcd")], "", ""),
    "s3 files": (volume(csi("efs.csi.aws.com", "s3files:fs-0123abcd")), [("filesystem", "fs-0123abcd")], "", ""),
    "efs, odd": (volume(csi("efs.csi.aws.com", "share")), [], "unparsable", ""),
    "fsx": (volume(csi("fsx.csi.aws.com", "fs-0123abcd")), [("filesystem", "fs-0123abcd")], "", ""),
    "azure file": (
        volume(csi("file.csi.azure.com", "rg#acmefiles#pvc-1###ns#")),
        [("filesystem", "storageaccount:acmefiles")],
        "",
        "",
    ),
    "azure file, by hand": (
        volume(csi("file.csi.azure.com", "anything", storageAccount="acmefiles")),
        [("filesystem", "storageaccount:acmefiles")],
        "",
        "",
    ),
    "azure file, by whom": (volume(csi("file.csi.azure.com", "anything")), [], "account-unknown", ""),
    "azure file in tree": (volume({"azureFile": {"shareName": "s"}}), [], "account-unknown", ""),
    "azure blob": (
        volume(csi("blob.csi.azure.com", "rg#acmeblobs#container#")),
        [("bucket", "storageaccount:acmeblobs")],
        "",
        "",
    ),
    "filestore": (
        volume(csi("filestore.csi.storage.gke.io", "modeInstance/us-central1-c/nfs/vol1")),
        [("filesystem", "//file.googleapis.com/projects/home/locations/us-central1-c/instances/nfs")],
        "",
        "",
    ),
    "filestore, shared": (
        volume(csi("filestore.csi.storage.gke.io", "modeMultishare/p/acme/us-central1/nfs/share")),
        [("filesystem", "//file.googleapis.com/projects/acme/locations/us-central1/instances/nfs")],
        "",
        "",
    ),
    "gcs": (
        volume(csi("gcsfuse.csi.storage.gke.io", "acme-data:more")),
        [("bucket", "//storage.googleapis.com/projects/_/buckets/acme-data")],
        "",
        "",
    ),
    "gcs, all": (volume(csi("gcsfuse.csi.storage.gke.io", "_")), [], "bucket-unknown", ""),
    "s3": (volume(csi("s3.csi.aws.com", "x", bucketName="acme-data")), [("bucket", "arn:aws:s3:::acme-data")], "", ""),
    "s3 in china": (
        volume(csi("s3.csi.aws.com", "x", bucketName="acme-data"), {REGION: "cn-north-1"}),
        [("bucket", "arn:aws-cn:s3:::acme-data")],
        "",
        "cn-north-1",
    ),
    "s3, none": (volume(csi("s3.csi.aws.com", "acme-data")), [], "bucket-unknown", ""),
    "ceph": (volume(csi("rook-ceph.rbd.csi.ceph.com", "0001-0009-rook-ceph-01-uuid")), [], "", ""),
    "a host's path": (volume({"hostPath": {"path": "/data"}}), [], "", ""),
}


@pytest.mark.parametrize("name", VOLUMES)
def test_a_volume_is_followed_to_where_its_driver_says_it_is(name: str) -> None:
    pv, links, problem, region = VOLUMES[name]
    found = volume_of(pv, "home")
    assert ([(link.rel, link.to) for link in found.links], found.problem, found.region) == (links, problem, region)


def test_without_a_project_a_disk_that_does_not_name_one_is_nobodys() -> None:
    for pv in (
        volume(pd("projects/UNSPECIFIED/zones/us-central1-a/disks/d")),
        volume({"gcePersistentDisk": {"pdName": "d"}}, {ZONE: "us-central1-a"}),
        volume(csi("filestore.csi.storage.gke.io", "modeInstance/us-central1-c/nfs/vol1")),
    ):
        assert (volume_of(pv).links, volume_of(pv).problem) == ((), "project-unspecified")
        assert project_of(pv) == ""
    assert project_of(volume(pd("projects/acme/zones/us-central1-a/disks/d"))) == "acme"


def snapshot(driver: str, handle: str = "", source: str = "") -> SnapshotContent:
    """A content with a handle in its status, or in its spec."""
    spec = {"driver": driver, "source": {"snapshotHandle": source} if source else {"volumeHandle": "v"}}
    return msgspec.convert({"spec": spec, "status": {"snapshotHandle": handle} if handle else {}}, SnapshotContent)


SNAP, SNAPSHOTS = "snap-0123456789abcdef0", "projects/acme/global/snapshots/s"


@pytest.mark.parametrize(
    ("content", "to", "problem"),
    [
        (snapshot("ebs.csi.aws.com", SNAP), SNAP, ""),
        (snapshot("ebs.csi.aws.com", source=SNAP), SNAP, ""),
        (snapshot("ebs.csi.aws.com", "vol-0123abcd"), None, "unparsable"),
        (snapshot("disk.csi.azure.com", DISK.replace("disks", "snapshots")), FOLDED.replace("disks", "snapshots"), ""),
        (snapshot("disk.csi.azure.com", DISK), None, "unparsable"),
        (snapshot("pd.csi.storage.gke.io", SNAPSHOTS), f"//compute.googleapis.com/{SNAPSHOTS}", ""),
        (
            snapshot("pd.csi.storage.gke.io", "projects/acme/global/images/i"),
            "//compute.googleapis.com/projects/acme/global/images/i",
            "",
        ),
        (snapshot("pd.csi.storage.gke.io", "projects/acme/zones/z/disks/d"), None, "unparsable"),
        (snapshot("rbd.csi.ceph.com", "0001-x"), None, ""),
        (snapshot("ebs.csi.aws.com"), None, ""),
    ],
)
def test_a_snapshot_is_found_by_the_handle_of_its_status_else_by_that_of_its_spec(
    content: SnapshotContent, to: str | None, problem: str
) -> None:
    found = snapshot_of(content)
    assert ([link.to for link in found.links], found.problem) == ([to] if to else [], problem)
    assert all(link.rel == "snapshot" for link in found.links)


ARN = "arn:aws:kms:us-east-1:111122223333:key/1234abcd"
SET = DISK.replace("disks/D1", "diskEncryptionSets/S")
KEY = "projects/acme/locations/us/keyRings/r/cryptoKeys/k"


@pytest.mark.parametrize(
    ("provisioner", "parameters", "key"),
    [
        ("ebs.csi.aws.com", {"KMSKEYID": ARN}, ARN),
        ("kubernetes.io/aws-ebs", {"kmsKeyId": ARN}, ARN),
        ("ebs.csi.aws.com", {"kmsKeyId": "1234abcd"}, None),
        ("fsx.csi.aws.com", {"kmsKeyId": ARN}, ARN),
        ("fsx.csi.aws.com", {"kmskeyid": ARN}, None),
        ("disk.csi.azure.com", {"diskencryptionsetid": SET}, SET.lower()),
        ("kubernetes.io/azure-disk", {"diskEncryptionSetID": SET}, SET.lower()),
        ("disk.csi.azure.com", {"diskEncryptionSetID": DISK}, None),
        ("pd.csi.storage.gke.io", {"Disk-Encryption-KMS-Key": KEY}, f"//cloudkms.googleapis.com/{KEY}"),
        (
            "kubernetes.io/gce-pd",
            {"disk-encryption-kms-key": f"{KEY}/cryptoKeyVersions/3"},
            f"//cloudkms.googleapis.com/{KEY}",
        ),
        (
            "filestore.csi.storage.gke.io",
            {"instance-encryption-kms-key": KEY},
            f"//cloudkms.googleapis.com/{KEY}",
        ),
        ("ebs.csi.aws.com", {"encrypted": "true"}, None),
        ("rbd.csi.ceph.com", {"encryptionKMSID": "vault"}, None),
    ],
)
def test_a_class_points_at_the_key_that_it_names(provisioner: str, parameters: dict[str, str], key: str | None) -> None:
    assert key_of(msgspec.convert({"provisioner": provisioner, "parameters": parameters}, StorageClass)) == key


@pytest.mark.parametrize(
    ("provider_id", "machine"),
    [
        ("aws:///us-east-1a/i-0123456789abcdef0", ("i-0123456789abcdef0", "")),
        ("azure://" + DISK.replace("disks", "virtualMachines"), (FOLDED.replace("disks", "virtualmachines"), "")),
        (
            "azure:///subscriptions/S/resourceGroups/mc_x/providers/Microsoft.Compute/virtualMachineScaleSets/P/virtualMachines/3",
            (
                "/subscriptions/s/resourcegroups/mc_x/providers/microsoft.compute/virtualmachinescalesets/p/virtualmachines/3",
                "",
            ),
        ),
        ("gce://acme/us-central1-a/n1", (f"{PD}zones/us-central1-a/instances/n1", "acme")),
        ("kind://docker/kind/n1", ("", "")),
        ("", ("", "")),
    ],
)
def test_a_node_is_the_machine_that_its_provider_id_names(provider_id: str, machine: tuple[str, str]) -> None:
    assert machine_of(msgspec.convert({"spec": {"providerID": provider_id}}, Node)) == machine


@pytest.mark.parametrize("id", [DISK, f" {DISK}/\n", DISK.upper(), "", "/"])
def test_an_id_of_azure_is_folded_as_azures_own_room_does(id: str) -> None:
    assert arm(id) == normal(id)


@pytest.mark.parametrize(
    ("names", "known_as", "region"),
    [
        (
            ["arn:aws:eks:us-east-1:111122223333:cluster/prod"] * 2,
            ["arn:aws:eks:us-east-1:111122223333:cluster/prod"],
            "aws://111122223333/us-east-1",
        ),
        (["mine", "arn:aws-cn:eks:cn-north-1:1:cluster/prod"], [], ""),
        (
            ["gke_acme-prod_us-central1_prod", "x"],
            ["//container.googleapis.com/projects/acme-prod/locations/us-central1/clusters/prod"],
            "",
        ),
        (["gke_acme_prod"], [], ""),
        (["prod", "kubernetes"], [], ""),
    ],
)
def test_a_cluster_is_known_to_its_cloud_as_its_kubeconfig_says(
    names: list[str], known_as: list[str], region: str
) -> None:
    found = cluster_of(*names)
    assert list(found) == known_as
    assert [region_of(each) for each in found] == ([region] if found else [])
