"""EBS volumes and snapshots, and what a region does to new ones."""

import contextlib
from collections.abc import AsyncGenerator, Mapping
from functools import lru_cache
from typing import Any

from posture.fault import Fault, Refused
from posture.reports import Batch, Complete, NotRead, ReadRefused
from posture.resource import Encryption, KeyClass, Link, Resource
from providers.aws.calls import (
    DESCRIBE_LAUNCH_TEMPLATE_VERSIONS,
    DESCRIBE_SNAPSHOTS,
    DESCRIBE_VOLUMES,
    GET_EBS_DEFAULT_KMS_KEY_ID,
    GET_EBS_ENCRYPTION_BY_DEFAULT,
    GET_SNAPSHOT_BLOCK_PUBLIC_ACCESS_STATE,
    Call,
)
from providers.aws.source import AwsSource, Rows, ill_typed, is_key_arn, region_id, tag, tags
from providers.lane import lost
from providers.reading import Reading
from providers.source import Yield

TOKEN = ("NextToken", "NextToken")
ROOT_DEVICES = frozenset({"/dev/xvda", "/dev/sda1"})
"""What EC2 calls the disk that an instance starts from (EC2 User Guide, "Device names for volumes")."""
PAGE = 1000
"""Asked for; EC2 may give fewer."""
_OWNED = "kubernetes.io/cluster/"
_TYPES = {"Encrypted": bool}
PUBLIC_LISTING = f"{DESCRIBE_SNAPSHOTS.operation}(RestorableByUserIds=all)"


class Volumes(AwsSource):
    """EBS volumes of one account and region: the unencrypted first, then all."""

    service = "ebs"
    calls = (DESCRIBE_VOLUMES,)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Two listings of the same kind; the first is nearly always one empty page, and what it holds is on the
        screen before the inventory is read.
        """
        self.seen.begin(self.id)
        everything = {"MaxResults": PAGE, "IncludeManagedResources": True}
        plaintext = [{"Name": "encrypted", "Values": ["false"]}]
        rows = Rows(DESCRIBE_VOLUMES, "VolumeId", types=_TYPES)
        async for page in self.account.pages(
            DESCRIBE_VOLUMES, self.region, "Volumes", TOKEN, Filters=plaintext, **everything
        ):
            yield Batch.of(rows.of(page, self._volume))
        async for page in self.account.pages(DESCRIBE_VOLUMES, self.region, "Volumes", TOKEN, **everything):
            yield Batch.of(rows.of(page, self._volume))
        if rows.fault is None:
            self.seen.listed(self.id)
        for report in rows.ended("aws.ebs.volume"):
            yield report

    def _volume(self, fields: Mapping[str, Any]) -> Resource:
        volume_id = fields["VolumeId"]
        encryption, links = at_rest(self, fields)
        return self.resource(
            id=self.account.arn("ec2", self.region, f"volume/{volume_id}"),
            kind="volume",
            type="aws.ebs.volume",
            name=tag(fields, "Name") or volume_id,
            fields=fields,
            encryption=encryption,
            links=(*links, *_made_for(self, fields)),
            aliases=(volume_id, *_started_from(fields)),
            cells=(_used_by(fields), f"{fields.get('Size', '?')} GiB"),
        )


class Snapshots(AwsSource):
    """EBS snapshots that the account owns, and which of them anybody may restore."""

    service = "snapshots"
    calls = (DESCRIBE_SNAPSHOTS,)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """One short listing tells the public ones, where `DescribeSnapshotAttribute` would be a call for each."""
        self.seen.begin(self.id)
        own = {"OwnerIds": ["self"], "MaxResults": PAGE}
        found: set[str] = set()
        public: set[str] | None = found
        faults: dict[str, Fault] = {}
        rows = Rows(DESCRIBE_SNAPSHOTS, "SnapshotId")
        try:
            async for page in self.account.pages(
                DESCRIBE_SNAPSHOTS, self.region, "Snapshots", TOKEN, RestorableByUserIds=["all"], **own
            ):
                found.update(rows.of(page, lambda fields: str(fields["SnapshotId"])))
            if rows.fault is not None:
                raise Refused(rows.fault)  # whose name is missing there may be any of them
        except Refused as refused:
            if lost(refused):
                raise
            await self.account.confirm(refused)
            public, faults = None, {PUBLIC_LISTING: refused.fault}
            yield ReadRefused(refused.fault)
        rows = Rows(DESCRIBE_SNAPSHOTS, "SnapshotId", types=_TYPES)
        async for page in self.account.pages(DESCRIBE_SNAPSHOTS, self.region, "Snapshots", TOKEN, **own):
            yield Batch.of(rows.of(page, lambda fields: self._snapshot(fields, public, faults)))
        if rows.fault is None:
            self.seen.listed(self.id)
        for report in rows.ended("aws.ebs.snapshot"):
            yield report

    def _snapshot(self, fields: dict[str, Any], public: set[str] | None, faults: Mapping[str, Fault]) -> Resource:
        snapshot_id = fields["SnapshotId"]
        if public is not None:
            fields["Public"] = snapshot_id in public
        encryption, links = at_rest(self, fields)
        shared = "?" if public is None else "PUBLIC" if fields["Public"] else "no"
        return self.resource(
            id=self.account.arn("ec2", self.region, f"snapshot/{snapshot_id}", account=""),
            kind="snapshot",
            type="aws.ebs.snapshot",
            name=tag(fields, "Name") or snapshot_id,
            fields=fields,
            encryption=encryption,
            links=links,
            faults=faults,
            aliases=(snapshot_id,),
            cells=(fields.get("VolumeId", ""), shared, f"{fields.get('VolumeSize', '?')} GiB"),
        )


class Region(AwsSource):
    """What a region of an account does to new volumes and snapshots, and what its launch templates ask for."""

    service = "ec2"
    calls = (
        GET_EBS_ENCRYPTION_BY_DEFAULT,
        GET_EBS_DEFAULT_KMS_KEY_ID,
        GET_SNAPSHOT_BLOCK_PUBLIC_ACCESS_STATE,
        DESCRIBE_LAUNCH_TEMPLATE_VERSIONS,
    )
    questions: tuple[tuple[Call, str, str], ...] = (  # the call, its answer's field, and ours
        (GET_EBS_ENCRYPTION_BY_DEFAULT, "EbsEncryptionByDefault", "EbsEncryptionByDefault"),
        (GET_EBS_DEFAULT_KMS_KEY_ID, "KmsKeyId", "KmsKeyId"),
        (GET_SNAPSHOT_BLOCK_PUBLIC_ACCESS_STATE, "State", "SnapshotBlockPublicAccessState"),
    )

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Three settings, each on its own, then the default version of every launch template.

        Where one is lost, the others are told as they are; what was lost is unknown, unless none was answered: then the
        region stays as it was seen last.
        """
        reading, silence = Reading(), None
        for call, field, name in self.questions:
            try:
                answer = await self.account.ask(call, self.region)
                if field in answer:
                    reading.fields[name] = answer[field]
            except Refused as refused:
                reading.refused(refused, call.operation)
                if lost(refused):
                    silence = refused
                    continue
                await self.account.confirm(refused)
                yield ReadRefused(refused.fault)
        if silence is not None and not reading.fields:
            yield NotRead((self._region(reading),))
            raise silence
        if silence is not None:
            yield ReadRefused(silence.fault)
        if odd := ill_typed(GET_EBS_ENCRYPTION_BY_DEFAULT, reading.fields, {"EbsEncryptionByDefault": bool}):
            yield ReadRefused(odd)
        yield Batch((self._region(reading),))
        yield Complete(("aws.ec2.region",))
        async with contextlib.aclosing(self._templates()) as reports:
            async for report in reports:
                yield report

    async def _templates(self) -> AsyncGenerator[Yield, None]:
        """The default version of every launch template."""
        listing = self.account.pages(
            DESCRIBE_LAUNCH_TEMPLATE_VERSIONS,
            self.region,
            "LaunchTemplateVersions",
            TOKEN,
            Versions=["$Default"],
            MaxResults=200,
        )
        rows = Rows(DESCRIBE_LAUNCH_TEMPLATE_VERSIONS, "LaunchTemplateId")
        try:
            async for page in listing:
                yield Batch.of(rows.of(page, self._template))
            if rows.fault is not None:
                raise Refused(rows.fault)
        except Refused as refused:
            await self.account.confirm(refused)
            # the settings were read none the less; templates that were not named age by themselves
            yield ReadRefused(refused.fault)
        else:
            yield Complete(("aws.ec2.launch-template",))

    def _region(self, reading: Reading) -> Resource:
        key = reading.fields.get("KmsKeyId")
        links: tuple[Link, ...] = ()
        if key and (arn := key_arn(self, str(key), self.region)):
            links = (Link("key", arn),)
        default = reading.fields.get("EbsEncryptionByDefault")
        return self.resource(
            id=region_id(self.account.number, self.region),
            kind="account",
            type="aws.ec2.region",
            name=f"{self.account.number} {self.region}",
            fields=reading.fields,
            links=links,
            faults=reading.faults,
            cells=("encrypted" if default is True else "PLAINTEXT" if default is False else "?",),
            tenant=self.tenancy.name,
        )

    def _template(self, answer: Mapping[str, Any]) -> Resource:
        data = answer.get("LaunchTemplateData") or {}
        fields = {
            name: answer[name]
            for name in ("LaunchTemplateId", "LaunchTemplateName", "VersionNumber", "CreateTime")
            if name in answer
        }
        fields["BlockDeviceMappings"] = data.get("BlockDeviceMappings", [])
        fields["Tags"] = [pair for spec in data.get("TagSpecifications", []) for pair in spec.get("Tags", [])]
        asked = [
            mapping.get("Ebs", {}).get("Encrypted") for mapping in fields["BlockDeviceMappings"] if "Ebs" in mapping
        ]
        words = [
            "encrypted" if ask is True else "unset" if ask is None else "PLAINTEXT" if ask is False else "?"
            for ask in asked
        ]
        return self.resource(
            id=self.account.arn("ec2", self.region, f"launch-template/{answer['LaunchTemplateId']}"),
            kind="workload",
            type="aws.ec2.launch-template",
            name=answer.get("LaunchTemplateName", answer["LaunchTemplateId"]),
            fields=fields,
            links=(Link("region", region_id(self.account.number, self.region)),),
            cells=(", ".join(dict.fromkeys(words)) or "none",),
        )


def at_rest(source: AwsSource, fields: Mapping[str, Any]) -> tuple[Encryption, tuple[Link, ...]]:
    """The encryption of a volume or snapshot, and its links to key and region. Whose the key is, the key says."""
    encryption, links = under_key(source, fields.get("Encrypted"), fields.get("KmsKeyId"))
    return encryption, (*links, Link("region", region_id(source.account.number, source.region)))


def under_key(source: AwsSource, encrypted: object, key: object) -> tuple[Encryption, tuple[Link, ...]]:
    """Encryption as a service tells it, by a flag and the name of a key; and the link to the key."""
    if encrypted is not True:
        return (Encryption(False, None, KeyClass.NONE) if encrypted is False else Encryption()), ()
    arn = key_arn(source, str(key), source.region) if key else None
    if arn is None:
        return Encryption(True, "AES-256"), ()
    source.seen.name(source.id, arn)
    return Encryption(True, "AES-256", KeyClass.UNKNOWN, arn), (Link("key", arn),)


def key_arn(source: AwsSource, key: str, region: str) -> str | None:
    """What names a key in any of KMS's four ways, as an ARN: of the key, or of the alias. None where it is an ARN of
    something else, or of nothing.
    """
    if key.startswith("arn:"):
        return key if is_key_arn(key) else None
    return source.account.arn("kms", region, key if key.startswith(("alias/", "key/")) else f"key/{key}")


def _started_from(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """The instance that starts from a volume: a node of Kubernetes names that, and no volume."""
    return tuple(
        instance
        for held in fields.get("Attachments") or ()
        if held.get("Device") in ROOT_DEVICES and isinstance(instance := held.get("InstanceId"), str)
    )


def _made_for(source: AwsSource, fields: Mapping[str, Any]) -> tuple[Link, ...]:
    """The cluster of Kubernetes that a volume was made for, where its driver was told the name of it
    (aws-ebs-csi-driver, `--k8s-tag-cluster-id`). Disks of nodes may be tagged so too, but not as made for a claim.
    """
    named = {str(pair.get("Key")): pair.get("Value") for pair in tags(fields)}
    if "CSIVolumeName" not in named and "kubernetes.io/created-for/pv/name" not in named:
        return ()
    owned = (key.removeprefix(_OWNED) for key, value in named.items() if value == "owned" and key.startswith(_OWNED))
    name = named.get("ebs.csi.aws.com/cluster-name") or next(owned, None)
    return (_cluster(source.account.arn("eks", source.region, f"cluster/{name}")),) if name else ()


@lru_cache(maxsize=1024)
def _cluster(arn: str) -> Link:
    """One for the thousands of volumes of a cluster."""
    return Link("cluster", arn)


def _used_by(fields: Mapping[str, Any]) -> str:
    claim = tag(fields, "kubernetes.io/created-for/pvc/name")
    if claim:
        space = tag(fields, "kubernetes.io/created-for/pvc/namespace")
        return f"{space}/{claim}" if space else claim
    instances = [held.get("InstanceId", "") for held in fields.get("Attachments") or ()]
    state = str(fields.get("State", ""))
    return ", ".join(filter(None, instances)) or ("unattached" if state == "available" else state)
