"""What several areas ask of a key in Azure: is whose it is as the policy says, and can it be used."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from posture.clock import Utc, rfc3339
from posture.context import Context
from posture.controls.aws.keys import class_reason
from posture.fields import flag, strange, text
from posture.policy import DAY, Policy, decide
from posture.reading import NoAnswer, expected, field_of, nested, refusals
from posture.resource import KeyClass, Resource
from posture.verdict import (
    EvidenceClass,
    Status,
    Verdict,
    because,
    failed,
    not_applicable,
    passed,
    unanswered,
    unknown,
    warned,
)

KEY_READS = ("Microsoft.KeyVault/vaults/keys/read", "Microsoft.KeyVault/managedHSMs/keys/read")
VAULT_READS = ("Microsoft.KeyVault/vaults/read", "Microsoft.KeyVault/managedHSMs/read")
EXPIRY_WARNING = 30 * DAY
_LEVELS = {
    f"{first}{second}": second != "+purgeable"
    for first in ("recoverable", "customizedrecoverable")
    for second in ("", "+purgeable", "+protectedsubscription")
} | {"purgeable": False}
"""Recovery level, in lower case -> whether the vault is protected from a purge (SDK: `DeletionRecoveryLevel`)."""
_FOREIGN = "key of another Entra tenant"
_KEY, _VAULT = "Microsoft.KeyVault/vaults/keys", "Microsoft.KeyVault/vaults"


def class_verdict(
    observed: KeyClass,
    context: Context,
    control_id: str,
    *,
    ids: tuple[str | None, ...] = (),
    evidence: Mapping[str, Any],
) -> Verdict:
    """Whether the policy allows the key class that was seen. `ids` are what the key, or what leads to it, may be
    called in the list of required keys.
    """
    status = decide(observed, context.policy, control_id, key=required(context.policy, ids))
    if observed is KeyClass.UNKNOWN:
        if status is Status.PASS:
            return passed("whose key is not known; plaintext cannot exist here", evidence, by=EvidenceClass.ATTESTED)
        return unknown("whose key protects it is not known", evidence=evidence)
    return Verdict(
        status,
        class_reason(status, observed, context.policy.mode(control_id), bool(context.policy.required_keys), _FOREIGN),
        evidence,
    )


def required(policy: Policy, ids: tuple[str | None, ...]) -> str | None:
    """The entry of the required keys that names one of `ids`: case, a slash at the end and a key's version do not
    matter.
    """
    wanted = {_plain(each) for each in ids if each}
    return next((entry for entry in policy.required_keys if _plain(entry) in wanted), None)


def vault_key_health(key: Resource, now: Utc) -> Verdict:
    """Whether a vault's key can be used now, and until when that is known: PASS, WARN near its expiry or without
    purge protection, FAIL, or UNKNOWN.
    """
    return because(_health(key, now), key.id)


def _health(key: Resource, now: Utc) -> Verdict:
    refusal = refusals(key, *KEY_READS)
    if refusal is not None:
        raise NoAnswer(unanswered(refusal))
    for field, words in (("vaultNotFound", "its vault does not exist"), ("keyNotFound", "key does not exist")):
        if key.fields.get(field) is True:
            return failed(words, {f"{_KEY}.error.code": "NotFound"})
    attributes = nested(field_of(key, KEY_READS[0], "properties"), KEY_READS[0], "attributes")
    enabled = flag(expected(attributes, dict, KEY_READS[0], "attributes"), KEY_READS[0], "enabled")
    facts: dict[str, Any] = {f"{_KEY}.properties.attributes.enabled": enabled}
    if enabled is not True:
        return (
            failed("key is disabled", facts)
            if enabled is False
            else unknown(f"{KEY_READS[0]} answered without enabled")
        )
    begins, ends = _time(attributes, "nbf"), _time(attributes, "exp")
    if begins is not None and now < begins:
        return failed(
            f"key is not valid before {_day(begins)}",
            {**facts, f"{_KEY}.properties.attributes.nbf": rfc3339(begins)},
            until=begins,
        )
    if ends is not None:
        facts[f"{_KEY}.properties.attributes.exp"] = rfc3339(ends)
        if now >= ends:
            return failed(f"key expired on {_day(ends)}", facts)
        if now >= ends - EXPIRY_WARNING:
            return warned(f"key expires on {_day(ends)}", facts, until=ends)
    return _guarded(key, attributes, facts, None if ends is None else ends - EXPIRY_WARNING)


def used_key_health(key: Resource, context: Context, types: frozenset[str], services: frozenset[str]) -> Verdict:
    """The health of a key, where something of one of these types uses it; sources of these `services` name them."""
    users, health = sum(user.type in types for user in context.users(key)), vault_key_health(key, context.now)
    if not users and health.status is not Status.UNKNOWN:
        if silent := context.unanswered(key, services.__contains__):
            return unknown(
                f"{health.reason}; whether it is used is not known: {silent.id} is {silent.state}",
                silent.fault,
                health.evidence,
            )
        return not_applicable("nothing seen of this kind uses it")
    return msgspec.structs.replace(health, evidence={**health.evidence, "used by": users})


def _guarded(key: Resource, attributes: Mapping[str, Any], facts: dict[str, Any], until: Utc | None) -> Verdict:
    """An enabled key is only as safe as its vault is from a purge; where the vault may not be read, the key's
    recovery level tells.
    """
    refusal = refusals(key, *VAULT_READS)
    vault = key.fields.get("vault") if refusal is None else None
    if vault is not None:
        on = flag(expected(vault, dict, VAULT_READS[0], "properties"), VAULT_READS[0], "enablePurgeProtection") is True
        facts[f"{_VAULT}.properties.enablePurgeProtection"] = on
    elif (level := text(attributes, KEY_READS[0], "recoveryLevel")) is not None:
        known = _LEVELS.get(level.casefold())
        if known is None:
            return strange(KEY_READS[0], "attributes.recoveryLevel", level)
        on = known
        facts[f"{_KEY}.properties.attributes.recoveryLevel"] = level
    else:
        return (
            unanswered(refusal)
            if refusal
            else unknown("whether its vault is protected from a purge is not known", evidence=facts)
        )
    return (
        passed("key is enabled", facts, until=until)
        if on
        else warned("purge protection of its vault is off", facts, until=until)
    )


def key_ids(key: Resource | None) -> Iterator[str | None]:
    """What a list of required keys may call a key or a disk encryption set: its id, or the URL of the key behind it."""
    if key is not None:
        yield key.id
        yield from key.aliases
        yield key.link("key")


def _plain(name: str) -> str:
    plain = name.strip().rstrip("/").lower()
    return "/".join(plain.split("/")[:5]) if plain.startswith("https://") else plain


def _time(attributes: Mapping[str, Any], name: str) -> Utc | None:
    at = attributes.get(name)
    if at is None:
        return None
    if not isinstance(at, int | float) or isinstance(at, bool) or not 0 <= at < 253402300800:
        raise NoAnswer(unknown(f"{KEY_READS[0]}: {name} is not a time: {at!r}"))
    return float(at)


def _day(at: Utc) -> str:
    return rfc3339(at)[:10]
