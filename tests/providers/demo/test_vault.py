"""The demo's Vault: a real server, every state of a lease, and a token that may do what is printed and no more."""

import random
import threading
import time
from collections.abc import Iterator
from typing import Any, cast

import pytest

from posture.verdict import Status
from providers.demo.vault import live
from providers.demo.vault.rabbit import Rabbit
from providers.demo.vault.server import Bao, BaoError
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


class Refusing:
    """A server with four leases, none of which it renews."""

    def call(self, method: str, path: str, body: Any = None, **how: Any) -> Any:
        if path == "sys/leases/renew":
            raise BaoError(400, "lease expired")
        return {"keys": ["a", "b", "c", "d"]} if method == "LIST" else {}

    def seal(self) -> None: ...

    def unseal(self) -> None: ...


class Steps(threading.Event):
    """Lets live go through 90 steps at once, and remembers in which of them the broker was down."""

    def __init__(self, rabbit: Rabbit) -> None:
        super().__init__()
        self.rabbit, self.down = rabbit, list[bool]()

    def wait(self, timeout: float | None = None) -> bool:
        if timeout == 2.0:
            self.down.append(self.rabbit.broken)
        return len(self.down) > 90


def test_the_broker_comes_back_though_what_ended_meanwhile_cannot_be_renewed() -> None:
    rabbit = Rabbit()
    steps = Steps(rabbit)
    live.live(live.Vault(cast(Bao, Refusing()), rabbit, "", random.Random(1)), steps)
    rabbit.stop()
    assert steps.down[1:] == [step in range(40, 60) for step in range(1, 91)]
