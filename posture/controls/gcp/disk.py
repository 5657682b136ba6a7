"""Compute Engine: whose key protects disks, snapshots and images."""

from posture.context import Context
from posture.controls.gcp.keys import class_of, class_verdict
from posture.controls.registry import control
from posture.fields import text
from posture.reading import field_of, optional
from posture.resource import Resource
from posture.verdict import Verdict, failed, passed, unknown

LIST_DISKS = "compute.disks.aggregatedList"
BLOCKS = {
    "gcp.compute.snapshot": ("compute.snapshots.list", "snapshotEncryptionKey"),
    "gcp.compute.image": ("compute.images.list", "imageEncryptionKey"),
}
"""Type -> the listing and the field that tells its key."""
_SOURCES = ("sourceSnapshotEncryptionKey", "sourceImageEncryptionKey")
_NO_CSEK = passed("no customer-supplied key", {f"{LIST_DISKS}.diskEncryptionKey.sha256": None})


@control("gcp.disk.encryption", on=("gcp.compute.disk", "gcp.compute.location"))
def disk_encryption(disk: Resource, context: Context) -> Verdict:
    """The class as the policy says. A zone that did not answer is judged in place of the disks that nobody could see
    there.
    """
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


@control("gcp.disk.snapshot-encryption", on=tuple(BLOCKS))
def snapshot_encryption(stored: Resource, context: Context) -> Verdict:
    """Snapshots and images outlive their disks, and follow the same rule."""
    operation, field = BLOCKS[stored.type]
    block = optional(field_of(stored, operation, field), dict, operation, field)
    name = text(block, operation, "kmsKeyName")
    evidence = {f"{operation}.{field}{'.kmsKeyName' if name else ''}": name or block}
    return class_verdict(
        class_of(block, stored, context.policy), context, "gcp.disk.snapshot-encryption", name, evidence
    )
