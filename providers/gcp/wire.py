"""The answers as they are read: JSON straight to typed structs and dictionaries, in one pass, without the vendor's models.

A row is a `TypedDict`, which msgspec checks while it decodes: it *is* the resource's `fields`, under Google's own names. A field that is absent from an
answer whose mask asked for it is absent at Google's.
"""

from typing import Any, Required, TypedDict

import msgspec


class EncryptionKey(TypedDict, total=False):
    """`CustomerEncryptionKey`; neither `rawKey` nor `rsaEncryptedKey` is ever asked for or kept."""

    kmsKeyName: str | None
    kmsKeyServiceAccount: str | None
    sha256: str | None


class Disk(TypedDict, total=False):
    """compute v1 `Disk`; sizes are decimal texts."""

    name: Required[str]
    zone: str | None
    region: str | None
    sizeGb: str | None
    type: str | None
    status: str | None
    users: list[str] | None
    labels: dict[str, str] | None
    creationTimestamp: str | None
    diskEncryptionKey: EncryptionKey | None
    sourceSnapshotEncryptionKey: EncryptionKey | None
    sourceImageEncryptionKey: EncryptionKey | None
    enableConfidentialCompute: bool | None


class Stored(TypedDict, total=False):
    """compute v1 `Snapshot` or `Image`."""

    name: Required[str]
    region: str | None
    status: str | None
    diskSizeGb: str | None
    labels: dict[str, str] | None
    creationTimestamp: str | None
    sourceDisk: str | None
    storageLocations: list[str] | None
    snapshotType: str | None
    family: str | None
    snapshotEncryptionKey: EncryptionKey | None
    imageEncryptionKey: EncryptionKey | None


class Bucket(TypedDict, total=False):
    """storage v1 `Bucket`."""

    name: Required[str]
    location: str | None
    locationType: str | None
    storageClass: str | None
    labels: dict[str, str] | None
    timeCreated: str | None
    encryption: dict[str, Any] | None
    iamConfiguration: dict[str, Any] | None


class Version(TypedDict, total=False):
    """cloudkms v1 `CryptoKeyVersion`."""

    name: str
    state: str
    protectionLevel: str
    algorithm: str
    createTime: str
    destroyTime: str
    destroyEventTime: str
    externalProtectionLevelOptions: dict[str, Any]


class CryptoKey(TypedDict, total=False):
    """cloudkms v1 `CryptoKey`."""

    name: Required[str]
    purpose: str
    createTime: str
    nextRotationTime: str
    rotationPeriod: str
    labels: dict[str, str] | None
    importOnly: bool
    versionTemplate: dict[str, Any]
    primary: Version | None


class Named(TypedDict, total=False):
    """Anything of which the name is what matters."""

    name: Required[str]
    status: str | None


class Proxy(TypedDict, total=False):
    """compute v1 target proxies of every kind."""

    name: Required[str]
    region: str | None
    sslPolicy: str | None
    urlMap: str | None
    service: str | None
    creationTimestamp: str | None


class SslPolicy(TypedDict, total=False):
    """compute v1 `SslPolicy`."""

    name: Required[str]
    region: str | None
    selfLink: str | None
    minTlsVersion: str | None
    profile: str | None
    enabledFeatures: list[str] | None


class UrlMap(TypedDict, total=False):
    """compute v1 `UrlMap`, as far as it redirects."""

    name: Required[str]
    region: str | None
    selfLink: str | None
    defaultService: str | None
    defaultUrlRedirect: dict[str, Any] | None
    pathMatchers: list[dict[str, Any]] | None


class Warned(msgspec.Struct, frozen=True):
    """`warning` of a scope or a list."""

    code: str = ""
    message: str = ""


class Page(msgspec.Struct, frozen=True):
    """What every page may say. `error` never stands in an answer of 200; where it does, a proxy has turned a refusal into one."""

    nextPageToken: str | None = None
    unreachables: list[str] | None = None
    warning: Warned | None = None
    error: msgspec.Raw | None = None


class _Disks(msgspec.Struct, frozen=True):
    disks: list[Disk] | None = None
    warning: Warned | None = None


class _HttpsProxies(msgspec.Struct, frozen=True):
    targetHttpsProxies: list[Proxy] | None = None
    warning: Warned | None = None


class _HttpProxies(msgspec.Struct, frozen=True):
    targetHttpProxies: list[Proxy] | None = None
    warning: Warned | None = None


class _SslPolicies(msgspec.Struct, frozen=True):
    sslPolicies: list[SslPolicy] | None = None
    warning: Warned | None = None


class _UrlMaps(msgspec.Struct, frozen=True):
    urlMaps: list[UrlMap] | None = None
    warning: Warned | None = None


class DiskPage(Page, frozen=True):
    """`compute.disks.aggregatedList`."""

    items: dict[str, _Disks] | None = None


class HttpsProxyPage(Page, frozen=True):
    """`compute.targetHttpsProxies.aggregatedList`."""

    items: dict[str, _HttpsProxies] | None = None


class HttpProxyPage(Page, frozen=True):
    """`compute.targetHttpProxies.aggregatedList`."""

    items: dict[str, _HttpProxies] | None = None


class SslPolicyPage(Page, frozen=True):
    """`compute.sslPolicies.aggregatedList`."""

    items: dict[str, _SslPolicies] | None = None


class UrlMapPage(Page, frozen=True):
    """`compute.urlMaps.aggregatedList`."""

    items: dict[str, _UrlMaps] | None = None


class StoredPage(Page, frozen=True):
    """`compute.snapshots.list`, `compute.images.list`."""

    items: list[Stored] | None = None


class NamedPage(Page, frozen=True):
    """`compute.regions.list`."""

    items: list[Named] | None = None


class ProxyPage(Page, frozen=True):
    """`compute.targetSslProxies.list`."""

    items: list[Proxy] | None = None


class BucketPage(Page, frozen=True):
    """`storage.buckets.list`; `unreachable` are names like `projects/_/buckets/B`."""

    items: list[Bucket] | None = None
    unreachable: list[str] | None = None


class Binding(TypedDict, total=False):
    """One line of an IAM policy."""

    role: str
    members: list[str] | None
    condition: dict[str, Any] | None


class IamPolicy(Page, frozen=True):
    """`storage.buckets.getIamPolicy`."""

    bindings: list[Binding] | None = None


class _Supplied(msgspec.Struct, frozen=True, gc=False):
    keySha256: str | None = None


class StoredObject(msgspec.Struct, frozen=True, gc=False):
    """storage v1 `Object`, as far as its key goes."""

    name: str = ""
    kmsKeyName: str | None = None
    customerEncryption: _Supplied | None = None


class ObjectPage(Page, frozen=True):
    """`storage.objects.list`."""

    items: list[StoredObject] | None = None


class _Location(msgspec.Struct, frozen=True):
    locationId: str


class LocationPage(Page, frozen=True):
    """`cloudkms.locations.list`."""

    locations: list[_Location] | None = None


class RingPage(Page, frozen=True):
    """`cloudkms.keyRings.list`."""

    keyRings: list[Named] | None = None


class KeyPage(Page, frozen=True):
    """`cloudkms.cryptoKeys.list`."""

    cryptoKeys: list[CryptoKey] | None = None


class ClusterPage(Page, frozen=True):
    """`container.clusters.list`."""

    clusters: list[dict[str, Any]] | None = None
    missingZones: list[str] | None = None


class ProjectAnswer(Page, frozen=True):
    """`cloudresourcemanager.projects.get`; `name` is `projects/NUMBER`."""

    name: str = ""
    projectId: str = ""
    state: str = ""
    displayName: str = ""


class User(msgspec.Struct, frozen=True, gc=False):
    """directory `User`."""

    primaryEmail: str = ""
    isAdmin: bool = False
    isDelegatedAdmin: bool = False
    suspended: bool = False
    archived: bool = False
    isEnrolledIn2Sv: bool | None = None
    isEnforcedIn2Sv: bool | None = None


class UserPage(Page, frozen=True):
    """`directory.users.list`."""

    users: list[User] | None = None
