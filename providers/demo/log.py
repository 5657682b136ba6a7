"""What a stand-in was asked."""

import collections
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

MOST = 100_000
"""Requests a log keeps."""


class Asked(Protocol):
    """One request: `operation` as the calls of its room spell it."""

    @property
    def operation(self) -> str:
        """`ec2:DescribeVolumes`..."""


A = TypeVar("A", bound=Asked)


class Log(Generic[A]):
    """Every request the server was sent, refused ones too, oldest first."""

    def __init__(self) -> None:
        self._entries: collections.deque[A] = collections.deque(maxlen=MOST)

    def add(self, asked: A) -> None:
        """Write down one request."""
        self._entries.append(asked)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def __iter__(self) -> Iterator[A]:
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def operations(self) -> frozenset[str]:
        """What was asked, each once."""
        return frozenset(asked.operation for asked in self)

    def count(self, operation: str, **having: str) -> int:
        """How many requests asked `operation`, of those whose fields are as said (`region="eu-west-1"`)."""
        return sum(
            asked.operation == operation and all(getattr(asked, name) == value for name, value in having.items())
            for asked in self
        )
