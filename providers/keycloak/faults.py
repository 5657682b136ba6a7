"""Keycloak's errors as `Fault`s: an HTTP status and a body in, one kind out; and what goes wrong before there is one.

Sources: Keycloak Admin REST API (`ErrorRepresentation`), RFC 6749 5.2 (errors of the token endpoint).
"""

from collections.abc import Mapping

import msgspec

from posture.fault import NO_CREDENTIALS, Fault, FaultKind, Refused
from providers.keycloak.calls import TOKEN, Call
from providers.refusals import retry_after, told

DENIED, EXPIRED, THROTTLED = FaultKind.DENIED, FaultKind.EXPIRED, FaultKind.THROTTLED
UNREACHABLE, ERROR = FaultKind.UNREACHABLE, FaultKind.ERROR

STATUSES: dict[int, FaultKind] = {
    401: EXPIRED,
    403: DENIED,
    429: THROTTLED,
    500: UNREACHABLE,
    502: UNREACHABLE,
    503: UNREACHABLE,
    504: UNREACHABLE,
}
"""HTTP status -> kind; any other is an `error`."""
LOGIN_REFUSED = frozenset({"invalid_client", "unauthorized_client", "invalid_grant"})
"""Errors of the token endpoint that say that nobody of that name, with that secret, logs in as itself."""
LIMITED = "LimitedAnswer"


class _Error(msgspec.Struct):
    error: str = ""
    error_description: str = ""
    errorMessage: str = ""


def answered(call: Call, status: int, headers: Mapping[str, str], body: bytes, *secrets: str) -> Refused:
    """An error answer as what it means. `secrets` are ours, should they be repeated."""
    if 300 <= status < 400:
        return Refused(
            Fault(ERROR, "Redirect", call.operation, "the address leads to another one, which is not followed")
        )
    error = _parsed(body)
    words = error.error_description or error.errorMessage or error.error
    message = told(words or f"HTTP {status}, not in Keycloak's words", *secrets)
    kind = STATUSES.get(status, ERROR)
    if call is TOKEN and status in {400, 401, 403} and error.error in LOGIN_REFUSED:
        kind, message = EXPIRED, told(f"the client was not let in: {words}", *secrets)
    fault = Fault(
        kind,
        told(error.error, *secrets) or str(status),
        call.operation,
        message,
        needed(call) if kind is DENIED else None,
        retry_after(headers),
    )
    return Refused(fault, transient=kind is UNREACHABLE)


def needed(call: Call) -> str:
    """The role a refused call takes, as a permission to be given."""
    return f"the role {call.role} of realm-management" if call.role else "a client that logs in as itself"


def limited(call: Call, left_out: str) -> Refused:
    """An answer that leaves out what it keeps from whoever lacks a role: that was refused, and is not absent."""
    words = f"answered without {left_out}, as to a client that may not see it"
    return Refused(Fault(DENIED, LIMITED, call.operation, words, needed(call)))


def unreachable(call: Call, error: Exception, *secrets: str, transient: bool = True) -> Refused:
    """The question did not arrive, or its answer did not."""
    said = told(error, *secrets) or type(error).__name__
    return Refused(Fault(UNREACHABLE, type(error).__name__, call.operation, said), transient=transient)


def unreadable(call: Call, why: object, *secrets: str, transient: bool = True) -> Refused:
    """An answer that is not what was asked for: a proxy's page, half a body, a field of another type."""
    return Refused(Fault(ERROR, "UnreadableAnswer", call.operation, told(why, *secrets)), transient=transient)


def no_secret(why: str) -> Refused:
    """There is nobody to ask as."""
    return Refused(Fault(EXPIRED, NO_CREDENTIALS, TOKEN.operation, f"no credentials found: {why}"))


def _parsed(body: bytes) -> _Error:
    try:
        return msgspec.json.decode(body, type=_Error)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Error()
