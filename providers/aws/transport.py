"""How boto3's requests travel: no answer is longer or slower than it may be, and none for this machine goes by a proxy.

botocore reads a whole body, however long, and has a timeout only between bytes: a server that drips would hold a thread
for ever.
"""

import asyncio
import contextlib
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ParamSpec, TypeVar

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
    AWSResponse,
)
from botocore.exceptions import ConnectionClosedError, HTTPClientError, ReadTimeoutError
from botocore.httpsession import URLLib3Session
from urllib3.exceptions import HTTPError, ProtocolError
from urllib3.exceptions import ReadTimeoutError as SilentError

from posture.clock import Seconds
from providers.limits import Limits, hang_up, proxies_for, read_whole
from providers.refusals import without
from providers.threads import Threads

MOST_PAGE = 16 << 20
"""Bytes of one answer: a page of a thousand volumes is 2 MB."""

WORKERS = 64
"""Threads for boto3's blocking calls, for all accounts together. A region that hangs holds four until their timeouts:
with 16 of them, four such regions stopped all others."""

_SIGNED = re.compile(r"(?:Credential|Signature)=([^/,\s]+)")
P = ParamSpec("P")
T = TypeVar("T")

_threads = Threads(WORKERS, "aws")
_here = threading.local()


class LateAnswer(Exception):
    """An answer was not whole in time: `limit` seconds."""

    def __init__(self, limit: Seconds) -> None:
        super().__init__(f"the answer was not whole after {limit:g} s")


class UnderWay:
    """One call that a thread makes, and that the loop can end from outside after `limit` seconds: nothing else ends a
    thread that waits for the next byte of a header.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: Seconds) -> None:
        self._loop = loop
        self.limit = limit
        self._ends_at: Seconds = 0.0
        self._socket: socket.socket | None = None
        self._late = self._over = False
        self._timer = loop.call_later(limit, self._look)
        self.sent: tuple[str, ...] = ()
        """What its request carries that no answer may show."""

    @contextlib.contextmanager
    def in_this_thread(self) -> Iterator[None]:
        """The call is made; what it waited for a thread does not count."""
        self._ends_at = time.monotonic() + self.limit
        _here.call = self
        try:
            yield
        finally:
            _here.call = self._socket = None
            self._over = True

    def leave(self) -> None:
        """Nobody waits for it any more."""
        self._timer.cancel()
        if not self._over:
            self._end()

    def hold(self, connection: socket.socket) -> None:
        """What it waits for now. Raises `LateAnswer` where its time is over."""
        self._socket = connection
        if self._late:
            raise LateAnswer(self.limit)

    def read(self, chunks: Iterable[bytes], most: int) -> bytes:
        """A body, without what the request carried. Raises `TooLongError` beyond `most` bytes, and `LateAnswer`."""
        try:
            body = read_whole(chunks, self._ends_at, time.monotonic, most)
        except TimeoutError:
            raise LateAnswer(self.limit) from None
        if self._late:  # it ended because we ended it
            raise LateAnswer(self.limit)
        return without(body, *self.sent)

    @property
    def late(self) -> bool:
        """Whether it was ended."""
        return self._late

    def _look(self) -> None:
        left = self._ends_at - time.monotonic() if self._ends_at else self.limit
        if left <= 0:
            self._end()
        self._timer = self._loop.call_later(max(left, 1.0), self._look)

    def _end(self) -> None:
        self._late = True
        held = self._socket
        if held is not None:
            with contextlib.suppress(OSError):  # closed meanwhile
                # not SSLSocket's own, which takes away what the thread is reading from
                socket.socket.shutdown(held, socket.SHUT_RDWR)


async def in_thread(limit: Seconds, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Call what may send requests by a `Transport`, in a thread, for `limit` seconds."""
    loop = asyncio.get_running_loop()
    under_way = UnderWay(loop, limit)

    def within() -> T:
        with under_way.in_this_thread():
            return function(*arguments, **named)

    try:
        return await loop.run_in_executor(_threads, within)
    finally:
        under_way.leave()


def this_call() -> UnderWay:
    """The call that this thread makes."""
    call: UnderWay = _here.call
    return call


class _Http(AWSHTTPConnection):  # type: ignore[misc]
    def getresponse(self, *args: Any, **kwargs: Any) -> Any:
        this_call().hold(self.sock)
        return super().getresponse(*args, **kwargs)


class _Https(AWSHTTPSConnection):  # type: ignore[misc]
    def getresponse(self, *args: Any, **kwargs: Any) -> Any:
        this_call().hold(self.sock)
        return super().getresponse(*args, **kwargs)


class _HttpPool(AWSHTTPConnectionPool):  # type: ignore[misc]
    ConnectionCls = _Http


class _HttpsPool(AWSHTTPSConnectionPool):  # type: ignore[misc]
    ConnectionCls = _Https


class Transport(URLLib3Session):  # type: ignore[misc]
    """botocore's own session within our bounds; `send` is a handler for its event `before-send`."""

    def __init__(self, endpoint: str, ca_bundle: str | None, limits: Limits, connections: int) -> None:
        verify = ca_bundle or os.environ.get("REQUESTS_CA_BUNDLE") or True
        super().__init__(verify, proxies_for(endpoint), (limits.connect, limits.read), connections)
        self._most = min(MOST_PAGE, limits.most_bytes)
        self._pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
        self._manager.pool_classes_by_scheme = self._pool_classes_by_scheme

    def close(self) -> None:
        """Close the connections now."""
        for manager in (self._manager, *self._proxy_managers.values()):
            hang_up(manager)
        super().close()

    def answer(self, request: Any, **_: Any) -> AWSResponse:
        """Send a prepared request. Raises as botocore's does, and `TooLongError`; what is to be streamed is read by
        `read_body`.
        """
        whole, request.stream_output = not request.stream_output, True
        this_call().sent = secrets_of(request.headers)
        response = self.send(request)
        if whole or response.status_code >= 300:
            response._content = read_body(response.raw, request.url, self._most)
        return response


def secrets_of(headers: Mapping[str, str | bytes]) -> tuple[str, ...]:
    """What a signed request's headers say of our credentials: the session's token, the access key's id, and the
    signature, which others could send again.
    """
    found = {
        name.lower(): value.decode("latin-1") if isinstance(value, bytes) else str(value)
        for name, value in headers.items()
    }
    return (found.get("x-amz-security-token", ""), *_SIGNED.findall(found.get("authorization", "")))


def read_body(raw: Any, url: str, most: int) -> bytes:
    """The body of urllib3's response, as it came. Raises as botocore does, and `TooLongError`."""
    try:
        return this_call().read(raw.stream(), most)
    except SilentError as error:
        raise ReadTimeoutError(endpoint_url=url, error=error) from None
    except ProtocolError as error:
        raise ConnectionClosedError(endpoint_url=url, error=error) from None
    except HTTPError as error:
        raise HTTPClientError(error=error) from None
    finally:
        raw.release_conn()
