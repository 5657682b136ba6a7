"""RDS: encrypted databases and snapshots, and what anybody may restore."""

import pytest

from posture.resource import Resource
from posture.verdict import EvidenceClass, Status
from tests.posture.controls.world import World, database, database_snapshot, denied, refused

TYPES = {
    "aws.rds.instance": ("rds:DescribeDBInstances", "StorageEncrypted"),
    "aws.rds.cluster": ("rds:DescribeDBClusters", "StorageEncrypted"),
    "aws.rds.snapshot": ("rds:DescribeDBSnapshots", "Encrypted"),
    "aws.rds.cluster-snapshot": ("rds:DescribeDBClusterSnapshots", "StorageEncrypted"),
}


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize(
    ("on", "how", "status"),
    [
        (True, "sse-kms", "pass"),
        (True, None, "pass"),
        (False, "none", "fail"),
        (False, None, "fail"),
        (False, "sse-rds", "pass"),
        (True, "sse-rds", "pass"),
        (True, "none", "unknown"),
        (False, "sse-kms", "unknown"),
        (False, "sse-quantum", "unknown"),
        (None, "sse-kms", "unknown"),
        ("yes", None, "unknown"),
    ],
)
def test_a_database_is_encrypted_by_its_flag_or_by_a_key_that_aws_owns(
    type_: str, on: object, how: str | None, status: str
) -> None:
    _, flag = TYPES[type_]
    resource = database(type_, flag, **{flag: on}, StorageEncryptionType=how)
    assert World().ask("aws.rds.encrypted", resource).status.word == status


@pytest.mark.parametrize("type_", TYPES)
def test_a_refused_listing_is_unknown_and_names_the_permission(type_: str) -> None:
    operation, flag = TYPES[type_]
    verdict = World().ask("aws.rds.encrypted", refused(database(type_, flag), operation))
    assert (verdict.status, verdict.fault) == (Status.UNKNOWN, denied(operation))


@pytest.mark.parametrize(
    ("snapshot", "status"),
    [
        (database_snapshot(Encrypted=False, Public=True), "fail"),
        (database_snapshot(Encrypted=False, Public=False), "pass"),
        (database_snapshot(), "pass"),
        (database_snapshot(Encrypted=False, SnapshotType="automated"), "pass"),
        (database_snapshot(Encrypted=False), "unknown"),
        (database_snapshot(Encrypted=False, SnapshotType="awsbackup"), "unknown"),
        (database_snapshot(Encrypted=False, Public="all"), "unknown"),
        (database_snapshot(Encrypted=None), "unknown"),
        (refused(database_snapshot(), "rds:DescribeDBSnapshotAttributes"), "unknown"),
        (database("aws.rds.cluster-snapshot", StorageEncrypted=False, SnapshotType="manual", Public=True), "fail"),
        (database("aws.rds.cluster-snapshot", SnapshotType="manual"), "pass"),
    ],
)
def test_a_snapshot_is_public_where_anybody_may_restore_it(snapshot: Resource, status: str) -> None:
    assert World().ask("aws.rds.snapshot-public", snapshot).status.word == status


def test_what_cannot_be_public_is_inferred_and_what_is_not_was_observed() -> None:
    assert World().ask("aws.rds.snapshot-public", database_snapshot()).evidence_class is EvidenceClass.INFERRED
    asked = database_snapshot(Encrypted=False, Public=False)
    assert World().ask("aws.rds.snapshot-public", asked).evidence_class is None
