"""What a probe is told to ask, what it heard, and what is noted of it."""

from typing import Any

import msgspec

from providers.tls.faults import Outcome
from providers.tls.protocol import suites
from providers.tls.protocol.answer import Answer
from providers.tls.protocol.strict import Handshake

Fields = dict[str, Any]
_NO_CERTIFICATE = frozenset({400, 495, 496})
"""How nginx says in HTTP that the client certificate it asked for is missing."""


class Target(msgspec.Struct, frozen=True):
    """One configured endpoint. `name` is the SNI: the host, or empty where the host is an address. `ca_file` holds
    roots beside the system's.
    """

    host: str
    port: int
    name: str
    http_port: int = 80
    ca_file: str = ""


class Heard(msgspec.Struct):
    """What a raw hello came to: an answer that was read, or how the connection ended."""

    answer: Answer
    outcome: Outcome = Outcome.OK
    detail: str = ""

    @property
    def accepted(self) -> bool:
        """There was a ServerHello that answers what was offered, and a whole, readable first flight behind it."""
        answer = self.answer
        return (
            self.outcome is Outcome.OK
            and answer.accepted
            and answer.done
            and answer.garbled is None
            and answer.alert is None
        )

    @property
    def refusal(self) -> str | None:
        """By which word the server refused: an alert, or that it hung up. None where it did not."""
        if self.answer.alert is not None:
            return self.answer.alert
        return "closed" if self.outcome is Outcome.CLOSED else None

    @property
    def word(self) -> str:
        """`accepted`, `refused (protocol_version)`, `no answer (timeout)`."""
        if self.accepted:
            return "accepted"
        return f"refused ({self.refusal})" if self.refusal else f"no answer ({self.outcome})"


class Observation(msgspec.Struct):
    """One address: fields of the fast pass, the chain it sent (DER), and the fields of the last full pass."""

    fields: Fields
    chain: tuple[bytes, ...] = ()
    full: Fields | None = None

    @property
    def answered(self) -> bool:
        """Whether anything was said about encryption."""
        return self.fields["Outcome"] in (Outcome.OK, Outcome.NOT_TLS)

    def completed(self, full: Fields | None) -> None:
        """With what the last full pass saw. It alone sees that a client certificate is asked for in TLS 1.3, where
        the handshake succeeds without.
        """
        self.full = full
        if full is not None and full.get("ClientCertificate") and "Version" in self.fields:
            self.fields.setdefault("ClientCertificate", required(self.fields.get("HttpStatus"), refused=False))


def required(status: int | None, *, refused: bool) -> str:
    return "required" if refused or status in _NO_CERTIFICATE else "requested"


def strictly(made: Handshake) -> str:
    """How the strict client fared: `ok`, `refused (protocol_version)`, `not tried (…)` where our own OpenSSL would
    not go on.
    """
    if made.version is not None:
        return "ok"
    if made.wants_certificate:
        return "refused (client certificate required)"
    if made.alert is not None:
        return f"refused ({made.alert})"
    if made.closed is not None:
        return "refused (closed)"
    return f"not tried ({made.local or made.verify_text})"


_OPENSSL = {
    "ECDHE-ECDSA-AES128-GCM-SHA256": 0xC02B,
    "ECDHE-RSA-AES128-GCM-SHA256": 0xC02F,
    "ECDHE-ECDSA-AES256-GCM-SHA384": 0xC02C,
    "ECDHE-RSA-AES256-GCM-SHA384": 0xC030,
    "ECDHE-ECDSA-CHACHA20-POLY1305": 0xCCA9,
    "ECDHE-RSA-CHACHA20-POLY1305": 0xCCA8,
}


def iana_name(openssl: str | None) -> str:
    number = _OPENSSL.get(openssl or "")
    return suites.suite(number) if number else openssl or ""
