"""The second factor of people in an Entra tenant: is it enforced, and can they answer it."""

import re
from collections.abc import Mapping
from typing import Any

from posture.context import Context
from posture.controls.registry import control
from posture.fields import flag, low, part, strange, text
from posture.reading import NoAnswer, expected, field_of, nested, optional
from posture.resource import Resource
from posture.verdict import EvidenceClass, Verdict, failed, passed, unanswered, unknown, warned

DEFAULTS, ACCESS, REGISTRATION = "graph:securityDefaults", "graph:conditionalAccess", "graph:userRegistrationDetails"
BREAK_GLASS = 2
"""As many accounts may be excluded, so that somebody can still get in when the second factor fails."""
_USERS = frozenset({"all", "none", "guestsorexternalusers"})
_APPLICATIONS = frozenset({"all", "none", "office365", "microsoftadminportals"})
_CONTROLS = frozenset(
    {
        "block",
        "mfa",
        "compliantdevice",
        "domainjoineddevice",
        "approvedapplication",
        "compliantapplication",
        "passwordchange",
        "riskremediation",
    }
)
"""Words beside ids (Microsoft Graph: conditionalAccessUsers, conditionalAccessApplications,
conditionalAccessGrantControl).
"""
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_STATES = {"enabled", "disabled", "enabledforreportingbutnotenforced"}


@control("azure.entra.mfa", on="azure.entra.tenant")
def mfa(tenant: Resource, context: Context) -> Verdict:
    """Being able to is not having to: both are asked, and security defaults and conditional access exclude each
    other.
    """
    defaults = flag(field_of(tenant, DEFAULTS, "securityDefaults"), DEFAULTS, "isEnabled")
    if defaults is None:
        return strange(DEFAULTS, "isEnabled", None)
    facts: dict[str, Any] = {"securityDefaults.isEnabled": defaults}
    excluded, reporting = 0, False
    if not defaults:
        states, unread = _states(tenant)
        facts["conditionalAccess"] = {name: state for name, state, _ in states}
        enforced = [count for _, state, count in states if state == "enabled"]
        reporting = not enforced and any(state == "enabledforreportingbutnotenforced" for _, state, _ in states)
        if not enforced:
            if unread is not None:
                return unread
            if not reporting:
                return failed(
                    "no second factor is enforced: neither security defaults nor a policy for all users", facts
                )
        excluded = min(enforced, default=0)
    refusal = tenant.faults.get(REGISTRATION)
    if refusal is not None:
        if defaults and "NonPremiumTenant" in refusal.code:
            words = "security defaults enforce it; who has registered is attested, the report needs a licence"
            return passed(words, {**facts, "userRegistrationDetails": refusal.code}, by=EvidenceClass.ATTESTED)
        return unanswered(refusal)
    return _capable(tenant, facts, excluded, reporting)


def _capable(tenant: Resource, facts: dict[str, Any], excluded: int, reporting: bool) -> Verdict:
    """Whether people can answer the second factor that is enforced, or only reported."""
    counts = field_of(tenant, REGISTRATION, "registration")
    facts["registration"] = counts
    users, incapable, admins = (
        expected(nested(counts, REGISTRATION, name), int, REGISTRATION, name)
        for name in ("users", "notCapable", "adminsNotCapable")
    )
    untold = optional(counts.get("untold"), int, REGISTRATION, "untold")
    if admins:
        return failed(f"{admins} of {counts.get('admins')} administrators cannot answer a second factor", facts)
    if untold:
        return unknown(f"of {untold} users it is not said whether they can answer a second factor", evidence=facts)
    if users < 1 or incapable < 0:
        return unknown(f"{REGISTRATION} names no user", evidence=facts)
    if reporting:
        return warned("a policy for all users only reports, it does not enforce", facts)
    if excluded > BREAK_GLASS:
        return warned(f"the policy excludes {excluded} users, groups or roles", facts)
    if incapable:
        return warned(f"{incapable} of {users} users cannot answer a second factor yet", facts)
    return passed("enforced, and everybody can answer it", facts)


def _states(tenant: Resource) -> tuple[list[tuple[str, str, int]], Verdict | None]:
    """Name, state and number of those excluded of each policy for everybody, and why some other policy could not be
    read.
    """
    policies = expected(field_of(tenant, ACCESS, "conditionalAccess"), list, ACCESS, "value")
    found: list[tuple[str, str, int]] = []
    unread: Verdict | None = None
    for number, policy in enumerate(policies):
        try:
            state = low(text(expected(policy, dict, ACCESS, "value"), ACCESS, "state"))
            if state not in _STATES:
                raise NoAnswer(strange(ACCESS, "state", policy.get("state")))
            if state != "disabled" and _for_everybody(policy):
                found.append((str(policy.get("displayName") or f"#{number}"), state or "", _excluded(policy)))
        except NoAnswer as none:
            unread = none.verdict
    return found, unread


def _for_everybody(policy: Mapping[str, Any]) -> bool:
    """Whether a conditional access policy asks all users of all applications for a second factor."""
    conditions, grant = part(policy, ACCESS, "conditions"), part(policy, ACCESS, "grantControls")
    users, apps = part(conditions, ACCESS, "users"), part(conditions, ACCESS, "applications")
    controls = _words(grant, "builtInControls", _CONTROLS)
    asks = "mfa" in controls or bool(part(grant, ACCESS, "authenticationStrength"))
    if len(controls) > 1 and (operator := low(text(grant, ACCESS, "operator"))) != "and":
        if operator != "or":
            raise NoAnswer(strange(ACCESS, "grantControls.operator", grant.get("operator")))
        return False
    return (
        "all" in _words(users, "includeUsers", _USERS)
        and "all" in _words(apps, "includeApplications", _APPLICATIONS)
        and asks
    )


def _excluded(policy: Mapping[str, Any]) -> int:
    users = part(part(policy, ACCESS, "conditions"), ACCESS, "users")
    groups = len(_words(users, "excludeGroups")) + len(_words(users, "excludeRoles"))
    return len(_words(users, "excludeUsers")) + groups * (BREAK_GLASS + 1)


def _words(holder: Mapping[str, Any], field: str, known: frozenset[str] = frozenset()) -> list[str]:
    """A list of words, in lower case; empty where there is none. Raises `NoAnswer` where one is neither `known`, if
    some are, nor an id.
    """
    words = [
        low(expected(each, str, ACCESS, field)) or "" for each in optional(holder.get(field), list, ACCESS, field) or []
    ]
    for each in words:
        if known and each not in known and not _ID.fullmatch(each):
            raise NoAnswer(strange(ACCESS, field, each))
    return words
