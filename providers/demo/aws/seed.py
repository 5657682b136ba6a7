"""Make things exist in the simulated AWS at once, in this process; each function answers with the ARN or id that enctop
shows.

Nothing here asks the server: 10,000 tagged volumes take a fifth of a second. Times are days ago.
"""

import datetime
import json
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any, Literal

from providers.demo.aws.accounts import ACCOUNT
from providers.demo.aws.answers import regions

Tags = Mapping[str, str]
BLOCK_ALL = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)


def repeatable(seed: int) -> None:
    """Make the ids that follow the same in every run with this seed."""
    from moto.moto_api._internal import mock_random

    mock_random.seed(seed)


class Region:
    """One region of one account: what EC2 and KMS keep there."""

    def __init__(self, name: str = "us-east-1", account: str = ACCOUNT) -> None:
        from moto.ec2.models import ec2_backends
        from moto.kms.models import kms_backends

        self.name, self.account = name, account
        self.ec2: Any = ec2_backends[account][name]
        self.kms: Any = kms_backends[account][name]

    @property
    def id(self) -> str:
        """As enctop names it: `aws://ACCOUNT/REGION`."""
        return f"aws://{self.account}/{self.name}"

    def volume(
        self,
        tags: Tags | None = None,
        *,
        encrypted: bool = True,
        key: str | None = None,
        size: int = 20,
        zone: str = "a",
        instance: str | None = None,
        device: str = "/dev/xvdba",
        operator: str | None = None,
        days: float = 0.0,
    ) -> str:
        """A volume; encrypted by `key` (an ARN), else by AWS's. `operator` is the service that manages it, which
        hides it. Answers with its ARN.
        """
        volume = self.ec2.create_volume(
            size=size, zone_name=self.name + zone, volume_type="gp3", iops=3000, throughput=125
        )
        volume.encrypted = encrypted
        volume.kms_key_id = (key or self.aws_key("ebs")) if encrypted else None
        volume.create_time = _ago(days)
        volume.operator = operator
        if tags:
            self.ec2.create_tags([volume.id], dict(tags))
        if instance is not None:
            volume.attachment = SimpleNamespace(
                instance=SimpleNamespace(id=instance),
                device=device,
                attach_time=_ago(days),
                status="attached",
                volume=volume,
            )
        return f"arn:aws:ec2:{self.name}:{self.account}:volume/{volume.id}"

    def delete_volume(self, arn: str) -> None:
        """Detach it and delete it."""
        self.ec2.volumes.pop(_last(arn), None)
        self.ec2.tags.pop(_last(arn), None)

    def encrypt(self, arn: str, key: str | None = None) -> None:
        """As if it had been swapped for an encrypted copy under the same id."""
        volume = self.ec2.volumes[_last(arn)]
        volume.encrypted, volume.kms_key_id = True, key or self.aws_key("ebs")

    def snapshot(
        self, volume: str, description: str = "", *, tags: Tags | None = None, public: bool = False, days: float = 0.0
    ) -> str:
        """A snapshot of a volume (its ARN), encrypted as that is. Answers with its ARN."""
        snapshot = self.ec2.create_snapshot(_last(volume), description)
        snapshot.start_time = _ago(days)
        if public:
            snapshot.create_volume_permission_groups.add("all")
        if tags:
            self.ec2.create_tags([snapshot.id], dict(tags))
        return f"arn:aws:ec2:{self.name}::snapshot/{snapshot.id}"

    def key(
        self,
        alias: str | None = None,
        *,
        spec: str = "SYMMETRIC_DEFAULT",
        usage: str = "ENCRYPT_DECRYPT",
        origin: str = "AWS_KMS",
        state: str = "Enabled",
        rotated: int | None = 365,
        deleted_in: float | None = None,
        valid_days: float | None = None,
        multi_region: bool = False,
        policy: str | None = None,
        described_by: Iterable[str] = (),
        also: Mapping[str, Any] | None = None,
        description: str = "",
        days: float = 0.0,
    ) -> str:
        """A customer's key. `rotated` is the period in days, None for never; `deleted_in` days puts it in
        PendingDeletion;

        `valid_days` is when imported material expires; `described_by` are other accounts that may describe it; `also`
        goes into KeyMetadata as it is. Answers with its ARN.
        """
        key = self.kms.create_key(policy, usage, spec, description, None, multi_region, origin)
        key.creation_date = _ago(days).timestamp()
        key.key_state = state
        key.key_rotation_status, key.rotation_period = rotated is not None, rotated
        key.described_by = frozenset(described_by)
        key.also = dict(also or {})
        if deleted_in is not None:
            key.key_state, key.deletion_date = "PendingDeletion", _ago(-deleted_in)
        if origin == "EXTERNAL" and state != "PendingImport":
            key.also |= {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
        if valid_days is not None:
            key.also |= {"ValidTo": _ago(-valid_days).timestamp(), "ExpirationModel": "KEY_MATERIAL_EXPIRES"}
        key.enabled = key.key_state == "Enabled"
        if alias:
            self.kms.create_alias(key.id, f"alias/{alias}")
        return str(key.arn)

    def aws_key(self, service: str) -> str:
        """The ARN of the key AWS manages for `service` (ebs, s3...); made when first asked for, as AWS does."""
        made: dict[str, str] = self.kms.__dict__.setdefault("keys_of_aws", {})
        if service not in made:
            made[service] = str(self.kms.keys[self.kms.get_key_id_from_alias(f"alias/aws/{service}")].arn)
        return made[service]

    def schedule_deletion(self, key: str, days: int = 7) -> None:
        """As ScheduleKeyDeletion."""
        self.kms.schedule_key_deletion(_last(key), days)

    def cancel_deletion(self, key: str) -> None:
        """As CancelKeyDeletion followed by EnableKey."""
        self.kms.cancel_key_deletion(_last(key))
        self.kms.enable_key(_last(key))

    def encrypt_by_default(self, on: bool = True, key: str | None = None) -> str:
        """Switch the region's EBS default, and choose its key. Answers with `id`."""
        self.ec2.ebs_encryption_by_default = on
        self.ec2.chosen_default_key = key
        return self.id

    def share_snapshots(self, state: Literal["unblocked", "block-new-sharing", "block-all-sharing"]) -> None:
        """Whether snapshots can be made public."""
        self.ec2.snapshot_sharing = state

    def launch_template(self, name: str, *encrypted: bool | None) -> str:
        """A template with one device for each of `encrypted` (None: not said). Answers with its ARN."""
        devices = [
            {"DeviceName": f"/dev/xvd{chr(97 + i)}", "Ebs": {"VolumeSize": 20, "Encrypted": said}}
            for i, said in enumerate(encrypted)
        ]
        data = {"ImageId": "ami-0abcdef1234567890", "InstanceType": "m7i.large", "BlockDeviceMappings": devices}
        template = self.ec2.create_launch_template(name, "", data, {})
        return f"arn:aws:ec2:{self.name}:{self.account}:launch-template/{template.id}"


class Buckets:
    """The buckets of one account, wherever they stand."""

    def __init__(self, account: str = ACCOUNT) -> None:
        from moto.s3.models import s3_backends

        self.account = account
        self.s3: Any = s3_backends[account]["aws"]

    def make(
        self,
        name: str,
        region: str = "us-east-1",
        *,
        algorithm: str | None = "AES256",
        key: str | None = None,
        blocked: Iterable[str] = ("SSE-C",),
        policy: str | None = None,
        block: Mapping[str, bool] | None = BLOCK_ALL,
        tags: Tags | None = None,
    ) -> str:
        """A bucket. `algorithm` None leaves it without a rule, `block` None without a public access block. Answers
        with its ARN.
        """
        bucket = _new_bucket(self.s3, name, region)
        self.encryption(name, algorithm, key, blocked)
        self.policy(name, policy)
        if block is not None:
            self.s3.put_public_access_block(name, dict(block))
        if tags:
            self.s3.put_bucket_tagging(name, dict(tags))
        return str(bucket.arn)

    def encryption(
        self, name: str, algorithm: str | None, key: str | None = None, blocked: Iterable[str] = ("SSE-C",)
    ) -> None:
        """Set the default rule, or take it away."""
        default = {"SSEAlgorithm": algorithm} | ({"KMSMasterKeyID": key} if key else {})
        rule: dict[str, Any] = {
            "ApplyServerSideEncryptionByDefault": default,
            "BucketKeyEnabled": str(algorithm != "AES256").lower(),
        }
        if names := list(blocked):
            rule["BlockedEncryptionTypes"] = {"EncryptionType": names}
        self.s3.buckets[name].encryption = {"Rule": rule} if algorithm else None

    def policy(self, name: str, policy: str | None) -> None:
        """Set the bucket policy, or take it away."""
        self.s3.buckets[name].policy = policy.encode() if policy is not None else None

    def put(self, name: str, key: str, body: bytes = b"", *, by_customer: bool = False) -> None:
        """An object; `by_customer`: encrypted with a key only the customer has (SSE-C)."""
        self.s3.put_object(name, key, body, disable_notification=True)
        if by_customer:
            bucket = self.s3.buckets[name]
            bucket.of_the_customer = getattr(bucket, "of_the_customer", frozenset()) | {key}

    def inventory(
        self,
        name: str,
        destination: str,
        rows: Mapping[str, str],
        *,
        versions: str = "All",
        frequency: str = "Daily",
        days: float = 0.5,
    ) -> None:
        """An inventory of `name` with its newest report in `destination`, `days` old: object key -> EncryptionStatus
        (`SSE-S3`, `NOT-SSE`...).
        """
        configuration = {
            "Id": "all-objects",
            "IsEnabled": "true",
            "IncludedObjectVersions": versions,
            "Destination": {
                "S3BucketDestination": {"Bucket": f"arn:aws:s3:::{destination}", "Format": "CSV", "Prefix": "inventory"}
            },
            "Schedule": {"Frequency": frequency},
            "OptionalFields": {"Field": ["EncryptionStatus"]},
        }
        self.s3.put_bucket_inventory_configuration(name, configuration)
        self._report(name, destination, rows, _ago(days))

    def _report(self, name: str, destination: str, rows: Mapping[str, str], at: datetime.datetime) -> None:
        import gzip
        import hashlib

        prefix = f"inventory/{name}/all-objects"
        table = gzip.compress(
            "".join(f'"{name}","{key}","{status}"\n' for key, status in rows.items()).encode(), mtime=0
        )
        self.put(destination, f"{prefix}/data/0001.csv.gz", table)
        manifest = {
            "sourceBucket": name,
            "destinationBucket": f"arn:aws:s3:::{destination}",
            "version": "2016-11-30",
            "creationTimestamp": str(int(at.timestamp() * 1000)),
            "fileFormat": "CSV",
            "fileSchema": "Bucket, Key, EncryptionStatus",
            "files": [
                {
                    "key": f"{prefix}/data/0001.csv.gz",
                    "size": len(table),
                    "MD5checksum": hashlib.md5(table, usedforsecurity=False).hexdigest(),
                }
            ],
        }
        self.put(destination, f"{prefix}/{at.strftime('%Y-%m-%dT%H-%MZ')}/manifest.json", json.dumps(manifest).encode())


def block_public_access(account: str = ACCOUNT, block: Mapping[str, bool] = BLOCK_ALL) -> None:
    """The account's own public access block."""
    from moto.s3control.models import s3control_backends

    s3control_backends[account]["aws"].put_public_access_block(account, dict(block))


def opt_in(region: str, account: str = ACCOUNT) -> None:
    """Switch a region on that is off until one asks for it."""
    regions.opted_in.setdefault(account, set()).add(region)


def _new_bucket(backend: Any, name: str, region: str) -> Any:
    """moto's own `create_bucket` sends an event to every rule of every region first: 2,000 buckets took seconds."""
    from moto.s3 import models

    make: Any = models.FakeBucket
    backend.buckets[name] = bucket = make(name, backend.account_id, region)
    return bucket


def _ago(days: float) -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days)


def _last(arn: str) -> str:
    return arn.rpartition("/")[2]
