"""What goes wrong between enctop and Azure: each refusal is UNKNOWN, says what would mend it, and passes when it has
passed.
"""

import logging
import time

import pytest

from posture.clock import Seconds
from posture.fault import FaultKind
from posture.snapshot import take, to_json, to_jsonl
from posture.source import State
from providers.azure.calls import LIST_DISKS, LIST_GATEWAYS
from providers.azure.faults import answered, broken, retry_after
from providers.collector.collector import Collector
from providers.collector.config import parse
from providers.demo.azure.accounts import SECOND, SUBSCRIPTION, TOKEN_ENV
from providers.limits import Limits
from tests.world.azure import Azure, Seen

DISKS = "Microsoft.Compute/disks/read"
CANARY = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.canary-5f1d2c3b4a"


async def _unknown(azure: Azure, state: str, *, code: str) -> Seen:
    """Poll; the disks' source must stand as said, and the tenant as not fully looked at."""
    seen = await azure.poll()
    assert (seen.source("disks").state, seen.fault("disks").code) == (state, code)
    assert seen.finding("meta.inventory.coverage", "enctop://acme").status.word == "unknown"
    assert not seen.resources("azure.compute.disk")
    return seen


def test_a_token_that_stands_where_words_are_cut_is_not_told_in_part() -> None:
    token = "opaque-canary-0123456789abcdefghijklmnop"
    for before in range(240, 320):
        assert "opaque" not in broken(LIST_DISKS, OSError("x" * before + f" {token}"), token).fault.message


async def test_denied_names_the_permission(azure: Azure) -> None:
    azure.estate.disk("pg-0")
    azure.faults.deny(DISKS)
    seen = await _unknown(azure, "denied", code="AuthorizationFailed")
    assert seen.fault("disks").permission == DISKS


async def test_expired_credentials_are_expired_everywhere(azure: Azure) -> None:
    azure.faults.expire()
    seen = await azure.poll()
    states = {source.service: source.state for source in seen.model.sources.values()}
    assert {states.pop(each) for each in ("subscriptions", "containers", "files", "keyvault", "keyvault-scopes")} == {
        State.PARTIAL,
        State.ERROR,
    }, "none is ok"
    assert set(states.values()) == {State.EXPIRED}


async def test_a_wrong_token_is_expired_and_not_denied(azure: Azure) -> None:
    azure.server.token = "another"
    await _unknown(azure, "expired", code="InvalidAuthenticationToken")


async def test_no_token_at_all_names_the_variable(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_ENV)
    seen = await _unknown(azure, "expired", code="NoCredentials")
    assert seen.fault("disks").message == f"no credentials found: the environment variable {TOKEN_ENV} holds no token"


async def test_retry_after_is_honoured(azure: Azure) -> None:
    azure.estate.disk("pg-0")
    azure.faults.throttle(DISKS, times=1, retry_after=2)
    started = time.monotonic()
    seen = await azure.poll()
    assert time.monotonic() - started >= 2.0
    assert seen.source("disks").state == "ok"
    assert azure.server.count(DISKS) == 2


async def test_throttled_for_longer_than_anybody_waits_is_throttled(azure: Azure) -> None:
    azure.faults.throttle(DISKS, times=None, retry_after=600)
    seen = await azure.poll(timeout=4)  # the rest of the budget is held back as well, for as long as a lane waits
    assert (seen.source("disks").state, seen.fault("disks").retry_after) == ("throttled", 600)
    assert azure.server.count(DISKS) == 1


@pytest.mark.parametrize(
    ("kind", "state", "code"), [("fail", "error", "InternalServerError"), ("html", "error", "UnreadableAnswer")]
)
async def test_broken_answers_are_no_answers(azure: Azure, kind: str, state: str, code: str) -> None:
    azure.estate.disk("pg-0")
    getattr(azure.faults, kind)(DISKS)
    await _unknown(azure, state, code=code)


@pytest.mark.parametrize("kind", ["refuse", "cut", "truncate", "fail"])
async def test_one_broken_answer_is_asked_again(azure: Azure, kind: str) -> None:
    azure.estate.disk("pg-0")
    rule = getattr(azure.faults, kind)(operation=DISKS)
    rule.times = 1
    seen = await azure.poll()
    assert seen.source("disks").state == "ok"
    assert len(seen.resources("azure.compute.disk")) == 1


async def test_a_reset_is_unreachable(azure: Azure) -> None:
    azure.faults.refuse(operation=DISKS)
    seen = await azure.poll()
    assert seen.source("disks").state == "unreachable"


async def test_silence_is_unreachable(azure: Azure) -> None:
    rule = azure.faults.hang(operation=DISKS, seconds=5)
    seen = await azure.poll(limits=Limits(read=0.3))
    azure.faults.remove(rule)
    assert seen.source("disks").state == "unreachable"


async def test_an_unregistered_provider_names_the_switch_and_is_not_registered_by_us(azure: Azure) -> None:
    """The SDK's own pipeline would register it: a write."""
    azure.server.unregistered.add((SUBSCRIPTION, "microsoft.compute"))
    seen = await _unknown(azure, "error", code="MissingSubscriptionRegistration")
    assert seen.fault("disks").permission == "Microsoft.Compute/register/action"
    assert "az provider register --namespace Microsoft.Compute" in seen.fault("disks").message
    assert azure.server.writes == []


async def test_a_subscription_that_is_not_there_is_unknown_not_empty(azure: Azure) -> None:
    seen = await azure.poll(SUBSCRIPTION, SECOND)
    assert seen.source("subscriptions").state == "partial"
    assert SECOND in seen.fault("subscriptions").message
    assert (seen.source("disks", SECOND).state, seen.fault("disks", SECOND).code) == ("error", "SubscriptionNotFound")
    assert seen.source("disks").state == "ok"


async def test_a_refused_list_of_subscriptions_does_not_keep_from_asking_the_configured_ones(azure: Azure) -> None:
    disk = azure.estate.disk("pg-0")
    azure.faults.deny("Microsoft.Resources/subscriptions/read")
    seen = await azure.poll()
    assert seen.statuses(disk)["azure.disk.key-policy"] == "pass"
    assert seen.fault("subscriptions").permission == "Microsoft.Resources/subscriptions/read"


async def test_without_a_subscription_in_the_file_all_that_are_seen_are_polled(azure: Azure) -> None:
    azure.estate.subscription(SECOND, "second", state="Disabled")
    collector = Collector(azure.config())
    await collector.once(60)
    assert {source.scope for source in collector.model.sources.values() if source.service == "disks"} == {SUBSCRIPTION}


async def test_two_tenants_cannot_both_have_one_subscription(azure: Azure) -> None:

    azure.estate.disk("pg-0")
    text = azure.text(SUBSCRIPTION) + azure.text(SUBSCRIPTION).replace('"acme"', '"other"')
    collector = Collector(parse(text, "test"))
    await collector.once(60)
    (entry,) = [entry for entry in collector.model.all() if entry.resource.kind == "volume"]
    roots = {
        source.tenant: source.fault for source in collector.model.sources.values() if source.service == "subscriptions"
    }
    refused = [fault for fault in roots.values() if fault is not None]
    assert len(refused) == 1
    assert refused[0].code == "AlreadyPolled"
    assert roots[entry.resource.tenant] is None


async def test_a_next_page_on_another_host_is_not_asked(azure: Azure) -> None:
    from providers.demo.azure.faults import refusal

    seen_elsewhere: list[object] = []
    rest, server = azure.server._listing, azure.server

    def elsewhere(path: str, query: dict[str, str], host: str) -> object:
        if "$skiptoken" in query:
            seen_elsewhere.append(path)
            return refusal(500, "Leaked", "")
        return rest(path, query, "evil.example")

    server.page_size = 1
    for name in ("a", "b"):
        azure.estate.disk(name)
    server._listing = elsewhere  # type: ignore[method-assign,assignment]
    try:
        seen = await azure.poll()
    finally:
        server._listing = rest  # type: ignore[method-assign]
    assert seen.fault("disks").code == "ForeignLink"
    assert not seen_elsewhere


async def test_a_token_is_nowhere_to_be_seen(
    azure: Azure, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in a snapshot, an error, or a log, whatever goes wrong; the SDK's own loggers included."""
    caplog.set_level(logging.DEBUG)
    azure.server.token = CANARY
    monkeypatch.setenv(TOKEN_ENV, CANARY)
    azure.estate.disk("pg-0")
    for break_it in (lambda: None, azure.faults.expire, azure.faults.deny, azure.faults.refuse, azure.faults.html):
        azure.faults.clear()
        break_it()
        seen = await azure.poll()
        snapshot = take(seen.model, seen.model.now, "test")
        assert CANARY.encode() not in to_json(snapshot) + to_jsonl(snapshot)
        assert CANARY not in str([source.fault for source in seen.model.sources.values()])
    azure.server.token = "another"
    assert (await azure.poll()).source("disks").state == "expired"
    assert CANARY not in caplog.text


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"x-ms-retry-after-ms": "1500"}, 1.5),
        ({"x-ms-user-quota-resets-after": "00:01:05"}, 65.0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_when_to_come_back_is_read_in_each_spelling(headers: dict[str, str], seconds: Seconds | None) -> None:
    assert retry_after(headers) == seconds


def test_a_date_to_come_back_is_read_too() -> None:
    from email.utils import formatdate

    assert 25 < (retry_after({"Retry-After": formatdate(time.time() + 30, usegmt=True)}) or 0) <= 30


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "AuthorizationFailed", FaultKind.DENIED),
        (403, "", FaultKind.DENIED),
        (401, "", FaultKind.EXPIRED),
        (429, "", FaultKind.THROTTLED),
        (409, "MissingSubscriptionRegistration", FaultKind.ERROR),
        (400, "NoRegisteredProviderFound", FaultKind.ERROR),
        (404, "SubscriptionNotFound", FaultKind.ERROR),
        (503, "ServerBusy", FaultKind.ERROR),
        (418, "Teapot", FaultKind.ERROR),
    ],
)
def test_a_refusal_is_told_by_its_code_then_by_its_status(status: int, code: str, kind: FaultKind) -> None:
    body = b'{"error":{"code":"%s","message":"so\\r\\nit is"}}' % code.encode() if code else b"<html>"
    refused = answered(LIST_DISKS, status, {}, body)
    assert refused.fault.kind is kind
    assert refused.transient is (status >= 500)
    assert "\n" not in refused.fault.message
    assert (
        "Microsoft.Network"
        in answered(LIST_GATEWAYS, 409, {}, b'{"error":{"code":"MissingSubscriptionRegistration"}}').fault.message
    )
