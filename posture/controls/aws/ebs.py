"""EBS: volumes, snapshots, each region's defaults, and the launch templates of nodes."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from posture.context import Context
from posture.controls.aws.keys import class_verdict, key_health, linked_key
from posture.controls.registry import control
from posture.keyclass import DESCRIBE_KEY, key_class, key_holder
from posture.reading import NoAnswer, expected, field_of, optional, word
from posture.resource import KeyClass, Resource
from posture.verdict import EvidenceClass, Status, Verdict, failed, not_applicable, passed, unknown, warned

_LISTED_BY = {"aws.ebs.volume": "ec2:DescribeVolumes", "aws.ebs.snapshot": "ec2:DescribeSnapshots"}
_KEY_ARN = re.compile(r"arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:(?:key|alias)/.+")
_SHARING = frozenset({"block-all-sharing", "block-new-sharing", "unblocked"})
_DEFAULT_KEY = "ec2:GetEbsDefaultKmsKeyId"
_DEFAULT_ON = "ec2:GetEbsEncryptionByDefault"
_BLOCK = "ec2:GetSnapshotBlockPublicAccessState"
_SHARED = "ec2:DescribeSnapshots(RestorableByUserIds=all)"
_TEMPLATE = "ec2:DescribeLaunchTemplateVersions"

# One verdict for 10,000 volumes, not 10,000 equal ones.
_VOLUME = {
    True: passed("Encrypted is true", {"ec2:DescribeVolumes.Encrypted": True}),
    False: failed("Encrypted is false", {"ec2:DescribeVolumes.Encrypted": False}),
}
_SNAPSHOT = {
    True: passed("Encrypted is true", {"ec2:DescribeSnapshots.Encrypted": True}),
    False: failed("Encrypted is false", {"ec2:DescribeSnapshots.Encrypted": False}),
}
_DELETED = not_applicable("the volume is deleted", {"ec2:DescribeVolumes.State": "deleted"})
_NO_KEY = not_applicable("not encrypted: no key is involved")


@control("aws.ebs.volume-encrypted", on="aws.ebs.volume")
def volume_encrypted(volume: Resource, context: Context) -> Verdict:
    """Attached or not, in any state but `deleted`."""
    encrypted = _encrypted(volume)
    return _DELETED if volume.fields.get("State") == "deleted" else _VOLUME[encrypted]


@control("aws.ebs.volume-key-policy", on="aws.ebs.volume")
def volume_key_policy(volume: Resource, context: Context) -> Verdict:
    """The class as the policy says; a key that neither the region nor the policy names is worth a look."""
    _encrypted(volume)
    key = context.linked(volume, "key")
    evidence = {"ec2:DescribeVolumes.KmsKeyId": volume.fields.get("KmsKeyId")}
    verdict = class_verdict(
        key_class(volume, context), context.policy, "aws.ebs.volume-key-policy", key=key, evidence=evidence
    )
    if verdict.status is not Status.PASS or key is None or key.id in context.policy.required_keys:
        return verdict
    region = context.linked(volume, "region")
    default = context.linked(region, "key") if region is not None else None
    if default is None or default.id == key.id:
        return verdict
    return warned("key is not the region's default key", {**verdict.evidence, f"{_DEFAULT_KEY}.KmsKeyId": default.id})


@control("aws.ebs.kms-key-usable", on=("aws.ebs.volume", "aws.ebs.snapshot"))
def kms_key_usable(disk: Resource, context: Context) -> Verdict:
    """An attached volume works on, for its data key is in the host: the outage comes with the next detach, stop or
    reschedule.
    """
    if not _encrypted(disk):
        return _NO_KEY
    health = key_health(linked_key(disk, context), context.now)
    if health.status is Status.FAIL and disk.fields.get("Attachments"):
        return msgspec.structs.replace(health, reason=f"{health.reason}; works until detached")
    return health


@control("aws.ebs.cross-account-key", on="aws.ebs.volume")
def cross_account_key(volume: Resource, context: Context) -> Verdict:
    """The ARN proves the account even where the key cannot be described."""
    if not _encrypted(volume):
        return _NO_KEY
    arn = field_of(volume, "ec2:DescribeVolumes", "KmsKeyId")
    parts = str(arn).split(":")
    evidence = {"ec2:DescribeVolumes.KmsKeyId": arn}
    if _KEY_ARN.fullmatch(str(arn)) is None:
        return unknown("KmsKeyId is not an ARN: it names no account", evidence=evidence)
    if parts[4] == volume.scope:
        return passed("key belongs to the volume's account", evidence)
    if parts[4] not in context.policy.key_accounts:
        return failed(f"key belongs to account {parts[4]}, not listed", evidence)
    key = context.linked(volume, "key")
    if key is None or DESCRIBE_KEY in key.faults:
        return warned("key belongs to a listed account, its state is not seen", evidence)
    return passed("key belongs to a listed account", evidence)


@control("aws.ebs.default-encryption-region", on="aws.ec2.region")
def default_encryption_region(region: Resource, context: Context) -> Verdict:
    """Off where volumes are is false to the document; off where none was seen is an open door."""
    on = field_of(region, _DEFAULT_ON, "EbsEncryptionByDefault")
    evidence = {f"{_DEFAULT_ON}.EbsEncryptionByDefault": on}
    if on is True:
        return passed("EBS encryption by default is on", evidence)
    if on is not False:
        return unknown(f"{_DEFAULT_ON} answered without EbsEncryptionByDefault")
    if any(user.kind == "volume" for user in context.users(region)):
        return failed("EBS encryption by default is off, and volumes are here", evidence)
    if silent := context.unanswered(region, "ebs".__eq__):
        return unknown(
            f"EBS encryption by default is off, and whether volumes are here is not known: {silent.id} is"
            f" {silent.state}",
            silent.fault,
            evidence,
        )
    return warned("EBS encryption by default is off; no volume is here", evidence)


@control("aws.ebs.default-key-policy", on="aws.ec2.region")
def default_key_policy(region: Resource, context: Context) -> Verdict:
    """What any tenant here forbids is forbidden. Aliases that begin with `aws/` are AWS's own: where `aws/ebs` was
    never used, the alias alone tells.
    """
    named = field_of(region, _DEFAULT_KEY, "KmsKeyId")
    key = context.linked(region, "key")
    evidence = {f"{_DEFAULT_KEY}.KmsKeyId": named}
    reserved = key is None and str(named).endswith("alias/aws/ebs")
    observed = KeyClass.PROVIDER_VISIBLE if reserved else key_holder(region, context)
    ask = "aws.ebs.default-key-policy"
    verdicts = [class_verdict(observed, policy, ask, key=key, evidence=evidence) for policy in context.policies]
    verdict = min(verdicts, key=lambda one: one.status)
    if (
        verdict.status is Status.PASS
        and len({(policy.column(ask), policy.required_keys) for policy in context.policies}) > 1
    ):
        verdict = warned("allowed, but tenants with different policies share it", verdict.evidence)
    return msgspec.structs.replace(verdict, evidence_class=EvidenceClass.INFERRED) if reserved else verdict


@control("aws.ebs.snapshot-encrypted", on="aws.ebs.snapshot")
def snapshot_encrypted(snapshot: Resource, context: Context) -> Verdict:
    """Snapshots outlive volumes and tenants; archived ones count."""
    return _SNAPSHOT[_encrypted(snapshot)]


@control("aws.ebs.snapshot-public", on="aws.ebs.snapshot")
def snapshot_public(snapshot: Resource, context: Context) -> Verdict:
    """Shared with all is exposed now; not shared, but not blocked either, is one command away."""
    shared = field_of(snapshot, _SHARED, "Public")
    if shared is True:
        return failed("shared with everyone", {f"{_SHARED}.SnapshotId": snapshot.fields.get("SnapshotId", snapshot.id)})
    region = context.linked(snapshot, "region")
    if region is None:
        return unknown("its region's block of public snapshots has not been seen")
    state = word(field_of(region, _BLOCK, "SnapshotBlockPublicAccessState"), _SHARING, _BLOCK, "State")
    expected(shared, bool, _SHARED, "Public")
    if state == "unblocked":
        return warned("not public, but the region does not block it", {f"{_BLOCK}.State": state})
    return passed("not public, and the region blocks sharing", {f"{_BLOCK}.State": state})


@control("aws.ebs.launch-template-encrypted", on="aws.ec2.launch-template")
def launch_template_encrypted(template: Resource, context: Context) -> Verdict:
    """What the template asks for, or what the region gives where it asks for nothing; the region overrides an
    explicit false.
    """
    asked = list(_asked(field_of(template, _TEMPLATE, "BlockDeviceMappings")))
    evidence = {f"{_TEMPLATE}.BlockDeviceMappings[].Ebs.Encrypted": asked}
    if asked and all(value is True for value in asked):
        return passed("asks for encryption on every device", evidence)
    default = _default_on(template, context)
    evidence[f"{_DEFAULT_ON}.EbsEncryptionByDefault"] = [default]
    match False in asked, default:
        case True, True:
            return warned("asks for Encrypted=false; the region's default overrides it", evidence)
        case True, False:
            return failed("asks for Encrypted=false, and the region's default is off", evidence)
        case False, True:
            return passed("the region encrypts by default", evidence)
        case _:
            return warned("does not ask for encryption, and the region's default is off", evidence)


def _encrypted(disk: Resource) -> bool:
    """Whether a volume or snapshot is encrypted. Raises `NoAnswer` where that was not told in so many words."""
    operation = _LISTED_BY[disk.type]
    said = field_of(disk, operation, "Encrypted")
    return said if said is True or said is False else expected(said, bool, operation, "Encrypted")


def _asked(mappings: Any) -> Iterator[bool | None]:
    """What a template asks of each of its EBS devices; None where it says nothing."""
    for mapping in expected(mappings, list, _TEMPLATE, "BlockDeviceMappings"):
        ebs = optional(expected(mapping, dict, _TEMPLATE, "BlockDeviceMappings[]").get("Ebs"), dict, _TEMPLATE, "Ebs")
        if ebs is not None:
            yield optional(ebs.get("Encrypted"), bool, _TEMPLATE, "Ebs.Encrypted")


def _default_on(template: Resource, context: Context) -> bool:
    region = context.linked(template, "region")
    if region is None:
        raise NoAnswer(unknown("its region's default encryption has not been seen"))
    match field_of(region, _DEFAULT_ON, "EbsEncryptionByDefault"):
        case bool(on):
            return on
        case _:
            raise NoAnswer(unknown(f"{_DEFAULT_ON} answered without EbsEncryptionByDefault"))
