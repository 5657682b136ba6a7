"""Resources of Google Cloud as the provider makes them, for the controls to look at."""

from typing import Any

import msgspec

from posture.fault import Fault, FaultKind
from posture.resource import Encryption, KeyClass, Link, Resource
from tests.posture.controls.world import made

PROJECT, OTHER = "acme-prod", "somebody-else"
PLACE = f"//compute.googleapis.com/projects/{PROJECT}/zones/us-central1-a"


def key_name(name: str = "k", project: str = PROJECT, version: int | None = None) -> str:
    """As the API names a key, or a version of it."""
    full = f"projects/{project}/locations/us-central1/keyRings/r/cryptoKeys/{name}"
    return full if version is None else f"{full}/cryptoKeyVersions/{version}"


def _made(id: str, kind: str, type: str, fields: dict[str, Any], key: str | None = None, **more: Any) -> Resource:
    links = (Link("key", f"//cloudkms.googleapis.com/{key.partition('/cryptoKeyVersions/')[0]}"),) if key else ()
    common: dict[str, Any] = {
        "name": id.rpartition("/")[2],
        "provider": "gcp",
        "scope": PROJECT,
        "region": "us-central1-a",
        "source": f"acme/gcp/{PROJECT}/x",
    }
    resource = made(id, kind, type, fields=fields, encryption=Encryption(True), **{**common, **more})
    return msgspec.structs.replace(resource, links=links)


def disk(block: dict[str, Any] | None = None, name: str = "d", **fields: Any) -> Resource:
    key = (block or {}).get("kmsKeyName")
    return _made(
        f"{PLACE}/disks/{name}", "volume", "gcp.compute.disk", {"name": name, "diskEncryptionKey": block, **fields}, key
    )


def location(fault: Fault) -> Resource:
    return msgspec.structs.replace(_made(PLACE, "account", "gcp.compute.location", {}), faults={fault.operation: fault})


def snapshot(block: dict[str, Any] | None = None) -> Resource:
    key = (block or {}).get("kmsKeyName")
    return _made("//compute/s", "snapshot", "gcp.compute.snapshot", {"name": "s", "snapshotEncryptionKey": block}, key)


def image(block: dict[str, Any] | None = None) -> Resource:
    key = (block or {}).get("kmsKeyName")
    return _made("//compute/i", "snapshot", "gcp.compute.image", {"name": "i", "imageEncryptionKey": block}, key)


def machine_image(block: dict[str, Any] | None = None) -> Resource:
    key = (block or {}).get("kmsKeyName")
    return _made(
        "//compute/m", "snapshot", "gcp.compute.machine-image", {"name": "m", "machineImageEncryptionKey": block}, key
    )


def instant(of: str = f"{PLACE}/disks/d") -> Resource:
    fields = {"name": "i", "sourceDisk": f"https://compute.googleapis.com/compute/v1/{of.partition('.com/')[2]}"}
    resource = _made("//compute/instant", "snapshot", "gcp.compute.instant-snapshot", fields)
    return msgspec.structs.replace(resource, links=(Link("disk", of),))


def file_system(key: str | None = None) -> Resource:
    return _made("//file/f", "file-system", "gcp.file.instance", {"name": "f", "kmsKeyName": key}, key)


def deleted(key: str | None = None) -> Resource:
    return msgspec.structs.replace(bucket(key), id="//storage/b#1", type="gcp.storage.deleted-bucket")


CERTIFICATE = "//compute/c"


def certificate(ends: str | None = "2027-06-01T00:00:00Z", kind: str = "MANAGED", **managed: Any) -> Resource:
    fields: dict[str, Any] = {"name": "c", "type": kind}
    if ends:
        fields["expireTime"] = ends
    if kind == "MANAGED":
        fields["managed"] = {"status": "ACTIVE", "domainStatus": {"www": "ACTIVE"}, **managed}
    return _made(CERTIFICATE, "certificate", "gcp.compute.ssl-certificate", fields)


def bucket(key: str | None = None, modes: dict[str, str] | None = None, **fields: Any) -> Resource:
    configs = {
        f"{which}EncryptionEnforcementConfig": {"restrictionMode": mode} for which, mode in (modes or {}).items()
    }
    block = {**({"defaultKmsKeyName": key} if key else {}), **configs} or None
    usual = {
        "name": "b",
        "encryption": block,
        "iamConfiguration": {"publicAccessPrevention": "inherited", "uniformBucketLevelAccess": {"enabled": True}},
    }
    return _made("//storage/b", "bucket", "gcp.storage.bucket", {**usual, "publicMembers": [], **fields}, key)


def objects(keys: dict[str, int], *, complete: bool = True) -> Resource:
    return _made("//storage/b#objects", "object-sample", "gcp.storage.objects", {"keys": keys, "complete": complete})


def key(
    name: str = "k",
    project: str = PROJECT,
    *,
    state: str = "ENABLED",
    number: int = 3,
    versions: dict[int, str] | None = None,
    **fields: Any,
) -> Resource:
    primary = {"name": key_name(name, project, number), "state": state, "protectionLevel": "SOFTWARE"}
    older = {str(n): {"name": key_name(name, project, n), "state": said} for n, said in (versions or {}).items()}
    usual = {
        "name": key_name(name, project),
        "purpose": "ENCRYPT_DECRYPT",
        "rotationPeriod": "7776000s",
        "primary": primary,
        "versions": older,
    }
    id = f"//cloudkms.googleapis.com/{key_name(name, project)}"
    resource = _made(id, "key", "gcp.kms.key", {**usual, **fields}, scope=project)
    return msgspec.structs.replace(resource, encryption=Encryption(key_class=KeyClass.CUSTOMER))


def cluster(state: str = "DECRYPTED", current: str = "DECRYPTED", key: str | None = None, **fields: Any) -> Resource:
    block = {"state": state, "currentState": f"CURRENT_STATE_{current}", **({"keyName": key} if key else {})}
    return _made(
        "//container/c", "cluster", "gcp.container.cluster", {"name": "c", "databaseEncryption": block, **fields}, key
    )


def proxy(policy: dict[str, Any] | None = None, kind: str = "https") -> Resource:
    fields: dict[str, Any] = {"name": "p", "sslPolicy": "https://x/sslPolicies/strict" if policy else None}
    if policy:
        fields["policy"] = policy
    return _made(f"//compute/{kind}", "endpoint", f"gcp.compute.{kind}-proxy", fields)


def http_proxy(url_map: dict[str, Any]) -> Resource:
    return _made(
        "//compute/http",
        "endpoint",
        "gcp.compute.http-proxy",
        {"name": "h", "urlMap": "https://x/urlMaps/m", "map": url_map},
    )


def workspace(attested: dict[str, Any] | None = None, **users: Any) -> Resource:
    fields: dict[str, Any] = (
        {"users": {"active": 4, "adminsNotEnrolled": [], "notEnrolled": 0, "notEnforced": 0, **users}}
        if users or not attested
        else {}
    )
    return _made("//workspace", "identity", "gcp.workspace", {**fields, **({"attested": attested} if attested else {})})


def refusal(operation: str, kind: FaultKind = FaultKind.DENIED, code: str = "forbidden") -> Fault:
    return Fault(kind, code, operation, "no", operation if kind is FaultKind.DENIED else None)


UNDER_KEY = {"kmsKeyName": key_name(version=3)}
GCP_RESOURCES: dict[str, Resource] = {
    "gcp.compute.disk": disk(UNDER_KEY),
    "gcp.compute.location": disk(),
    "gcp.compute.snapshot": snapshot(UNDER_KEY),
    "gcp.compute.image": image(UNDER_KEY),
    "gcp.compute.machine-image": machine_image(UNDER_KEY),
    "gcp.compute.instant-snapshot": instant(),
    "gcp.compute.ssl-certificate": certificate(),
    "gcp.file.instance": file_system(key_name()),
    "gcp.storage.deleted-bucket": deleted(key_name()),
    "gcp.storage.bucket": bucket(key_name()),
    "gcp.storage.objects": objects({"Google": 3}),
    "gcp.kms.key": key(),
    "gcp.container.cluster": cluster("ENCRYPTED", "ENCRYPTED", key_name()),
    "gcp.compute.https-proxy": proxy({"minTlsVersion": "TLS_1_2", "profile": "MODERN"}),
    "gcp.compute.ssl-proxy": proxy({"minTlsVersion": "TLS_1_2", "profile": "MODERN"}, "ssl"),
    "gcp.compute.http-proxy": http_proxy({"name": "m", "defaultUrlRedirect": {"httpsRedirect": True}}),
    "gcp.workspace": workspace(),
}
"""Type -> one in order, of which the laws take parts away."""

BESIDE = (
    disk(),
    msgspec.structs.replace(
        proxy({"minTlsVersion": "TLS_1_2", "profile": "MODERN"}), links=(Link("certificate", CERTIFICATE),)
    ),
)
"""What those point at, and what points at the certificate."""
