"""Every Google Cloud method enctop may call, and the permission it takes. A call that is not declared here cannot be
made.

Paths and fields: the services' discovery documents (compute v1, storage v1, cloudkms v1, container v1, file v1,
cloudresourcemanager v3, admin directory_v1, logging v2); permissions: the IAM permissions reference. The masks in
`fields` ask for what is judged or shown and nothing else, and for the `kind` by which an answer is told from any other
JSON; KMS, GKE, Filestore, Logging and the project have none.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from providers.system import Blocks

Need = Literal["always", "object_pages", "workspace", "who"]


class Call(msgspec.Struct, frozen=True):
    """One declared method. `operation` is `service.collection.method`; `path` is what follows the service's root, with
    blanks to be filled in.

    `permission` is the IAM permission ("" where it is none but an OAuth scope), `family` the budget it draws on,
    `fields` the partial response asked for, `size` the parameter for the page size and the size asked for, `need` the
    setting without which it is never made.
    """

    operation: str
    path: str
    permission: str
    family: str
    fields: str = ""
    size: tuple[str, int] | None = None
    need: Need = "always"

    @property
    def service(self) -> str:
        """The API, as the operation begins: `compute`."""
        return self.operation.partition(".")[0]


ROOTS: dict[str, str] = {
    "compute": "https://compute.googleapis.com",
    "storage": "https://storage.googleapis.com",
    "cloudkms": "https://cloudkms.googleapis.com",
    "container": "https://container.googleapis.com",
    "file": "https://file.googleapis.com",
    "cloudresourcemanager": "https://cloudresourcemanager.googleapis.com",
    "directory": "https://admin.googleapis.com",
    "logging": "https://logging.googleapis.com",
}
"""Service -> the root of its paths, where no endpoint is configured."""
HOSTS = {service: root.removeprefix("https://") for service, root in ROOTS.items()}
"""Service -> its name in full resource names, and the name of the API that can be switched off."""

CALLS: dict[str, Call] = {}


def _call(
    operation: str,
    path: str,
    fields: str = "",
    *,
    permission: str | None = None,
    family: str | None = None,
    size: tuple[str, int] | None = None,
    need: Need = "always",
) -> Call:
    call = Call(
        operation,
        path,
        operation if permission is None else permission,
        family or operation.partition(".")[0],
        fields,
        size,
        need,
    )
    CALLS[operation] = call
    return call


_KEY = "(kmsKeyName,kmsKeyServiceAccount,sha256)"
_SCOPE = "warning(code,message)"
_COMPUTE = "compute/v1/projects/{project}"


def _aggregated(kind: str, fields: str) -> Call:
    mask = f"kind,items/*/{kind}({fields}),items/*/{_SCOPE},unreachables,nextPageToken,warning(code,message)"
    if kind == "targetHttpProxies":
        mask = mask.removesuffix(",warning(code,message)")  # this one list has no warning of its own
    return _call(
        f"compute.{kind}.aggregatedList",
        f"{_COMPUTE}/aggregated/{kind}",
        mask,
        permission=f"compute.{kind}.list",
        size=("maxResults", 500),
    )


def _listed(kind: str, fields: str, where: str = "global", operation: str | None = None) -> Call:
    mask = f"kind,items({fields}),nextPageToken,warning(code,message)"
    path = f"{_COMPUTE}/{where}/{kind}" if where else f"{_COMPUTE}/{kind}"
    return _call(
        operation or f"compute.{kind}.list", path, mask, permission=f"compute.{kind}.list", size=("maxResults", 500)
    )


GET_PROJECT = _call(
    "cloudresourcemanager.projects.get",
    "v3/projects/{project}",
    "name,projectId,state,displayName",
    permission="resourcemanager.projects.get",
)

LIST_DISKS = _aggregated(
    "disks",
    f"name,zone,region,sizeGb,type,status,users,labels,creationTimestamp,diskEncryptionKey{_KEY},"
    f"sourceSnapshotEncryptionKey{_KEY},sourceImageEncryptionKey{_KEY},enableConfidentialCompute",
)
_SNAPSHOT = (
    "name,region,status,diskSizeGb,labels,creationTimestamp,sourceDisk,storageLocations,snapshotType"
    f",snapshotEncryptionKey{_KEY}"
)
LIST_SNAPSHOTS = _listed("snapshots", _SNAPSHOT)
LIST_REGION_SNAPSHOTS = _listed("snapshots", _SNAPSHOT, "regions/{region}", "compute.regionSnapshots.list")
LIST_IMAGES = _listed(
    "images",
    f"name,status,diskSizeGb,labels,creationTimestamp,sourceDisk,storageLocations,family,imageEncryptionKey{_KEY}",
)
LIST_MACHINE_IMAGES = _listed(
    "machineImages",
    "name,status,totalStorageBytes,labels,creationTimestamp,sourceInstance,storageLocations"
    f",machineImageEncryptionKey{_KEY}",
)
LIST_INSTANT_SNAPSHOTS = _aggregated(
    "instantSnapshots", "name,zone,region,status,diskSizeGb,labels,creationTimestamp,sourceDisk"
)
"""They have no key of their own: each is encrypted as its disk is."""
LIST_CERTIFICATES = _aggregated(
    "sslCertificates",
    "name,region,type,creationTimestamp,expireTime,subjectAlternativeNames,managed(domains,status,domainStatus)",
)
LIST_REGIONS = _listed("regions", "name,status", where="")
LIST_HTTPS_PROXIES = _aggregated("targetHttpsProxies", "name,region,sslPolicy,sslCertificates,urlMap,creationTimestamp")
LIST_SSL_PROXIES = _listed("targetSslProxies", "name,sslPolicy,sslCertificates,service,creationTimestamp")
LIST_HTTP_PROXIES = _aggregated("targetHttpProxies", "name,region,urlMap,creationTimestamp")
LIST_SSL_POLICIES = _aggregated("sslPolicies", "name,region,selfLink,minTlsVersion,profile,enabledFeatures")
_REDIRECT = "(httpsRedirect,redirectResponseCode)"
LIST_URL_MAPS = _aggregated(
    "urlMaps",
    f"name,region,selfLink,defaultService,defaultUrlRedirect{_REDIRECT},pathMatchers(name,defaultService,defaultUrlRedirect{_REDIRECT},"
    f"pathRules(service,urlRedirect{_REDIRECT}),routeRules(service,urlRedirect{_REDIRECT}))",
)

_BUCKET = (
    "name,location,locationType,storageClass,labels,timeCreated,generation,softDeleteTime,hardDeleteTime,encryption"
    ",iamConfiguration(publicAccessPrevention,uniformBucketLevelAccess)"
)
LIST_BUCKETS = _call(
    "storage.buckets.list",
    "storage/v1/b",
    f"kind,items({_BUCKET}),unreachable,nextPageToken",
    size=("maxResults", 1000),
)
GET_BUCKET_IAM = _call(
    "storage.buckets.getIamPolicy", "storage/v1/b/{bucket}/iam", "kind,bindings(role,members,condition)"
)
LIST_OBJECTS = _call(
    "storage.objects.list",
    "storage/v1/b/{bucket}/o",
    "kind,items(name,generation,kmsKeyName,customerEncryption(keySha256)),nextPageToken",
    size=("maxResults", 1000),
    need="object_pages",
)

_VERSION = "name,state,protectionLevel,algorithm,createTime,destroyTime,destroyEventTime,externalProtectionLevelOptions"
_CRYPTO_KEY = (
    f"name,purpose,createTime,nextRotationTime,rotationPeriod,labels,importOnly,versionTemplate,primary({_VERSION})"
)
LIST_KEY_LOCATIONS = _call(
    "cloudkms.locations.list",
    "v1/projects/{project}/locations",
    "locations(locationId),nextPageToken",
    size=("pageSize", 500),
)
LIST_KEY_RINGS = _call(
    "cloudkms.keyRings.list", "v1/{parent}/keyRings", "keyRings(name),nextPageToken", size=("pageSize", 1000)
)
LIST_KEYS = _call(
    "cloudkms.cryptoKeys.list",
    "v1/{parent}/cryptoKeys",
    f"cryptoKeys({_CRYPTO_KEY}),nextPageToken",
    size=("pageSize", 1000),
)
GET_KEY = _call("cloudkms.cryptoKeys.get", "v1/{name}", _CRYPTO_KEY)
GET_KEY_VERSION = _call("cloudkms.cryptoKeyVersions.get", "v1/{name}", _VERSION)

_POOLS = "nodePools(name,config(bootDiskKmsKey,localSsdEncryptionMode,diskType))"
_CLUSTER = f"name,location,status,createTime,resourceLabels,currentMasterVersion,databaseEncryption,{_POOLS}"
LIST_CLUSTERS = _call(
    "container.clusters.list", "v1/projects/{project}/locations/-/clusters", f"clusters({_CLUSTER}),missingZones"
)

LIST_FILESTORE = _call(
    "file.instances.list",
    "v1/projects/{project}/locations/-/instances",
    "instances(name,state,tier,labels,createTime,kmsKeyName,protocol,fileShares(name,capacityGb)),unreachable,nextPageToken",
    size=("pageSize", 500),
)

_USER = "primaryEmail,isAdmin,isDelegatedAdmin,suspended,archived,isEnrolledIn2Sv,isEnforcedIn2Sv"
LIST_USERS = _call(
    "directory.users.list",
    "admin/directory/v1/users",
    f"kind,users({_USER}),nextPageToken",
    permission="",
    size=("maxResults", 500),
    need="workspace",
)
LIST_ENTRIES = _call(
    "logging.entries.list",
    "v2/entries:list",
    "entries(timestamp,protoPayload),nextPageToken",
    permission="logging.logEntries.list",
    need="who",
)
"""Asked by POST, with a body in which the log is named; it changes nothing."""
DIRECTORY_SCOPE = "https://www.googleapis.com/auth/admin.directory.user.readonly"
"""What `directory.users.list` takes in place of an IAM permission: an administrator's consent to this scope."""
CLOUD_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
"""The narrowest scope that Compute, Storage, KMS and GKE all take; what may be done under it, the custom role says."""

MOST_PAGE = 32 << 20
"""Bytes of one answer, decoded: of 500 rows with the fields that are asked for, some 10 MB at the most."""

# Requests a period, the period in seconds, and how many under way, per project. Compute counts reads by the minute and
# starts anew at the minute's
# boundary (1,500 list requests by the older table); KMS allows 300 reads a minute. Half is taken, the rest is left to
# the project's other tools.
# Logging answers 60 reads a minute, which nobody can raise: half is taken.
# Storage publishes no rate for reads of buckets' settings; it answers 429, and the lane shrinks.
BUDGETS: dict[str, tuple[int, float, int]] = {
    "compute": (750, 60.0, 8),
    "storage": (200, 1.0, 32),
    "cloudkms": (150, 60.0, 8),
    "container": (60, 60.0, 2),
    "file": (60, 60.0, 2),
    "cloudresourcemanager": (60, 60.0, 2),
    "directory": (300, 60.0, 2),
    "logging": (30, 60.0, 1),
}


def permissions(needs: frozenset[str]) -> list[str]:
    """The IAM permissions of every call that enctop can make with the settings `needs`, and of no other, sorted."""
    return sorted({call.permission for call in CALLS.values() if call.permission and call.need in {"always", *needs}})


def printed(needs: frozenset[str], blocks: Blocks, version: str) -> str:
    """`enctop policy gcp`: the least custom role as YAML."""
    return policy(needs)


def policy(needs: frozenset[str]) -> str:
    """The least custom role as YAML, for `gcloud iam roles create enctop --project=P --file=FILE`."""
    included: Sequence[str] = permissions(needs)
    head = [
        "title: enctop",
        "description: What enctop asks, and nothing else; it reads settings, never content.",
        "stage: GA",
        "includedPermissions:",
    ]
    text = "\n".join([*head, *(f"- {permission}" for permission in included)]) + "\n"
    if "workspace" in needs:
        text += (
            "# Beside it, for 2-step verification: an administrator's consent (domain-wide delegation) to the scope\n#"
            f" {DIRECTORY_SCOPE}\n"
        )
    return text
