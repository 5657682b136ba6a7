"""The answers as they are read: JSON straight to typed structs and dictionaries, in one pass, without the vendor's
models.

A row is a `TypedDict`, which msgspec checks while it decodes: it *is* the resource's `fields`, under Google's own
names. A field that is absent from an answer whose mask asked for it is absent at Google's.
"""

from typing import Any, ClassVar, Required, TypedDict

import msgspec

from posture.fault import Fault


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
    """compute v1 `Snapshot`, `Image` or `MachineImage`."""

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
    machineImageEncryptionKey: EncryptionKey | None
    totalStorageBytes: str | None
    sourceInstance: str | None


class BucketEncryption(TypedDict, total=False):
    """`Bucket.encryption`."""

    defaultKmsKeyName: str | None
    googleManagedEncryptionEnforcementConfig: dict[str, Any] | None
    customerManagedEncryptionEnforcementConfig: dict[str, Any] | None
    customerSuppliedEncryptionEnforcementConfig: dict[str, Any] | None


class IamConfiguration(TypedDict, total=False):
    """`Bucket.iamConfiguration`."""

    publicAccessPrevention: str | None
    uniformBucketLevelAccess: dict[str, Any] | None


class Bucket(TypedDict, total=False):
    """storage v1 `Bucket`."""

    name: Required[str]
    location: str | None
    locationType: str | None
    storageClass: str | None
    labels: dict[str, str] | None
    timeCreated: str | None
    generation: str | None
    softDeleteTime: str | None
    hardDeleteTime: str | None
    encryption: BucketEncryption | None
    iamConfiguration: IamConfiguration | None


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
    sslCertificates: list[str] | None
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


class Unread(msgspec.Struct, frozen=True):
    """A row that could not be read, and why: the rest of its listing stands.

    `scope` is where it stood in an aggregated list, or its `location`; `name` empty for none.
    """

    scope: str
    name: str
    fault: Fault


class Page(msgspec.Struct, frozen=True):
    """What every page may say. `error` never stands in an answer of 200; where it does, a proxy has turned a refusal
    into one.

    `rows` is the path of its rows, `*` for any name, and `row` their type; `begins` how its `kind` begins, "" where the
    API has none.
    """

    rows: ClassVar[tuple[str, ...]] = ("items",)
    row: ClassVar[Any] = None
    begins: ClassVar[str] = "compute#"

    kind: str | None = None
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

    rows: ClassVar[tuple[str, ...]] = ("items", "*", "disks")
    row: ClassVar[Any] = Disk

    items: dict[str, _Disks] | None = None


class HttpsProxyPage(Page, frozen=True):
    """`compute.targetHttpsProxies.aggregatedList`."""

    rows: ClassVar[tuple[str, ...]] = ("items", "*", "targetHttpsProxies")
    row: ClassVar[Any] = Proxy

    items: dict[str, _HttpsProxies] | None = None


class HttpProxyPage(Page, frozen=True):
    """`compute.targetHttpProxies.aggregatedList`."""

    rows: ClassVar[tuple[str, ...]] = ("items", "*", "targetHttpProxies")
    row: ClassVar[Any] = Proxy

    items: dict[str, _HttpProxies] | None = None


class SslPolicyPage(Page, frozen=True):
    """`compute.sslPolicies.aggregatedList`."""

    rows: ClassVar[tuple[str, ...]] = ("items", "*", "sslPolicies")
    row: ClassVar[Any] = SslPolicy

    items: dict[str, _SslPolicies] | None = None


class UrlMapPage(Page, frozen=True):
    """`compute.urlMaps.aggregatedList`."""

    rows: ClassVar[tuple[str, ...]] = ("items", "*", "urlMaps")
    row: ClassVar[Any] = UrlMap

    items: dict[str, _UrlMaps] | None = None


class StoredPage(Page, frozen=True):
    """`compute.snapshots.list`, `compute.images.list`."""

    row: ClassVar[Any] = Stored
    items: list[Stored] | None = None


class NamedPage(Page, frozen=True):
    """`compute.regions.list`."""

    row: ClassVar[Any] = Named
    items: list[Named] | None = None


class ProxyPage(Page, frozen=True):
    """`compute.targetSslProxies.list`."""

    row: ClassVar[Any] = Proxy
    items: list[Proxy] | None = None


class BucketPage(Page, frozen=True):
    """`storage.buckets.list`; `unreachable` are names like `projects/_/buckets/B`."""

    row: ClassVar[Any] = Bucket
    begins: ClassVar[str] = "storage#"

    items: list[Bucket] | None = None
    unreachable: list[str] | None = None


class Binding(TypedDict, total=False):
    """One line of an IAM policy."""

    role: str
    members: list[str] | None
    condition: dict[str, Any] | None


class IamPolicy(Page, frozen=True):
    """`storage.buckets.getIamPolicy`."""

    rows: ClassVar[tuple[str, ...]] = ()
    begins: ClassVar[str] = "storage#"

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

    row: ClassVar[Any] = StoredObject
    begins: ClassVar[str] = "storage#"

    items: list[StoredObject] | None = None


class _Location(msgspec.Struct, frozen=True):
    locationId: str


class LocationPage(Page, frozen=True, forbid_unknown_fields=True):
    """`cloudkms.locations.list`. Lists of KMS and GKE that are empty are `{}`: what holds anything that they do not
    have is none of them.
    """

    rows: ClassVar[tuple[str, ...]] = ()
    begins: ClassVar[str] = ""

    locations: list[_Location] | None = None


class RingPage(Page, frozen=True, forbid_unknown_fields=True):
    """`cloudkms.keyRings.list`."""

    rows: ClassVar[tuple[str, ...]] = ()
    begins: ClassVar[str] = ""
    totalSize: int | None = None
    unreachable: list[str] | None = None

    keyRings: list[Named] | None = None


class KeyPage(Page, frozen=True, forbid_unknown_fields=True):
    """`cloudkms.cryptoKeys.list`."""

    rows: ClassVar[tuple[str, ...]] = ("cryptoKeys",)
    row: ClassVar[Any] = CryptoKey
    begins: ClassVar[str] = ""
    totalSize: int | None = None
    unreachable: list[str] | None = None

    cryptoKeys: list[CryptoKey] | None = None


class DatabaseEncryption(TypedDict, total=False):
    """`Cluster.databaseEncryption`."""

    state: str | None
    currentState: str | None
    keyName: str | None
    lastOperationErrors: list[dict[str, Any]] | None


class Cluster(TypedDict, total=False):
    """container v1 `Cluster`, as far as it is looked at."""

    name: Required[str]
    location: Required[str]
    status: str | None
    createTime: str | None
    resourceLabels: dict[str, str] | None
    currentMasterVersion: str | None
    databaseEncryption: DatabaseEncryption | None
    nodePools: list[dict[str, Any]] | None


class ClusterPage(Page, frozen=True, forbid_unknown_fields=True):
    """`container.clusters.list`."""

    rows: ClassVar[tuple[str, ...]] = ("clusters",)
    row: ClassVar[Any] = Cluster
    begins: ClassVar[str] = ""
    clusters: list[Cluster] | None = None
    missingZones: list[str] | None = None


class ProjectAnswer(Page, frozen=True):
    """`cloudresourcemanager.projects.get`; `name` is `projects/NUMBER`."""

    rows: ClassVar[tuple[str, ...]] = ()
    begins: ClassVar[str] = ""

    name: str = ""
    projectId: str = ""
    state: str = ""
    displayName: str = ""


class User(msgspec.Struct, frozen=True, gc=False):
    """directory `User`."""

    primaryEmail: str = ""
    isAdmin: bool | None = None
    isDelegatedAdmin: bool = False
    suspended: bool = False
    archived: bool = False
    isEnrolledIn2Sv: bool | None = None
    isEnforcedIn2Sv: bool | None = None


class UserPage(Page, frozen=True):
    """`directory.users.list`."""

    rows: ClassVar[tuple[str, ...]] = ("users",)
    row: ClassVar[Any] = User
    begins: ClassVar[str] = "admin#directory#"

    users: list[User] | None = None
