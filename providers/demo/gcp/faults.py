"""What can go wrong between enctop and Google Cloud, on demand: each refusal in Google's own words, slowness, and
broken answers.

Error bodies: google.rpc.Status with ErrorInfo, and the older `errors[]` beside it, as Compute and Storage send both.
"""

import fnmatch
import json
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from providers.demo.answer import Answer
from providers.demo.faults import Rules

Kind = Literal[
    "deny",
    "disable",
    "unpaid",
    "fence",
    "rate",
    "throttle",
    "expire",
    "fail",
    "delay",
    "cut",
    "truncate",
    "html",
    "hang",
    "refuse",
]
JSON = "application/json; charset=UTF-8"


class Asked(msgspec.Struct, frozen=True):
    """One request: `operation` as `providers.gcp.calls` spells it, `resource` the bucket, ring or key it names, ""
    for none.
    """

    operation: str
    project: str
    resource: str
    query: Mapping[str, str]


class Rule(msgspec.Struct, forbid_unknown_fields=True):
    """One fault. `operation` and `resource` are globs; `times` is how many requests it still hits (None: all);
    `echo` goes into the message.
    """

    kind: Kind
    operation: str = "*"
    resource: str = "*"
    times: int | None = None
    seconds: float = 0.0
    retry_after: str | None = None
    status: int | None = None
    echo: str = ""

    def hits(self, asked: Asked) -> bool:
        """Whether this request is one of those meant."""
        return fnmatch.fnmatchcase(asked.operation, self.operation) and fnmatch.fnmatchcase(
            asked.resource, self.resource
        )


class Faults(Rules[Rule]):
    """The rules in force, in Google's words."""

    refusals = (*Rules.refusals, "disable", "unpaid", "fence", "rate")

    def add(self, kind: Kind, operation: str = "*", resource: str = "*", **more: Any) -> Rule:
        """Put a rule in force."""
        return self.enforce(Rule(kind, operation, resource, **more))

    def _refusal(self, rule: Rule, asked: Asked) -> Answer:
        status, text, reasons, info = _WORDS[rule.kind](asked)
        headers = {"retry-after": rule.retry_after} if rule.retry_after is not None else {}
        return error(rule.status or status, f"{text}{rule.echo}", *reasons, info=info, headers=headers)


def error(
    status: int,
    message: str,
    reason: str,
    code: str,
    *,
    info: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """An error as Google's services send it: `reason` in the older list, `code` of google.rpc.Code, `info` an
    ErrorInfo.
    """
    body: dict[str, Any] = {
        "code": status,
        "message": message,
        "errors": [{"message": message, "domain": "global", "reason": reason}],
        "status": code,
    }
    if info:
        body["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", **info}]
    return Answer(status, json.dumps({"error": body}).encode(), {"content-type": JSON, **(headers or {})})


Words = tuple[int, str, tuple[str, str], Mapping[str, Any] | None]


def _denied(asked: Asked) -> Words:
    permission = PERMISSIONS.get(asked.operation, asked.operation)
    info = {
        "reason": "IAM_PERMISSION_DENIED",
        "domain": "iam.googleapis.com",
        "metadata": {"permission": permission, "resource": f"projects/{asked.project}"},
    }
    if asked.operation.startswith(("compute.", "storage.")):  # these name the permission only in words
        return (
            403,
            f"Required '{permission}' permission for 'projects/{asked.project}'",
            ("forbidden", "PERMISSION_DENIED"),
            None,
        )
    return (
        403,
        f"Permission '{permission}' denied on resource (or it may not exist).",
        ("forbidden", "PERMISSION_DENIED"),
        info,
    )


def _disabled(asked: Asked) -> Words:
    host = f"{asked.operation.partition('.')[0].replace('directory', 'admin')}.googleapis.com"
    text = f"{host} has not been used in project {asked.project} before or it is disabled."
    info = {
        "reason": "SERVICE_DISABLED",
        "domain": "googleapis.com",
        "metadata": {"service": host, "consumer": f"projects/{asked.project}"},
    }
    return 403, text, ("accessNotConfigured", "PERMISSION_DENIED"), info


def _unpaid(asked: Asked) -> Words:
    text = f"This API method requires billing to be enabled. Please enable billing on project #{asked.project}"
    info = {
        "reason": "BILLING_DISABLED",
        "domain": "googleapis.com",
        "metadata": {"consumer": f"projects/{asked.project}"},
    }
    return 403, text, ("forbidden", "PERMISSION_DENIED"), info


def _fenced(asked: Asked) -> Words:
    text = "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: abc123"
    info = {"reason": "SECURITY_POLICY_VIOLATED", "domain": "googleapis.com", "metadata": {"uid": "abc123"}}
    return (
        403,
        text,
        ("vpcServiceControls" if asked.operation.startswith("storage.") else "forbidden", "PERMISSION_DENIED"),
        info,
    )


def _rated(asked: Asked) -> Words:
    text = "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute' of service"
    info = {
        "reason": "RATE_LIMIT_EXCEEDED",
        "domain": "googleapis.com",
        "metadata": {"quota_limit": "ReadRequestsPerMinutePerProject"},
    }
    return 403, text, ("rateLimitExceeded", "PERMISSION_DENIED"), info


_WORDS: Mapping[str, Any] = {
    "deny": _denied,
    "disable": _disabled,
    "unpaid": _unpaid,
    "fence": _fenced,
    "rate": _rated,
    "throttle": lambda asked: (429, "Too many requests", ("rateLimitExceeded", "RESOURCE_EXHAUSTED"), None),
    "expire": lambda asked: (
        401,
        "Request had invalid authentication credentials.",
        ("authError", "UNAUTHENTICATED"),
        None,
    ),
    "fail": lambda asked: (500, "Internal error encountered.", ("backendError", "INTERNAL"), None),
}
PERMISSIONS = {
    "cloudresourcemanager.projects.get": "resourcemanager.projects.get",
    "compute.regionSnapshots.list": "compute.snapshots.list",
    "logging.entries.list": "logging.logEntries.list",
    **{
        f"compute.{kind}.aggregatedList": f"compute.{kind}.list"
        for kind in ("disks", "targetHttpsProxies", "targetHttpProxies", "sslPolicies", "urlMaps")
    },
}
"""Operation -> the permission it needs, where IAM calls it otherwise."""
