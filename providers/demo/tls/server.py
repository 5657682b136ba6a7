"""TLS servers on loopback, all in one thread: a door a port, each with its own context, which may be changed while
it is open.
"""

import asyncio
import contextlib
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from providers.demo.tls.pki import Pair

Answer = Callable[[str, str], bytes]
"""From the request's first line and its Host to the whole answer."""


def context_for(
    pair: Pair,
    *,
    chain: bytes | None = None,
    lowest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
    highest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    ciphers: str | None = "ECDHE+AESGCM:ECDHE+CHACHA20",
) -> ssl.SSLContext:
    """A server's context; `chain` (PEM) is what it sends, by default the certificate and its intermediate. The
    defaults are Mozilla's intermediate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if ciphers:
        context.set_ciphers(ciphers)
    context.minimum_version, context.maximum_version = lowest, highest
    load(context, pair, chain)
    return context


def load(context: ssl.SSLContext, pair: Pair, chain: bytes | None = None) -> None:
    """Put another certificate into a context: the next handshake shows it."""
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder) / "chain.pem", Path(folder) / "key.pem"
        certificate.write_bytes(pair.chain_pem if chain is None else chain)
        key.touch(0o600)
        key.write_bytes(pair.key_pem)
        context.load_cert_chain(certificate, key)


def answer(status: str = "200 OK", **fields: str) -> Answer:
    """The same answer to every request."""
    lines = [
        f"HTTP/1.1 {status}",
        "Content-Length: 0",
        *(f"{name.replace('_', '-')}: {value}" for name, value in fields.items()),
    ]
    whole = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return lambda request, host: whole


SECURE = answer(Strict_Transport_Security="max-age=63072000; includeSubDomains")


class Doors:
    """Open and close doors from any thread; they are served in a thread of their own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._run, name="doors", daemon=True)
        self._thread.start()

    def open(
        self,
        context: ssl.SSLContext | None,
        says: Answer = SECURE,
        addresses: Sequence[str] = ("127.0.0.1",),
        port: int = 0,
    ) -> int:
        """A door that answers HTTP, behind TLS where there is a context; returns its port. Raises OSError."""
        return int(self._wait(self._open(context, says, addresses, port)))

    def close(self) -> None:
        """Close every door; once more does no harm."""
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        # clients that hang up in the middle are what this is for
        self._loop.set_exception_handler(lambda loop, context: None)
        self._loop.run_forever()
        for server in self._servers:
            server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _wait(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _open(self, context: ssl.SSLContext | None, says: Answer, addresses: Sequence[str], port: int) -> int:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(10):
                    first = await reader.read(1)
                    if first == b"\x16":  # a handshake where none is understood: as nginx answers it
                        writer.write(answer("400 Bad Request")("", ""))
                        await writer.drain()
                        writer.close()
                        return
                    head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                    host = next((line[5:].strip() for line in head if line.lower().startswith("host:")), "")
                    writer.write(says(head[0], host))
                    await writer.drain()
                    if context is None:
                        writer.close()
                        return
            writer.transport.abort()

        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            server = await asyncio.start_server(serve, address, port, family=family, ssl=context, backlog=512)
            self._servers.append(server)
            port = server.sockets[0].getsockname()[1]
        return port
