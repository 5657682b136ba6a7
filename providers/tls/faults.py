"""What went wrong on the way to an answer, told apart: whether the question was delivered at all, and whether we
were the ones who failed.
"""

import errno
import socket
import ssl
from enum import StrEnum

from posture.fault import Fault, FaultKind

CONNECT, HELLOS = "tls:Connect", "tls:Hellos"
OPERATIONS = frozenset({CONNECT, HELLOS})
"""What a probe asks, as evidence and errors name it: the handshake of every pass, and the hellos of the full one."""


class Outcome(StrEnum):
    """How a connection ended. Only `OK` and `NOT_TLS` are answers; everything else says nothing about encryption."""

    OK = "ok"
    NOT_TLS = "not-tls"
    GARBLED = "garbled"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    RESET = "reset"
    CLOSED = "closed"
    UNREACHABLE = "unreachable"
    DNS = "dns"
    LOCAL = "local"


RETRIED = frozenset(
    {Outcome.TIMEOUT, Outcome.RESET, Outcome.CLOSED, Outcome.UNREACHABLE, Outcome.DNS, Outcome.LOCAL, Outcome.REFUSED}
)
"""Asked once more after a pause before they are believed."""
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
_NO_WAY = frozenset(
    {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EAFNOSUPPORT, errno.EACCES, errno.EPERM}
)
_RESETS = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.ENOTCONN})


class Broken(Exception):
    """The connection gave no answer: `outcome` says how, `detail` in which words, `connected` whether there was a
    connection at all.
    """

    def __init__(self, outcome: Outcome, detail: str = "", *, connected: bool = False) -> None:
        super().__init__(f"{outcome}: {detail}" if detail else str(outcome))
        self.outcome = outcome
        self.detail = detail
        self.connected = connected


def broken(error: OSError) -> Broken:
    """An error of the socket as an outcome."""
    number = error.errno or 0
    text = error.strerror or str(error) or type(error).__name__
    if isinstance(error, TimeoutError):
        return Broken(Outcome.TIMEOUT, text)
    if isinstance(error, socket.gaierror):
        return Broken(Outcome.DNS, text)
    if isinstance(error, ConnectionRefusedError):
        return Broken(Outcome.REFUSED, text)
    if number in _RESETS:
        return Broken(Outcome.RESET, text)
    if number in _NO_WAY:
        return Broken(Outcome.UNREACHABLE, text)
    return Broken(Outcome.LOCAL, f"{errno.errorcode.get(number, '')} {text}".strip() if number in _OURS else text)


def alert_of(error: ssl.SSLError) -> str | None:
    """The alert by which the *peer* refused, or None: then it was our own OpenSSL that would not go on, and that says
    nothing of the server.

    OpenSSL names a received alert `TLSV1_ALERT_...`, `TLSV13_ALERT_...` or `SSLV3_ALERT_...`
    (ssl/record/rec_layer_s3.c); all other reasons are ours.
    """
    reason = error.reason or ""
    _, found, name = reason.partition("_ALERT_")
    if not found:
        return None
    return {"illegal_param": "illegal_parameter", "no_renegotiation": "no_renegotiation"}.get(
        name.lower(), name.lower()
    )


def fault(outcome: str, detail: str, where: str, operation: str = CONNECT) -> Fault:
    """For the model: why there is no answer from `where`."""
    return Fault(
        FaultKind.ERROR if outcome == Outcome.LOCAL else FaultKind.UNREACHABLE,
        outcome,
        operation,
        f"{where}: {detail or outcome}",
    )
