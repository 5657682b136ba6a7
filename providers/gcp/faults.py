"""Google Cloud's errors as `Fault`s: an HTTP status and a JSON body in, one kind out.

Sources: https://cloud.google.com/apis/design/errors (google.rpc.Status, ErrorInfo), Compute's rate limits (403 rateLimitExceeded, no Retry-After),
reference/sdk-cost-limits-errors.md 4.2.
"""

import email.utils
import re
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from posture.fault import NO_CREDENTIALS, Fault, FaultKind, Refused
from providers.gcp.calls import DIRECTORY_SCOPE, HOSTS, Call

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
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": DENIED,
}
"""Reason -> kind. The first of an answer's reasons that stands here tells; reasons not here are told by the HTTP status."""
_LONGEST = 300
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


def answered(call: Call, status: int, body: bytes, headers: Mapping[str, str], project: str) -> Refused:
    """An error answer of a service. What is switched off, unpaid or fenced in is DENIED too, with the switch in place of the permission."""
    error = _parsed(body)
    reasons = [*(detail.reason for detail in error.details), *(item.reason for item in error.errors), error.status]
    reasons = [reason for reason in reasons if reason]
    message = " ".join(error.message.split())[:_LONGEST]
    switch = _switch(call, reasons, error, project)
    if switch is not None:
        return Refused(Fault(DENIED, switch[0], call.operation, message, switch[1]))
    known = next((reason for reason in reasons if reason in REASONS), None)
    kind = REASONS[known] if known else _by_status(status, headers)
    code = known or (reasons[0] if reasons else str(status))
    permission = _permission(call, error) if kind is DENIED else None
    fault = Fault(kind, code, call.operation, message, permission, retry_after(headers))
    return Refused(fault, transient=status >= 500 and kind is ERROR)


def _switch(call: Call, reasons: list[str], error: _Error, project: str) -> tuple[str, str] | None:
    """Code and remedy of a 403 that no permission of ours would mend."""
    if {"SERVICE_DISABLED", "accessNotConfigured"} & set(reasons):
        service = next((str(detail.metadata["service"]) for detail in error.details if "service" in detail.metadata), HOSTS[call.service])
        return "SERVICE_DISABLED", f"{service} enabled in {project}"
    if {"BILLING_DISABLED", "billingNotEnabled", "UREQ_PROJECT_BILLING_NOT_FOUND", "accountDisabled"} & set(reasons):
        return "BILLING_DISABLED", f"billing enabled on {project}"
    if {"SECURITY_POLICY_VIOLATED", "vpcServiceControls"} & set(reasons):
        return "SECURITY_POLICY_VIOLATED", f"an access level or ingress rule of the VPC Service Controls perimeter around {project}"
    return None


def _by_status(status: int, headers: Mapping[str, str]) -> FaultKind:
    if status == 429 or (status == 503 and retry_after(headers) is not None):
        return THROTTLED
    return {401: EXPIRED, 403: DENIED}.get(status, ERROR)


def _permission(call: Call, error: _Error) -> str | None:
    named = next((str(detail.metadata["permission"]) for detail in error.details if detail.metadata.get("permission")), None)
    if named is None and (found := _PERMISSION.search(error.message)):
        named = found[1]
    return named or call.permission or DIRECTORY_SCOPE


def _parsed(body: bytes) -> _Error:
    try:
        return msgspec.json.decode(body, type=_Body).error
    except msgspec.DecodeError:
        return _Error(body[:_LONGEST].decode("utf-8", "replace") if body.lstrip()[:1] not in {b"<", b"{"} else "")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `Retry-After` as a number or a date."""
    text = headers.get("Retry-After")
    if text is None:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def unreachable(call: Call, error: Exception, *, transient: bool) -> Refused:
    """The question did not arrive, or its answer did not."""
    return Refused(Fault(UNREACHABLE, type(error).__name__, call.operation, _short(error)), transient=transient)


def unreadable(call: Call, why: object) -> Refused:
    """An answer that is not what the method answers."""
    return Refused(Fault(ERROR, "UnreadableAnswer", call.operation, _short(why)), transient=True)


def no_credentials(call: Call, error: Exception) -> Refused:
    """There are none, or they cannot be renewed."""
    if type(error).__name__ == "TransportError":
        return unreachable(call, error, transient=True)
    if "default credentials were not found" in str(error):
        words = "gcloud auth application-default login, GOOGLE_APPLICATION_CREDENTIALS, or a service account of the machine"
        return Refused(Fault(EXPIRED, NO_CREDENTIALS, call.operation, f"no credentials found: {words}"))
    return Refused(Fault(EXPIRED, type(error).__name__, call.operation, _short(error)))


def scope_fault(call: Call, scope: str, code: str, message: str = "") -> Fault:
    """A zone or region, or a bucket, that a listing could not include."""
    return Fault(UNREACHABLE, code, call.operation, " ".join(f"{scope} did not answer. {message}".split())[:_LONGEST])


def _short(error: object) -> str:
    return " ".join(str(error).split())[:_LONGEST] or type(error).__name__
