"""The simulated AWS as a program: its log, its side route, its subprocess."""

import json
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.world.aws import Aws


def side(aws: Aws, method: str, what: str, body: object = None) -> Any:
    """Ask the side route."""
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{aws.url}/enctop/{what}", data, method=method)) as answer:
        return json.load(answer)


def test_everything_asked_is_in_the_log(aws: Aws) -> None:
    aws.buckets().make("b-1", "eu-west-1")
    key = aws.region().key("k")
    aws.client("ec2", "eu-west-1").describe_volumes()
    aws.client("kms").describe_key(KeyId=key)
    s3 = aws.client("s3", "eu-west-1")
    for ask in (
        s3.get_bucket_encryption,
        s3.get_public_access_block,
        s3.head_bucket,
        s3.list_bucket_inventory_configurations,
        s3.list_objects_v2,
    ):
        ask(Bucket="b-1")
    s3.put_object(Bucket="b-1", Key="x/y", Body=b"")
    s3.head_object(Bucket="b-1", Key="x/y")
    aws.client("sts").get_caller_identity()
    assert [(e.operation, e.region, e.resource) for e in aws.log] == [
        ("ec2:DescribeVolumes", "eu-west-1", ""),
        ("kms:DescribeKey", "us-east-1", key),
        ("s3:GetBucketEncryption", "eu-west-1", "b-1"),
        ("s3:GetPublicAccessBlock", "eu-west-1", "b-1"),
        ("s3:HeadBucket", "eu-west-1", "b-1"),
        ("s3:ListBucketInventoryConfigurations", "eu-west-1", "b-1"),
        ("s3:ListObjectsV2", "eu-west-1", "b-1"),
        ("s3:PutObject", "eu-west-1", "b-1/x/y"),
        ("s3:HeadObject", "eu-west-1", "b-1/x/y"),
        ("sts:GetCallerIdentity", "us-east-1", ""),
    ]
    assert {e["operation"] for e in side(aws, "GET", "log")} == aws.log.operations


def test_faults_can_be_set_from_another_process(aws: Aws) -> None:
    side(aws, "POST", "faults", {"kind": "deny", "operation": "ec2:DescribeVolumes"})
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        aws.client("ec2").describe_volumes()
    assert side(aws, "GET", "faults")[0]["kind"] == "deny"
    side(aws, "DELETE", "faults")
    aws.client("ec2").describe_volumes()
    with pytest.raises(urllib.error.HTTPError, match="400"):
        side(aws, "POST", "faults", {"kind": "nonsense"})


def test_a_reset_leaves_nothing(aws: Aws) -> None:
    aws.region().volume()
    aws.buckets().make("b-1")
    aws.deny("ec2:*")
    side(aws, "POST", "reset")
    assert aws.client("ec2").describe_volumes()["Volumes"] == []
    assert aws.client("s3").list_buckets()["Buckets"] == []
    assert aws.log.operations == {"ec2:DescribeVolumes", "s3:ListBuckets"}


def test_the_demo_runs_until_its_stdin_closes() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "providers.demo"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdin is not None
        assert demo.stdout is not None
        started = json.loads(demo.stdout.readline())
        first, second = tomllib.loads(started["configuration"])["tenant"][0]["aws"]
        assert first["endpoint_url"] == second["endpoint_url"] == started["url"]
        given = started["environment"]
        session = boto3.Session(given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1")
        assert len(session.client("ec2", endpoint_url=started["url"]).describe_volumes()["Volumes"]) > 100
        demo.stdin.close()
        assert demo.wait(timeout=5) == 0
