"""What a Vault with 100,000 leases pays for being looked at: requests and CPU of a poll, against what one operator's
listing costs the same server.
"""

import asyncio
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest

from providers.demo.vault.server import Bao
from tests.bench.latency import Screen, measure
from tests.bench.test_viewer import VIEW, told
from tests.world.vault import TOKEN_ENV, configured, counted, polled, reader

pytestmark = pytest.mark.bench
MANY = 100_000
OTP = 2_000
"""Of them ssh credentials, the others service tokens."""
CAP = 1_000


class Quiet(Bao):
    """A server that writes no audit log: 200,000 lines of it are not what is measured."""

    def configuration(self) -> str:
        return super().configuration().partition("audit ")[0]


@pytest.fixture(scope="module")
def crowded() -> Iterator[Bao]:
    """A server with so many leases; it takes minutes to make them."""
    server = Quiet()
    server.call("POST", "sys/mounts/ssh", {"type": "ssh"})
    server.call("POST", "ssh/roles/otp", {"key_type": "otp", "default_user": "u", "cidr_list": "0.0.0.0/0"})

    def one(number: int) -> None:
        if number < OTP:
            server.call("POST", "ssh/creds/otp", {"ip": f"10.0.{number >> 8}.{number & 255}"})
        else:
            server.call("POST", "auth/token/create", {"ttl": "24h", "policies": ["default"]})

    with ThreadPoolExecutor(4) as threads:
        for _ in threads.map(one, range(MANY), chunksize=500):
            pass
    yield server
    server.stop()


def cpu(bao: Bao) -> float:
    """Seconds of CPU the server has used."""
    return sum(sum(process.cpu_times()[:2]) for process in _server(bao))


def _server(bao: Bao) -> list[psutil.Process]:
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if f"-config={bao.directory / 'bao.hcl'}" in process.cmdline() and "bao" in process.name()
    ]


async def _cost(bao: Bao, text: str) -> tuple[dict[str, int], float, Any]:
    """Requests by source and the server's CPU of one cold poll of everything, less what it uses by itself in as long
    a time.
    """
    await asyncio.sleep(2)
    idle = cpu(bao)
    await asyncio.sleep(4)
    idle = (cpu(bao) - idle) / 4
    before, loop = cpu(bao), asyncio.get_running_loop()
    begun = loop.time()
    collector = await polled(text)
    spent = cpu(bao) - before - idle * (loop.time() - begun)
    return (
        {source.service: source.calls for source in collector.model.sources.values() if source.provider == "vault"},
        spent,
        collector,
    )


async def test_a_poll_of_100_000_leases_is_few_requests_and_little_cpu(
    crowded: Bao, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN_ENV, reader(crowded))
    await counted(crowded)
    await asyncio.sleep(3)
    before = cpu(crowded)
    await asyncio.to_thread(crowded.call, "LIST", "sys/leases/lookup/auth/token/create/")
    listing = cpu(crowded) - before
    calls, spent, collector = await _cost(crowded, configured(crowded.url, live="60s", warm="15m"))
    (totals,) = [entry.resource for entry in collector.model.all() if entry.resource.type == "vault.leases"]
    live = sum(calls[name] for name in ("vault", "leases", "tokens"))
    told(
        "100,000 leases, one cold poll of everything",
        f"{sum(calls.values())} requests, {spent:.2f} s of the server's CPU",
    )
    told("of them on the live cadence", f"{live} requests {calls}")
    told("one LIST of all leases", f"{listing:.2f} s of the server's CPU")
    assert int(totals.cells[0]) >= MANY
    assert totals.cells[6].startswith("none, more than lease_cap")
    assert sum(calls.values()) <= 20
    assert spent < 1.0


async def test_with_listing_on_the_cap_holds(crowded: Bao, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_ENV, reader(crowded))
    await counted(crowded)
    more = f'lease_prefixes = ["auth/token/create/", "ssh/"]\nlease_cap = {CAP}'
    calls, spent, collector = await _cost(crowded, configured(crowded.url, more, live="60s", warm="15m"))
    (totals,) = [entry.resource for entry in collector.model.all() if entry.resource.type == "vault.leases"]
    shown = sum(entry.resource.type == "vault.lease" for entry in collector.model.all())
    told(
        f"the same with listing on, lease_cap = {CAP}",
        f"{sum(calls.values())} requests, {spent:.2f} s of the server's CPU, {totals.cells[6]}",
    )
    assert shown == CAP
    assert totals.cells[6].startswith(f"sampled {CAP:,} of 100,0")
    assert calls["leases"] <= CAP + 20


def test_the_leases_view_is_as_quick_as_the_volumes_view() -> None:
    """100,000 rows each, in the same run: leases tick, volumes do not."""
    found = {}
    for view, kind, ready in (("volumes", "volume", "72,000"), ("leases", "lease", "72,000")):
        screen = Screen([sys.executable, str(VIEW), "--view", view, "--", "--rows", str(MANY), "--most", kind], 120, 40)
        try:
            screen.until(ready, 60)
            screen.read_for(3)
            before = screen.cpu()
            screen.read_for(4)
            idle = (screen.cpu() - before) / 4
            found[view] = measure(screen, ["down", "up"], 60, range(3, 38), range(1, 6)) | {"idle": idle}
            told(f"{view}, 72,000 of 100,000 rows: key to paint", f"{found[view]}")
        finally:
            screen.close()
    assert found["leases"]["p50"] < 30
    assert found["leases"]["p50"] <= 2.0 * found["volumes"]["p50"] + 5
