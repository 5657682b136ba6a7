"""VolumeSnapshotContents: what was taken of a volume, and the snapshot of a cloud that it is."""

from posture.resource import Link, Resource
from providers.kubernetes.calls import SNAPSHOTS
from providers.kubernetes.decode import SnapshotContent, fields_of, text, within
from providers.kubernetes.handles import snapshot_of
from providers.kubernetes.watching import WatchedSource


class VolumeSnapshotContents(WatchedSource):
    """Every snapshot that the cluster knows, also where its VolumeSnapshot is gone (`deletionPolicy: Retain`)."""

    call, row, ours, cells = SNAPSHOTS, SnapshotContent, "snapshot", 3

    def owner_of(self, thing: SnapshotContent, namespace: str) -> str:
        """The namespace of its VolumeSnapshot."""
        return text(within(thing, "spec", "volumeSnapshotRef", "namespace"))

    def made(self, thing: SnapshotContent, namespace: str, name: str) -> Resource:
        """What it stands for."""
        fields, handle = fields_of(thing), snapshot_of(thing)
        if handle.problem:
            fields["handle"] = handle.problem
        links: tuple[Link, ...] = handle.links
        of, size = within(thing, "spec", "volumeSnapshotRef"), within(thing, "status", "restoreSize")
        snapshot = f"{text(of.namespace)}/{text(of.name)}" if of is not None else ""
        cells = (snapshot, "", f"{size / (1 << 30):g} GiB" if isinstance(size, int) and size else "")
        owner = self.owner_of(thing, "")
        return self.seen("snapshot", "", name, fields, links=links, cells=cells, owner=owner)
