"""A server that is no Vault, or one that means harm: its answers have bounds, its words no secret, and it leads a
token nowhere else.
"""

import asyncio
import gzip
import itertools
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from posture.fault import Refused
from posture.snapshot import to_json
from providers.limits import Limits
from providers.source import TALLY, Tally
from providers.vault.calls import ACCESSORS, AUDIT, MOUNTS, SEAL_STATUS
from providers.vault.client import VaultClient
from providers.vault.settings import VaultSettings
from tests.world.vault import TOKEN_ENV, configured, polled, taken

TOKEN = "hvs.CAESIcanary0123456789abcdefghijklmnop"
Speak = Callable[[socket.socket, bytes], None]
ONCE = Limits(whole=1.0, attempts=1, transient_attempts=1)


class Stranger:
    """Answers each request as it is told, over a real socket, one thread a connection."""

    def __init__(self, speak: Speak) -> None:
        self._speak = speak
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: list[bytes] = []
        self.over = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            try:
                request = connection.recv(1 << 16)
                self.requests.append(request)
                self._speak(connection, request)
            except OSError:  # who asked has hung up
                return

    def stop(self) -> None:
        self.over.set()
        self._listener.close()


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Speak], Stranger]]:
    """Start one."""
    monkeypatch.setenv(TOKEN_ENV, TOKEN)
    started: list[Stranger] = []

    def start(speak: Speak) -> Stranger:
        started.append(Stranger(speak))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def says(text: bytes, then: float = 0.0) -> Speak:
    """Say it, and be silent for so many seconds."""

    def speak(connection: socket.socket, request: bytes) -> None:
        connection.sendall(text)
        time.sleep(then)

    return speak


def endless(head: bytes, piece: bytes, pause: float = 0.0) -> Speak:
    def speak(connection: socket.socket, request: bytes) -> None:
        connection.sendall(head)
        for _ in itertools.repeat(None):
            connection.sendall(piece)
            time.sleep(pause)

    return speak


OK = b"HTTP/1.1 200 OK\r\n"
BOMB = gzip.compress(b"[" + b" " * (64 << 20))
HARM: dict[str, tuple[Speak, str]] = {
    "gzip": (
        lambda connection, request: connection.sendall(answer(BOMB, "Content-Encoding: gzip")),
        "ContentDecodingError",
    ),
    "gzip in gzip": (
        lambda connection, request: connection.sendall(answer(gzip.compress(BOMB), "Content-Encoding: gzip, gzip")),
        "ContentDecodingError",
    ),
    "endless body": (endless(OK + b"\r\n{", b" " * (1 << 20)), "TooLong"),
    "endless chunks": (
        endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"100000\r\n" + b" " * (1 << 20) + b"\r\n"),
        "TooLong",
    ),
    "endless length of a chunk": (
        endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0" * (1 << 20)),
        "ChunkedEncodingError",
    ),
    "drip in the body": (endless(OK + b"\r\n{", b" ", 0.02), "TimeoutError"),
    "drip in chunks": (endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", 0.02), "TimeoutError"),
    "drip in the headers": (endless(OK, b"X", 0.02), "TimeoutError"),
    "drip in the status": (endless(b"HTTP/1.1 200 ", b"O", 0.02), "TimeoutError"),
    "continue for ever": (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.001), "TimeoutError"),
    "silence": (lambda connection, request: time.sleep(60), "TimeoutError"),
    "silence in mid-body": (
        says(OK + b"Content-Length: 9\r\n\r\n{", then=60),
        "TimeoutError",
    ),
}


FOREIGN = {
    "nothing": b"",
    "an empty object": b"{}",
    "another object": b'{"fruit": {"banana": [1, 2]}}',
    "data that is none": b'{"data": null, "request_id": "0"}',
    "data that is a list": b'{"data": ["sys/"]}',
    "a list": b"[]",
}


@pytest.mark.parametrize("body", FOREIGN.values(), ids=list(FOREIGN))
@pytest.mark.parametrize("status", ["200 OK", "404 Not Found"])
async def test_an_answer_that_is_not_vaults_own_is_no_empty_list(
    stranger: Callable[[Speak], Stranger], body: bytes, status: str
) -> None:
    TALLY.set(Tally())
    way = VaultClient(
        VaultSettings(
            stranger(lambda connection, request: connection.sendall(answer(body, status=status))).url,
            token_env=TOKEN_ENV,
        ),
        "test",
        ONCE,
    )
    nothing_there = status.startswith("404") and b"request_id" in body
    for call in (MOUNTS, AUDIT, ACCESSORS):
        if nothing_there:
            assert await way.ask(call) is None
        else:
            with pytest.raises(Refused):
                await way.ask(call)
    await way.close()


@pytest.mark.parametrize(("speak", "code"), HARM.values(), ids=list(HARM))
async def test_an_answer_without_bounds_ends_in_time_and_takes_no_memory(
    stranger: Callable[[Speak], Stranger], speak: Speak, code: str
) -> None:
    limits = msgspec.structs.replace(ONCE, most_bytes=4 << 20, whole=20.0 if code == "TooLong" else 1.0)
    TALLY.set(Tally())
    way = VaultClient(VaultSettings(stranger(speak).url, token_env=TOKEN_ENV), "test", limits)
    with pytest.raises(Refused) as caught:
        await asyncio.wait_for(way.ask(SEAL_STATUS), 30)
    await way.close()
    assert caught.value.fault.code == code
    assert caught.value.fault.message.isprintable()


@pytest.mark.parametrize("words", [["check"], ["snapshot"]])
def test_a_dripping_server_does_not_keep_the_process(
    stranger: Callable[[Speak], Stranger], tmp_path: Path, words: list[str]
) -> None:
    """The child has its own deadline for a whole answer, which is longer than the timeout: nobody waits for the
    thread that reads.
    """
    server = stranger(endless(OK, b"X", 0.05))
    file = tmp_path / "enctop.toml"
    file.write_text(configured(server.url))
    command = [sys.executable, "-m", "tui.cli.main", *words, "--timeout", "1", "--config", str(file)]
    done = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    before = time.monotonic()
    _, errors = done.communicate(timeout=60)
    assert time.monotonic() - before < ONCE.whole + 24, "far less than the half a minute that the answer may take"
    assert b"Traceback" not in errors
    assert not server.over.is_set()


# ------------------------------------------------------------ what a server repeats


def repeats(status: str, form: str) -> Speak:
    def speak(connection: socket.socket, request: bytes) -> None:
        text = request.decode("latin-1")
        quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r").replace("\n", "\\n")
        body = form.replace("@", quoted).encode()
        connection.sendall(answer(body, "Content-Type: application/json", f"X-Echo: {TOKEN}", status=status))

    return speak


FORMS = (
    '{"errors": ["@"]}',
    '{"errors": ["@", "@"]}',
    "@",
    '{"data": {"id": "@", "policies": ["@"], "display_name": "@", "cluster_id": "@"}}',
    (
        '{"initialized": true, "sealed": false, "type": "@", "cluster_name": "@", "version": "@", "t": 1, "n": 1,'
        ' "leader_address": "@", "keys": ["@"]}'
    ),
    (
        '{"errors": ["other hvs.CAESIcanaryofsomebodyelse0123456789 and s.canaryofsomebodyelse01234'
        ' eyJhbGciOiJcanary.eyJcanary.sig"]}'
    ),
)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "403 Forbidden", "500 Internal Server Error"])
async def test_a_server_that_repeats_the_request_is_not_repeated(
    stranger: Callable[[Speak], Stranger], caplog: pytest.LogCaptureFixture, status: str, form: str
) -> None:
    server = stranger(repeats(status, form))
    collector = await polled(configured(server.url), ONCE)
    texts = [
        to_json(taken(collector)).decode(),
        *(record.getMessage() for record in caplog.records if record.name.split(".")[0] in {"providers", "posture"}),
    ]
    texts += [
        str(source.fault) + (source.fault.message if source.fault else "")
        for source in collector.model.sources.values()
    ]
    assert not [text for text in texts if "canary" in text]
    assert not [text for text in texts[1:] if not text.isprintable()]


@pytest.mark.parametrize(
    ("auth", "variable"),
    [
        ('auth = "approle"\nrole_id = "role"\nsecret_id_env = "CANARY"', "CANARY"),
        ('auth = "jwt"\nrole = "role"\njwt_env = "CANARY"', "CANARY"),
        ('auth = "kubernetes"\nrole = "role"\njwt_env = "CANARY"', "CANARY"),
    ],
)
@pytest.mark.parametrize(
    ("status", "form"), [("200 OK", FORMS[3]), ("400 Bad Request", FORMS[0]), ("500 Internal Server Error", FORMS[2])]
)
async def test_what_one_logs_in_with_is_not_repeated_either(
    stranger: Callable[[Speak], Stranger],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    auth: str,
    variable: str,
    status: str,
    form: str,
) -> None:
    monkeypatch.setenv(variable, "canary-1234-5678-secret-id")
    healthy = answer(b'{"initialized": true, "sealed": false, "type": "shamir", "ha_enabled": false}')

    def speak(connection: socket.socket, request: bytes) -> None:
        if b"/login" in request.partition(b"\r\n")[0]:
            repeats(status, form)(connection, request)
        else:
            connection.sendall(healthy)

    server = stranger(speak)
    collector = await polled(configured(server.url, auth).replace(f'token_env = "{TOKEN_ENV}"', ""), ONCE)
    assert any(b"/login" in request for request in server.requests)
    assert "canary" not in to_json(taken(collector)).decode()
    assert "canary" not in " ".join(record.getMessage() for record in caplog.records)


async def test_a_token_that_is_a_common_word_takes_no_word_out_of_an_answer(
    stranger: Callable[[Speak], Stranger], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN_ENV, "root")  # as `vault server -dev -dev-root-token-id=root` has it
    sealed = b'{"initialized": true, "sealed": false, "type": "shamir", "ha_enabled": false}'
    own = (
        b'{"data": {"policies": ["root"], "expire_time": null, "creation_ttl": 0, "renewable": false, "accessor": "a",'
        b' "ttl": 0}}'
    )

    def speak(connection: socket.socket, request: bytes) -> None:
        connection.sendall(answer(own if b"lookup-self" in request.partition(b"\r\n")[0] else sealed))

    collector = await polled(configured(stranger(speak).url), ONCE)
    reasons = {finding.reason for entry in collector.model.all() if (finding := entry.findings.get("vault.token.own"))}
    assert len(reasons) == 1
    assert "root" in reasons.pop()


async def test_how_long_to_wait_is_told_in_any_form(stranger: Callable[[Speak], Stranger]) -> None:
    told = {}
    for value in ("7", "inf", "nan", "-3", "1e9", "soon", "Fri, 31 Dec 1999 23:59:59 GMT"):
        server = stranger(says(answer(b'{"errors": []}', f"retry-after: {value}", status="429 Slow")))
        TALLY.set(Tally())
        way = VaultClient(VaultSettings(server.url, token_env=TOKEN_ENV), "test", ONCE)
        with pytest.raises(Refused) as caught:
            await asyncio.get_running_loop().run_in_executor(
                None, way._blocking, SEAL_STATUS, SEAL_STATUS.path, "", server.url, None, None
            )
        told[value] = caught.value.fault.retry_after
    assert told == {
        "7": 7.0,
        "inf": None,
        "nan": None,
        "-3": 0.0,
        "1e9": 86400.0,
        "soon": None,
        "Fri, 31 Dec 1999 23:59:59 GMT": 0.0,
    }


# ------------------------------------------------------------ where a token goes


async def test_no_proxy_gets_what_is_meant_for_this_machine(
    stranger: Callable[[Speak], Stranger], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = stranger(repeats("200 OK", "{}"))
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    server = stranger(repeats("200 OK", '{"initialized": true, "sealed": false}'))
    for address in (server.url, server.url.replace("127.0.0.1", "localhost")):
        await polled(configured(address), ONCE)
    assert server.requests
    assert proxy.requests == []


STATUS = """{"initialized": true, "sealed": false, "type": "shamir", "ha_enabled": true, "is_self": false,
"leader_address": "@", "policies": ["x"], "expire_time": null,
"nodes": [{"api_address": "@"}, {"api_address": 7}, {}, null, 7, {"api_address": "http://[::1"}]}"""


async def test_a_vault_elsewhere_that_names_a_service_of_this_machine_gets_it_no_request(
    stranger: Callable[[Speak], Stranger], monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = stranger(repeats("200 OK", "{}"))
    body = STATUS.replace("@", victim.url).encode()
    server = stranger(lambda connection, request: connection.sendall(answer(body)))
    address = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", int(server.url.rpartition(":")[2])))]
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **named: address if host == "vault.acme.example" else real(host, *rest, **named),
    )
    collector = await polled(configured("http://vault.acme.example:8200", "allow_plaintext = true"), ONCE)
    assert len(server.requests) > 5
    assert victim.requests == []
    (cluster,) = [entry for entry in collector.model.all() if entry.resource.type == "vault.cluster"]
    assert cluster.findings["vault.seal.status"].status.word == "unknown", "migration was not told"
