"""Servers that mean harm, or nothing at all: what they cost us is bounded in time and memory, none of them is
believed, and none makes us fail.
"""

import asyncio
import contextlib
import logging
import random
import socket
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from posture.resource import Resource
from posture.verdict import Finding, Status
from providers.collector.collector import Collector
from providers.collector.config import parse
from providers.demo.tls.pki import Authority
from providers.demo.tls.server import context_for
from providers.limits import Limits
from providers.tls.protocol.answer import MOST_BYTES
from tests.providers.tls.test_answer import (
    CERTIFICATES,
    EXCHANGE,
    FLIGHT,
    STATUS,
    message,
    record,
    server_hello,
    vector,
)
from tests.world import tlsservers as servers
from tests.world.tlsfuzz import TOTAL, spoilt
from tests.world.tlsservers import Serve, Threads

TALK = 1.0
"""Seconds a conversation may last in these tests."""
HURRIED = Limits(whole=TALK, pause=0.0)
CONNECTIONS = 12
"""More than are made to one address that answers the worst it can, both passes together."""
STREAMS = max(100, TOTAL // 100)


@pytest.fixture
def threads() -> Iterator[Threads]:
    """Listeners."""
    made = Threads()
    yield made
    made.stop()


async def ask(port: int, *, lagging: list[float] | None = None) -> tuple[Resource, dict[str, Finding]]:
    """Both passes over one server, as the collector makes them, and what is said of it."""
    text = (
        f'[[tenant]]\nname = "a"\n[[tenant.tls]]\nendpoints = ["x.example:{port}"]\nresolve = {{ "x.example" ='
        ' "127.0.0.1" }\nhttp_port = 0\n'
    )
    collector = Collector(parse(text, "test"), limits=HURRIED)
    async with ticking([] if lagging is None else lagging):
        await collector.once(CONNECTIONS * TALK * 3)
    held = collector.model.entry(f"tls://x.example:{port}")
    assert held is not None
    return held.resource, dict(held.findings)


@contextlib.asynccontextmanager
async def ticking(lags: list[float]) -> AsyncIterator[None]:
    """Notes by how much each tick of this loop came late."""

    async def tick() -> None:
        while True:
            due = time.monotonic() + 0.01
            await asyncio.sleep(0.01)
            lags.append(time.monotonic() - due)

    task = asyncio.create_task(tick())
    try:
        yield
    finally:
        task.cancel()


def good(endpoint: Resource, findings: dict[str, Finding]) -> list[str]:
    """Controls that pass, but for "answers TLS" where a whole, well-formed first flight was read: that is all it
    says.
    """
    told = endpoint.fields["Addresses"]["127.0.0.1"]
    answered = (told.get("Permissive") or {}).get("Answer") == "accepted" or told.get("ClientCertificate") == "required"
    return [
        name
        for name, finding in findings.items()
        if finding.status is Status.PASS and not (answered and name == "tls.reachable")
    ]


def endless(*parts: bytes) -> Serve:
    """Sends these, and the last of them for ever."""

    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        for part in parts:
            connection.sendall(part)
        while True:
            connection.sendall(parts[-1])

    return serve


def alone(stream: bytes) -> Serve:
    """Answers whatever comes with this, and hangs up."""
    return servers.says(stream)


HELLO = record(server_hello())
RUBBISH = message(11, vector(3, vector(3, b"\x30\x82" + b"x" * 300) * 40))
HOSTILE: dict[str, Serve] = {
    "never answers": servers.silent,
    "hangs up": servers.says(),
    "resets": servers.reset,
    "drips a record": servers.drip(HELLO, 0.3),
    "drips http": servers.drip(b"HTTP/1.1 200 OK\r\n", 0.3),
    "garbage": alone(random.Random(1).randbytes(4000)),
    "garbage without end": endless(random.Random(2).randbytes(16384)),
    "zeros without end": endless(b"\0" * 65536),
    "truncated hello": alone(HELLO[:30]),
    "truncated chain": alone(record(server_hello() + CERTIFICATES[:-3])),
    "a record longer than may be": alone(b"\x16\x03\x03\xff\xff" + b"x" * 65535),
    "an empty record": alone(b"\x16\x03\x03\x00\x00"),
    "a message longer than may be": alone(record(b"\x0b\xff\xff\xff" + b"x" * 1000)),
    "a chain without end": endless(HELLO, record(b"\x0b\x01\xf0\x00" + b"x" * 16000), record(b"x" * 16000)),
    "hellos without end": endless(HELLO),
    "warnings without end": endless(record(b"\x01\x70", 21)),
    "a chain of rubbish": alone(record(server_hello() + RUBBISH + STATUS + EXCHANGE + message(14, b""))),
    "a head without end": endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 4000),
    "refuses everything": alone(record(b"\x02\x28", 21)),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_server_costs_little_and_is_never_believed(
    name: str, threads: Threads, caplog: pytest.LogCaptureFixture
) -> None:
    port = threads.listen(HOSTILE[name])
    tracemalloc.start()
    started, lags = time.monotonic(), list[float]()
    endpoint, findings = await ask(port, lagging=lags)
    took = time.monotonic() - started
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took < CONNECTIONS * TALK
    assert peak < 40 * MOST_BYTES  # the roots and the certificates' facts among it
    assert max(lags, default=0.0) < 3.0  # with every allocation noted, on a busy machine
    assert not good(endpoint, findings)
    assert not [entry for entry in caplog.records if entry.levelno >= logging.ERROR]


async def test_a_server_that_floods_us_within_tls_is_cut_off(
    threads: Threads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred thousand session tickets, 26 MB, all of them proper TLS 1.3: they used to keep the loop busy for
    five seconds.
    """
    authority = Authority("Flood")
    monkeypatch.setenv("SSL_CERT_FILE", str(servers.write(tmp_path, "roots.pem", authority.root.pem)))
    context = context_for(authority.issue("x.example", crl=False))
    context.num_tickets = 100_000
    started, lags = time.process_time(), list[float]()
    endpoint, findings = await ask(threads.listen(servers.blocking(context)), lagging=lags)
    fields = endpoint.fields["Addresses"]["127.0.0.1"]
    assert fields["Version"] == "TLSv1.3"
    assert fields["HttpStatus"] is None
    assert findings["tls.hsts"].status is Status.UNKNOWN
    assert max(lags, default=0.0) < 1.0
    assert time.process_time() - started < 4.0


# ---------------------------------------------------------------- fuzz, over the wire

BASES = [
    record(FLIGHT),
    record(server_hello()) + record(CERTIFICATES),
    record(server_hello(suite=0x009E) + EXCHANGE),
    HELLO,
    record(b"\x02\x28", 21),
    b"",
]


async def test_fuzz_no_server_that_answers_rubbish_is_believed(
    threads: Threads, caplog: pytest.LogCaptureFixture
) -> None:
    """Each stream is one server's answer to every connection; all are asked at once, in one block, as a tenant's
    endpoints are.
    """
    streams = [stream for _, stream in zip(range(STREAMS), spoilt("servers", 1, BASES), strict=False)]
    ports = {threads.listen(alone(stream)): stream for stream in streams}
    names = ", ".join(f'"x.example:{port}"' for port in ports)
    text = (
        f'[[tenant]]\nname = "a"\n[[tenant.tls]]\nendpoints = [{names}]\nresolve = {{ "x.example" = "127.0.0.1"'
        " }\nhttp_port = 0\n"
    )
    collector = Collector(parse(text, "test"), limits=HURRIED)
    await collector.once(60 + STREAMS)
    for port, stream in ports.items():
        held = collector.model.entry(f"tls://x.example:{port}")
        assert held is not None
        assert not good(held.resource, dict(held.findings)), stream.hex()
    assert not [entry for entry in caplog.records if entry.levelno >= logging.ERROR]
