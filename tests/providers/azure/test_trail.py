"""Who changed it, asked of the simulated Resource Graph over its socket."""

import time
from collections.abc import Callable

import pytest

from posture.resource import Resource
from posture.who import Outcome, Who, words
from providers.demo.azure.resources import SUBSCRIPTION
from tests.providers.asking import asked_once
from tests.world.azure import Azure

TLS, CHANGES = "azure.storage.min-tls", "Microsoft.Resources/changes/read"
DAY = 86400.0


def account(resource: Resource) -> bool:
    return resource.type == "azure.storage.account"


async def ask(azure: Azure, *, seen_otherwise: float | None = None, more: str = "who = true") -> Who:
    config = azure.config(SUBSCRIPTION, more=more)
    return await asked_once(config, TLS, account, seen_otherwise=seen_otherwise)


@pytest.fixture
def made(azure: Azure) -> str:
    """An account whose least version of TLS somebody has lowered a minute ago, and somebody else had set before."""
    id = azure.estate.account("acmedata")
    azure.estate.change(id, minimumTlsVersion="TLS1_0")
    azure.estate.changed(id, "properties.minimumTlsVersion", by="alice@acme.example", at=time.time() - 3 * DAY)
    azure.estate.changed(id, "properties.minimumTlsVersion", by="ci-deploy@acme.example", at=time.time() - 60)
    azure.estate.changed(id, "properties.networkAcls", "tags.owner", by="bob@acme.example", at=time.time() - 30)
    return id


async def test_the_newest_change_of_the_property_that_is_judged_is_named(azure: Azure, made: str) -> None:
    who = await ask(azure)
    assert who.event is not None
    assert who.event.actor == "ci-deploy@acme.example"
    assert who.event.name == "Microsoft.Storage/storageAccounts/write: properties.minimumTlsVersion"
    assert who.event.agent == "Azure Portal"
    assert azure.server.count(CHANGES) == 1


async def test_what_is_late_is_not_there_yet_and_nobody_else_is_named(azure: Azure, made: str) -> None:
    azure.estate.changes_late = 600.0
    who = await ask(azure, seen_otherwise=120.0)
    assert (who.outcome, who.event) == (Outcome.NOT_YET, None)


async def test_what_is_older_than_two_weeks_is_older_than_it_keeps(azure: Azure) -> None:
    id = azure.estate.account("acmedata", minimum_tls_version="TLS1_0")
    azure.estate.changed(id, kind="Create", by="alice@acme.example", at=time.time() - 15 * DAY)
    azure.estate.changed(id, "tags.owner", by="bob@acme.example", at=time.time() - DAY)
    who = await ask(azure)
    assert who.outcome is Outcome.TOO_OLD
    assert "keeps 14d" in who.reason


def hidden(azure: Azure) -> None:
    azure.server.hidden.add(SUBSCRIPTION)


def denied(azure: Azure) -> None:
    azure.server.faults.deny(CHANGES)


@pytest.mark.parametrize("refuse", [hidden, denied])
async def test_who_may_not_ask_is_told_the_right_that_mends_it(
    azure: Azure, made: str, refuse: Callable[[Azure], None]
) -> None:
    refuse(azure)
    who = await ask(azure)
    assert (who.outcome, who.mend) == (Outcome.NOT_PERMITTED, f"allow {CHANGES}")


async def test_without_the_setting_it_is_not_asked_and_the_setting_is_named(azure: Azure, made: str) -> None:
    who = await ask(azure, more="")
    assert who.outcome is Outcome.NOT_PERMITTED
    assert "who = true" in who.mend
    assert azure.server.count(CHANGES) == 0


async def test_changes_of_keys_are_not_recorded(azure: Azure) -> None:
    estate = azure.estate
    estate.account("acmedata", key=estate.key(estate.vault("acme-keys"), "data"))
    config = azure.config(SUBSCRIPTION, more="who = true")
    who = await asked_once(config, "azure.storage.cmk-health", lambda one: one.type == "azure.keyvault.key")
    assert who.outcome is Outcome.NOT_RECORDED
    assert azure.server.count(CHANGES) == 0


async def test_a_throttled_graph_is_asked_again(azure: Azure, made: str) -> None:
    azure.server.faults.throttle(CHANGES, None)
    assert (await ask(azure)).outcome is Outcome.NOT_YET


async def test_a_hostile_row_is_short_and_clean_or_not_believed(azure: Azure, made: str) -> None:
    newest = azure.estate.changes[-2]
    newest |= {"by": "\x1b]0;owned\x07" * 90_000, "client": ["x"], "operation": {"a": 1}}
    azure.estate.changes += [
        {**newest, "at": at, "changed": changed, "kind": kind, "id": f"{newest['id']}{at}{kind}"}
        for at, changed, kind in ((7, [], "Update"), ("soon", None, "Create"), ("2999-01-01T00:00:00Z", {}, ["x"]))
    ]
    who = await ask(azure)
    assert who.event is not None
    for _, text in words(who, time.time()):
        assert text.isprintable()
        assert len(text) < 1000


@pytest.mark.parametrize("name", ["a'b", "a\\b", "a' or 1 == 1 | take 9"])
async def test_a_quote_in_an_id_does_not_end_the_query(azure: Azure, name: str) -> None:
    id = azure.estate.account(name)
    azure.estate.change(id, minimumTlsVersion="TLS1_0")
    azure.estate.changed(id, "properties.minimumTlsVersion", by="alice@acme.example", at=time.time() - 60)
    who = await ask(azure)
    assert who.event is not None
    assert who.event.actor == "alice@acme.example"
