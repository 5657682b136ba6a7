"""What a CSI driver does in the simulated clouds: makes a disk for a claim, grows it, takes it away."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from providers.demo.aws.seed import Region
from providers.demo.azure.workloads import GROUP, disk_id
from providers.demo.gcp.world import Project
from providers.demo.kubernetes.cluster import azure_disk, ebs, pd
from providers.demo.kubernetes.names import disk_tags, ebs_tags, pd_description

if TYPE_CHECKING:
    from providers.demo.azure.resources import Resources

Json = dict[str, Any]


class Disks(ABC):
    """The disks of one cluster in one cloud; `zone` is where a PV's affinity puts it."""

    zone: tuple[str, str]

    @property
    def ready(self) -> bool:
        """Whether the cloud is there already."""
        return True

    @abstractmethod
    def create(self, pv: str, namespace: str, claim: str, size: int) -> Json:
        """Make a disk of `size` GiB for a claim; answers with the PV's source."""

    @abstractmethod
    def resize(self, source: Json, size: int) -> None:
        """Grow it."""

    @abstractmethod
    def delete(self, source: Json) -> None:
        """Take it away."""


class EbsDisks(Disks):
    """Volumes of one region."""

    def __init__(self, region: Region, cluster: str) -> None:
        self.region, self.cluster = region, cluster
        self.zone = ("topology.kubernetes.io/zone", f"{region.name}a")

    def create(
        self, pv: str, namespace: str, claim: str, size: int, *, encrypted: bool = True, key: str | None = None
    ) -> Json:
        """As CreateVolume; encrypted by `key`, else by AWS's."""
        tags = {"Name": claim, **ebs_tags(self.cluster, namespace, claim, pv)}
        return ebs(self.region.volume(tags, size=size, encrypted=encrypted, key=key).rpartition("/")[2])

    def resize(self, source: Json, size: int) -> None:
        """As ModifyVolume."""
        self.region.ec2.volumes[source["csi"]["volumeHandle"]].size = size

    def delete(self, source: Json) -> None:
        """As DeleteVolume."""
        self.region.delete_volume(f"/{source['csi']['volumeHandle']}")


class AzureDisks(Disks):
    """Managed disks of one cluster; `resources` answers None as long as the simulated Azure is not furnished."""

    zone = ("topology.disk.csi.azure.com/zone", "westeurope-1")

    def __init__(self, resources: "Callable[[], Resources | None]", subscription: str, cluster: str) -> None:
        self._resources, self._subscription, self._group = resources, subscription, GROUP.format(cluster)

    @property
    def ready(self) -> bool:
        """Whether it is furnished."""
        return self._resources() is not None

    def source(self, pv: str, **attributes: str) -> Json:
        """The source of a disk that has its PV's name."""
        return azure_disk(disk_id(self._subscription, self._group, pv), **attributes)

    def create(self, pv: str, namespace: str, claim: str, size: int) -> Json:
        """As PUT of a disk, under the platform's key."""
        tags = disk_tags(namespace, claim, pv)
        self._furnished().disk(pv, subscription=self._subscription, group=self._group, disk_size_gb=size, tags=tags)
        return self.source(pv)

    def resize(self, source: Json, size: int) -> None:
        """As PATCH of its size."""
        self._furnished().change(source["csi"]["volumeHandle"], diskSizeGB=size)

    def delete(self, source: Json) -> None:
        """As DELETE."""
        self._furnished().delete(source["csi"]["volumeHandle"])

    def _furnished(self) -> "Resources":
        resources = self._resources()
        assert resources is not None
        return resources


class PdDisks(Disks):
    """Persistent disks of one project, in one zone."""

    def __init__(self, project: Project, zone: str, cluster: str) -> None:
        self._project, self._place, self._cluster = project, f"zones/{zone}", cluster
        self.zone = ("topology.gke.io/zone", zone)

    def source(self, name: str, place: str = "") -> Json:
        """The source of a disk in a zone or region (`zones/Z`)."""
        return pd(f"projects/{self._project.name}/{place or self._place}/disks/{name}")

    def create(self, pv: str, namespace: str, claim: str, size: int) -> Json:
        """As disks.insert, under Google's key."""
        labels = {
            "kubernetes-io-created-for_pvc-name": claim,
            "kubernetes-io-created-for_pvc-namespace": namespace,
            "goog-k8s-cluster-name": self._cluster,
        }
        described = pd_description(namespace, claim, pv)
        self._project.disk(pv, self._place, size=size, labels=labels, description=described, days=0)
        return self.source(pv)

    def resize(self, source: Json, size: int) -> None:
        """As disks.resize."""
        name = source["csi"]["volumeHandle"].rpartition("/")[2]
        with self._project.cloud.lock:
            held = self._project.compute["disks"][self._place]
            held[name] = {**held[name], "sizeGb": str(size)}

    def delete(self, source: Json) -> None:
        """As disks.delete."""
        name = source["csi"]["volumeHandle"].rpartition("/")[2]
        with self._project.cloud.lock:
            self._project.compute["disks"][self._place].pop(name, None)
