"""EKS: envelope encryption of what the Kubernetes API keeps."""

import pytest

from posture.policy import KeyMode, Policy
from posture.resource import Resource
from posture.verdict import Status
from tests.posture.controls.world import World, denied, eks_cluster, key, key_arn, refused

DESCRIBE = "eks:DescribeCluster"
PROVIDER = Policy()
CUSTOMER = Policy(keys=KeyMode.CUSTOMER_MANAGED, strict=False)
LISTED = Policy(keys=KeyMode.CUSTOMER_MANAGED, strict=False, required_keys=(key_arn("other"),))


def issue(*codes: object) -> dict[str, object]:
    return {"issues": [{"code": code} for code in codes]}


@pytest.mark.parametrize(
    ("cluster", "policy", "status"),
    [
        (eks_cluster("1.33"), PROVIDER, "pass"),
        (eks_cluster("1.28"), PROVIDER, "pass"),
        (eks_cluster("2.0"), PROVIDER, "pass"),
        (eks_cluster("1.27"), PROVIDER, "fail"),
        (eks_cluster("1.9"), PROVIDER, "fail"),
        (eks_cluster("1.27", key=key_arn()), PROVIDER, "pass"),
        (eks_cluster("1.33", key=key_arn()), PROVIDER, "pass"),
        (eks_cluster("1.33"), CUSTOMER, "warn"),
        (eks_cluster("1.27"), CUSTOMER, "fail"),
        (eks_cluster("1.33", key=key_arn()), CUSTOMER, "pass"),
        (eks_cluster("1.33", key=key_arn()), LISTED, "fail"),
        (eks_cluster("1.33", encryptionConfig=[]), PROVIDER, "pass"),
        (
            eks_cluster("1.27", encryptionConfig=[{"resources": [], "provider": {"keyArn": key_arn()}}]),
            PROVIDER,
            "fail",
        ),
        (eks_cluster("1.27", encryptionConfig=[{"resources": ["secrets"]}]), PROVIDER, "unknown"),
        (eks_cluster("1.27", encryptionConfig="secrets"), PROVIDER, "unknown"),
        (eks_cluster("1.x"), PROVIDER, "unknown"),
        (eks_cluster(version=None), PROVIDER, "unknown"),  # type: ignore[arg-type]
        (eks_cluster(key=key_arn(), health=issue("KmsKeyDisabled")), PROVIDER, "fail"),
        (eks_cluster(key=key_arn(), health=issue("Other", "KmsKeyMarkedForDeletion")), PROVIDER, "fail"),
        (eks_cluster(key=key_arn(), health=issue("KmsKeyNotFound")), PROVIDER, "fail"),
        (eks_cluster(key=key_arn(), health=issue("KmsGrantRevoked")), PROVIDER, "fail"),
        (eks_cluster(key=key_arn(), health=issue("Ec2SubnetNotFound")), PROVIDER, "pass"),
        (eks_cluster(key=key_arn(), health=issue("KmsKeyForgotten")), PROVIDER, "unknown"),
        (eks_cluster(key=key_arn(), health=issue(7)), PROVIDER, "unknown"),
        (eks_cluster(health=None), PROVIDER, "pass"),
        (refused(eks_cluster(), DESCRIBE), PROVIDER, "unknown"),
    ],
)
def test_secrets_are_under_envelope_encryption_by_version_or_by_key(
    cluster: Resource, policy: Policy, status: str
) -> None:
    assert World([key()], policy).ask("aws.eks.secrets-encryption", cluster).status.word == status


def test_a_key_that_cannot_be_used_is_the_cause() -> None:
    cluster = eks_cluster(key=key_arn(), health=issue("KmsKeyDisabled"))
    assert World().ask("aws.eks.secrets-encryption", cluster).cause == key_arn()


def test_a_refused_description_is_unknown_and_names_the_permission() -> None:
    verdict = World().ask("aws.eks.secrets-encryption", refused(eks_cluster(), DESCRIBE))
    assert (verdict.status, verdict.fault) == (Status.UNKNOWN, denied(DESCRIBE))
