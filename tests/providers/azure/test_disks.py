"""Azure disks, from Resource Manager's answer to the verdict."""

import time

import pytest

from posture.controls.registry import registry
from posture.controls.remedy import remedy_for
from providers.demo.azure.resources import BOTH, CUSTOMER, PLATFORM, SUBSCRIPTION
from tests.world.azure import Azure

DAY = 86400


async def test_a_disk_under_the_platforms_key_is_as_the_document_says(azure: Azure) -> None:
    disk = azure.estate.disk("pg-0")
    seen = await azure.poll()
    assert seen.statuses(disk) == {
        "azure.disk.encryption-type": "pass",
        "azure.disk.key-policy": "pass",
        "azure.disk.ade-legacy": "pass",
    }
    assert seen.source("disks").state == "ok"


async def test_an_old_disk_without_an_encryption_block_is_a_warning_and_its_key_unknown(azure: Azure) -> None:
    disk = azure.estate.disk("old", None)
    seen = await azure.poll()
    assert seen.statuses(disk)["azure.disk.encryption-type"] == "warn"
    assert seen.statuses(disk)["azure.disk.key-policy"] == "unknown"
    attested = (await azure.poll(policy='keys = "either"')).finding("azure.disk.key-policy", disk)
    assert (attested.status.word, attested.evidence_class) == ("pass", "attested"), "plaintext cannot exist there"


async def test_properties_that_are_null_are_unknown(azure: Azure) -> None:
    disk = azure.estate.disk("null")
    azure.estate.resources[disk.lower()]["properties"] = None
    assert set((await azure.poll()).statuses(disk).values()) == {"unknown"}


async def test_an_upper_cased_resource_group_joins_the_same_encryption_set(azure: Azure) -> None:
    vault = azure.estate.vault("acme-keys")
    made = azure.estate.encryption_set("disks", azure.estate.key(vault, "disks"), vault)
    group = made.replace("resourceGroups/keys", "resourceGroups/KEYS")
    disk = azure.estate.disk("pg-0", CUSTOMER, set_id=group)
    seen = await azure.poll(policy='keys = "customer-managed"')
    assert seen.statuses(disk)["azure.disk.key-policy"] == "pass"
    entry = seen.model.entry(made)
    assert entry is not None
    assert entry.users == 1
    resource = seen.resources("azure.compute.disk")["pg-0"]
    assert resource.encryption is not None
    assert resource.encryption.key == group, "shown as it was returned"
    assert resource.id == disk


async def test_an_id_whose_case_changes_between_two_polls_is_one_disk(azure: Azure) -> None:
    from posture.source import State
    from providers.collector.collector import Collector

    disk = azure.estate.disk("pg-0")
    collector = Collector(azure.config(SUBSCRIPTION))
    sources = collector.sources()
    await collector.poller.once(sources, 30)
    azure.estate.resources[disk.lower()]["id"] = disk.replace("resourceGroups/prod", "resourceGroups/PROD")
    child = next(source for name, source in collector.poller._sources.items() if name.endswith("/disks"))
    collector.poller._first.clear()
    await collector.poller.once([child], 30)
    assert collector.model.sources[child.id].state is State.OK
    assert [entry.resource.id for entry in collector.model.all() if entry.resource.kind == "volume"] == [disk]


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({}, "pass", "enabled"),
        ({"enabled": False}, "fail", "disabled"),
        ({"expires": int(time.time()) - DAY}, "fail", "expired"),
        ({"expires": int(time.time()) + 10 * DAY}, "warn", "expires"),
        ({"expires": int(time.time()) + 100 * DAY}, "pass", "enabled"),
        ({"not_before": int(time.time()) + DAY}, "fail", "not valid before"),
    ],
)
async def test_an_encryption_set_is_as_healthy_as_its_key(
    azure: Azure, change: dict[str, int], status: str, says: str
) -> None:
    vault = azure.estate.vault("acme-keys")
    made = azure.estate.encryption_set("disks", azure.estate.key(vault, "disks", **change) + "/0123", vault)  # type: ignore[arg-type]
    finding = (await azure.poll()).finding("azure.disk.des-health", made)
    assert finding.status.word == status
    assert says in finding.reason


async def test_a_key_with_an_end_counts_down_to_it(azure: Azure) -> None:
    vault, ends = azure.estate.vault("acme-keys"), int(time.time()) + 40 * DAY
    for name, expires in (("timed", ends), ("free", None)):
        azure.estate.encryption_set(name, azure.estate.key(vault, name, expires=expires), vault)
    keys = (await azure.poll()).resources("azure.keyvault.key")
    assert {name: key.expires for name, key in keys.items()} == {"acme-keys/timed": float(ends), "acme-keys/free": None}


async def test_an_encryption_set_whose_vault_or_key_is_gone_fails(azure: Azure) -> None:
    vault = azure.estate.vault("acme-keys")
    lost = azure.estate.encryption_set("lost-key", "https://acme-keys.vault.azure.net/keys/deleted/1", vault)
    alone = azure.estate.encryption_set(
        "lost-vault", "https://gone.vault.azure.net/keys/k/1", vault.replace("acme-keys", "gone")
    )
    seen = await azure.poll()
    assert (
        seen.finding("azure.disk.des-health", lost).status.word,
        seen.finding("azure.disk.des-health", lost).reason,
    ) == ("fail", "key does not exist")
    assert seen.finding("azure.disk.des-health", alone).reason == "its vault does not exist"
    assert seen.finding("azure.disk.des-health", alone).status.word == "fail"
    assert seen.source("keyvault").state == "ok", "that there is none is an answer"


async def test_rotation_off_purge_protection_off_and_a_rotation_error_are_told(azure: Azure) -> None:
    bare = azure.estate.vault("bare", purge_protected=False)
    vault = azure.estate.vault("acme-keys")
    pinned = azure.estate.encryption_set("pinned", azure.estate.key(vault, "a"), vault, rotates=False)
    purgeable = azure.estate.encryption_set("purgeable", azure.estate.key(bare, "b"), bare)
    failing = azure.estate.encryption_set(
        "failing", azure.estate.key(vault, "c"), vault, failing="Key Vault refused\r\nthe identity"
    )
    seen = await azure.poll()
    findings = {
        name: seen.finding("azure.disk.des-health", each)
        for name, each in (("pinned", pinned), ("purgeable", purgeable), ("failing", failing))
    }
    assert {name: finding.status.word for name, finding in findings.items()} == {
        "pinned": "warn",
        "purgeable": "warn",
        "failing": "fail",
    }
    assert "rotation is off" in findings["pinned"].reason
    assert "purge protection" in findings["purgeable"].reason


async def test_a_refused_key_is_unknown_and_names_the_permission(azure: Azure) -> None:
    vault = azure.estate.vault("acme-keys")
    made = azure.estate.encryption_set("disks", azure.estate.key(vault, "disks"), vault)
    azure.faults.deny("Microsoft.KeyVault/vaults/keys/read")
    finding = (await azure.poll()).finding("azure.disk.des-health", made)
    assert finding.status.word == "unknown"
    assert finding.fault is not None
    assert finding.fault.permission == "Microsoft.KeyVault/vaults/keys/read"


async def test_a_refused_encryption_set_leaves_the_customers_key_unknown_where_it_matters(azure: Azure) -> None:
    vault = azure.estate.vault("acme-keys")
    made = azure.estate.encryption_set("disks", azure.estate.key(vault, "disks"), vault)
    disk, both = azure.estate.disk("one", CUSTOMER, set_id=made), azure.estate.disk("two", BOTH, set_id=made)
    azure.faults.deny("Microsoft.Compute/diskEncryptionSets/read")
    strict = await azure.poll()
    assert strict.statuses(disk)["azure.disk.key-policy"] == "fail", "whosever it is, it is not the platform's"
    customer = await azure.poll(policy='keys = "customer-managed"')
    assert customer.statuses(disk)["azure.disk.key-policy"] == "unknown", "it may be another Entra tenant's"
    assert customer.statuses(both)["azure.disk.key-policy"] == "pass"
    assert customer.fault("encryption-sets").permission == "Microsoft.Compute/diskEncryptionSets/read"


async def test_another_entra_tenants_key_is_foreign(azure: Azure) -> None:
    vault = azure.estate.vault("acme-keys")
    made = azure.estate.encryption_set(
        "disks", azure.estate.key(vault, "disks"), vault, foreign="0c9d1b7e-1111-4222-8333-444455556666"
    )
    ours = azure.estate.encryption_set("ours", azure.estate.key(vault, "disks"), vault, foreign="None")
    disk, own = azure.estate.disk("pg-0", CUSTOMER, set_id=made), azure.estate.disk("pg-1", CUSTOMER, set_id=ours)
    seen = await azure.poll(policy='keys = "either"')
    assert (seen.statuses(disk)["azure.disk.key-policy"], seen.statuses(own)["azure.disk.key-policy"]) == (
        "warn",
        "pass",
    )


async def test_azure_disk_encryption_is_a_warning_only_where_it_is_enabled(azure: Azure) -> None:
    from azure.mgmt.compute.models import EncryptionSettingsCollection

    on = azure.estate.disk(
        "ade",
        encryption_settings_collection=EncryptionSettingsCollection(enabled=True, encryption_settings_version="1.1"),
    )
    off = azure.estate.disk("left-over", encryption_settings_collection=EncryptionSettingsCollection(enabled=False))
    seen = await azure.poll()
    assert seen.statuses(on)["azure.disk.ade-legacy"] == "warn"
    assert seen.statuses(off)["azure.disk.ade-legacy"] == "pass"
    assert seen.statuses(on)["azure.disk.encryption-type"] == "pass"


async def test_snapshots_follow_the_same_rule_and_open_ones_are_worth_a_look(azure: Azure) -> None:
    shut, wide = azure.estate.snapshot("nightly"), azure.estate.snapshot("export", network_access_policy="AllowAll")
    old = azure.estate.snapshot(
        "old", CUSTOMER, set_id="/subscriptions/x/resourceGroups/g/providers/Microsoft.Compute/diskEncryptionSets/none"
    )
    seen = await azure.poll()
    statuses = [seen.statuses(each)["azure.disk.snapshot-encryption"] for each in (shut, wide, old)]
    assert statuses == ["pass", "warn", "fail"]


async def test_a_key_that_two_subscriptions_use_is_read_once_and_stays_with_one(azure: Azure) -> None:
    from providers.demo.azure.resources import SECOND

    azure.estate.subscription(SECOND, "second")
    vault = azure.estate.vault("shared")
    key = azure.estate.key(vault, "disks")
    first, second = (
        azure.estate.encryption_set("a", key, vault),
        azure.estate.encryption_set("b", key, vault, subscription=SECOND),
    )
    seen = await azure.poll(SUBSCRIPTION, SECOND)
    assert {seen.statuses(each)["azure.disk.des-health"] for each in (first, second)} == {"pass"}
    assert azure.server.count("Microsoft.KeyVault/vaults/keys/read") == 1


async def test_paging_gives_every_disk_once(azure: Azure) -> None:
    azure.server.page_size = 7
    made = {azure.estate.disk(f"d-{number:03}", PLATFORM) for number in range(50)}
    seen = await azure.poll()
    assert {resource.id for resource in seen.resources("azure.compute.disk").values()} == made
    assert azure.server.count("Microsoft.Compute/disks/read") == 8


@pytest.mark.parametrize(
    ("sets", "provider", "customer"),
    [
        ((), "pass", "fail"),
        (("one",), "fail", "pass"),
        (("one", "one"), "fail", "pass"),
        (("one", None), "unknown", "unknown"),
        (("gone",), "unknown", "unknown"),
    ],
)
async def test_images_follow_the_rule_by_the_sets_of_their_disks(
    azure: Azure, sets: tuple[str | None, ...], provider: str, customer: str
) -> None:
    vault = azure.estate.vault("acme-keys")
    known = {
        "one": azure.estate.encryption_set("one", azure.estate.key(vault, "k"), vault),
        "gone": "/subscriptions/x/resourceGroups/g/providers/y/z/gone",
    }
    image = azure.estate.image(
        "golden", *(known[each].replace("resourceGroups", "resourcegroups") if each else None for each in sets)
    )
    for policy, status in (('keys = "provider-managed"', provider), ('keys = "customer-managed"', customer)):
        assert (await azure.poll(policy=policy)).statuses(image)["azure.disk.snapshot-encryption"] == status


async def test_refused_images_leave_the_snapshots(azure: Azure) -> None:
    azure.estate.image("golden")
    nightly = azure.estate.snapshot("nightly")
    azure.faults.deny("Microsoft.Compute/images/read")
    seen = await azure.poll()
    assert (seen.source("snapshots").state, seen.fault("snapshots").permission) == (
        "partial",
        "Microsoft.Compute/images/read",
    )
    assert seen.statuses(nightly)["azure.disk.snapshot-encryption"] == "pass"


async def test_a_key_is_judged_by_who_uses_it_and_its_remedy_names_its_url(azure: Azure) -> None:
    vault = azure.estate.vault("acme-keys")
    url = azure.estate.key(vault, "off", enabled=False)
    made = azure.estate.encryption_set("s", f"{url}/1", vault)
    seen = await azure.poll()
    assert seen.statuses(f"{vault}/keys/off") == {
        "azure.disk.des-health": "fail",
        "azure.storage.cmk-health": "not_applicable",
    }
    control = registry().get("azure.disk.des-health")
    assert control is not None
    key = seen.resources("azure.keyvault.key")["acme-keys/off"]
    assert f"az keyvault key set-attributes --id {url} " in remedy_for(control, key)
    assert seen.statuses(made)["azure.disk.des-health"] == "fail"


async def test_a_disk_of_a_scale_set_names_the_set_and_the_machine(azure: Azure) -> None:
    machines = "/subscriptions/x/resourceGroups/g/providers/Microsoft.Compute"
    owners = {
        "plain": f"{machines}/virtualMachines/db-1",
        "scaled": f"{machines}/virtualMachineScaleSets/pool-vmss/virtualMachines/3",
        "free": None,
    }
    for name, owner in owners.items():
        azure.estate.disk(name, managed_by=owner)
    disks = (await azure.poll()).resources("azure.compute.disk")
    assert {name: disks[name].cells[0] for name in owners} == {
        "plain": "db-1",
        "scaled": "pool-vmss/3",
        "free": "unattached",
    }
