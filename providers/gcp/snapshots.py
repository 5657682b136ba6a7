"""Snapshots and images: what outlives the disks."""

from collections.abc import AsyncIterator

from posture.batch import Batch, Listed, Partly
from posture.fault import FaultKind, Refused
from posture.resource import Resource
from providers.gcp.calls import HOSTS, LIST_IMAGES, LIST_REGION_SNAPSHOTS, LIST_REGIONS, LIST_SNAPSHOTS, Call
from providers.gcp.place import GcpSource, last
from providers.gcp.scopes import Unanswered
from providers.gcp.wire import NamedPage, Stored, StoredPage
from providers.source import Yield

SNAPSHOT, IMAGE = "gcp.compute.snapshot", "gcp.compute.image"


class Snapshots(GcpSource):
    """The global snapshots, those of each region, and the project's own images."""

    service = "snapshots"
    calls = (LIST_SNAPSHOTS, LIST_REGIONS, LIST_REGION_SNAPSHOTS, LIST_IMAGES)

    async def poll(self) -> AsyncIterator[Yield]:
        """Each listing on its own: one that is refused leaves the others to be read, and its rows where they are."""
        keys: set[str] = set()
        whole = {SNAPSHOT: True, IMAGE: True}
        for call, type_, where in ((LIST_SNAPSHOTS, SNAPSHOT, "global"), (LIST_IMAGES, IMAGE, "global")):
            async for report in self._listing(call, type_, where, keys):
                whole[type_] &= not isinstance(report, Partly)
                yield report
        try:
            regions = [region["name"] async for page in self.project.pages(LIST_REGIONS, NamedPage) for region in page.items or ()]
        except Refused as refused:
            regions, whole[SNAPSHOT] = [], False
            yield Partly(refused.fault)
        for region in regions:
            async for report in self._listing(LIST_REGION_SNAPSHOTS, SNAPSHOT, f"regions/{region}", keys):
                whole[SNAPSHOT] &= not isinstance(report, Partly)
                yield report
        self.seen.named[self.id] = keys if all(whole.values()) else keys | self.seen.named.get(self.id, set())
        for type_, complete in whole.items():
            if complete:
                yield Listed((type_,))

    async def _listing(self, call: Call, type_: str, where: str, keys: set[str]) -> AsyncIterator[Batch | Partly]:
        silent = Unanswered(call)
        blanks = {"region": last(where)} if where != "global" else {}
        try:
            async for page in self.project.pages(call, StoredPage, None, **blanks):
                silent.read(page)
                yield Batch.of(self._stored(type_, where, fields, keys) for fields in page.items or ())
        except Refused as refused:
            if refused.fault.kind is FaultKind.EXPIRED:
                raise
            yield Partly(refused.fault)
        for fault in (*silent.scopes.values(), *((silent.whole,) if silent.whole else ())):
            yield Partly(fault)

    def _stored(self, type_: str, where: str, fields: Stored, keys: set[str]) -> Resource:
        name = fields["name"]
        key = fields.setdefault("snapshotEncryptionKey", None) if type_ == SNAPSHOT else fields.setdefault("imageEncryptionKey", None)
        encryption, links = self.under_key(key, keys)
        collection = "snapshots" if type_ == SNAPSHOT else "images"
        return self.resource(
            f"//{HOSTS['compute']}/projects/{self.project.name}/{where}/{collection}/{name}",
            "snapshot",
            type_,
            name,
            last(where) if where != "global" else ",".join(fields.get("storageLocations") or ()) or "global",
            fields,
            encryption=encryption,
            links=links,
            cells=(last(fields.get("sourceDisk")), "", f"{fields.get('diskSizeGb') or '?'} GiB"),
        )
