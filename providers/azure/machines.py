"""Virtual machines, scale sets and AKS clusters: what mounts the disks, and what of them the host encrypts."""

from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

from posture.fault import FaultKind, Refused
from posture.fields import part, parts
from posture.reports import ReadRefused
from posture.resource import Link, Resource
from providers.azure.calls import LIST_CLUSTERS, LIST_MACHINES, LIST_SCALE_SETS, Call
from providers.azure.decode import Machine, MachineProperties, Thing
from providers.azure.ids import normal
from providers.azure.source import SweptSource, fields_of, text
from providers.source import Yield


class Machines(SweptSource):
    """Virtual machines and scale sets of one subscription."""

    service = "machines"
    calls = (LIST_MACHINES, LIST_SCALE_SETS)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Two listings; one that is refused does not keep the other."""
        for call, type_ in ((LIST_MACHINES, "azure.compute.vm"), (LIST_SCALE_SETS, "azure.compute.vmss")):
            try:
                async for report in self.listing(call, Machine, partial(self._machine, call, type_), "workload", type_):
                    yield report
            except Refused as refused:
                if refused.fault.kind is FaultKind.EXPIRED:
                    raise
                yield ReadRefused(refused.fault)

    def _machine(self, call: Call, type_: str, row: Machine) -> Resource:
        properties = row.properties or MachineProperties()
        profile = properties if type_ == "azure.compute.vm" else properties.virtualMachineProfile or MachineProperties()
        storage = profile.storageProfile or {}
        disks = [part(storage, call.operation, "osDisk"), *(parts(storage, call.operation, "dataDisks") or ())]
        pages = sum(bool(disk.get("vhd")) for disk in disks)
        return self.resource(
            id=row.id,
            kind="workload",
            type=type_,
            name=row.name,
            fields=fields_of(row),
            region=text(row.location),
            cells=(f"{len(disks)} disks" + (f", {pages} unmanaged" if pages else ""),),
        )


class Clusters(SweptSource):
    """AKS clusters of one subscription."""

    service = "aks"
    calls = (LIST_CLUSTERS,)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """One listing; it holds the node pools."""
        async for report in self.listing(LIST_CLUSTERS, Thing, self._cluster, "workload", "azure.aks.cluster"):
            yield report

    def _cluster(self, row: Thing) -> Resource:
        properties = row.properties or {}
        wanted = (
            "agentPoolProfiles",
            "securityProfile",
            "diskEncryptionSetID",
            "kubernetesVersion",
            "provisioningState",
        )
        fields: dict[str, Any] = {
            **fields_of(row),
            "properties": {name: properties[name] for name in wanted if name in properties} if row.properties else None,
        }
        held = properties.get("diskEncryptionSetID")
        return self.resource(
            id=row.id,
            kind="workload",
            type="azure.aks.cluster",
            name=row.name,
            fields=fields,
            region=text(row.location),
            links=(Link("key", normal(held)),) if isinstance(held, str) and held else (),
            cells=(f"{len(parts(properties, LIST_CLUSTERS.operation, 'agentPoolProfiles') or ())} node pools",),
        )
