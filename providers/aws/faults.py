"""AWS's errors as `Fault`s: botocore's exceptions in, one kind out.

Source: API error references of EC2, EFS, EKS, IAM, KMS, RDS, S3 and STS.
"""

import re
from typing import Any

from posture.fault import NO_CREDENTIALS, Fault, FaultKind, Refused
from providers.aws.calls import ASSUME_ROLE, HEAD_OBJECT, Call
from providers.refusals import retry_after, told

DENIED, EXPIRED, THROTTLED = FaultKind.DENIED, FaultKind.EXPIRED, FaultKind.THROTTLED
UNREACHABLE, ERROR = FaultKind.UNREACHABLE, FaultKind.ERROR

CODES: dict[str, FaultKind] = {
    "AccessDenied": DENIED,
    "AccessDeniedException": DENIED,
    "UnauthorizedOperation": DENIED,
    "AllAccessDisabled": DENIED,
    "403": DENIED,  # HeadObject has no body, only the status is left
    "AuthFailure": EXPIRED,
    "ExpiredToken": EXPIRED,
    "ExpiredTokenException": EXPIRED,
    "RequestExpired": EXPIRED,
    "InvalidToken": EXPIRED,
    "InvalidClientTokenId": EXPIRED,
    "InvalidAccessKeyId": EXPIRED,
    "UnrecognizedClientException": EXPIRED,
    "SignatureDoesNotMatch": EXPIRED,
    "InvalidSignatureException": EXPIRED,
    "IncompleteSignature": EXPIRED,
    "MissingAuthenticationToken": EXPIRED,
    "MissingAuthenticationTokenException": EXPIRED,
    "RequestTimeTooSkewed": EXPIRED,  # this machine's clock is wrong
    # with any status; only the list of regions says that a region is off, and not a call that was refused in it
    "OptInRequired": ERROR,
    "RegionDisabledException": ERROR,
    "SubscriptionRequiredException": ERROR,
    "RequestLimitExceeded": THROTTLED,
    "Throttling": THROTTLED,
    "ThrottlingException": THROTTLED,
    "ThrottledException": THROTTLED,
    "RequestThrottled": THROTTLED,
    "RequestThrottledException": THROTTLED,
    "TooManyRequestsException": THROTTLED,
    "BandwidthLimitExceeded": THROTTLED,
    "EC2ThrottledException": THROTTLED,
    "SlowDown": THROTTLED,
    "PriorRequestNotComplete": THROTTLED,
}
"""Provider's code -> kind. Codes not here are told by their HTTP status."""

_LATER = frozenset({"ReportInProgress"})
"""Codes of what will be there in a moment."""
_NETWORK = {
    "EndpointConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ConnectionClosedError",
    "ProxyConnectionError",
    "HTTPClientError",
    "SSLError",
    "ResponseStreamingError",
}
_CREDENTIALS = {
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "TokenRetrievalError",
    "SSOTokenLoadError",
    "UnauthorizedSSOTokenError",
    "LoginRefreshRequired",
}
# What a server may repeat of a request it did not believe: the canonical string of SignatureDoesNotMatch holds the
# session token.
_SECRET = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}|[A-Za-z0-9+/=_%-]{100,}|(?<=x-amz-security-token[:=])\S+", re.IGNORECASE
)


def refused(error: Exception, call: Call) -> Refused:
    """A botocore exception as what it means. Anything unknown is an `error`, never a `denied` and never an answer."""
    response: dict[str, Any] = getattr(error, "response", None) or {}
    name = type(error).__name__
    if getattr(error, "operation_name", call.name) == ASSUME_ROLE.name:
        call = ASSUME_ROLE  # asked for by the SDK before the call itself
    if response:
        # of EC2 the SDK gives no error at all where the body is a page
        detail, meta = response.get("Error", {}), response.get("ResponseMetadata", {})
        return answered(
            call,
            int(meta.get("HTTPStatusCode", 0)),
            str(detail.get("Code", "")),
            str(detail.get("Message", "")),
            meta.get("HTTPHeaders", {}),
        )
    if name == "LateAnswer":
        return Refused(Fault(UNREACHABLE, name, call.operation, plain(error)))
    if name == "TooLongError":
        return Refused(Fault(ERROR, "UnreadableAnswer", call.operation, plain(error)))
    if name in _NETWORK or isinstance(error, OSError):
        # who waits for a whole timeout three times has waited a minute
        again = name not in {"EndpointConnectionError", "ReadTimeoutError"}
        return Refused(Fault(UNREACHABLE, name, call.operation, plain(error)), transient=again)
    if name == "NoCredentialsError":
        return Refused(
            Fault(
                EXPIRED,
                NO_CREDENTIALS,
                call.operation,
                "no credentials found: aws sso login, aws configure, or a role of the machine",
            )
        )
    if name in _CREDENTIALS:
        return Refused(Fault(EXPIRED, name, call.operation, plain(error)))
    if name in {"ResponseParserError", "IncompleteReadError", "UnreadablePage"}:
        return Refused(Fault(ERROR, "UnreadableAnswer", call.operation, plain(error)), transient=True)
    return Refused(Fault(ERROR, name, call.operation, plain(error)))


def answered(call: Call, status: int, code: str, message: str, headers: Any) -> Refused:
    """An error answer of the service, from its HTTP status, code and headers."""
    kind = CODES.get(code)
    # not in AWS's words: a proxy's, and no permission mends that
    if (not code or code.isdigit()) and call is not HEAD_OBJECT:
        kind, message = ERROR, message or "the answer carries no error code of AWS"
    if kind is None or status == 429:
        kind = THROTTLED if status == 429 else DENIED if status in {401, 403} else ERROR
    permission = call.permission if kind is DENIED else None
    fault = Fault(
        kind,
        code or str(status),
        call.operation,
        plain(message),
        permission,
        retry_after(headers, ("x-amz-retry-after",)),
    )
    return Refused(fault, transient=kind is ERROR and (status >= 500 or code in _LATER))


def plain(said: object) -> str:
    """What a server or an SDK said, in one line, short, and without a credential."""
    return told(said, also=_SECRET)
