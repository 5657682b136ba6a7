"""Whatever goes wrong, it is UNKNOWN with its reason while it lasts, takes no row away and invents none, and passes
without a restart.
"""

import asyncio
import random
import shutil
from pathlib import Path

import pytest

from posture.verdict import Status
from providers.collector.collector import Collector
from providers.collector.config import parse
from providers.demo.vault.rabbit import Rabbit
from providers.demo.vault.server import Bao
from providers.limits import Limits
from tests.world.raft import Raft, make_certificates
from tests.world.vault import TOKEN_ENV, Watched, broker, configured, polled, printed, reader, watched

OPEN = {"vault.seal.status"}
"""What needs no token."""


def by_file(text: str, file: Path) -> str:
    """The configuration with its token in a file."""
    return text.replace(f'token_env = "{TOKEN_ENV}"', f'token_file = "{file}"')


def rows(it: Watched) -> set[str]:
    return {entry.resource.id for entry in it.model.all() if entry.resource.provider == "vault"}


def states(it: Watched) -> set[str]:
    """Of Vault's sources."""
    return {source.state.value for source in it.model.sources.values() if source.provider == "vault"}


def kinds(it: Watched) -> set[str]:
    """Of the faults that its findings name."""
    return {finding.fault.kind.value for finding in it.findings() if finding.fault is not None}


async def test_a_quota_is_throttled_and_all_is_back_when_it_is_gone(bao: Bao) -> None:
    quota = "sys/quotas/rate-limit/tight"
    bao.call("POST", "sys/quotas/config", {"rate_limit_exempt_paths": [quota, "sys/health", "sys/seal-status"]})
    async with watched(configured(bao.url), Limits(attempts=2)) as it:
        before = rows(it)
        bao.call("POST", quota, {"rate": 0.001, "interval": "60s", "path": ""})
        await it.until(lambda: states(it) >= {"throttled"}, "the quota", 20)
        await it.until(lambda: "throttled" in kinds(it), "findings say so", 30)
        assert not [finding for finding in it.findings() if finding.status is Status.FAIL]
        assert rows(it) == before
        bao.call("DELETE", quota)
        await it.until(lambda: states(it) == {"ok"}, "recovery", 90)
        await it.until(lambda: not kinds(it), "of every finding", 20)
        assert rows(it) == before


async def test_a_namespace_that_is_denied_for_a_while_keeps_its_rows_and_names_the_line(
    bao: Bao, monkeypatch: pytest.MonkeyPatch
) -> None:
    bao.call("POST", "sys/namespaces/team", {})
    bao.call("POST", "sys/mounts/transit", {"type": "transit"}, namespace="team")
    bao.call("POST", "transit/keys/deep", {}, namespace="team")
    monkeypatch.setenv(TOKEN_ENV, reader(bao, namespaces=("", "team")))
    whole = printed(bao, namespaces=("", "team"))
    async with watched(configured(bao.url, warm="1s")) as it:
        before = rows(it)
        assert any(name.endswith("team/transit/keys/deep") for name in before)
        bao.call("PUT", "sys/policies/acl/enctop-sudo", {"policy": printed(bao)})
        await it.until(
            lambda: it.find("team/sys/mounts").findings["vault.secrets.engines"].status is Status.UNKNOWN, "the refusal"
        )
        fault = it.find("team/sys/mounts").findings["vault.secrets.engines"].fault
        assert fault is not None
        assert (fault.kind.value, fault.permission) == ("denied", 'path "team/sys/mounts" { capabilities = ["read"] }')
        await it.polled("transit", 3)
        assert rows(it) == before, "what may not be listed is not gone"
        assert not [finding for finding in it.findings() if finding.status is Status.FAIL]
        await it.until(
            lambda: it.find("team/transit/keys/deep").findings["vault.transit.key-posture"].status is Status.UNKNOWN,
            "it ages",
            12,
        )
        bao.call("PUT", "sys/policies/acl/enctop-sudo", {"policy": whole})
        await it.until(lambda: states(it) == {"ok"}, "recovery", 20)
        await it.until(
            lambda: it.find("team/transit/keys/deep").findings["vault.transit.key-posture"].status is Status.PASS,
            "of the key",
            10,
        )
        bao.call("DELETE", "sys/mounts/transit", namespace="team")
        await it.until(lambda: not any("team/transit" in name for name in rows(it)), "and what is gone goes", 10)


async def test_where_the_mounts_may_not_be_listed_nobody_says_that_there_are_no_keys(
    bao: Bao, monkeypatch: pytest.MonkeyPatch
) -> None:
    bao.call("POST", "sys/mounts/transit", {"type": "transit"})
    bao.call("PUT", "sys/policies/acl/little", {"policy": 'path "sys/namespaces" { capabilities = ["list"] }'})
    monkeypatch.setenv(
        TOKEN_ENV,
        bao.call("POST", "auth/token/create-orphan", {"policies": ["little"], "ttl": "1h"})["auth"]["client_token"],
    )
    collector = await polled(configured(bao.url))
    found = {source.service: source for source in collector.model.sources.values()}
    assert found["transit"].state.value == found["vault-pki"].state.value == "partial"
    assert found["transit"].fault is not None
    assert found["transit"].fault.permission == 'path "sys/mounts" { capabilities = ["read"] }'


async def test_leases_that_may_not_be_listed_any_more_are_looked_up_by_themselves(
    bao: Bao, rabbit: Rabbit, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker(bao, rabbit)
    for _ in range(3):
        bao.call("GET", "rabbitmq/creds/app")
    monkeypatch.setenv(TOKEN_ENV, reader(bao))
    async with watched(configured(bao.url)) as it:
        leases = {name for name in rows(it) if "/leases/rabbitmq" in name}
        assert len(leases) == 3
        bao.call("PUT", "sys/policies/acl/enctop-sudo", {"policy": printed(bao, sudo=False)})
        await it.until(lambda: it.state("leases") == it.state("tokens") == "partial", "the refusal")
        await it.polled("leases", 2)
        assert leases <= rows(it)
        bao.call("PUT", "sys/leases/revoke-prefix/rabbitmq/creds/app", {})
        await it.until(lambda: not leases & rows(it), "those that ended are gone all the same")


async def test_a_token_that_expired_is_replaced_by_the_next_one_in_its_file(bao: Bao, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(reader(bao, ttl="3s", explicit_max_ttl="3s"))
    async with watched(by_file(configured(bao.url), file)) as it:
        before = rows(it)
        await it.until(
            lambda: {f.status for f in it.findings() if f.control not in OPEN} == {Status.UNKNOWN}, "its end"
        )
        assert kinds(it) == {"expired"}
        assert rows(it) == before
        file.write_text(reader(bao))
        await it.until(lambda: states(it) == {"ok"}, "recovery", 20)
        await it.until(lambda: not kinds(it), "of every finding", 10)
        assert it.statuses("vault.token.own") == [Status.PASS]


async def test_a_certificate_of_another_authority_then_the_right_one_then_a_stop_and_a_start(
    tls_bao: Raft, tmp_path: Path
) -> None:
    shutil.copytree(tls_bao.certificates, tmp_path / "right")
    (tmp_path / "wrong").mkdir()
    make_certificates(tmp_path / "wrong")
    ca_file = tmp_path / "right" / "ca.pem"

    def restart(which: str) -> None:
        tls_bao.kill()
        shutil.copytree(tmp_path / which, tls_bao.certificates, dirs_exist_ok=True)
        tls_bao.start()
        tls_bao.unseal()

    async with watched(configured(tls_bao.url, f'ca_file = "{ca_file}"')) as it:
        await it.until(lambda: states(it) == {"ok"}, "all is well", 20)
        before = rows(it)
        await asyncio.to_thread(restart, "wrong")

        def met() -> bool:
            fault = it.find("").findings["vault.seal.status"].fault
            return fault is not None and (fault.kind.value, fault.code) == ("unreachable", "SSLError")

        await it.until(met, "the wrong certificate, and not only a server that is down", 20)
        await it.until(lambda: {finding.status for finding in it.findings()} == {Status.UNKNOWN}, "for all", 20)
        fault = it.find("").findings["vault.seal.status"].fault
        assert fault is not None
        assert "certificate verify failed" in fault.message
        assert rows(it) == before
        await asyncio.to_thread(restart, "right")
        await it.until(lambda: states(it) == {"ok"} and not kinds(it), "recovery", 30)
        tls_bao.kill()
        await it.until(lambda: {finding.status for finding in it.findings()} == {Status.UNKNOWN}, "silence", 20)
        tls_bao.start()
        await it.until(lambda: it.find("").findings["vault.seal.status"].status is Status.FAIL, "it is sealed", 20)
        tls_bao.unseal()
        await it.until(lambda: states(it) == {"ok"} and not kinds(it), "recovery", 40)
        assert rows(it) == before


async def test_the_listener_is_no_better_than_the_door_that_is_probed(tls_bao: Raft) -> None:
    collector = await polled(configured(tls_bao.url, f'ca_file = "{tls_bao.ca_file}"'))
    door, listener = (
        collector.model.entry(name)
        for name in (f"tls://127.0.0.1:{tls_bao.port}", f"vault://127.0.0.1:{tls_bao.port}/sys/listeners")
    )
    assert door is not None
    assert listener is not None
    finding = listener.findings["vault.listener.tls"]
    assert listener.resource.link("endpoint") == door.resource.id
    assert finding.status is Status.WARN
    assert finding.reason == f"tls.forward-secrecy: {door.findings['tls.forward-secrecy'].reason}"
    assert finding.evidence["tls.protocol-legacy"] == "pass"
    assert "listeners[0]" in finding.evidence, "both are told"


async def test_the_first_poll_waits_until_a_new_server_counts_its_leases(bao: Bao, rabbit: Rabbit) -> None:
    broker(bao, rabbit)
    bao.call("GET", "rabbitmq/creds/app")
    bao.call("POST", "auth/token/create", {"ttl": "1h", "display_name": "app"})
    bao.kill()
    bao.start()
    bao.initialise()
    bao.unseal()
    for _ in range(3):
        bao.call("POST", "auth/token/create-orphan", {"ttl": "1h", "display_name": "app"}, token=bao.token)
    collector = await polled(
        configured(bao.url).replace(f'token_env = "{TOKEN_ENV}"', f'token_file = "{_written(bao)}"')
    )
    assert {source.state.value for source in collector.model.sources.values()} == {"ok"}
    assert sum(entry.resource.type == "vault.token" for entry in collector.model.all()) == 3


def _written(bao: Bao) -> Path:
    file = bao.directory / "token"
    file.write_text(bao.token)
    return file


class Uncounted(Bao):
    """A server that tells no metrics."""

    def configuration(self) -> str:
        return super().configuration().replace('prometheus_retention_time = "10m"', 'prometheus_retention_time = "0s"')


async def test_where_leases_are_not_counted_tokens_are_unknown_and_not_none(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Uncounted()
    monkeypatch.setenv(TOKEN_ENV, server.token)
    try:
        collector = await polled(configured(server.url))
    finally:
        server.stop()
    found = {source.service: source for source in collector.model.sources.values()}
    assert found["leases"].state.value == found["tokens"].state.value == "partial"
    assert "prometheus" in str(found["tokens"].fault) + found["tokens"].fault.message  # type: ignore[union-attr]
    (totals,) = [entry.resource for entry in collector.model.all() if entry.resource.type == "vault.tokens"]
    assert totals.cells[0] == "not listed"


async def _silent(it: Watched) -> None:
    await it.until(lambda: {finding.status for finding in it.findings()} == {Status.UNKNOWN}, "silence is unknown", 20)
    await it.until(lambda: kinds(it) == {"unreachable"}, "and says so, though age may have said unknown before", 20)


@pytest.mark.parametrize("moment", ["the first", "a later"])
async def test_a_server_killed_during_a_poll_and_restarted_empty_has_nothing(
    moment: str, bao: Bao, rabbit: Rabbit, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(bao.token)
    broker(bao, rabbit)
    for _ in range(150):
        bao.call("GET", "rabbitmq/creds/app")
    limits = Limits(pace=0.4)  # a poll takes its time
    collector = Collector(parse(by_file(configured(bao.url), file), "test"), limits=limits)
    it = Watched(collector)
    collector.poller.add(collector.sources())

    def leases() -> set[str]:
        return {entry.resource.id for entry in it.model.all() if entry.resource.type == "vault.lease"}

    try:
        (source,) = [name for name in it.model.sources if name.endswith("/leases")]
        await it.until(lambda: len(leases()) >= (50 if moment == "the first" else 150), "the first leases", 20)
        if moment == "a later":
            await it.until(lambda: it.model.sources[source].polling, "that it is asked again")
            await asyncio.sleep(random.uniform(0.0, 0.5))
        assert it.model.sources[source].polling, "it is in the middle of it"
        seen = leases()
        bao.kill()
        await _silent(it)
        assert seen <= leases(), "no row goes by silence"
        assert len(leases()) <= 150
        bao.start()
        bao.initialise()
        bao.unseal()
        file.write_text(bao.token)
        await it.until(lambda: not leases(), "the leases go", 40)
        await it.until(lambda: not any("rabbitmq" in name for name in rows(it)), "and the mount", 40)
        await it.until(lambda: states(it) == {"ok"}, "recovery", 40)
        assert not kinds(it)
    finally:
        await collector.poller.stop()
