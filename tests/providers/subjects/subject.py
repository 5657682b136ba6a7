"""What a system must tell of itself to stand in the suite (`tests/providers/test_every_system.py`): a class like this,
and its line in `SUBJECTS`.
"""

import json
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import pytest

from providers.collector.systems import policy_text
from providers.demo.answer import Answer
from providers.system import System
from tests.matrix.front import Fault, Request


class Subject(ABC):
    """A stand-in with a world in which every declared call has something to ask, the configuration that asks it all,
    and what was asked in the words of the printed policy.

    `free` needs no permission; `spare` is granted though not everybody's world asks it. `clocks` are functions that
    must read the machine's clock. `http` is False for a system that speaks something else, whose connections are then
    passed on by `overhears`; `finds` are (fault, service) of sources that answer in full all the same.
    """

    system: System
    http: ClassVar[bool] = True
    free: ClassVar[frozenset[str]] = frozenset()
    spare: ClassVar[frozenset[str]] = frozenset()
    finds: ClassVar[frozenset[tuple[str, str]]] = frozenset()
    clocks: ClassVar[frozenset[str]] = frozenset()
    overhears: Fault | None = None

    @abstractmethod
    def __init__(self, request: pytest.FixtureRequest) -> None:
        """Start the stand-in by its fixtures, which also end it, and seed the world."""

    @property
    @abstractmethod
    def port(self) -> int:
        """Where it listens on loopback."""

    @abstractmethod
    def settings(self, port: int, *, everything: bool) -> str:
        """The system's blocks of a tenant that ask it at another port, with every opt-in or with none."""

    @abstractmethod
    def asked(self) -> set[str]:
        """What it was asked since the last `forget`, as its policy names it."""

    @abstractmethod
    def forget(self) -> None:
        """What was asked so far."""

    @abstractmethod
    def granted(self, *, everything: bool) -> set[str]:
        """What the printed policy grants, with every opt-in or with none."""

    @abstractmethod
    def refusal(self, kind: str, request: Request) -> Answer | Request:
        """The system's own answer where it would `deny`, `expire`, `throttle` or `fail`; or the request that makes it
        answer so.
        """

    async def begin(self, fault: str, place: object) -> bool:
        """Begin a fault in this system's own way; False for the usual one."""
        return False


def policy_of(system: System, everything: bool) -> str:
    """The text of `enctop policy`, with every opt-in or with none."""
    return policy_text(system.name, frozenset(system.opt_ins if everything else ()))


def granted(system: System, everything: bool) -> dict[str, Any]:
    """The same where it is JSON."""
    document: dict[str, Any] = json.loads(policy_of(system, everything))
    return document


def listed(text: str) -> set[str]:
    """The items of a text's list."""
    return {line.removeprefix("- ") for line in text.splitlines() if line.startswith("- ")}
