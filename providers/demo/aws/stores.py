"""As `seed`: what RDS, EFS and EKS keep, and who may log in."""

import datetime
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from providers.demo.aws.accounts import ACCOUNT
from providers.demo.aws.answers.iam import KEYS, MFA, PASSWORD
from providers.demo.aws.repairs_stores import aws_key
from providers.demo.aws.seed import Tags


class Stores:
    """One region of one account: what RDS, EFS and EKS keep there. Each function answers with an ARN."""

    def __init__(self, name: str = "us-east-1", account: str = ACCOUNT) -> None:
        from moto.efs.models import efs_backends
        from moto.eks.models import eks_backends
        from moto.rds.models import rds_backends

        self.rds: Any = rds_backends[account][name]
        self.efs: Any = efs_backends[account][name]
        self.eks: Any = eks_backends[account][name]

    def database(
        self,
        name: str,
        *,
        encrypted: bool = True,
        key: str | None = None,
        owned: bool = False,
        engine: str = "postgres",
        cluster: str | None = None,
        size: int = 100,
        tags: Tags | None = None,
    ) -> str:
        """A database, encrypted by `key` (an ARN), else by AWS's; `owned`: by a key that AWS owns. One of a cluster
        (its name) is encrypted as that is.
        """
        said: dict[str, Any] = {
            "db_instance_identifier": name,
            "db_instance_class": "db.r7g.large",
            "engine": engine,
            "tags": _pairs(tags),
            "db_cluster_identifier": cluster,
        }
        if cluster is None:
            said |= {
                "storage_encrypted": encrypted and not owned,
                "kms_key_id": (key or aws_key(self.rds, "rds")) if encrypted and not owned else None,
                "allocated_storage": size,
            }
        made = self.rds.create_db_instance(said)
        made.under_aws_owned_key = owned
        self._without_automated()
        return str(made.db_instance_arn)

    def database_cluster(
        self,
        name: str,
        *,
        encrypted: bool = True,
        key: str | None = None,
        engine: str = "aurora-postgresql",
        tags: Tags | None = None,
    ) -> str:
        """A cluster of Aurora, as `database`."""
        made = self.rds.create_db_cluster(
            {
                "db_cluster_identifier": name,
                "engine": engine,
                "storage_encrypted": encrypted,
                "kms_key_id": (key or aws_key(self.rds, "rds")) if encrypted else None,
                "backup_retention_period": 0,
                "master_username": "master",
                "master_user_password": "not a secret",
                "tags": _pairs(tags),
            }
        )
        made.status = "available"  # moto says so from its second answer on
        self._without_automated()
        return str(made.db_cluster_arn)

    def database_snapshot(self, of: str, name: str, *, public: bool = False, kind: str = "manual") -> str:
        """A snapshot of a database or of a cluster (its name), encrypted as that is."""
        if of in self.rds.clusters:
            made = self.rds.create_db_cluster_snapshot(of, name, kind)
        else:
            made = self.rds.create_db_snapshot(of, name, kind)
        if public:
            made.attributes["restore"] = ["all"]
        return str(made.arn)

    def _without_automated(self) -> None:
        """moto takes a snapshot of each database when it is made."""
        for kept in (self.rds.database_snapshots, self.rds.cluster_snapshots):
            for name in [name for name in kept if name.startswith("rds:")]:
                kept.pop(name)

    def file_system(
        self,
        name: str,
        *,
        encrypted: bool = True,
        key: str | None = None,
        id: str | None = None,
        tags: Tags | None = None,
    ) -> str:
        """A file system, encrypted by `key` (an ARN), else by AWS's."""
        own = {"Name": name, **(tags or {})}
        made = self.efs.create_file_system(name, "", encrypted, key, "", 0, "", False, _pairs(own))
        if id is not None:
            del self.efs.file_systems_by_id[made.file_system_id]
            self.efs.tagging_service.tag_resource(id, _pairs(own))
            made.file_system_arn = made.file_system_arn.replace(made.file_system_id, id)
            made.file_system_id = id
            self.efs.file_systems_by_id[id] = made
        made._size_value = 40 << 30
        return str(made.file_system_arn)

    def cluster(
        self,
        name: str,
        version: str = "1.33",
        *,
        key: str | None = None,
        issues: Iterable[str] = (),
        tags: Tags | None = None,
    ) -> str:
        """A cluster of EKS, its secrets under `key` (an ARN) or none of the account's; `issues` are codes of its
        health.
        """
        encryption = [{"resources": ["secrets"], "provider": {"keyArn": key}}] if key else None
        made = self.eks.create_cluster(
            name,
            f"arn:aws:iam::{self.eks.account_id}:role/eks",
            {"subnetIds": []},
            version,
            tags=dict(tags or {}),
            encryption_config=encryption,
        )
        made.key_issues = tuple(issues)
        return str(made.arn)


class People:
    """Who may log in to one account."""

    def __init__(self, account: str = ACCOUNT) -> None:
        from moto.iam.models import iam_backends

        self.iam: Any = iam_backends[account]["aws"]
        self.root_arn = f"arn:aws:iam::{account}:root"

    def root(self, *, mfa: bool = True, password: bool = True, keys: bool = False, virtual: bool = False) -> str:
        """What the root user has; `virtual`: its second factor is a virtual device. Answers with its ARN."""
        vars(self.iam)["root"] = {MFA: int(mfa), PASSWORD: int(password), KEYS: int(keys)}
        if virtual:
            self._device("root-account-mfa-device", {"Arn": self.root_arn})
        return self.root_arn

    def user(
        self,
        name: str,
        *,
        password: bool = True,
        mfa: bool = True,
        virtual: bool = True,
        keys: Iterable[float] = (),
        days: float = 400.0,
    ) -> str:
        """A user, made `days` ago; `keys` are the ages of its active access keys, in days. Answers with its ARN."""
        made = self.iam.create_user(self.iam.region_name, name)
        made.create_date = _ago(days)
        made.password = "hash" if password else None
        made.access_keys = [_access_key(f"AKIA{name.upper()}{number}", age) for number, age in enumerate(keys)]
        if mfa:
            self.enable(name, virtual=virtual)
        return str(made.arn)

    def enable(self, name: str, *, virtual: bool = True) -> None:
        """Give a user a second factor."""
        user = self.iam.users[name]
        user.mfa_devices[name] = SimpleNamespace(serial_number=name, enable_date=_ago(0))
        if virtual:
            self._device(name, {"Arn": user.arn, "UserName": name, "Path": "/"})

    def report(self, hours: float = 0.0) -> None:
        """Have a credential report made, as it was so many hours ago."""
        from providers.demo.aws.answers import iam

        made = (_ago(hours / 24)).replace(microsecond=0)
        vars(self.iam)["report"] = (made, iam._text(self.iam, made))

    def report_takes(self, requests: int) -> None:
        """As many requests for a report are told that it is being made."""
        vars(self.iam)["report_takes"] = requests

    def _device(self, name: str, user: dict[str, str]) -> None:
        device = self.iam.create_virtual_mfa_device(name, "/")
        device.enable_date, device.user_attribute = _ago(0), user


def _access_key(name: str, age: float) -> SimpleNamespace:
    return SimpleNamespace(access_key_id=name, status="Active", create_date=_ago(age), last_used=None)


def _pairs(tags: Tags | None) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in (tags or {}).items()]


def _ago(days: float) -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days)
