"""Azure Disk Encryption is told by the disk, and where that says nothing by the machine that mounts it."""

from typing import Any

import msgspec
import pytest

from posture.controls.azure.ade import ADE_ENDS
from posture.fault import Fault, FaultKind
from posture.resource import Resource
from tests.posture.controls.azure.world import extension, instance, machine, mounted, scale_set
from tests.posture.controls.world import World, denied

ADE = "azure.disk.ade-legacy"
EXTENSIONS = "Microsoft.Compute/virtualMachines/extensions/read"
LEGACY: dict[str, Any] = {"storageProfile": {"osDisk": {"encryptionSettings": {"enabled": True}}}}


@pytest.mark.parametrize(
    ("disk", "beside", "status"),
    [
        ({"encryptionSettingsCollection": {"enabled": True}}, [], "warn"),
        ({"encryptionSettingsCollection": {"enabled": False}}, [machine(extension(VolumeType="All"))], "pass"),
        ({}, [], "unknown"),
        ({}, [machine()], "pass"),
        ({}, [machine(extension("AzureMonitorLinuxAgent"))], "pass"),
        ({}, [machine(extension(VolumeType="All"))], "warn"),
        ({}, [machine(extension(VolumeType="data"))], "warn"),
        ({}, [machine(extension(VolumeType="OS"))], "pass"),
        ({"osType": "Linux"}, [machine(extension(VolumeType="OS"))], "warn"),
        ({"osType": "Linux"}, [machine(extension(VolumeType="Data"))], "pass"),
        ({}, [machine(extension())], "unknown"),
        ({}, [machine(extension(VolumeType="Some"))], "unknown"),
        ({}, [machine(extension(VolumeType="All", EncryptionOperation="DisableEncryption"))], "pass"),
        ({}, [machine(**LEGACY)], "unknown"),
        ({"osType": "Windows"}, [machine(**LEGACY)], "warn"),
    ],
)
def test_a_disk_without_settings_is_as_its_machine_says(
    disk: dict[str, Any], beside: list[Resource], status: str
) -> None:
    assert World(beside).ask(ADE, mounted(**disk)).status.word == status


@pytest.mark.parametrize(
    ("beside", "status"),
    [
        ([], "unknown"),
        ([scale_set()], "pass"),
        ([instance()], "unknown"),
        ([instance(), scale_set()], "pass"),
        ([instance(), scale_set(extension(VolumeType="All"))], "warn"),
        ([scale_set(extension(VolumeType="Data"))], "warn"),
    ],
)
def test_a_disk_of_a_scale_set_is_as_its_set_says_where_its_machine_is_newer_than_the_list(
    beside: list[Resource], status: str
) -> None:
    assert World(beside).ask(ADE, mounted(instance().id)).status.word == status


def test_refused_extensions_are_unknown_and_name_the_permission() -> None:
    blind = msgspec.structs.replace(
        machine(), fields={"properties": machine().fields["properties"]}, faults={EXTENSIONS: denied(EXTENSIONS)}
    )
    for verdict in (World([blind]).ask(ADE, blind), World([blind]).ask(ADE, mounted())):
        assert (verdict.status.word, verdict.fault) == ("unknown", denied(EXTENSIONS))


def test_after_its_end_what_depends_on_it_fails_and_what_is_unknown_stays_unknown() -> None:
    world = World([machine(extension())])
    world.now = ADE_ENDS
    assert world.ask(ADE, machine(extension())).status.word == "fail"
    assert world.ask(ADE, mounted()).status.word == "unknown"


def test_a_fault_of_the_listing_is_no_answer_of_a_scale_set() -> None:
    read = "Microsoft.Compute/virtualMachineScaleSets/read"
    fault = Fault(FaultKind.DENIED, "AuthorizationFailed", read)
    assert World().ask(ADE, msgspec.structs.replace(scale_set(), faults={read: fault})).fault == fault
