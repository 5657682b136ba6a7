"""Azure's decision table, cell by cell, and the judgements that need no server."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from posture.clock import parse_rfc3339
from posture.controls.registry import registry
from posture.policy import KeyMode, Policy
from posture.resource import KeyClass
from posture.verdict import EvidenceClass, Status
from tests.posture.controls.azure import world as azure
from tests.posture.controls.world import World

POLICIES = {
    "strict": Policy(),
    "provider": Policy(strict=False),
    "either": Policy(keys=KeyMode.EITHER),
    "customer": Policy(keys=KeyMode.CUSTOMER_MANAGED),
    "double": Policy(keys=KeyMode.DOUBLE),
}
PLATFORM, CUSTOMER, BOTH = (
    f"EncryptionAtRestWith{words}" for words in ("PlatformKey", "CustomerKey", "PlatformAndCustomerKeys")
)
# class -> strict, provider, either, customer, double
DISKS = {
    "provider": (azure.disk(KeyClass.PROVIDER, PLATFORM), None, "pass pass pass fail fail"),
    "customer": (
        azure.disk(KeyClass.UNKNOWN, CUSTOMER, set_id=azure.SET),
        KeyClass.CUSTOMER,
        "fail fail pass pass fail",
    ),
    "customer-foreign": (
        azure.disk(KeyClass.UNKNOWN, CUSTOMER, set_id=azure.SET),
        KeyClass.CUSTOMER_FOREIGN,
        "fail fail warn fail fail",
    ),
    "double": (azure.disk(KeyClass.DOUBLE, BOTH, set_id=azure.SET), KeyClass.DOUBLE, "fail fail pass pass pass"),
    "unknown": (azure.disk(KeyClass.UNKNOWN, None), None, "unknown unknown pass unknown unknown"),
}
ACCOUNTS = {
    "provider": (azure.account(KeyClass.PROVIDER, "Microsoft.Storage"), "pass pass pass fail fail"),
    "customer": (azure.account(KeyClass.CUSTOMER, "Microsoft.Keyvault"), "fail fail pass pass fail"),
    "customer-foreign": (azure.account(KeyClass.CUSTOMER_FOREIGN, "Microsoft.Keyvault"), "fail fail warn fail fail"),
    "unknown": (azure.account(KeyClass.UNKNOWN, None), "unknown unknown pass unknown unknown"),
}


@pytest.mark.parametrize(("observed", "column"), [(observed, column) for observed in DISKS for column in range(5)])
def test_the_decision_table_for_disks(observed: str, column: int) -> None:
    disk, confers, cells = DISKS[observed]
    world = World([azure.encryption_set(confers)] if confers else [], list(POLICIES.values())[column])
    verdict = world.ask("azure.disk.key-policy", disk)
    assert verdict.status.word == cells.split()[column]
    if observed == "unknown" and verdict.status is Status.PASS:
        assert verdict.evidence_class is EvidenceClass.ATTESTED


@pytest.mark.parametrize(("observed", "column"), [(observed, column) for observed in ACCOUNTS for column in range(5)])
def test_the_decision_table_for_accounts(observed: str, column: int) -> None:
    account, cells = ACCOUNTS[observed]
    verdict = World(policy=list(POLICIES.values())[column]).ask("azure.storage.key-source", account)
    assert verdict.status.word == cells.split()[column]


@pytest.mark.parametrize(
    ("observed", "listed", "status"),
    [
        (KeyClass.CUSTOMER, azure.SET.upper(), "pass"),
        (KeyClass.CUSTOMER, f"{azure.KEY_URL}/0123", "pass"),
        (KeyClass.CUSTOMER, "https://other.vault.azure.net/keys/k", "fail"),
        (KeyClass.CUSTOMER_FOREIGN, azure.SET, "pass"),
        (KeyClass.CUSTOMER_FOREIGN, "https://other.vault.azure.net/keys/k", "fail"),
    ],
)
def test_a_list_of_required_keys_names_the_set_or_its_key_in_any_case(
    observed: KeyClass, listed: str, status: str
) -> None:
    world = World([azure.encryption_set(observed)], Policy(keys=KeyMode.CUSTOMER_MANAGED, required_keys=(listed,)))
    disk = azure.disk(KeyClass.UNKNOWN, CUSTOMER, set_id=azure.SET)
    assert world.ask("azure.disk.key-policy", disk).status.word == status


def test_azure_disk_encryption_fails_from_the_day_it_is_retired() -> None:
    disk = msgspec.structs.replace(
        azure.disk(KeyClass.PROVIDER, PLATFORM),
        fields={"properties": {"encryptionSettingsCollection": {"enabled": True}}},
    )
    end = parse_rfc3339("2028-09-15T00:00:00Z")
    before = World(now=end - 1).ask("azure.disk.ade-legacy", disk)
    assert (before.status.word, before.valid_until) == ("warn", end)
    assert World(now=end).ask("azure.disk.ade-legacy", disk).status.word == "fail"


@pytest.mark.parametrize(("level", "status"), [("Recoverable+Purgeable", "warn"), ("Recoverable", "pass")])
def test_where_the_vault_may_not_be_read_the_keys_recovery_level_tells(level: str, status: str) -> None:
    key = azure.key(recoveryLevel=level)
    key = msgspec.structs.replace(key, fields={name: value for name, value in key.fields.items() if name != "vault"})
    assert World([key]).ask("azure.disk.des-health", azure.encryption_set()).status.word == status


def test_a_health_verdict_says_until_when_it_holds() -> None:
    world = World([azure.key(exp=2_000_000_000)])
    verdict = world.ask("azure.disk.des-health", azure.encryption_set())
    assert (verdict.status.word, verdict.valid_until) == ("pass", 2_000_000_000 - 30 * 86400)


def _worn(value: Any) -> Iterator[Any]:
    """The same value with one part of it, at any depth, null or left out."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield {**value, name: None}
            yield {other: each for other, each in value.items() if other != name}
            yield from ({**value, name: worn} for worn in _worn(inner))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from ([*value[:number], worn, *value[number + 1 :]] for worn in _worn(inner))


@pytest.mark.parametrize("type_", sorted(azure.TYPES))
def test_no_control_raises_where_a_part_of_an_answer_is_null_or_missing_at_any_depth(type_: str) -> None:
    whole = azure.TYPES[type_]
    for policy in POLICIES.values():
        for fields in _worn(whole.fields):
            for control in registry().for_type(type_):
                verdict = World(list(azure.BESIDE), policy).ask(
                    control.id, msgspec.structs.replace(whole, fields=fields)
                )
                assert verdict.reason
    for number, beside in enumerate(azure.BESIDE):
        for fields in _worn(beside.fields):
            seen = [*azure.BESIDE[:number], msgspec.structs.replace(beside, fields=fields), *azure.BESIDE[number + 1 :]]
            for control in registry().for_type(type_):
                assert World(seen).ask(control.id, whole).reason
