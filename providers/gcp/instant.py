"""Instant snapshots, which stay on the storage of their disk and are encrypted as it is."""

from typing import Any, ClassVar, Required, TypedDict

import msgspec

from posture.resource import Link, Resource
from providers.gcp.calls import HOSTS, LIST_INSTANT_SNAPSHOTS
from providers.gcp.decode import Page, Unread, Warned
from providers.gcp.scoped import ScopedSource
from providers.gcp.source import UNTOLD, last

INSTANT = "gcp.compute.instant-snapshot"


class InstantSnapshot(TypedDict, total=False):
    """compute v1 `InstantSnapshot`."""

    name: Required[str]
    zone: str | None
    region: str | None
    status: str | None
    diskSizeGb: str | None
    labels: dict[str, str] | None
    creationTimestamp: str | None
    sourceDisk: str | None


class _InstantSnapshots(msgspec.Struct, frozen=True):
    instantSnapshots: list[InstantSnapshot] | None = None
    warning: Warned | None = None


class InstantSnapshotPage(Page, frozen=True):
    """`compute.instantSnapshots.aggregatedList`."""

    rows: ClassVar[tuple[str, ...]] = ("items", "*", "instantSnapshots")
    row: ClassVar[Any] = InstantSnapshot

    items: dict[str, _InstantSnapshots] | None = None


class InstantSnapshots(ScopedSource):
    """Those of every zone and region of a project."""

    service = "instant-snapshots"
    calls = (LIST_INSTANT_SNAPSHOTS,)
    call, page, collection, type = LIST_INSTANT_SNAPSHOTS, InstantSnapshotPage, "instantSnapshots", INSTANT

    def made(self, where: str, id: str, fields: InstantSnapshot) -> Resource:
        """A snapshot with a link to its disk."""
        _, _, disk = (fields.get("sourceDisk") or "").partition("/projects/")
        return self.resource(
            id=id,
            kind="snapshot",
            type=INSTANT,
            name=fields["name"],
            region=last(where),
            fields=fields,
            encryption=UNTOLD,
            links=(Link("disk", f"//{HOSTS['compute']}/projects/{disk}"),) if disk else (),
            cells=(last(fields.get("sourceDisk")), "", f"{fields.get('diskSizeGb') or '?'} GiB"),
        )

    def odd(self, where: str, id: str, bad: Unread) -> Resource:
        """A snapshot of which no more is known than that it is there."""
        return self.resource(
            id=id,
            kind="snapshot",
            type=INSTANT,
            name=bad.name,
            region=last(where),
            fields={"name": bad.name},
            encryption=UNTOLD,
            faults={LIST_INSTANT_SNAPSHOTS.operation: bad.fault},
            cells=("?", "", "?"),
        )
