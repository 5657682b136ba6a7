"""What stands between enctop and a system under test: a loopback port that passes everything on, until it is told to go
wrong.

It lives in the loop of the collector that is tested. In front of HTTP it reads requests and whole answers, in front of
anything else (TLS) bytes.
"""

import asyncio
import contextlib
import io
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from http.client import responses
from typing import Any
from urllib.parse import unquote

import aiohttp
import msgspec
from yarl import URL

from providers.demo.answer import Answer

FLIGHT = 0.15
"""Seconds of quiet after which what a system that speaks no HTTP has said is its whole answer."""
_OURS = frozenset({"connection", "transfer-encoding", "content-length", "keep-alive"})


class Request(msgspec.Struct, frozen=True):
    """One HTTP request; names of headers are in lower case, `target` is path and query."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """Without the query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """Behind the question mark."""
        return self.target.partition("?")[2]

    def environ(self) -> dict[str, Any]:
        """As WSGI hands it on."""
        named = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in self.headers.items()}
        return {
            **named,
            "REQUEST_METHOD": self.method,
            "PATH_INFO": unquote(self.path),
            "QUERY_STRING": self.query,
            "CONTENT_LENGTH": str(len(self.body)),
            "CONTENT_TYPE": self.headers.get("content-type", ""),
            "wsgi.input": io.BytesIO(self.body),
        }


class Line:
    """One question on one connection, to be answered. `request` is None where no HTTP is spoken; then `said` are the
    client's first bytes.
    """

    def __init__(
        self,
        front: "Front",
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        request: Request | None,
        said: bytes = b"",
    ) -> None:
        self.front = front
        self.reader = reader
        self.writer = writer
        self.request = request
        self.said = said

    async def truth(self, request: Request | None = None) -> Answer:
        """What the system itself answers, to this request or another."""
        if self.request is None:
            return Answer(0, await self.front.first_flight(self.said))
        return await self.front.asked(request or self.request)

    async def answer(self, answer: Answer) -> None:
        """Answer it, as HTTP does; where none is spoken, with the bytes alone."""
        await self.send(
            answer.body
            if self.request is None
            else self.head(answer) + (b"" if self.request.method == "HEAD" else answer.body)
        )

    def head(self, answer: Answer, **more: str) -> bytes:
        """Status line and headers; nothing where no HTTP is spoken. `more` take the place of the length."""
        if self.request is None:
            return b""
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in _OURS}
        length = more or {"content-length": str(len(answer.body))}
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in (kept | length).items()]
        return (
            "\r\n".join([f"HTTP/1.1 {answer.status} {responses.get(answer.status, '')}", *lines]).encode(
                "latin-1", "replace"
            )
            + b"\r\n\r\n"
        )

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def left(self) -> None:
        """Until the client hangs up; whatever it says is read and forgotten."""
        while await self.reader.read(1 << 16):
            pass

    def reset(self) -> None:
        """Hang up with a reset."""
        _reset(self.writer)


Fault = Callable[[Line], Awaitable[bool]]
"""Answers a line in its way; returns whether the connection may be used again."""


class Front:
    """One port. `wrong` takes the place of every answer while it is set; `upstream` is where the system listens."""

    def __init__(
        self, upstream: tuple[str, int], session: aiohttp.ClientSession | None, context: ssl.SSLContext | None = None
    ) -> None:
        self.upstream = upstream
        self.wrong: Fault | None = None
        self.port = 0
        self._session = session
        self._context = context
        self._server: asyncio.Server | None = None
        self._writers: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}
        self._mute: set[asyncio.StreamWriter] = set()
        self._holes: list[socket.socket] = []

    async def open(self) -> None:
        """Listen, on the same port as before."""
        self._fill_up()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._context, backlog=256)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Listen no more, and reset every connection: who comes now is refused."""
        self._fill_up()
        if self._server is not None:
            self._server.close()
            self._server = None
        self.drop()
        await asyncio.sleep(0)

    def drop(self) -> None:
        """Reset every connection, and go on listening."""
        for writer, task in list(self._writers.items()):
            _reset(writer)
            task.cancel()

    def mute(self) -> None:
        """Never answer on the connections that there are, as after a sleep through which nobody kept them."""
        self._mute |= set(self._writers)

    async def swallow(self) -> None:
        """Let no connection be made, and refuse none: a listener whose backlog is full."""
        await self.close()
        hole = socket.socket()
        hole.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        hole.bind(("127.0.0.1", self.port))
        hole.listen(0)
        self._holes.append(hole)
        for _ in range(3):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", self.port))
            self._holes.append(one)

    def _fill_up(self) -> None:
        for hole in self._holes:
            hole.close()
        self._holes.clear()

    # ------------------------------------------------------------ one connection

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._writers[writer] = task
        try:
            with contextlib.suppress(
                OSError,
                EOFError,
                asyncio.IncompleteReadError,
                asyncio.CancelledError,
                aiohttp.ClientError,
                TimeoutError,
            ):
                await (self._stream(reader, writer) if self._session is None else self._http(reader, writer))
        finally:
            del self._writers[writer]
            self._mute.discard(writer)
            with contextlib.suppress(OSError):
                writer.close()

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await _read(reader)) is not None:
            line = Line(self, reader, writer, request)
            if writer in self._mute:
                await line.left()
                return
            if self.wrong is None and _is_watch(request):
                await self._pass_on(line)
                return
            if self.wrong is None:
                await line.answer(await line.truth())
            elif not await self.wrong(line):
                return

    async def _pass_on(self, line: Line) -> None:
        """An answer that goes on for as long as both stay."""
        assert self._session is not None
        assert line.request is not None
        async with self._sent(line.request) as response:
            head = Answer(response.status, b"", dict(response.headers))
            await line.send(line.head(head, transfer_encoding="chunked"))
            left = asyncio.create_task(line.left())
            try:
                while chunk := await _first(response.content.readany(), left):
                    if line.writer not in self._mute:
                        await line.send(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                await line.send(b"0\r\n\r\n")
            finally:
                left.cancel()

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(self, reader, writer, None, await reader.read(1 << 16))
        if self.wrong is not None:
            await self.wrong(line)
        else:
            await self.carry(line)

    async def carry(self, line: Line) -> None:
        """Pass on all that is said on a connection on which no HTTP is spoken."""
        away, there = await asyncio.open_connection(*self.upstream)
        try:
            there.write(line.said)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(line.reader, there, line.writer))
                both.create_task(self._pump(away, line.writer, line.writer))
        except* OSError:
            pass
        finally:
            there.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, ours: asyncio.StreamWriter) -> None:
        while data := await source.read(1 << 16):
            if ours not in self._mute:
                sink.write(data)
                await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()

    # ------------------------------------------------------------ the system behind it

    async def asked(self, request: Request) -> Answer:
        """The system's own answer; of one that goes on for ever, what comes at once."""
        async with self._sent(request) as response:
            if not _is_watch(request):
                return Answer(response.status, await response.read(), dict(response.headers))
            heard = b""
            with contextlib.suppress(TimeoutError):
                while chunk := await asyncio.wait_for(response.content.readany(), FLIGHT):
                    heard += chunk
            return Answer(response.status, heard, dict(response.headers))

    def _sent(self, request: Request) -> "contextlib.AbstractAsyncContextManager[aiohttp.ClientResponse]":
        assert self._session is not None
        url = URL(f"http://{self.upstream[0]}:{self.upstream[1]}{request.target}", encoded=True)
        headers = {
            name: value for name, value in request.headers.items() if name not in _OURS | {"accept-encoding", "expect"}
        }
        return self._session.request(
            request.method, url, headers=headers, data=request.body or None, allow_redirects=False
        )

    async def first_flight(self, said: bytes) -> bytes:
        """What the system says to these bytes."""
        away, there = await asyncio.open_connection(*self.upstream)
        heard = b""
        try:
            there.write(said)
            with contextlib.suppress(TimeoutError):
                while data := await asyncio.wait_for(away.read(1 << 16), FLIGHT):
                    heard += data
        finally:
            there.close()
        return heard


def _is_watch(request: Request) -> bool:
    """Whether the answer to a request goes on for as long as somebody listens (Kubernetes)."""
    return "watch=1" in request.query.split("&")


async def _first(chunk: Awaitable[bytes], left: "asyncio.Task[None]") -> bytes:
    """The next chunk; none where the other side has left."""
    coming = asyncio.ensure_future(chunk)
    await asyncio.wait({coming, left}, return_when=asyncio.FIRST_COMPLETED)
    if coming.done():
        return coming.result()
    coming.cancel()
    return b""


def session() -> aiohttp.ClientSession:
    """The connections to the systems behind all fronts of a loop."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
    )


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
    }
    return Request(method, target, headers, await reader.readexactly(int(headers.get("content-length", 0))))


def _reset(writer: asyncio.StreamWriter) -> None:
    connected = writer.get_extra_info("socket")
    if connected is not None:
        with contextlib.suppress(OSError):
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
