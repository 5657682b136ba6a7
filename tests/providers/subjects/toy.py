"""The toy system of `tests/world/toy`, whole or with one law broken."""

import msgspec
import pytest

import providers
from providers.demo.answer import Answer
from tests.matrix.front import Request
from tests.providers.subjects.subject import Subject, policy_of
from tests.world.toy import SYSTEM
from tests.world.toy.server import Server

_STATUS = {"deny": 403, "expire": 401, "throttle": 429, "fail": 500}


class ToySubject(Subject):
    """One box and its lid."""

    system = SYSTEM

    def __init__(self, request: pytest.FixtureRequest, broken: str = "") -> None:
        if broken:
            self.system = msgspec.structs.replace(SYSTEM, open=f"tests.world.toy.broken:open_{broken}")
        patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
        patch.setattr(providers, "SYSTEMS", (*providers.SYSTEMS, "tests.world.toy"))
        self._server = Server()
        request.addfinalizer(self._server.stop)

    @property
    def port(self) -> int:
        """Of its server."""
        return self._server.port

    def settings(self, port: int, *, everything: bool) -> str:
        """The lid is the opt-in."""
        return f'[[tenant.toy]]\nbox = "red"\nlids = {str(everything).lower()}\nurl = "http://127.0.0.1:{port}"\n'

    def asked(self) -> set[str]:
        """Boxes, lids."""
        return set(self._server.log)

    def forget(self) -> None:
        """The log."""
        self._server.log.clear()

    def granted(self, *, everything: bool) -> set[str]:
        """What it says that is looked at."""
        return set(policy_of(self.system, everything).removeprefix("look at ").split()) - {"and"}

    def refusal(self, kind: str, request: Request) -> Answer | Request:
        """A status."""
        return Answer(_STATUS[kind], b"{}", {"content-type": "application/json"})
