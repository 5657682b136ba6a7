"""Google Cloud's errors as `Fault`s: an HTTP status and a JSON body in, one kind out.

Sources: https://cloud.google.com/apis/design/errors (google.rpc.Status, ErrorInfo), Compute's rate limits (403
rateLimitExceeded, no Retry-After).
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from posture.fault import NO_CREDENTIALS, Fault, FaultKind, Refused
from providers.gcp.calls import CLOUD_SCOPE, DIRECTORY_SCOPE, HOSTS, Call
from providers.refusals import MOST_READ, retry_after, told

DENIED, EXPIRED, THROTTLED = FaultKind.DENIED, FaultKind.EXPIRED, FaultKind.THROTTLED
UNREACHABLE, ERROR = FaultKind.UNREACHABLE, FaultKind.ERROR

REASONS: dict[str, FaultKind] = {
    "rateLimitExceeded": THROTTLED,  # Compute says it with 403
    "userRateLimitExceeded": THROTTLED,
    "RATE_LIMIT_EXCEEDED": THROTTLED,
    "quotaExceeded": THROTTLED,
    "RESOURCE_EXHAUSTED": THROTTLED,
    "authError": EXPIRED,
    "UNAUTHENTICATED": EXPIRED,
    "ACCESS_TOKEN_EXPIRED": EXPIRED,
    "CREDENTIALS_MISSING": EXPIRED,
}
"""Reason -> kind. The first of an answer's reasons that stands here tells; reasons not here are told by the HTTP
status.
"""
_MOST_WORDS = 1 << 12
"""Characters of an error's message in which words are looked for."""
_PERMISSION = re.compile(r"\b(?:Required|Permission|have|does not have) '?([a-z]+\.[A-Za-z]+\.[A-Za-z]+)\b'?")


class _Item(msgspec.Struct):
    reason: str = ""
    message: str = ""


class _Detail(msgspec.Struct):
    reason: str = ""
    metadata: dict[str, Any] = {}


class _Error(msgspec.Struct):
    message: str = ""
    status: str = ""
    errors: list[_Item] = []
    details: list[_Detail] = []


class _Body(msgspec.Struct):
    error: _Error


def answered(
    call: Call, status: int, body: bytes, headers: Mapping[str, str], project: str, token: str = ""
) -> Refused:
    """An error answer of a service. What is switched off, unpaid or fenced in is DENIED too, with the switch in place
    of the permission.

    `token` is ours, should it be repeated.
    """
    error = _parsed(body)
    reasons = [*(detail.reason for detail in error.details), *(item.reason for item in error.errors), error.status]
    reasons = [told(reason, token) for reason in reasons if reason]
    message = told(error.message, token)
    switch = _switch(call, status, reasons, error, project)
    if switch is not None:
        return Refused(Fault(DENIED, switch[0], call.operation, message, told(switch[1], token)))
    known = next((reason for reason in reasons if reason in REASONS), None)
    kind = REASONS[known] if known else _by_status(status, headers)
    code = known or (reasons[0] if reasons else str(status))
    permission = told(_permission(call, error), token) if kind is DENIED else None
    fault = Fault(kind, code, call.operation, message, permission, retry_after(headers))
    return Refused(fault, transient=status >= 500 and kind is ERROR)


SWITCHES: tuple[tuple[str, frozenset[str], str], ...] = (
    ("SERVICE_DISABLED", frozenset({"accessNotConfigured"}), r"has not been used in project .*or it is disabled"),
    (
        "BILLING_DISABLED",
        frozenset({"billingNotEnabled", "UREQ_PROJECT_BILLING_NOT_FOUND", "accountDisabled"}),
        (
            r"requires billing to be enabled|billing (?:is|has been) (?:disabled|closed)|billing account .* (?:is|has"
            r" been) (?:disabled|closed)"
        ),
    ),
    (
        "SECURITY_POLICY_VIOLATED",
        frozenset({"vpcServiceControls"}),
        r"vpcServiceControlsUniqueIdentifier|VPC Service Controls|Request is prohibited by organization's policy",
    ),
    ("ACCESS_TOKEN_SCOPE_INSUFFICIENT", frozenset({"insufficientPermissions"}), r"insufficient authentication scopes"),
)
"""Code, other reasons that mean it, and the words by which it is told where no reason does: recorded answers carry
but `forbidden`, or no reason at all.
"""


def _switch(call: Call, status: int, reasons: list[str], error: _Error, project: str) -> tuple[str, str] | None:
    """Code and remedy of a refusal that no permission of ours would mend."""
    for code, others, words in SWITCHES:
        if not (
            {code, *others} & set(reasons)
            or (status in {400, 403} and re.search(words, error.message[:_MOST_WORDS], re.IGNORECASE))
        ):
            continue
        if code == "ACCESS_TOKEN_SCOPE_INSUFFICIENT":
            return code, f"the OAuth scope {DIRECTORY_SCOPE if call.service == 'directory' else CLOUD_SCOPE}"
        if code == "SERVICE_DISABLED":
            service = next(
                (str(detail.metadata["service"]) for detail in error.details if detail.metadata.get("service")),
                HOSTS[call.service],
            )
            return code, f"{service} enabled in {project}"
        if code == "BILLING_DISABLED":
            return code, f"billing enabled on {project}"
        return code, f"an access level or ingress rule of the VPC Service Controls perimeter around {project}"
    return None


def _by_status(status: int, headers: Mapping[str, str]) -> FaultKind:
    if status == 429 or (status == 503 and retry_after(headers) is not None):
        return THROTTLED
    return {401: EXPIRED, 403: DENIED}.get(status, ERROR)


def _permission(call: Call, error: _Error) -> str:
    named = next(
        (str(detail.metadata["permission"]) for detail in error.details if detail.metadata.get("permission")), None
    )
    if named is None and (found := _PERMISSION.search(error.message)):
        named = found[1]
    return named or call.permission or DIRECTORY_SCOPE


def _parsed(body: bytes) -> _Error:
    try:
        return msgspec.json.decode(body, type=_Body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Error(body[: 2 * MOST_READ].decode("utf-8", "replace") if body.lstrip()[:1] not in {b"<", b"{"} else "")


def unreachable(call: Call, error: Exception, *, transient: bool) -> Refused:
    """The question did not arrive, or its answer did not."""
    return Refused(Fault(UNREACHABLE, type(error).__name__, call.operation, short(error)), transient=transient)


def unreadable(call: Call, why: object) -> Refused:
    """An answer that is not what the method answers."""
    return Refused(Fault(ERROR, "UnreadableAnswer", call.operation, short(why)), transient=True)


def no_credentials(call: Call, error: Exception) -> Refused:
    """There are none, or they cannot be renewed."""
    if type(error).__name__ == "TransportError":
        return unreachable(call, error, transient=True)
    if type(error).__name__ == "DefaultCredentialsError":  # none at all, or a file that holds none
        words = (
            "gcloud auth application-default login, GOOGLE_APPLICATION_CREDENTIALS, or a service account of the machine"
        )
        why = "" if "default credentials were not found" in str(error) else f" ({short(error)})"
        return Refused(Fault(EXPIRED, NO_CREDENTIALS, call.operation, f"no credentials found{why}: {words}"))
    return Refused(Fault(EXPIRED, type(error).__name__, call.operation, short(error)))


def scope_fault(call: Call, scope: str, code: str, message: str = "") -> Fault:
    """A zone or region, or a bucket, that a listing could not include."""
    return Fault(UNREACHABLE, code, call.operation, told(f"{scope} did not answer. {message}"))


def short(error: object) -> str:
    """Anything in one line that is not too long; an error without words by its name."""
    return told(error) or type(error).__name__
