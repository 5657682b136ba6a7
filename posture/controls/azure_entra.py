"""The second factor of people in an Entra tenant: is it enforced, and can they answer it."""

from collections.abc import Mapping
from typing import Any

from posture.controls.reading import inside, told
from posture.controls.registry import Context, control
from posture.resource import Resource
from posture.verdict import EvidenceClass, Verdict, failed, passed, unanswered, warned

DEFAULTS, ACCESS, REGISTRATION = "graph:securityDefaults", "graph:conditionalAccess", "graph:userRegistrationDetails"
BREAK_GLASS = 2
"""As many accounts may be excluded, so that somebody can still get in when the second factor fails."""


@control("azure.entra.mfa", on="azure.entra.tenant")
def mfa(tenant: Resource, see: Context) -> Verdict:
    """Being able to is not having to: both are asked, and security defaults and conditional access exclude each other."""
    defaults = inside(told(tenant, DEFAULTS, "securityDefaults"), DEFAULTS, "isEnabled") is True
    facts: dict[str, Any] = {"securityDefaults.isEnabled": defaults}
    excluded, reporting = 0, False
    if not defaults:
        policies = [policy for policy in told(tenant, ACCESS, "conditionalAccess") or () if _for_everybody(policy)]
        enforced = [policy for policy in policies if policy.get("state") == "enabled"]
        reporting = any(policy.get("state") == "enabledForReportingButNotEnforced" for policy in policies)
        facts["conditionalAccess"] = {str(policy.get("displayName")): policy.get("state") for policy in policies}
        if not enforced and not reporting:
            return failed("no second factor is enforced: neither security defaults nor a policy for all users", facts)
        excluded = min((_excluded(policy) for policy in enforced), default=0)
    refusal = tenant.faults.get(REGISTRATION)
    if refusal is not None:
        if defaults and "NonPremiumTenant" in refusal.code:
            words = "security defaults enforce it; who has registered is attested, the report needs a licence"
            return passed(words, {**facts, "userRegistrationDetails": refusal.code}, by=EvidenceClass.ATTESTED)
        return unanswered(refusal)
    counts = told(tenant, REGISTRATION, "registration")
    facts["registration"] = counts
    if inside(counts, REGISTRATION, "adminsNotCapable"):
        return failed(f"{counts['adminsNotCapable']} of {counts.get('admins')} administrators cannot answer a second factor", facts)
    if reporting and not defaults and not any(state == "enabled" for state in facts["conditionalAccess"].values()):
        return warned("a policy for all users only reports, it does not enforce", facts)
    if excluded > BREAK_GLASS:
        return warned(f"the policy excludes {excluded} users, groups or roles", facts)
    if counts.get("notCapable"):
        return warned(f"{counts['notCapable']} of {counts.get('users')} users cannot answer a second factor yet", facts)
    return passed("enforced, and everybody can answer it", facts)


def _for_everybody(policy: Mapping[str, Any]) -> bool:
    """Whether a conditional access policy asks all users of all applications for a second factor."""
    conditions, grant = policy.get("conditions") or {}, policy.get("grantControls") or {}
    users, apps = conditions.get("users") or {}, conditions.get("applications") or {}
    asks = "mfa" in (grant.get("builtInControls") or ()) or bool(grant.get("authenticationStrength"))
    alone = grant.get("operator") != "OR" or len(grant.get("builtInControls") or ()) <= 1
    return "All" in (users.get("includeUsers") or ()) and "All" in (apps.get("includeApplications") or ()) and asks and alone


def _excluded(policy: Mapping[str, Any]) -> int:
    users = (policy.get("conditions") or {}).get("users") or {}
    groups = len(users.get("excludeGroups") or ()) + len(users.get("excludeRoles") or ())
    return len(users.get("excludeUsers") or ()) + groups * (BREAK_GLASS + 1)
