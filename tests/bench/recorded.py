"""A cloud that answers from memory after a set delay, so that a benchmark measures its client and not the stand-in.

Run as a program it reads one JSON line (`upstream`, `delay` in seconds), prints its URL, and ends with its standard
input. What it was not asked before it fetches from upstream, once. `GET /bench/count` tells how many requests came
since the last time it was asked.
"""

import asyncio
import contextlib
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_SCOPE = re.compile(rb"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/")
_TARGET = re.compile(rb"x-amz-target: *([^\r]+)", re.IGNORECASE)


@contextlib.contextmanager
def replaying(upstream: str, delay: float = 0.0) -> Iterator[str]:
    """The URL of such a server in a process of its own, while the block runs."""
    server = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps({"upstream": upstream, "delay": delay}) + "\n")
    server.stdin.flush()
    try:
        yield server.stdout.readline().strip()
    finally:
        server.stdin.close()
        server.wait()
        server.stdout.close()


class Recorded:
    """The server: one asyncio loop, keep-alive, no parsing beyond what tells one request from another."""

    def __init__(self, upstream: str, delay: float) -> None:
        parts = urlsplit(upstream)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._delay = delay
        self._answers: dict[bytes, bytes] = {}
        self.count = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1])) if length else b""
                if head.startswith(b"GET /bench/count"):
                    text = str(self.count).encode()
                    self.count = 0
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
                    continue
                self.count += 1
                asked = asyncio.get_running_loop().time()
                answer = await self._answer(head, body)
                await asyncio.sleep(max(0.0, self._delay - (asyncio.get_running_loop().time() - asked)))
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(self, head: bytes, body: bytes) -> bytes:
        line = head.partition(b"\r\n")[0]
        scope, target = _SCOPE.search(head), _TARGET.search(head)
        name = hashlib.sha1(
            b"\0".join((line, body, b"/".join(scope.groups()) if scope else b"", target[1] if target else b""))
        ).digest()
        found = self._answers.get(name)
        if found is None:
            found = self._answers[name] = await self._fetch(head, body)
        return found

    async def _fetch(self, head: bytes, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        writer.write(
            re.sub(rb"\r\nconnection: [^\r]*", b"", head[:-4], flags=re.IGNORECASE)
            + b"\r\nConnection: close\r\n\r\n"
            + body
        )
        answer = await reader.read(-1)
        writer.close()
        top, _, rest = answer.partition(b"\r\n\r\n")
        kept = [
            each
            for each in top.split(b"\r\n")
            if not each.lower().startswith((b"connection:", b"content-length:", b"date:"))
        ]
        return b"\r\n".join(kept) + b"\r\nContent-Length: %d\r\n\r\n" % len(rest) + rest


async def main() -> None:
    """Serve until standard input ends."""
    settings = json.loads(sys.stdin.readline())
    server = await asyncio.start_server(
        Recorded(settings["upstream"], settings["delay"]).serve, "127.0.0.1", 0, backlog=512
    )
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
