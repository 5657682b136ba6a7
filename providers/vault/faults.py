"""Vault's errors as `Fault`s: a response or an exception of requests in, one kind out.

Source: Vault's API documentation, "HTTP status codes".
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from posture.fault import Fault, FaultKind, Refused
from providers.limits import TooLongError
from providers.refusals import retry_after, told
from providers.vault.calls import Call

DENIED, EXPIRED, THROTTLED = FaultKind.DENIED, FaultKind.EXPIRED, FaultKind.THROTTLED
UNREACHABLE, DISABLED, ERROR = FaultKind.UNREACHABLE, FaultKind.DISABLED, FaultKind.ERROR
SEALED = "Sealed"
UNSUPPORTED = "Unsupported"
NO_METRICS = (
    "prometheus is not enabled: set prometheus_retention_time in the telemetry stanza of the server's configuration"
)

WORDS: tuple[tuple[int, str, FaultKind, str], ...] = (
    (503, "is sealed", UNREACHABLE, SEALED),
    (501, "", UNREACHABLE, "NotInitialized"),
    (500, "active cluster node not found", UNREACHABLE, "NoActiveNode"),
    (500, "no active", UNREACHABLE, "NoActiveNode"),
    (404, "unsupported", DISABLED, UNSUPPORTED),
    (404, "no handler for route", DISABLED, UNSUPPORTED),
    (405, "", DISABLED, UNSUPPORTED),
    (400, "cannot forward local-only", ERROR, "StandbyOnly"),
    (400, "unsupported", DISABLED, UNSUPPORTED),
    (403, "invalid token", EXPIRED, "InvalidToken"),
    (403, "bad token", EXPIRED, "InvalidToken"),
    (403, "", DENIED, "403"),
    (429, "", THROTTLED, "429"),
    (412, "", THROTTLED, "412"),
    (473, "", UNREACHABLE, "473"),
    (472, "", UNREACHABLE, "472"),
)
"""HTTP status and a word of the errors -> kind and code, the first that fits; 403 says the same of a bad token and
of a missing policy on some servers.
"""


def answered(call: Call, path: str, status: int, body: bytes, headers: Mapping[str, str]) -> Refused:
    """An answer that is an error. A proxy's, without Vault's JSON, says nothing of Vault: unreachable."""
    errors = [NO_METRICS] if b"prometheus is not enabled" in body else _errors(body)  # the one answer that is not JSON
    if errors is None and status >= 500:
        return Refused(
            Fault(
                UNREACHABLE,
                f"proxy {status}",
                call.operation,
                f"HTTP {status} without Vault's JSON: not Vault's own answer",
            )
        )
    message = told("; ".join(errors or ()))
    lower = message.lower()
    kind, code = next(
        ((kind, code) for known, word, kind, code in WORDS if known == status and word in lower), (ERROR, str(status))
    )
    permission = call.line(path) if kind is DENIED else None
    fault = Fault(
        kind, code, call.operation, told(f"{path}: {message or f'HTTP {status}'}"), permission, retry_after(headers)
    )
    return Refused(fault, transient=status >= 500 and code != SEALED)


def not_json(call: Call, status: int) -> Refused:
    """An answer that says yes, and is not a JSON object: somebody else's."""
    return Refused(
        Fault(ERROR, "NotJson", call.operation, f"HTTP {status} without a JSON object: not Vault's own answer")
    )


def broken(call: Call, error: Exception, token: str | None = None) -> Refused:
    """No answer, or none that one could keep: `requests`' own exceptions, and those of `providers.vault.session`.
    `token` was sent.
    """
    name = type(error).__name__
    if name == "InvalidHeader":  # its text holds the header, which is the token
        return Refused(Fault(ERROR, name, call.operation, "the token holds characters that no HTTP header can"))
    if isinstance(error, TooLongError):
        return Refused(Fault(ERROR, "TooLong", call.operation, f"the answer is {error}"))
    return Refused(
        Fault(UNREACHABLE, name, call.operation, cause(error, token)),
        transient=name in {"ChunkedEncodingError", "ReadTimeout"},
    )


def cause(error: Exception, *secrets: str | None) -> str:
    """What lies beneath the wrapping of requests and urllib3, in one line, without these secrets."""
    text = " ".join(str(error).split())
    inner = re.search(r"Caused by \w+\((.*)\)\)$", text)
    text = inner[1] if inner else text
    return told(re.sub(r"^.*?: (?=\[|Failed)|\"|<[^>]*>: ", "", text), *secrets) or type(error).__name__


def _errors(body: bytes) -> list[str] | None:
    try:
        decoded: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    errors = decoded.get("errors") if isinstance(decoded, dict) else None
    return [str(error) for error in errors] if isinstance(errors, list) else None
