"""What else may exist in the simulated Google Cloud: copies of machines and disks, file systems, certificates, and
buckets that were deleted.
"""

import zlib
from collections.abc import Mapping
from typing import Any

from providers.demo.gcp.world import API, KMS, Json, Project, ago


def machine_image(project: Project, name: str, *, key: Mapping[str, Any] | str | None = None, of: str = "vm") -> str:
    """An image of a machine with all its disks."""
    image: Json = {
        "kind": "compute#machineImage",
        "name": name,
        "status": "READY",
        "totalStorageBytes": str(30 << 30),
        "creationTimestamp": ago(9),
        "storageLocations": ["us"],
        "sourceInstance": f"{API}/projects/{project.name}/zones/us-central1-a/instances/{of}",
    }
    if key is not None:
        block = {"kmsKeyName": project.cloud_version(key)} if isinstance(key, str) else dict(key)
        image["machineImageEncryptionKey"] = block
    return project.put("machineImages", "global", image)


def instant_snapshot(project: Project, name: str, of: str, scope: str = "zones/us-central1-a") -> str:
    """An instant snapshot of a disk in the same zone or region."""
    where, home = f"{API}/projects/{project.name}/{scope}", scope.partition("/")[0].removesuffix("s")
    snapshot: Json = {
        "kind": "compute#instantSnapshot",
        "name": name,
        home: where,
        "status": "READY",
        "diskSizeGb": "100",
        "creationTimestamp": ago(0.1),
        "sourceDisk": f"{where}/disks/{of}",
    }
    return project.put("instantSnapshots", scope, snapshot)


def file_system(
    project: Project, name: str, location: str = "us-central1-a", *, key: str | None = None, gib: int = 1024
) -> str:
    """A Filestore instance with one share."""
    full = f"projects/{project.name}/locations/{location}/instances/{name}"
    instance: Json = {
        "name": full,
        "state": "READY",
        "tier": "ZONAL",
        "protocol": "NFS_V3",
        "createTime": ago(60),
        "fileShares": [{"name": "vol1", "capacityGb": str(gib)}],
    }
    if key:
        instance["kmsKeyName"] = key.removeprefix(KMS)
    with project.cloud.lock:
        project.filestore[full] = instance
    return f"//file.googleapis.com/{full}"


def certificate(
    project: Project,
    name: str,
    *,
    days: float | None = 60,
    status: str | None = "ACTIVE",
    domains: Mapping[str, str] | None = None,
    scope: str = "global",
) -> str:
    """An SSL certificate that ends in so many days, None for one without an end; `status` None is one that was
    brought. Answers with its URL, for proxies.
    """
    states = dict(domains or {f"{name}.acme.example": "ACTIVE"})
    certificate: Json = {
        "kind": "compute#sslCertificate",
        "name": name,
        "type": "MANAGED" if status else "SELF_MANAGED",
        "creationTimestamp": ago(30),
        "selfLink": f"{API}/projects/{project.name}/{scope}/sslCertificates/{name}",
    }
    if status:
        certificate["managed"] = {"domains": list(states), "status": status, "domainStatus": states}
    if days is not None:
        certificate |= {"expireTime": ago(-days), "subjectAlternativeNames": list(states)}
    project.put("sslCertificates", scope, certificate)
    return str(certificate["selfLink"])


def delete_bucket(project: Project, name: str) -> str:
    """Delete a bucket; for a week it can be restored."""
    with project.cloud.lock:
        bucket = project.buckets.pop(name)
        generation = str(1_760_000_000_000_000 + zlib.crc32(f"{name} {len(project.deleted)}".encode()))
        times = {"softDeleteTime": ago(1), "hardDeleteTime": ago(-6)}
        project.deleted.append({**bucket, "generation": generation, **times})
    return f"//storage.googleapis.com/projects/_/buckets/{name}#{generation}"
