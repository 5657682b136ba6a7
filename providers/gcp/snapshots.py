"""Snapshots, images and images of machines: what outlives the disks."""

from collections.abc import AsyncGenerator
from typing import Any

from posture.fault import Fault, FaultKind, Refused
from posture.reports import Batch, Complete, ReadRefused
from posture.resource import Resource
from providers.gcp.calls import (
    HOSTS,
    LIST_IMAGES,
    LIST_MACHINE_IMAGES,
    LIST_REGION_SNAPSHOTS,
    LIST_REGIONS,
    LIST_SNAPSHOTS,
    Call,
)
from providers.gcp.decode import NamedPage, Stored, StoredPage, Unread
from providers.gcp.scopes import Unanswered
from providers.gcp.source import UNTOLD, GcpSource, Remembered, last
from providers.source import Yield

SNAPSHOT, IMAGE, MACHINE_IMAGE = "gcp.compute.snapshot", "gcp.compute.image", "gcp.compute.machine-image"
_LISTS = {
    SNAPSHOT: (LIST_SNAPSHOTS, "snapshots", "snapshotEncryptionKey"),
    IMAGE: (LIST_IMAGES, "images", "imageEncryptionKey"),
    MACHINE_IMAGE: (LIST_MACHINE_IMAGES, "machineImages", "machineImageEncryptionKey"),
}
"""Type -> the listing that its controls look for, its collection, and the field that tells its key."""


class Snapshots(GcpSource):
    """The global snapshots, those of each region, and the project's own images, of disks and of machines."""

    service = "snapshots"
    calls = (LIST_SNAPSHOTS, LIST_REGIONS, LIST_REGION_SNAPSHOTS, LIST_IMAGES, LIST_MACHINE_IMAGES)

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]
        self._kept = Remembered()

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Each listing on its own: one that is refused leaves the others to be read, and its rows say that they were
        not seen.
        """
        keys: set[str] = set()
        refusals: list[Refused] = []
        listings = [(call, type_, "global") for type_, (call, _, _) in _LISTS.items()]
        try:
            regions = [
                region["name"]
                async for page in self.project.pages(LIST_REGIONS, NamedPage)
                for region in page.items or ()
            ]
            listings += [(LIST_REGION_SNAPSHOTS, SNAPSHOT, f"regions/{region}") for region in regions]
        except Refused as refused:
            refusals.append(refused)
            yield ReadRefused(refused.fault)
            for known in [known for known in self._kept.rows if known.startswith("regions/")]:
                yield self._kept.unseen(known, LIST_SNAPSHOTS.operation, refused.fault)
        for call, type_, where in listings:
            async for report in self._listing(call, type_, where, keys, refusals):
                yield report
        if len(refusals) > len(listings) - (listings[-1][2] != "global"):
            raise refusals[0]
        self.seen.named[self.id] = keys if not refusals else keys | self.seen.named.get(self.id, set())
        yield Complete(tuple(_LISTS))

    async def _listing(
        self, call: Call, type_: str, where: str, keys: set[str], refusals: list[Refused]
    ) -> AsyncGenerator[Batch | ReadRefused, None]:
        silent, here = Unanswered(call), list[Resource]()
        blanks = {"region": last(where)} if where != "global" else {}
        fault: Fault | None = None
        unread: list[Unread] = []
        try:
            async for page in self.project.pages(call, StoredPage, None, unread, **blanks):
                silent.read(page)
                rows = [self._stored(type_, where, fields, keys) for fields in page.items or ()]
                rows += [self._unread(type_, where, bad) for bad in unread if bad.name]
                here += rows
                for bad in unread:
                    yield ReadRefused(bad.fault)
                    silent.whole = silent.whole if bad.name else bad.fault
                unread.clear()
                yield Batch(tuple(rows))
            fault = silent.whole or next(iter(silent.scopes.values()), None)
        except Refused as refused:
            if refused.fault.kind is FaultKind.EXPIRED:
                raise
            refusals.append(refused)
            fault = refused.fault
        listing = f"{where}/{type_}"
        if fault is None:
            self._kept.seen(listing, here)
        else:
            yield ReadRefused(fault)
            yield self._kept.unseen(listing, _LISTS[type_][0].operation, fault, here)

    def _unread(self, type_: str, where: str, bad: Unread) -> Resource:
        """A snapshot or image of which no more is known than that it is there, and why."""
        call, collection, _ = _LISTS[type_]
        id = f"//{HOSTS['compute']}/projects/{self.project.name}/{where}/{collection}/{bad.name}"
        fields, faults = {"name": bad.name}, {call.operation: bad.fault}
        return self.resource(
            id=id,
            kind="snapshot",
            type=type_,
            name=bad.name,
            region=last(where),
            fields=fields,
            encryption=UNTOLD,
            faults=faults,
            cells=("?", "", "?"),
        )

    def _stored(self, type_: str, where: str, fields: Stored, keys: set[str]) -> Resource:
        name = fields["name"]
        _, collection, field = _LISTS[type_]
        told: dict[str, Any] = fields  # type: ignore[assignment]
        encryption, links = self.under_key(told.setdefault(field, None), keys)
        return self.resource(
            id=f"//{HOSTS['compute']}/projects/{self.project.name}/{where}/{collection}/{name}",
            kind="snapshot",
            type=type_,
            name=name,
            region=last(where) if where != "global" else ",".join(fields.get("storageLocations") or ()) or "global",
            fields=fields,
            encryption=encryption,
            links=links,
            cells=(last(fields.get("sourceDisk") or fields.get("sourceInstance")), "", f"{_size(fields)} GiB"),
        )


def _size(fields: Stored) -> str:
    """In GiB: of a disk as it was, of a machine's image what it takes."""
    taken = str(fields.get("totalStorageBytes") or "")
    return fields.get("diskSizeGb") or (str(int(taken) >> 30) if taken.isdecimal() else "?")
