"""What several areas ask of a KMS key: whose is it, is that as the policy says, and can it be used."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from posture.clock import Utc, rfc3339
from posture.context import Context
from posture.keyclass import DESCRIBE_KEY
from posture.policy import DAY, KeyMode, Policy, decide
from posture.reading import NoAnswer, field_of, time_of, word
from posture.resource import KeyClass, Resource
from posture.verdict import Status, Verdict, because, failed, passed, unknown, warned

MATERIAL_WARNING = 30 * DAY
"""Imported key material that expires sooner than this is a WARN."""

WORDS: Mapping[KeyClass, str] = {
    KeyClass.NONE: "no encryption",
    KeyClass.PROVIDER: "provider's key",
    KeyClass.PROVIDER_VISIBLE: "provider's KMS key",
    KeyClass.CUSTOMER: "customer's key",
    KeyClass.CUSTOMER_FOREIGN: "key of an account that is not listed",
    KeyClass.SUPPLIED: "key sent with each request",
    KeyClass.DOUBLE: "double encryption",
    KeyClass.UNKNOWN: "unknown key",
}

KEY_STATES = frozenset(
    {
        "Creating",
        "Enabled",
        "Disabled",
        "PendingDeletion",
        "PendingImport",
        "PendingReplicaDeletion",
        "Unavailable",
        "Updating",
    }
)
"""All states of a KMS key (KMS API reference, KeyMetadata)."""

# one verdict for all that use a healthy key
_ENABLED = passed("key is Enabled", {f"{DESCRIBE_KEY}.KeyState": "Enabled"})


def linked_key(resource: Resource, context: Context) -> Resource:
    """The key a resource points at. Raises `NoAnswer` where it points at none, or at one that was not seen."""
    key = context.linked(resource, "key")
    if key is None:
        named = resource.link("key")
        raise NoAnswer(because(unknown("its key has not been seen" if named else "its key is not named"), named or ""))
    return key


def class_verdict(
    observed: KeyClass,
    policy: Policy,
    control_id: str,
    *,
    key: Resource | None = None,
    beneath: KeyClass = KeyClass.UNKNOWN,
    evidence: Mapping[str, Any],
) -> Verdict:
    """Whether the policy allows the key class that was seen; a refused DescribeKey is the reason where it is not
    known.
    """
    status = decide(observed, policy, control_id, key=key.id if key else None, beneath=beneath)
    facts = {**evidence, **_owner(key)}
    if status is Status.UNKNOWN:
        if key is not None and key.fields.get("NotFound") is True:
            return unknown("its key does not exist: whose it was cannot be told", evidence=facts)
        if key is not None:
            field_of(key, DESCRIBE_KEY, "KeyManager")
        return unknown("its key has not been seen", evidence=facts)
    return Verdict(status, class_reason(status, observed, policy.mode(control_id), bool(policy.required_keys)), facts)


@lru_cache(maxsize=256)
def class_reason(
    status: Status, observed: KeyClass, mode: KeyMode, listed: bool, foreign: str = WORDS[KeyClass.CUSTOMER_FOREIGN]
) -> str:
    """A verdict on a key class in a few words. `mode` is what the policy asks for, `listed` whether it names keys,
    `foreign` what a foreign key is called.
    """
    words = foreign if observed is KeyClass.CUSTOMER_FOREIGN else WORDS[observed]
    if status is Status.FAIL:
        unlisted = listed and observed in {KeyClass.CUSTOMER, KeyClass.DOUBLE} and mode is not KeyMode.PROVIDER_MANAGED
        return f"{words}: not one of the policy's required keys" if unlisted else f"{words}, policy asks for {mode}"
    if status is Status.WARN:
        return f"{words}: policy {mode} allows it, the document does not name it"
    deviates = observed in {KeyClass.CUSTOMER, KeyClass.CUSTOMER_FOREIGN, KeyClass.DOUBLE}
    return f"{words}, as policy {mode} allows" + ("; deviates from the document" if deviates else "")


def _owner(key: Resource | None) -> Mapping[str, Any]:
    if key is None:
        return {}
    return {
        f"{DESCRIBE_KEY}.{field}": key.fields[field]
        for field in ("KeyManager", "AWSAccountId", "Origin")
        if field in key.fields
    }


def key_health(key: Resource, now: Utc) -> Verdict:
    """Whether a key can be used now, and until when that is known: PASS, WARN near the end of imported material,
    FAIL, or UNKNOWN.
    """
    return because(_health(key, now), key.id)


def _health(key: Resource, now: Utc) -> Verdict:
    if DESCRIBE_KEY not in key.faults and key.fields.get("NotFound") is True:
        return failed("key does not exist", {f"{DESCRIBE_KEY}.Code": "NotFoundException"})
    state = field_of(key, DESCRIBE_KEY, "KeyState")
    if state == "Enabled" and key.fields.get("ValidTo") is None:
        return _ENABLED
    word(state, KEY_STATES, DESCRIBE_KEY, "KeyState")
    facts: dict[str, Any] = {f"{DESCRIBE_KEY}.KeyState": state}
    if state == "Updating":
        return warned("key is Updating", facts)
    if state != "Enabled":
        return _unusable(key, state, facts, now)
    ends = time_of(key.fields["ValidTo"], DESCRIBE_KEY, "ValidTo")
    facts[f"{DESCRIBE_KEY}.ValidTo"] = rfc3339(ends)
    if now >= ends:
        return failed(f"key material expired on {_day(ends)}", facts)
    if now >= ends - MATERIAL_WARNING:
        return warned(f"key material expires on {_day(ends)}", facts, until=ends)
    return passed("key is Enabled", facts, until=ends - MATERIAL_WARNING)


def _unusable(key: Resource, state: str, facts: dict[str, Any], now: Utc) -> Verdict:
    if state != "PendingDeletion" or not key.fields.get("DeletionDate"):
        return failed(f"key is {state}", facts)
    gone = time_of(key.fields["DeletionDate"], DESCRIBE_KEY, "DeletionDate")
    facts[f"{DESCRIBE_KEY}.DeletionDate"] = rfc3339(gone)
    if now >= gone:
        return failed(f"key was deleted on {_day(gone)}", facts)
    return failed(f"key is PendingDeletion, gone on {_day(gone)}", facts, until=gone)


def _day(at: Utc) -> str:
    return rfc3339(at)[:10]
