"""Virtual machines, scale sets and AKS clusters: what mounts the disks, and what of them the host encrypts."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any

import msgspec

from posture.azure.extensions import told
from posture.fault import Fault, FaultKind, Refused
from posture.fields import low, part, parts
from posture.reports import Batch, Complete, ReadRefused
from posture.resource import Link, Resource
from providers.asking import each
from providers.azure.calls import (
    LIST_CLUSTERS,
    LIST_EXTENSIONS,
    LIST_INSTANCES,
    LIST_MACHINES,
    LIST_SCALE_SETS,
    Call,
)
from providers.azure.decode import Machine, MachineProperties, Thing, Unread
from providers.azure.faults import GONE
from providers.azure.ids import last, machine_name, normal
from providers.azure.source import SweptSource, fields_of, text
from providers.source import Yield

VM, SET, INSTANCE = "azure.compute.vm", "azure.compute.vmss", "azure.compute.vmss-vm"
AT_ONCE = 100
"""Machines or sets whose tasks exist at the same time; the lane lets fewer ask."""


class Machines(SweptSource):
    """Virtual machines with their extensions, scale sets, and the machines of the uniform ones, of one subscription."""

    service = "machines"
    calls = (LIST_MACHINES, LIST_EXTENSIONS, LIST_SCALE_SETS, LIST_INSTANCES)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Two listings, the machines below each uniform scale set, and the extensions of all machines at once where
        Resource Graph shows them; one that is refused does not keep the others.
        """
        for read in (self._machines, self._scale_sets):
            try:
                async with aclosing(read()) as reports:
                    async for report in reports:
                        yield report
            except Refused as refused:
                if refused.fault.kind is FaultKind.EXPIRED:
                    raise
                yield ReadRefused(refused.fault)

    # ------------------------------------------------------------ virtual machines

    async def _machines(self) -> AsyncGenerator[Yield, None]:
        swept: Mapping[str, list[Thing]] | None = None
        asked = False
        make = partial(self._machine, LIST_MACHINES, VM)
        async with aclosing(self.listing(LIST_MACHINES, Machine, make, "workload", VM)) as reports:
            async for report in reports:
                if not isinstance(report, Batch):
                    yield report
                    continue
                machines = [machine for machine in report.resources if not machine.faults]
                if machines and not asked:
                    swept, asked = await self._all_extensions(machines[0]), True
                made = {machine.id: machine for machine in report.resources}
                async with aclosing(each((self._extended(machine, swept) for machine in machines), AT_ONCE)) as answers:
                    async for machine in answers:
                        made[machine.id] = machine
                        for fault in machine.faults.values():
                            yield ReadRefused(fault)
                yield Batch(tuple(made.values()))

    async def _all_extensions(self, one: Resource) -> Mapping[str, list[Thing]] | None:
        """Normal form of a machine's id -> its extensions, as Resource Graph shows them; None where each machine is
        to be asked. Where none is shown at all, one machine is asked whether they may be seen.
        """
        unread: list[Unread] = []
        shown = await self.sweep.shown(LIST_EXTENSIONS, Thing, self.subscription, unread)
        if shown is None or unread:
            return None
        if not shown and not isinstance(await self._ask_extensions(one.id), list):
            return None
        found: dict[str, list[Thing]] = {}
        for row in shown:
            found.setdefault(normal(row.id).rpartition("/extensions/")[0], []).append(row)
        return found

    async def _extended(self, machine: Resource, swept: Mapping[str, list[Thing]] | None) -> Resource:
        """A machine with its extensions, or why they are not known."""
        rows = await self._ask_extensions(machine.id) if swept is None else swept.get(normal(machine.id), [])
        if isinstance(rows, Fault):
            return msgspec.structs.replace(machine, faults={LIST_EXTENSIONS.operation: rows})
        extensions = [told({"name": row.name or last(row.id), "properties": row.properties}) for row in rows]
        return msgspec.structs.replace(machine, fields={**machine.fields, "extensions": extensions})

    async def _ask_extensions(self, machine: str) -> list[Thing] | Fault:
        unread: list[Unread] = []
        try:
            rows = [
                row
                async for page in self.arm.pages(
                    LIST_EXTENSIONS, Thing, subscription=self.subscription, within=machine, unread=unread
                )
                for row in page
            ]
        except Refused as refused:
            if refused.fault.kind is FaultKind.EXPIRED:
                raise
            return refused.fault
        return unread[0].fault if unread else rows

    # ------------------------------------------------------------ scale sets

    async def _scale_sets(self) -> AsyncGenerator[Yield, None]:
        """The sets page by page, each page with the machines of its uniform sets."""
        silent: set[str] = set()
        make = partial(self._machine, LIST_SCALE_SETS, SET)
        async with aclosing(self.listing(LIST_SCALE_SETS, Machine, make, "workload", SET)) as reports:
            async for report in reports:
                yield report
                if isinstance(report, Complete):
                    yield Complete((INSTANCE,), frozenset(silent))
                if not isinstance(report, Batch):
                    continue
                sets = [found for found in report.resources if _has_instances(found)]
                async with aclosing(each((self._instances(found) for found in sets), AT_ONCE)) as answers:
                    async for of, below, whole in answers:
                        for found in below:
                            yield found
                        if not whole:
                            silent.add(of)

    async def _instances(self, scale_set: Resource) -> tuple[str, list[Batch | ReadRefused], bool]:
        """The normal form of a set's id, its machines, and whether they are all."""
        of, reports, whole = normal(scale_set.id), list[Batch | ReadRefused](), True
        unread: list[Unread] = []
        make = partial(self._machine, LIST_INSTANCES, INSTANCE, of=scale_set)
        try:
            async for page in self.arm.pages(
                LIST_INSTANCES, Machine, subscription=self.subscription, within=scale_set.id, unread=unread
            ):
                made = [self.made(LIST_INSTANCES, make, row, unread) for row in page]
                odd = [
                    self.unread(bad, "workload", INSTANCE, machine_name(bad.id), scale_set.tenant)
                    for bad in unread
                    if bad.id
                ]
                reports += [ReadRefused(bad.fault) for bad in unread]
                whole = whole and all(bad.id for bad in unread)
                unread.clear()
                linked = [msgspec.structs.replace(machine, links=(Link("scale-set", of),)) for machine in odd]
                reports.append(Batch((*(machine for machine in made if machine is not None), *linked)))
        except Refused as refused:
            if refused.fault.kind is FaultKind.EXPIRED:
                raise
            if refused.fault.code in GONE:
                return of, reports, True
            return of, [*reports, ReadRefused(refused.fault)], False
        return of, reports, whole

    def _machine(self, call: Call, type_: str, row: Machine, of: Resource | None = None) -> Resource:
        properties = row.properties or MachineProperties()
        profile = properties.virtualMachineProfile or MachineProperties() if type_ == SET else properties
        storage = profile.storageProfile or {}
        disks = [part(storage, call.operation, "osDisk"), *(parts(storage, call.operation, "dataDisks") or ())]
        pages = sum(bool(disk.get("vhd")) for disk in disks)
        return self.resource(
            id=row.id,
            kind="workload",
            type=type_,
            name=machine_name(row.id) if type_ == INSTANCE else row.name,
            fields=_without_settings(call, fields_of(row)),
            region=text(row.location),
            links=(Link("scale-set", normal(of.id)),) if of else (),
            tenant=of.tenant if of else "",
            cells=(f"{len(disks)} disks" + (f", {pages} unmanaged" if pages else ""),),
        )


def _has_instances(scale_set: Resource) -> bool:
    """Whether a set's machines are in it: those of a flexible set stand among the virtual machines."""
    mode = (scale_set.fields.get("properties") or {}).get("orchestrationMode")
    return not scale_set.faults and not (isinstance(mode, str) and low(mode) == "flexible")


def _without_settings(call: Call, fields: dict[str, Any]) -> dict[str, Any]:
    """What a machine or set answered, of its extensions no more than is judged: their settings may hold anything."""
    operation, shown = call.operation, dict(fields)
    if resources := parts(fields, operation, "resources"):
        shown["resources"] = [told(extension) for extension in resources]
    properties = part(fields, operation, "properties")
    profile = part(properties, operation, "virtualMachineProfile")
    if extensions := parts(part(profile, operation, "extensionProfile"), operation, "extensions"):
        extended = {**profile, "extensionProfile": {"extensions": [told(extension) for extension in extensions]}}
        shown["properties"] = {**properties, "virtualMachineProfile": extended}
    return shown


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
