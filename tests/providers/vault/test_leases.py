"""Leases on a real server: they run down, are renewed, fail to be revoked, become many; and no secret of theirs is
ever written.
"""

import asyncio
import json
import time
from typing import Any

import pytest

from posture.verdict import Status
from providers.collector.frames import Rows
from providers.collector.publisher import Publisher
from providers.demo.vault.live import listed, lookup
from providers.demo.vault.rabbit import Rabbit
from providers.demo.vault.server import Bao, BaoError
from tests.world.vault import broker, configured, counted, everything, polled, watched


def give_up(bao: Bao, lease: str, error: str) -> None:
    """Make a lease irrevocable at once, in the server's own storage."""
    path = f"sys/raw/sys/expire/id/{lease}"
    entry = json.loads(bao.call("GET", path)["value"])
    entry |= {"revokeErr": error, "expire_time": "2026-01-01T00:00:00Z"}
    bao.call("PUT", path, {"value": json.dumps(entry)})
    bao.seal()
    bao.unseal()


async def test_an_irrevocable_lease_tells_the_backends_error_and_its_mount_by_path(bao: Bao, rabbit: Rabbit) -> None:
    broker(bao, rabbit, "broker/prod")
    bao.call("GET", "broker/prod/creds/app")
    (lease,) = listed(bao, "broker/prod/creds/")
    give_up(bao, lease, f"out of retries: failed to revoke {lease}: 503 the broker is away")
    await counted(bao)
    async with watched(configured(bao.url)) as it:
        (held,) = [held for held in it.model.all() if held.resource.type == "vault.lease"]
        assert held.findings["vault.lease.irrevocable"].status is Status.FAIL
        assert "503 the broker is away" in held.findings["vault.lease.irrevocable"].reason
        assert held.resource.cells[0] == "broker/prod/"
        assert held.resource.cells[5] == "irrevocable"
        totals = it.find("sys/leases")
        assert totals.findings["vault.lease.irrevocable"].evidence["irrevocable.broker/prod/"] == 1
        await it.until(
            lambda: it.find("sys/leases").findings["vault.lease.health"].status is Status.FAIL,
            "the second poll in a row",
        )
        assert lease.rpartition("/")[2] not in everything(it.collector)


async def test_a_revocation_that_fails_is_shown_as_failing_and_heals_with_the_backend(bao: Bao, rabbit: Rabbit) -> None:
    broker(bao, rabbit, ttl="2s")
    rabbit.broken = True
    bao.call("GET", "rabbitmq/creds/app")
    await counted(bao)
    async with watched(configured(bao.url)) as it:
        assert it.statuses("vault.lease.revocation-failing")[-1] is not Status.FAIL
        await it.until(
            lambda: [
                h for h in it.model.all() if h.resource.type == "vault.lease" and h.resource.cells[5] == "revoking"
            ],
            "a negative TTL",
        )
        await it.until(lambda: Status.WARN in it.statuses("vault.lease.revocation-failing"), "that it fails", 30)
        (held,) = [held for held in it.model.all() if held.resource.type == "vault.lease"]
        assert "is still there" in held.findings["vault.lease.revocation-failing"].reason
        rabbit.broken = False
        bao.call("PUT", "sys/leases/revoke", {"lease_id": listed(bao, "rabbitmq/creds/")[0]})
        await it.until(
            lambda: not any(held.resource.type == "vault.lease" for held in it.model.all()), "that it is gone"
        )


async def test_leases_of_seconds_run_down_and_go_without_an_alarm(bao: Bao, rabbit: Rabbit) -> None:
    broker(bao, rabbit, ttl="3s")
    for _ in range(4):
        bao.call("GET", "rabbitmq/creds/app")
    await counted(bao)
    alarms: list[Any] = []
    async with watched(configured(bao.url)) as it:
        begin = [held.resource for held in it.model.all() if held.resource.type == "vault.lease"]
        assert len(begin) == 4
        assert all(lease.expires is not None and lease.expires - time.time() < 4 for lease in begin)

        def gone() -> bool:
            about = [finding for finding in it.findings() if finding.resource in {lease.id for lease in begin}]
            alarms.extend(finding for finding in about if finding.status < Status.PASS)
            return not about

        await it.until(gone, "that they are gone", 12)
    assert alarms == []


async def test_a_lease_that_nobody_renews_is_told_from_one_that_is_renewed(bao: Bao, rabbit: Rabbit) -> None:
    broker(bao, rabbit, ttl="10h", max_ttl="20h")
    now = time.time()
    for _ in range(3):
        bao.call("GET", "rabbitmq/creds/app")
    young, forgotten, kept = sorted(listed(bao, "rabbitmq/creds/"))
    for lease, begun, ends, renewed in ((forgotten, 8 * 3600, 2 * 3600, None), (kept, 15 * 3600, 5 * 3600, 3600)):
        path = f"sys/raw/sys/expire/id/{lease}"
        entry = json.loads(bao.call("GET", path)["value"])
        stamps = {
            "issue_time": now - begun,
            "expire_time": now + ends,
            **({"last_renewal_time": now - renewed} if renewed else {}),
        }
        entry |= {name: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)) for name, at in stamps.items()}
        bao.call("PUT", path, {"value": json.dumps(entry)})
    bao.seal()
    bao.unseal()
    await counted(bao)
    async with watched(configured(bao.url)) as it:
        found = {
            held.resource.fields["issue_time"][:13]: held
            for held in it.model.all()
            if held.resource.type == "vault.lease"
        }
        states = sorted(
            (held.findings["vault.lease.not-renewed"].status.word, held.resource.cells[5]) for held in found.values()
        )
        assert states == [("pass", ""), ("pass", "capped"), ("warn", "")], "the renewed one ends where max TTL puts it"
        bao.call("PUT", "sys/leases/renew", {"lease_id": forgotten, "increment": 7200})
        await it.until(lambda: Status.WARN not in it.statuses("vault.lease.not-renewed"), "the renewal")
    assert lookup(bao, young)["last_renewal"] is None


async def _told(bao: Bao, many: int) -> None:
    """Until the server's own count, which it makes every other second, has come to so many."""
    for _ in range(300):
        text = await asyncio.to_thread(bao.text, "sys/metrics?format=prometheus")
        if any(
            float(line.split()[-1]) >= many
            for line in text.decode().splitlines()
            if "expire_num_leases" in line and line[0] != "#"
        ):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"the server does not count {many} leases")


async def test_many_leases_are_counted_in_few_requests_and_listed_only_on_demand(bao: Bao, rabbit: Rabbit) -> None:
    broker(bao, rabbit)
    bao.call("POST", "sys/mounts/ssh", {"type": "ssh"})
    bao.call("POST", "ssh/roles/otp", {"key_type": "otp", "default_user": "u", "cidr_list": "0.0.0.0/0"})
    await asyncio.to_thread(_many, bao, 700)
    await _told(bao, 700)
    counts = await polled(configured(bao.url))
    calls = {source.service: source.calls for source in counts.model.sources.values()}
    assert calls["leases"] + calls["tokens"] + calls["vault"] <= 8, "what is asked live"
    assert sum(calls.values()) <= 25, calls
    assert not any(held.resource.type == "vault.lease" for held in counts.model.all())
    (totals,) = [held.resource for held in counts.model.all() if held.resource.type == "vault.leases"]
    assert int(totals.cells[0]) >= 700
    assert totals.cells[6] == "none, more than lease_cap: set lease_prefixes"
    sampled = await polled(configured(bao.url, 'lease_prefixes = ["ssh/"]\nlease_cap = 60'))
    (totals,) = [held.resource for held in sampled.model.all() if held.resource.type == "vault.leases"]
    assert totals.cells[6] == "sampled 60 of 700"
    assert sum(held.resource.type == "vault.lease" for held in sampled.model.all()) == 60
    assert {source.service: source.calls for source in sampled.model.sources.values()}["leases"] <= 60 + 10


def _many(bao: Bao, many: int) -> None:
    for number in range(many):
        bao.call("POST", "ssh/creds/otp", {"ip": f"10.0.{number >> 8}.{number & 255}"})


async def test_a_countdown_costs_no_frame_and_a_lease_says_when_it_ends(bao: Bao, rabbit: Rabbit) -> None:
    broker(bao, rabbit)
    for _ in range(3):
        bao.call("GET", "rabbitmq/creds/app")
    await counted(bao)
    collector = await polled(configured(bao.url, live="60s"))

    publisher = Publisher(collector.model)
    first = [frame for frame in publisher.frames(collector.model.drain()) if isinstance(frame, Rows)]
    ends = [row.expires for frame in first for row in frame.rows if "/leases/rabbitmq" in row.id]
    assert len(ends) == 3
    assert all(3590 < end - time.time() <= 3600 for end in ends)
    collector.model.tick(time.time() + 60)
    again = [frame for frame in publisher.frames(collector.model.drain()) if isinstance(frame, Rows)]
    assert not [row for frame in again if isinstance(frame, Rows) for row in frame.rows if "/leases/rabbitmq" in row.id]
    with pytest.raises(BaoError):
        lookup(bao, "rabbitmq/creds/app/none")
