"""Rows of Azure that are not as the REST references have them, each beside healthy ones in one listing: none passes for
it, none fails for it, none takes another with it.
"""

import copy
import json
import time
from typing import Any

import pytest

from posture.snapshot import take, to_json
from providers.demo.azure import more
from providers.demo.azure.resources import CUSTOMER, SUBSCRIPTION
from tests.world.azure import Azure, Seen
from tests.world.wire_mutants import mutants

CUSTOMERS = 'keys = "customer-managed"'

MATERIAL: dict[str, tuple[str, ...]] = {
    "azure.disk.encryption-type": ("properties.encryption.type",),
    "azure.disk.key-policy": ("properties.encryption.type", "properties.securityProfile.securityType"),
    "azure.disk.snapshot-encryption": ("properties.encryption.type", "properties.storageProfile.osDisk"),
    "azure.disk.des-health": ("properties.activeKey.keyUrl",),
    "azure.disk.unmanaged": ("properties.storageProfile.osDisk",),
    "azure.disk.ade-legacy": ("properties.storageProfile.osDisk",),
    "azure.vm.encryption-at-host": (
        "properties.securityProfile.encryptionAtHost",
        "properties.virtualMachineProfile.securityProfile.encryptionAtHost",
        "properties.agentPoolProfiles.#.enableEncryptionAtHost",
    ),
    "azure.storage.encryption-services": ("properties.encryption.services.blob.enabled",),
    "azure.storage.key-source": ("properties.encryption.keySource",),
    "azure.storage.secure-transfer": ("properties.supportsHttpsTrafficOnly",),
    "azure.storage.min-tls": ("properties.minimumTlsVersion",),
    "azure.edge.ssl-policy": (
        "properties.httpListeners",
        "properties.httpListeners.#.properties.protocol",
        "properties.requestRoutingRules",
        "properties.requestRoutingRules.#.properties.httpListener.id",
        "properties.redirectConfigurations.#.properties.targetListener.id",
        "properties.urlPathMaps.#.properties.defaultRedirectConfiguration.id",
        "properties.urlPathMaps.#.properties.pathRules.#.properties.redirectConfiguration.id",
        "properties.sslProfiles.#.properties.sslPolicy.policyName",
    ),
}
"""Control -> the fields without which it passes nothing."""
BENIGN = {
    ("azure.edge.ssl-policy", "properties.urlPathMaps.#.properties.pathRules", "list"),
    ("azure.edge.ssl-policy", "properties.sslProfiles.#.properties.sslPolicy", "absent"),
    ("azure.edge.ssl-policy", "properties.sslProfiles.#.properties.sslPolicy", "null"),
    ("azure.disk.key-policy", "properties.securityProfile.securityType", "absent"),
    ("azure.disk.key-policy", "properties.securityProfile.securityType", "null"),
    ("azure.disk.key-policy", "properties.securityProfile", "absent"),
    ("azure.disk.key-policy", "properties.securityProfile", "null"),
    ("azure.disk.key-policy", "properties.securityProfile", "object"),
    ("azure.disk.unmanaged", "properties.storageProfile.osDisk", "object"),
    ("azure.disk.ade-legacy", "properties.storageProfile.osDisk", "object"),
}
"""A map may have no rules beside its default, a profile no policy; a disk without a security type is as its
`encryption` says; a system disk that names no page blob is managed."""


def _gateway(azure: Azure, name: str) -> str:
    """A gateway whose listener for HTTPS has a profile of its own, and whose two for HTTP redirect, by a rule and by
    a map.
    """
    own = more.gateway(azure.estate, name)
    properties = copy.deepcopy(azure.estate.resources[own.lower()]["properties"])
    away = {"id": f"{own}/redirectConfigurations/away"}
    third = f"{own}/httpListeners/by-map"
    properties["httpListeners"].append({"id": third, "name": "by-map", "properties": {"protocol": "Http"}})
    properties["httpListeners"][0]["properties"]["sslProfile"] = {"id": f"{own}/sslProfiles/strict"}
    properties["sslProfiles"] = [
        {
            "id": f"{own}/sslProfiles/strict",
            "name": "strict",
            "properties": {"sslPolicy": {"policyType": "Predefined", "policyName": "AppGwSslPolicy20220101S"}},
        }
    ]
    paths = [{"id": f"{own}/x", "name": "x", "properties": {"paths": ["/x/*"], "redirectConfiguration": away}}]
    properties["urlPathMaps"] = [
        {
            "id": f"{own}/urlPathMaps/all",
            "name": "all",
            "properties": {"defaultRedirectConfiguration": away, "pathRules": paths},
        }
    ]
    rule = {
        "ruleType": "PathBasedRouting",
        "httpListener": {"id": third},
        "urlPathMap": {"id": f"{own}/urlPathMaps/all"},
    }
    properties["requestRoutingRules"].append({"name": "by-map", "properties": rule})
    azure.estate.change(own, **properties)
    return own


def _bases(azure: Azure) -> list[str]:
    """One healthy resource of each kind that is a row of a listing."""
    estate = azure.estate
    vault = estate.vault("acme-keys")
    key = estate.key(vault, "data")
    made = estate.encryption_set("disks", f"{key}/1", vault)
    machine, cluster = more.machine(estate, "vm"), more.cluster(estate, "aks")
    estate.change(
        machine,
        storageProfile={
            "osDisk": {"name": "os", "managedDisk": {"id": "/d"}},
            "dataDisks": [{"lun": 0, "managedDisk": {"id": "/e"}}],
        },
    )
    disk = estate.disk("plain")
    estate.change(disk, securityProfile={"securityType": "TrustedLaunch"})
    account, under_key = estate.account("acmeplain"), estate.account("acmekeyed", key=key)
    for each in (account, under_key):  # hundreds in one region, where Azure answers 150 questions about shares
        estate.resources[each.lower()]["kind"] = "BlobStorage"
    return [
        disk,
        estate.disk("keyed", CUSTOMER, set_id=made),
        estate.snapshot("s"),
        estate.image("i", made, made),
        made,
        machine,
        more.scale_set(estate, "ss"),
        cluster,
        account,
        under_key,
        _gateway(azure, "gw"),
    ]


def _put_mutants(azure: Azure, bases: list[str]) -> dict[str, tuple[str, str, str]]:
    """Id of each mutant -> base, where and what was changed."""
    made: dict[str, tuple[str, str, str]] = {}
    for base in bases:
        body = json.loads(json.dumps(azure.estate.resources[base.lower()]).replace(f'"{base}/', '"@own@/'))
        for number, (where, change, mutant) in enumerate(
            mutants(body, frozenset({"id", "name", "type", "location", "zones"}))
        ):
            own = f"{base}-{number}" if "storageAccounts" not in base else f"{base}{number}"
            text = json.dumps(mutant).replace('"@own@/', f'"{own}/').replace('"@OWN@/', f'"{own.swapcase()}/')
            azure.estate.put(own, {**json.loads(text), "id": own, "name": own.rpartition("/")[2]})
            made[own] = (base, where, change)
    return made


def _wrong(seen: Seen, made: dict[str, tuple[str, str, str]]) -> list[str]:
    wrong = []
    for own, (base, where, change) in made.items():
        should = seen.statuses(base)
        entry = seen.model.entry(own.lower()) or seen.model.entry(own)
        assert entry is not None, f"{own} ({where} {change}) is not there"
        for control, finding in entry.findings.items():
            status = finding.status.word
            material = [
                field for field in MATERIAL.get(control, ()) if _stands(seen.resource(base).fields, field.split("."))
            ]
            what = f"{base.rpartition('/')[2]} {where} {change}: {control} is {status} ({finding.reason})"
            if "failed while" in finding.reason:
                wrong.append(f"raised: {what}")
            elif change in {"case", "extra"}:
                if status != should[control] and not finding.reason.startswith("its "):
                    wrong.append(f"other: {what}, was {should[control]}")
            # a key that is named otherwise is another
            elif status == "fail" != should[control] and "does not exist" not in finding.reason:
                wrong.append(f"false FAIL: {what}")
            elif status == "pass" and (control, where, change) not in BENIGN and _is_material(where, change, material):
                wrong.append(f"unsupported PASS: {what}")
    return wrong


def _is_material(where: str, change: str, material: list[str]) -> bool:
    """Whether a change touches what a PASS needs; one item less of a list is another, healthy answer."""
    return not (change == "absent" and where.endswith("#")) and any(
        f"{field}.".startswith(f"{where}.") for field in material
    )


def _stands(value: Any, path: list[str]) -> bool:
    """Whether a resource has the field at all."""
    if not path:
        return True
    if path[0] == "#":
        return any(_stands(each, path[1:]) for each in value)
    return isinstance(value, dict) and path[0] in value and _stands(value[path[0]], path[1:])


@pytest.mark.parametrize("policy", ["", CUSTOMERS])
async def test_a_row_that_is_not_as_it_should_be_neither_passes_nor_fails_for_it_nor_takes_another_with_it(
    azure: Azure, policy: str
) -> None:
    bases = _bases(azure)
    made = _put_mutants(azure, bases)
    assert len(made) > 1_500
    seen = await azure.poll(SUBSCRIPTION, policy=policy)
    for base in bases:
        assert "unknown" not in {
            status for control, status in seen.statuses(base).items() if not control.startswith("meta.")
        }, base
    wrong = _wrong(seen, made)
    assert not wrong, "\n".join(wrong)
    assert {source.fault.code for source in seen.model.sources.values() if source.fault is not None} <= {
        "UnreadableRow",
        "NotListed",
        "VaultNotSeen",
    }


@pytest.mark.parametrize("change", ["absent", "null", "number"])
async def test_a_row_that_does_not_say_which_it_is_makes_its_listing_partial_and_nothing_is_taken_to_be_gone(
    azure: Azure, change: str
) -> None:
    azure.estate.disk("a")
    odd = azure.estate.disk("b")
    body: dict[str, Any] = azure.estate.resources[odd.lower()]
    rest = azure.estate.below

    def below(parent: str, kind: str) -> list[dict[str, Any]]:
        spoilt: dict[str, dict[str, Any]] = {"absent": {}, "null": {"id": None}, "number": {"id": 7}}
        new = spoilt[change]
        return [
            row if row["name"] != "b" else {**{name: body[name] for name in body if name != "id"}, **new}
            for row in rest(parent, kind)
        ]

    server, listing = azure.server, azure.server._listing

    def answer(path: str, query: dict[str, str], host: str) -> object:
        from providers.demo.azure.server import _json

        return (
            _json({"value": below(f"/subscriptions/{SUBSCRIPTION}", "microsoft.compute/disks")})
            if path.endswith("/disks")
            else listing(path, query, host)
        )

    server._listing = answer  # type: ignore[method-assign,assignment]
    try:
        seen = await azure.poll()
    finally:
        server._listing = listing  # type: ignore[method-assign]
    assert (seen.source("disks").state, seen.fault("disks").code) == ("partial", "UnreadableRow")
    assert set(seen.resources("azure.compute.disk")) == {"a"}


async def test_a_machine_without_a_name_is_called_by_its_id(azure: Azure) -> None:
    own = more.machine(azure.estate, "vm")
    del azure.estate.resources[own.lower()]["name"]
    assert set((await azure.poll()).resources("azure.compute.vm")) == {"vm"}


async def test_rows_with_nothing_but_an_id_can_be_written(azure: Azure) -> None:
    azure.reset()
    bases = _bases(azure)
    for own in bases:
        bare = {name: value for name, value in azure.estate.resources[own.lower()].items() if name == "type"}
        azure.estate.put(f"{own}bare", {**bare, "id": f"{own}bare"})
    seen = await azure.poll()
    assert sum(one.resource.id.endswith("bare") for one in seen.model.all()) >= len(bases)
    to_json(take(seen.model, time.time(), "0"))
