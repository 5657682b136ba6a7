"""Azure Disk Encryption inside the guest: told by the disk, and by the extension of the machine that mounts it."""

from collections.abc import Iterator
from typing import Any

from posture.azure.extensions import ADE
from posture.clock import parse_rfc3339, rfc3339
from posture.context import Context
from posture.controls.registry import control
from posture.fields import flag, low, part, parts, strange, text
from posture.reading import NoAnswer, expected, field_of, nested, objects
from posture.resource import Resource
from posture.verdict import Verdict, failed, not_applicable, passed, unknown, warned

_DISKS, _EXTENSIONS = "Microsoft.Compute/disks/read", "Microsoft.Compute/virtualMachines/extensions/read"
_READS = {
    "azure.compute.disk": _DISKS,
    "azure.compute.vm": "Microsoft.Compute/virtualMachines/read",
    "azure.compute.vmss": "Microsoft.Compute/virtualMachineScaleSets/read",
    "azure.compute.vmss-vm": "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read",
}
ADE_ENDS = parse_rfc3339("2028-09-15T00:00:00Z")
"""Azure Disk Encryption is retired: its disks fail to unlock after a reboot."""
_OFF = passed(
    "does not depend on Azure Disk Encryption",
    {"Microsoft.Compute/disks.properties.encryptionSettingsCollection.enabled": False},
)
_UNATTACHED = passed(
    "says nothing of Azure Disk Encryption, and no machine mounts it",
    {"Microsoft.Compute/disks.properties.encryptionSettingsCollection": None, "managedBy": None},
)
_FLEXIBLE = not_applicable(
    "a flexible scale set without a profile of its own: its machines are judged one by one",
    {"orchestrationMode": "Flexible"},
)
_ALL, _OS, _DATA = "all", "os", "data"
"""What an extension encrypts (its setting `VolumeType`)."""


@control("azure.disk.ade-legacy", on=tuple(_READS))
def ade_legacy(resource: Resource, context: Context) -> Verdict:
    """Encryption inside the guest stacks on the platform's: its absence is not plaintext, its presence ends with the
    product.
    """
    if resource.type == "azure.compute.disk":
        return _disk(resource, context)
    properties, read = _properties(resource), _READS[resource.type]
    if resource.type == "azure.compute.vmss" and _flexible(properties, read):
        return _FLEXIBLE
    facts: dict[str, Any] = {"extensions": [name for name, _ in _inside(resource, context)]}
    if resource.type != "azure.compute.vmss":
        facts["storageProfile.osDisk.encryptionSettings.enabled"] = _system_on(properties, read)
    if any(facts.values()):
        return _depends(context, facts)
    return passed("neither its system disk nor an extension depends on Azure Disk Encryption", facts)


def _disk(disk: Resource, context: Context) -> Verdict:
    """Settings of the disk's own settle it. Older ones are in the machine's answer, and its extension tells which
    volumes they are for.
    """
    properties = _properties(disk)
    if properties.get("encryptionSettingsCollection") is not None:
        return (
            _depends(context, {"encryptionSettingsCollection.enabled": True})
            if _switched(properties, _DISKS, "encryptionSettingsCollection")
            else _OFF
        )
    mounted = text(disk.fields, _DISKS, "managedBy")
    if mounted is None:
        return _UNATTACHED
    facts: dict[str, Any] = {"encryptionSettingsCollection": None, "managedBy": mounted}
    # a set stands for a machine of it that came after the machines were listed
    machine = context.linked(disk, "machine") or context.linked(disk, "scale-set")
    if machine is None:
        return unknown("says nothing of Azure Disk Encryption, and its machine has not been seen", evidence=facts)
    if machine.type not in _READS:
        return unknown(
            f"says nothing of Azure Disk Encryption, and nothing is read of a {machine.type}", evidence=facts
        )
    found = dict(_inside(machine, context))
    system = machine.type != "azure.compute.vmss" and _system_on(_properties(machine), _READS[machine.type])
    of_system = properties.get("osType") is not None
    facts |= {"machine.extensions": found, "machine.osDisk.encryptionSettings.enabled": system}
    if not found and not system:
        return passed("says nothing of Azure Disk Encryption, and its machine does not have it", facts)
    volumes = {low(volume) for volume in found.values()}
    if _ALL in volumes or (_OS if of_system else _DATA) in volumes or (system and of_system):
        return _depends(context, facts)
    if volumes and volumes <= {_OS, _DATA}:
        return passed("its machine has Azure Disk Encryption, for other volumes than this", facts)
    return unknown("its machine has Azure Disk Encryption, and does not say for which volumes", evidence=facts)


def _inside(machine: Resource, context: Context) -> Iterator[tuple[str, str | None]]:
    """The extensions of Azure Disk Encryption that a machine or its scale set has and that are not there to take it
    away: name, and for which volumes. Raises `NoAnswer`.
    """
    read = _READS[machine.type]
    if machine.type == "azure.compute.vmss":
        profile = nested(_properties(machine), read, "virtualMachineProfile")
        if not expected(profile, dict, read, "virtualMachineProfile"):
            raise NoAnswer(unknown(f"{read} answered with an empty virtualMachineProfile"))
        yield from _active(parts(part(profile, read, "extensionProfile"), read, "extensions") or (), read)
        return
    yield from _active(parts(machine.fields, read, "resources") or (), read)
    if machine.type == "azure.compute.vm":
        yield from _active(objects(field_of(machine, _EXTENSIONS, "extensions"), _EXTENSIONS, "value"), _EXTENSIONS)
        return
    scale_set = context.linked(machine, "scale-set")
    if scale_set is None:
        raise NoAnswer(unknown("its scale set, which names the extensions, has not been seen"))
    yield from _inside(scale_set, context)


def _active(extensions: Any, read: str) -> Iterator[tuple[str, str | None]]:
    for extension in extensions:
        properties = part(extension, read, "properties")
        name = text(extension, read, "name") or (text(extension, read, "id") or "").rstrip("/").rpartition("/")[2]
        kind = text(properties, read, "type") or name
        if not kind:
            raise NoAnswer(unknown(f"{read}: an extension has neither type nor name"))
        if not kind.lower().startswith(ADE):
            continue
        settings = part(properties, read, "settings")
        if low(text(settings, read, "EncryptionOperation")) != "disableencryption":
            yield name or kind, text(settings, read, "VolumeType")


def _system_on(properties: dict[str, Any], read: str) -> bool:
    """Whether the settings of a machine's system disk say so; they are of before the disks had settings of their
    own.
    """
    disk = expected(nested(nested(properties, read, "storageProfile"), read, "osDisk"), dict, read, "osDisk")
    return _switched(disk, read, "encryptionSettings")


def _switched(holder: dict[str, Any], operation: str, field: str) -> bool:
    """Whether settings of Azure Disk Encryption are there and on. Raises `NoAnswer` where they are there and do not
    say.
    """
    if holder.get(field) is None:
        return False
    on = flag(part(holder, operation, field), operation, "enabled")
    if on is None:
        raise NoAnswer(strange(operation, f"{field}.enabled", None))
    return on


def _flexible(properties: dict[str, Any], read: str) -> bool:
    return (
        properties.get("virtualMachineProfile") is None
        and low(text(properties, read, "orchestrationMode")) == "flexible"
    )


def _depends(context: Context, facts: dict[str, Any]) -> Verdict:
    facts = {**facts, "retired": rfc3339(ADE_ENDS)}
    if context.now >= ADE_ENDS:
        return failed("Azure Disk Encryption was retired on 2028-09-15: does not unlock after a reboot", facts)
    return warned("depends on Azure Disk Encryption, retired on 2028-09-15", facts, until=ADE_ENDS)


def _properties(resource: Resource) -> dict[str, Any]:
    found = field_of(resource, _READS[resource.type], "properties")
    if not isinstance(found, dict) or not found:
        raise NoAnswer(unknown(f"{_READS[resource.type]} answered without properties"))
    return found
