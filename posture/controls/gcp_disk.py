"""Compute Engine: whose key protects disks, snapshots and images."""

from posture.controls.gcp_keys import class_of, class_verdict
from posture.controls.reading import told
from posture.controls.registry import Context, control
from posture.resource import Resource
from posture.verdict import Verdict, failed, passed

LIST_DISKS = "compute.disks.aggregatedList"
BLOCKS = {"gcp.compute.snapshot": ("compute.snapshots.list", "snapshotEncryptionKey"), "gcp.compute.image": ("compute.images.list", "imageEncryptionKey")}
"""Type -> the listing and the field that tells its key."""
_SOURCES = ("sourceSnapshotEncryptionKey", "sourceImageEncryptionKey")
_NO_CSEK = passed("no customer-supplied key", {f"{LIST_DISKS}.diskEncryptionKey.sha256": None})


@control("gcp.disk.encryption", on=("gcp.compute.disk", "gcp.compute.location"))
def disk_encryption(disk: Resource, see: Context) -> Verdict:
    """The class as the policy says. A zone that did not answer is judged in place of the disks that nobody could see there."""
    block = told(disk, LIST_DISKS, "diskEncryptionKey")
    name = (block or {}).get("kmsKeyName")
    evidence = {f"{LIST_DISKS}.diskEncryptionKey{'.kmsKeyName' if name else ''}": name or block}
    return class_verdict(class_of(block, disk, see.policy), see, "gcp.disk.encryption", name, evidence)


@control("gcp.disk.csek", on="gcp.compute.disk")
def csek(disk: Resource, see: Context) -> Verdict:
    """A hash without a key's name is a customer-supplied key, on the disk or on what it was made from."""
    blocks = {"diskEncryptionKey": told(disk, LIST_DISKS, "diskEncryptionKey"), **{field: disk.fields.get(field) for field in _SOURCES}}
    found = {
        f"{LIST_DISKS}.{field}.sha256": block["sha256"]
        for field, block in blocks.items()
        if isinstance(block, dict) and block.get("sha256") and not block.get("kmsKeyName")
    }
    if not found:
        return _NO_CSEK
    where = "the disk" if f"{LIST_DISKS}.diskEncryptionKey.sha256" in found else "what the disk was made from"
    return failed(f"customer-supplied key on {where}: no longer supported", found)


@control("gcp.disk.snapshot-encryption", on=tuple(BLOCKS))
def snapshot_encryption(stored: Resource, see: Context) -> Verdict:
    """Snapshots and images outlive their disks, and follow the same rule."""
    operation, field = BLOCKS[stored.type]
    block = told(stored, operation, field)
    name = (block or {}).get("kmsKeyName")
    evidence = {f"{operation}.{field}{'.kmsKeyName' if name else ''}": name or block}
    return class_verdict(class_of(block, stored, see.policy), see, "gcp.disk.snapshot-encryption", name, evidence)
