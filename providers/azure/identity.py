"""A bearer token that somebody else keeps fresh."""

import os
import time
from typing import Any

from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError


class NoTokenError(AzureError):
    """There is nobody's token to ask with."""


class EnvironmentToken:
    """A bearer token that stands in an environment variable, read anew each time: whoever renews it there is served."""

    def __init__(self, variable: str) -> None:
        self._variable = variable

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        """The token, said to hold for five minutes, so that it is read again."""
        token = os.environ.get(self._variable, "").strip()
        if not token:
            raise NoTokenError(f"the environment variable {self._variable} holds no token")
        return AccessToken(token, int(time.time()) + 300)

    async def close(self) -> None:
        """Nothing is open."""
