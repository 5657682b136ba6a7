"""What every door of the lab is made with: where it is, what must be found there, and who certifies it."""

import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from posture.verdict import Status
from providers.demo.tls.pki import Authority, Pair, rsa_key
from providers.demo.tls.server import Doors, context_for
from tests.world.tlsservers import Program, Threads

DOMAIN = "lab.example"
FAIL, WARN, UNKNOWN, NA = Status.FAIL, Status.WARN, Status.UNKNOWN, Status.NOT_APPLICABLE
Expected = Mapping[str, Status]
EVERYTHING: Expected = {"*": UNKNOWN}
"""Every control is UNKNOWN."""
NO_TLS: Expected = {"*": UNKNOWN, "tls.reachable": FAIL}


class Endpoint(msgspec.Struct):
    """One door of the lab: where it is, what must be found, and words that the findings' reasons must hold."""

    name: str
    port: int
    expected: Expected
    words: Mapping[str, str] = {}
    addresses: tuple[str, ...] = ("127.0.0.1",)
    host: str = ""

    @property
    def target(self) -> str:
        """As it stands in the configuration."""
        host = self.host or f"{self.name}.{DOMAIN}"
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


class Openings:
    """Servers that run, and the doors they open. `missing` names the programs that are not installed, and so the
    doors that are not there.
    """

    folder: Path
    endpoints: list[Endpoint]
    missing: list[str]
    doors: Doors
    threads: Threads
    programs: list[Program]
    http_port: int
    public: Authority
    roots: Path

    def stop(self) -> None:
        """Close everything."""
        self.doors.close()
        self.threads.stop()
        for program in self.programs:
            program.stop()

    def configuration(self, *names: str) -> str:
        """Of all doors, or of these."""
        chosen = [one for one in self.endpoints if not names or one.name in names]
        endpoints = ", ".join(f'"{one.target}"' for one in chosen)
        resolve = ", ".join(
            f'"{one.name}.{DOMAIN}" = {list(one.addresses)}' for one in chosen if not one.host and one.addresses
        )
        return (
            f'[[tenant]]\nname = "lab"\n[[tenant.tls]]\nendpoints = [{endpoints}]\nresolve = {{ {resolve} }}\nhttp_port'
            f" = {self.http_port}\n"
        )

    def add(
        self,
        name: str,
        port: int,
        expected: Expected | None = None,
        words: Mapping[str, str] | None = None,
        **more: object,
    ) -> None:
        """A door that is open already."""
        self.endpoints.append(
            msgspec.convert(
                {"name": name, "port": port, "expected": dict(expected or {}), "words": dict(words or {}), **more},
                Endpoint,
            )
        )

    def open(
        self,
        name: str,
        context: ssl.SSLContext | None = None,
        expected: Expected | None = None,
        words: Mapping[str, str] | None = None,
    ) -> None:
        """A door of stdlib's ssl; with a good certificate where there is no context."""
        self.add(name, self.doors.open(context or context_for(self.leaf(name))), expected, words)

    def leaf(self, name: str, **more: object) -> Pair:
        """A certificate of the public authority for a door."""
        return self.public.issue(f"{name}.{DOMAIN}", **more)  # type: ignore[arg-type]

    def rsa(self, name: str) -> Pair:
        """The same with an RSA key."""
        return self.leaf(name, key=rsa_key(2048))


def names(endpoints: Sequence[Endpoint]) -> list[str]:
    """What the doors are called."""
    return [one.name for one in endpoints]
