"""Who gets into Vault and what is mounted there: engines, users' passwords, second factors, lease times, and
enctop's own token.
"""

from typing import Any

from posture.clock import age, rfc3339
from posture.controls.reading import (
    NoAnswer,
    expected,
    field_of,
    natural,
    nested,
    objects,
    optional,
    texts,
    time_of,
    word,
)
from posture.controls.registry import Context
from posture.controls.vault.gate import LOOKUP_SELF, behind_the_seal, flag
from posture.policy import DAY
from posture.resource import Resource
from posture.verdict import EvidenceClass, Verdict, failed, not_applicable, passed, unanswered, unknown, warned

HUMAN = frozenset({"userpass", "ldap", "github", "radius", "okta"})
"""Methods by which people log in with what they know; `oidc`, `jwt` and `saml` leave the second factor to the
identity provider.
"""
BROKERED = frozenset({"oidc", "saml"})
NOBODY_CHOSE = 2_764_800
"""768 h: the lease TTL of a mount where nobody has set one, seconds."""
FACTORS = frozenset({"totp", "okta", "duo", "pingid"})
MFA_METHODS = "LIST identity/mfa/method"
ENFORCEMENTS = "LIST identity/mfa/login-enforcement"
_PASSWORDS = ("password", "hash", "secret")


@behind_the_seal("vault.secrets.engines", on=("vault.mounts", "vault.secrets.mount"))
def secrets_engines(seen: Resource, context: Context) -> Verdict:
    """Of a namespace: is all there that must be; of an engine: is it as it must be."""
    return _mounted(seen, context) if seen.type == "vault.mounts" else _engine(seen, context)


def _mounted(namespace: Resource, context: Context) -> Verdict:
    mounts = texts(field_of(namespace, "GET sys/mounts", "mounts"), "GET sys/mounts", "mounts")
    types = expected(field_of(namespace, "GET sys/mounts", "types"), dict, "GET sys/mounts", "type")
    texts(list(types.values()), "GET sys/mounts", "type")
    if not mounts or sorted(types) != mounts:  # every namespace has some that nobody can take away
        return unknown("GET sys/mounts answered without mounts")
    wanted = context.policy.vault.mounts
    facts: dict[str, Any] = {"sys/mounts": mounts}
    if not wanted or namespace.link("vault") != namespace.id.removesuffix("/sys/mounts"):
        return passed(f"{len(mounts)} mounts; the policy names none for this namespace", facts)
    missing = sorted(path for path in wanted if path not in types)
    if missing:
        return failed(
            f"{missing[0]} is not mounted" + (f", nor are {len(missing) - 1} more" if len(missing) > 1 else ""), facts
        )
    wrong = sorted(path for path, type_ in wanted.items() if types[path] != type_.partition("-")[0])
    if wrong:
        return failed(f"{wrong[0]} is {types[wrong[0]]}, policy asks for {wanted[wrong[0]]}", facts)
    return passed(f"all {len(wanted)} mounts of the policy are there", facts)


def _engine(engine: Resource, context: Context) -> Verdict:
    type_, path = (
        expected(field_of(engine, "GET sys/mounts", name), str, "GET sys/mounts", name) for name in ("type", "path")
    )
    status = optional(engine.fields.get("deprecation_status"), str, "GET sys/mounts", "deprecation_status")
    version = optional(engine.fields.get("version"), str, "GET sys/mounts", "options.version")
    facts = {"type": type_, "version": version, "deprecation_status": status}
    if not type_ or not path.endswith("/"):
        return unknown(f"GET sys/mounts: {path!r} of type {type_!r} is not a mount")
    if status not in {None, "", "supported"}:
        return warned(f"engine {type_} is {status}", facts)
    if type_ == "kv" and version is not None:
        word(version, ("1", "2"), "GET sys/mounts", "options.version")
    if type_ == "kv" and version != "2" and context.policy.vault.mounts.get(path) != "kv-1":
        return warned(
            "kv version 1: what is overwritten or deleted is gone, and nothing tells old values from new", facts
        )
    return passed(
        f"{type_}{f' version {version}' if version else ''}; the barrier encrypts what it stores (attested)",
        facts,
        by=EvidenceClass.ATTESTED,
    )


@behind_the_seal("vault.lease.default-ttl", on=("vault.secrets.mount", "vault.auth.mount"))
def default_ttl(mount: Resource, context: Context) -> Verdict:
    """768 h is what a mount has where nobody chose; each login or credential then lives a month."""
    operation = "GET sys/mounts/*/tune"
    type_ = expected(field_of(mount, "GET sys/mounts", "type"), str, "GET sys/mounts", "type")
    if type_ in {"kv", "transit", "cubbyhole", "generic"} and not mount.faults:
        return not_applicable(f"{type_} makes no leases")
    tune = field_of(mount, operation, "tune")
    default, longest = (
        natural(nested(tune, operation, name), operation, name) for name in ("default_lease_ttl", "max_lease_ttl")
    )
    facts = {"tune.default_lease_ttl": default, "tune.max_lease_ttl": longest}
    if not type_ or not default or not longest:
        return unknown(f"{operation} answered without the TTLs that hold", evidence=facts)
    if default == NOBODY_CHOSE and type_ != "pki":
        return warned("default lease TTL is 768 h, which is what nobody chose", facts)
    if longest > context.policy.vault.max_lease_days * DAY and type_ != "pki":
        return warned(
            f"max lease TTL is {age(longest)}, policy: at most {context.policy.vault.max_lease_days} d", facts
        )
    return passed(f"leases of {age(default)}, at most {age(longest)}", facts)


@behind_the_seal("vault.auth.password-hashing", on="vault.auth.mount")
def password_hashing(mount: Resource, context: Context) -> Verdict:
    """The hash is never told: that the answer holds no password is seen, bcrypt is on the word of the source code."""
    if field_of(mount, "GET sys/auth", "type") != "userpass":
        return not_applicable(f"{mount.fields['type']}: no passwords in Vault")
    users = natural(field_of(mount, "LIST auth/userpass/users", "users"), "LIST auth/userpass/users", "keys")
    operation = "GET auth/userpass/users/<name>"
    names = texts(field_of(mount, operation, "user_fields"), operation, "data") if users else []
    facts = {"users": users, "fields of a user": names}
    if users and not names:
        return unknown(f"{operation} answered without a field", evidence=facts)
    leaking = [name for name in names if any(part in name.lower() for part in _PASSWORDS)]
    if leaking:
        return failed(f"a user is answered with {leaking[0]}", facts)
    if context.policy.vault.sso_only:
        return warned(f"{users} users have a password in Vault, policy asks for single sign-on", facts)
    return passed("bcrypt by the method's source; no password or hash is answered", facts, by=EvidenceClass.ATTESTED)


@behind_the_seal("vault.auth.mfa-enforced", on="vault.auth.mount")
def mfa_enforced(mount: Resource, context: Context) -> Verdict:
    """Where people log in, an enforcement must hold; machines are left to their own credentials."""
    type_ = expected(field_of(mount, "GET sys/auth", "type"), str, "GET sys/auth", "type")
    if type_ in BROKERED:
        return passed(f"{type_}: the identity provider asks for it (attested)", by=EvidenceClass.ATTESTED)
    if type_ not in HUMAN:
        return not_applicable(f"{type_}: machines log in here")
    covering = objects(field_of(mount, ENFORCEMENTS, "covering"), ENFORCEMENTS, "enforcements")
    facts = {"enforcements": covering}
    whole = [
        one
        for one in covering
        if word(nested(one, ENFORCEMENTS, "by"), ("accessor", "type", "people"), ENFORCEMENTS, "for whom") != "people"
    ]
    if len(whole) > 1:
        return warned(f"{len(whole)} enforcements hold at once: a login must satisfy each", facts)
    if whole:
        return passed(
            f"{nested(whole[0], ENFORCEMENTS, 'name')} asks for {' or '.join(_factors(mount, whole[0]))}", facts
        )
    if covering:
        return warned(f"{covering[0].get('name')} asks only some people for a second factor", facts)
    return failed("a password alone logs in: no enforcement covers this method", facts)


def _factors(mount: Resource, enforcement: dict[str, Any]) -> list[str]:
    """What it asks for. Raises `NoAnswer` where that is nothing, or not known."""
    methods = texts(nested(enforcement, ENFORCEMENTS, "methods"), ENFORCEMENTS, "mfa_method_ids")
    if not methods:
        raise NoAnswer(unknown(f"{ENFORCEMENTS}: {enforcement.get('name')} names no method"))
    refusal = mount.faults.get(MFA_METHODS)
    if refusal is not None:
        raise NoAnswer(unanswered(refusal))
    return [word(method, FACTORS, MFA_METHODS, "type") for method in methods]


@behind_the_seal("vault.token.own", on="vault.token.own")
def token_own(token: Resource, context: Context) -> Verdict:
    """A dashboard that dies with its token is no help; one that may do everything is a danger."""
    policies = field_of(token, LOOKUP_SELF, "policies")
    ends = field_of(token, LOOKUP_SELF, "expire_time")
    facts = {
        name: token.fields.get(name) for name in ("policies", "expire_time", "period", "renewable", "orphan", "logs_in")
    }
    policies = texts(policies, LOOKUP_SELF, "policies")
    if not policies:
        return unknown(f"{LOOKUP_SELF} answered without policies")
    if "root" in policies:
        return warned("a root token: enctop reads, and needs no more than `enctop policy vault`", facts)
    if ends is None:
        return warned("a token that never expires", facts)
    at = time_of(ends, LOOKUP_SELF, "expire_time")
    period = optional(token.fields.get("period"), int, LOOKUP_SELF, "period")
    span = natural(
        period or field_of(token, LOOKUP_SELF, "creation_ttl"), LOOKUP_SELF, "period" if period else "creation_ttl"
    )
    soon = at - max(600.0, min(0.1 * span, DAY))
    if context.now >= at:
        return unknown(f"it ended at {rfc3339(at)}", evidence=facts)
    if flag(field_of(token, LOOKUP_SELF, "logs_in"), LOOKUP_SELF, "logs_in"):
        return passed("logs in anew when it ends", facts, until=at)
    if context.now >= soon and span > 600:
        return failed(f"ends at {rfc3339(at)}: everything of this Vault is UNKNOWN from then on", facts, until=at)
    if span <= 600:
        return warned("a token of minutes: everything of this Vault is UNKNOWN when it ends", facts, until=at)
    if not flag(field_of(token, LOOKUP_SELF, "renewable"), LOOKUP_SELF, "renewable"):
        return warned(f"not renewable, ends at {rfc3339(at)}", facts, until=soon)
    return passed(f"renewable, ends at {rfc3339(at)}", facts, until=soon)
