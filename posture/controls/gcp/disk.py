"""Compute Engine and Filestore: whose key protects disks, snapshots, images and file systems."""

from posture.context import Context
from posture.controls.gcp.keys import class_of, class_verdict
from posture.controls.registry import control
from posture.fields import text
from posture.reading import expected, field_of, optional
from posture.resource import Resource
from posture.verdict import Verdict, failed, passed, unknown

LIST_DISKS = "compute.disks.aggregatedList"
LIST_INSTANT = "compute.instantSnapshots.aggregatedList"
LIST_FILESTORE = "file.instances.list"
BLOCKS = {
    "gcp.compute.snapshot": ("compute.snapshots.list", "snapshotEncryptionKey"),
    "gcp.compute.image": ("compute.images.list", "imageEncryptionKey"),
    "gcp.compute.machine-image": ("compute.machineImages.list", "machineImageEncryptionKey"),
}
"""Type -> the listing and the field that tells its key."""
_SOURCES = ("sourceSnapshotEncryptionKey", "sourceImageEncryptionKey")
_NO_CSEK = passed("no customer-supplied key", {f"{LIST_DISKS}.diskEncryptionKey.sha256": None})


@control("gcp.disk.encryption", on=("gcp.compute.disk", "gcp.compute.location", "gcp.file.instance"))
def disk_encryption(disk: Resource, context: Context) -> Verdict:
    """The class as the policy says. A zone that did not answer is judged in place of the disks that nobody could see
    there. A file system has a key's name alone.
    """
    if disk.type == "gcp.file.instance":
        name = _text_of(disk, LIST_FILESTORE, "kmsKeyName")
        observed = class_of({"kmsKeyName": name} if name else None, disk, context.policy)
        return class_verdict(observed, context, "gcp.disk.encryption", name, {f"{LIST_FILESTORE}.kmsKeyName": name})
    block = optional(field_of(disk, LIST_DISKS, "diskEncryptionKey"), dict, LIST_DISKS, "diskEncryptionKey")
    name = text(block, LIST_DISKS, "kmsKeyName")
    evidence = {f"{LIST_DISKS}.diskEncryptionKey{'.kmsKeyName' if name else ''}": name or block}
    return class_verdict(class_of(block, disk, context.policy), context, "gcp.disk.encryption", name, evidence)


@control("gcp.disk.csek", on="gcp.compute.disk")
def csek(disk: Resource, context: Context) -> Verdict:
    """A hash without a key's name is a customer-supplied key, on the disk or on what it was made from."""
    values = {
        "diskEncryptionKey": field_of(disk, LIST_DISKS, "diskEncryptionKey"),
        **{field: disk.fields.get(field) for field in _SOURCES},
    }
    found: dict[str, str] = {}
    for field, value in values.items():
        block = optional(value, dict, LIST_DISKS, field)
        if block is None or text(block, LIST_DISKS, "kmsKeyName"):
            continue
        sha = optional(block.get("sha256"), str, LIST_DISKS, f"{field}.sha256")
        if sha == "":  # as a proto writes that there is none
            continue
        if sha is None:
            return unknown(
                f"{LIST_DISKS}: {field} names neither a key nor a hash of one",
                evidence={f"{LIST_DISKS}.{field}": block},
            )
        found[f"{LIST_DISKS}.{field}.sha256"] = sha
    if not found:
        return _NO_CSEK
    where = "the disk" if f"{LIST_DISKS}.diskEncryptionKey.sha256" in found else "what the disk was made from"
    return failed(f"customer-supplied key on {where}: no longer supported", found)


@control("gcp.disk.snapshot-encryption", on=(*BLOCKS, "gcp.compute.instant-snapshot"))
def snapshot_encryption(stored: Resource, context: Context) -> Verdict:
    """Snapshots and images outlive their disks, and follow the same rule. An instant snapshot has the key of its
    disk.
    """
    if stored.type == "gcp.compute.instant-snapshot":
        of = expected(_text_of(stored, LIST_INSTANT, "sourceDisk"), str, LIST_INSTANT, "sourceDisk")
        disk = context.linked(stored, "disk")
        if disk is None:
            return unknown("the disk that it is of has not been seen", evidence={f"{LIST_INSTANT}.sourceDisk": of})
        stored, operation, field = disk, LIST_DISKS, "diskEncryptionKey"
    else:
        operation, field = BLOCKS[stored.type]
    block = optional(field_of(stored, operation, field), dict, operation, field)
    name = text(block, operation, "kmsKeyName")
    evidence = {f"{operation}.{field}{'.kmsKeyName' if name else ''}": name or block}
    return class_verdict(
        class_of(block, stored, context.policy), context, "gcp.disk.snapshot-encryption", name, evidence
    )


def _text_of(resource: Resource, operation: str, field: str) -> str | None:
    """The text in a field of the resource itself, None where there is none. Raises `NoAnswer`."""
    return text({field: field_of(resource, operation, field)}, operation, field)
