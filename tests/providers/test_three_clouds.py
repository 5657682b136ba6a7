"""What must be alike in every cloud: the same words in the same columns, and one clear line where nobody can be asked."""

from posture.resource import Resource
from providers.collector import Collector
from providers.config import parse
from tests.world.aws import Aws
from tests.world.azure import Azure
from tests.world.gcp import Google


async def _look(aws: Aws, azure: Azure, google: Google) -> dict[tuple[str, str, str], Resource]:
    """(provider, kind, name) -> resource, of one tenant in all three."""
    more = f'[[tenant.aws]]\nregions = ["us-east-1"]\nendpoint_url = "{aws.url}"\n' + google.configuration().partition('name = "acme"\n')[2]
    collector = Collector(parse(azure.text() + more, "test"))
    await collector.once(60)
    assert {source.state.value for source in collector.model.sources.values()} == {"ok"}
    return {(held.resource.provider, held.resource.kind, held.resource.name): held.resource for held in collector.model.all()}


async def test_a_volume_that_nothing_uses_is_unattached_in_every_cloud(aws: Aws, azure: Azure, google: Google) -> None:
    aws.region().volume({"Name": "loose"})
    azure.estate.disk("loose")
    google.project.disk("loose")
    seen = await _look(aws, azure, google)
    assert {provider: seen[provider, "volume", "loose"].cells[0] for provider in ("aws", "azure", "gcp")} == dict.fromkeys(
        ("aws", "azure", "gcp"), "unattached"
    )
