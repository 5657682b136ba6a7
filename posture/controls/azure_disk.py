"""Managed disks, their snapshots, and the disk encryption sets between them and a customer's key."""

from typing import Any

import msgspec

from posture.clock import parse_rfc3339, rfc3339
from posture.controls.azure_keys import class_verdict, key_ids, used_key_health, vault_key_health
from posture.controls.reading import NoAnswer, told
from posture.controls.registry import Context, control
from posture.keyclass import key_class
from posture.policy import decide
from posture.resource import KeyClass, Resource
from posture.verdict import Status, Verdict, failed, passed, unknown, warned

_READS = {
    "azure.compute.disk": "Microsoft.Compute/disks/read",
    "azure.compute.snapshot": "Microsoft.Compute/snapshots/read",
    "azure.compute.image": "Microsoft.Compute/images/read",
}
_MACHINES = "Microsoft.Compute/virtualMachines/read"
_SETS = "Microsoft.Compute/diskEncryptionSets/read"
_ON_SETS = frozenset({"azure.compute.disk-encryption-set"})
_TYPE = "Microsoft.Compute/disks.properties.encryption.type"
TYPES = ("EncryptionAtRestWithPlatformKey", "EncryptionAtRestWithCustomerKey", "EncryptionAtRestWithPlatformAndCustomerKeys")
ADE_ENDS = parse_rfc3339("2028-09-15T00:00:00Z")
"""Azure Disk Encryption is retired: its disks fail to unlock after a reboot."""

# One verdict for 10,000 disks, not 10,000 equal ones.
_ENCRYPTED = {kind.lower(): passed(f"encrypted at rest: {kind}", {_TYPE: kind}) for kind in TYPES}
_UNSAID = warned("the answer has no encryption block: an old disk, encrypted by the platform", {_TYPE: None})
_NO_ADE = passed("does not depend on Azure Disk Encryption", {"Microsoft.Compute/disks.properties.encryptionSettingsCollection.enabled": False})


@control("azure.disk.encryption-type", on="azure.compute.disk")
def encryption_type(disk: Resource, see: Context) -> Verdict:
    """The platform encrypts every managed disk: what counts is whose key, and that the disk was seen at all."""
    kind = _encryption(disk).get("type")
    if kind is None:
        return _UNSAID
    return _ENCRYPTED.get(str(kind).lower()) or warned(f"encryption is {kind}, which the document does not name", {_TYPE: kind})


@control("azure.disk.key-policy", on="azure.compute.disk")
def key_policy(disk: Resource, see: Context) -> Verdict:
    """Both layers of a doubly encrypted disk count as the customer's: it includes a platform layer and is not provider-managed."""
    return _class(disk, see, "azure.disk.key-policy")


@control("azure.disk.snapshot-encryption", on=("azure.compute.snapshot", "azure.compute.image"))
def snapshot_encryption(snapshot: Resource, see: Context) -> Verdict:
    """The same rule as for disks; a snapshot that anybody with a signed link may read from anywhere is worth a look."""
    if snapshot.type == "azure.compute.image":
        return _image(snapshot, see)
    verdict = _class(snapshot, see, "azure.disk.snapshot-encryption")
    access = _properties(snapshot).get("networkAccessPolicy")
    if verdict.status is Status.PASS and access == "AllowAll":
        return warned(
            "as the policy says, but networkAccessPolicy is AllowAll", {**verdict.evidence, "Microsoft.Compute/snapshots.networkAccessPolicy": access}
        )
    return verdict


@control("azure.disk.des-health", on=("azure.compute.disk-encryption-set", "azure.keyvault.key"))
def des_health(encryption_set: Resource, see: Context) -> Verdict:
    """A set whose key cannot be used stops the machines on it, or keeps them from starting. A key is judged where a set uses it."""
    if encryption_set.type == "azure.keyvault.key":
        return used_key_health(encryption_set, see, _ON_SETS)
    properties = told(encryption_set, _SETS, "properties")
    if not isinstance(properties, dict) or not isinstance(properties.get("activeKey"), dict):
        return unknown(f"{_SETS} answered without activeKey")
    url = properties["activeKey"].get("keyUrl")
    rotates = properties.get("rotationToLatestKeyVersionEnabled") is True
    facts: dict[str, Any] = {"diskEncryptionSets.properties.activeKey.keyUrl": url, "diskEncryptionSets.properties.rotationToLatestKeyVersionEnabled": rotates}
    if properties.get("autoKeyRotationError"):
        return failed("key rotation fails", {**facts, "diskEncryptionSets.properties.autoKeyRotationError": properties["autoKeyRotationError"]})
    key = see.linked(encryption_set, "key")
    if key is None:
        return unknown("its key has not been seen", evidence=facts)
    health = vault_key_health(key, see.now)
    health = msgspec.structs.replace(health, evidence={**facts, **health.evidence})
    if health.status is Status.PASS and not rotates:
        return warned("key is enabled, but new versions are not followed: rotation is off", health.evidence, until=health.valid_until)
    return health


@control("azure.disk.ade-legacy", on=("azure.compute.disk", "azure.compute.vm"))
def ade_legacy(resource: Resource, see: Context) -> Verdict:
    """Encryption inside the guest stacks on the platform's: its absence is not plaintext, its presence ends with the product."""
    if resource.type == "azure.compute.disk":
        settings = _properties(resource).get("encryptionSettingsCollection")
    else:
        properties = told(resource, _MACHINES, "properties")
        if not isinstance(properties, dict):
            return unknown(f"{_MACHINES} answered without properties")
        disk = (properties.get("storageProfile") or {}).get("osDisk") or {}
        settings = disk.get("encryptionSettings")
    if not isinstance(settings, dict) or settings.get("enabled") is not True:
        return _NO_ADE
    facts = {"encryptionSettings.enabled": True, "retired": rfc3339(ADE_ENDS)}
    if see.now >= ADE_ENDS:
        return failed("Azure Disk Encryption was retired on 2028-09-15: does not unlock after a reboot", facts)
    return warned("depends on Azure Disk Encryption, retired on 2028-09-15", facts, until=ADE_ENDS)


def _image(image: Resource, see: Context) -> Verdict:
    """An image names the encryption set of each of its disks, and no type."""
    storage = _properties(image).get("storageProfile")
    system = storage.get("osDisk") if isinstance(storage, dict) else None
    if not isinstance(storage, dict) or not isinstance(system, dict):
        return unknown(f"{_READS[image.type]} answered without storageProfile.osDisk")
    disks = [system, *(disk for disk in storage.get("dataDisks") or () if isinstance(disk, dict))]
    sets = [(disk.get("diskEncryptionSet") or {}).get("id") for disk in disks]
    facts = {"Microsoft.Compute/images.properties.storageProfile.*.diskEncryptionSet.id": sets}
    if len({str(each).lower() for each in sets}) > 1:
        return unknown("its disks are under different keys", evidence=facts)
    if sets[0] and see.linked(image, "key") is None:
        return unknown("its disk encryption set has not been seen", evidence=facts)
    return class_verdict(key_class(image, see), see, "azure.disk.snapshot-encryption", ids=(*key_ids(see.linked(image, "key")), sets[0]), evidence=facts)


def _class(disk: Resource, see: Context, control_id: str) -> Verdict:
    encryption = _encryption(disk)
    holder, observed = see.linked(disk, "key"), key_class(disk, see)
    facts = {_TYPE: encryption.get("type"), "Microsoft.Compute/disks.properties.encryption.diskEncryptionSetId": encryption.get("diskEncryptionSetId")}
    ids = (*key_ids(holder), encryption.get("diskEncryptionSetId"))
    if observed is KeyClass.UNKNOWN and holder is None and str(encryption.get("type")).lower() == TYPES[1].lower():
        # The disk says that it is a customer's; only whether of this Entra tenant or another's, the set would say.
        either_way = {decide(each, see.policy, control_id, key=None) for each in (KeyClass.CUSTOMER, KeyClass.CUSTOMER_FOREIGN)}
        if either_way == {Status.FAIL}:
            observed = KeyClass.CUSTOMER
        else:
            return unknown("its disk encryption set has not been seen", evidence=facts)
    return class_verdict(observed, see, control_id, ids=ids, evidence=facts)


def _encryption(disk: Resource) -> dict[str, Any]:
    found = _properties(disk).get("encryption")
    return found if isinstance(found, dict) else {}


def _properties(disk: Resource) -> dict[str, Any]:
    found = told(disk, _READS[disk.type], "properties")
    if not isinstance(found, dict):
        raise NoAnswer(unknown(f"{_READS[disk.type]} answered without properties"))
    return found
