"""One connection to a server that may be slow, silent or hostile: bounded in time and in bytes, whatever it does.

A socket and the loop's readiness calls instead of asyncio's transports: a transport with TLS costs half a millisecond
of CPU a connection and waits up to 30 s for the peer's close_notify. Time is counted for the whole conversation, so a
server that drips a byte a second ends as a timeout like a silent one.
"""

import asyncio
import contextlib
import errno
import os
import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from posture.clock import Seconds
from providers.source import TALLY
from providers.tls.faults import Broken, Outcome, broken

CHUNK = 16384
MOST_BYTES = 256 * 1024
"""More than this on one connection answers nothing that was asked: OpenSSL takes chains of 100 KB, and heads end at
32 KB. Who floods us is cut off.
"""
_GRACE: Seconds = 1.0
_GRACES = 3


class Connection:
    """`async with Connection(...) as line`: then `send` and `receive`. Raises `Broken` and nothing else.

    The limits are seconds, for connecting and for talking. `address` is an IP address: names are resolved before.
    `received` counts bytes.
    """

    def __init__(self, address: str, port: int, connect_limit: Seconds, talk_limit: Seconds) -> None:
        self._loop = asyncio.get_running_loop()
        self._to = (address, port)
        self._connect_limit = connect_limit
        self._talk_limit = talk_limit
        self._ends = 0.0
        self._graces = _GRACES
        self._socket: socket.socket | None = None
        self._number = -1
        self._waiting: asyncio.Future[bool] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.received = 0

    async def __aenter__(self) -> Self:
        try:
            await self._connect()
        except OSError as error:
            self.close()
            raise broken(error) from None
        except BaseException:
            self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _connect(self) -> None:
        TALLY.get().calls += 1
        self._socket = made = socket.socket(
            socket.AF_INET6 if ":" in self._to[0] else socket.AF_INET, socket.SOCK_STREAM
        )
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._number = made.fileno()
        failed = made.connect_ex(self._to)
        if failed == errno.EINPROGRESS:
            self._until(self._connect_limit)
            if not await self._ready(self._loop.add_writer, self._loop.remove_writer):
                raise Broken(Outcome.TIMEOUT, f"no connection within {self._connect_limit:g} s")
            failed = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failed:
            raise OSError(failed, os.strerror(failed))
        self._ends = 0.0

    def close(self) -> None:
        """Drop the connection without another word."""
        if self._timer is not None:
            self._timer.cancel()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def send(self, data: bytes) -> None:
        """Send it all; with the first bytes the time of the talk begins."""
        assert self._socket is not None
        if not self._ends:
            self._until(self._talk_limit)
        left = memoryview(data)
        try:
            while left:
                try:
                    left = left[self._socket.send(left) :]
                except (BlockingIOError, InterruptedError):
                    if not await self._ready(self._loop.add_writer, self._loop.remove_writer):
                        raise Broken(
                            Outcome.TIMEOUT, f"took nothing for {self._talk_limit:g} s", connected=True
                        ) from None
        except OSError as error:
            raise broken(error) from None

    async def receive(self) -> bytes:
        """The next bytes; none when the server closed."""
        assert self._socket is not None
        try:
            while True:
                try:
                    data = self._socket.recv(CHUNK)
                except (BlockingIOError, InterruptedError):
                    if not await self._ready(self._loop.add_reader, self._loop.remove_reader):
                        data = self._late()
                    else:
                        continue
                self.received += len(data)
                if self.received > MOST_BYTES:
                    raise Broken(Outcome.GARBLED, f"more than {MOST_BYTES >> 10} KiB to one question", connected=True)
                return data
        except OSError as error:
            raise broken(error) from None

    # ------------------------------------------------------------ time

    def _until(self, limit: Seconds) -> None:
        """One timer for all that is waited for from here on."""
        if self._timer is not None:
            self._timer.cancel()
        self._ends = time.monotonic() + limit
        self._timer = self._loop.call_later(limit, self._time_is_up)

    def _time_is_up(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(False)

    async def _ready(self, add: Callable[..., Any], remove: Callable[[int], Any]) -> bool:
        """Wait until the socket is ready; False when the time is up. What is waited for is taken back before the
        descriptor can be another socket's.
        """
        if time.monotonic() >= self._ends:
            return False
        self._waiting = waiting = self._loop.create_future()
        add(self._number, _ready, waiting)
        try:
            ready: bool = await waiting
            return ready
        finally:
            with contextlib.suppress(OSError, ValueError):
                remove(self._number)
            self._waiting = None

    def _late(self) -> bytes:
        """Time is up. Where bytes are waiting all the same, it was our loop that was late, not the server: it gets a
        little more, a few times.
        """
        assert self._socket is not None
        told = (
            f"no complete answer within {self._talk_limit:g} s"
            if self.received
            else f"no answer within {self._talk_limit:g} s"
        )
        if not self._graces:
            raise Broken(Outcome.TIMEOUT, told, connected=True)
        try:
            data = self._socket.recv(CHUNK)
        except (BlockingIOError, InterruptedError):
            raise Broken(Outcome.TIMEOUT, told, connected=True) from None
        self._graces -= 1
        self._until(_GRACE)
        return data


def _ready(waiting: asyncio.Future[bool]) -> None:
    if not waiting.done():
        waiting.set_result(True)
