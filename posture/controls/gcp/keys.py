"""What the areas of Google Cloud ask of a Cloud KMS key: whose is it, is that as the policy says, and can this
version of it be used.
"""

import re
from collections.abc import Mapping
from typing import Any

from posture.clock import Utc
from posture.context import Context
from posture.controls.aws.keys import class_reason
from posture.fields import part, strange, text
from posture.policy import DAY, Policy, decide
from posture.reading import NoAnswer, field_of, optional
from posture.resource import KeyClass, Resource
from posture.verdict import EvidenceClass, Status, Verdict, because, failed, passed, unanswered, unknown

GET_KEY = "cloudkms.cryptoKeys.get"
GET_VERSION = "cloudkms.cryptoKeyVersions.get"
_SECONDS = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)s")
_UNUSABLE = {
    "DISABLED",
    "DESTROYED",
    "DESTROY_SCHEDULED",
    "IMPORT_FAILED",
    "GENERATION_FAILED",
    "PENDING_EXTERNAL_DESTRUCTION",
    "EXTERNAL_DESTRUCTION_FAILED",
    "NOT_FOUND",
}
"""States in which nothing can be decrypted, and which do not pass by themselves: a version that is just being made
is in none of them.
"""
_KEY = re.compile(r"projects/([^/]+)/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+")
_HOST = "//cloudkms.googleapis.com/"

# one verdict for all that use a healthy key
_ENABLED = passed("key version is ENABLED", {f"{GET_VERSION}.state": "ENABLED"})


def plain(name: str) -> tuple[str, str]:
    """A key's name as `projects/P/locations/L/keyRings/R/cryptoKeys/K`, and the version that is named with it, "" for
    none.

    A disk carries the version it was made under; the key is the same with and without.
    """
    key, _, version = name.removeprefix(_HOST).partition("/cryptoKeyVersions/")
    return key, version


def class_of(block: Any, resource: Resource, policy: Policy) -> KeyClass:
    """The key class that a `CustomerEncryptionKey` block tells (None: there is none). A key says by its name whose
    project it is in.
    """
    if block is None:
        return KeyClass.PROVIDER
    name = block.get("kmsKeyName") if isinstance(block, dict) else None
    if name:
        return _class_of_key(str(name), resource, policy)
    return KeyClass.SUPPLIED if isinstance(block, dict) and block.get("sha256") else KeyClass.UNKNOWN


def _class_of_key(name: str, resource: Resource, policy: Policy) -> KeyClass:
    # the link says the project's id where the name says its number
    found = _KEY.fullmatch(plain(resource.link("key") or name)[0])
    owner = found[1] if found else ""
    if not owner or (owner.isdigit() and owner not in policy.key_accounts):
        return KeyClass.UNKNOWN
    return KeyClass.CUSTOMER if owner == resource.scope or owner in policy.key_accounts else KeyClass.CUSTOMER_FOREIGN


def class_verdict(
    observed: KeyClass, context: Context, control_id: str, name: str | None, evidence: Mapping[str, Any]
) -> Verdict:
    """Whether the policy allows the key class that was seen, for a resource under the key `name`."""
    status = decide(observed, context.policy, control_id, key=_as_listed(name, context.policy))
    if status is Status.UNKNOWN:
        return unknown("whose key it is was not told", evidence=evidence)
    if observed is KeyClass.UNKNOWN:
        return passed(
            "encrypted, on Google's word; whose key it is was not told, and the policy allows either",
            evidence,
            by=EvidenceClass.ATTESTED,
        )
    return Verdict(
        status,
        class_reason(status, observed, context.policy.mode(control_id), bool(context.policy.required_keys)),
        evidence,
    )


def _as_listed(name: str | None, policy: Policy) -> str | None:
    """The key as the policy spells it: with or without the service's name before it, with or without a version."""
    if not name:
        return None
    return next((listed for listed in policy.required_keys if plain(listed)[0] == plain(name)[0]), name)


def version_health(key: Resource, version: str, now: Utc) -> Verdict:
    """Whether a version of a key can be used, "" for its primary: PASS, FAIL, or UNKNOWN."""
    return because(_health(key, version, now), key.id)


def _health(key: Resource, version: str, now: Utc) -> Verdict:
    if GET_KEY not in key.faults and key.fields.get("NotFound") is True:
        return failed("key does not exist", {f"{GET_KEY}.code": "notFound"})
    primary = optional(field_of(key, GET_KEY, "primary"), dict, GET_KEY, "primary")
    if not version:
        if primary is None:
            return failed("key has no primary version", {f"{GET_KEY}.primary": None})
        return _state(primary, number(primary), now)
    for operation in (f"{GET_VERSION}({version})", GET_VERSION):
        if operation in key.faults:
            raise NoAnswer(unanswered(key.faults[operation]))
    found = part(part(key.fields, GET_VERSION, "versions"), GET_VERSION, version) or (
        primary if number(primary or {}) == version else None
    )
    if not found:
        return unknown(f"version {version} of its key has not been read")
    return _state(found, version, now)


def number(version: Mapping[str, Any]) -> str:
    """The last word of a version's name."""
    return str(version.get("name") or "").rpartition("/")[2]


def _state(version: Mapping[str, Any], which: str, now: Utc) -> Verdict:
    state = text(version, GET_VERSION, "state")
    if state == "ENABLED":
        return _ENABLED
    if state not in _UNUSABLE:
        return strange(GET_VERSION, "state", state)
    facts = {f"{GET_VERSION}.name": version.get("name") or which, f"{GET_VERSION}.state": state}
    gone = version.get("destroyTime")
    if state == "DESTROY_SCHEDULED" and gone:
        return failed(
            f"key version {which} is DESTROY_SCHEDULED, gone on {str(gone)[:10]}",
            {**facts, f"{GET_VERSION}.destroyTime": gone},
        )
    return failed(f"key version {which} is {state}", facts)


def rotation_days(key: Resource) -> float | None:
    """The rotation period in days; None where the key does not rotate by itself. Raises `NoAnswer` where it is no
    length of time.
    """
    period = text(key.fields, GET_KEY, "rotationPeriod")
    if period is None:
        return None
    seconds = _SECONDS.fullmatch(period)
    if seconds is None or float(seconds[1]) <= 0:
        raise NoAnswer(strange(GET_KEY, "rotationPeriod", period))
    return float(seconds[1]) / DAY
