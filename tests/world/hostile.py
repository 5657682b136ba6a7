"""Servers that answer every request with one bad answer, each on a port of its own, in a thread of their own."""

import asyncio
import gzip
import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

Write = Callable[[bytes], None]
ESCAPES = "\x1b]52;c;ZXZpbA==\x07\x1b[2J\x9b31m\r\n200 OK\u202e\u2066"
_JSON = "application/json"


def _answer(body: bytes | str, status: int = 200, /, *, kind: str = _JSON, **headers: str) -> bytes:
    content = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Said", f"Content-Type: {kind}", f"Content-Length: {len(content)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def _saying(body: bytes) -> Callable[[bytes, asyncio.StreamWriter], object]:
    return lambda head, writer: writer.write(body)


def _again(head: bytes) -> bytes:
    said = head.decode("latin-1")
    return _answer(json.dumps({"errors": [said], "error": {"code": "x", "message": said}}), 400)


def _as_data(head: bytes) -> bytes:
    """An answer that any of the rooms may take for one, with the request in every text."""
    said = " ".join(head.decode("latin-1").split())[-900:]
    row = {
        "id": said,
        "name": said,
        "type": said,
        "location": said,
        "kind": said,
        "selfLink": said,
        "properties": {"provisioningState": said},
    }
    some = {name: [row] for name in ("value", "items", "data", "buckets", "clusters", "keys")}
    return _answer(
        json.dumps(
            some | {"kind": said, "displayName": said, "projectId": said, "subscriptionId": said, "totalRecords": 1}
        )
    )


def _bomb() -> bytes:
    """Four megabytes that become four gigabytes: members of gzip, one after another."""
    member = gzip.compress(b"[" + b'{"id": 1},' * 6_400_000, 9, mtime=0)
    return member * 64


DRIPS = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"a": "'
LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]><l>&j;</l>"
)
XXE = '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]><Error><Code>&x;</Code><Message>&x;</Message></Error>'
WRONG_TYPES = json.dumps(
    {
        "value": 7,
        "items": "x",
        "data": [1, None],
        "keys": 3,
        "kind": [],
        "nextLink": {},
        "errors": {"a": 1},
        "error": "no",
        "lease_id": [],
    }
)

FIXED: dict[str, Callable[[], bytes]] = {
    "another object": lambda: _answer('{"status": "healthy"}'),
    "an empty object": lambda: _answer("{}"),
    "null": lambda: _answer("null"),
    "an empty body": lambda: _answer(""),
    "html": lambda: _answer("<html><body>It works!</body></html>", kind="text/html"),
    "deep json": lambda: _answer("[" * 200_000),
    "deep json in fields": lambda: _answer('{"value": ' + '{"a": ' * 50_000 + "1" + "}" * 50_000 + "}"),
    "not a number": lambda: _answer('{"value": [NaN], "items": [Infinity], "data": {"ttl": 1e999}}'),
    "an endless number": lambda: _answer('{"value": ' + "9" * 100_000 + "}"),
    "bad utf-8": lambda: _answer(b'{"value": [{"id": "\xff\xfe\xc0\x80"}], "items": [{"name": "\xed\xa0\x80"}]}'),
    "wrong types": lambda: _answer(WRONG_TYPES),
    "not http": lambda: b"\x16\x03\x01\x02\x00garbage\x00\xff" * 100,
    "cut short": lambda: _answer('{"value": [').replace(b"Content-Length: 11", b"Content-Length: 9999"),
    "bad chunks": lambda: (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"
    ),
    "wait for ever": lambda: _answer('{"error": {"code": "TooManyRequests"}}', 429, Retry_After="inf"),
    "wait for no number": lambda: _answer('{"errors": ["slow down"]}', 503, Retry_After="nan"),
    "wait until no date": lambda: _answer("{}", 429, Retry_After="Mon, 01 Jan 99999 00:00:00 GMT"),
    "a huge header": lambda: _answer("{}", X_Long="x" * 1_000_000),
    "many headers": lambda: _answer("{}", **{f"X_{number}": "x" for number in range(20_000)}),
    "continue, continue": lambda: b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000,
    "billion laughs": lambda: _answer(LAUGHS, kind="text/xml"),
    "an external entity": lambda: _answer(XXE, 403, kind="text/xml"),
    "deep xml": lambda: _answer("<a>" * 200_000, kind="text/xml"),
    "a bomb": lambda: _answer(_bomb(), Content_Encoding="gzip"),
    "escapes in an error": lambda: _answer(
        json.dumps({"error": {"code": ESCAPES, "message": ESCAPES}, "errors": [ESCAPES]}), 403
    ),
    "duplicate keys": lambda: _answer('{"error": {"code": "x"}, "error": null, "value": [], "value": 7}', 400),
    "a status of nine digits": lambda: b"HTTP/1.1 999999999 No\r\nContent-Length: 0\r\n\r\n",
}
"""What it is -> the bytes that answer any request."""


class Hostile:
    """A server for each answer of `FIXED`, and those that need more than bytes: they repeat the request, redirect
    it, drip, go on for ever, or say nothing.
    """

    def __init__(self) -> None:
        self.ports: dict[str, int] = {}
        self.stolen: list[bytes] = []
        """Requests that came to the place where the redirects lead."""
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        ready.wait()

    def stop(self) -> None:
        """End them all."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self, ready: threading.Event) -> None:
        self._loop.run_until_complete(self._serve(ready))

    async def _serve(self, ready: threading.Event) -> None:
        thief = await self._listen(self._steal)
        special: Mapping[str, Callable[[bytes, asyncio.StreamWriter], object]] = {
            "the request again, 400": lambda head, writer: writer.write(_again(head)),
            "the request again, as data": lambda head, writer: writer.write(_as_data(head)),
            "the request again, 500": lambda head, writer: writer.write(_answer(head, 500, kind="text/plain")),
            "a redirect": lambda head, writer: writer.write(_answer("", 302, Location=f"http://127.0.0.1:{thief}/")),
            "a drip": lambda head, writer: self._drip(writer),
            "a drip of headers": lambda head, writer: self._drip(writer, b"HTTP/1.1 200 OK\r\nX-A: "),
            "without end": lambda head, writer: self._endless(writer),
        }
        for name, make in FIXED.items():
            body = make()
            self.ports[name] = await self._listen(_saying(body))
        for name, answer in special.items():
            self.ports[name] = await self._listen(answer)
        ready.set()
        await self._stop.wait()
        for task in (others := asyncio.all_tasks() - {asyncio.current_task()}):
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _listen(self, answer: Callable[[bytes, asyncio.StreamWriter], object]) -> int:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                more = answer(head, writer)
                if asyncio.iscoroutine(more):
                    await more
                await writer.drain()
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20)
        port: int = server.sockets[0].getsockname()[1]
        return port

    def _steal(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        self.stolen.append(head)
        writer.write(_answer("{}"))

    async def _drip(self, writer: asyncio.StreamWriter, head: bytes = DRIPS) -> None:
        writer.write(head)
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.2)

    async def _endless(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n[")
        while True:
            writer.write(b'{"id": 1},' * 6500)
            await writer.drain()


def token_file(folder: Path, token: str) -> Path:
    """A token in a file."""
    file = folder / "token"
    file.write_text(token)
    file.chmod(0o600)
    return file
