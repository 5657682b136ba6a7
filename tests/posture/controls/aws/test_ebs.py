"""EBS: every state of every control."""

from typing import Any

import msgspec
import pytest

from posture.policy import KeyMode, Policy
from posture.resource import KeyClass, Resource
from posture.verdict import EvidenceClass, Status
from tests.posture.controls.world import (
    DAY,
    FOREIGN,
    NOW,
    World,
    denied,
    key,
    key_arn,
    refused,
    region,
    snapshot,
    template,
    undescribed,
    volume,
)

AWS_KEY = key("aws", manager="AWS")
OWN_KEY = key("own")
OTHER_KEY = key("other", account=FOREIGN)
CUSTOMER = Policy(keys=KeyMode.CUSTOMER_MANAGED)


def without(resource: Resource, field: str) -> Resource:
    return msgspec.structs.replace(
        resource, fields={name: value for name, value in resource.fields.items() if name != field}
    )


@pytest.mark.parametrize(
    ("volume", "status"),
    [
        (volume(encrypted=True), "pass"),
        (volume(encrypted=True, State="available", Attachments=[]), "pass"),
        (volume(encrypted=False), "fail"),
        (volume(encrypted=False, State="deleted"), "not_applicable"),
        (without(volume(), "Encrypted"), "unknown"),
        (volume(Encrypted=None), "unknown"),
    ],
)
def test_volume_encrypted(volume: Resource, status: str) -> None:
    assert World().ask("aws.ebs.volume-encrypted", volume).status.word == status


def test_evidence_names_the_field_it_was_read_from() -> None:
    verdict = World().ask("aws.ebs.volume-encrypted", volume(encrypted=False))
    assert (verdict.reason, verdict.evidence) == ("Encrypted is false", {"ec2:DescribeVolumes.Encrypted": False})


@pytest.mark.parametrize(
    ("key", "policy", "status"),
    [
        (AWS_KEY, Policy(), "pass"),
        (OWN_KEY, Policy(), "fail"),
        (AWS_KEY, CUSTOMER, "fail"),
        (OWN_KEY, CUSTOMER, "pass"),
        (OWN_KEY, Policy(keys=KeyMode.CUSTOMER_MANAGED, required_keys=(key_arn("agreed"),)), "fail"),
        (OTHER_KEY, CUSTOMER, "fail"),
        (OTHER_KEY, Policy(keys=KeyMode.CUSTOMER_MANAGED, key_accounts=(FOREIGN,)), "pass"),
        (OTHER_KEY, Policy(keys=KeyMode.EITHER), "warn"),
        (undescribed(), Policy(), "unknown"),
        (key(NotFound=True, manager="nobody"), Policy(), "unknown"),
    ],
)
def test_volume_key_policy(key: Resource, policy: Policy, status: str) -> None:
    assert World([key], policy).ask("aws.ebs.volume-key-policy", volume(key=key.id)).status.word == status


def test_an_unencrypted_volume_satisfies_no_key_policy() -> None:
    assert World(policy=Policy(keys=KeyMode.EITHER)).ask("aws.ebs.volume-key-policy", volume()).status is Status.FAIL


def test_a_key_that_was_not_seen_or_not_named_leaves_the_class_unknown() -> None:
    assert World().ask("aws.ebs.volume-key-policy", volume(key=key_arn("elsewhere"))).status is Status.UNKNOWN
    assert World().ask("aws.ebs.volume-key-policy", volume(encrypted=True)).status is Status.UNKNOWN


def test_an_allowed_key_that_is_not_the_regions_default_is_worth_a_look() -> None:
    seen = [AWS_KEY, OWN_KEY, key("agreed"), region(key=key_arn("agreed"))]
    assert World(seen, CUSTOMER).ask("aws.ebs.volume-key-policy", volume(key=OWN_KEY.id)).status is Status.WARN
    assert World(seen, CUSTOMER).ask("aws.ebs.volume-key-policy", volume(key=key_arn("agreed"))).status is Status.PASS
    named = Policy(keys=KeyMode.CUSTOMER_MANAGED, required_keys=(OWN_KEY.id,))
    assert World(seen, named).ask("aws.ebs.volume-key-policy", volume(key=OWN_KEY.id)).status is Status.PASS


def test_a_key_that_the_policy_asks_for_deviates_from_the_document_and_says_so() -> None:
    verdict = World([OWN_KEY], CUSTOMER).ask("aws.ebs.volume-key-policy", volume(key=OWN_KEY.id))
    assert "deviates from the document" in verdict.reason
    assert verdict.evidence["kms:DescribeKey.KeyManager"] == "CUSTOMER"


BAD_STATES = ["Disabled", "PendingDeletion", "PendingReplicaDeletion", "PendingImport", "Unavailable", "Creating"]


@pytest.mark.parametrize(
    ("key", "status"),
    [
        (key(), "pass"),
        *((key(KeyState=state), "fail") for state in BAD_STATES),
        (key(KeyState="Updating"), "warn"),
        (key(NotFound=True), "fail"),
        (key(Origin="EXTERNAL", ValidTo="2026-12-22T14:00:00Z"), "warn"),
        (key(Origin="EXTERNAL", ValidTo="2026-12-24T14:00:00Z"), "pass"),
        (key(Origin="EXTERNAL", ValidTo="2026-11-23T14:00:00Z"), "fail"),
        (key(Origin="EXTERNAL", ValidTo="soon"), "unknown"),
        (undescribed(), "unknown"),
        (without(key(), "KeyState"), "unknown"),
    ],
)
@pytest.mark.parametrize("disk", [volume(key=key_arn()), snapshot(key=key_arn())])
def test_kms_key_usable(disk: Resource, key: Resource, status: str) -> None:
    assert World([key]).ask("aws.ebs.kms-key-usable", disk).status.word == status


def test_a_key_that_dies_says_when_and_what_still_works() -> None:
    dying = key(KeyState="PendingDeletion", DeletionDate="2026-11-30T08:00:00Z")
    attached = World([dying]).ask("aws.ebs.kms-key-usable", volume(key=dying.id))
    assert attached.reason == "key is PendingDeletion, gone on 2026-11-30; works until detached"
    assert attached.valid_until == NOW + 6 * DAY + 18 * 3600
    detached = World([dying]).ask("aws.ebs.kms-key-usable", volume(key=dying.id, Attachments=[]))
    assert detached.reason == "key is PendingDeletion, gone on 2026-11-30"
    gone = World([dying], now=attached.valid_until).ask("aws.ebs.kms-key-usable", volume(key=dying.id))
    assert (gone.status, gone.valid_until) == (Status.FAIL, None)


def test_imported_material_wakes_the_control_when_it_nears_its_end_and_when_it_ends() -> None:
    ends = NOW + 40 * DAY
    imported = key(Origin="EXTERNAL", ValidTo="2027-01-02T14:00:00Z")
    disk = volume(key=imported.id)
    far = World([imported]).ask("aws.ebs.kms-key-usable", disk)
    assert (far.status, far.valid_until) == (Status.PASS, ends - 30 * DAY)
    near = World([imported], now=ends - 30 * DAY).ask("aws.ebs.kms-key-usable", disk)
    assert (near.status, near.valid_until) == (Status.WARN, ends)
    assert World([imported], now=ends).ask("aws.ebs.kms-key-usable", disk).status is Status.FAIL


@pytest.mark.parametrize("control", ["aws.ebs.kms-key-usable", "aws.ebs.cross-account-key"])
def test_without_encryption_there_is_no_key_to_ask_about(control: str) -> None:
    assert World().ask(control, volume(encrypted=False)).status is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("seen", "account", "policy", "status"),
    [
        ([], None, Policy(), "pass"),
        ([], FOREIGN, Policy(), "fail"),
        ([undescribed(account=FOREIGN)], FOREIGN, Policy(), "fail"),
        ([undescribed(account=FOREIGN)], FOREIGN, Policy(key_accounts=(FOREIGN,)), "warn"),
        ([], FOREIGN, Policy(key_accounts=(FOREIGN,)), "warn"),
        ([key(account=FOREIGN)], FOREIGN, Policy(key_accounts=(FOREIGN,)), "pass"),
    ],
)
def test_cross_account_key(seen: list[Resource], account: str | None, policy: Policy, status: str) -> None:
    arn = key_arn(account=account) if account else key_arn()
    assert World(seen, policy).ask("aws.ebs.cross-account-key", volume(key=arn)).status.word == status


def test_a_key_id_that_names_no_account_leaves_the_account_unknown() -> None:
    assert World().ask("aws.ebs.cross-account-key", volume(key="1234abcd-12ab")).status is Status.UNKNOWN
    assert World().ask("aws.ebs.cross-account-key", volume(encrypted=True)).status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("on", "seen", "status"),
    [
        (True, [], "pass"),
        (True, [volume()], "pass"),
        (False, [volume()], "fail"),
        (False, [], "warn"),
        (False, [snapshot()], "warn"),
        (None, [volume()], "unknown"),
    ],
)
def test_default_encryption_region(on: Any, seen: list[Resource], status: str) -> None:
    assert World(seen).ask("aws.ebs.default-encryption-region", region(EbsEncryptionByDefault=on)).status.word == status


@pytest.mark.parametrize(
    ("key", "policy", "status"),
    [
        (AWS_KEY, Policy(), "pass"),
        (OWN_KEY, Policy(), "fail"),
        (OWN_KEY, CUSTOMER, "pass"),
        (OTHER_KEY, Policy(keys=KeyMode.EITHER), "warn"),
        (undescribed(), Policy(), "unknown"),
    ],
)
def test_default_key_policy(key: Resource, policy: Policy, status: str) -> None:
    assert World([key], policy).ask("aws.ebs.default-key-policy", region(key=key.id)).status.word == status


def test_the_reserved_alias_tells_the_class_where_aws_ebs_was_never_used() -> None:
    verdict = World().ask("aws.ebs.default-key-policy", region(KmsKeyId="alias/aws/ebs"))
    assert (verdict.status, verdict.evidence_class) == (Status.PASS, EvidenceClass.INFERRED)
    assert World().ask("aws.ebs.default-key-policy", region(KmsKeyId="alias/ours")).status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("snapshot", "status"),
    [
        (snapshot(key=key_arn()), "pass"),
        (snapshot(StorageTier="archive"), "fail"),
        (without(snapshot(), "Encrypted"), "unknown"),
    ],
)
def test_snapshot_encrypted(snapshot: Resource, status: str) -> None:
    assert World().ask("aws.ebs.snapshot-encrypted", snapshot).status.word == status


@pytest.mark.parametrize(
    ("public", "region", "status"),
    [
        (True, [region()], "fail"),
        (True, [], "fail"),
        (False, [region()], "pass"),
        (False, [region(SnapshotBlockPublicAccessState="block-new-sharing")], "pass"),
        (False, [region(SnapshotBlockPublicAccessState="unblocked")], "warn"),
        (False, [region(SnapshotBlockPublicAccessState="something new")], "unknown"),
        (False, [], "unknown"),
        (False, [refused(region(), "ec2:GetSnapshotBlockPublicAccessState")], "unknown"),
        (None, [region()], "unknown"),
    ],
)
def test_snapshot_public(public: Any, region: list[Resource], status: str) -> None:
    assert World(region).ask("aws.ebs.snapshot-public", snapshot(Public=public)).status.word == status


def test_a_refused_listing_of_shared_snapshots_is_unknown_and_names_it() -> None:
    operation = "ec2:DescribeSnapshots(RestorableByUserIds=all)"
    blind = msgspec.structs.replace(
        without(snapshot(), "Public"), faults={operation: denied(operation, "ec2:DescribeSnapshots")}
    )
    verdict = World([region()]).ask("aws.ebs.snapshot-public", blind)
    assert verdict.status is Status.UNKNOWN
    assert verdict.fault is not None
    assert verdict.fault.permission == "ec2:DescribeSnapshots"


def device(encrypted: bool | None) -> dict[str, Any]:
    return {"DeviceName": "/dev/xvda", "Ebs": {} if encrypted is None else {"Encrypted": encrypted}}


@pytest.mark.parametrize(
    ("devices", "default_on", "status"),
    [
        ([device(True), device(True)], False, "pass"),
        ([device(True), {"DeviceName": "x", "NoDevice": ""}], False, "pass"),
        ([device(True), device(None)], True, "pass"),
        ([device(True), device(None)], False, "warn"),
        ([], True, "pass"),
        ([], False, "warn"),
        ([device(True), device(False)], True, "warn"),
        ([device(True), device(False)], False, "fail"),
    ],
)
def test_launch_template_encrypted(devices: list[dict[str, Any]], default_on: bool, status: str) -> None:
    verdict = World([region(EbsEncryptionByDefault=default_on)]).ask(
        "aws.ebs.launch-template-encrypted", template(*devices)
    )
    assert verdict.status.word == status


@pytest.mark.parametrize(
    "seen", [[], [refused(region(), "ec2:GetEbsEncryptionByDefault")], [region(EbsEncryptionByDefault=None)]]
)
def test_a_template_that_leans_on_a_default_nobody_saw_is_unknown(seen: list[Resource]) -> None:
    assert World(seen).ask("aws.ebs.launch-template-encrypted", template(device(None))).status is Status.UNKNOWN
    assert World(seen).ask("aws.ebs.launch-template-encrypted", template(device(False))).status is Status.UNKNOWN
    assert World(seen).ask("aws.ebs.launch-template-encrypted", template(device(True))).status is Status.PASS


@pytest.mark.parametrize(
    ("control", "resource", "operation"),
    [
        ("aws.ebs.volume-encrypted", volume(), "ec2:DescribeVolumes"),
        ("aws.ebs.volume-key-policy", volume(), "ec2:DescribeVolumes"),
        ("aws.ebs.kms-key-usable", snapshot(), "ec2:DescribeSnapshots"),
        ("aws.ebs.cross-account-key", volume(), "ec2:DescribeVolumes"),
        ("aws.ebs.default-encryption-region", region(), "ec2:GetEbsEncryptionByDefault"),
        ("aws.ebs.default-key-policy", region(), "ec2:GetEbsDefaultKmsKeyId"),
        ("aws.ebs.snapshot-encrypted", snapshot(), "ec2:DescribeSnapshots"),
        ("aws.ebs.launch-template-encrypted", template(), "ec2:DescribeLaunchTemplateVersions"),
    ],
)
def test_a_refused_read_is_unknown_and_names_the_permission(control: str, resource: Resource, operation: str) -> None:
    verdict = World().ask(control, refused(resource, operation))
    assert verdict.status is Status.UNKNOWN
    assert verdict.fault is not None
    assert operation in verdict.reason


def test_a_foreign_key_class_is_decided_by_the_accounts_of_the_policy() -> None:
    assert OTHER_KEY.encryption is not None
    assert OTHER_KEY.encryption.key_class is KeyClass.CUSTOMER
    verdict = World([OTHER_KEY]).ask("aws.ebs.volume-key-policy", volume(key=OTHER_KEY.id))
    assert verdict.reason == "key of an account that is not listed, policy asks for provider-managed"
