"""Claims, persistent volumes and storage classes, and the cluster itself."""

import asyncio
import re
from functools import lru_cache
from typing import Any

from posture.clock import Seconds
from posture.resource import Link, Resource
from providers.kubernetes.calls import CLAIMS, CLASSES, VOLUMES
from providers.kubernetes.decode import (
    CLASS_BEFORE,
    DEFAULTS,
    Claim,
    StorageClass,
    Volume,
    fields_of,
    public,
    text,
    within,
)
from providers.kubernetes.handles import key_of, project_of, region_of, volume_of
from providers.kubernetes.source import Shared
from providers.kubernetes.watching import WatchedSource


class PersistentVolumeClaims(WatchedSource):
    """Every claim; who uses which, the workloads' sources tell."""

    call, row, ours, cells = CLAIMS, Claim, "claim", 4

    def note(self, thing: Claim, namespace: str, name: str) -> None:
        """For the workloads."""
        self.shared.claims.put(thing)

    def forget(self, namespace: str, name: str) -> None:
        """For the workloads."""
        self.shared.claims.drop(namespace, name)

    def made(self, thing: Claim, namespace: str, name: str) -> Resource:
        """Its volume, and the class that it asks for."""
        fields = fields_of(thing)
        spec, status = fields.get("spec") or {}, fields.get("status") or {}
        volume, storage_class = text(spec.get("volumeName")), _class_of(fields)
        links = [Link("volume", self.id_of("", volume, VOLUMES.kind))] if volume else []
        if storage_class:
            links.append(Link("class", self.id_of("", storage_class, CLASSES.kind)))
        size = _size(status.get("capacity")) or _size((spec.get("resources") or {}).get("requests"))
        cells = (volume, storage_class, size, text(status.get("phase")))
        return self.seen("claim", namespace, name, fields, links=links, cells=cells)


class PersistentVolumes(WatchedSource):
    """Every volume, and what of a cloud it stands on."""

    call, row, ours, cells = VOLUMES, Volume, "persistent-volume", 6

    def __init__(self, shared: Shared, cadence: Seconds) -> None:
        super().__init__(shared, cadence)
        self._unplaced: dict[str, Volume] = {}
        """Those whose handle does not name the project, while it is not known."""
        self.wake: asyncio.Event = shared.project_known

    def owner_of(self, thing: Volume, namespace: str) -> str:
        """The claim that it is bound to, or was."""
        return text(within(thing, "spec", "claimRef", "namespace"))

    def note(self, thing: Volume, namespace: str, name: str) -> None:
        """The project of a disk is the cluster's."""
        self.shared.learn_project(project_of(thing))

    def forget(self, namespace: str, name: str) -> None:
        """It need not be placed any more."""
        self._unplaced.pop(name, None)

    def woken(self) -> list[Resource]:
        """Volumes that had no project, now that there is one."""
        if not self.shared.project:
            return []
        waiting, self._unplaced = self._unplaced, {}
        return [self.made(volume, "", name) for name, volume in waiting.items()]

    def besides(self) -> list[Resource]:
        """As the project may have been named by a later page."""
        return self.woken()

    def made(self, thing: Volume, namespace: str, name: str) -> Resource:
        """Where it stands, and the class that it says it is of."""
        fields = fields_of(thing)
        public((fields.get("spec") or {}).get("csi"), "volumeAttributes")
        handle = volume_of(thing, self.shared.project)
        if handle.problem:
            fields["handle"] = handle.problem
        if handle.problem == "project-unspecified" and not self.shared.project:
            self._unplaced[name] = thing
        storage_class = _class_of(fields)
        links = [*handle.links]
        links += [Link("class", self.id_of("", storage_class, CLASSES.kind))] if storage_class else []
        bound = within(thing, "spec", "claimRef")
        claim = f"{text(bound.namespace)}/{text(bound.name)}" if bound is not None else ""
        cells = (
            claim,
            storage_class,
            _size(within(thing, "spec", "capacity")),
            text(within(thing, "status", "phase")),
            text(within(thing, "spec", "csi", "driver")) or _source_of(fields),
            "",
        )
        owner = self.owner_of(thing, "")
        return self.seen(
            "persistent-volume", "", name, fields, region=handle.region, links=links, cells=cells, owner=owner
        )


class StorageClasses(WatchedSource):
    """Every class, and the cluster with its default ones: the newest is used, and of equally old ones the first by
    name.
    """

    call, row, ours, cells = CLASSES, StorageClass, "storage-class", 4

    def __init__(self, shared: Shared, cadence: Seconds) -> None:
        super().__init__(shared, cadence)
        self.wake: asyncio.Event = shared.counted
        self._defaults: dict[str, str] = {}
        self._cluster: Resource | None = None

    @property
    def types(self) -> tuple[str, ...]:
        """The cluster among them."""
        return (*super().types, "k8s.cluster")

    def anew(self) -> None:
        """The cluster is told again too."""
        self._cluster = None

    def note(self, thing: StorageClass, namespace: str, name: str) -> None:
        """Whether it is a default one, and since when it is there."""
        annotations = fields_of(thing).get("metadata", {}).get("annotations") or {}
        if any(annotations.get(default) == "true" for default in DEFAULTS):
            self._defaults[name] = text(thing.metadata.creationTimestamp)
        else:
            self._defaults.pop(name, None)

    def forget(self, namespace: str, name: str) -> None:
        """It is nobody's default any more."""
        self._defaults.pop(name, None)

    def woken(self) -> list[Resource]:
        """The cluster, where more or fewer Secrets are kept elsewhere."""
        return self.besides() if self._cluster is not None else []

    def besides(self) -> list[Resource]:
        """The cluster, where its default classes are others."""
        newest_first = sorted(sorted(self._defaults), key=self._defaults.__getitem__, reverse=True)
        made = self._made(newest_first)
        if made == self._cluster:
            return []
        self._cluster = made
        return [made]

    def _made(self, defaults: list[str]) -> Resource:
        links = tuple(Link("default-class", self.id_of("", name)) for name in defaults)
        links += tuple(Link("region", region) for name in self.shared.known_as if (region := region_of(name)))
        return self.resource(
            id=f"k8s://{self.shared.name}",
            kind="cluster",
            type="k8s.cluster",
            name=self.shared.name,
            fields={
                "defaultClasses": defaults,
                "secretManagers": dict(self.shared.kept_elsewhere),
                "server": self.shared.client.server,
            },
            links=links,
            aliases=self.shared.known_as,
            cells=("",),
        )

    def made(self, thing: StorageClass, namespace: str, name: str) -> Resource:
        """The key that it names, and its cluster."""
        fields, key = fields_of(thing), key_of(thing)
        public(fields, "parameters")
        links = [Link("cluster", f"k8s://{self.shared.name}")]
        links += [Link("key", key)] if key else []
        cells = (
            text(thing.provisioner),
            "yes" if name in self._defaults else "",
            text(thing.reclaimPolicy),
            "",
        )
        return self.seen("storage-class", "", name, fields, links=links, cells=cells)


def _class_of(fields: dict[str, Any]) -> str:
    """The class of a claim or volume: the annotation goes before the field; empty for none, and for the default."""
    annotations = (fields.get("metadata") or {}).get("annotations") or {}
    return text(annotations.get(CLASS_BEFORE)) or text((fields.get("spec") or {}).get("storageClassName"))


_QUANTITY = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)([KMGTPE]i|[kMGTPE]|)")
_UNITS = {"": 1.0, "k": 1e3, **{f"{unit}i": 1024.0**power for power, unit in enumerate("KMGTPE", 1)}}
_UNITS |= {unit: 1000.0**power for power, unit in enumerate("MGTPE", 2)}


def _size(table: Any) -> str:
    """The storage of a table of quantities in GiB, as the clouds say it; as it stands where it is none (Kubernetes API
    reference, Quantity).
    """
    return _in_gib(text(table.get("storage"))) if isinstance(table, dict) else ""


@lru_cache(1024)
def _in_gib(said: str) -> str:
    found = _QUANTITY.fullmatch(said)
    return f"{float(found[1]) * _UNITS[found[2]] / (1 << 30):.6g} GiB" if found else said


_NOT_SOURCES = frozenset(
    {
        "capacity",
        "accessModes",
        "storageClassName",
        "volumeMode",
        "volumeAttributesClassName",
        "persistentVolumeReclaimPolicy",
        "mountOptions",
        "claimRef",
        "nodeAffinity",
    }
)


def _source_of(fields: dict[str, Any]) -> str:
    """The field of a volume's spec that says what it is: `hostPath`, `nfs`."""
    return next((name for name in fields.get("spec") or {} if name not in _NOT_SOURCES), "")
