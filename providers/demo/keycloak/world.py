"""Realms as Keycloak makes them, and those of the simulated tenants."""

import uuid
from typing import Any

import msgspec

Body = dict[str, Any]
ROLE = "view-realm"
MORE_THAN_ENOUGH = "hashAlgorithm(argon2) and length(12) and notUsername"
_ACTIONS = {
    "CONFIGURE_TOTP": "Configure OTP",
    "UPDATE_PASSWORD": "Update Password",
    "UPDATE_PROFILE": "Update Profile",
    "VERIFY_EMAIL": "Verify Email",
    "webauthn-register": "Webauthn Register",
    "webauthn-register-passwordless": "Webauthn Register Passwordless",
}
_CHOICES = ["REQUIRED", "ALTERNATIVE", "DISABLED"]
FORMS, SECOND = "forms", "Browser - Conditional 2FA"


class Realm(msgspec.Struct):
    """One realm, as a new one of Keycloak's: what it answers, and which client logs in as itself."""

    name: str
    settings: Body
    actions: list[Body]
    flows: dict[str, list[Body]]
    components: list[Body] = []
    client: str = "enctop"
    secret: str = "not-a-real-secret"
    roles: set[str] = msgspec.field(default_factory=lambda: {ROLE})
    """Of the client's, in realm-management."""
    lifetime: int = 300
    """Of a token, in seconds."""

    def step(self, provider: str) -> Body:
        """The step of the browser flow that is `provider`'s, or the flow in it that is called so."""
        steps = self.flows["browser"]
        return next(step for step in steps if provider in (step.get("providerId"), step.get("displayName")))

    def action(self, alias: str) -> Body:
        """A required action."""
        return next(action for action in self.actions if action["alias"] == alias)

    def federation(self, name: str, *, enabled: bool = True) -> Body:
        """Add a directory whose users log in here."""
        made = {
            "id": _id(self.name, name),
            "name": name,
            "providerId": "ldap",
            "providerType": "org.keycloak.storage.UserStorageProvider",
            "parentId": self.settings["id"],
            "config": {
                "enabled": [str(enabled).lower()],
                "connectionUrl": ["ldaps://ldap.corp.example"],
                "bindCredential": ["**********"],
            },
        }
        self.components.append(made)
        return made


def realm(name: str, policy: str | None = MORE_THAN_ENOUGH) -> Realm:
    """A new realm, with the password policy that somebody gave it; None for none."""
    settings: Body = {
        "id": _id(name),
        "realm": name,
        "enabled": True,
        "sslRequired": "external",
        "bruteForceProtected": True,
        "accessTokenLifespan": 300,
        "browserFlow": "browser",
        "otpPolicyType": "totp",
        "otpPolicyAlgorithm": "HmacSHA1",
        "otpPolicyDigits": 6,
        "otpPolicyPeriod": 30,
        "webAuthnPolicyUserVerificationRequirement": "not specified",
        "webAuthnPolicyPasswordlessUserVerificationRequirement": "not specified",
        **({"passwordPolicy": policy} if policy else {}),
    }
    actions = [
        {
            "alias": alias,
            "name": title,
            "providerId": alias,
            "enabled": True,
            "defaultAction": False,
            "priority": 10 * number,
            "config": {},
        }
        for number, (alias, title) in enumerate(_ACTIONS.items(), 1)
    ]
    return Realm(name, settings, actions, {"browser": _browser(name)})


def _browser(name: str) -> list[Body]:
    """The flow of a new realm, as Keycloak lists it: each step behind the flow it stands in."""
    rows: list[tuple[int, str, str, str]] = [
        (0, "Cookie", "auth-cookie", "ALTERNATIVE"),
        (0, "Kerberos", "auth-spnego", "DISABLED"),
        (0, "Identity Provider Redirector", "identity-provider-redirector", "ALTERNATIVE"),
        (0, FORMS, "", "ALTERNATIVE"),
        (1, "Username Password Form", "auth-username-password-form", "REQUIRED"),
        (1, SECOND, "", "CONDITIONAL"),
        (2, "Condition - user configured", "conditional-user-configured", "REQUIRED"),
        (2, "OTP Form", "auth-otp-form", "ALTERNATIVE"),
        (2, "WebAuthn Authenticator", "webauthn-authenticator", "DISABLED"),
    ]
    steps = []
    for number, (level, title, provider, requirement) in enumerate(rows):
        made: Body = {
            "id": _id(name, "execution", title),
            "requirement": requirement,
            "displayName": title,
            "requirementChoices": _CHOICES if provider else [*_CHOICES, "CONDITIONAL"],
            "configurable": not provider,
            "level": level,
            "index": number,
        }
        steps.append(
            {**made, "providerId": provider}
            if provider
            else {**made, "authenticationFlow": True, "flowId": _id(name, "flow", title)}
        )
    return steps


def _id(*names: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(("keycloak", *names))))


ATTESTED = """
  [[tenant.policy.attestation]]
  control = "app.password.hashing"
  statement = "the directory of our own keeps bcrypt hashes, cost 12"
  attested_by = "p.gibbons"
  until = 2027-06-30

  [[tenant.policy.attestation]]
  control = "app.2fa.supported"
  statement = "one-time codes for every user, asked of administrators"
  attested_by = "p.gibbons"
  until = 2027-06-30
"""
"""The word of initech, which has no Keycloak."""


def tenants() -> tuple[Realm, ...]:
    """acme's realm, as it should be but for a directory that keeps passwords of its own; and globex's, which has come a
    long way.
    """
    acme, globex = realm("acme"), realm("globex", "hashAlgorithm(pbkdf2) and hashIterations(27500)")
    acme.step("webauthn-authenticator")["requirement"] = "ALTERNATIVE"
    acme.federation("acme-corp")
    globex.step(SECOND)["requirement"] = "DISABLED"
    return acme, globex
