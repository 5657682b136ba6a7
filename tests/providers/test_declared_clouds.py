"""Azure and Google Cloud: a full run asks all that the printed policy grants and nothing else, and who has only that
reads everything.
"""

import json
from typing import Any

import pytest

from posture.model import Model
from providers.collector.systems import policy_text
from providers.demo.azure.faults import refusal
from providers.demo.gcp.faults import error
from providers.gcp.calls import CALLS as GOOGLE_CALLS
from tests.providers.subjects import azure as azure_world
from tests.providers.subjects import google as google_world
from tests.providers.subjects.azure import OURS
from tests.world.azure import Azure
from tests.world.gcp import Google


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
    azure_world.seed(azure)
    return f'blob_sample = 1\ngraph_endpoint = "{azure.server.url}"'


def _whole_google(google: Google) -> dict[str, Any]:
    """The same for Google Cloud."""
    google_world.seed(google)
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
