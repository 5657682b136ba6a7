"""The simulated KMS, asked through boto3 as the provider asks it."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from providers.demo.aws.accounts import FOREIGN, SECOND
from tests.world.aws import Aws


def described(aws: Aws, key: str) -> dict[str, Any]:
    """KeyMetadata of a key."""
    metadata: dict[str, Any] = aws.client("kms").describe_key(KeyId=key)["KeyMetadata"]
    return metadata


def test_keys_and_aliases_come_in_pages(aws: Aws) -> None:
    made = {aws.region().key(f"k-{i}") for i in range(7)}
    kms = aws.client("kms")
    first = kms.list_keys(Limit=3)
    assert (len(first["Keys"]), first["Truncated"]) == (3, True)
    assert {
        key["KeyArn"]
        for page in kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 3})
        for key in page["Keys"]
    } == made
    aliases = [
        a
        for page in kms.get_paginator("list_aliases").paginate(PaginationConfig={"PageSize": 3})
        for a in page["Aliases"]
    ]
    assert {a["AliasName"] for a in aliases if "TargetKeyId" in a} == {f"alias/k-{i}" for i in range(7)}
    assert "alias/aws/ebs" in {a["AliasName"] for a in aliases if "TargetKeyId" not in a}


def test_aliases_of_one_key(aws: Aws) -> None:
    key = aws.region().key("mine")
    assert [a["AliasName"] for a in aws.client("kms").list_aliases(KeyId=key)["Aliases"]] == ["alias/mine"]


def test_a_key_under_an_aws_alias_is_managed_by_aws(aws: Aws) -> None:
    metadata = described(aws, "alias/aws/ebs")
    assert (metadata["KeyManager"], metadata["KeyUsage"], metadata["MultiRegion"]) == ("AWS", "ENCRYPT_DECRYPT", False)
    kms = aws.client("kms")
    assert kms.get_key_rotation_status(KeyId=metadata["Arn"])["KeyRotationEnabled"] is True
    (used, _) = json.loads(kms.get_key_policy(KeyId=metadata["KeyId"])["Policy"])["Statement"]
    assert (used["Principal"], used["Condition"]["StringEquals"]["kms:CallerAccount"]) == ({"AWS": "*"}, "123456789012")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, {"KeySpec": "SYMMETRIC_DEFAULT", "Origin": "AWS_KMS", "KeyState": "Enabled", "KeyManager": "CUSTOMER"}),
        ({"multi_region": True}, {"MultiRegion": True}),
        (
            {"spec": "HMAC_256", "usage": "GENERATE_VERIFY_MAC"},
            {"KeyUsage": "GENERATE_VERIFY_MAC", "MacAlgorithms": ["HMAC_SHA_256"]},
        ),
        ({"spec": "ECC_NIST_P256", "usage": "SIGN_VERIFY"}, {"SigningAlgorithms": ["ECDSA_SHA_256"]}),
        (
            {"origin": "EXTERNAL", "valid_days": 12},
            {"Origin": "EXTERNAL", "ExpirationModel": "KEY_MATERIAL_EXPIRES", "KeyState": "Enabled"},
        ),
        ({"origin": "EXTERNAL", "state": "PendingImport"}, {"KeyState": "PendingImport", "Enabled": False}),
        (
            {"origin": "EXTERNAL_KEY_STORE", "also": {"CustomKeyStoreId": "cks-1"}},
            {"Origin": "EXTERNAL_KEY_STORE", "CustomKeyStoreId": "cks-1"},
        ),
        ({"state": "Disabled"}, {"KeyState": "Disabled", "Enabled": False}),
    ],
)
def test_a_key_says_what_it_is(aws: Aws, said: dict[str, Any], expected: dict[str, Any]) -> None:
    metadata = described(aws, aws.region().key("k", **said))
    assert {name: metadata[name] for name in expected} == expected


def test_imported_material_says_when_it_ends_and_a_dying_key_when_it_dies(aws: Aws) -> None:
    region = aws.region()
    assert "ValidTo" in described(aws, region.key(origin="EXTERNAL", valid_days=3))
    dying = described(aws, region.key(deleted_in=3))
    assert (dying["KeyState"], "DeletionDate" in dying) == ("PendingDeletion", True)


def test_a_key_made_for_imported_material_waits_for_it(aws: Aws) -> None:
    made = aws.client("kms").create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    assert described(aws, made)["KeyState"] == "PendingImport"


def test_rotation_says_its_period(aws: Aws) -> None:
    kms, key = aws.client("kms"), aws.region().key(rotated=None)
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=730)
    said = kms.get_key_rotation_status(KeyId=key)
    assert (said["KeyRotationEnabled"], said["RotationPeriodInDays"], "NextRotationDate" in said) == (True, 730, True)


@pytest.mark.parametrize(
    "said",
    [
        {"spec": "RSA_2048", "usage": "SIGN_VERIFY"},
        {"spec": "HMAC_256", "usage": "GENERATE_VERIFY_MAC"},
        {"origin": "EXTERNAL"},
        {"origin": "AWS_CLOUDHSM"},
    ],
)
def test_rotation_is_unsupported_where_kms_cannot_rotate(aws: Aws, said: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="UnsupportedOperationException"):
        aws.client("kms").get_key_rotation_status(KeyId=aws.region().key(**said))


def test_a_foreign_key_is_refused_unless_its_owner_lets_us(aws: Aws) -> None:
    shared = aws.region(account=SECOND).key("shared", described_by=["123456789012"])
    closed = aws.region(account=SECOND).key("closed")
    assert described(aws, shared)["AWSAccountId"] == SECOND
    for arn in (closed, f"arn:aws:kms:us-east-1:{FOREIGN}:key/00000000-0000-4000-8000-000000000000"):
        with pytest.raises(ClientError, match="AccessDeniedException"):
            described(aws, arn)


def test_a_key_that_is_not_there_is_not_found(aws: Aws) -> None:
    for name in ("00000000-0000-4000-8000-000000000000", "alias/nobody", "arn:aws:kms:eu-west-1:123456789012:key/1"):
        with pytest.raises(ClientError, match="NotFoundException"):
            described(aws, name)
