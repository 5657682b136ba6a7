"""The demo's Vault: a real server, every state of a lease, and a token that may do what is printed and no more."""

import threading
import time
from collections.abc import Iterator

import pytest

from posture.verdict import Status
from providers.demo.vault import live
from tests.world.vault import counted, verdicts, watched


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch) -> Iterator[live.Vault]:
    made = live.start()
    monkeypatch.setenv(live.TOKEN_ENV, made.token)
    yield made
    made.stop()


async def test_it_has_a_handful_of_defects_and_nothing_unknown(acme: live.Vault) -> None:
    await counted(acme.bao)
    text = '[[tenant]]\nname = "acme"\n' + live.configuration(acme.bao.url)
    async with watched(text) as it:
        found = verdicts(it.collector)
        assert {source.state.value for source in it.model.sources.values()} == {"ok"}
        assert not [
            (resource, control)
            for resource, said in found.items()
            for control, status in said.items()
            if status == "unknown"
        ]
        assert 4 <= sum(finding.status is Status.FAIL for finding in it.findings()) <= 10
        words = {entry.resource.cells[5] for entry in it.model.all() if entry.resource.type == "vault.lease"}
        assert words == {"", "capped", "irrevocable"}
        assert it.statuses("vault.lease.not-renewed").count(Status.WARN) == 1


def test_it_lives_and_stops_when_told(acme: live.Vault) -> None:
    stopped = threading.Event()
    before = set(live.listed(acme.bao, "rabbitmq/creds/"))
    living = threading.Thread(target=live.live, args=(acme, stopped))
    living.start()
    end = time.monotonic() + 15
    while set(live.listed(acme.bao, "rabbitmq/creds/")) <= before:
        assert time.monotonic() < end, "nobody takes a credential"
        time.sleep(0.2)
    stopped.set()
    living.join(10)
    assert not living.is_alive()
