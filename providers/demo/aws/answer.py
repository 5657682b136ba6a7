"""How AWS's services spell their answers and errors (measured through botocore: every code below is what the
real service sends).
"""

import json
from collections.abc import Mapping
from uuid import uuid4
from xml.sax.saxutils import escape

import msgspec

from providers.demo.answer import Answer

XML = "text/xml;charset=UTF-8"
S3_XML = "application/xml"
JSON = "application/x-amz-json-1.1"


class Spelling(msgspec.Struct, frozen=True):
    """One cause as one family of services spells it: HTTP status and code."""

    status: int
    code: str


DENIED = {
    "ec2": Spelling(403, "UnauthorizedOperation"),
    "s3": Spelling(403, "AccessDenied"),
    "s3control": Spelling(403, "AccessDenied"),
    "sts": Spelling(403, "AccessDenied"),
    "kms": Spelling(400, "AccessDeniedException"),
    "eks": Spelling(403, "AccessDeniedException"),
    "elasticfilesystem": Spelling(403, "AccessDeniedException"),
    "acm": Spelling(400, "AccessDeniedException"),
    "cloudtrail": Spelling(400, "AccessDeniedException"),
}
EXPIRED = {
    "ec2": Spelling(400, "RequestExpired"),
    "s3": Spelling(400, "ExpiredToken"),
    "s3control": Spelling(400, "ExpiredToken"),
    "sts": Spelling(403, "ExpiredToken"),
    "kms": Spelling(400, "ExpiredTokenException"),
    "eks": Spelling(403, "ExpiredTokenException"),
    "elasticfilesystem": Spelling(403, "ExpiredTokenException"),
    "acm": Spelling(400, "ExpiredTokenException"),
    "cloudtrail": Spelling(400, "ExpiredTokenException"),
}
THROTTLED = {
    "ec2": Spelling(503, "RequestLimitExceeded"),
    "s3": Spelling(503, "SlowDown"),
    "s3control": Spelling(503, "SlowDown"),
    "sts": Spelling(400, "Throttling"),
    "kms": Spelling(400, "ThrottlingException"),
    "eks": Spelling(429, "ThrottlingException"),
    "elasticfilesystem": Spelling(429, "ThrottlingException"),
    "acm": Spelling(400, "ThrottlingException"),
    "cloudtrail": Spelling(400, "ThrottlingException"),
}
BROKEN = {
    "ec2": Spelling(500, "InternalError"),
    "s3": Spelling(500, "InternalError"),
    "s3control": Spelling(500, "InternalError"),
    "sts": Spelling(500, "InternalFailure"),
    "kms": Spelling(500, "KMSInternalException"),
    "eks": Spelling(500, "ServerException"),
    "elasticfilesystem": Spelling(500, "InternalServerError"),
    "acm": Spelling(500, "InternalFailure"),
    "cloudtrail": Spelling(500, "InternalError"),
}
OPTED_OUT = {
    "ec2": Spelling(401, "AuthFailure"),
    "kms": Spelling(400, "UnrecognizedClientException"),
    "eks": Spelling(403, "UnrecognizedClientException"),
    "elasticfilesystem": Spelling(403, "UnrecognizedClientException"),
    "rds": Spelling(403, "InvalidClientTokenId"),
    "acm": Spelling(400, "UnrecognizedClientException"),
    "elasticloadbalancing": Spelling(403, "InvalidClientTokenId"),
    "sts": Spelling(403, "RegionDisabledException"),
}
"""What a region answers that the account has not opted in to: it looks like bad credentials."""


def error(
    service: str, status: int, code: str, message: str, headers: Mapping[str, str] | None = None, *, head: bool = False
) -> Answer:
    """An error in the envelope of `service`. An answer to HEAD has no body, so that only the status is left of it."""
    kind, body = _ENVELOPES.get(service, _query_error)(code, message)
    return Answer(status, b"" if head else body.encode(), {"content-type": kind, **(headers or {})})


def xml(service: str, body: str | bytes) -> Answer:
    """A success of a service that speaks XML."""
    declared = b'<?xml version="1.0" encoding="UTF-8"?>\n' + (body.encode() if isinstance(body, str) else body)
    return Answer(200, declared, {"content-type": S3_XML if service.startswith("s3") else XML})


def jsonic(value: object) -> Answer:
    """A success of a service that speaks JSON."""
    return Answer(200, json.dumps(value).encode(), {"content-type": JSON})


def _ec2_error(code: str, message: str) -> tuple[str, str]:
    inner = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return (
        XML,
        (
            '<?xml version="1.0"'
            f' encoding="UTF-8"?>\n<Response><Errors>{inner}</Errors><RequestID>{uuid4()}</RequestID></Response>'
        ),
    )


def _s3_error(code: str, message: str) -> tuple[str, str]:
    inner = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    inner += f"<RequestId>{uuid4().hex[:16].upper()}</RequestId><HostId>{uuid4().hex}</HostId>"
    return S3_XML, f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'


def _query_error(code: str, message: str) -> tuple[str, str]:
    inner = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return (
        XML,
        (
            "<ErrorResponse"
            f' xmlns="https://sts.amazonaws.com/doc/2011-06-15/">{inner}<RequestId>{uuid4()}</RequestId></ErrorResponse>'
        ),
    )


def _s3control_error(code: str, message: str) -> tuple[str, str]:
    inner = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return S3_XML, f"<ErrorResponse>{inner}<RequestId>{uuid4().hex[:16].upper()}</RequestId></ErrorResponse>"


def _json_error(code: str, message: str) -> tuple[str, str]:
    return JSON, json.dumps({"__type": code, "message": message})


_ENVELOPES = {
    "ec2": _ec2_error,
    "s3": _s3_error,
    "s3control": _s3control_error,
    **dict.fromkeys(("acm", "cloudtrail", "eks", "elasticfilesystem", "kms"), _json_error),
}
