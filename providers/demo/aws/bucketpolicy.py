"""Bucket policies as people write them: right, weak, and right in an unusual spelling."""

import json
from typing import Any


def tls_only(bucket: str) -> str:
    """Plaintext HTTP is refused, whatever is asked."""
    return _policy(_deny(bucket, "s3:*", {"Bool": {"aws:SecureTransport": "false"}}))


def tls_only_spelled_otherwise(bucket: str) -> str:
    """The same, with the value in a list, another operator in odd case, and the principal as a map."""
    statement = _deny(bucket, ["s3:*"], {"boolIfExists": {"aws:SecureTransport": ["false"]}})
    return _policy(statement | {"Principal": {"AWS": "*"}})


def tls_only_for_reads(bucket: str) -> str:
    """Refuses plaintext HTTP for `s3:Get*` only: uploads may still cross in the clear."""
    return _policy(_deny(bucket, "s3:Get*", {"Bool": {"aws:SecureTransport": "false"}}))


def tls_only_for_objects(bucket: str) -> str:
    """Names the objects, not the bucket: listings may still cross in the clear."""
    return _policy(
        _deny(bucket, "s3:*", {"Bool": {"aws:SecureTransport": "false"}}) | {"Resource": f"arn:aws:s3:::{bucket}/*"}
    )


def tls_12(bucket: str) -> str:
    """Plaintext HTTP and TLS below 1.2 are refused."""
    old = _deny(bucket, "s3:*", {"NumericLessThan": {"s3:TlsVersion": "1.2"}}) | {"Sid": "DenyOldTls"}
    return _policy(_deny(bucket, "s3:*", {"Bool": {"aws:SecureTransport": "false"}}), old)


def read_by_account(bucket: str, account: str) -> str:
    """Says nothing about how it is reached."""
    return _policy(_allow(bucket, {"AWS": f"arn:aws:iam::{account}:root"}))


def read_by_everybody(bucket: str) -> str:
    """Public."""
    return _policy(_deny(bucket, "s3:*", {"Bool": {"aws:SecureTransport": "false"}}), _allow(bucket, "*"))


def _policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def _deny(bucket: str, action: str | list[str], condition: dict[str, Any]) -> dict[str, Any]:
    both = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    return {
        "Sid": "DenyInsecureTransport",
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": both,
        "Condition": condition,
    }


def _allow(bucket: str, principal: str | dict[str, str]) -> dict[str, Any]:
    return {
        "Sid": "Read",
        "Effect": "Allow",
        "Principal": principal,
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
