"""RDS: are databases and their snapshots encrypted, and is a snapshot open to everybody."""

from posture.context import Context
from posture.controls.registry import control
from posture.reading import NoAnswer, expected, field_of, optional, word
from posture.resource import Resource
from posture.verdict import EvidenceClass, Verdict, failed, passed, unanswered, unknown

_FLAGS = {
    "aws.rds.instance": ("rds:DescribeDBInstances", "StorageEncrypted"),
    "aws.rds.cluster": ("rds:DescribeDBClusters", "StorageEncrypted"),
    "aws.rds.snapshot": ("rds:DescribeDBSnapshots", "Encrypted"),
    "aws.rds.cluster-snapshot": ("rds:DescribeDBClusterSnapshots", "StorageEncrypted"),
}
"""Type -> the call that lists it, and the field that says whether it is encrypted."""
_SHARED = {
    "aws.rds.snapshot": "rds:DescribeDBSnapshotAttributes",
    "aws.rds.cluster-snapshot": "rds:DescribeDBClusterSnapshotAttributes",
}
_ENCRYPTION = frozenset({"none", "sse-kms", "sse-rds"})
"""`StorageEncryptionType`: `sse-rds` is a key that AWS owns, with the flag false."""


@control("aws.rds.encrypted", on=tuple(_FLAGS))
def encrypted(database: Resource, context: Context) -> Verdict:
    """The flag alone is false of what is encrypted under a key that AWS owns."""
    operation, flag = _FLAGS[database.type]
    on = expected(field_of(database, operation, flag), bool, operation, flag)
    how = optional(database.fields.get("StorageEncryptionType"), str, operation, "StorageEncryptionType")
    evidence = {f"{operation}.{flag}": on, f"{operation}.StorageEncryptionType": how}
    if how is not None and word(how, _ENCRYPTION, operation, "StorageEncryptionType") == "sse-rds":
        return passed("encrypted under a key that AWS owns", evidence)
    if how is not None and on is (how == "none"):
        return unknown(f"{flag} is {str(on).lower()}, but StorageEncryptionType is {how}", evidence=evidence)
    return passed(f"{flag} is true", evidence) if on else failed(f"{flag} is false", evidence)


@control("aws.rds.snapshot-public", on=tuple(_SHARED))
def snapshot_public(snapshot: Resource, context: Context) -> Verdict:
    """Only what can be public is asked about: RDS shares what is encrypted with named accounts only, and an automated
    snapshot with nobody.
    """
    shared = _SHARED[snapshot.type]
    operation, flag = _FLAGS[snapshot.type]
    if shared in snapshot.faults:
        return unanswered(snapshot.faults[shared])
    public = optional(snapshot.fields.get("Public"), bool, shared, "restore")
    if public is not None:
        evidence = {f"{shared}.restore": "all" if public else "not all"}
        return failed("anybody may restore it", evidence) if public else passed("not shared with everybody", evidence)
    if field_of(snapshot, operation, flag) is True:
        return passed(
            "encrypted: it can be shared with named accounts only",
            {f"{operation}.{flag}": True},
            by=EvidenceClass.INFERRED,
        )
    if field_of(snapshot, operation, "SnapshotType") == "automated":
        return passed(
            "automated: it can be shared with nobody",
            {f"{operation}.SnapshotType": "automated"},
            by=EvidenceClass.INFERRED,
        )
    raise NoAnswer(unknown(f"{shared} answered without restore"))
