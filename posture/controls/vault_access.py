"""Who gets into Vault and what is mounted there: engines, users' passwords, second factors, lease times, and enctop's own token."""

from typing import Any

from posture.clock import age, rfc3339
from posture.controls.reading import inside, instant, told
from posture.controls.registry import Context
from posture.controls.vault_gate import LOOKUP_SELF, behind_the_seal
from posture.policy import DAY
from posture.resource import Resource
from posture.verdict import EvidenceClass, Verdict, failed, not_applicable, passed, unknown, warned

HUMAN = frozenset({"userpass", "ldap", "github", "radius", "okta"})
"""Methods by which people log in with what they know; `oidc`, `jwt` and `saml` leave the second factor to the identity provider."""
BROKERED = frozenset({"oidc", "saml"})
NOBODY_CHOSE = 2_764_800
"""768 h: the lease TTL of a mount where nobody has set one, seconds."""
_PASSWORDS = ("password", "hash", "secret")


@behind_the_seal("vault.secrets.engines", on=("vault.mounts", "vault.secrets.mount"))
def secrets_engines(seen: Resource, see: Context) -> Verdict:
    """Of a namespace: is all there that must be; of an engine: is it as it must be."""
    return _mounted(seen, see) if seen.type == "vault.mounts" else _engine(seen, see)


def _mounted(namespace: Resource, see: Context) -> Verdict:
    mounts, types = told(namespace, "GET sys/mounts", "mounts"), told(namespace, "GET sys/mounts", "types")
    if not isinstance(mounts, list) or not isinstance(types, dict):
        return unknown("GET sys/mounts answered without mounts")
    wanted = see.policy.vault.mounts
    facts: dict[str, Any] = {"sys/mounts": mounts}
    if not wanted or namespace.link("vault") != namespace.id.removesuffix("/sys/mounts"):
        return passed(f"{len(mounts)} mounts; the policy names none for this namespace", facts)
    missing = sorted(path for path in wanted if path not in types)
    if missing:
        return failed(f"{missing[0]} is not mounted" + (f", nor are {len(missing) - 1} more" if len(missing) > 1 else ""), facts)
    wrong = sorted(path for path, type_ in wanted.items() if types[path] != type_.partition("-")[0])
    if wrong:
        return failed(f"{wrong[0]} is {types[wrong[0]]}, policy asks for {wanted[wrong[0]]}", facts)
    return passed(f"all {len(wanted)} mounts of the policy are there", facts)


def _engine(engine: Resource, see: Context) -> Verdict:
    type_, path = told(engine, "GET sys/mounts", "type"), told(engine, "GET sys/mounts", "path")
    status, version = engine.fields.get("deprecation_status"), engine.fields.get("version")
    facts = {"type": type_, "version": version, "deprecation_status": status}
    if not isinstance(type_, str) or not isinstance(path, str):
        return unknown("GET sys/mounts answered without type")
    if status not in {None, "", "supported"}:
        return warned(f"engine {type_} is {status}", facts)
    if type_ == "kv" and version != "2" and see.policy.vault.mounts.get(path) != "kv-1":
        return warned("kv version 1: what is overwritten or deleted is gone, and nothing tells old values from new", facts)
    return passed(f"{type_}{f' version {version}' if version else ''}; the barrier encrypts what it stores (attested)", facts, by=EvidenceClass.ATTESTED)


@behind_the_seal("vault.lease.default-ttl", on=("vault.secrets.mount", "vault.auth.mount"))
def default_ttl(mount: Resource, see: Context) -> Verdict:
    """768 h is what a mount has where nobody chose; each login or credential then lives a month."""
    if mount.fields.get("type") in {"kv", "transit", "cubbyhole", "generic"} and not mount.faults:
        return not_applicable(f"{mount.fields['type']} makes no leases")
    operation = "GET sys/mounts/*/tune"
    tune = told(mount, operation, "tune")
    default, longest = inside(tune, operation, "default_lease_ttl"), inside(tune, operation, "max_lease_ttl")
    facts = {"tune.default_lease_ttl": default, "tune.max_lease_ttl": longest}
    if default == NOBODY_CHOSE and mount.fields.get("type") != "pki":
        return warned("default lease TTL is 768 h, which is what nobody chose", facts)
    if longest > see.policy.vault.max_lease_days * DAY and mount.fields.get("type") != "pki":
        return warned(f"max lease TTL is {age(longest)}, policy: at most {see.policy.vault.max_lease_days} d", facts)
    return passed(f"leases of {age(default)}, at most {age(longest)}", facts)


@behind_the_seal("vault.auth.password-hashing", on="vault.auth.mount")
def password_hashing(mount: Resource, see: Context) -> Verdict:
    """The hash is never told: that the answer holds no password is seen, bcrypt is on the word of the source code."""
    if told(mount, "GET sys/auth", "type") != "userpass":
        return not_applicable(f"{mount.fields['type']}: no passwords in Vault")
    users = told(mount, "LIST auth/userpass/users", "users")
    names = told(mount, "GET auth/userpass/users/<name>", "user_fields") if users else []
    facts = {"users": users, "fields of a user": names}
    leaking = [name for name in names or () if any(word in name for word in _PASSWORDS)]
    if leaking:
        return failed(f"a user is answered with {leaking[0]}", facts)
    if see.policy.vault.sso_only:
        return warned(f"{users} users have a password in Vault, policy asks for single sign-on", facts)
    return passed("bcrypt by the method's source; no password or hash is answered", facts, by=EvidenceClass.ATTESTED)


@behind_the_seal("vault.auth.mfa-enforced", on="vault.auth.mount")
def mfa_enforced(mount: Resource, see: Context) -> Verdict:
    """Where people log in, an enforcement must hold; machines are left to their own credentials."""
    type_ = told(mount, "GET sys/auth", "type")
    if type_ in BROKERED:
        return passed(f"{type_}: the identity provider asks for it (attested)", by=EvidenceClass.ATTESTED)
    if type_ not in HUMAN:
        return not_applicable(f"{type_}: machines log in here")
    covering = told(mount, "LIST identity/mfa/login-enforcement", "covering")
    if not isinstance(covering, list):
        return unknown("LIST identity/mfa/login-enforcement answered without enforcements")
    facts = {"enforcements": covering}
    whole = [one for one in covering if one.get("by") != "people"]
    if len(whole) > 1:
        return warned(f"{len(whole)} enforcements hold at once: a login must satisfy each", facts)
    if whole:
        return passed(f"{whole[0].get('name')} asks for {' or '.join(whole[0].get('methods') or ()) or 'a second factor'}", facts)
    if covering:
        return warned(f"{covering[0].get('name')} asks only some people for a second factor", facts)
    return failed("a password alone logs in: no enforcement covers this method", facts)


@behind_the_seal("vault.token.own", on="vault.token.own")
def token_own(token: Resource, see: Context) -> Verdict:
    """A dashboard that dies with its token is no help; one that may do everything is a danger."""
    policies = told(token, LOOKUP_SELF, "policies")
    ends = told(token, LOOKUP_SELF, "expire_time")
    facts = {name: token.fields.get(name) for name in ("policies", "expire_time", "period", "renewable", "orphan", "logs_in")}
    if not isinstance(policies, list):
        return unknown(f"{LOOKUP_SELF} answered without policies")
    if "root" in policies:
        return warned("a root token: enctop reads, and needs no more than `enctop policy vault`", facts)
    if ends is None:
        return warned("a token that never expires", facts)
    at = instant(ends, LOOKUP_SELF, "expire_time")
    span = token.fields.get("period") or token.fields.get("creation_ttl") or 0
    soon = at - max(600.0, min(0.1 * span, DAY))
    if see.now >= at:
        return unknown(f"it ended at {rfc3339(at)}", evidence=facts)
    if token.fields.get("logs_in"):
        return passed("logs in anew when it ends", facts, until=at)
    if see.now >= soon and span > 600:
        return failed(f"ends at {rfc3339(at)}: everything of this Vault is UNKNOWN from then on", facts, until=at)
    if span <= 600:
        return warned("a token of minutes: everything of this Vault is UNKNOWN when it ends", facts, until=at)
    if not token.fields.get("renewable"):
        return warned(f"not renewable, ends at {rfc3339(at)}", facts, until=soon)
    return passed(f"renewable, ends at {rfc3339(at)}", facts, until=soon)
