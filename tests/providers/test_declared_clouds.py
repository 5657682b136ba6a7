"""Azure and Google Cloud: a full run asks all that the printed policy grants and nothing else, and who has only that
reads everything.
"""

import json
from typing import Any

import pytest

from posture.model import Model
from providers.azure.calls import GRAPH_CALLS, QUERY_RESOURCES
from providers.collector.systems import policy_text
from providers.demo.azure import more
from providers.demo.azure.faults import refusal
from providers.demo.azure.resources import CUSTOMER, SUBSCRIPTION
from providers.demo.gcp.faults import error
from providers.gcp.calls import CALLS as GOOGLE_CALLS
from tests.world.azure import Azure
from tests.world.gcp import Google

OURS = {QUERY_RESOURCES.permission, *GRAPH_CALLS}
"""What no role grants: Resource Graph takes no permission of its own, Microsoft Graph's are granted in Entra."""


def _azure_grants(*needs: str) -> set[str]:
    role = json.loads(policy_text("azure", frozenset(needs)))
    return {*role["Actions"], *role["DataActions"]}


def _google_grants(*needs: str) -> set[str]:
    return {
        line.removeprefix("- ") for line in policy_text("gcp", frozenset(needs)).splitlines() if line.startswith("- ")
    }


def _whole_azure(azure: Azure) -> str:
    """A world in which every call has something to ask, and the settings that ask it; Resource Graph shows nothing,
    so that Resource Manager is asked.
    """
    estate = azure.estate
    key = estate.key(estate.vault("acme-keys"), "data")
    hsm = estate.put(
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/keys/providers/Microsoft.KeyVault/managedHSMs/acme-hsm",
        {"properties": {}},
    )
    url = "https://acme-hsm.managedhsm.azure.net/keys/disks"
    estate.put(
        f"{hsm}/keys/disks",
        {
            "properties": {
                "attributes": {"enabled": True, "recoveryLevel": "Recoverable"},
                "keyUri": url,
                "kty": "RSA-HSM",
            }
        },
    )
    estate.disk("d", CUSTOMER, set_id=estate.encryption_set("by", url, None))
    estate.snapshot("s")
    estate.image("i")
    account = estate.account("acmedata", key=key)
    estate.scope(account, "own")
    estate.blob(estate.container(account, "invoices"), "b")
    more.machine(estate, "m")
    more.scale_set(estate, "ss")
    more.cluster(estate, "aks")
    more.gateway(estate, "gw")
    more.front_door(estate, "fd")
    more.people(estate, defaults=True)
    azure.server.hidden.add(SUBSCRIPTION)
    return f'blob_sample = 1\ngraph_endpoint = "{azure.server.url}"'


def _whole_google(google: Google) -> dict[str, Any]:
    """The same for Google Cloud."""
    project, zone = google.project, "zones/us-central1-a"
    project.disk("d", zone, key=f"{project.key('k', versions={1: 'ENABLED'})}/cryptoKeyVersions/1")
    project.disk("e", zone, key=google.server.cloud.project("x-other").key("f"))
    project.bucket("b", prevention="inherited")
    project.object("b", "o")
    return {"object_pages": 1, "workspace": "my_customer"}


def _faults(model: Model) -> dict[str, object]:
    return {source.id: source.fault for source in model.sources.values() if source.fault is not None}


async def test_azure_is_asked_all_that_the_role_grants_and_nothing_else(azure: Azure) -> None:
    await azure.poll(more=_whole_azure(azure))
    assert {asked.operation for asked in azure.server.log} == _azure_grants("blob_sample") | OURS
    assert azure.server.writes == []


async def test_without_the_setting_the_data_action_is_neither_granted_nor_asked(azure: Azure) -> None:
    settings = _whole_azure(azure).replace("blob_sample = 1", "blob_sample = 0")
    await azure.poll(more=settings)
    assert {asked.operation for asked in azure.server.log} == _azure_grants() | OURS
    assert len(_azure_grants("blob_sample") - _azure_grants()) == 1


async def test_who_has_only_the_role_reads_all_of_azure(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, allowed = _whole_azure(azure), _azure_grants("blob_sample") | OURS
    monkeypatch.setattr(
        azure.faults,
        "before",
        lambda asked: None if asked.operation in allowed else refusal(403, "AuthorizationFailed", asked.operation),
    )
    seen = await azure.poll(more=settings)
    assert _faults(seen.model) == {}


async def test_google_is_asked_all_that_the_role_grants_and_nothing_else(google: Google) -> None:
    settings = _whole_google(google)
    await google.poll(**settings)
    asked = {GOOGLE_CALLS[operation].permission for operation in google.server.log.operations} - {""}
    assert asked == _google_grants(*settings)


async def test_without_the_settings_google_is_asked_less_and_the_role_grants_less(google: Google) -> None:
    settings = _whole_google(google)
    await google.poll()
    asked = {GOOGLE_CALLS[operation].permission for operation in google.server.log.operations}
    assert asked == _google_grants()
    assert _google_grants() < _google_grants(*settings)


async def test_who_has_only_the_role_reads_all_of_google(google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _whole_google(google)
    allowed = _google_grants(*settings) | {""}

    def only(asked: Any) -> object:
        permission = GOOGLE_CALLS[asked.operation].permission
        return (
            None
            if permission in allowed
            else error(403, f"Required '{permission}' permission", "forbidden", "PERMISSION_DENIED")
        )

    usual = _faults((await google.poll(**settings)).model)
    monkeypatch.setattr(google.server.faults, "before", only)
    seen = await google.poll(**settings)
    assert _faults(seen.model) == usual == {}
