"""A request and its answer, as every stand-in has them."""

from collections.abc import Mapping
from typing import Any

import msgspec

Environ = dict[str, Any]
"""A request (PEP 3333)."""


class Answer(msgspec.Struct, frozen=True):
    """Status, headers and body, ready to be sent."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
