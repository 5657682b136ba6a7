"""A small world for controls to look at: resources, their links, sources and a policy. It is data that answers as
the model does.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from posture.clock import Utc, parse_rfc3339
from posture.controls.registry import Control, registry
from posture.door_index import Found
from posture.fault import Fault, FaultKind
from posture.policy import Policy
from posture.problems import cause_of
from posture.resource import Encryption, KeyClass, Link, Resource
from posture.rollup import Rollup
from posture.source import ANSWERED, Source, account_of
from posture.verdict import Finding, Verdict

NOW = parse_rfc3339("2026-11-23T14:00:00Z")
DAY = 86400.0
HOME, FOREIGN = "111122223333", "999988887777"
REGION = f"aws://{HOME}/us-east-1"
BUCKET = "arn:aws:s3:::b-1"


class World(msgspec.Struct):
    """What a control may look at. `seen` are the resources beside the one that is judged."""

    seen: list[Resource] = []
    policy: Policy = Policy()
    asked: list[Source] = []
    strays: int = 0
    now: Utc = NOW
    doors: Found = Found()
    counts: Rollup = msgspec.field(default_factory=lambda: Rollup(resources=[0, 0, 0, 1, 0]))

    def linked(self, resource: Resource, rel: str) -> Resource | None:
        to = resource.link(rel)
        return None if to is None else self._at(to)

    def linked_all(self, resource: Resource, rel: str) -> list[tuple[str, Resource | None]]:
        return [(link.to, self._at(link.to)) for link in resource.links if link.rel == rel]

    def findings(self, resource: Resource) -> Mapping[str, Finding]:
        """Judged in this world, so that what is asked of another resource is what its controls say."""
        return {control.id: self._finding(control, resource) for control in registry().for_type(resource.type)}

    def listed(self, provider: str, scope: str | None, service: str) -> bool:
        asked = [
            source
            for source in self.asked
            if (source.provider, source.service) == (provider, service) and scope in (None, account_of(source))
        ]
        return bool(asked) and all(source.state in ANSWERED for source in asked)

    def users(self, resource: Resource) -> Iterator[Resource]:
        names = {resource.id, *resource.aliases}
        return (other for other in self.seen if any(link.to in names for link in other.links))

    def count_kinds(self, resource: Resource) -> Mapping[str, int]:
        return Counter(user.kind for user in self.users(resource))

    def sources(self, tenant: str) -> Iterable[Source]:
        return [source for source in self.asked if source.tenant == tenant]

    def source(self, source_id: str) -> Source | None:
        return next((source for source in self.asked if source.id == source_id), None)

    @property
    def policies(self) -> list[Policy]:
        return [self.policy]

    def unanswered(self, resource: Resource, asks: Callable[[str], bool]) -> Source | None:
        return next((source for source in self.asked if source.state not in ANSWERED and asks(source.service)), None)

    def unassigned(self, tenant: str) -> int:
        return self.strays

    def found(self, tenant: str) -> Found:
        return self.doors

    def rollup(self, tenant: str) -> Rollup:
        return self.counts

    def ask(self, control: str, resource: Resource) -> Verdict:
        found = registry().get(control)
        assert found is not None
        assert resource.type in found.applies
        return found.judge(resource, self)

    def _at(self, target: str) -> Resource | None:
        return next((other for other in self.seen if target in (other.id, *other.aliases)), None)

    def _finding(self, control: Control, resource: Resource) -> Finding:
        said = control.judge(resource, self)
        return Finding(
            control=control.id,
            resource=resource.id,
            tenant=resource.tenant,
            status=said.status,
            severity=control.severity,
            evidence_class=said.evidence_class or control.evidence_class,
            reason=said.reason,
            evidence=said.evidence,
            since=self.now,
            fault=said.fault,
            cause=cause_of(said, resource),
        )


def denied(operation: str, permission: str | None = None) -> Fault:
    return Fault(FaultKind.DENIED, "AccessDenied", operation, "not allowed", permission or operation)


def refused(resource: Resource, *operations: str) -> Resource:
    """The same resource, had these reads been refused: the fault in place of every field."""
    return msgspec.structs.replace(
        resource, fields={}, faults={operation: denied(operation) for operation in operations}
    )


def made(id: str, kind: str, type: str, *, links: dict[str, str | None] | None = None, **more: Any) -> Resource:
    pointed = tuple(Link(rel, to) for rel, to in (links or {}).items() if to)
    common: dict[str, Any] = {
        "name": id,
        "tenant": "acme",
        "provider": "aws",
        "scope": HOME,
        "region": "us-east-1",
        "source": "acme/aws/x",
        "links": pointed,
    }
    return Resource(id=id, kind=kind, type=type, **{**common, **more})


def key_arn(name: str = "k-1", account: str = HOME) -> str:
    return f"arn:aws:kms:us-east-1:{account}:key/{name}"


def key(
    name: str = "k-1", *, account: str = HOME, manager: str = "CUSTOMER", aliases: tuple[str, ...] = (), **fields: Any
) -> Resource:
    confers = {"AWS": KeyClass.PROVIDER_VISIBLE, "CUSTOMER": KeyClass.CUSTOMER}.get(manager, KeyClass.UNKNOWN)
    metadata = {
        "KeyState": "Enabled",
        "KeyManager": manager,
        "Origin": "AWS_KMS",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "AWSAccountId": account,
    }
    return made(
        key_arn(name, account),
        "key",
        "aws.kms.key",
        scope=account,
        aliases=aliases,
        encryption=Encryption(key_class=confers),
        fields={**metadata, **fields},
    )


def undescribed(name: str = "k-1", account: str = HOME) -> Resource:
    """A key that something names, and that may not be described."""
    return made(
        key_arn(name, account),
        "key",
        "aws.kms.key",
        scope=account,
        encryption=Encryption(),
        faults={"kms:DescribeKey": denied("kms:DescribeKey")},
    )


def volume(name: str = "vol-1", *, key: str | None = None, encrypted: bool | None = None, **fields: Any) -> Resource:
    on = encrypted if encrypted is not None else key is not None
    seen = {
        "VolumeId": name,
        "Encrypted": on,
        "State": "in-use",
        "Attachments": [{"InstanceId": "i-1"}],
        **({"KmsKeyId": key} if key else {}),
        **fields,
    }
    encryption = Encryption(at_rest=on, key_class=KeyClass.UNKNOWN if on else KeyClass.NONE, key=key)
    arn = f"arn:aws:ec2:us-east-1:{HOME}:volume/{name}"
    return made(
        arn, "volume", "aws.ebs.volume", links={"key": key, "region": REGION}, encryption=encryption, fields=seen
    )


def snapshot(name: str = "snap-1", *, key: str | None = None, **fields: Any) -> Resource:
    seen = {
        "SnapshotId": name,
        "Encrypted": key is not None,
        "Public": False,
        **({"KmsKeyId": key} if key else {}),
        **fields,
    }
    encryption = Encryption(at_rest=key is not None, key_class=KeyClass.UNKNOWN if key else KeyClass.NONE, key=key)
    arn = f"arn:aws:ec2:us-east-1::snapshot/{name}"
    return made(
        arn, "snapshot", "aws.ebs.snapshot", links={"key": key, "region": REGION}, encryption=encryption, fields=seen
    )


def region(*, key: str | None = None, **fields: Any) -> Resource:
    usual = {
        "EbsEncryptionByDefault": True,
        "KmsKeyId": key or "alias/aws/ebs",
        "SnapshotBlockPublicAccessState": "block-all-sharing",
    }
    return made(REGION, "account", "aws.ec2.region", links={"key": key}, fields={**usual, **fields})


def template(*mappings: dict[str, Any]) -> Resource:
    fields = {"LaunchTemplateId": "lt-1", "VersionNumber": 3, "BlockDeviceMappings": list(mappings)}
    return made("lt-1", "workload", "aws.ec2.launch-template", links={"region": REGION}, fields=fields)


def bucket(
    algorithm: str | None = "AES256",
    *,
    key: str | None = None,
    link: str | None = None,
    blocked: list[str] | None = None,
    **fields: Any,
) -> Resource:
    """`key` as it stands in the configuration; `link` the full id it comes to, when that is another."""
    default = {"SSEAlgorithm": algorithm, **({"KMSMasterKeyID": key} if key else {})}
    rule = {
        "ApplyServerSideEncryptionByDefault": default,
        **({"BlockedEncryptionTypes": {"EncryptionType": blocked}} if blocked is not None else {}),
    }
    configuration = {"Rules": [rule]} if algorithm else None
    said = {"AES256": KeyClass.PROVIDER, "aws:kms:dsse": KeyClass.DOUBLE}.get(algorithm or "", KeyClass.UNKNOWN)
    if algorithm == "aws:kms" and not key:
        said = KeyClass.PROVIDER_VISIBLE
    return made(
        BUCKET,
        "bucket",
        "aws.s3.bucket",
        links={"key": link or key, "account": f"aws://{HOME}"},
        encryption=Encryption(at_rest=algorithm is not None, key_class=said),
        fields={
            "Name": "b-1",
            "ServerSideEncryptionConfiguration": configuration,
            "Policy": None,
            "PublicAccessBlockConfiguration": None,
            **fields,
        },
    )


def iam_account(**fields: Any) -> Resource:
    """Root with a second factor, and a person's word on Identity Center."""
    usual = {
        "AccountMFAEnabled": 1,
        "AccountPasswordPresent": 1,
        "AccountAccessKeysPresent": 0,
        "identity_center": {"mfa": "required", "attested_by": "r.okafor", "on": "2026-11-01"},
    }
    return made(f"arn:aws:iam::{HOME}:root", "identity", "aws.iam.account", fields={**usual, **fields}, region="")


def iam_user(name: str = "alice", **fields: Any) -> Resource:
    """A user with a password and a second factor, by a report of an hour ago."""
    usual = {
        "user": name,
        "password_enabled": "true",
        "mfa_active": "true",
        "access_key_1_active": "false",
        "access_key_1_last_rotated": "N/A",
        "access_key_2_active": "false",
        "access_key_2_last_rotated": "N/A",
        "GeneratedTime": "2026-11-23T13:00:00Z",
        "EnableDate": None,
    }
    return made(f"arn:aws:iam::{HOME}:user/{name}", "identity", "aws.iam.user", name=name, fields={**usual, **fields})


def database(type: str = "aws.rds.instance", flag: str = "StorageEncrypted", **fields: Any) -> Resource:
    """A database or a snapshot of one, encrypted; `flag` is the field that says so."""
    usual = {flag: True, "StorageEncryptionType": "sse-kms", "Engine": "postgres"}
    kind = "snapshot" if type.endswith("snapshot") else "database"
    return made(f"arn:aws:rds:us-east-1:{HOME}:{type[8:]}:d", kind, type, name="d", fields={**usual, **fields})


def database_snapshot(**fields: Any) -> Resource:
    """A snapshot of a database: manual, and encrypted."""
    usual = {"DBSnapshotIdentifier": "d-1", "SnapshotType": "manual"}
    return database("aws.rds.snapshot", "Encrypted", **{**usual, **fields})


def file_system(*, key: str | None = None, **fields: Any) -> Resource:
    """Of EFS; encrypted where it has a key."""
    on = key is not None
    usual = {"FileSystemId": "fs-0123abcd", "Encrypted": on, **({"KmsKeyId": key} if key else {})}
    arn = f"arn:aws:elasticfilesystem:us-east-1:{HOME}:file-system/fs-0123abcd"
    encryption = Encryption(at_rest=on, key_class=KeyClass.UNKNOWN if on else KeyClass.NONE, key=key)
    return made(
        arn,
        "file-system",
        "aws.efs.file-system",
        links={"key": key},
        encryption=encryption,
        fields={**usual, **fields},
        aliases=("fs-0123abcd",),
    )


def eks_cluster(version: str = "1.33", *, key: str | None = None, **fields: Any) -> Resource:
    """Of EKS; its secrets under a key, or under none of the account's."""
    named = [{"resources": ["secrets"], "provider": {"keyArn": key}}] if key else None
    usual: dict[str, Any] = {
        "name": "c",
        "version": version,
        "health": {"issues": []},
        **({"encryptionConfig": named} if key else {}),
    }
    arn = f"arn:aws:eks:us-east-1:{HOME}:cluster/c"
    return made(arn, "cluster", "aws.eks.cluster", name="c", links={"key": key}, fields={**usual, **fields})


AWS_TYPES = {
    "aws.iam.account": iam_account(),
    "aws.iam.user": iam_user(),
    "aws.rds.instance": database(),
    "aws.rds.cluster": database("aws.rds.cluster"),
    "aws.rds.snapshot": database_snapshot(),
    "aws.rds.cluster-snapshot": database("aws.rds.cluster-snapshot", SnapshotType="manual"),
    "aws.efs.file-system": file_system(key=key_arn()),
    "aws.eks.cluster": eks_cluster(key=key_arn()),
}
"""Type -> a resource that its controls can answer for."""


def account(**fields: Any) -> Resource:
    return made(f"aws://{HOME}", "account", "aws.account", fields={"PublicAccessBlockConfiguration": None, **fields})


def source(id: str = "acme/aws/1/us-east-1/ebs", **more: Any) -> Source:
    return Source(
        **{
            "id": id,
            "tenant": "acme",
            "provider": "aws",
            "scope": "1/us-east-1",
            "service": "ebs",
            "cadence": 60.0,
            **more,
        }
    )


def source_row(id: str = "acme/aws/1/us-east-1/ebs") -> Resource:
    return made(id, "source", "enctop.source", provider="enctop")


def tenant() -> Resource:
    return made("enctop://acme", "tenant", "enctop.tenant", provider="enctop", scope="", region="")


def users() -> Resource:
    return made("enctop://acme/users", "identity", "enctop.identity", provider="enctop", scope="", region="")
