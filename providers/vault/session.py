"""A session of requests whose answers have bounds: in bytes, and in the time from the first byte to the last,
headers included.
"""

import http.client
import io
import socket
import time
from functools import cache
from typing import Any

import msgspec
import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from posture.clock import Seconds
from providers.limits import CHUNK, Limits, TooLongError, hang_up, proxies_for, read_whole

WHOLE: Seconds = 30.0
"""For an answer of Vault's to be whole; the longest known, a list of 100,000 accessors, takes seconds."""
HEADERS_TOO = 1 << 20


class Session(requests.Session):
    """For one server. It reads no ~/.netrc, takes the environment's proxies once, and none for this machine; an
    answer is read whole before it is returned.
    """

    def __init__(self, base: str, verify: str | bool, limits: Limits) -> None:
        super().__init__()
        self._limits = limits = msgspec.structs.replace(limits, whole=min(WHOLE, limits.whole))
        self.trust_env = False
        self.proxies = proxies_for(base)
        self.verify = verify
        self.headers["Accept-Encoding"] = "identity"  # a few bytes of gzip become gigabytes
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter(_pools(limits)))

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
        limits, ends_at = self._limits, time.monotonic() + self._limits.whole
        try:
            response = super().request(*arguments, **named | {"stream": True})
            try:
                if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
                    raise requests.exceptions.ContentDecodingError("the answer is compressed, which was not asked for")
                chunks = response.raw.stream(CHUNK, decode_content=False)
                response._content = read_whole(chunks, ends_at, time.monotonic, limits.most_bytes)
                response._content_consumed = True
            finally:
                response.close()
        except requests.RequestException:
            if time.monotonic() >= ends_at:
                raise TimeoutError(_not_whole(limits)) from None
            raise
        except urllib3.exceptions.HTTPError as error:
            if time.monotonic() >= ends_at:
                raise TimeoutError(_not_whole(limits)) from None
            raise requests.exceptions.ChunkedEncodingError(error) from None
        return response


def _not_whole(limits: Limits) -> str:
    return f"the answer was not whole after {limits.whole:g} s"


class _Bounded(io.RawIOBase):
    """The bytes of one answer as they come from its socket. A timeout between two bytes alone lets a slow drip go on
    for ever.
    """

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, limits: Limits) -> None:
        self._raw = raw
        self._sock = sock
        self._limits = limits
        self._pause = sock.gettimeout()
        self._ends_at = time.monotonic() + limits.whole
        self._left = limits.most_bytes + HEADERS_TOO

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError(_not_whole(self._limits))
        self._sock.settimeout(left if self._pause is None else min(left, self._pause))
        many: int | None = self._raw.readinto(buffer)
        self._left -= many or 0
        if self._left < 0:
            raise TooLongError(self._limits.most_bytes)
        return many

    def close(self) -> None:
        self._raw.close()
        super().close()


@cache
def _pools(limits: Limits) -> dict[str, type]:
    """Pools by scheme, whose connections read their answers within these limits."""

    class Response(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *arguments: Any, **named: Any) -> None:
            super().__init__(sock, *arguments, **named)
            self.fp: io.BufferedReader = io.BufferedReader(_Bounded(self.fp.detach(), sock, limits))

    class Plain(HTTPConnection):
        response_class = Response

    class Secure(HTTPSConnection):
        response_class = Response

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


class _Adapter(HTTPAdapter):
    def __init__(self, pools: dict[str, type]) -> None:
        self._pools = pools
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: Any, **named: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **named)
        manager.pool_classes_by_scheme = self._pools
        return manager
