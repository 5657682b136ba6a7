"""An API server's errors as `Fault`s: an HTTP status and a body in, one kind out; and what goes wrong before there is
one.

Sources: Kubernetes API conventions ("Response Status Kind"), API Priority and Fairness (429 in text), client-go's
reflector.
"""

from collections.abc import Mapping

import msgspec

from posture.fault import NO_CREDENTIALS, Fault, FaultKind, Refused
from providers.kubernetes.calls import Call
from providers.refusals import retry_after, told

DENIED, EXPIRED, THROTTLED = FaultKind.DENIED, FaultKind.EXPIRED, FaultKind.THROTTLED
UNREACHABLE, ERROR, DISABLED = FaultKind.UNREACHABLE, FaultKind.ERROR, FaultKind.DISABLED

STATUSES: dict[int, FaultKind] = {
    401: EXPIRED,
    403: DENIED,
    429: THROTTLED,
    500: UNREACHABLE,
    502: UNREACHABLE,
    503: UNREACHABLE,
    504: UNREACHABLE,
}
"""HTTP status -> kind; any other is an `error`. Of a kind that is served by another program (an aggregated API) the
server answers 503 for it alone.
"""
GONE = "Expired"
"""The reason of a 410: the version, or the place in a list, is too old."""
NOT_SERVED = "NotServed"
_ANONYMOUS = 'User "system:anonymous"'


class Status(msgspec.Struct):
    """`Status` of meta/v1, as far as it is read."""

    kind: str = ""
    message: str = ""
    reason: str = ""
    code: int = 0


def answered(
    operation: str, permission: str, status: int, headers: Mapping[str, str], body: bytes, *secrets: str
) -> Refused:
    """An error answer as what it means. `secrets` are ours, should they be repeated."""
    said = _status(body)
    message = told(said.message or _text(status, body), *secrets)
    if status == 403 and _ANONYMOUS in said.message:
        return no_login(operation, "the API server was given no credentials that it knows, and answers as to anybody")
    kind = STATUSES.get(status, ERROR)
    if 300 <= status < 400:
        return Refused(Fault(ERROR, "Redirect", operation, "the address leads to another one, which is not followed"))
    if kind is EXPIRED:
        message = "the API server does not take these credentials any more; log in again"
    code = told(said.reason, *secrets) or str(status)
    fault = Fault(kind, code, operation, message, permission if kind is DENIED else None, retry_after(headers))
    return Refused(fault, transient=kind is UNREACHABLE)


def in_stream(operation: str, permission: str, status: Status, *secrets: str) -> Refused:
    """An ERROR event of a watch, which has an answer's status within."""
    kind = STATUSES.get(status.code, ERROR)
    code = GONE if status.code == 410 else told(status.reason, *secrets) or str(status.code)
    fault = Fault(kind, code, operation, told(status.message, *secrets), permission if kind is DENIED else None)
    return Refused(fault, transient=kind is UNREACHABLE)


def is_gone(refused: Refused) -> bool:
    """Whether the version, or the place in a list, is too old: list again."""
    return refused.fault.code in {GONE, "Gone", "410"}


def not_served(call: Call) -> Refused:
    """The server has no such kind, and says so itself."""
    return Refused(
        Fault(DISABLED, NOT_SERVED, call.operation, f"the cluster has no {call.group or 'core'} API with {call.plural}")
    )


def unreachable(operation: str, error: Exception, *secrets: str, transient: bool = True) -> Refused:
    """The question did not arrive, or its answer did not."""
    said = told(error, *secrets) or type(error).__name__
    return Refused(Fault(UNREACHABLE, type(error).__name__, operation, said), transient=transient)


def unreadable(operation: str, why: object, *secrets: str) -> Refused:
    """An answer that is not what was asked for: a proxy's page, half a body, a field of another type."""
    return Refused(Fault(ERROR, "UnreadableAnswer", operation, told(why, *secrets)), transient=True)


def no_login(operation: str, message: str, *secrets: str) -> Refused:
    """There is nobody to ask as; the message says what to do."""
    return Refused(Fault(EXPIRED, NO_CREDENTIALS, operation, told(message, *secrets)))


def misconfigured(operation: str, message: str, *secrets: str) -> Refused:
    """What the kubeconfig says cannot be done."""
    return Refused(Fault(ERROR, "Kubeconfig", operation, told(message, *secrets)))


def _status(body: bytes) -> Status:
    try:
        return msgspec.json.decode(body, type=Status)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Status()


def _text(status: int, body: bytes) -> str:
    """The words of an answer that is not a Status; those of a page of HTML are a proxy's and not told."""
    start = body[:2048].lstrip()
    if start[:1] in {b"<", b"{", b""}:
        return f"HTTP {status}, not in the API server's words" if start[:1] == b"<" else f"HTTP {status}"
    return start.decode("utf-8", "replace")
