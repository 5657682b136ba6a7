"""S3: every state of every control on buckets and objects. Bucket policies are read in test_iam_policy."""

from typing import Any

import msgspec
import pytest

from posture.controls.aws.s3_objects import ROWS
from posture.policy import KeyMode, Policy
from posture.resource import Encryption, KeyClass, Resource
from posture.verdict import EvidenceClass, Status
from tests.posture.controls.world import (
    DAY,
    FOREIGN,
    HOME,
    NOW,
    World,
    account,
    bucket,
    denied,
    key,
    key_arn,
    made,
    refused,
    undescribed,
)

ALIAS = f"arn:aws:kms:us-east-1:{HOME}:alias/app"
AWS_KEY, OWN_KEY = key("aws", manager="AWS"), key("own", aliases=(ALIAS,))
CUSTOMER, EITHER, LOOSE = Policy(keys=KeyMode.CUSTOMER_MANAGED), Policy(keys=KeyMode.EITHER), Policy(strict=False)


def refusing(resource: Resource, *operations: str, drop: tuple[str, ...] = ()) -> Resource:
    """The same resource without these fields, whose reads were refused."""
    fields = {name: value for name, value in resource.fields.items() if name not in drop}
    return msgspec.structs.replace(
        resource, fields=fields, faults={operation: denied(operation) for operation in operations}
    )


@pytest.mark.parametrize(
    ("bucket", "status"),
    [
        (bucket("AES256"), "pass"),
        (bucket("aws:kms"), "pass"),
        (bucket("aws:kms:dsse", key=OWN_KEY.id), "pass"),
        (bucket(None), "fail"),
        (bucket(ServerSideEncryptionConfiguration={"Rules": []}), "fail"),
        (bucket("aws:fsx"), "warn"),
        (refusing(bucket(), drop=("ServerSideEncryptionConfiguration",)), "unknown"),
        (bucket(ServerSideEncryptionConfiguration={}), "unknown"),
        (bucket(ServerSideEncryptionConfiguration={"Rules": [{"BucketKeyEnabled": True}]}), "unknown"),
    ],
)
def test_default_encryption(bucket: Resource, status: str) -> None:
    assert World().ask("aws.s3.default-encryption", bucket).status.word == status


@pytest.mark.parametrize(
    ("bucket", "policy", "status"),
    [
        (bucket("AES256"), Policy(), "pass"),
        (bucket("AES256"), CUSTOMER, "fail"),
        (bucket("aws:kms"), Policy(), "warn"),
        (bucket("aws:kms"), LOOSE, "warn"),
        (bucket("aws:kms"), EITHER, "pass"),
        (bucket("aws:kms"), CUSTOMER, "fail"),
        (bucket("aws:kms", key=AWS_KEY.id), Policy(), "warn"),
        (bucket("aws:kms", key=OWN_KEY.id), Policy(), "fail"),
        (bucket("aws:kms", key=OWN_KEY.id), CUSTOMER, "pass"),
        (bucket("aws:kms", key=OWN_KEY.id), Policy(keys=KeyMode.CUSTOMER_MANAGED, required_keys=(OWN_KEY.id,)), "pass"),
        (
            bucket("aws:kms", key=OWN_KEY.id),
            Policy(keys=KeyMode.CUSTOMER_MANAGED, required_keys=(key_arn("x"),)),
            "fail",
        ),
        (bucket("aws:kms", key="alias/app", link=ALIAS), CUSTOMER, "warn"),
        (bucket("aws:kms", key=ALIAS), CUSTOMER, "warn"),
        (bucket("aws:kms", key="alias/app", link=ALIAS), Policy(), "fail"),
        (bucket("aws:kms", key=key_arn("unseen")), EITHER, "unknown"),
        (bucket("aws:kms", key=undescribed().id), EITHER, "unknown"),
        (bucket("aws:kms:dsse"), Policy(), "warn"),
        (bucket("aws:kms:dsse", key=AWS_KEY.id), Policy(), "warn"),
        (bucket("aws:kms:dsse", key=OWN_KEY.id), Policy(), "fail"),
        (bucket("aws:kms:dsse", key=OWN_KEY.id), Policy(keys=KeyMode.DOUBLE), "pass"),
        (bucket("aws:kms:dsse", key=undescribed().id), Policy(), "unknown"),
        (bucket(None), EITHER, "fail"),
        (bucket("aws:fsx"), EITHER, "unknown"),
    ],
)
def test_default_key_policy(bucket: Resource, policy: Policy, status: str) -> None:
    assert (
        World([AWS_KEY, OWN_KEY, undescribed()], policy).ask("aws.s3.default-key-policy", bucket).status.word == status
    )


@pytest.mark.parametrize(
    ("blocked", "policy", "status"),
    [
        (["SSE-C"], Policy(), "pass"),
        (["NONE"], Policy(), "fail"),
        (["NONE"], CUSTOMER, "fail"),
        (["NONE"], EITHER, "warn"),
        ([], Policy(), "warn"),
        (None, Policy(), "warn"),
    ],
)
def test_ssec_blocked(blocked: list[str] | None, policy: Policy, status: str) -> None:
    assert World(policy=policy).ask("aws.s3.ssec-blocked", bucket(blocked=blocked)).status.word == status


@pytest.mark.parametrize(
    ("bucket", "status"),
    [
        (bucket("AES256"), "not_applicable"),
        (bucket(None), "not_applicable"),
        (bucket("aws:kms", key=OWN_KEY.id), "pass"),
        (bucket("aws:kms", key=ALIAS), "pass"),
        (bucket("aws:kms", key=key_arn("off")), "fail"),
        (bucket("aws:kms", key=key_arn("gone")), "fail"),
        (bucket("aws:kms", key=key_arn("old")), "warn"),
        (bucket("aws:kms", key=undescribed("secret").id), "unknown"),
        (bucket("aws:kms", key=key_arn("unseen")), "unknown"),
        (bucket("aws:fsx"), "unknown"),
    ],
)
def test_kms_key_usable(bucket: Resource, status: str) -> None:
    keys = [
        OWN_KEY,
        key("off", KeyState="Disabled"),
        key("gone", NotFound=True),
        key("old", ValidTo="2026-12-01T00:00:00Z"),
        undescribed("secret"),
    ]
    assert World(keys).ask("aws.s3.kms-key-usable", bucket).status.word == status


@pytest.mark.parametrize("algorithm", ["aws:kms", "aws:kms:dsse"])
def test_awss_own_key_that_no_one_named_is_usable_by_inference(algorithm: str) -> None:
    verdict = World().ask("aws.s3.kms-key-usable", bucket(algorithm))
    assert (verdict.status, verdict.evidence_class) == (Status.PASS, EvidenceClass.INFERRED)


def test_no_bucket_policy_accepts_plain_http_but_not_old_tls() -> None:
    assert World().ask("aws.s3.tls-only-policy", bucket(Policy=None)).status is Status.FAIL
    assert World().ask("aws.s3.tls-min-version", bucket(Policy=None)).status is Status.WARN


ALL = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
ACLS = {**dict.fromkeys(ALL, False), "BlockPublicAcls": True, "IgnorePublicAcls": True}
POLICIES = {**dict.fromkeys(ALL, False), "BlockPublicPolicy": True, "RestrictPublicBuckets": True}
PUBLIC, PRIVATE = {"IsPublic": True}, {"IsPublic": False}


@pytest.mark.parametrize(
    ("of_bucket", "of_account", "policy_status", "status"),
    [
        (ALL, None, None, "pass"),
        (None, ALL, None, "pass"),
        (ACLS, POLICIES, None, "pass"),
        (ACLS, None, PRIVATE, "pass"),
        (None, None, PRIVATE, "warn"),
        (None, None, PUBLIC, "fail"),
        (ACLS, None, PUBLIC, "fail"),
        (POLICIES, None, PUBLIC, "warn"),
        (None, POLICIES, PUBLIC, "warn"),
        (None, None, {}, "unknown"),
        (None, {}, PRIVATE, "warn"),
    ],
)
def test_public_access(of_bucket: Any, of_account: Any, policy_status: Any, status: str) -> None:
    here = bucket(
        Policy="{}",
        PublicAccessBlockConfiguration=of_bucket,
        **({"PolicyStatus": policy_status} if policy_status is not None else {}),
    )
    assert (
        World([account(PublicAccessBlockConfiguration=of_account)]).ask("aws.s3.public-access", here).status.word
        == status
    )


def test_without_a_policy_only_acls_are_left_to_be_public() -> None:
    assert World([account()]).ask("aws.s3.public-access", bucket()).status is Status.WARN
    assert (
        World([account()]).ask("aws.s3.public-access", bucket(PublicAccessBlockConfiguration=ACLS)).status
        is Status.PASS
    )


def test_what_an_unseen_level_could_block_is_unknown_and_what_a_seen_one_blocks_is_not() -> None:
    blind = refused(account(), "s3:GetAccountPublicAccessBlock")
    open_here = bucket(Policy="{}", PolicyStatus=PUBLIC)
    verdict = World([blind]).ask("aws.s3.public-access", open_here)
    assert verdict.status is Status.UNKNOWN
    assert verdict.fault is not None
    assert World([]).ask("aws.s3.public-access", open_here).status is Status.UNKNOWN
    assert World([blind]).ask("aws.s3.public-access", bucket(PublicAccessBlockConfiguration=ALL)).status is Status.PASS
    here = refusing(bucket(), "s3:GetPublicAccessBlock", drop=("PublicAccessBlockConfiguration",))
    assert World([account(PublicAccessBlockConfiguration=ALL)]).ask("aws.s3.public-access", here).status is Status.PASS
    assert World([account()]).ask("aws.s3.public-access", here).status is Status.UNKNOWN


def test_a_refused_policy_status_is_unknown() -> None:
    verdict = World([account()]).ask("aws.s3.public-access", refusing(bucket(Policy="{}"), "s3:GetBucketPolicyStatus"))
    assert verdict.status is Status.UNKNOWN
    assert verdict.fault is not None
    assert verdict.fault.operation == "s3:GetBucketPolicyStatus"


@pytest.mark.parametrize(
    ("control", "operation"),
    [
        ("aws.s3.default-encryption", "s3:GetBucketEncryption"),
        ("aws.s3.default-key-policy", "s3:GetBucketEncryption"),
        ("aws.s3.ssec-blocked", "s3:GetBucketEncryption"),
        ("aws.s3.kms-key-usable", "s3:GetBucketEncryption"),
        ("aws.s3.tls-only-policy", "s3:GetBucketPolicy"),
        ("aws.s3.tls-min-version", "s3:GetBucketPolicy"),
        ("aws.s3.public-access", "s3:GetBucketPolicy"),
    ],
)
def test_a_refused_read_is_unknown_and_names_the_permission(control: str, operation: str) -> None:
    verdict = World().ask(control, refused(bucket(), operation))
    assert verdict.status is Status.UNKNOWN
    assert verdict.fault is not None
    assert verdict.fault.operation == operation


# --- objects


WHOLE = {
    "IsEnabled": True,
    "IncludedObjectVersions": "All",
    "OptionalFields": ["Size", "EncryptionStatus"],
    "Schedule": {"Frequency": "Daily"},
}


def inventory(
    *configurations: dict[str, Any],
    counts: dict[str, int] | None = None,
    at: str = "2026-11-23T02:00:00Z",
    schedule: str = "Daily",
) -> Resource:
    report = (
        {}
        if counts is None
        else {"Report": {"At": at, "Schedule": schedule, "Counts": counts, "Rows": sum(counts.values())}}
    )
    return made(
        "b-1/inventory",
        "inventory",
        "aws.s3.inventory",
        fields={"InventoryConfigurations": list(configurations), **report},
    )


@pytest.mark.parametrize(
    ("inventory", "status"),
    [
        (inventory(WHOLE, counts={"SSE-S3": 10}), "pass"),
        (inventory(WHOLE, counts={"SSE-S3": 10, "NOT-SSE": 1}), "fail"),
        (inventory(WHOLE, counts={"SSE-S3": 10, "NOT-SSE": 0}), "pass"),
        (inventory(WHOLE, counts={"SSE-S3": 10, "SOMETHING": 1}), "unknown"),
        (inventory(WHOLE, counts={}), "not_applicable"),
        (inventory(WHOLE), "unknown"),
        (inventory(), "warn"),
        (inventory({**WHOLE, "IsEnabled": False}), "warn"),
        (inventory({**WHOLE, "OptionalFields": ["Size"]}), "warn"),
        (inventory({**WHOLE, "IncludedObjectVersions": "Current"}, counts={"SSE-S3": 1}), "warn"),
        (inventory({**WHOLE, "Filter": {"Prefix": "logs/"}}, counts={"SSE-S3": 1}), "warn"),
        (inventory({**WHOLE, "Filter": {"Prefix": "logs/"}}, counts={"NOT-SSE": 1}), "fail"),
        (inventory({**WHOLE, "IsEnabled": False}, WHOLE, counts={"SSE-S3": 1}), "pass"),
        (inventory(WHOLE, counts={"SSE-S3": 1}, at="2026-11-21T13:00:00Z"), "unknown"),
        (inventory(WHOLE, counts={"SSE-S3": 1}, at="2026-11-21T13:00:00Z", schedule="Weekly"), "pass"),
        (inventory(WHOLE, counts={"SSE-S3": 1}, at="yesterday"), "unknown"),
    ],
)
def test_object_encryption_inventory(inventory: Resource, status: str) -> None:
    assert World().ask("aws.s3.object-encryption-inventory", inventory).status.word == status


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("column", range(5))
def test_rows_of_a_report_are_judged_by_the_policy(rows: str, column: int) -> None:
    policy = [Policy(), LOOSE, EITHER, CUSTOMER, Policy(keys=KeyMode.DOUBLE)][column]
    assert (
        World(policy=policy).ask("aws.s3.object-encryption-inventory", inventory(WHOLE, counts={rows: 3})).status
        is ROWS[rows][column]
    )


def test_a_report_is_evidence_until_two_schedules_have_passed() -> None:
    verdict = World().ask("aws.s3.object-encryption-inventory", inventory(WHOLE, counts={"SSE-S3": 1}))
    assert verdict.valid_until == NOW + 1.5 * DAY
    assert (
        World(now=verdict.valid_until)
        .ask("aws.s3.object-encryption-inventory", inventory(WHOLE, counts={"SSE-S3": 1}))
        .status
        is Status.UNKNOWN
    )


def test_a_refused_inventory_or_report_is_unknown() -> None:
    refusal = refused(inventory(WHOLE), "s3:ListBucketInventoryConfigurations")
    assert World().ask("aws.s3.object-encryption-inventory", refusal).fault is not None
    unread = refusing(inventory(WHOLE, counts={"SSE-S3": 1}), "s3:GetObject", drop=("Report",))
    verdict = World().ask("aws.s3.object-encryption-inventory", unread)
    assert (verdict.status, verdict.fault) == (Status.UNKNOWN, denied("s3:GetObject"))


def sample(status: int, algorithm: str | None = None, *, of: Any = (5, 5), key: str | None = None) -> Resource:
    said = KeyClass.PROVIDER if algorithm == "AES256" else KeyClass.UNKNOWN
    fields = {"StatusCode": status, "ServerSideEncryption": algorithm, "SSEKMSKeyId": key, "SampleOf": of}
    return made(
        "b-1/sample",
        "object-sample",
        "aws.s3.object-sample",
        links={"key": key},
        encryption=Encryption(key_class=said),
        fields=fields,
    )


@pytest.mark.parametrize(
    ("sample", "status"),
    [
        (sample(200, "AES256"), "pass"),
        (sample(200, "AES256", of=[3, 5]), "warn"),
        (sample(200, "AES256", of=None), "unknown"),
        (sample(200, "aws:kms", key=OWN_KEY.id), "fail"),
        (sample(200, "aws:kms", key=AWS_KEY.id), "warn"),
        (sample(200, "aws:kms", key=key_arn("unseen")), "unknown"),
        (sample(200), "fail"),
        (sample(400), "fail"),
        (sample(403), "unknown"),
        (sample(404), "unknown"),
        (sample(503), "unknown"),
    ],
)
def test_object_encryption_sample(sample: Resource, status: str) -> None:
    assert World([AWS_KEY, OWN_KEY]).ask("aws.s3.object-encryption-sample", sample).status.word == status


def test_a_sample_says_how_many_of_how_many() -> None:
    assert (
        World().ask("aws.s3.object-encryption-sample", sample(200, "AES256", of=[5, 5])).reason
        == "sample 5 of 5: AES256"
    )
    assert World().ask("aws.s3.object-encryption-sample", refused(sample(200), "s3:HeadObject")).fault is not None


def test_a_key_of_another_account_is_foreign_to_a_bucket_unless_it_is_listed() -> None:
    foreign = key(account=FOREIGN)
    here = bucket("aws:kms", key=foreign.id)
    assert World([foreign], CUSTOMER).ask("aws.s3.default-key-policy", here).status is Status.FAIL
    assert (
        World([foreign], Policy(keys=KeyMode.CUSTOMER_MANAGED, key_accounts=(FOREIGN,)))
        .ask("aws.s3.default-key-policy", here)
        .status
        is Status.PASS
    )
