"""What moto 5.2.5 keeps wrongly, mended in this process before the server starts; each repair with its reason.

What it merely *answers* wrongly is in `answers`.
"""

from collections.abc import Callable
from typing import Any

from providers.demo.aws import repairs_stores
from providers.demo.aws.answers.kms import aws_managed_policy

Method = Callable[..., Any]


def apply() -> None:
    """Mend moto, once per process."""
    global _applied
    if _applied:
        return
    _applied = True
    for repair in (
        _tags_in_one_step,
        _volumes,
        _snapshots,
        _default_key,
        _keys,
        _aliases_of_aws,
        _rotation_period,
        _buckets,
        _inventories,
        _policy_conditions,
        repairs_stores.databases,
        repairs_stores.pages,
        repairs_stores.file_systems,
    ):
        repair()


_applied = False


def _tags_in_one_step() -> None:
    """The tags of one resource are found by matching a regular expression on the tags of all: 10,000 tagged volumes
    took 260 s.
    """
    from moto.ec2.models.core import TaggedEC2Resource
    from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

    def get_tags(self: Any) -> list[dict[str, str]]:
        kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(self.id), "")
        tags = self.ec2_backend.tags.get(self.id) or {}
        return [
            {"resource_id": self.id, "key": key, "value": value, "resource_type": kind}
            for key, value in list(tags.items())
        ]

    TaggedEC2Resource.get_tags = get_tags  # type: ignore[method-assign,unused-ignore]


def _volumes() -> None:
    """CreateVolume ignores the region's encryption by default, and forgets the key of an encrypted snapshot."""
    from moto.ec2.models.elastic_block_store import EBSBackend

    create: Method = EBSBackend.create_volume

    def create_volume(self: Any, *args: Any, **said: Any) -> Any:
        source = self.snapshots.get(said.get("snapshot_id"))
        if source is not None and source.encrypted:
            said |= {"encrypted": True, "kms_key_id": said.get("kms_key_id") or source.kms_key_id}
        if self.ebs_encryption_by_default:
            said["encrypted"] = True
        return create(self, *args, **said)

    EBSBackend.create_volume = create_volume  # type: ignore[method-assign,unused-ignore]


def _snapshots() -> None:
    """Snapshots forget which key encrypts them; CopySnapshot cannot encrypt."""
    from moto.ec2.models.elastic_block_store import EBSBackend

    create: Method = EBSBackend.create_snapshot
    copy: Method = EBSBackend.copy_snapshot

    def create_snapshot(self: Any, *args: Any, **said: Any) -> Any:
        snapshot = create(self, *args, **said)
        snapshot.kms_key_id = snapshot.volume.kms_key_id if snapshot.encrypted else None
        return snapshot

    def copy_snapshot(self: Any, *args: Any, **said: Any) -> Any:
        snapshot = copy(self, *args, **said)
        if self.ebs_encryption_by_default:
            snapshot.encrypted = True
        if snapshot.encrypted and not snapshot.kms_key_id:
            snapshot.kms_key_id = self.default_kms_key_id or self._create_default_encryption_key()
        return snapshot

    EBSBackend.create_snapshot = create_snapshot  # type: ignore[method-assign,unused-ignore]
    EBSBackend.copy_snapshot = copy_snapshot  # type: ignore[method-assign,unused-ignore]


def _default_key() -> None:
    """GetEbsDefaultKmsKeyId must tell a key somebody chose from the one AWS made."""
    from moto.ec2.models.elastic_block_store import EBSBackend

    modify: Method = EBSBackend.modify_ebs_default_kms_key_id

    def modify_ebs_default_kms_key_id(self: Any, kms_key_id: str) -> Any:
        arn = modify(self, kms_key_id)
        self.chosen_default_key = arn if kms_key_id else None
        return arn

    EBSBackend.modify_ebs_default_kms_key_id = modify_ebs_default_kms_key_id  # type: ignore[method-assign,unused-ignore]


def _keys() -> None:
    """Key material that is never used costs a second for an RSA-4096 key; a key for imported material waits for it."""
    from moto.kms import models as kms

    create: Method = kms.KmsBackend.create_key

    def create_key(self: Any, *args: Any, **said: Any) -> Any:
        key = create(self, *args, **said)
        if key.origin == "EXTERNAL":
            key.key_state, key.enabled = "PendingImport", False
        return key

    vars(kms)["generate_private_key"] = lambda key_spec: None
    kms.KmsBackend.create_key = create_key  # type: ignore[method-assign,unused-ignore]


def _aliases_of_aws() -> None:
    """A key under `alias/aws/...` is AWS's: KeyManager AWS, rotated yearly, with AWS's policy."""
    from moto.kms.models import KmsBackend

    create: Method = KmsBackend.create_alias

    def create_alias(self: Any, target_key_id: str, alias_name: str) -> Any:
        alias = create(self, target_key_id, alias_name)
        if alias_name.startswith("alias/aws/"):
            key, service = self.keys[self.get_key_id(target_key_id)], alias_name.rpartition("/")[2]
            key.key_manager, key.key_rotation_status = "AWS", True
            key.policy = aws_managed_policy(self.account_id, self.region_name, "ec2" if service == "ebs" else service)
            key.description = f"Default key that protects my {service.upper()} resources when no other key is defined"
        return alias

    KmsBackend.create_alias = create_alias  # type: ignore[method-assign,unused-ignore]


def _rotation_period() -> None:
    """EnableKeyRotation drops RotationPeriodInDays."""
    from moto.kms.responses import KmsResponse

    enable: Method = KmsResponse.enable_key_rotation

    def enable_key_rotation(self: Any) -> Any:
        said = enable(self)
        backend = self.kms_backend
        backend.keys[backend.get_key_id(self._get_param("KeyId"))].rotation_period = self._get_param(
            "RotationPeriodInDays"
        )
        return said

    KmsResponse.enable_key_rotation = enable_key_rotation  # type: ignore[method-assign,unused-ignore]


def _buckets() -> None:
    """Every new bucket has had an SSE-S3 rule since January 2023, and blocks SSE-C since April 2026."""
    from moto.s3.models import FakeBucket

    init: Method = FakeBucket.__init__

    def __init__(self: Any, *args: Any, **said: Any) -> None:
        init(self, *args, **said)
        self.encryption = {"Rule": default_rule()}

    FakeBucket.__init__ = __init__  # type: ignore[method-assign,unused-ignore]


def default_rule() -> dict[str, Any]:
    """The encryption rule of a new bucket."""
    return {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
        "BucketKeyEnabled": "false",
        "BlockedEncryptionTypes": {"EncryptionType": "SSE-C"},
    }


def _inventories() -> None:
    """An inventory's IncludedObjectVersions is dropped, and always answered as All."""
    from moto.s3.models import S3Backend

    put: Method = S3Backend.put_bucket_inventory_configuration

    def put_bucket_inventory_configuration(
        self: Any, bucket_name: str, inventory_configuration: dict[str, Any]
    ) -> None:
        put(self, bucket_name, inventory_configuration)
        kept = self.get_bucket(bucket_name).inventory_configs[inventory_configuration["Id"]]
        kept.versions = inventory_configuration.get("IncludedObjectVersions", "All")

    S3Backend.put_bucket_inventory_configuration = put_bucket_inventory_configuration  # type: ignore[method-assign,unused-ignore]


def _policy_conditions() -> None:
    """Conditions in bucket policies are ignored, so that a deny of plaintext HTTP denies everything: statements with
    a condition do not apply here.
    """
    import json

    from moto.iam.access_control import IAMPolicy, PermissionResult
    from moto.s3.models import FakeBucket

    def get_permission(self: Any, action: str, resource: str) -> Any:
        try:
            statements = json.loads(self.policy or b"{}").get("Statement", [])
        except ValueError:
            return PermissionResult.NEUTRAL
        kept = [s for s in ([statements] if isinstance(statements, dict) else statements) if not s.get("Condition")]
        if not kept:
            return PermissionResult.NEUTRAL
        return IAMPolicy(json.dumps({"Version": "2012-10-17", "Statement": kept})).is_action_permitted(action, resource)

    FakeBucket.get_permission = get_permission  # type: ignore[method-assign,unused-ignore]
