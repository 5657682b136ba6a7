"""Make things exist in the simulated Google Cloud; each function answers with the full resource name that enctop shows.

What exists is kept as Google would show it, so that an answer is a page of it.
"""

import datetime
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

Json = dict[str, Any]
API = "https://www.googleapis.com/compute/v1"
REGIONS = ("us-central1", "europe-west1")
KEY_PLACES = ("global", "us", "europe", *REGIONS)


class Cloud:
    """Every project there is. `lock` is held while something changes or an answer is made."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.projects: dict[str, Project] = {}
        self.keys: dict[str, Json] = {}
        """Name -> CryptoKey."""
        self.versions: dict[str, Json] = {}
        """Name -> CryptoKeyVersion."""
        self.users: dict[str, list[Json]] = {}
        """Customer -> users of the directory."""
        self.log_late = 0.0
        """After how many seconds a log tells of an entry."""

    def project(self, name: str = "acme-prod") -> "Project":
        """The project of this id, made when first asked for."""
        with self.lock:
            if name not in self.projects:
                self.projects[name] = Project(self, name, str(100000000000 + 7 * len(self.projects)))
            return self.projects[name]

    def clear(self) -> None:
        """Nothing exists any more."""
        with self.lock:
            for kept in (self.projects, self.keys, self.versions, self.users):
                kept.clear()
            self.log_late = 0.0


class Project:
    """One project: `compute` holds its lists by kind and scope (`zones/Z`, `regions/R`, `global`), by name."""

    def __init__(self, cloud: Cloud, name: str, number: str, regions: Iterable[str] = REGIONS) -> None:
        self.cloud, self.name, self.number = cloud, name, number
        self.regions = tuple(regions)
        self.zones = [f"{region}-{letter}" for region in self.regions for letter in "abc"]
        self.compute: dict[str, dict[str, dict[str, Json]]] = {}
        self.buckets: dict[str, Json] = {}
        self.policies: dict[str, Json] = {}
        self.objects: dict[str, list[Json]] = {}
        self.clusters: dict[str, Json] = {}
        self.filestore: dict[str, Json] = {}
        self.deleted: list[Json] = []
        """Buckets that can be restored."""
        self.log: list[tuple[float, Json]] = []
        """The Admin Activity log: when, and the entry."""
        self.unreachable: dict[str, str] = {}
        """Scope -> the code of the warning in place of its rows."""
        self.unnamed: set[str] = set()
        """Scopes that are named in `unreachables` only, and stand nowhere else."""
        self.unreachable_buckets: set[str] = set()
        self.missing_zones: set[str] = set()

    def disk(
        self,
        name: str,
        scope: str = "zones/us-central1-a",
        *,
        key: Mapping[str, Any] | str | None = None,
        size: int = 100,
        users: Iterable[str] = (),
        labels: Mapping[str, str] | None = None,
        days: float = 1.0,
        **also: Any,
    ) -> str:
        """A disk; `key` is the name of a Cloud KMS key (a version where it has a primary), or a `diskEncryptionKey`
        as it is; `also` goes in as it is.
        """
        where, home = f"{API}/projects/{self.name}/{scope}", scope.partition("/")[0].removesuffix("s")
        disk: Json = {
            "kind": "compute#disk",
            "id": str(4_000_000_000_000_000_000 + zlib.crc32(f"{self.name} {scope} {name}".encode())),
            "creationTimestamp": ago(days),
            "name": name,
            home: where,
            "sizeGb": str(size),
            "status": "READY",
            "selfLink": f"{where}/disks/{name}",
            "type": f"{where}/diskTypes/pd-ssd",
            "labelFingerprint": "42WmSpB8rSM=",
            "physicalBlockSizeBytes": "4096",
        }
        if users:
            disk["users"] = [f"{where}/instances/{user}" for user in users]
        if labels:
            disk["labels"] = dict(labels)
        if key is not None:
            disk["diskEncryptionKey"] = {"kmsKeyName": self.cloud_version(key)} if isinstance(key, str) else dict(key)
        return self.put("disks", scope, {**disk, **also})

    def snapshot(
        self,
        name: str,
        *,
        key: Mapping[str, Any] | str | None = None,
        of: str = "data",
        size: int = 100,
        region: str | None = None,
        **also: Any,
    ) -> str:
        """A snapshot, global or of a region."""
        scope = f"regions/{region}" if region else "global"
        snapshot: Json = {
            "kind": "compute#snapshot",
            "name": name,
            "status": "READY",
            "diskSizeGb": str(size),
            "creationTimestamp": ago(3),
            "sourceDisk": f"{API}/projects/{self.name}/zones/us-central1-a/disks/{of}",
            "storageLocations": [region or "us"],
            "snapshotType": "STANDARD",
        }
        if region:
            snapshot["region"] = f"{API}/projects/{self.name}/regions/{region}"
        if key is not None:
            snapshot["snapshotEncryptionKey"] = (
                {"kmsKeyName": self.cloud_version(key)} if isinstance(key, str) else dict(key)
            )
        return self.put("snapshots", scope, {**snapshot, **also})

    def image(self, name: str, *, key: Mapping[str, Any] | str | None = None, **also: Any) -> str:
        """An image of the project's own."""
        image: Json = {
            "kind": "compute#image",
            "name": name,
            "status": "READY",
            "diskSizeGb": "20",
            "creationTimestamp": ago(9),
            "storageLocations": ["us"],
        }
        if key is not None:
            image["imageEncryptionKey"] = {"kmsKeyName": self.cloud_version(key)} if isinstance(key, str) else dict(key)
        return self.put("images", "global", {**image, **also})

    def bucket(
        self,
        name: str,
        location: str = "US",
        *,
        key: str | None = None,
        enforced: Mapping[str, str] | None = None,
        prevention: str | None = "enforced",
        uniform: bool = True,
        members: Iterable[str] = (),
        labels: Mapping[str, str] | None = None,
    ) -> str:
        """A bucket. `enforced` maps google, customer and supplied to a restriction mode; `members` may read its
        objects.
        """
        names = {"google": "googleManaged", "customer": "customerManaged", "supplied": "customerSupplied"}
        configs = {
            f"{names[which]}EncryptionEnforcementConfig": {"restrictionMode": mode, "effectiveTime": ago(5)}
            for which, mode in (enforced or {}).items()
        }
        bucket = self._plain_bucket(name, location, uniform)
        if prevention is not None:
            bucket["iamConfiguration"]["publicAccessPrevention"] = prevention
        if key or configs:
            bucket["encryption"] = {**({"defaultKmsKeyName": key.removeprefix(KMS)} if key else {}), **configs}
        if labels:
            bucket["labels"] = dict(labels)
        bindings = [{"role": "roles/storage.legacyBucketOwner", "members": [f"projectOwner:{self.name}"]}]
        if members := list(members):
            bindings.append({"role": "roles/storage.objectViewer", "members": members})
        with self.cloud.lock:
            self.buckets[name] = bucket
            self.policies[name] = {
                "kind": "storage#policy",
                "resourceId": f"projects/_/buckets/{name}",
                "version": 1,
                "etag": "CAE=",
                "bindings": bindings,
            }
        return f"//storage.googleapis.com/projects/_/buckets/{name}"

    def _plain_bucket(self, name: str, location: str, uniform: bool) -> Json:
        return {
            "kind": "storage#bucket",
            "id": name,
            "name": name,
            "projectNumber": self.number,
            "location": location,
            "locationType": "multi-region" if location in {"US", "EU"} else "region",
            "storageClass": "STANDARD",
            "timeCreated": ago(100),
            "updated": ago(50),
            "metageneration": "3",
            "iamConfiguration": {
                "uniformBucketLevelAccess": {"enabled": uniform},
                "bucketPolicyOnly": {"enabled": uniform},
            },
        }

    def object(
        self, bucket: str, name: str, *, key: str | None = None, supplied: bool = False, generation: int = 1
    ) -> None:
        """An object, or one generation of it."""
        item: Json = {
            "kind": "storage#object",
            "name": name,
            "bucket": bucket,
            "generation": str(generation),
            "timeCreated": ago(4),
            "size": "5",
        }
        if key:
            item["kmsKeyName"] = self.cloud_version(key)
        if supplied:
            item["customerEncryption"] = {
                "encryptionAlgorithm": "AES256",
                "keySha256": "u0Wh2XlPTMbeyrIrZZJzHDi0+P4K2gFqBEXeOqIy7d8=",
            }
        self.objects.setdefault(bucket, []).append(item)

    def key(
        self,
        name: str,
        place: str = "us-central1",
        ring: str = "tenants",
        *,
        state: str = "ENABLED",
        versions: Mapping[int, str] | None = None,
        rotated: int | None = 90,
        level: str = "SOFTWARE",
        purpose: str = "ENCRYPT_DECRYPT",
        destroyed_in: float | None = None,
    ) -> str:
        """A key. `versions` are older ones and their states, the primary comes after them with `state`; `rotated` in
        days, None for never.
        """
        full = f"projects/{self.name}/locations/{place}/keyRings/{ring}/cryptoKeys/{name}"
        older = dict(versions or {})
        primary = max(older, default=0) + 1
        with self.cloud.lock:
            for number, said in {**older, primary: state}.items():
                version: Json = {
                    "name": f"{full}/cryptoKeyVersions/{number}",
                    "state": said,
                    "protectionLevel": level,
                    "algorithm": f"{'EXTERNAL' if level.startswith('EXTERNAL') else 'GOOGLE'}_SYMMETRIC_ENCRYPTION",
                    "createTime": ago(90 * (primary - number + 1)),
                }
                if said == "DESTROY_SCHEDULED":
                    version["destroyTime"] = ago(-(destroyed_in or 20))
                self.cloud.versions[version["name"]] = version
            key: Json = {
                "name": full,
                "purpose": purpose,
                "createTime": ago(400),
                "versionTemplate": {"protectionLevel": level},
            }
            if rotated is not None:
                key |= {"rotationPeriod": f"{rotated * 86400}s", "nextRotationTime": ago(-rotated / 2)}
            if purpose == "ENCRYPT_DECRYPT":
                key["primary"] = self.cloud.versions[f"{full}/cryptoKeyVersions/{primary}"]
            self.cloud.keys[full] = key
        return KMS + full

    def cloud_version(self, key: str) -> str:
        """A key as a disk carries it: with the primary version at the time of writing; with the version that is
        named, where one is.
        """
        name = key.removeprefix(KMS)
        known = self.cloud.keys.get(name)
        return (
            name
            if "/cryptoKeyVersions/" in name or known is None or "primary" not in known
            else str(known["primary"]["name"])
        )

    def set_state(self, key: str, state: str, version: int | None = None) -> None:
        """Enable or disable a version, the primary where none is named."""
        name = key.removeprefix(KMS)
        with self.cloud.lock:
            found = (
                self.cloud.keys[name]["primary"]
                if version is None
                else self.cloud.versions[f"{name}/cryptoKeyVersions/{version}"]
            )
            found["state"] = state

    def cluster(
        self,
        name: str,
        location: str = "us-central1",
        *,
        encryption: Mapping[str, Any] | None = None,
        boot_key: str | None = None,
        **also: Any,
    ) -> str:
        """A GKE cluster with its `databaseEncryption`."""
        config: Json = {
            "diskType": "pd-balanced",
            **({"bootDiskKmsKey": boot_key.removeprefix(KMS)} if boot_key else {}),
        }
        self.clusters[name] = {
            "name": name,
            "location": location,
            "status": "RUNNING",
            "createTime": ago(200),
            "currentMasterVersion": "1.35.2-gke.1",
            "databaseEncryption": dict(encryption or {"state": "DECRYPTED", "currentState": "CURRENT_STATE_DECRYPTED"}),
            "nodePools": [{"name": "default", "config": config}],
            **also,
        }
        return f"//container.googleapis.com/projects/{self.name}/locations/{location}/clusters/{name}"

    def ssl_policy(
        self,
        name: str,
        minimum: str = "TLS_1_2",
        profile: str = "MODERN",
        scope: str = "global",
        features: Iterable[str] = (),
    ) -> str:
        """An SSL policy. Answers with its URL, for proxies."""
        url = f"{API}/projects/{self.name}/{scope}/sslPolicies/{name}"
        policy = {
            "kind": "compute#sslPolicy",
            "name": name,
            "selfLink": url,
            "minTlsVersion": minimum,
            "profile": profile,
            "enabledFeatures": list(features),
        }
        self.put("sslPolicies", scope, policy)
        return url

    def url_map(self, name: str, *, redirect: bool, scope: str = "global", **also: Any) -> str:
        """A URL map that sends everything to HTTPS, or serves it. Answers with its URL."""
        url = f"{API}/projects/{self.name}/{scope}/urlMaps/{name}"
        default: Json = (
            {"defaultUrlRedirect": {"httpsRedirect": True}}
            if redirect
            else {"defaultService": f"{API}/projects/{self.name}/{scope}/backendServices/web"}
        )
        self.put("urlMaps", scope, {"kind": "compute#urlMap", "name": name, "selfLink": url, **default, **also})
        return url

    def proxy(
        self,
        name: str,
        kind: str = "targetHttpsProxies",
        *,
        policy: str | None = None,
        url_map: str | None = None,
        certificates: Iterable[str] = (),
        scope: str = "global",
    ) -> str:
        """A target proxy: `targetHttpsProxies`, `targetHttpProxies` or `targetSslProxies`."""
        proxy: Json = {
            "kind": f"compute#{kind.replace('Proxies', 'Proxy')}",
            "name": name,
            "creationTimestamp": ago(30),
        }
        if policy:
            proxy["sslPolicy"] = policy
        if url_map:
            proxy["urlMap"] = url_map
        if certificates := list(certificates):
            proxy["sslCertificates"] = certificates
        return self.put(kind, scope, proxy)

    def logged(
        self,
        method: str,
        id: str,
        *,
        by: str,
        at: float | None = None,
        agent: str = "google-cloud-sdk gcloud/544.0.0 command/gcloud",
        address: str = "198.51.100.7",
        through: str = "",
        code: int = 0,
        request: Mapping[str, Any] | None = None,
    ) -> Json:
        """Write an entry about a resource into the Admin Activity log; `code` where it was refused, `through` who
        acted as a service account. `at` is UTC seconds, now unless said.
        """
        at = time.time() if at is None else at
        auth: Json = {"principalEmail": by}
        if through:
            auth["serviceAccountDelegationInfo"] = [{"firstPartyPrincipal": {"principalEmail": through}}]
        payload: Json = {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "methodName": method,
            "resourceName": id.removeprefix("//").partition("/")[2],
            "authenticationInfo": auth,
            "requestMetadata": {"callerIp": address, "callerSuppliedUserAgent": agent},
            "request": dict(request or {}),
            **({"status": {"code": code, "message": "denied"}} if code else {}),
        }
        entry = {
            "logName": f"projects/{self.name}/logs/cloudaudit.googleapis.com%2Factivity",
            "timestamp": datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "protoPayload": payload,
        }
        with self.cloud.lock:
            self.log.append((at, entry))
        return entry

    def delete(self, id: str) -> None:
        """Delete what compute knows by this full resource name."""
        scope, kind, name = id.removeprefix(f"//compute.googleapis.com/projects/{self.name}/").rsplit("/", 2)
        with self.cloud.lock:
            self.compute[kind][scope].pop(name, None)

    @contextmanager
    def without(self, scope: str, code: str = "UNREACHABLE") -> Iterator[None]:
        """A zone or region that does not answer, as long as the block runs."""
        self.unreachable[scope] = code
        try:
            yield
        finally:
            self.unreachable.pop(scope, None)

    def put(self, kind: str, scope: str, thing: Json) -> str:
        """Make or replace what compute shows in a list; returns its full resource name."""
        with self.cloud.lock:
            self.compute.setdefault(kind, {}).setdefault(scope, {})[thing["name"]] = thing
        return f"//compute.googleapis.com/projects/{self.name}/{scope}/{kind}/{thing['name']}"


KMS = "//cloudkms.googleapis.com/"


def ago(days: float) -> str:
    """RFC 3339."""
    at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
