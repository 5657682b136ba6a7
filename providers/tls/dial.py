"""One connection to a server that may be slow, silent or hostile: bounded in time and in bytes, whatever it does.

Sockets of the loop instead of asyncio's transports: a transport with TLS costs half a millisecond of CPU a connection and waits up to 30 s for the peer's
close_notify. Time is counted for the whole conversation, so a server that drips a byte a second ends as a timeout like one that is silent.
"""

import asyncio
import contextlib
import socket
import time
from types import TracebackType
from typing import Self

from posture.clock import Seconds
from providers.source import TALLY
from providers.tls.faults import Broken, Outcome, broken

CONNECT_LIMIT: Seconds = 5.0
"""For the TCP connection: a lost SYN is sent again after 1 s and 3 s."""
TALK_LIMIT: Seconds = 8.0
"""For everything said on a connection, from the first byte sent."""
CHUNK = 16384
_GRACE: Seconds = 1.0
_GRACES = 3


class Connection:
    """`async with Connection(address, port) as line`: then `send` and `receive`. Raises `Broken` and nothing else.

    `limit` is for the connection and for the talk each, in seconds. `address` is an IP address: names are resolved before.
    """

    def __init__(self, address: str, port: int, connect_limit: Seconds = CONNECT_LIMIT, talk_limit: Seconds = TALK_LIMIT) -> None:
        self._loop = asyncio.get_running_loop()
        self._to = (address, port)
        self._connect_limit = connect_limit
        self._talk_limit = talk_limit
        self._ends = 0.0
        self._graces = _GRACES
        self._socket: socket.socket | None = None
        self.received = 0

    async def __aenter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self._to[0] else socket.AF_INET
        try:
            self._socket = socket.socket(family, socket.SOCK_STREAM | getattr(socket, "SOCK_NONBLOCK", 0))
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            TALLY.get().calls += 1
            async with asyncio.timeout(self._connect_limit):
                await self._loop.sock_connect(self._socket, self._to)
        except TimeoutError:
            self.close()
            raise Broken(Outcome.TIMEOUT, f"no connection within {self._connect_limit:g} s") from None
        except OSError as error:
            self.close()
            raise broken(error) from None
        except BaseException:
            self.close()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connection without another word."""
        if self._socket is not None:
            # Before the descriptor is given back: the loop would take the next socket of the same number for this one.
            with contextlib.suppress(OSError, ValueError):
                self._loop.remove_reader(self._socket)
                self._loop.remove_writer(self._socket)
            self._socket.close()
            self._socket = None

    async def send(self, data: bytes) -> None:
        """Send it all; with the first bytes the time of the talk begins."""
        assert self._socket is not None
        if not self._ends:
            self._ends = time.monotonic() + self._talk_limit
        try:
            async with asyncio.timeout(self._ends - time.monotonic()):
                await self._loop.sock_sendall(self._socket, data)
        except TimeoutError:
            raise Broken(Outcome.TIMEOUT, f"took nothing for {self._talk_limit:g} s") from None
        except OSError as error:
            raise broken(error) from None

    async def receive(self) -> bytes:
        """The next bytes; none when the server closed."""
        assert self._socket is not None
        try:
            try:
                data = self._socket.recv(CHUNK)  # often there already: then the loop need not be asked
            except (BlockingIOError, InterruptedError):
                async with asyncio.timeout(self._ends - time.monotonic()):
                    data = await self._loop.sock_recv(self._socket, CHUNK)
        except TimeoutError:
            data = self._late()
        except OSError as error:
            raise broken(error) from None
        self.received += len(data)
        return data

    def _late(self) -> bytes:
        """Time is up. Where bytes are waiting all the same, it was our loop that was late, not the server: it gets a little more, a few times."""
        assert self._socket is not None
        told = f"no complete answer within {self._talk_limit:g} s" if self.received else f"no answer within {self._talk_limit:g} s"
        if not self._graces:
            raise Broken(Outcome.TIMEOUT, told, connected=True)
        try:
            data = self._socket.recv(CHUNK)
        except (BlockingIOError, InterruptedError):
            raise Broken(Outcome.TIMEOUT, told, connected=True) from None
        except OSError as error:
            raise broken(error) from None
        self._graces -= 1
        self._ends = time.monotonic() + _GRACE
        return data
