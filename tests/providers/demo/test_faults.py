"""What goes wrong on demand, as boto3 tells it."""

import http.client
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from providers.demo.aws import bucketpolicy
from providers.demo.aws.accounts import SECOND
from providers.demo.faults import Faults
from tests.world.aws import Aws

ASK: dict[str, Callable[[Aws], Any]] = {
    "ec2": lambda aws: aws.client("ec2").describe_volumes(),
    "s3": lambda aws: aws.client("s3").list_buckets(),
    "kms": lambda aws: aws.client("kms").list_keys(),
    "sts": lambda aws: aws.client("sts").get_caller_identity(),
}


def refused(aws: Aws, service: str) -> tuple[int, str, dict[str, str]]:
    """Status, code and headers of the refusal of a service's plain question."""
    with pytest.raises(ClientError) as error:
        ASK[service](aws)
    said = error.value.response
    return said["ResponseMetadata"]["HTTPStatusCode"], said["Error"]["Code"], said["ResponseMetadata"]["HTTPHeaders"]


@pytest.mark.parametrize(
    ("fault", "service", "status", "code"),
    [
        (Faults.deny, "ec2", 403, "UnauthorizedOperation"),
        (Faults.deny, "s3", 403, "AccessDenied"),
        (Faults.deny, "kms", 400, "AccessDeniedException"),
        (Faults.deny, "sts", 403, "AccessDenied"),
        (Faults.expire, "ec2", 400, "RequestExpired"),
        (Faults.expire, "s3", 400, "ExpiredToken"),
        (Faults.expire, "kms", 400, "ExpiredTokenException"),
        (Faults.expire, "sts", 403, "ExpiredToken"),
        (Faults.throttle, "ec2", 503, "RequestLimitExceeded"),
        (Faults.throttle, "s3", 503, "SlowDown"),
        (Faults.throttle, "kms", 400, "ThrottlingException"),
        (Faults.fail, "ec2", 500, "InternalError"),
        (Faults.fail, "kms", 500, "KMSInternalException"),
    ],
)
def test_a_refusal_is_in_the_services_own_words(
    aws: Aws, fault: Callable[[Faults], Any], service: str, status: int, code: str
) -> None:
    fault(aws.faults)
    assert refused(aws, service)[:2] == (status, code)


def test_a_denial_may_be_for_one_bucket_and_names_the_permission(aws: Aws) -> None:
    for name in ("b-1", "b-3"):
        aws.buckets().make(name)
    aws.deny("s3:GetEncryptionConfiguration", bucket="b-3")
    s3 = aws.client("s3")
    s3.get_bucket_encryption(Bucket="b-1")
    s3.get_bucket_location(Bucket="b-3")
    with pytest.raises(ClientError, match=r"AccessDenied.*s3:GetEncryptionConfiguration"):
        s3.get_bucket_encryption(Bucket="b-3")


def test_a_denial_may_be_for_one_key_region_or_account(aws: Aws) -> None:
    key, other = aws.region().key("one"), aws.region().key("two")
    aws.deny("kms:DescribeKey", key=key)
    aws.deny("ec2:*", region="eu-west-1")
    aws.deny("s3:ListBuckets", account=SECOND)
    aws.client("kms").describe_key(KeyId=other)
    aws.client("ec2", "us-east-1").describe_volumes()
    aws.client("s3").list_buckets()
    asks: tuple[Callable[[], object], ...] = (
        lambda: aws.client("kms").describe_key(KeyId=key),
        lambda: aws.client("kms").describe_key(KeyId=key.rpartition("/")[2]),
        lambda: aws.client("ec2", "eu-west-1").describe_volumes(),
        lambda: aws.client("s3", account=SECOND).list_buckets(),
    )
    for ask in asks:
        with pytest.raises(ClientError, match=r"AccessDenied|UnauthorizedOperation"):
            ask()


def test_a_throttle_hits_as_often_as_said_and_says_when_to_come_back(aws: Aws) -> None:
    aws.throttle("kms:ListKeys", times=2, retry_after=3)
    assert refused(aws, "kms")[2]["retry-after"] == "3"
    refused(aws, "kms")
    ASK["kms"](aws)
    aws.throttle("ec2:DescribeVolumes", retry_after=0.25, in_milliseconds=True)
    assert refused(aws, "ec2")[2]["x-amz-retry-after"] == "250"


def test_a_lifted_fault_is_gone(aws: Aws) -> None:
    rule = aws.deny("ec2:DescribeVolumes")
    refused(aws, "ec2")
    aws.faults.remove(rule)
    ASK["ec2"](aws)


def test_slow_answers_do_not_wait_for_each_other(aws: Aws) -> None:
    ec2 = aws.client("ec2")
    ec2.describe_volumes()
    aws.faults.delay(0.3, "ec2:DescribeVolumes")
    threads = [threading.Thread(target=ec2.describe_volumes) for _ in range(5)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0.3 <= time.monotonic() - started < 6


def test_an_answer_cut_in_the_middle_has_said_its_whole_length(aws: Aws) -> None:
    for _ in range(50):
        aws.region().volume()
    aws.faults.cut("ec2:DescribeVolumes", times=1)
    scope = "AWS4-HMAC-SHA256 Credential=AKIA/20261123/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0"
    connection = http.client.HTTPConnection("127.0.0.1", aws.server.port)
    connection.request(
        "POST",
        "/",
        "Action=DescribeVolumes",
        {"Authorization": scope, "Content-Type": "application/x-www-form-urlencoded"},
    )
    with pytest.raises(http.client.IncompleteRead):
        connection.getresponse().read()


def test_boto3_takes_a_cut_answer_for_a_whole_one(aws: Aws) -> None:
    """botocore does not compare the body with its Content-Length: XML that ends early is an error, a policy that
    ends early is a policy.
    """
    aws.region().volume()
    aws.buckets().make("b-1", policy=bucketpolicy.tls_only("b-1"))
    aws.faults.cut("*", times=2)
    with pytest.raises(ResponseParserError):
        ASK["ec2"](aws)
    assert (
        aws.client("s3").get_bucket_policy(Bucket="b-1")["Policy"]
        == bucketpolicy.tls_only("b-1")[: len(bucketpolicy.tls_only("b-1")) // 2]
    )


@pytest.mark.parametrize("fault", [Faults.truncate, Faults.html])
def test_an_answer_that_is_not_whole_xml_is_not_parsed(aws: Aws, fault: Callable[..., Any]) -> None:
    for _ in range(5):
        aws.region().volume()
    fault(aws.faults, "ec2:DescribeVolumes", times=1)
    if fault is Faults.truncate:
        with pytest.raises(ResponseParserError):
            ASK["ec2"](aws)
    else:  # well-formed, so boto3 takes it for an answer without volumes: who trusts it sees an empty account
        assert "Volumes" not in ASK["ec2"](aws)
    assert len(ASK["ec2"](aws)["Volumes"]) == 5


def test_a_region_may_refuse_or_hang_while_others_answer(aws: Aws) -> None:
    aws.faults.refuse("eu-west-1")
    with pytest.raises((ConnectionClosedError, EndpointConnectionError, HTTPClientError)):
        aws.client("ec2", "eu-west-1").describe_volumes()
    aws.client("ec2").describe_volumes()
    aws.faults.clear()
    aws.faults.hang("eu-west-1")
    with pytest.raises(ReadTimeoutError):
        aws.client("ec2", "eu-west-1", timeout=0.3).describe_volumes()
    aws.client("ec2").describe_volumes()


def test_a_stopped_server_refuses_and_comes_back_as_it_was(aws: Aws) -> None:
    aws.region().volume()
    ec2 = aws.client("ec2")
    ec2.describe_volumes()
    aws.server.stop()
    with pytest.raises((EndpointConnectionError, ConnectionClosedError)):
        ec2.describe_volumes()
    aws.server.restart()
    assert len(ec2.describe_volumes()["Volumes"]) == 1
