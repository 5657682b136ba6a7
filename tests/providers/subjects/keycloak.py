"""Keycloak: a realm with a directory, of which every call has something to tell."""

import re
from typing import ClassVar

import pytest

from providers.demo.answer import Answer
from providers.keycloak import SYSTEM
from providers.keycloak.calls import TOKEN
from tests.matrix.front import Request
from tests.matrix.systems.keycloak import KeycloakSystem
from tests.providers.subjects.subject import Subject, policy_of
from tests.world.keycloak import Keycloak


class KeycloakSubject(Subject):
    """Behind the stand-in. Its policy lists what the role is for, call by call."""

    system = SYSTEM
    free: ClassVar[frozenset[str]] = frozenset({TOKEN.operation})

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._keycloak: Keycloak = request.getfixturevalue("keycloak")
        self._keycloak.realm().federation("corp")

    @property
    def port(self) -> int:
        """Of the stand-in."""
        return self._keycloak.server.port

    def settings(self, port: int, *, everything: bool) -> str:
        """One realm."""
        return self._keycloak.server.configuration("acme", f"http://127.0.0.1:{port}", server_info=everything)

    def asked(self) -> set[str]:
        """Operations."""
        return set(self._keycloak.server.log.operations)

    def forget(self) -> None:
        """The log."""
        self._keycloak.server.log.clear()

    def granted(self, *, everything: bool) -> set[str]:
        """What the commands say that the client asks."""
        return set(re.findall(r"(?m)^#   (\w+ /.*)$", policy_of(self.system, everything)))

    def refusal(self, kind: str, request: Request) -> Answer | Request:
        """As in the matrix."""
        return KeycloakSystem.__new__(KeycloakSystem).refusal(kind, request)
