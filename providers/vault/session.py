"""A session of requests whose answers have bounds: in bytes, and in the time from the first byte to the last,
headers included.
"""

import http.client
import io
import socket
import time
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from posture.clock import Seconds
from providers.limits import CHUNK, MOST_BYTES, TooLongError, hang_up, proxies_for, read_whole

WHOLE: Seconds = 30.0
"""For an answer of Vault's to be whole; the longest known, a list of 100,000 accessors, takes seconds."""
HEADERS_TOO = 1 << 20


class Session(requests.Session):
    """For one server. It reads no ~/.netrc, takes the environment's proxies once, and none for this machine; an
    answer is read whole before it is returned.
    """

    def __init__(self, base: str, verify: str | bool) -> None:
        super().__init__()
        self.trust_env = False
        self.proxies = proxies_for(base)
        self.verify = verify
        self.headers["Accept-Encoding"] = "identity"  # a few bytes of gzip become gigabytes
        self.mount("http://", _Adapter())
        self.mount("https://", _Adapter())

    def close(self) -> None:
        """Close the connections now."""
        for adapter in self.adapters.values():
            assert isinstance(adapter, HTTPAdapter)
            for manager in (adapter.poolmanager, *adapter.proxy_manager.values()):
                hang_up(manager)
        super().close()

    def request(self, *arguments: Any, **named: Any) -> requests.Response:
        """As requests does it. Raises `TooLongError`, TimeoutError where the answer is not whole in time, and what
        requests raises.
        """
        ends_at = time.monotonic() + WHOLE
        try:
            response = super().request(*arguments, **named | {"stream": True})
            try:
                if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
                    raise requests.exceptions.ContentDecodingError("the answer is compressed, which was not asked for")
                response._content = read_whole(
                    response.raw.stream(CHUNK, decode_content=False), ends_at, time.monotonic
                )
                response._content_consumed = True
            finally:
                response.close()
        except requests.RequestException:
            if time.monotonic() >= ends_at:
                raise TimeoutError(_not_whole()) from None
            raise
        except urllib3.exceptions.HTTPError as error:
            if time.monotonic() >= ends_at:
                raise TimeoutError(_not_whole()) from None
            raise requests.exceptions.ChunkedEncodingError(error) from None
        return response


def _not_whole() -> str:
    return f"the answer was not whole after {WHOLE:g} s"


class _Bounded(io.RawIOBase):
    """The bytes of one answer as they come from its socket. A timeout between two bytes alone lets a slow drip go on
    for ever.
    """

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._pause = sock.gettimeout()
        self._ends_at = time.monotonic() + WHOLE
        self._left = MOST_BYTES + HEADERS_TOO

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError(_not_whole())
        self._sock.settimeout(left if self._pause is None else min(left, self._pause))
        many: int | None = self._raw.readinto(buffer)
        self._left -= many or 0
        if self._left < 0:
            raise TooLongError(MOST_BYTES)
        return many

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        self.fp: io.BufferedReader = io.BufferedReader(_Bounded(self.fp.detach(), sock))


class _Plain(HTTPConnection):
    response_class = _Response


class _Secure(HTTPSConnection):
    response_class = _Response


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


_POOLS = {"http": _PlainPool, "https": _SecurePool}


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: Any, **named: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **named)
        manager.pool_classes_by_scheme = _POOLS
        return manager
