"""Machines of scale sets, extensions and gallery images: all that stands in no list of machines."""

import pytest

from providers.demo.azure import more
from providers.demo.azure.resources import CUSTOMER, SUBSCRIPTION
from tests.world.azure import Azure

HOST, ADE, COPIES = "azure.vm.encryption-at-host", "azure.disk.ade-legacy", "azure.disk.snapshot-encryption"
SETS = "Microsoft.Compute/virtualMachineScaleSets"
INSTANCES, EXTENSIONS = f"{SETS}/virtualMachines/read", "Microsoft.Compute/virtualMachines/extensions/read"
GALLERIES = "Microsoft.Compute/galleries"


async def test_the_machines_of_a_uniform_scale_set_are_asked_below_it_and_judged_one_by_one(azure: Azure) -> None:
    own = more.scale_set(azure.estate, "pool")
    made = [more.instance(azure.estate, own, number, at_host=number != 1) for number in range(3)]
    flexible = more.scale_set(azure.estate, "flexible")
    azure.estate.change(flexible, orchestrationMode="Flexible")
    seen = await azure.poll()
    assert [seen.statuses(each)[HOST] for each in made] == ["pass", "warn", "pass"]
    assert seen.resource(made[0]).name == "pool/0"
    assert azure.server.count(INSTANCES) == 1, "the machines of a flexible set are among the virtual machines"


async def test_refused_machines_of_one_set_leave_those_of_the_others(azure: Azure) -> None:
    sets = [more.scale_set(azure.estate, name) for name in ("a", "b")]
    made = [more.instance(azure.estate, own, 0) for own in sets]
    azure.faults.deny(INSTANCES, resource="*/a/*")
    seen = await azure.poll()
    assert list(seen.resources("azure.compute.vmss-vm")) == ["b/0"]
    assert seen.fault("machines").permission == INSTANCES
    assert seen.statuses(made[1])[HOST] == "pass"


async def test_the_secrets_in_an_extensions_settings_are_not_kept(azure: Azure) -> None:
    own = more.machine(azure.estate, "vm")
    settings = {"commandToExecute": "echo hunter2", "VolumeType": "All"}
    more.extension(azure.estate, own, "script", kind="CustomScript", settings=settings)
    more.extension(azure.estate, own, settings=settings)
    fields = (await azure.poll()).resource(own).fields
    assert "hunter2" not in str(fields)
    assert {each["name"]: each["properties"].get("settings") for each in fields["extensions"]} == {
        "script": None,
        "AzureDiskEncryptionForLinux": {"VolumeType": "All"},
    }


@pytest.mark.parametrize("hidden", [False, True])
async def test_an_extension_is_found_through_resource_graph_and_without_it(azure: Azure, hidden: bool) -> None:
    own, plain = (more.machine(azure.estate, name) for name in ("vm", "plain"))
    more.extension(azure.estate, own)
    disk = azure.estate.disk("d", managed_by=own)
    if hidden:
        azure.server.hidden_types.add("microsoft.compute/virtualmachines/extensions")
    seen = await azure.poll()
    assert (seen.statuses(own)[ADE], seen.statuses(plain)[ADE], seen.statuses(disk)[ADE]) == ("warn", "pass", "unknown")
    assert azure.server.count(EXTENSIONS) == (2 if hidden else 0)


async def test_where_no_extension_is_shown_one_machine_tells_whether_they_may_be_seen(azure: Azure) -> None:
    machines = [more.machine(azure.estate, f"vm-{number}") for number in range(5)]
    seen = await azure.poll()
    assert {seen.statuses(each)[ADE] for each in machines} == {"pass"}
    assert azure.server.count(EXTENSIONS) == 1
    azure.faults.deny(EXTENSIONS)
    refused = await azure.poll()
    assert {refused.statuses(each)[ADE] for each in machines} == {"unknown"}
    fault = refused.finding(ADE, machines[0]).fault
    assert fault is not None
    assert fault.permission == EXTENSIONS


@pytest.mark.parametrize("hidden", [False, True])
async def test_a_gallery_image_is_as_the_worst_of_its_regions(azure: Azure, hidden: bool) -> None:
    vault = azure.estate.vault("acme-keys")
    made = azure.estate.encryption_set("by", f"{azure.estate.key(vault, 'k')}/1", vault, encryption=CUSTOMER)
    own = more.gallery_version(azure.estate, "g", "own", regions={"West Europe": None, "East US": None})
    mixed = more.gallery_version(azure.estate, "g", "mixed", regions={"West Europe": None, "East US": made.upper()})
    keyed = more.gallery_version(azure.estate, "g", "keyed", regions={"West Europe": made}, data_disks=2)
    if hidden:
        azure.server.hidden.add(SUBSCRIPTION)
    ours, theirs = await azure.poll(), await azure.poll(policy='keys = "customer-managed"')
    assert [ours.statuses(each)[COPIES] for each in (own, mixed, keyed)] == ["pass", "fail", "fail"]
    assert [theirs.statuses(each)[COPIES] for each in (own, mixed, keyed)] == ["fail", "fail", "pass"]
    assert ours.finding(COPIES, mixed).reason.startswith("East US: ")
    assert ours.resource(mixed).name == "g/mixed/1.0.0"
    assert azure.server.count(f"{GALLERIES}/images/versions/read") == (6 if hidden else 0)


async def test_a_data_disk_of_a_gallery_image_without_a_set_is_under_the_platforms_key(azure: Azure) -> None:
    vault = azure.estate.vault("acme-keys")
    made = azure.estate.encryption_set("by", f"{azure.estate.key(vault, 'k')}/1", vault)
    own = more.gallery_version(azure.estate, "g", regions={"West Europe": made}, data_disks=1)
    body = azure.estate.resources[own.lower()]["properties"]
    del body["publishingProfile"]["targetRegions"][0]["encryption"]["dataDiskImages"]
    assert (await azure.poll(policy='keys = "customer-managed"')).statuses(own)[COPIES] == "fail"


async def test_refused_galleries_are_said_and_no_version_is_taken_to_be_gone(azure: Azure) -> None:
    more.gallery_version(azure.estate, "g", regions={"West Europe": None})
    azure.server.hidden.add(SUBSCRIPTION)
    azure.faults.deny(f"{GALLERIES}/images/read")
    seen = await azure.poll()
    assert seen.fault("galleries").permission == f"{GALLERIES}/images/read"
