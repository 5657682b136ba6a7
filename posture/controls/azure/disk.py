"""Managed disks, their snapshots, and the disk encryption sets between them and a customer's key."""

from typing import Any

import msgspec

from posture.azure.gallery import VERSIONS, replicas
from posture.azure.key import CONFIDENTIAL, SECURITY_TYPES, TYPES, named_key
from posture.context import Context
from posture.controls.azure.keys import class_verdict, key_ids, used_key_health, vault_key_health
from posture.controls.registry import control
from posture.fields import flag, low, part, parts, strange, text
from posture.keyclass import conferred, key_holder
from posture.policy import decide
from posture.reading import NoAnswer, expected, field_of, nested
from posture.resource import KeyClass, Resource
from posture.verdict import Status, Verdict, failed, passed, unknown, warned

_READS = {
    "azure.compute.disk": "Microsoft.Compute/disks/read",
    "azure.compute.snapshot": "Microsoft.Compute/snapshots/read",
    "azure.compute.image": "Microsoft.Compute/images/read",
    "azure.compute.gallery-image-version": VERSIONS,
}
_SETS = "Microsoft.Compute/diskEncryptionSets/read"
_ON_SETS = frozenset({"azure.compute.disk-encryption-set"})
_NAME_SETS = frozenset({"encryption-sets"})
"""The services whose resources point at keys."""
_TYPE = "Microsoft.Compute/disks.properties.encryption.type"
_ACCESS = {None, "denyall", "allowprivate"}
"""Network access policies that are no warning; without one, nobody has opened it by a signed link's host."""

# One verdict for 10,000 disks, not 10,000 equal ones.
_ENCRYPTED = {kind.lower(): passed(f"encrypted at rest: {kind}", {_TYPE: kind}) for kind in TYPES}
_UNSAID = warned("the answer has no encryption block: an old disk, encrypted by the platform", {_TYPE: None})


@control("azure.disk.encryption-type", on="azure.compute.disk")
def encryption_type(disk: Resource, context: Context) -> Verdict:
    """The platform encrypts every managed disk: what counts is whose key, and that the disk was seen at all."""
    kind = text(_encryption(disk), _READS[disk.type], "type")
    if kind is None:
        return _UNSAID
    return _ENCRYPTED.get(low(kind) or "") or strange(_READS[disk.type], "encryption.type", kind)


@control("azure.disk.key-policy", on="azure.compute.disk")
def key_policy(disk: Resource, context: Context) -> Verdict:
    """Both layers of a doubly encrypted disk count as the customer's: it includes a platform layer and is not
    provider-managed.
    """
    return _class(disk, context, "azure.disk.key-policy")


@control(
    "azure.disk.snapshot-encryption",
    on=("azure.compute.snapshot", "azure.compute.image", "azure.compute.gallery-image-version"),
)
def snapshot_encryption(snapshot: Resource, context: Context) -> Verdict:
    """The same rule as for disks; a snapshot that anybody with a signed link may read from anywhere is worth a look."""
    if snapshot.type == "azure.compute.image":
        return _image(snapshot, context)
    if snapshot.type == "azure.compute.gallery-image-version":
        return _gallery(snapshot, context)
    verdict = _class(snapshot, context, "azure.disk.snapshot-encryption")
    if verdict.status is not Status.PASS:
        return verdict
    access = text(_properties(snapshot), _READS[snapshot.type], "networkAccessPolicy")
    if low(access) == "allowall":
        return warned(
            "as the policy says, but networkAccessPolicy is AllowAll",
            {**verdict.evidence, "Microsoft.Compute/snapshots.networkAccessPolicy": access},
        )
    return verdict if low(access) in _ACCESS else strange(_READS[snapshot.type], "networkAccessPolicy", access)


@control("azure.disk.des-health", on=("azure.compute.disk-encryption-set", "azure.keyvault.key"))
def des_health(encryption_set: Resource, context: Context) -> Verdict:
    """A set whose key cannot be used stops the machines on it, or keeps them from starting. A key is judged where a
    set uses it.
    """
    if encryption_set.type == "azure.keyvault.key":
        return used_key_health(encryption_set, context, _ON_SETS, _NAME_SETS)
    properties = field_of(encryption_set, _SETS, "properties")
    url = text(expected(nested(properties, _SETS, "activeKey"), dict, _SETS, "activeKey"), _SETS, "keyUrl")
    rotates = flag(properties, _SETS, "rotationToLatestKeyVersionEnabled") is True
    facts: dict[str, Any] = {
        "diskEncryptionSets.properties.activeKey.keyUrl": url,
        "diskEncryptionSets.properties.rotationToLatestKeyVersionEnabled": rotates,
    }
    if error := part(properties, _SETS, "autoKeyRotationError"):
        return failed("key rotation fails", {**facts, "diskEncryptionSets.properties.autoKeyRotationError": error})
    if url is None:
        return unknown(f"{_SETS} answered without activeKey.keyUrl", evidence=facts)
    key = context.linked(encryption_set, "key")
    if key is None:
        return unknown("its key has not been seen", evidence=facts)
    health = vault_key_health(key, context.now)
    health = msgspec.structs.replace(health, evidence={**facts, **health.evidence})
    if health.status is Status.PASS and not rotates:
        return warned(
            "key is enabled, but new versions are not followed: rotation is off",
            health.evidence,
            until=health.valid_until,
        )
    return health


def _image(image: Resource, context: Context) -> Verdict:
    """An image names the encryption set of each of its disks, and no type."""
    read = _READS[image.type]
    storage = nested(_properties(image), read, "storageProfile")
    system = expected(nested(storage, read, "osDisk"), dict, read, "storageProfile.osDisk")
    disks = [system, *(parts(storage, read, "dataDisks") or ())]
    sets = [text(part(disk, read, "diskEncryptionSet"), read, "id") for disk in disks]
    if any(each is None and disk.get("diskEncryptionSet") is not None for each, disk in zip(sets, disks, strict=True)):
        return strange(read, "diskEncryptionSet.id", None)
    facts = {"Microsoft.Compute/images.properties.storageProfile.*.diskEncryptionSet.id": sets}
    if len({str(each).rstrip("/").lower() for each in sets}) > 1:
        return unknown("its disks are under different keys", evidence=facts)
    if sets[0] and context.linked(image, "key") is None:
        return unknown("its disk encryption set has not been seen", evidence=facts)
    observed = key_holder(image, context) if sets[0] else KeyClass.PROVIDER
    return class_verdict(
        observed,
        context,
        "azure.disk.snapshot-encryption",
        ids=(*key_ids(context.linked(image, "key")), sets[0]),
        evidence=facts,
    )


def _gallery(version: Resource, context: Context) -> Verdict:
    """A version is kept in several regions, each image there under a key of its own: as the worst of them."""
    kept = replicas(_properties(version))
    held = {_plain(to): holder for to, holder in context.linked_all(version, "key")}
    facts = {f"{VERSIONS}.targetRegions.encryption.diskEncryptionSetId": kept}
    verdicts: list[Verdict] = []
    for region, sets in kept.items():
        for named in dict.fromkeys(sets):
            holder = held.get(_plain(named))
            if named and holder is None:
                verdicts.append(unknown(f"{region}: its disk encryption set has not been seen", evidence=facts))
                continue
            observed = conferred(holder, version, context) if named else KeyClass.PROVIDER
            ids = (*key_ids(holder), named or None)
            verdict = class_verdict(observed, context, "azure.disk.snapshot-encryption", ids=ids, evidence=facts)
            verdicts.append(msgspec.structs.replace(verdict, reason=f"{region}: {verdict.reason}"))
    return min(verdicts, key=lambda verdict: verdict.status)


def _plain(id: str) -> str:
    return id.strip().rstrip("/").lower()


def _class(disk: Resource, context: Context, control_id: str) -> Verdict:
    read = _READS[disk.type]
    encryption, security = _encryption(disk), part(_properties(disk), read, "securityProfile")
    kind, set_id = text(encryption, read, "type"), text(encryption, read, "diskEncryptionSetId")
    guest, secure_set = text(security, read, "securityType"), text(security, read, "secureVMDiskEncryptionSetId")
    facts = {_TYPE: kind, "Microsoft.Compute/disks.properties.encryption.diskEncryptionSetId": set_id}
    if security:
        facts |= {
            f"Microsoft.Compute/disks.properties.securityProfile.{name}": security.get(name)
            for name in ("securityType", "secureVMDiskEncryptionSetId")
        }
    if kind is not None and low(kind) not in _ENCRYPTED:
        return strange(read, "encryption.type", kind)
    if guest is not None and low(guest) not in SECURITY_TYPES and low(guest) != CONFIDENTIAL:
        return strange(read, "securityProfile.securityType", guest)
    said, leads = named_key(kind, set_id, guest, secure_set)
    holder = context.linked(disk, "key")
    observed = key_holder(disk, context) if said is None else said
    if said is None and holder is None:
        # The disk says that it is a customer's; only whether of this Entra tenant or another's, the set would say.
        either_way = {
            decide(each, context.policy, control_id, key=None)
            for each in (KeyClass.CUSTOMER, KeyClass.CUSTOMER_FOREIGN)
        }
        if either_way != {Status.FAIL}:
            return unknown("its disk encryption set has not been seen", evidence=facts)
        observed = KeyClass.CUSTOMER
    return class_verdict(observed, context, control_id, ids=(*key_ids(holder), leads), evidence=facts)


def _encryption(disk: Resource) -> dict[str, Any]:
    return part(_properties(disk), _READS[disk.type], "encryption")


def _properties(disk: Resource) -> dict[str, Any]:
    found = field_of(disk, _READS[disk.type], "properties")
    if not isinstance(found, dict) or not found:
        raise NoAnswer(unknown(f"{_READS[disk.type]} answered without properties"))
    return found
