"""Tenants that share a subscription are told apart by a tag, as accounts of AWS and projects of Google Cloud are."""

import re

import pytest

from posture.fault import ConfigError
from posture.rollup import UNASSIGNED
from providers.collector.collector import Collector
from providers.collector.config import parse
from providers.demo.azure import more
from providers.demo.azure.accounts import SECOND, SUBSCRIPTION
from tests.world.azure import Azure, Seen


def _text(azure: Azure, *blocks: tuple[str, str]) -> str:
    """Tenants with what their block says beside the way in."""
    way = f'endpoint = "{azure.server.url}"\ntoken_env = "ENCTOP_SIMULATED_AZURE_TOKEN"'
    return "".join(f'[[tenant]]\nname = "{name}"\n[[tenant.azure]]\n{way}\n{more}\n' for name, more in blocks)


async def _poll(azure: Azure) -> Seen:
    names = f'subscription = "{SUBSCRIPTION}"'
    text = _text(azure, *((name, f'{names}\ntag = "Tenant={name}"') for name in ("acme", "globex")))
    collector = Collector(parse(text, "test"))
    await collector.once(60)
    return Seen(collector.model)


async def test_resources_are_the_tenants_whose_tag_they_carry_and_asked_for_once(azure: Azure) -> None:
    tags = [{"tenant": "acme"}, {"TENANT": "globex"}, {"tenant": "Acme"}, {"tenant": "acme", "Tenant": "globex"}, None]
    disks = [azure.estate.disk(f"d-{number}", tags=tag) for number, tag in enumerate(tags)]
    seen = await _poll(azure)
    owners = [seen.resource(disk).tenant for disk in disks]
    assert owners == ["acme", "globex", UNASSIGNED, UNASSIGNED, UNASSIGNED]
    assert azure.server.count("Microsoft.Compute/disks/read") == 1


async def test_what_lies_in_an_account_or_a_set_is_its_owners_and_a_key_is_everybodys(azure: Azure) -> None:
    key = azure.estate.key(azure.estate.vault("v"), "k")
    account = azure.estate.account("acmedata", key=key, allow_blob_public_access=True)
    pool = more.scale_set(azure.estate, "pool")
    for own in (account, pool):
        azure.estate.resources[own.lower()]["tags"] = {"tenant": "globex"}
    azure.estate.scope(account, "s")
    below = [
        azure.estate.container(account, "c"),
        more.instance(azure.estate, pool, 0),
        f"{account}/fileServices/default",
    ]
    seen = await _poll(azure)
    assert {seen.resource(each).tenant for each in below} == {"globex"}
    assert seen.resource(f"{account}/encryptionScopes/s").tenant == "globex"
    assert seen.resource(key).tenant == "acme+globex"


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        (f'subscription = "{SUBSCRIPTION}"\ntag = "t=a"', f'subscription = "{SUBSCRIPTION}"', "a tag of its own"),
        ('tag = "t=a"', 'tag = "t=a"', "a tag of its own"),
        ('tag = "t=a"', f'subscription = "{SUBSCRIPTION}"\ntag = "t=b"', "name the same ones in both"),
        ('tag = "acme"', "", "is not KEY=VALUE"),
    ],
)
def test_how_tenants_share_badly_is_said_in_one_line(azure: Azure, first: str, second: str, says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)) as caught:
        parse(_text(azure, ("acme", first), ("globex", second)), "test")
    assert "\n" not in str(caught.value)


def test_tenants_with_subscriptions_of_their_own_need_no_tag(azure: Azure) -> None:
    blocks = (("acme", f'subscription = "{SUBSCRIPTION}"\ntag = "t=a"'), ("globex", f'subscription = "{SECOND}"'))
    assert parse(_text(azure, *blocks), "test")


def test_one_tenant_of_a_shared_subscription_brings_the_others_and_no_one_else(azure: Azure) -> None:
    config = parse(_text(azure, ("a", 'tag = "t=a"'), ("b", 'tag = "t=b"')), "test")
    assert {tenant.name for tenant in config.only(["a"]).tenant} == {"a", "b"}
    apart = (("a", f'subscription = "{SUBSCRIPTION}"'), ("b", f'subscription = "{SECOND}"'))
    assert {tenant.name for tenant in parse(_text(azure, *apart), "test").only(["a"]).tenant} == {"a"}
