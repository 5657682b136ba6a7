"""Probes one port under many names and prints what it cost, as JSON: `python tests/bench/tls_probe.py PORT HTTP_PORT
MANY ROUNDS ROOTS [SECONDS]`.

With SECONDS it goes on for so long, and tells memory and descriptors at a quarter of the time and at its end.
"""

import asyncio
import json
import os
import socket
import ssl
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from posture.reports import Batch
from providers.cadence import Cadence
from providers.collector.collector import collect_garbage_seldom
from providers.source import TALLY, Tally
from providers.system import Block, Setup
from providers.tls.discovery import open_tls
from providers.tls.settings import TlsSettings
from tests.world.memory import peak_mb


def memory() -> float:
    """Resident, MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / (1 << 20)


def plain(port: int, http_port: int, many: int) -> tuple[float, float]:
    """CPU milliseconds and wall seconds an endpoint of the plainest client there is: blocking sockets, stdlib's ssl,
    the same two requests, nothing read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_default_certs()
    request = b"HEAD / HTTP/1.1\r\nHost: e.lab.example\r\nConnection: close\r\n\r\n"
    started, wall = time.process_time(), time.perf_counter()
    for _ in range(many):
        with (
            socket.create_connection(("127.0.0.1", port)) as bare,
            context.wrap_socket(bare, server_hostname="e.lab.example") as tls,
        ):
            tls.sendall(request)
            tls.recv(4096)
        with socket.create_connection(("127.0.0.1", http_port)) as bare:
            bare.sendall(request)
            bare.recv(4096)
    return (time.process_time() - started) / many * 1000, (time.perf_counter() - wall) / many


def descriptors() -> int:
    """Open file descriptors."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def main() -> None:
    """Probe, measure, print."""
    port, http_port, many, rounds = map(int, sys.argv[1:5])
    seconds = float(sys.argv[6]) if len(sys.argv) > 6 else 0.0
    os.environ["SSL_CERT_FILE"] = sys.argv[5]
    names = [f"e{number:05}.lab.example" for number in range(many)]
    settings = TlsSettings(
        tuple(f"{name}:{port}" for name in names), resolve=dict.fromkeys(names, "127.0.0.1"), http_port=http_port
    )
    clock = [time.time()]
    (source,) = open_tls(Setup(version="0", cadence=Cadence(), now=lambda: clock[0]), [Block("bench", settings)])
    told: dict[str, object] = {"many": many}

    async def poll() -> dict[str, float]:
        TALLY.set(tally := Tally())
        wall, cpu, good = time.perf_counter(), time.process_time(), 0
        async for report in source.poll():
            if isinstance(report, Batch):
                good += sum(
                    one.kind == "endpoint" and one.fields["Addresses"].get("127.0.0.1", {}).get("Outcome") == "ok"
                    for one in report.resources
                )
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return {
            "wall": wall,
            "cpu_ms": cpu / many * 1000,
            "calls": tally.calls / many,
            "good": good,
            "rate": many / wall,
        }

    told["plain_ms"], wall = map(min, zip(*(plain(port, http_port, 100) for _ in range(4)), strict=True))
    told["plain_rate"] = 1 / wall
    told["first"] = await poll()
    told["fast"] = min([await poll() for _ in range(rounds)], key=lambda one: one["cpu_ms"])
    told["full"] = min([await _again(poll, source) for _ in range(max(1, rounds // 2))], key=lambda one: one["cpu_ms"])
    if seconds:
        until, samples = time.monotonic() + seconds, []
        while time.monotonic() < until:
            await poll()
            clock[0] += 60
            samples.append((round(time.monotonic() - until + seconds), round(memory(), 1), descriptors()))
        told["held"] = samples
    told["peak"] = peak_mb()
    slots = source._prober._slots  # type: ignore[attr-defined]  # what it measured of itself
    told["longest_ms"], told["handshakes"] = slots.longest, slots.handshakes
    sys.stdout.write(json.dumps(told) + "\n")


async def _again(poll: object, source: object) -> dict[str, float]:
    """The full pass for all at once, as at a start."""
    for known in source._known.values():  # type: ignore[attr-defined]
        known.full_at = 0.0
    return await poll()  # type: ignore[operator,no-any-return]


if __name__ == "__main__":
    collect_garbage_seldom()
    asyncio.run(main())
