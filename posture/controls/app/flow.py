"""A flow of Keycloak's as a tree of steps: what a login goes through, and whether all of its ways ask for a second
factor.

Source: Keycloak's Server Administration Guide, "Authentication flows".
"""

from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from posture.reading import NoAnswer, expected, natural, nested, optional, word
from posture.resource import Resource
from posture.verdict import unknown

REQUIRED, CONDITIONAL, ALTERNATIVE, DISABLED = "REQUIRED", "CONDITIONAL", "ALTERNATIVE", "DISABLED"
_REQUIREMENTS = frozenset({REQUIRED, CONDITIONAL, ALTERNATIVE, DISABLED, "OPTIONAL"})
"""OPTIONAL is what CONDITIONAL was before Keycloak 8."""
DEEPEST = 50
PASSKEY = "webauthn-authenticator-passwordless"
FACTORS = {
    "auth-otp-form": ("CONFIGURE_TOTP", "one-time code"),
    "auth-conditional-otp-form": ("CONFIGURE_TOTP", "one-time code"),
    "basic-auth-otp": ("CONFIGURE_TOTP", "one-time code"),
    "webauthn-authenticator": ("webauthn-register", "security key"),
    PASSKEY: ("webauthn-register-passwordless", "passkey"),
}
"""Step -> the required action by which a user sets the factor up, and what people call it."""
_AT_TIMES = "auth-conditional-otp-form"
"""Whether it asks, its own configuration says."""
NEUTRAL = frozenset({"auth-cookie", "identity-provider-redirector"})
"""Ways past the form that are no login here: one that was made before, and one at another provider."""
_KNOWN = NEUTRAL | {
    "auth-password-form",
    "auth-recovery-authn-code-form",
    "auth-spnego",
    "auth-username-form",
    "auth-username-password-form",
    "auth-x509-client-username-form",
    "allow-access-authenticator",
    "deny-access-authenticator",
    "organization",
    "user-session-limits",
}
"""Steps of Keycloak's own that ask for no second factor; recovery codes stand in for one, and are none alone."""


class Step(msgspec.Struct):
    """A step, or a flow with the steps within it."""

    provider: str
    requirement: str
    level: int
    within: "list[Step]" = []

    @property
    def is_condition(self) -> bool:
        """Whether it decides about the flow it stands in, and asks for nothing itself."""
        return self.provider.startswith("conditional-")

    @property
    def is_strange(self) -> bool:
        """Whether it is a step of somebody else's, of which nothing is known."""
        return bool(self.provider) and not self.is_condition and self.provider not in FACTORS.keys() | _KNOWN

    def taken(self) -> "list[Step]":
        """The steps within that are gone through. Beside one that is required, or under a condition, alternatives are
        not.
        """
        on = [step for step in self.within if step.requirement != DISABLED and not step.is_condition]
        needed = [step for step in on if step.requirement != ALTERNATIVE]
        return needed or on

    def reachable(self) -> "Iterator[Step]":
        """Every single step that a login may come to."""
        for step in self.taken():
            if step.within:
                yield from step.reachable()
            elif step.provider:
                yield step


def flow_of(rows: list[dict[str, Any]], operation: str) -> Step:
    """The rows of `flows/{flow}/executions`, each behind the flow it stands in, as a tree. Raises `NoAnswer`."""
    top = Step("", REQUIRED, -1, [])
    line = [top]
    for row in rows:
        level = natural(nested(row, operation, "level"), operation, "level")
        requirement = word(row.get("requirement"), _REQUIREMENTS, operation, "requirement")
        is_flow = optional(row.get("authenticationFlow"), bool, operation, "authenticationFlow") or False
        provider = "" if is_flow else expected(row.get("providerId"), str, operation, "providerId")
        if level > min(len(line) - 1, DEEPEST) or (not is_flow and not provider):
            raise NoAnswer(unknown(f"{operation}: the steps stand in an order that enctop cannot read"))
        step = Step(provider, CONDITIONAL if requirement == "OPTIONAL" else requirement, level, [])
        del line[level + 1 :]
        line[level].within.append(step)
        if is_flow:
            line.append(step)
    return top


def asks(flow: Step, factors: Collection[str]) -> bool:
    """Whether every way through the flow that is a login with a password asks for one of these factors."""
    if not flow.within:
        return flow.provider in factors and flow.provider != _AT_TIMES
    taken = flow.taken()
    if any(step.requirement != ALTERNATIVE for step in taken):
        return any(asks(step, factors) for step in taken if step.requirement == REQUIRED)
    ways = [step for step in taken if step.provider not in NEUTRAL]
    return bool(ways) and all(asks(step, factors) for step in ways)


def counted(realm: Resource) -> frozenset[str]:
    """The steps that are a second factor in this realm: a passkey alone only where it verifies its user."""
    verifies = realm.fields.get("webAuthnPolicyPasswordlessUserVerificationRequirement") == "required"
    return frozenset(FACTORS) if verifies else frozenset(FACTORS) - {PASSKEY}
