"""EFS: encrypted, and by whose key."""

import pytest

from posture.policy import KeyMode, Policy
from posture.resource import Resource
from posture.verdict import Status
from tests.posture.controls.world import FOREIGN, World, denied, file_system, key, key_arn, refused, undescribed

LISTING = "elasticfilesystem:DescribeFileSystems"
PROVIDER, CUSTOMER = Policy(), Policy(keys=KeyMode.CUSTOMER_MANAGED, strict=False)


@pytest.mark.parametrize(
    ("system", "under", "policy", "status"),
    [
        (file_system(), None, PROVIDER, "fail"),
        (file_system(key=key_arn()), key(manager="AWS"), PROVIDER, "pass"),
        (file_system(key=key_arn()), key(manager="AWS"), CUSTOMER, "fail"),
        (file_system(key=key_arn()), key(), PROVIDER, "fail"),
        (file_system(key=key_arn()), key(), CUSTOMER, "pass"),
        (file_system(key=key_arn(account=FOREIGN)), key(account=FOREIGN), CUSTOMER, "fail"),
        (file_system(key=key_arn()), undescribed(), PROVIDER, "unknown"),
        (file_system(key=key_arn()), None, PROVIDER, "unknown"),
        (file_system(key=key_arn(), Encrypted=None), key(manager="AWS"), PROVIDER, "unknown"),
        (file_system(key=key_arn(), Encrypted="true"), key(manager="AWS"), PROVIDER, "unknown"),
    ],
)
def test_a_file_system_is_encrypted_under_the_key_that_the_policy_asks_for(
    system: Resource, under: Resource | None, policy: Policy, status: str
) -> None:
    world = World([under] if under else [], policy)
    assert world.ask("aws.efs.encrypted", system).status.word == status


def test_a_key_that_is_going_is_another_controls_finding() -> None:
    dying = key(manager="AWS", KeyState="PendingDeletion", DeletionDate="2026-12-01T00:00:00Z")
    system = file_system(key=key_arn())
    assert World([dying]).ask("aws.efs.encrypted", system).status is Status.PASS
    assert World([system]).ask("aws.kms.key-state", dying).status is Status.FAIL, "for the file system uses it"


def test_a_refused_listing_is_unknown_and_names_the_permission() -> None:
    verdict = World().ask("aws.efs.encrypted", refused(file_system(), LISTING))
    assert (verdict.status, verdict.fault) == (Status.UNKNOWN, denied(LISTING))
