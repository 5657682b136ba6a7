"""Managed disks, their snapshots, and the disk encryption sets that name a customer's key."""

from collections.abc import AsyncGenerator
from functools import lru_cache, partial

from posture.azure.key import named_key
from posture.fault import FaultKind, Refused
from posture.fields import part, parts
from posture.reports import ReadRefused
from posture.resource import Encryption, KeyClass, Link, Resource
from providers.azure.calls import LIST_DISKS, LIST_IMAGES, LIST_SETS, LIST_SNAPSHOTS
from providers.azure.decode import Disk, DiskProperties, EncryptionSet, SetProperties, Thing
from providers.azure.ids import last, machine_name, normal, unversioned
from providers.azure.source import AzureSource, fields_of, text
from providers.source import Yield

CUSTOMER, BOTH = "encryptionatrestwithcustomerkey", "encryptionatrestwithplatformandcustomerkeys"
CONFIDENTIAL = "confidentialvmencryptedwithcustomerkey"
ALGORITHM = "AES-256"
"""Implied, never a field: Azure Storage encryption of managed disks is 256-bit AES."""
_OWN = Encryption(True, ALGORITHM, KeyClass.PROVIDER)  # one for all disks under the platform's key
_UNSAID = Encryption()
_EMPTY = DiskProperties()


class Disks(AzureSource):
    """Managed disks of one subscription."""

    service = "disks"
    calls = (LIST_DISKS,)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """One listing; Resource Manager has no filter for it, and Resource Graph would be minutes late."""
        async for report in self.listing(LIST_DISKS, Disk, self._disk, "volume", "azure.compute.disk"):
            yield report

    def _disk(self, row: Disk) -> Resource:
        properties = row.properties or _EMPTY
        encryption, links = at_rest(properties)
        return self.resource(
            id=row.id,
            kind="volume",
            type="azure.compute.disk",
            name=row.name,
            fields=fields_of(row),
            region=text(row.location),
            encryption=encryption,
            links=(*links, *_mounted_by(text(row.managedBy))),
            cells=(_used_by(row, properties), f"{properties.diskSizeGB or '?'} GiB"),
        )


class Snapshots(AzureSource):
    """Snapshots of managed disks, and the images that machines are made from."""

    service = "snapshots"
    calls = (LIST_SNAPSHOTS, LIST_IMAGES)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Two listings; images that are refused do not keep the snapshots."""
        async for report in self.listing(LIST_SNAPSHOTS, Disk, self._snapshot, "snapshot", "azure.compute.snapshot"):
            yield report
        try:
            async for report in self.listing(LIST_IMAGES, Thing, self._image, "snapshot", "azure.compute.image"):
                yield report
        except Refused as refused:
            if refused.fault.kind is FaultKind.EXPIRED:
                raise
            yield ReadRefused(refused.fault)

    def _image(self, row: Thing) -> Resource:
        """An image says no type of encryption, only the set of each of its disks: none is the platform's key. Disks
        of several sets are of no one class.
        """
        read, properties = LIST_IMAGES.operation, row.properties or {}
        storage = part(properties, read, "storageProfile")
        disks = [disk for disk in (part(storage, read, "osDisk"), *(parts(storage, read, "dataDisks") or ())) if disk]
        sets = {text(part(disk, read, "diskEncryptionSet").get("id")) for disk in disks}
        one = sets.pop() if len({normal(each) for each in sets}) == 1 else None
        made_of = text(part(properties, read, "sourceVirtualMachine").get("id"))
        sizes = [disk.get("diskSizeGB") for disk in disks]
        size = (
            sum(each for each in sizes if isinstance(each, int))
            if all(isinstance(each, int) for each in sizes) and sizes
            else "?"
        )
        return self.resource(
            id=row.id,
            kind="snapshot",
            type="azure.compute.image",
            name=row.name,
            fields=fields_of(row),
            region=text(row.location),
            encryption=_OWN if one == "" else Encryption(True if disks else None, ALGORITHM, KeyClass.UNKNOWN, one),
            links=(Link("key", normal(one)),) if one else (),
            cells=(last(made_of), "", f"{size} GiB"),
        )

    def _snapshot(self, row: Disk) -> Resource:
        properties = row.properties or _EMPTY
        encryption, links = at_rest(properties)
        source = properties.creationData.get("sourceResourceId") if properties.creationData else None
        return self.resource(
            id=row.id,
            kind="snapshot",
            type="azure.compute.snapshot",
            name=row.name,
            fields=fields_of(row),
            region=text(row.location),
            encryption=encryption,
            links=links,
            cells=(
                last(text(source)),
                text(properties.networkAccessPolicy) or "?",
                f"{properties.diskSizeGB or '?'} GiB",
            ),
        )


class EncryptionSets(AzureSource):
    """Disk encryption sets: what stands between a disk and a customer's key."""

    service = "encryption-sets"
    calls = (LIST_SETS,)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """One listing; the keys it names are read by another source."""
        named: dict[str, str | None] = {}
        make = partial(self._set, named=named)
        async for report in self.listing(LIST_SETS, EncryptionSet, make, "key", "azure.compute.disk-encryption-set"):
            yield report
        self.seen.keys[f"{self.subscription}/sets"] = named

    def _set(self, row: EncryptionSet, named: dict[str, str | None]) -> Resource:
        properties = row.properties or SetProperties()
        active = properties.activeKey or {}
        url, vault = text(active.get("keyUrl")), text(part(active, LIST_SETS.operation, "sourceVault").get("id"))
        links: tuple[Link, ...] = ()
        if url:
            named[unversioned(url)] = vault or None
            links = (Link("key", unversioned(url)),)
        failing = bool(properties.autoKeyRotationError)
        return self.resource(
            id=row.id,
            kind="key",
            type="azure.compute.disk-encryption-set",
            name=row.name,
            fields=fields_of(row),
            region=text(row.location),
            encryption=Encryption(None, None, _set_class(properties), url or None),
            links=links,
            cells=(
                "customer",
                "rotation failed" if failing else text(properties.provisioningState).removeprefix("Succeeded"),
                _rotation(properties),
            ),
        )


def at_rest(properties: DiskProperties) -> tuple[Encryption, tuple[Link, ...]]:
    """The encryption of a disk or snapshot, and its link to the encryption set. Whose the customer's key is, the set
    says.
    """
    said, guest = properties.encryption, properties.securityProfile or {}
    kind, set_id = (text(said.type), text(said.diskEncryptionSetId)) if said else ("", "")
    security, secure_set = text(guest.get("securityType")), text(guest.get("secureVMDiskEncryptionSetId"))
    whose, leads = named_key(kind or None, set_id or None, security or None, secure_set or None)
    if whose is KeyClass.PROVIDER:
        return _OWN, ()
    if whose is KeyClass.UNKNOWN:
        return _UNSAID, ()  # no link: the set's class would be taken for the disk's
    return Encryption(True, ALGORITHM, whose or KeyClass.UNKNOWN, leads), (Link("key", normal(leads)),) if leads else ()


def _set_class(properties: SetProperties) -> KeyClass:
    """What a set confers on disks under it: the key of another Entra tenant is read through a federated identity."""
    if text(properties.federatedClientId).lower() not in {"", "none"}:
        return KeyClass.CUSTOMER_FOREIGN
    kind = text(properties.encryptionType).lower()
    return {CUSTOMER: KeyClass.CUSTOMER, CONFIDENTIAL: KeyClass.CUSTOMER, BOTH: KeyClass.DOUBLE}.get(
        kind, KeyClass.UNKNOWN
    )


def _rotation(properties: SetProperties) -> str:
    return "on" if properties.rotationToLatestKeyVersionEnabled else "off"


def _mounted_by(machine: str) -> tuple[Link, ...]:
    """The machine that mounts a disk, and the uniform scale set that machine is in."""
    if not machine:
        return ()
    scale_set, _, number = normal(machine).rpartition("/virtualmachines/")
    in_set = bool(number) and "/virtualmachinescalesets/" in scale_set
    return (Link("machine", normal(machine)), *((_scale_set(scale_set),) if in_set else ()))


@lru_cache(maxsize=1024)
def _scale_set(id: str) -> Link:
    """One for the thousands of disks of a set."""
    return Link("scale-set", id)


def _used_by(row: Disk, properties: DiskProperties) -> str:
    tags = row.tags or {}
    claim = tags.get("kubernetes.io-created-for-pvc-name")
    if claim:
        space = tags.get("kubernetes.io-created-for-pvc-namespace")
        return f"{space}/{claim}" if space else str(claim)
    return machine_name(text(row.managedBy)) or text(properties.diskState).lower()
