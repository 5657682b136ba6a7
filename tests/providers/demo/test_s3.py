"""The simulated S3, asked through boto3 as the provider asks it."""

import http.client
import json

import pytest
from botocore.exceptions import ClientError

from providers.demo.aws import bucketpolicy
from providers.demo.aws.accounts import SECOND
from providers.demo.aws.seed import block_public_access
from tests.world.aws import Aws


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    """The service's code."""
    return str(error.value.response["Error"]["Code"])


def test_buckets_come_in_pages_with_their_region(aws: Aws) -> None:
    for number in range(7):
        aws.buckets().make(f"b-{number}", "eu-west-1" if number % 2 else "us-east-1")
    found = list(aws.client("s3").get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 3}))
    assert [len(page["Buckets"]) for page in found] == [3, 3, 1]
    assert {b["Name"]: b["BucketRegion"] for page in found for b in page["Buckets"]}["b-1"] == "eu-west-1"


def test_buckets_are_narrowed_by_region_and_prefix(aws: Aws) -> None:
    for name, region in (("a-1", "us-east-1"), ("a-2", "eu-west-1"), ("c-3", "eu-west-1")):
        aws.buckets().make(name, region)
    s3 = aws.client("s3")
    assert [b["Name"] for b in s3.list_buckets(BucketRegion="eu-west-1")["Buckets"]] == ["a-2", "c-3"]
    assert [b["Name"] for b in s3.list_buckets(Prefix="a-")["Buckets"]] == ["a-1", "a-2"]


def test_accounts_see_their_own_buckets_and_may_not_ask_about_others(aws: Aws) -> None:
    aws.buckets().make("mine")
    aws.buckets(SECOND).make("theirs")
    assert [b["Name"] for b in aws.client("s3").list_buckets()["Buckets"]] == ["mine"]
    with pytest.raises(ClientError) as error:
        aws.client("s3").get_bucket_encryption(Bucket="theirs")
    assert code(error) == "AccessDenied"


def test_a_bucket_is_asked_in_its_own_region(aws: Aws) -> None:
    aws.buckets().make("far", "eu-west-1")
    s3 = aws.client("s3")
    assert s3.get_bucket_location(Bucket="far")["LocationConstraint"] == "eu-west-1"
    assert s3.get_bucket_encryption(Bucket="far")["ServerSideEncryptionConfiguration"]["Rules"]
    assert aws.log.count("s3:GetBucketEncryption", region="us-east-1") == 1  # refused with 301, which boto3 follows
    assert aws.log.count("s3:GetBucketEncryption", region="eu-west-1") == 1


def test_a_new_bucket_is_encrypted_and_blocks_keys_of_the_customer(aws: Aws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="new")
    (rule,) = s3.get_bucket_encryption(Bucket="new")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert rule["BlockedEncryptionTypes"] == {"EncryptionType": ["SSE-C"]}
    s3.put_object(Bucket="new", Key="k", Body=b"x")
    assert s3.head_object(Bucket="new", Key="k")["ServerSideEncryption"] == "AES256"


def test_a_rule_is_kept_as_it_was_put(aws: Aws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="b-1")
    rule = {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms:dsse", "KMSMasterKeyID": "alias/mine"},
        "BucketKeyEnabled": True,
        "BlockedEncryptionTypes": {"EncryptionType": ["NONE"]},
    }
    s3.put_bucket_encryption(Bucket="b-1", ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert s3.get_bucket_encryption(Bucket="b-1")["ServerSideEncryptionConfiguration"]["Rules"] == [rule]


def test_a_bucket_may_have_no_rule_at_all(aws: Aws) -> None:
    aws.buckets().make("bare", algorithm=None)
    with pytest.raises(ClientError) as error:
        aws.client("s3").get_bucket_encryption(Bucket="bare")
    assert code(error) == "ServerSideEncryptionConfigurationNotFoundError"


def test_what_a_bucket_does_not_have_is_an_answer_with_a_name(aws: Aws) -> None:
    aws.buckets().make("plain", block=None)
    s3 = aws.client("s3")
    for ask, expected in (
        (s3.get_bucket_policy, "NoSuchBucketPolicy"),
        (s3.get_bucket_policy_status, "NoSuchBucketPolicy"),
        (s3.get_public_access_block, "NoSuchPublicAccessBlockConfiguration"),
        (s3.get_bucket_tagging, "NoSuchTagSet"),
    ):
        with pytest.raises(ClientError) as error:
            ask(Bucket="plain")
        assert code(error) == expected
    with pytest.raises(ClientError) as error:
        s3.get_bucket_policy(Bucket="gone")
    assert code(error) == "NoSuchBucket"


def test_policies_and_whether_they_are_public(aws: Aws) -> None:
    own, s3 = aws.buckets(), aws.client("s3")
    own.make("open", policy=bucketpolicy.read_by_everybody("open"))
    own.make("shut", policy=bucketpolicy.tls_only("shut"), tags={"team": "a"})
    assert json.loads(s3.get_bucket_policy(Bucket="shut")["Policy"])["Statement"][0]["Effect"] == "Deny"
    assert [s3.get_bucket_policy_status(Bucket=name)["PolicyStatus"]["IsPublic"] for name in ("open", "shut")] == [
        True,
        False,
    ]
    assert s3.get_bucket_tagging(Bucket="shut")["TagSet"] == [{"Key": "team", "Value": "a"}]
    own.put("shut", "k")
    # the deny of plaintext HTTP does not deny everything
    assert s3.head_object(Bucket="shut", Key="k")["ContentLength"] == 0


def test_public_access_blocks_of_bucket_and_account(aws: Aws) -> None:
    aws.buckets().make("b-1")
    assert all(aws.client("s3").get_public_access_block(Bucket="b-1")["PublicAccessBlockConfiguration"].values())
    block_public_access()
    connection = http.client.HTTPConnection("127.0.0.1", aws.server.port)
    scope = "AWS4-HMAC-SHA256 Credential=AKIA/20261123/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
    for host in ("123456789012.localhost", f"127.0.0.1:{aws.server.port}"):
        headers = {"Host": host, "Authorization": scope, "x-amz-account-id": "123456789012"}
        connection.request("GET", "/v20180820/configuration/publicAccessBlock", headers=headers)
        answer = connection.getresponse()
        assert (answer.status, b"<RestrictPublicBuckets>true<" in answer.read()) == (200, True)
    connection.close()
    assert aws.log.count("s3control:GetPublicAccessBlock") == 2


def test_inventories_keep_their_fields_and_their_report_can_be_read(aws: Aws) -> None:
    own, s3 = aws.buckets(), aws.client("s3")
    own.make("data")
    own.make("reports")
    own.inventory("data", "reports", {"old": "NOT-SSE"}, versions="Current")
    (found,) = s3.list_bucket_inventory_configurations(Bucket="data")["InventoryConfigurationList"]
    assert (found["IncludedObjectVersions"], found["OptionalFields"], found["Schedule"]) == (
        "Current",
        ["EncryptionStatus"],
        {"Frequency": "Daily"},
    )
    names = [o["Key"] for o in s3.list_objects_v2(Bucket="reports", Prefix="inventory/data/all-objects/")["Contents"]]
    manifest = next(name for name in names if name.endswith("manifest.json"))
    assert json.loads(s3.get_object(Bucket="reports", Key=manifest)["Body"].read())["fileSchema"].endswith(
        "EncryptionStatus"
    )


def test_an_object_of_the_customers_own_key_answers_400_without_it(aws: Aws) -> None:
    s3, key = aws.client("s3"), {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "0" * 32}
    aws.buckets().make("open", blocked=("NONE",))
    aws.buckets().make("shut")
    s3.put_object(Bucket="open", Key="k", Body=b"x", **key)
    with pytest.raises(ClientError) as error:
        s3.head_object(Bucket="open", Key="k")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert s3.head_object(Bucket="open", Key="k", **key)["ContentLength"] == 1
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket="shut", Key="k", Body=b"x", **key)
