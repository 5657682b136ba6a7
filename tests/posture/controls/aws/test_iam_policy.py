"""Resource policies as IAM reads them: what a bucket policy refuses, and whom a key policy lets in."""

import json
from typing import Any

import pytest

from posture.verdict import Status
from tests.posture.controls.world import BUCKET, World, bucket, key

FULL: dict[str, Any] = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": [BUCKET, f"{BUCKET}/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def without(*elements: str, **more: Any) -> dict[str, Any]:
    return {**{name: value for name, value in FULL.items() if name not in elements}, **more}


def ask(control: str, *statements: Any) -> tuple[str, str]:
    text = json.dumps(
        {"Version": "2012-10-17", "Statement": statements[0] if len(statements) == 1 else list(statements)}
    )
    verdict = World().ask(control, bucket(Policy=text))
    return verdict.status.word, verdict.reason


@pytest.mark.parametrize(
    "statement",
    [
        FULL,
        without(Principal={"AWS": "*"}),
        without(Principal={"AWS": ["arn:aws:iam::111122223333:root", "*"]}),
        without(Action=["s3:*"]),
        without(Action="S3:*"),
        without(Action="*"),
        without(Action=["s3:GetObject", "s3:*"]),
        without(Resource="*"),
        without(Resource="arn:aws:s3:::*"),
        without(Resource=f"{BUCKET}*"),
        without(Resource=[f"{BUCKET}/*", BUCKET, "arn:aws:s3:::another/*"]),
        without(Condition={"Bool": {"aws:SecureTransport": False}}),
        without(Condition={"Bool": {"aws:SecureTransport": ["false"]}}),
        without(Condition={"Bool": {"aws:SecureTransport": [False]}}),
        without(Condition={"boolIfExists": {"AWS:SECURETRANSPORT": "False"}}),
        without(Condition={"NumericLessThanIfExists": {"s3:TlsVersion": "1.2"}}),
    ],
)
def test_these_refuse_plain_http(statement: dict[str, Any]) -> None:
    assert ask("aws.s3.tls-only-policy", statement) == ("pass", "bucket policy refuses plain HTTP")


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (without(Action="s3:Get*"), "only some actions"),
        (without(Action=["s3:GetObject", "s3:PutObject"]), "only some actions"),
        (without(Resource=f"{BUCKET}/*"), "only /*, not the bucket"),
        (without(Resource=BUCKET), "only the bucket, not /*"),
        (without(Resource=[BUCKET, f"{BUCKET}/logs/*"]), "only the bucket, not /*"),
        (without(Resource="arn:aws:s3:::another/*"), "only some resources"),
        (without(Principal={"AWS": "arn:aws:iam::111122223333:root"}), "only some principals"),
        (without(Principal={"Service": "*"}), "only some principals"),
        (without("Principal", NotPrincipal={"AWS": "arn:aws:iam::111122223333:root"}), "uses NotPrincipal"),
        (without("Action", NotAction="s3:GetObject"), "uses NotAction"),
        (without("Resource", NotResource=f"{BUCKET}/public/*"), "uses NotResource"),
        (
            without(Condition={"Bool": {"aws:SecureTransport": "false", "aws:ViaAWSService": "false"}}),
            "extra conditions",
        ),
        (
            without(Condition={"Bool": {"aws:SecureTransport": "false"}, "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
            "extra conditions",
        ),
        (
            without(Condition={"Bool": {"aws:SecureTransport": "false"}, "NumericLessThan": {"s3:TlsVersion": "1.2"}}),
            "s3:TlsVersion",
        ),
        (without(Condition={"StringEquals": {"aws:SecureTransport": "false"}}), "an operator other than Bool"),
        (without(Condition={"ForAnyValue:Bool": {"aws:SecureTransport": "false"}}), "an operator other than Bool"),
        (
            without(Condition={"NumericLessThan": {"s3:TlsVersion": "1.2"}}),
            "s3:TlsVersion is not part of a plain HTTP request",
        ),
    ],
)
def test_these_refuse_plain_http_only_in_part(statement: dict[str, Any], why: str) -> None:
    status, reason = ask("aws.s3.tls-only-policy", statement)
    assert status == "warn"
    assert why in reason


@pytest.mark.parametrize(
    "statement",
    [
        without(Effect="Allow"),
        without("Condition"),
        without(Condition={"Bool": {"aws:SecureTransport": "true"}}),
        without(Condition={"Bool": {"aws:MultiFactorAuthPresent": "false"}}),
        [],
    ],
)
def test_these_do_not_refuse_plain_http(statement: Any) -> None:
    assert ask("aws.s3.tls-only-policy", statement) == ("fail", "bucket policy does not refuse plain HTTP")


def test_what_one_statement_leaves_out_another_may_add() -> None:
    assert ask("aws.s3.tls-only-policy", without(Resource=BUCKET), without(Resource=f"{BUCKET}/*"))[0] == "pass"
    assert (
        ask("aws.s3.tls-only-policy", without(Resource=BUCKET), without(Resource=f"{BUCKET}/*", Action="s3:Get*"))[0]
        == "warn"
    )


def test_of_partial_denials_the_nearest_is_named() -> None:
    far = without(Action="s3:Get*", Resource=f"{BUCKET}/*", Principal={"AWS": "1"})
    assert ask("aws.s3.tls-only-policy", far, without(Resource=f"{BUCKET}/*")) == (
        "warn",
        "bucket policy refuses plain HTTP only in part: only /*, not the bucket",
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '"x"',
        "{}",
        '{"Statement": 3}',
        '{"Statement": ["x"]}',
        '{"Statement": {"Effect": "Deny", "Condition": 1}}',
    ],
)
@pytest.mark.parametrize("control", ["aws.s3.tls-only-policy", "aws.s3.tls-min-version"])
def test_a_policy_that_cannot_be_read_is_unknown(control: str, text: str) -> None:
    verdict = World().ask(control, bucket(Policy=text))
    assert verdict.status is Status.UNKNOWN
    assert "cannot be read" in verdict.reason


def tls(value: Any, operator: str = "NumericLessThan", **more: Any) -> dict[str, Any]:
    return without(Condition={operator: {"s3:TlsVersion": value}}, **more)


@pytest.mark.parametrize(
    ("statement", "status"),
    [
        (tls("1.2"), "pass"),
        (tls(1.2), "pass"),
        (tls(["1.2"]), "pass"),
        (tls("1.3", "numericlessthanifexists"), "pass"),
        (tls("1.1"), "warn"),
        (tls("old"), "warn"),
        (tls("1.2", Resource=f"{BUCKET}/*"), "warn"),
        (FULL, "warn"),
    ],
)
def test_a_minimum_of_tls_1_2_is_depth_and_never_a_fail(statement: dict[str, Any], status: str) -> None:
    assert ask("aws.s3.tls-min-version", statement)[0] == status


def allow(**condition: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": "kms:*",
        "Resource": "*",
        **({"Condition": condition} if condition else {}),
    }


@pytest.mark.parametrize(
    ("statement", "status"),
    [
        (allow(), "fail"),
        ({**allow(), "Principal": "*"}, "fail"),
        (
            {"Effect": "Allow", "NotPrincipal": {"AWS": "arn:aws:iam::1:root"}, "Action": "kms:*", "Resource": "*"},
            "fail",
        ),
        ({**allow(), "Effect": "Deny"}, "pass"),
        ({**allow(), "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}, "pass"),
        # What AWS itself writes into the policies of its keys: everyone, bound to the calling account.
        (
            allow(StringEquals={"kms:CallerAccount": "111122223333", "kms:ViaService": "ec2.us-east-1.amazonaws.com"}),
            "pass",
        ),
        (allow(stringequals={"KMS:calleraccount": ["111122223333"]}), "pass"),
        (allow(StringEquals={"aws:PrincipalOrgID": "o-a1b2c3d4e5"}), "pass"),
        (allow(ArnLike={"aws:PrincipalArn": "arn:aws:iam::111122223333:role/*"}), "pass"),
        (allow(**{"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-a1b2c3d4e5/*"}}), "pass"),
        (allow(StringEquals={"kms:ViaService": "ec2.us-east-1.amazonaws.com"}), "warn"),
        (allow(StringLike={"kms:CallerAccount": "*"}), "warn"),
        (allow(ArnLike={"aws:PrincipalArn": "arn:aws:iam::*:role/admin"}), "warn"),
        (allow(StringNotEquals={"kms:CallerAccount": "111122223333"}), "warn"),
        (allow(StringEqualsIfExists={"aws:PrincipalOrgID": "o-a1b2c3d4e5"}), "warn"),
        (allow(**{"ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}), "warn"),
        (allow(IpAddress={"aws:SourceIp": "10.0.0.0/8"}), "warn"),
    ],
)
def test_a_key_policy_is_public_where_everyone_is_allowed_and_nothing_binds(
    statement: dict[str, Any], status: str
) -> None:
    text = json.dumps(
        {
            "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*"},
                statement,
            ]
        }
    )
    assert World().ask("aws.kms.key-public", key(Policy=text)).status.word == status


def test_a_key_policy_that_cannot_be_read_is_unknown() -> None:
    assert World().ask("aws.kms.key-public", key(Policy="{")).status is Status.UNKNOWN
