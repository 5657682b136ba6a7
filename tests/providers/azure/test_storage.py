"""Azure storage accounts and their containers, from Resource Manager's answer to the verdict."""

from typing import Any

import pytest

from posture.source import State
from posture.verdict import Status
from providers.demo.azure.accounts import SUBSCRIPTION
from tests.providers.conftest import Watch
from tests.world.azure import Azure


async def test_an_account_as_the_document_says_passes_all(azure: Azure) -> None:
    account = azure.estate.account("acmedata")
    statuses = dict((await azure.poll()).statuses(account))
    assert statuses.pop("azure.storage.cmk-health") == "not_applicable"
    assert statuses.pop("azure.storage.infrastructure-encryption") == "not_applicable"
    assert set(statuses.values()) == {"pass"}
    assert len(statuses) == 5


async def test_an_account_is_found_by_its_name_alone_as_a_volume_of_kubernetes_names_it(azure: Azure) -> None:
    account = azure.estate.account("acmedata")
    entry = (await azure.poll()).model.entry("storageaccount:acmedata")
    assert entry is not None
    assert entry.resource.id == account


@pytest.mark.parametrize("spelling", ["Microsoft.Keyvault", "Microsoft.KeyVault"])
async def test_the_key_source_is_read_in_either_spelling(azure: Azure, spelling: str) -> None:
    vault = azure.estate.vault("acme-keys")
    account = azure.estate.account("acmedata", key=azure.estate.key(vault, "data"))
    encryption = azure.estate.resources[account.lower()]["properties"]["encryption"]
    azure.estate.change(account, encryption={**encryption, "keySource": spelling})
    assert (await azure.poll()).statuses(account)["azure.storage.key-source"] == "fail"
    customer = await azure.poll(policy='keys = "customer-managed"')
    assert customer.statuses(account)["azure.storage.key-source"] == "pass"
    assert customer.statuses(account)["azure.storage.cmk-health"] == "pass", "the vault is found by its name"


async def test_a_pinned_version_is_a_warning_and_an_unlisted_key_a_failure(azure: Azure) -> None:
    vault = azure.estate.vault("acme-keys")
    key = azure.estate.key(vault, "data")
    pinned = azure.estate.account("pinned", key=f"{key}/0123")
    free = azure.estate.account("free", key=key)
    listed = f'keys = "customer-managed"\nrequired_keys = ["{key.upper()}/99"]'
    seen = await azure.poll(policy=listed)
    assert [seen.statuses(each)["azure.storage.key-source"] for each in (pinned, free)] == ["warn", "pass"]
    other = await azure.poll(
        policy='keys = "customer-managed"\nrequired_keys = ["https://other.vault.azure.net/keys/k"]'
    )
    assert other.statuses(free)["azure.storage.key-source"] == "fail"


@pytest.mark.parametrize(
    ("more", "control", "status"),
    [
        ({"enable_https_traffic_only": False}, "secure-transfer", "fail"),
        ({"enable_https_traffic_only": None}, "secure-transfer", "warn"),
        ({"minimum_tls_version": "TLS1_0"}, "min-tls", "warn"),
        ({"minimum_tls_version": None}, "min-tls", "warn"),
        ({"minimum_tls_version": "TLS1_3"}, "min-tls", "pass"),
        ({"blob": False}, "encryption-services", "fail"),
        ({"infrastructure": True}, "infrastructure-encryption", "pass"),
        ({"allow_blob_public_access": None}, "public-blob", "pass"),
        ({"allow_blob_public_access": True}, "public-blob", "warn"),
    ],
)
async def test_settings_of_an_account(azure: Azure, more: dict[str, Any], control: str, status: str) -> None:
    account = azure.estate.account("acmedata", **more)
    assert (await azure.poll()).statuses(account)[f"azure.storage.{control}"] == status


async def test_a_second_layer_is_demanded_by_policy_double_only(azure: Azure) -> None:
    account = azure.estate.account("acmedata")
    seen = await azure.poll(policy='keys = "double"')
    assert seen.statuses(account)["azure.storage.infrastructure-encryption"] == "fail"


async def test_an_account_without_an_encryption_block_warns_and_its_key_is_unknown(azure: Azure) -> None:
    account = azure.estate.account("ancient")
    azure.estate.change(account, encryption=None)
    statuses = (await azure.poll()).statuses(account)
    assert (statuses["azure.storage.encryption-services"], statuses["azure.storage.key-source"]) == ("warn", "unknown")


async def test_a_public_container_fails_and_is_named(azure: Azure) -> None:
    account = azure.estate.account("acmeweb", allow_blob_public_access=True)
    azure.estate.container(account, "private")
    azure.estate.container(account, "downloads", public="Blob")
    finding = (await azure.poll()).finding("azure.storage.public-blob", account)
    assert (finding.status.word, finding.reason) == ("fail", "anybody may read container downloads")


async def test_refused_containers_leave_public_access_unknown_with_the_permission(azure: Azure) -> None:
    account = azure.estate.account("acmeweb", allow_blob_public_access=True)
    azure.faults.deny("Microsoft.Storage/storageAccounts/blobServices/containers/read")
    seen = await azure.poll()
    finding = seen.finding("azure.storage.public-blob", account)
    assert finding.status.word == "unknown"
    assert finding.fault is not None
    assert finding.fault.permission == "Microsoft.Storage/storageAccounts/blobServices/containers/read"
    assert seen.source("containers").state == "partial"
    assert seen.statuses(account)["azure.storage.key-source"] == "pass"


async def test_a_container_on_a_customers_key_is_found_under_a_microsoft_managed_account(azure: Azure) -> None:
    vault = azure.estate.vault("acme-keys")
    account = azure.estate.account("acmedata")
    azure.estate.scope(account, "customers", key=azure.estate.key(vault, "scope"))
    azure.estate.scope(account, "plain")
    odd = azure.estate.container(account, "odd", scope="customers", deny_override=True)
    even = azure.estate.container(account, "even", scope="plain", deny_override=True)
    usual = azure.estate.container(account, "usual")
    seen = await azure.poll()
    control = "azure.storage.encryption-scope"
    assert seen.statuses(account)["azure.storage.key-source"] == "pass"
    assert [seen.statuses(each)[control] for each in (odd, even, usual)] == ["fail", "pass", "warn"]


async def test_a_disabled_scope_in_use_fails_and_a_refused_one_is_unknown(azure: Azure) -> None:
    account = azure.estate.account("acmedata")
    azure.estate.scope(account, "off", state="Disabled")
    container = azure.estate.container(account, "dark", scope="off", deny_override=True)
    assert (await azure.poll()).statuses(container)["azure.storage.encryption-scope"] == "fail"
    azure.faults.deny("Microsoft.Storage/storageAccounts/encryptionScopes/read")
    seen = await azure.poll()
    assert seen.statuses(container)["azure.storage.encryption-scope"] == "unknown"
    assert seen.fault("containers").permission == "Microsoft.Storage/storageAccounts/encryptionScopes/read"


async def test_a_key_in_a_vault_that_nobody_shows_is_unknown(azure: Azure) -> None:
    account = azure.estate.account("acmedata", key="https://elsewhere.vault.azure.net/keys/k")
    finding = (await azure.poll(policy='keys = "customer-managed"')).finding("azure.storage.cmk-health", account)
    assert finding.status.word == "unknown"
    assert finding.fault is not None
    assert finding.fault.permission == "Microsoft.KeyVault/vaults/read"


async def test_containers_are_asked_only_where_they_can_differ(azure: Azure) -> None:
    for number in range(5):
        azure.estate.container(azure.estate.account(f"plain{number}"), "c")
    azure.estate.container(azure.estate.account("wide", allow_blob_public_access=True), "c")
    await azure.poll()
    assert azure.server.count("Microsoft.Storage/storageAccounts/blobServices/containers/read") == 1


async def test_what_is_below_an_account_that_refuses_stays_and_what_is_gone_below_another_goes(azure: Azure) -> None:
    vault = azure.estate.vault("acme-keys")
    shut, open_ = (azure.estate.account(name) for name in ("shut", "open"))
    kept = azure.estate.scope(shut, "held", key=azure.estate.key(vault, "held"))
    key = next(id for id in azure.estate.resources if id.endswith("/keys/held"))
    gone, container = azure.estate.scope(open_, "gone"), azure.estate.container(shut, "exports")
    watch = Watch(azure.text(SUBSCRIPTION))
    await watch.poll()
    azure.faults.deny("Microsoft.Storage/storageAccounts/encryptionScopes/read", resource="*shut*")
    azure.faults.deny("Microsoft.Storage/storageAccounts/blobServices/containers/read", resource="*shut*")
    azure.estate.delete(gone)
    await watch.poll()
    await watch.poll()
    await watch.poller.stop()
    assert watch.source("containers").state is State.PARTIAL
    assert [watch.model.entry(each) is not None for each in (kept, container, key, gone)] == [True, True, True, False]


async def test_a_key_whose_users_could_not_be_read_is_unknown_and_not_unused(azure: Azure) -> None:
    vault = azure.estate.vault("acme-keys")
    made = azure.estate.encryption_set("disks", azure.estate.key(vault, "disks"), vault)
    watch = Watch(azure.text(SUBSCRIPTION))
    key = next(id for id in azure.estate.resources if id.endswith("/keys/disks"))
    assert (await watch.poll()).finding("azure.disk.des-health", key).status is Status.PASS
    azure.estate.resources[made.lower()]["properties"]["rotationToLatestKeyVersionEnabled"] = "perhaps"
    finding = (await watch.poll()).finding("azure.disk.des-health", key)
    assert (finding.status, "encryption-sets is partial" in finding.reason) == (Status.UNKNOWN, True)
    azure.estate.delete(made)
    assert (await watch.poll()).model.entry(key) is None, "nobody names it any more"
    await watch.poller.stop()
