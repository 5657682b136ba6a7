"""AWS's errors as `Fault`s: botocore's exceptions in, one kind out (reference: API error references of EC2, S3, KMS, STS)."""

from typing import Any

from posture.fault import Fault, FaultKind, Refused
from providers.aws.calls import Call

DENIED, EXPIRED, THROTTLED = FaultKind.DENIED, FaultKind.EXPIRED, FaultKind.THROTTLED
UNREACHABLE, DISABLED, ERROR = FaultKind.UNREACHABLE, FaultKind.DISABLED, FaultKind.ERROR

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
    "OptInRequired": DISABLED,
    "RegionDisabledException": DISABLED,
    "SubscriptionRequiredException": DISABLED,
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
}
"""Provider's code -> kind. Codes not here are told by their HTTP status."""

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
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "TokenRetrievalError",
    "SSOTokenLoadError",
    "UnauthorizedSSOTokenError",
    "LoginRefreshRequired",
}
_LONGEST = 300


def refused(error: Exception, call: Call) -> Refused:
    """A botocore exception as what it means. Anything unknown is an `error`, never a `denied` and never an answer."""
    response: dict[str, Any] = getattr(error, "response", None) or {}
    name = type(error).__name__
    if "Error" in response:
        detail, meta = response["Error"], response.get("ResponseMetadata", {})
        return answered(call, int(meta.get("HTTPStatusCode", 0)), str(detail.get("Code", "")), str(detail.get("Message", "")), meta.get("HTTPHeaders", {}))
    if name in _NETWORK or isinstance(error, OSError):
        return Refused(Fault(UNREACHABLE, name, call.operation, _short(error)), transient=name != "EndpointConnectionError")
    if name in _CREDENTIALS:
        return Refused(Fault(EXPIRED, name, call.operation, _short(error)))
    if name in {"ResponseParserError", "IncompleteReadError", "UnreadablePage"}:
        return Refused(Fault(ERROR, "UnreadableAnswer", call.operation, _short(error)), transient=True)
    return Refused(Fault(ERROR, name, call.operation, _short(error)))


def answered(call: Call, status: int, code: str, message: str, headers: Any) -> Refused:
    """An error answer of the service, from its HTTP status, code and headers."""
    kind = CODES.get(code)
    if kind is None:
        kind = THROTTLED if status == 429 else DENIED if status in {401, 403} else ERROR
    permission = call.permission if kind is DENIED else None
    fault = Fault(kind, code or str(status), call.operation, message[:_LONGEST], permission, _retry_after(headers))
    return Refused(fault, transient=status >= 500 and kind is ERROR)


def _retry_after(headers: Any) -> float | None:
    """Seconds, from `Retry-After` or AWS's own header in milliseconds."""
    for name, unit in (("x-amz-retry-after", 0.001), ("retry-after", 1.0)):
        try:
            return float(headers[name]) * unit
        except (KeyError, TypeError, ValueError):
            continue
    return None


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:_LONGEST]
