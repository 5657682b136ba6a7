"""What Resource Manager answers, as far as enctop looks at it: the fields' own names, typed, so that a page is decoded
in one go.

A field that is absent stays absent (`UNSET`) and one that is null stays null: the two mean different things. What is
not named here is not kept.
"""

from typing import Any, Generic, TypeVar, Union

import msgspec
from msgspec import UNSET, UnsetType

from posture.fault import Fault

T = TypeVar("T")
Text = Union[str, UnsetType, None]
Flag = Union[bool, UnsetType, None]
Number = Union[int, float, UnsetType, None]
Table = Union[dict[str, Any], UnsetType, None]
Tables = Union[list[dict[str, Any]], UnsetType, None]


class Page(msgspec.Struct, Generic[T], gc=False):
    """A page of a listing; Graph names the next one its own way. `error` never stands in an answer of 200; where it
    does, something between made it one.
    """

    value: list[T]
    nextLink: str | None = None
    error: msgspec.Raw | None = None
    odata_next: str | None = msgspec.field(name="@odata.nextLink", default=None)


class Graph(msgspec.Struct, Generic[T], gc=False):
    """A page of a Resource Graph query. `resultTruncated` is the text `true` or `false`."""

    data: list[T]
    error: msgspec.Raw | None = None
    totalRecords: int | None = None
    resultTruncated: str | bool | None = None
    skip_token: str | None = msgspec.field(name="$skipToken", default=None)


class Unread(msgspec.Struct, frozen=True):
    """A row that could not be read, and why: the rest of its listing stands. `id` is empty where the row does not
    even say that.
    """

    id: str
    region: str
    fault: Fault


class Row(msgspec.Struct, kw_only=True, gc=False):
    """What every resource has. A name that is left out is the last part of the id."""

    id: str
    name: str = ""
    location: Text = UNSET
    tags: Table = UNSET


class Typed(msgspec.Struct, gc=False):
    """A resource as the listing of all resources names it."""

    id: str
    type: str


class Subscription(msgspec.Struct):
    """One subscription that the identity can see."""

    subscriptionId: str
    displayName: str | None = None
    state: str | None = None
    tenantId: str | None = None


class DiskEncryption(msgspec.Struct, gc=False):
    """Server-side encryption of a disk or snapshot."""

    type: Text = UNSET
    diskEncryptionSetId: Text = UNSET


class DiskProperties(msgspec.Struct, gc=False):
    """A managed disk's or snapshot's properties."""

    encryption: Union[DiskEncryption, UnsetType, None] = UNSET
    encryptionSettingsCollection: Table = UNSET
    securityProfile: Table = UNSET
    diskState: Text = UNSET
    diskSizeGB: Number = UNSET
    osType: Text = UNSET
    networkAccessPolicy: Text = UNSET
    publicNetworkAccess: Text = UNSET
    timeCreated: Text = UNSET
    creationData: Table = UNSET


class Disk(Row, kw_only=True, gc=False):
    """A managed disk or a snapshot."""

    managedBy: Text = UNSET
    sku: Table = UNSET
    properties: Union[DiskProperties, UnsetType, None] = UNSET


class SetProperties(msgspec.Struct, gc=False):
    """A disk encryption set's properties."""

    encryptionType: Text = UNSET
    activeKey: Table = UNSET
    rotationToLatestKeyVersionEnabled: Flag = UNSET
    lastKeyRotationTimestamp: Text = UNSET
    autoKeyRotationError: Table = UNSET
    federatedClientId: Text = UNSET
    provisioningState: Text = UNSET


class EncryptionSet(Row, kw_only=True, gc=False):
    """A disk encryption set."""

    identity: Table = UNSET
    properties: Union[SetProperties, UnsetType, None] = UNSET


class Endpoints(msgspec.Struct, gc=False):
    """Where an account answers, as far as it is asked."""

    blob: Text = UNSET


class AccountProperties(msgspec.Struct, gc=False):
    """A storage account's properties."""

    encryption: Table = UNSET
    supportsHttpsTrafficOnly: Flag = UNSET
    minimumTlsVersion: Text = UNSET
    allowBlobPublicAccess: Flag = UNSET
    isNfsV3Enabled: Flag = UNSET
    primaryEndpoints: Union[Endpoints, UnsetType, None] = UNSET
    publicNetworkAccess: Text = UNSET
    creationTime: Text = UNSET


class Account(Row, kw_only=True, gc=False):
    """A storage account."""

    kind: Text = UNSET
    sku: Table = UNSET
    identity: Table = UNSET
    properties: Union[AccountProperties, UnsetType, None] = UNSET


class Thing(Row, kw_only=True, gc=False):
    """A resource of which there are few; its properties are kept as they come."""

    kind: Text = UNSET
    sku: Table = UNSET
    identity: Table = UNSET
    properties: Table = UNSET


class Machine(Row, kw_only=True, gc=False):
    """A virtual machine, a scale set or a machine of one: where its disks are, and what of them the host encrypts."""

    instanceId: Text = UNSET
    resources: Tables = UNSET
    sku: Table = UNSET
    properties: "Union[MachineProperties, UnsetType, None]" = UNSET


class MachineProperties(msgspec.Struct, gc=False):
    """Properties of a machine; a scale set has them in its `virtualMachineProfile`."""

    securityProfile: Table = UNSET
    storageProfile: Table = UNSET
    extensionProfile: Table = UNSET
    orchestrationMode: Text = UNSET
    virtualMachineProfile: "Union[MachineProperties, UnsetType, None]" = UNSET
