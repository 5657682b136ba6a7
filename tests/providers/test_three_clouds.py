"""What must be alike in every cloud: the same words in the same columns, and one clear line where nobody can be
asked.
"""

from pathlib import Path

import pytest

from posture.fault import NO_CREDENTIALS
from posture.resource import Resource
from providers.azure.settings import AzureSettings, ambient
from providers.collector.collector import Collector
from providers.collector.config import parse
from tests.world.aws import Aws
from tests.world.azure import Azure
from tests.world.gcp import Google
from tui.widgets.columns import state_cell


async def _look(aws: Aws, azure: Azure, google: Google) -> dict[tuple[str, str, str], Resource]:
    """(provider, kind, name) -> resource, of one tenant in all three."""
    more = (
        f'[[tenant.aws]]\nregions = ["us-east-1"]\nendpoint_url = "{aws.url}"\n'
        + google.configuration().partition('name = "acme"\n')[2]
    )
    collector = Collector(parse(azure.text() + more, "test"))
    await collector.once(60)
    assert {source.state.value for source in collector.model.sources.values()} == {"ok"}
    return {
        (entry.resource.provider, entry.resource.kind, entry.resource.name): entry.resource
        for entry in collector.model.all()
    }


async def test_a_volume_that_nothing_uses_is_unattached_in_every_cloud(aws: Aws, azure: Azure, google: Google) -> None:
    aws.region().volume({"Name": "loose"})
    azure.estate.disk("loose")
    google.project.disk("loose")
    seen = await _look(aws, azure, google)
    assert {
        provider: seen[provider, "volume", "loose"].cells[0] for provider in ("aws", "azure", "gcp")
    } == dict.fromkeys(("aws", "azure", "gcp"), "unattached")


async def test_where_nobody_is_logged_in_each_cloud_says_so_in_one_line_and_how_to(
    aws: Aws, azure: Azure, google: Google, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The vendors' own chains, with nothing to find: no variable, no file, no command, no identity of the machine."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "IDENTITY_ENDPOINT", "MSI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (
        ("AZURE_TOKEN_CREDENTIALS", "dev"),
        ("PATH", str(tmp_path)),
        ("HOME", str(tmp_path)),
        ("AZURE_CONFIG_DIR", str(tmp_path)),
    ):
        monkeypatch.setenv(name, value)  # dev: without the managed identity, which would be asked for over the network
    endpoints = (
        f'[[tenant.aws]]\nregions = ["us-east-1"]\nendpoint_url = "{aws.url}"\n[[tenant.azure]]\nendpoint ='
        f' "{azure.server.url}"\n'
    )
    text = (
        f'[[tenant]]\nname = "acme"\n{endpoints}[[tenant.gcp]]\nproject = "acme-prod"\nendpoint ='
        f' "{google.server.url}"\n'
    )
    collector = Collector(parse(text, "test"))
    await collector.once(60)
    said = {
        source.provider: str(source.fault)
        for source in collector.model.sources.values()
        if source.fault and source.fault.code == NO_CREDENTIALS
    }
    hints = {"aws": "aws sso login", "azure": "az login", "gcp": "gcloud auth application-default login"}
    assert {provider: words.partition(": ")[2].partition(",")[0] for provider, words in said.items()} == hints
    assert all(
        words.startswith("no credentials found: ") and "\n" not in words and len(words) < 130 for words in said.values()
    )
    theirs = [entry for entry in collector.model.all() if entry.resource.provider != "enctop"]
    judged = [finding for entry in theirs for finding in entry.findings.values()]
    assert {"pass", "fail"}.isdisjoint(finding.status.word for finding in judged)
    source = next(
        source for source in collector.model.sources.values() if source.fault and source.fault.code == NO_CREDENTIALS
    )
    assert state_cell(source)[0] == "✗ no login"


def test_without_a_file_azure_is_asked_where_somebody_is_logged_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT", "MSI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path))
    assert ambient() == ()
    (tmp_path / "azureProfile.json").write_text("{}")
    assert ambient() == (AzureSettings(),)
    (tmp_path / "azureProfile.json").unlink()
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:1/token")
    assert ambient() == (AzureSettings(),)
