"""What can go wrong between enctop and Keycloak, on demand: refusals in Keycloak's own words, slowness, and broken
answers.
"""

import json

import msgspec

from providers.demo.answer import Answer
from providers.demo.faults import Faults, Rule

JSON = "application/json"
_WORDS = {
    "deny": (403, "HTTP 403 Forbidden"),
    "expire": (401, "HTTP 401 Unauthorized"),
    "throttle": (429, "HTTP 429 Too Many Requests"),
    "fail": (500, "unknown_error"),
}


class KeycloakAsked(msgspec.Struct, frozen=True):
    """One request, as the log shows it and as faults match it: `operation` as `providers.keycloak.calls` spells it,
    `resource` the realm.
    """

    operation: str
    resource: str
    method: str
    account: str = ""
    region: str = ""
    bucket: str = ""


class KeycloakFaults(Faults):
    """The rules in force, in Keycloak's words."""

    def _refusal(self, rule: Rule, asked: KeycloakAsked) -> Answer:
        status, words = _WORDS[rule.kind]
        headers = {} if rule.retry_after is None else {"retry-after": str(int(rule.retry_after))}
        return error(rule.status or status, words, headers=headers)


def error(status: int, code: str, said: str = "", *, headers: dict[str, str] | None = None) -> Answer:
    """An error as Keycloak writes it; `said` is the description that the token endpoint adds."""
    body = {"error": code, **({"error_description": said} if said else {})}
    return Answer(status, json.dumps(body).encode(), {"content-type": JSON, **(headers or {})})
