"""Keycloak: the stand-in, with a realm whose passwords are hashed as they should be, and that has no second factor."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from providers.demo.answer import Answer
from providers.demo.keycloak.faults import KeycloakFaults
from providers.demo.keycloak.server import Server, _asked
from providers.demo.keycloak.world import SECOND, realm
from tests.matrix.cell import Place
from tests.matrix.front import Request
from tests.matrix.system import CERTIFICATE, System

_NO_PAGES = "its lists are whole"


class KeycloakSystem(System):
    """acme's realm."""

    name, provider = "Keycloak", "keycloak"
    good, bad = "app.password.hashing", "app.2fa.supported"
    absent: ClassVar[Mapping[str, str]] = {
        "partial pages": _NO_PAGES,
        "looping pages": _NO_PAGES,
        "pages for ever": _NO_PAGES,
    }
    # its listener is looked at as an endpoint too
    may_change: ClassVar[Mapping[str, frozenset[str]]] = {"certificate changed": CERTIFICATE}
    loses: ClassVar[frozenset[str]] = frozenset({"certificate changed"})
    remembers: ClassVar[frozenset[str]] = frozenset({"tls.cert-change"})

    def __init__(self, folder: Path) -> None:
        self._server, self._empty = Server(), Server()
        acme = self._server.add(realm("acme"))
        acme.step(SECOND)["requirement"] = "DISABLED"
        self._secret = folder / "keycloak-secret"
        self._secret.write_text(acme.secret)

    def stop(self) -> None:
        """End both."""
        self._server.stop()
        self._empty.stop()

    def upstream(self) -> tuple[str, int]:
        """The same for all cells."""
        return "127.0.0.1", self._server.port

    def configuration(self, url: str, ca_file: Path) -> str:
        """One realm."""
        trust = f'ca_file = "{ca_file}"\n' if url.startswith("https") else ""
        return (
            f'[[tenant.keycloak]]\naddress = "{url}"\nrealm = "acme"\nclient_id = "enctop"\n'
            f'secret_file = "{self._secret}"\nallow_plaintext = true\n{trust}'
        )

    def refusal(self, kind: str, request: Request) -> Answer | Request:
        """In Keycloak's words."""
        faults = KeycloakFaults()
        kinds: dict[str, Callable[[], object]] = {
            "deny": faults.deny,
            "expire": faults.expire,
            "throttle": lambda: faults.throttle(retry_after=1),
            "fail": faults.fail,
        }
        kinds[kind]()
        return faults.before(_asked(request.method, request.target)[0]) or request

    def empty(self, place: Place) -> None:
        """The same server without the realm."""
        place.front.upstream = "127.0.0.1", self._empty.port
