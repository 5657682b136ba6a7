"""Azure's errors as `Fault`s: an HTTP status and a code, or an exception of the SDK, in; one kind out.

Sources: Resource Manager "Common deployment errors" and "Throttling" pages, Microsoft Graph error responses, exceptions
of azure-core and azure-identity.
"""

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import msgspec

from posture.clock import Seconds
from posture.fault import NO_CREDENTIALS, Fault, FaultKind, Refused
from posture.text import LONGEST
from providers import refusals
from providers.azure.calls import LIST_SUBSCRIPTIONS, Call
from providers.azure.decode import Unread
from providers.azure.settings import told_who
from providers.refusals import told

DENIED, EXPIRED, THROTTLED = FaultKind.DENIED, FaultKind.EXPIRED, FaultKind.THROTTLED
UNREACHABLE, ERROR = FaultKind.UNREACHABLE, FaultKind.ERROR

CODES: dict[str, FaultKind] = {
    "AuthorizationFailed": DENIED,
    "LinkedAuthorizationFailed": DENIED,
    "AuthorizationPermissionMismatch": DENIED,
    "Authorization_RequestDenied": DENIED,
    "Forbidden": DENIED,
    "AccessDenied": DENIED,
    "AuthorizationFailure": DENIED,
    "InvalidAuthenticationToken": EXPIRED,
    "InvalidAuthenticationTokenTenant": EXPIRED,
    "ExpiredAuthenticationToken": EXPIRED,
    "AuthenticationFailed": EXPIRED,
    "AuthenticationFailedMissingToken": EXPIRED,
    "TooManyRequests": THROTTLED,
    "SubscriptionRequestsThrottled": THROTTLED,
    "ResourceRequestsThrottled": THROTTLED,
    "RateLimiting": THROTTLED,
    "MissingSubscriptionRegistration": ERROR,
    "NoRegisteredProviderFound": ERROR,
    "SubscriptionNotFound": ERROR,
    "InvalidSubscriptionId": ERROR,
    "ReadOnlyDisabledSubscription": ERROR,
}
"""Provider's code -> kind. Codes not here are told by their HTTP status.

A provider that is not registered and a subscription that is not found are errors, not `disabled`: `disabled` would
count as an answer, and nobody has said that there is nothing.
"""
UNREGISTERED = {"MissingSubscriptionRegistration", "NoRegisteredProviderFound"}
NO_SUBSCRIPTION = {"SubscriptionNotFound", "InvalidSubscriptionId"}
GONE = {
    "ResourceNotFound",
    "ResourceGroupNotFound",
    "NotFound",
    "VaultNotFound",
    "KeyNotFound",
    "ParentResourceNotFound",
    "ContainerNotFound",
    "ContainerBeingDeleted",
}
"""What a listed or linked resource answers when it exists no more: an answer, not an error."""
LICENCE = {"Authentication_RequestFromNonPremiumTenantOrB2CTenant", "RequestFromNonPremiumTenantOrB2CTenant"}
"""What Graph answers where the tenant has no licence for a report."""

_QUOTA = re.compile(r"([0-9]{1,4}):([0-9]{1,4}):([0-9]{1,4}(?:\.[0-9]{1,9})?)")
# the default chain's words; where somebody was refused, its reason says more
_NOBODY = "failed to retrieve a token from the included credentials"


class _Error(msgspec.Struct):
    code: str | int | None = None
    message: str | None = None


class _Body(msgspec.Struct):
    error: _Error | None = None
    code: str | int | None = None
    message: str | None = None


def answered(call: Call, status: int, headers: Mapping[str, str], body: bytes, *tokens: str) -> Refused:
    """An error answer as what it means. Anything unknown is an `error`, never a `denied` and never an answer.
    `tokens` are ours, should they be repeated.
    """
    code, message = (told(text, *tokens) for text in _read(body))
    kind = CODES.get(code)
    if status == 429:
        kind = THROTTLED
    elif kind is None:
        kind = EXPIRED if status == 401 else DENIED if status == 403 else ERROR
    permission = call.permission if kind is DENIED else None
    if code in UNREGISTERED:
        permission = f"{call.switch}/register/action"
        message = (
            f"{call.switch} is not registered in the subscription: az provider register --namespace {call.switch}."
            f" {message}"
        )
    elif code in NO_SUBSCRIPTION:
        permission = LIST_SUBSCRIPTIONS.permission
        message = f"no such subscription, or none that these credentials may see. {message}"
    # Blob Storage's word for a firewall; a missing role is AuthorizationPermissionMismatch
    elif code == "AuthorizationFailure":
        permission, message = None, f"the account's network rules do not let this address in. {message}"
    elif code in LICENCE:
        permission, message = call.permission, f"needs a licence (Entra ID P1). {message}"
    fault = Fault(
        kind, code or str(status), call.operation, message.strip()[:LONGEST], permission, retry_after(headers)
    )
    return Refused(fault, transient=status >= 500 and kind is ERROR)


def broken(call: Call, error: Exception, *tokens: str) -> Refused:
    """An exception of the SDK, or of what lies under it, as what it means. `tokens` are ours, should they be
    repeated.
    """
    name, said = type(error).__name__, told(error, *tokens)
    names = {kind.__name__ for kind in type(error).__mro__}
    if name == "NoTokenError" or (_NOBODY in str(error) and "AADSTS" not in str(error) and not told_who()):
        words = "az login, AZURE_CLIENT_ID with AZURE_TENANT_ID and a secret or certificate, or a managed identity"
        return Refused(
            Fault(
                EXPIRED,
                NO_CREDENTIALS,
                call.operation,
                f"no credentials found: {said if name == 'NoTokenError' else words}",
            )
        )
    if names & {"ClientAuthenticationError", "CredentialUnavailableError"}:
        return Refused(Fault(EXPIRED, name, call.operation, said))
    if names & {
        "ServiceRequestError",
        "ServiceResponseError",
        "IncompleteReadError",
        "OSError",
        "TimeoutError",
        "ClientError",
    }:
        return Refused(
            Fault(UNREACHABLE, name, call.operation, said),
            transient=name not in {"ServiceRequestTimeoutError", "TimeoutError"},
        )
    if names & {"MsgspecError", "DecodeError", "UnicodeDecodeError"}:
        return Refused(unreadable(call, error), transient=True)
    return Refused(Fault(ERROR, name, call.operation, said))


def unreadable(call: Call, error: Exception) -> Fault:
    """An answer that is not what was asked for: a proxy's page, half a body, a field of another type."""
    return Fault(ERROR, "UnreadableAnswer", call.operation, told(error))


def bad_row(call: Call, row: Any, why: str) -> Unread:
    """A row that cannot be read, as far as it says which it is; `why` names the field."""
    known = row if isinstance(row, dict) else {}
    id, region = known.get("id"), known.get("location")
    named = id.strip() if isinstance(id, str) else ""
    fault = Fault(
        ERROR,
        "UnreadableRow",
        call.operation,
        told(f"{named.rstrip('/').rpartition('/')[2] or 'a row without an id'}: {why}"),
    )
    return Unread(named, region if isinstance(region, str) else "", fault)


def retry_after(headers: Mapping[str, str]) -> Seconds | None:
    """Seconds until the service wants to be asked again: `Retry-After` and what Azure writes beside it, or Resource
    Graph's `x-ms-user-quota-resets-after`.
    """
    asked = refusals.retry_after(headers, ("x-ms-retry-after-ms", "retry-after-ms"))
    if asked is not None:
        return asked
    quota = _QUOTA.fullmatch(headers.get("x-ms-user-quota-resets-after") or "")
    return (
        None
        if quota is None
        else min(int(quota[1]) * 3600.0 + int(quota[2]) * 60.0 + float(quota[3]), refusals.LONGEST_WAIT)
    )


def _read(body: bytes) -> tuple[str, str]:
    try:
        read = msgspec.json.decode(body, type=_Body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _read_xml(body)
    error = read.error or _Error(read.code, read.message)
    return str(error.code or ""), error.message or ""


def _read_xml(body: bytes) -> tuple[str, str]:
    """Blob Storage writes `<Error><Code/><Message/></Error>`."""
    try:
        error = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return "", ""
    if error.tag != "Error":
        return "", ""
    return error.findtext("Code", ""), error.findtext("Message", "")
