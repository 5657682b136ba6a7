"""What stands behind a volume or snapshot of Kubernetes: what the controls of its cloud say of it, and where it is not
there, whether that is proven.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from posture.context import Context
from posture.controls.kubernetes.keys import KEY_HEALTH, home_of
from posture.reading import time_of
from posture.resource import Resource
from posture.source import Source, account_of
from posture.verdict import Finding, Status

_EFS = "aws.efs.file-system"
JUDGED_BY: Mapping[str, tuple[str, ...]] = {
    "aws.ebs.volume": ("aws.ebs.volume-encrypted", "aws.ebs.volume-key-policy", "aws.ebs.kms-key-usable"),
    "aws.ebs.snapshot": ("aws.ebs.snapshot-encrypted", "aws.ebs.kms-key-usable", "aws.ebs.snapshot-public"),
    _EFS: ("aws.efs.encrypted",),
    "aws.s3.bucket": ("aws.s3.default-encryption", "aws.s3.default-key-policy", "aws.s3.kms-key-usable"),
    "azure.compute.disk": ("azure.disk.encryption-type", "azure.disk.key-policy"),
    "azure.compute.snapshot": ("azure.disk.snapshot-encryption",),
    "azure.storage.account": (
        "azure.storage.encryption-services",
        "azure.storage.key-source",
        "azure.storage.cmk-health",
    ),
    "gcp.compute.disk": ("gcp.disk.encryption", "gcp.disk.csek", "gcp.kms.key-state"),
    "gcp.compute.snapshot": ("gcp.disk.snapshot-encryption", "gcp.kms.key-state"),
    "gcp.compute.image": ("gcp.disk.snapshot-encryption", "gcp.kms.key-state"),
    "gcp.file.instance": ("gcp.disk.encryption", "gcp.kms.key-state"),
    "gcp.storage.bucket": ("gcp.gcs.bucket-encryption", "gcp.kms.key-state"),
}
"""Type -> the controls of its cloud that say how it is encrypted, the first whether it is."""
_SET = "azure.compute.disk-encryption-set"
_SERVICES = {"/disks/": "disks", "/snapshots/": "snapshots", "/images/": "snapshots"}
"""Part of an id -> the service of the source that lists its like."""


class Behind(msgspec.Struct, frozen=True):
    """What the controls of its cloud say of one resource: the worst of them, and whether it is encrypted at all (None:
    not known).
    """

    name: str
    status: Status
    reason: str
    encrypted: bool | None
    evidence: Mapping[str, Any]
    finding: Finding | None = None

    @property
    def cause(self) -> str:
        """What explains it."""
        return "" if self.finding is None else self.finding.root


def behind(resource: Resource, context: Context) -> Behind:
    """What stands on a cloud resource, and on the encryption set or the key that it is under, where no control of its
    own tells of that. The asker is judged again when that changes.
    """
    controls = JUDGED_BY.get(resource.type)
    if controls is None:
        return Behind(resource.name, Status.UNKNOWN, f"no control judges a {resource.type}", None, {})
    found = context.findings(resource)
    told = {control: found.get(control) for control in controls}
    leads = context.linked(resource, "key")
    if leads is not None and (leads.type == _SET or resource.type == _EFS):
        told[KEY_HEALTH[leads.type]] = context.findings(leads).get(KEY_HEALTH[leads.type])
    words = {control: finding.status.word if finding else "unknown" for control, finding in told.items()}
    evidence = {"behind it": resource.id, **words}
    missing = next((control for control, finding in told.items() if finding is None), None)
    there = [each for each in told.values() if each is not None]
    worst = min(there, key=lambda each: (each.status, each.severity), default=None)
    if worst is None or (missing is not None and worst.status is not Status.FAIL):
        return Behind(resource.name, Status.UNKNOWN, f"{missing} has not judged it", None, evidence)
    return Behind(resource.name, worst.status, worst.reason, _encrypted(resource, told[controls[0]]), evidence, worst)


def _encrypted(resource: Resource, first: Finding | None) -> bool | None:
    """Whether a resource is encrypted at all: as its provider said, or as its control passes it."""
    said = resource.encryption.at_rest if resource.encryption is not None else None
    if first is None or first.status is Status.UNKNOWN:
        return None
    return said if said is not None else True if first.status in {Status.PASS, Status.WARN} else None


class Absent(msgspec.Struct, frozen=True):
    """A target that was not seen: whether it is proven not to exist, and why it is or is not."""

    proven: bool
    reason: str
    again: bool = False
    """Whether time alone may prove it."""


def absent(pv: Resource, target: str, made: Any, context: Context) -> Absent:
    """Whether what `pv` points at is proven not to be there: the account that has to have it is known, and was listed
    in full after `pv` was made (`made`, RFC 3339). Raises `NoAnswer` where that is no time.
    """
    owner = _owner(pv, target, context)
    if owner is None:
        return Absent(False, "no configured account has it")
    provider, account, service, region = owner
    where = f"{provider} {account}"
    asked = [
        source
        for source in _sources(pv, context)
        if (source.provider, source.service) == (provider, service)
        and account_of(source).casefold() == account.casefold()
    ]
    asked = [source for source in asked if not region or region in source.scope.split("/")[1:]]
    if not asked:
        return Absent(False, f"no source lists {service} of {where}")
    if not context.listed(provider, account_of(asked[0]), service):
        return Absent(False, f"{where} was not listed in full")
    since = time_of(made, "k8s", "metadata.creationTimestamp")
    if any((source.last_success or 0.0) < since + 2 * source.cadence for source in asked):
        return Absent(False, f"{where} may have been listed before it was made", again=True)
    return Absent(True, f"{where} was listed in full, and does not have it")


def _owner(pv: Resource, target: str, context: Context) -> tuple[str, str, str, str] | None:
    """Provider, account, service and region (empty: all of them) that an id belongs to; None where that is not
    proven.
    """
    parts = target.split("/")
    service = next((service for word, service in _SERVICES.items() if word in target), "")
    if len(parts) > 3 and parts[1] == "subscriptions" and service:
        return "azure", parts[2], service, ""
    if target.startswith("//compute.googleapis.com/projects/") and len(parts) > 4 and service:
        return "gcp", parts[4], service, ""
    if not target.startswith("vol-"):
        return None
    sibling = _sibling(pv, context)
    if sibling is not None:
        return "aws", sibling.scope, "ebs", sibling.region
    home = home_of(pv, context)
    return None if home is None else ("aws", home[0], "ebs", pv.region or home[1])


def _sibling(pv: Resource, context: Context) -> Resource | None:
    """The volume behind another volume of the same class and region: a driver makes all of them in one account."""
    storage_class = context.linked(pv, "class")
    if storage_class is None or not pv.region:
        return None
    for other in context.users(storage_class):
        if other.kind == pv.kind and other.region == pv.region and other.id != pv.id:
            volume = context.linked(other, "volume")
            if volume is not None and volume.type == "aws.ebs.volume" and volume.region == pv.region:
                return volume
    return None


def _sources(resource: Resource, context: Context) -> list[Source]:
    """The sources of every tenant that shares the cluster a resource is in."""
    asked = context.source(resource.source)
    tenants = (asked.tenant if asked is not None else resource.tenant).split("+")
    return [source for tenant in tenants for source in context.sources(tenant)]
