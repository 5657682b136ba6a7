"""The golden cases, as far as judgement alone decides them; the number is the case's."""

import json

import pytest

from posture.keyclass import key_class
from posture.policy import KeyMode, Policy
from posture.resource import KeyClass
from posture.source import State
from posture.verdict import Status
from tests.posture.controls.world import (
    BUCKET,
    FOREIGN,
    HOME,
    NOW,
    World,
    bucket,
    denied,
    key,
    made,
    refused,
    region,
    source,
    source_row,
    tenant,
    undescribed,
    volume,
)


def test_1_a_refused_bucket_encryption_is_unknown_not_fail() -> None:
    blind = refused(bucket(), "s3:GetBucketEncryption")
    for control in (
        "aws.s3.default-encryption",
        "aws.s3.default-key-policy",
        "aws.s3.ssec-blocked",
        "aws.s3.kms-key-usable",
    ):
        assert World().ask(control, blind).status is Status.UNKNOWN


def test_2_kms_without_a_key_id_is_the_providers_visible_key() -> None:
    assert key_class(bucket("aws:kms"), World()) is KeyClass.PROVIDER_VISIBLE


def test_3_an_alias_as_key_id_is_a_warning() -> None:
    alias = f"arn:aws:kms:us-east-1:{HOME}:alias/app"
    world = World([key(aliases=(alias,))], Policy(keys=KeyMode.CUSTOMER_MANAGED))
    assert world.ask("aws.s3.default-key-policy", bucket("aws:kms", key="alias/app", link=alias)).status is Status.WARN


def test_4_a_plaintext_row_of_the_inventory_fails() -> None:
    configuration = {"IsEnabled": True, "IncludedObjectVersions": "All", "OptionalFields": ["EncryptionStatus"]}
    report = {
        "At": "2026-11-23T02:00:00Z",
        "Schedule": "Daily",
        "Counts": {"SSE-S3": 10**6, "NOT-SSE": 1},
        "Rows": 10**6 + 1,
    }
    inventory = made(
        "i", "inventory", "aws.s3.inventory", fields={"InventoryConfigurations": [configuration], "Report": report}
    )
    verdict = World().ask("aws.s3.object-encryption-inventory", inventory)
    assert (verdict.status, verdict.reason) == (Status.FAIL, "1 NOT-SSE objects, policy provider-managed")


def test_5_a_400_on_a_listed_object_is_probably_ssec() -> None:
    sample = made("s", "object-sample", "aws.s3.object-sample", fields={"StatusCode": 400, "SampleOf": [5, 5]})
    verdict = World().ask("aws.s3.object-encryption-sample", sample)
    assert verdict.status is Status.FAIL
    assert "probably SSE-C" in verdict.reason


@pytest.mark.parametrize(
    ("case", "action", "condition", "status"),
    [
        (6, "s3:Get*", {"Bool": {"aws:SecureTransport": "false"}}, "warn"),
        (7, "s3:*", {"Bool": {"aws:SecureTransport": ["false"]}}, "pass"),
        (7, "s3:*", {"boolIfExists": {"aws:SecureTransport": "false"}}, "pass"),
    ],
)
def test_6_and_7_a_policy_is_evaluated_not_matched(
    case: int, action: str, condition: dict[str, object], status: str
) -> None:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": [BUCKET, f"{BUCKET}/*"],
        "Condition": condition,
    }
    assert (
        World().ask("aws.s3.tls-only-policy", bucket(Policy=json.dumps({"Statement": statement}))).status.word == status
    )


def test_8_an_encrypted_volume_whose_key_dies_is_encrypted_and_not_usable() -> None:
    dying = key(KeyState="PendingDeletion", DeletionDate="2026-11-30T00:00:00Z")
    world, disk = World([dying]), volume(key=dying.id)
    assert world.ask("aws.ebs.volume-encrypted", disk).status is Status.PASS
    assert world.ask("aws.ebs.kms-key-usable", disk).status is Status.FAIL


@pytest.mark.parametrize(("accounts", "status"), [((), "fail"), ((FOREIGN,), "warn")])
def test_9_a_foreign_key_that_may_not_be_described_has_an_account_but_no_state(
    accounts: tuple[str, ...], status: str
) -> None:
    hidden = undescribed(account=FOREIGN)
    world, disk = World([hidden], Policy(key_accounts=accounts)), volume(key=hidden.id)
    assert world.ask("aws.ebs.cross-account-key", disk).status.word == status
    for control in ("aws.ebs.kms-key-usable", "aws.ebs.volume-key-policy"):
        verdict = world.ask(control, disk)
        assert (verdict.status, verdict.fault) == (Status.UNKNOWN, denied("kms:DescribeKey"))


def test_10_a_region_that_is_off_is_excluded_and_one_that_times_out_is_unknown() -> None:
    off, on, dead = (
        source("acme/off", state=State.DISABLED),
        source("acme/on", state=State.OK),
        source("acme/dead", state=State.UNREACHABLE),
    )
    assert World(asked=[off, on]).ask("meta.inventory.coverage", tenant()).status is Status.PASS
    assert World(asked=[off, on, dead]).ask("meta.inventory.coverage", tenant()).status is Status.UNKNOWN
    assert (
        World().ask("aws.ebs.default-encryption-region", refused(region(), "ec2:GetEbsEncryptionByDefault")).status
        is Status.UNKNOWN
    )


def test_11_a_volume_that_an_operator_manages_is_judged_as_any_other() -> None:
    managed = volume(encrypted=False, Operator={"Managed": True, "Principal": "eks.amazonaws.com"})
    assert World().ask("aws.ebs.volume-encrypted", managed).status is Status.FAIL


def test_32_evidence_older_than_six_cadences_is_unknown() -> None:
    stale = World(asked=[source(state=State.OK, last_success=NOW - 6 * 60 - 1)])
    assert stale.ask("meta.evidence.freshness", source_row()).status is Status.UNKNOWN


def test_34_resources_without_a_tenants_tag_are_a_warning_beside_every_roll_up() -> None:
    assert (
        World(asked=[source(state=State.OK)], strays=1).ask("meta.inventory.coverage", tenant()).status is Status.WARN
    )
