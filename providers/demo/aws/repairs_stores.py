"""As `repairs`: what moto keeps wrongly of RDS and EFS."""

from collections.abc import Callable
from typing import Any

from providers.demo.paging import page

Method = Callable[..., Any]


def databases() -> None:
    """The key of what is encrypted without naming one is AWS's own of the account, of what is not there is none; and
    `StorageEncryptionType` is not known.
    """
    from moto.rds import models

    for name in ("create_db_instance", "create_db_cluster"):
        setattr(models.RDSBackend, name, _under_a_key(getattr(models.RDSBackend, name)))
    for kind in (models.DBInstance, models.DBCluster, models.DBSnapshot, models.DBClusterSnapshot):
        kind.storage_encryption_type = property(_encryption_type)  # type: ignore[union-attr,unused-ignore]


def pages() -> None:
    """Of RDS only instances come in pages; the others do too, of 100 unless said."""
    from moto.core.responses import ActionResult
    from moto.rds.responses import RDSResponse

    def paged(describe: Method) -> Method:
        def described(self: Any) -> Any:
            ((listed, rows),) = describe(self)._result.items()
            limit = int(self.params.get("MaxRecords") or 100)
            shown, marker = page(rows, lambda row: str(row.arn), limit, self.params.get("Marker"))
            return ActionResult({listed: list(shown), **({"Marker": marker} if marker else {})})

        return described

    for name in ("describe_db_clusters", "describe_db_snapshots", "describe_db_cluster_snapshots"):
        setattr(RDSResponse, name, paged(getattr(RDSResponse, name)))


def file_systems() -> None:
    """As `databases`, of EFS."""
    from moto.efs.models import EFSBackend

    create: Method = EFSBackend.create_file_system

    def create_file_system(self: Any, *args: Any, **said: Any) -> Any:
        made = create(self, *args, **said)
        if made.encrypted and not made.kms_key_id:
            made.kms_key_id = aws_key(self, "elasticfilesystem")
        return made

    EFSBackend.create_file_system = create_file_system  # type: ignore[method-assign,unused-ignore]


def aws_key(backend: Any, service: str) -> str:
    """The ARN of the key that AWS manages for a service, in the account and region of a backend of moto's."""
    from moto.kms.models import kms_backends

    kms = kms_backends[backend.account_id][backend.region_name]
    return str(kms.keys[str(kms.get_key_id_from_alias(f"alias/aws/{service}"))].arn)


def _under_a_key(create: Method) -> Method:
    def created(self: Any, *args: Any, **said: Any) -> Any:
        made = create(self, *args, **said)
        if getattr(made, "cluster", None) is None and made.kms_key_id in (None, "default_kms_key_id"):
            made.kms_key_id = aws_key(self, "rds") if made.storage_encrypted else None
        return made

    return created


def _encryption_type(made: Any) -> str:
    if getattr(getattr(made, "database", None) or getattr(made, "cluster", None) or made, "under_aws_owned_key", False):
        return "sse-rds"
    return "sse-kms" if getattr(made, "encrypted", made.storage_encrypted) else "none"
