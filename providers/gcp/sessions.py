"""Sessions of `requests`, for what Google's own packages ask with it: bounded answers, and neither ~/.netrc nor a
proxy for this machine.
"""

import os
import time
from collections.abc import Callable
from typing import Any

import requests

from providers.gcp.calls import MOST_PAGE
from providers.limits import CHUNK, Limits, proxies_for, read_whole


def bound(session: Any, limits: Limits) -> Any:
    """The session, whose answers raise `TooLongError` or TimeoutError where they are more than any may be.

    `requests` itself reads the environment and ~/.netrc for each request, which would replace our token.
    """
    session.trust_env = False
    session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    for adapter in {id(adapter): adapter for adapter in session.adapters.values()}.values():
        adapter.send = _bounded(adapter.send, limits)
    return session


def _bounded(send: Callable[..., Any], limits: Limits) -> Callable[..., Any]:
    def whole(request: Any, *arguments: Any, **options: Any) -> Any:
        ends_at = time.monotonic() + limits.whole
        response = send(request, *arguments, **{**options, "proxies": proxies_for(str(request.url))})
        try:
            response._content = read_whole(
                response.iter_content(CHUNK), ends_at, time.monotonic, min(MOST_PAGE, limits.most_bytes)
            )
        except BaseException:
            response.close()
            raise
        return response

    return whole


class Plain(requests.Session):
    """A bounded session for tokens."""

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        bound(self, limits)
