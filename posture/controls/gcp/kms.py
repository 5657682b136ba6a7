"""Cloud KMS: can the key versions that something names be used, and do the keys rotate."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from posture.context import Context
from posture.controls.gcp.keys import GET_KEY, number, plain, rotation_days, version_health
from posture.controls.registry import control
from posture.fields import strange, text
from posture.reading import NoAnswer, field_of, optional
from posture.resource import Resource
from posture.verdict import Status, Verdict, failed, not_applicable, passed, unknown, warned

NAMED_BY: Mapping[str, tuple[str, str, str]] = {
    "gcp.compute.disk": ("compute.disks.aggregatedList", "diskEncryptionKey", "kmsKeyName"),
    "gcp.compute.snapshot": ("compute.snapshots.list", "snapshotEncryptionKey", "kmsKeyName"),
    "gcp.compute.image": ("compute.images.list", "imageEncryptionKey", "kmsKeyName"),
    "gcp.compute.machine-image": ("compute.machineImages.list", "machineImageEncryptionKey", "kmsKeyName"),
    "gcp.storage.bucket": ("storage.buckets.list", "encryption", "defaultKmsKeyName"),
    "gcp.container.cluster": ("container.clusters.list", "databaseEncryption", "keyName"),
    "gcp.file.instance": ("file.instances.list", "", "kmsKeyName"),
}
"""Type -> the listing, the block ("" for none) and the field in it that name a key."""
_OTHER_PURPOSES = ("ASYMMETRIC_SIGN", "ASYMMETRIC_DECRYPT", "RAW_ENCRYPT_DECRYPT", "MAC", "KEY_ENCAPSULATION")
_LEVELS = ("SOFTWARE", "HSM", "HSM_SINGLE_TENANT", "EXTERNAL", "EXTERNAL_VPC")
# the services whose resources point at keys
_NAME_KEYS = frozenset({"deleted-buckets", "disks", "filestore", "gke", "objects", "snapshots", "storage"})
_NO_KEY = not_applicable("no key of Cloud KMS is involved")


@control("gcp.kms.key-state", on=("gcp.kms.key", *NAMED_BY))
def key_state(resource: Resource, context: Context) -> Verdict:
    """On a key: all of its versions that something names. On what names it: that version, or the primary where it
    names none.
    """
    return _key(resource, context) if resource.type == "gcp.kms.key" else _user(resource, context)


def _user(user: Resource, context: Context) -> Verdict:
    operation, block, field = NAMED_BY[user.type]
    named = (
        optional(field_of(user, operation, block), dict, operation, block)
        if block
        else {field: field_of(user, operation, field)}
    )
    name = text(named, operation, field)
    if name is None:
        return _NO_KEY
    key = context.linked(user, "key")
    if key is None:
        return unknown("its key has not been seen", evidence={f"{operation}.{f'{block}.{field}'.strip('.')}": name})
    return version_health(key, plain(str(name))[1], context.now)


def _key(key: Resource, context: Context) -> Verdict:
    if GET_KEY not in key.faults and key.fields.get("NotFound") is True:
        if any(context.users(key)):
            return failed("key does not exist, and is used")
        return _idle(key, context, "key does not exist") or not_applicable(
            "key does not exist, and nothing seen uses it"
        )
    primary = optional(field_of(key, GET_KEY, "primary"), dict, GET_KEY, "primary")
    uses = Counter(_versions(key, context))
    evidence: dict[str, Any] = {"users": dict(sorted(context.count_kinds(key).items()))}
    purpose = field_of(key, GET_KEY, "purpose")
    if purpose in _OTHER_PURPOSES:
        return not_applicable(f"purpose is {purpose}: it cannot protect what is stored", evidence)
    if purpose != "ENCRYPT_DECRYPT":
        return strange(GET_KEY, "purpose", purpose)
    now = version_health(key, "", context.now)
    if not uses and now.status is Status.FAIL:
        return _idle(key, context, now.reason, now.evidence) or not_applicable(
            "not usable, but nothing seen uses it", {**now.evidence, **evidence}
        )
    verdicts = {
        number(primary or {}): now,
        **{version: _health(key, version, context) for version in sorted(uses) if version},
    }
    for status in (Status.FAIL, Status.UNKNOWN):
        for version, verdict in verdicts.items():
            if verdict.status is status:
                many = {"used by": uses[version]} if uses[version] else {}
                return Verdict(
                    status, verdict.reason, {**verdict.evidence, **evidence, **many}, verdict.valid_until, verdict.fault
                )
    return _care(key, primary or {}, context, {**now.evidence, **evidence})


def _idle(key: Resource, context: Context, reason: str, evidence: Mapping[str, Any] | None = None) -> Verdict | None:
    """Why it cannot be said that nothing uses the key."""
    silent = context.unanswered(key, _NAME_KEYS.__contains__)
    return (
        unknown(
            f"{reason}; whether it is used is not known: {silent.id} is {silent.state}", silent.fault, evidence or {}
        )
        if silent
        else None
    )


def _health(key: Resource, version: str, context: Context) -> Verdict:
    try:
        return version_health(key, version, context.now)
    except NoAnswer as none:
        return none.verdict


def _versions(key: Resource, context: Context) -> Iterator[str]:
    """The version each user names, "" for the primary."""
    for user in context.users(key):
        if (named := NAMED_BY.get(user.type)) is not None:
            block = user.fields.get(named[1]) if named[1] else user.fields
            yield plain(str((block if isinstance(block, Mapping) else {}).get(named[2]) or ""))[1]
        elif user.type == "k8s.storageclass":  # what it makes is under the primary
            yield ""


def _care(key: Resource, primary: Mapping[str, Any], context: Context, evidence: dict[str, Any]) -> Verdict:
    """A healthy key, that may yet depend on a third party or never rotate."""
    level = text(primary, GET_KEY, "protectionLevel")
    if level not in _LEVELS:
        return strange(GET_KEY, "primary.protectionLevel", level)
    if level.startswith("EXTERNAL"):
        return warned(
            "external key: available only while a third party is",
            {**evidence, f"{GET_KEY}.primary.protectionLevel": level},
        )
    days, limit = rotation_days(key), context.policy.rotation_max_days
    evidence[f"{GET_KEY}.rotationPeriod"] = key.fields.get("rotationPeriod")
    if days is None:
        return warned("ENABLED, but does not rotate by itself", evidence)
    if days > limit:
        return warned(f"ENABLED, but rotates every {days:.0f} d, policy: at most {limit} d", evidence)
    return passed(f"ENABLED, rotates every {days:.0f} d", evidence)
