"""Keys and certificates that Vault holds and makes: can a transit key leave or vanish, does it rotate, when does a
certificate end.
"""

from posture.clock import age, rfc3339
from posture.context import Context
from posture.controls.vault.gate import behind_the_seal, flag
from posture.policy import DAY
from posture.policy.vault import VaultPolicy
from posture.reading import expected, field_of, natural, nested, refusals, time_of, word
from posture.resource import Resource
from posture.verdict import Verdict, failed, not_applicable, passed, unanswered, unknown, warned

_KEY = "GET transit/keys/<name>"
_CERT = "GET pki/cert/<name>"
TRANSIT_TYPES = frozenset(
    {*VaultPolicy().transit_types, "aes128-gcm96", "rsa-2048", "aes128-cmac", "aes192-cmac", "slh-dsa"}
)
"""Those that servers make, whether a policy wants them or not."""
FAR_BEHIND = 10
"""Versions kept for decryption beyond this many: old ciphertexts were never rewrapped."""


@behind_the_seal("vault.transit.key-posture", on=("vault.transit.key", "vault.transit.mount"))
def key_posture(key: Resource, context: Context) -> Verdict:
    """What is exportable once is so for ever; what may be deleted takes its data along."""
    if key.type == "vault.transit.mount":
        return _listed(key, "keys", "LIST transit/keys")
    type_ = expected(field_of(key, _KEY, "type"), str, _KEY, "type")
    flags = {
        name: flag(field_of(key, _KEY, name), _KEY, name)
        for name in ("exportable", "allow_plaintext_backup", "deletion_allowed", "imported_key")
    }
    facts = {"type": type_, **flags}
    out = [name for name in ("exportable", "allow_plaintext_backup") if flags[name]]
    if out:
        return failed(f"{' and '.join(out)}: this key can leave Vault, and that cannot be undone", facts)
    word(type_, {*TRANSIT_TYPES, *context.policy.vault.transit_types}, _KEY, "type")
    if type_ not in context.policy.vault.transit_types:
        return failed(f"type {type_} is not one of the policy's", facts)
    if flags["deletion_allowed"]:
        return warned("deletion_allowed: whoever may delete it takes all its data along", facts)
    if flags["imported_key"]:
        return warned("imported: a copy may exist outside", facts)
    return passed(f"{type_}, cannot be exported or deleted", facts)


@behind_the_seal("vault.transit.rotation", on=("vault.transit.key", "vault.transit.mount"))
def transit_rotation(key: Resource, context: Context) -> Verdict:
    """By the age of the newest version; old versions below the minimum are archived and not told."""
    if key.type == "vault.transit.mount":
        return _listed(key, "keys", "LIST transit/keys")
    versions, latest = (
        field_of(key, _KEY, "versions"),
        natural(field_of(key, _KEY, "latest_version"), _KEY, "latest_version"),
    )
    period, lowest = (
        natural(field_of(key, _KEY, name), _KEY, name) for name in ("auto_rotate_period", "min_decryption_version")
    )
    made = time_of(nested(versions, _KEY, str(latest)), _KEY, "keys")
    days = context.policy.vault.transit_days
    facts = {
        "latest_version": latest,
        "made": rfc3339(made),
        "auto_rotate_period": period,
        "min_decryption_version": lowest,
    }
    newest = f"newest version is of {rfc3339(made)[:10]}"
    if made > context.now + DAY:
        return unknown(f"{_KEY}: version {latest} is of the future, {rfc3339(made)}", evidence=facts)
    late = made + period + DAY
    if 0 < period <= days * DAY and context.now < late:
        behind = latest - lowest
        if behind > FAR_BEHIND:
            return warned(
                f"{behind} old versions still decrypt: what they encrypted was never rewrapped", facts, until=late
            )
        return passed(f"rotates every {age(period)}", facts, until=late)
    if context.now >= made + 2 * days * DAY:
        return failed(f"{newest}, policy: every {days} d", facts)
    if context.now >= made + days * DAY:
        return warned(f"{newest}, policy: every {days} d", facts, until=made + 2 * days * DAY)
    if 0 < period <= days * DAY:
        return warned(f"to rotate every {age(period)}, but the {newest}", facts, until=made + days * DAY)
    return passed(newest, facts, until=made + days * DAY)


@behind_the_seal("vault.pki.certificate-expiry", on=("vault.pki.certificate", "vault.pki.issuer", "vault.pki.mount"))
def certificate_expiry(cert: Resource, context: Context) -> Verdict:
    """An issuer must be replaced long before it ends; of the certificates the long-lived ones are the ones nobody
    renews by machine.
    """
    if cert.type == "vault.pki.mount":
        return _listed(cert, "certificates", "LIST pki/certs")
    issuer = cert.type == "vault.pki.issuer"
    operation = "GET pki/issuer/<name>" if issuer else _CERT
    starts, ends = (time_of(field_of(cert, operation, name), operation, name) for name in ("not_before", "not_after"))
    facts = {
        "not_before": rfc3339(starts),
        "not_after": rfc3339(ends),
        "serial_number": cert.fields.get("serial_number"),
    }
    field = "revoked" if issuer else "revocation_time"
    if (flag if issuer else natural)(field_of(cert, operation, field), operation, field):
        return not_applicable("revoked", facts)
    life = ends - starts
    if issuer:
        return _issuer(facts, ends, min(90 * DAY, life / 4), context.now)
    if context.now >= ends:
        return not_applicable(f"ended on {rfc3339(ends)[:10]}: tidy takes it away", facts)
    if life <= 7 * DAY:
        return passed(f"short-lived, ends at {rfc3339(ends)}", facts, until=ends)
    warn, fail = ends - min(30 * DAY, life / 4), ends - min(7 * DAY, life / 10)
    if context.now >= fail:
        return failed(f"ends at {rfc3339(ends)}", facts, until=ends)
    if context.now >= warn:
        return warned(f"ends on {rfc3339(ends)[:10]}", facts, until=fail)
    return passed(f"valid until {rfc3339(ends)[:10]}", facts, until=warn)


def _issuer(facts: dict[str, object], ends: float, ahead: float, now: float) -> Verdict:
    if now >= ends:
        return failed(f"issuer ended on {rfc3339(ends)[:10]}: whatever it signed is invalid", facts)
    if now >= ends - ahead:
        return warned(f"issuer ends on {rfc3339(ends)[:10]}: what it signs ends before", facts, until=ends)
    return passed(f"issuer valid until {rfc3339(ends)[:10]}", facts, until=ends - ahead)


def _listed(mount: Resource, what: str, operation: str) -> Verdict:
    """A mount speaks only where there is nothing in it, or where it may not be looked into."""
    refusal = refusals(mount)
    if refusal is not None:
        return unanswered(refusal)
    many = field_of(mount, operation, what)
    if not isinstance(many, int):
        return unknown(f"{operation} answered without {what}")
    return not_applicable(f"{many} {what}, each judged by itself" if many else f"no {what} here", {what: many})
