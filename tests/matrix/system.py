"""What a system must tell of itself to stand in the matrix. A new one is a class like this and its place in
`tests/matrix/systems.py`.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from posture.fault import FaultKind
from providers.demo.answer import Answer
from tests.matrix.front import Request

if TYPE_CHECKING:
    from tests.matrix.cell import Place

CERTIFICATE = frozenset(
    f"tls.{word}"
    for word in (
        "chain-trust",
        "cert-change",
        "cert-expiry",
        "cert-lifetime",
        "revocation",
        "modern-client",
        "key-strength",
        "signature",
        "hostname",
    )
)
"""What another certificate may truly change."""


class System(ABC):
    """A small healthy world behind a real server on loopback, the configuration that asks it, and its own words for no.

    `good` is a control that is PASS on something there, and `bad` one that is FAIL. `absent` names the faults that this
    system cannot have, and why; `kinds` are for faults of which it speaks otherwise than most. `may_change` are
    controls that may truly say something else during a fault, `remembers` those that tell of it afterwards, `hurries`
    those that warn of a slow answer. Rows may truly be gone during the faults of `loses`. `steps` are cadences until
    all is as before: two where a source needs what another was answered. `environment` stands in the environment while
    the matrix runs.
    """

    name: ClassVar[str]
    provider: ClassVar[str]
    """The same as `providers.system.System.name`."""
    http: ClassVar[bool] = True
    steps: ClassVar[int] = 1
    good: ClassVar[str]
    bad: ClassVar[str]
    absent: ClassVar[Mapping[str, str]] = {}
    may_change: ClassVar[Mapping[str, frozenset[str]]] = {}
    kinds: ClassVar[Mapping[str, frozenset[FaultKind]]] = {}
    loses: ClassVar[frozenset[str]] = frozenset()
    remembers: ClassVar[frozenset[str]] = frozenset()
    hurries: ClassVar[frozenset[str]] = frozenset()
    environment: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def __init__(self, folder: Path) -> None:
        """Start the servers, and seed the world."""

    @abstractmethod
    def stop(self) -> None:
        """End the servers."""

    @abstractmethod
    def upstream(self) -> tuple[str, int]:
        """Where the system listens, for one cell."""

    @abstractmethod
    def configuration(self, url: str, ca_file: Path) -> str:
        """The block that asks it at `url`; https is vouched for by `ca_file`."""

    def refusal(self, kind: str, request: Request) -> Answer | Request:
        """The system's own answer where it would `deny`, `expire`, `throttle` or `fail`; or the request that makes
        it answer so.
        """
        raise NotImplementedError

    def paged(self, request: Request) -> tuple[Request, str]:
        """The request without its page token, and the token, "" for the first page."""
        raise NotImplementedError

    def continued(self, request: Request, answer: Answer, token: str) -> Answer:
        """The answer with `token` for its next page; an answer that is no page as it is. No token: the last page."""
        raise NotImplementedError

    def empty(self, place: "Place") -> None:
        """Come back as a system in which nothing exists."""
        raise NotImplementedError

    async def begin(self, fault: str, place: "Place") -> bool:
        """Begin a fault in this system's own way; False for the usual one."""
        return False

    async def end(self, fault: str, place: "Place") -> bool:
        """End it; False for the usual way."""
        return False


PROXIES = tuple(name for name in os.environ if name.lower().endswith("_proxy"))
"""What the machine's environment says of proxies must not carry the matrix's requests away."""
