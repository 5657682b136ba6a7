"""What can go wrong between enctop and Google Cloud, on demand: each refusal in Google's own words, slowness, and
broken answers.

Error bodies: google.rpc.Status with ErrorInfo, and the older `errors[]` beside it, as Compute and Storage send both.
"""

import fnmatch
import json
import threading
import time
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from providers.demo.aws.answer import Answer
from providers.demo.faults import HTML, Drop

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


class Faults:
    """The rules in force. Safe to use from any thread; the newest rule is asked first."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._lock = threading.Lock()

    def add(self, kind: Kind, operation: str = "*", resource: str = "*", **more: Any) -> Rule:
        """Put a rule in force."""
        rule = Rule(kind, operation, resource, **more)
        with self._lock:
            self._rules.insert(0, rule)
        return rule

    def remove(self, rule: Rule) -> None:
        """Lift a rule; nothing happens if it is not in force any more."""
        with self._lock:
            self._rules = [kept for kept in self._rules if kept is not rule]

    def clear(self) -> None:
        """Lift all rules."""
        with self._lock:
            self._rules.clear()

    def before(self, asked: Asked) -> Answer | None:
        """Wait as long as the rules say, and give the refusal that takes the answer's place, if there is one. Raises
        `Drop`.
        """
        for rule in self._taken(asked, {"delay"}):
            time.sleep(rule.seconds)
        rules = self._taken(
            asked,
            {"deny", "disable", "unpaid", "fence", "rate", "throttle", "expire", "fail", "html", "hang", "refuse"},
        )
        return self._instead(rules[0], asked) if rules else None

    def after(self, asked: Asked, answer: Answer) -> Answer:
        """Break the answer if a rule says so. Raises `Drop`."""
        for rule in self._taken(asked, {"cut", "truncate"}):
            if rule.kind == "cut":
                raise Drop(answer)
            return Answer(answer.status, answer.body[: len(answer.body) // 2], answer.headers)
        return answer

    def _taken(self, asked: Asked, kinds: set[str]) -> list[Rule]:
        with self._lock:
            hit = [rule for rule in self._rules if rule.kind in kinds and rule.times != 0 and rule.hits(asked)]
            for rule in hit[:1] if "delay" not in kinds else hit:
                if rule.times is not None:
                    rule.times -= 1
        return hit

    def _instead(self, rule: Rule, asked: Asked) -> Answer:
        if rule.kind in {"hang", "refuse"}:
            self._wait(rule)
            raise Drop
        if rule.kind == "html":
            return Answer(200, HTML, {"content-type": "text/html"})
        status, text, reasons, info = _WORDS[rule.kind](asked)
        headers = {"retry-after": rule.retry_after} if rule.retry_after is not None else {}
        return error(rule.status or status, f"{text}{rule.echo}", *reasons, info=info, headers=headers)

    def _wait(self, rule: Rule) -> None:
        """Hang until the time is over or the rule is lifted."""
        end = time.monotonic() + (rule.seconds if rule.kind == "hang" else 0.0)
        while time.monotonic() < end and any(kept is rule for kept in self._rules):
            time.sleep(0.02)


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
    **{
        f"compute.{kind}.aggregatedList": f"compute.{kind}.list"
        for kind in ("disks", "targetHttpsProxies", "targetHttpProxies", "sslPolicies", "urlMaps")
    },
}
"""Operation -> the permission it needs, where IAM calls it otherwise."""
