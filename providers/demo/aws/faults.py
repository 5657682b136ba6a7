"""What can go wrong between enctop and AWS, in the words of its services."""

import fnmatch

from providers.demo.answer import Answer
from providers.demo.aws.answer import BROKEN, DENIED, EXPIRED, THROTTLED, Spelling, error
from providers.demo.aws.request import Asked
from providers.demo.faults import Faults, Rule

MESSAGES = {
    "deny": "User: arn:aws:sts::{account}:assumed-role/enctop/enctop is not authorized to perform: {operation}",
    "expire": "The security token included in the request is expired",
    "throttle": "Rate exceeded, please reduce your request rate",
    "fail": "An internal error has occurred",
}
PERMISSIONS = {
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:ListBucketInventoryConfigurations": "s3:GetInventoryConfiguration",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:HeadBucket": "s3:ListBucket",
    "s3control:GetPublicAccessBlock": "s3:GetAccountPublicAccessBlock",
}
"""Operation -> the permission it needs, where IAM calls it otherwise. A refusal names the permission, as the real
one does.
"""
SPELLINGS: dict[str, dict[str, Spelling]] = {"deny": DENIED, "expire": EXPIRED, "throttle": THROTTLED, "fail": BROKEN}


class AwsFaults(Faults):
    """The rules in force; an operation may also be named by the permission it needs, a bucket or a key by its ARN."""

    def _hits(self, rule: Rule, asked: Asked) -> bool:
        named = (asked.operation, PERMISSIONS.get(asked.operation, asked.operation))
        return (
            any(fnmatch.fnmatchcase(name, rule.operation) for name in named)
            and any(
                fnmatch.fnmatchcase(name, _bare(rule.resource))
                for name in {asked.resource, asked.bucket, _bare(asked.resource)}
            )
            and fnmatch.fnmatchcase(asked.account, rule.account)
            and fnmatch.fnmatchcase(asked.region, rule.region)
        )

    def _refusal(self, rule: Rule, asked: Asked) -> Answer:
        spelling = SPELLINGS[rule.kind].get(asked.service) or SPELLINGS[rule.kind]["sts"]
        message = MESSAGES[rule.kind].format(
            account=asked.account, operation=PERMISSIONS.get(asked.operation, asked.operation)
        )
        headers: dict[str, str] = {} if rule.retry_after is None else {rule.header: _come_back(rule)}
        return error(
            asked.service, rule.status or spelling.status, spelling.code, message, headers, head=asked.method == "HEAD"
        )


def _bare(resource: str) -> str:
    """A bucket or a key may be named by its ARN on either side."""
    return resource.rpartition(":key/")[2].removeprefix("arn:aws:s3:::")


def _come_back(rule: Rule) -> str:
    assert rule.retry_after is not None
    return str(int(rule.retry_after * 1000)) if rule.header == "x-amz-retry-after" else str(int(rule.retry_after))
