"""EFS: is a file system encrypted, and under the key that the policy asks for."""

from typing import Any

from posture.context import Context
from posture.controls.aws.keys import class_verdict
from posture.controls.registry import control
from posture.keyclass import key_class
from posture.reading import expected, field_of
from posture.resource import Resource
from posture.verdict import Verdict, failed

_LISTING = "elasticfilesystem:DescribeFileSystems"


@control("aws.efs.encrypted", on="aws.efs.file-system")
def encrypted(file_system: Resource, context: Context) -> Verdict:
    """Encrypted at all, and then by whose key."""
    on = expected(field_of(file_system, _LISTING, "Encrypted"), bool, _LISTING, "Encrypted")
    evidence: dict[str, Any] = {f"{_LISTING}.Encrypted": on}
    if not on:
        return failed("Encrypted is false", evidence)
    evidence[f"{_LISTING}.KmsKeyId"] = file_system.fields.get("KmsKeyId")
    key = context.linked(file_system, "key")
    return class_verdict(
        key_class(file_system, context), context.policy, "aws.efs.encrypted", key=key, evidence=evidence
    )
