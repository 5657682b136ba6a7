"""Google Cloud: a project with disks under a key of its own and of another project, a bucket, and a directory."""

from typing import ClassVar

import pytest

from providers.demo.answer import Answer
from providers.gcp import SYSTEM
from providers.gcp.calls import CALLS
from tests.matrix.front import Request
from tests.matrix.systems.google import GoogleSystem
from tests.providers.subjects.subject import Subject, listed, policy_of
from tests.world.gcp import Google

OPT_INS = 'object_pages = 1\nworkspace = "my_customer"\nwho = true\n'


class GoogleSubject(Subject):
    """Behind the stand-in, which is strict."""

    system = SYSTEM
    free: ClassVar[frozenset[str]] = frozenset({""})

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._google: Google = request.getfixturevalue("google")
        seed(self._google)

    @property
    def port(self) -> int:
        """Of the stand-in."""
        return self._google.server.port

    def settings(self, port: int, *, everything: bool) -> str:
        """One project."""
        own = (
            f'[[tenant.gcp]]\nproject = "acme-prod"\nendpoint = "http://127.0.0.1:{port}"\ncredentials = "anonymous"\n'
        )
        return own + OPT_INS if everything else own

    def asked(self) -> set[str]:
        """Permissions."""
        return {CALLS[operation].permission for operation in self._google.server.log.operations}

    def forget(self) -> None:
        """The log."""
        self._google.server.log.clear()

    def granted(self, *, everything: bool) -> set[str]:
        """Permissions of the role."""
        return listed(policy_of(self.system, everything))

    def refusal(self, kind: str, request: Request) -> Answer | Request:
        """As in the matrix."""
        return GoogleSystem.__new__(GoogleSystem).refusal(kind, request)


def seed(google: Google) -> None:
    """A world in which every call has something to ask."""
    project, zone = google.project, "zones/us-central1-a"
    project.disk("d", zone, key=f"{project.key('k', versions={1: 'ENABLED'})}/cryptoKeyVersions/1")
    project.disk("e", zone, key=google.server.cloud.project("x-other").key("f"))
    project.bucket("b", prevention="inherited")
    project.object("b", "o")
