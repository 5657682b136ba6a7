"""Managed disks, their snapshots, and the disk encryption sets that name a customer's key."""

from collections.abc import AsyncGenerator

from posture.batch import Batch, Listed, Partly
from posture.fault import FaultKind, Refused
from posture.resource import Encryption, KeyClass, Link, Resource
from providers.azure.calls import LIST_DISKS, LIST_IMAGES, LIST_SETS, LIST_SNAPSHOTS
from providers.azure.ids import last, machine_name, normal, unversioned
from providers.azure.place import AzureSource, fields_of, text
from providers.azure.wire import Disk, DiskProperties, EncryptionSet, SetProperties, Thing
from providers.source import Yield

PLATFORM, CUSTOMER, BOTH = "encryptionatrestwithplatformkey", "encryptionatrestwithcustomerkey", "encryptionatrestwithplatformandcustomerkeys"
CONFIDENTIAL = "confidentialvmencryptedwithcustomerkey"
ALGORITHM = "AES-256"
"""Implied, never a field: Azure Storage encryption of managed disks (CONTROLS.md 12)."""
_OWN = Encryption(True, ALGORITHM, KeyClass.PROVIDER)  # one for all disks under the platform's key
_UNSAID = Encryption()
_EMPTY = DiskProperties()


class Disks(AzureSource):
    """Managed disks of one subscription."""

    service = "disks"
    calls = (LIST_DISKS,)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """One listing; Resource Manager has no filter for it, and Resource Graph would be minutes late."""
        async for page in self.arm.pages(LIST_DISKS, Disk, subscription=self.subscription):
            yield Batch.of(map(self._disk, page))
        yield Listed(("azure.compute.disk",))

    def _disk(self, row: Disk) -> Resource:
        properties = row.properties or _EMPTY
        encryption, links = at_rest(properties)
        return self.resource(
            row.id,
            "volume",
            "azure.compute.disk",
            row.name,
            fields_of(row),
            region=text(row.location),
            encryption=encryption,
            links=(*links, Link("machine", normal(row.managedBy))) if isinstance(row.managedBy, str) and row.managedBy else links,
            cells=(_used_by(row, properties), f"{properties.diskSizeGB or '?'} GiB"),
        )


class Snapshots(AzureSource):
    """Snapshots of managed disks, and the images that machines are made from."""

    service = "snapshots"
    calls = (LIST_SNAPSHOTS, LIST_IMAGES)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Two listings; images that are refused do not keep the snapshots."""
        async for page in self.arm.pages(LIST_SNAPSHOTS, Disk, subscription=self.subscription):
            yield Batch.of(map(self._snapshot, page))
        yield Listed(("azure.compute.snapshot",))
        try:
            async for images in self.arm.pages(LIST_IMAGES, Thing, subscription=self.subscription):
                yield Batch.of(map(self._image, images))
        except Refused as refused:
            if refused.fault.kind is FaultKind.EXPIRED:
                raise
            yield Partly(refused.fault)
        else:
            yield Listed(("azure.compute.image",))

    def _image(self, row: Thing) -> Resource:
        """An image says no type of encryption, only the set of each of its disks: none is the platform's key. Disks of several sets are of no one class."""
        storage = (row.properties or {}).get("storageProfile") or {}
        disks = [disk for disk in (storage.get("osDisk"), *(storage.get("dataDisks") or ())) if disk]
        sets = {text((disk.get("diskEncryptionSet") or {}).get("id")) for disk in disks}
        one = sets.pop() if len({normal(each) for each in sets}) == 1 else None
        made_of = text(((row.properties or {}).get("sourceVirtualMachine") or {}).get("id"))
        sizes = [disk.get("diskSizeGB") for disk in disks]
        size = sum(each for each in sizes if isinstance(each, int)) if all(isinstance(each, int) for each in sizes) and sizes else "?"
        return self.resource(
            row.id,
            "snapshot",
            "azure.compute.image",
            row.name,
            fields_of(row),
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
            row.id,
            "snapshot",
            "azure.compute.snapshot",
            row.name,
            fields_of(row),
            region=text(row.location),
            encryption=encryption,
            links=links,
            cells=(last(text(source)), text(properties.networkAccessPolicy) or "?", f"{properties.diskSizeGB or '?'} GiB"),
        )


class EncryptionSets(AzureSource):
    """Disk encryption sets: what stands between a disk and a customer's key."""

    service = "encryption-sets"
    calls = (LIST_SETS,)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """One listing; the keys it names are read by another source."""
        named: dict[str, str | None] = {}
        async for page in self.arm.pages(LIST_SETS, EncryptionSet, subscription=self.subscription):
            yield Batch.of(self._set(row, named) for row in page)
        self.seen.keys[f"{self.subscription}/sets"] = named
        yield Listed(("azure.compute.disk-encryption-set",))

    def _set(self, row: EncryptionSet, named: dict[str, str | None]) -> Resource:
        properties = row.properties or SetProperties()
        active = properties.activeKey or {}
        url, vault = text(active.get("keyUrl")), text((active.get("sourceVault") or {}).get("id"))
        links: tuple[Link, ...] = ()
        if url:
            named[unversioned(url)] = vault or None
            links = (Link("key", unversioned(url)),)
        failing = bool(properties.autoKeyRotationError)
        return self.resource(
            row.id,
            "key",
            "azure.compute.disk-encryption-set",
            row.name,
            fields_of(row),
            region=text(row.location),
            encryption=Encryption(None, None, _set_class(properties), url or None),
            links=links,
            cells=("customer", "rotation failed" if failing else text(properties.provisioningState).removeprefix("Succeeded"), _rotation(properties)),
        )


def at_rest(properties: DiskProperties) -> tuple[Encryption, tuple[Link, ...]]:
    """The encryption of a disk or snapshot, and its link to the encryption set. Whose the customer's key is, the set says."""
    said = properties.encryption
    kind = said.type.lower() if said and isinstance(said.type, str) else ""
    set_id = (text(said.diskEncryptionSetId) if said else "") or None
    if kind == PLATFORM and not set_id:
        return _OWN, ()
    links = (Link("key", normal(set_id)),) if set_id else ()
    if kind == BOTH:
        return Encryption(True, ALGORITHM, KeyClass.DOUBLE, set_id), links
    if kind == CUSTOMER:
        return Encryption(True, ALGORITHM, KeyClass.UNKNOWN, set_id), links
    return _UNSAID, links


def _set_class(properties: SetProperties) -> KeyClass:
    """What a set confers on disks under it: the key of another Entra tenant is read through a federated identity."""
    if text(properties.federatedClientId).lower() not in {"", "none"}:
        return KeyClass.CUSTOMER_FOREIGN
    kind = text(properties.encryptionType).lower()
    return {CUSTOMER: KeyClass.CUSTOMER, CONFIDENTIAL: KeyClass.CUSTOMER, BOTH: KeyClass.DOUBLE}.get(kind, KeyClass.UNKNOWN)


def _rotation(properties: SetProperties) -> str:
    return "on" if properties.rotationToLatestKeyVersionEnabled else "off"


def _used_by(row: Disk, properties: DiskProperties) -> str:
    tags = row.tags or {}
    claim = tags.get("kubernetes.io-created-for-pvc-name")
    if claim:
        space = tags.get("kubernetes.io-created-for-pvc-namespace")
        return f"{space}/{claim}" if space else str(claim)
    return machine_name(text(row.managedBy)) or text(properties.diskState).lower()
