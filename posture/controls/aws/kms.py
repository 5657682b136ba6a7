"""KMS keys: can they be used, do they rotate, and who may use them."""

import msgspec

from posture.context import Context
from posture.controls.aws.iam_policy import PolicyError, open_to_everyone, statements
from posture.controls.aws.keys import KEY_STATES, key_health
from posture.controls.registry import control
from posture.keyclass import DESCRIBE_KEY
from posture.reading import expected, field_of, word
from posture.resource import Resource
from posture.verdict import Status, Verdict, failed, not_applicable, passed, unanswered, unknown, warned

# the services whose resources point at keys
_NAME_KEYS = frozenset({"ebs", "ec2", "efs", "eks", "rds", "s3", "s3-inventory", "s3-objects", "snapshots"})
_ROTATION = "kms:GetKeyRotationStatus"
_MANAGERS = frozenset({"AWS", "CUSTOMER"})
_ORIGINS = frozenset({"AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"})
_NO_ROTATION = {  # field -> value -> why AWS never rotates such a key by itself
    "Origin": {
        "EXTERNAL": "imported material",
        "AWS_CLOUDHSM": "custom key store",
        "EXTERNAL_KEY_STORE": "external key store",
    },
    "KeyState": {"PendingDeletion": "waiting for deletion", "PendingReplicaDeletion": "waiting for deletion"},
}


@control("aws.kms.key-state", on="aws.kms.key")
def key_state(key: Resource, context: Context) -> Verdict:
    """Healthy, or not and used: a key that nothing uses may be as it likes."""
    health = key_health(key, context.now)
    if health.status is Status.FAIL and not any(context.users(key)):
        if silent := context.unanswered(key, _NAME_KEYS.__contains__):
            return unknown(
                f"{health.reason}; whether it is used is not known: {silent.id} is {silent.state}",
                silent.fault,
                health.evidence,
            )
        return not_applicable("not usable, but nothing seen uses it", health.evidence)
    evidence = {**health.evidence, "users": dict(sorted(context.count_kinds(key).items()))}
    if (
        health.status is Status.PASS
        and word(field_of(key, DESCRIBE_KEY, "Origin"), _ORIGINS, DESCRIBE_KEY, "Origin") == "EXTERNAL_KEY_STORE"
    ):
        return warned(
            "external key store: available only while a third party is",
            {**evidence, f"{DESCRIBE_KEY}.Origin": "EXTERNAL_KEY_STORE"},
        )
    return msgspec.structs.replace(health, evidence=evidence)


@control("aws.kms.rotation", on="aws.kms.key")
def rotation(key: Resource, context: Context) -> Verdict:
    """Only symmetric customer keys whose material AWS made can rotate by themselves; of those, every one should."""
    if DESCRIBE_KEY not in key.faults and key.fields.get("NotFound") is True:
        return not_applicable("key does not exist")
    if unasked := _unasked(key):
        return unasked
    if word(field_of(key, DESCRIBE_KEY, "KeyManager"), _MANAGERS, DESCRIBE_KEY, "KeyManager") == "AWS":
        return not_applicable("AWS-managed: AWS rotates it every year")
    if (
        field_of(key, DESCRIBE_KEY, "KeySpec") != "SYMMETRIC_DEFAULT"
        or field_of(key, DESCRIBE_KEY, "KeyUsage") != "ENCRYPT_DECRYPT"
    ):
        return not_applicable(
            "asymmetric or HMAC: cannot rotate by itself", {f"{DESCRIBE_KEY}.KeySpec": key.fields["KeySpec"]}
        )
    for field, known in (("Origin", _ORIGINS), ("KeyState", KEY_STATES)):
        if why := _NO_ROTATION[field].get(word(field_of(key, DESCRIBE_KEY, field), known, DESCRIBE_KEY, field)):
            return not_applicable(f"{why}: cannot rotate by itself", {f"{DESCRIBE_KEY}.{field}": key.fields[field]})
    return _rotates(key, context.policy.rotation_max_days)


def _unasked(key: Resource) -> Verdict | None:
    """Of a key that is known only because something here is encrypted by it, policy and rotation are not asked."""
    match key.fields.get("NotAsked"):
        case None:
            return None
        case "account":
            return not_applicable("another account's key: its owner judges policy and rotation")
        case _:
            return unknown("not asked: its region is not configured")


def _rotates(key: Resource, limit: int) -> Verdict:
    refusal = key.faults.get(_ROTATION)
    if refusal is not None and refusal.code == "UnsupportedOperationException":
        return not_applicable("KMS says that this key cannot rotate", {f"{_ROTATION}.Code": refusal.code})
    if refusal is not None:
        return unanswered(refusal)
    match field_of(key, _ROTATION, "KeyRotationEnabled"):
        case False:
            return failed("rotation is off", {f"{_ROTATION}.KeyRotationEnabled": False})
        case True:
            days = field_of(key, _ROTATION, "RotationPeriodInDays")
            evidence = {f"{_ROTATION}.KeyRotationEnabled": True, f"{_ROTATION}.RotationPeriodInDays": days}
            if expected(days, int, _ROTATION, "RotationPeriodInDays") < 1:
                return unknown(f"{_ROTATION}: RotationPeriodInDays is {days}", evidence=evidence)
            answer = passed if days <= limit else warned
            return answer(f"rotates every {days} d, policy: at most {limit} d", evidence)
        case _:
            return unknown(f"{_ROTATION} answered without KeyRotationEnabled")


@control("aws.kms.key-public", on="aws.kms.key")
def key_public(key: Resource, context: Context) -> Verdict:
    """AWS's own key policies name `*` bound to the calling account: that is not public."""
    operation = "kms:GetKeyPolicy"
    if DESCRIBE_KEY not in key.faults and key.fields.get("NotFound") is True:
        return not_applicable("key does not exist")
    if unasked := _unasked(key):
        return unasked
    if key.fields.get("KeyManager") == "AWS":
        return not_applicable("AWS manages this key and its policy")
    text = field_of(key, operation, "Policy")
    try:
        wide, weak = open_to_everyone(statements(text))
    except PolicyError:
        return unknown("key policy cannot be read as a policy document", evidence={f"{operation}.Policy": text})
    if wide:
        return failed("key policy allows everyone", {f"{operation}.Policy": wide})
    if weak:
        return warned("key policy allows everyone, under weak conditions only", {f"{operation}.Policy": weak})
    return passed("key policy is open to nobody in general", {f"{operation}.Policy": "no open statement"})
