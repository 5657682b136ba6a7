"""KMS keys: every state of every control. Key policies are read in test_iam_policy."""

from typing import Any

import msgspec
import pytest

from posture.fault import Fault, FaultKind
from posture.policy import Policy
from posture.resource import Resource
from posture.verdict import Status
from tests.posture.controls.world import World, bucket, denied, key, refused, snapshot, undescribed, volume

USED = volume(key=key().id)


@pytest.mark.parametrize(
    ("key", "seen", "status"),
    [
        (key(), [USED], "pass"),
        (key(), [], "pass"),
        (key(KeyState="Disabled"), [USED], "fail"),
        (key(KeyState="PendingDeletion", DeletionDate="2026-12-01T00:00:00Z"), [USED], "fail"),
        (key(KeyState="Creating"), [USED], "fail"),
        (key(KeyState="Updating"), [USED], "warn"),
        (key(NotFound=True), [USED], "fail"),
        (key(KeyState="Disabled"), [], "not_applicable"),
        (key(NotFound=True), [], "not_applicable"),
        (key(Origin="EXTERNAL", ValidTo="2026-12-01T00:00:00Z"), [USED], "warn"),
        (key(Origin="EXTERNAL"), [USED], "pass"),
        (key(Origin="EXTERNAL_KEY_STORE"), [USED], "warn"),
        (key(Origin="EXTERNAL_KEY_STORE", KeyState="Unavailable"), [USED], "fail"),
        (undescribed(), [USED], "unknown"),
        (undescribed(), [], "unknown"),
    ],
)
def test_key_state(key: Resource, seen: list[Resource], status: str) -> None:
    assert World(seen).ask("aws.kms.key-state", key).status.word == status


def test_the_evidence_counts_who_uses_the_key() -> None:
    alias = "arn:aws:kms:us-east-1:111122223333:alias/app"
    here = key(KeyState="Disabled", aliases=(alias,))
    users = [volume("a", key=here.id), volume("b", key=here.id), snapshot(key=here.id), bucket("aws:kms", key=alias)]
    assert World(users).ask("aws.kms.key-state", here).evidence["users"] == {"bucket": 1, "snapshot": 1, "volume": 2}


@pytest.mark.parametrize(
    ("fields", "status", "reason"),
    [
        (
            {"KeyRotationEnabled": True, "RotationPeriodInDays": 365},
            "pass",
            "rotates every 365 d, policy: at most 365 d",
        ),
        (
            {"KeyRotationEnabled": True, "RotationPeriodInDays": 366},
            "warn",
            "rotates every 366 d, policy: at most 365 d",
        ),
        ({"KeyRotationEnabled": True}, "unknown", "kms:GetKeyRotationStatus answered without RotationPeriodInDays"),
        ({"KeyRotationEnabled": False}, "fail", "rotation is off"),
        ({}, "unknown", "kms:GetKeyRotationStatus answered without KeyRotationEnabled"),
        ({"manager": "AWS"}, "not_applicable", "AWS-managed: AWS rotates it every year"),
        (
            {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"},
            "not_applicable",
            "asymmetric or HMAC: cannot rotate by itself",
        ),
        (
            {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
            "not_applicable",
            "asymmetric or HMAC: cannot rotate by itself",
        ),
        ({"Origin": "EXTERNAL"}, "not_applicable", "imported material: cannot rotate by itself"),
        ({"Origin": "AWS_CLOUDHSM"}, "not_applicable", "custom key store: cannot rotate by itself"),
        ({"Origin": "EXTERNAL_KEY_STORE"}, "not_applicable", "external key store: cannot rotate by itself"),
        (
            {"KeyState": "PendingDeletion", "KeyRotationEnabled": False},
            "not_applicable",
            "waiting for deletion: cannot rotate by itself",
        ),
        ({"KeyState": "Disabled", "KeyRotationEnabled": False}, "fail", "rotation is off"),
        ({"NotFound": True}, "not_applicable", "key does not exist"),
    ],
)
def test_rotation(fields: dict[str, Any], status: str, reason: str) -> None:
    verdict = World().ask("aws.kms.rotation", key(**fields))
    assert (verdict.status.word, verdict.reason) == (status, reason)


def test_the_policy_sets_the_longest_rotation() -> None:
    here = key(KeyRotationEnabled=True, RotationPeriodInDays=365)
    assert World(policy=Policy(rotation_max_days=180)).ask("aws.kms.rotation", here).status is Status.WARN


def test_a_refused_rotation_status_is_unknown_and_an_unsupported_one_does_not_apply() -> None:
    refusal = msgspec.structs.replace(key(), faults={"kms:GetKeyRotationStatus": denied("kms:GetKeyRotationStatus")})
    assert World().ask("aws.kms.rotation", refusal).status is Status.UNKNOWN
    unsupported = Fault(FaultKind.ERROR, "UnsupportedOperationException", "kms:GetKeyRotationStatus")
    assert (
        World()
        .ask("aws.kms.rotation", msgspec.structs.replace(key(), faults={unsupported.operation: unsupported}))
        .status
        is Status.NOT_APPLICABLE
    )
    assert World().ask("aws.kms.rotation", undescribed()).fault == denied("kms:DescribeKey")


def test_a_refused_key_policy_is_unknown() -> None:
    verdict = World().ask("aws.kms.key-public", refused(key(), "kms:GetKeyPolicy"))
    assert (verdict.status, verdict.fault) == (Status.UNKNOWN, denied("kms:GetKeyPolicy"))
