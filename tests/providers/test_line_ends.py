"""CR LF where Azure and Google write it: between the tokens of a body, at the end of a value, inside a message. No
verdict moves, and no line breaks.
"""

import json
from typing import Any

import pytest

from posture.model import Model
from providers.demo.answer import Answer
from providers.demo.azure import resources
from providers.demo.azure.faults import refusal
from providers.demo.azure.resources import CUSTOMER
from providers.demo.gcp import faults
from tests.world.azure import Azure
from tests.world.gcp import Google

ENDS = "\r\n"
A = "zones/us-central1-a"
POLICY = 'keys = "customer-managed"\nrequired_keys = ["https://acme-keys.vault.azure.net/keys/data"]'


def _spread(body: Any) -> bytes:
    return json.dumps(body, indent=2).replace("\n", ENDS).encode()


def _all(model: Model) -> dict[str, dict[str, str]]:
    """Resource -> control -> status, of everything."""
    model.settle()
    return {
        entry.resource.id: {control: finding.status.word for control, finding in entry.findings.items()}
        for entry in model.all()
    }


def _one_line(model: Model) -> None:
    said = [finding.reason for entry in model.all() for finding in entry.findings.values()]
    said += [source.fault.message for source in model.sources.values() if source.fault]
    said += [fault.message for entry in model.all() for fault in entry.resource.faults.values()]
    assert said
    assert not [text for text in said if "\r" in text or "\n" in text]


def _world(azure: Azure, end: str) -> None:
    """A disk under a set, an account, a scope and a container, every one of them by a key; each pointer ends in
    `end`.
    """
    estate = azure.estate
    vault = estate.vault("acme-keys")
    key = estate.key(vault, "data")
    by = estate.encryption_set("by", f"{key}/0123{end}", vault + end)
    estate.disk("data", CUSTOMER, set_id=by + end, tags={"note": f"first{end or ' '}second"})
    account = estate.account("acmedata", key=key)
    entry = estate.resources[account.lower()]["properties"]["encryption"]
    where = {
        **entry["keyvaultproperties"],
        "keyvaulturi": f"https://acme-keys.vault.azure.net/{end}",
        "keyname": f"data{end}",
    }
    estate.change(account, encryption={**entry, "keyvaultproperties": where})
    estate.scope(account, "own", key=f"{key}{end}")
    estate.container(account, "c", scope="own", deny_override=True)
    failing = estate.encryption_set("failing", key, vault, failing=f"the vault said:{end}forbidden")
    estate.disk("behind", CUSTOMER, set_id=failing)


async def test_azures_values_with_line_ends_are_judged_as_without(
    azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    _world(azure, "")
    usual = _all((await azure.poll(policy=POLICY)).model)
    said = {
        (id.rpartition("/")[2], control): status
        for id, controls in usual.items()
        for control, status in controls.items()
    }
    assert (
        said["acmedata", "azure.storage.cmk-health"]
        == said["acmedata", "azure.storage.key-source"]
        == said["c", "azure.storage.encryption-scope"]
        == "pass"
    )
    assert (said["by", "azure.disk.des-health"], said["failing", "azure.disk.des-health"]) == ("pass", "fail")
    azure.reset()
    _world(azure, ENDS)
    monkeypatch.setattr(
        "providers.demo.azure.server._json",
        lambda body, headers=None: Answer(200, _spread(body), {"content-type": "application/json"}),
    )
    seen = await azure.poll(policy=POLICY)
    assert _all(seen.model) == usual
    _one_line(seen.model)
    keys = [entry.resource.encryption.key or "" for entry in seen.model.all() if entry.resource.encryption]
    assert not [key for key in keys if not key.isprintable()]
    assert not [asked for asked in azure.server.log if not asked.resource.isprintable()]


async def test_azures_refusals_with_line_ends_are_one_line(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    azure.estate.disk("d", resources.PLATFORM)
    monkeypatch.setattr(
        azure.server.faults,
        "before",
        lambda asked: refusal(403, "AuthorizationFailed", f"not{ENDS}allowed:{ENDS} {asked.operation}"),
    )
    seen = await azure.poll()
    assert seen.fault("disks").message == "not allowed: Microsoft.Compute/disks/read"
    assert seen.fault("disks").permission == "Microsoft.Compute/disks/read"
    _one_line(seen.model)


async def test_googles_bodies_and_warnings_with_line_ends_are_judged_as_without(
    google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = google.project.key("k")
    google.project.disk("d", A, key=key)
    google.project.disk("e", "zones/us-central1-f")
    google.project.bucket("b", key=key)
    usual = _all((await google.poll()).model)
    real = google.server.faults.after

    def spread(asked: Any, answer: Answer) -> Answer:
        told = real(asked, answer)
        return Answer(told.status, _spread(json.loads(told.body)), told.headers)

    monkeypatch.setattr(google.server.faults, "after", spread)
    seen = await google.poll()
    assert _all(seen.model) == usual
    _one_line(seen.model)


async def test_googles_refusals_with_line_ends_are_one_line(google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    words = f"Required 'compute.disks.list' permission for{ENDS}'projects/acme-prod'"
    monkeypatch.setattr(
        google.server.faults, "before", lambda asked: faults.error(403, words, "forbidden", "PERMISSION_DENIED")
    )
    seen = await google.poll()
    assert seen.fault("disks").message == words.replace(ENDS, " ")
    assert seen.fault("disks").permission == "compute.disks.list"
    _one_line(seen.model)
