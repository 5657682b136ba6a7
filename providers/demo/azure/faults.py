"""What can go wrong between enctop and Azure, on demand: refusals in Resource Manager's and Graph's own words,
slowness, and broken answers.
"""

import json
from xml.sax.saxutils import escape

import msgspec

from providers.demo.answer import Answer
from providers.demo.faults import Faults, Rule

JSON = "application/json; charset=utf-8"
MESSAGES = {
    "deny": (
        403,
        "AuthorizationFailed",
        "The client '{client}' does not have authorization to perform action '{operation}' over scope '{resource}'.",
    ),
    "expire": (401, "ExpiredAuthenticationToken", "The access token expiry UTC time is earlier than current UTC time."),
    "throttle": (429, "TooManyRequests", "The request was throttled; number of requests exceeded the limit."),
    "fail": (
        500,
        "InternalServerError",
        "The server encountered an internal error and was unable to complete the request.",
    ),
}
XML = "application/xml"
BLOB_MESSAGES = {
    "deny": (
        403,
        "AuthorizationPermissionMismatch",
        "This request is not authorized to perform this operation using this permission.",
    ),
    "expire": (401, "InvalidAuthenticationInfo", "Lifetime validation failed. The token is expired."),
    "throttle": (503, "ServerBusy", "The server is busy."),
    "fail": (500, "InternalError", "Server encountered an internal error. Please try again after some time."),
}
CLIENT = "5d0b7f5e-2c43-4c7e-9f39-6c1b5b0e4f10"


class AzureAsked(msgspec.Struct, frozen=True):
    """One request, as the log shows it and as faults match it: `operation` is the permission it needs, `account` the
    subscription.
    """

    operation: str
    resource: str
    account: str
    method: str
    region: str = ""
    bucket: str = ""
    service: str = "arm"


class AzureFaults(Faults):
    """The rules in force, in Azure's spelling."""

    def _refusal(self, rule: Rule, asked: AzureAsked) -> Answer:
        asked_blobs = asked.service == "blob"
        status, code, message = (BLOB_MESSAGES if asked_blobs else MESSAGES)[rule.kind]
        if rule.kind == "deny" and asked.operation.startswith("graph:"):
            code, message = "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
        headers = {} if rule.retry_after is None else {"retry-after": str(int(rule.retry_after))}
        if asked_blobs:
            return blob_refusal(rule.status or status, code, message, headers)
        return refusal(
            rule.status or status,
            code,
            message.format(client=CLIENT, operation=asked.operation, resource=asked.resource),
            headers,
        )


def refusal(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Answer:
    """An error as Resource Manager and Graph both write it."""
    return Answer(
        status,
        json.dumps({"error": {"code": code, "message": message}}).encode(),
        {"content-type": JSON, **(headers or {})},
    )


def blob_refusal(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Answer:
    """An error as Blob Storage writes it: XML behind a byte order mark, and the code in a header too."""
    body = (
        '\ufeff<?xml version="1.0" encoding="utf-8"?>'
        f"<Error><Code>{code}</Code><Message>{escape(message)}\nRequestId:0\nTime:0</Message></Error>"
    )
    return Answer(status, body.encode(), {"content-type": XML, "x-ms-error-code": code, **(headers or {})})
