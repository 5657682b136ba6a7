"""Cloud Storage: default key, enforcement, public access, and the keys of the objects."""

from collections.abc import Mapping
from typing import Any

from posture.context import Context
from posture.controls.gcp.keys import class_of, class_verdict
from posture.controls.registry import control
from posture.fields import flag, part, strange, text
from posture.policy import KeyMode
from posture.reading import expected, field_of, optional
from posture.resource import Resource
from posture.verdict import Status, Verdict, failed, not_applicable, passed, unknown, warned, worst

LIST_BUCKETS = "storage.buckets.list"
GET_IAM = "storage.buckets.getIamPolicy"
LIST_OBJECTS = "storage.objects.list"

_CONFIGS = {
    "Google-managed": "googleManagedEncryptionEnforcementConfig",
    "customer-managed": "customerManagedEncryptionEnforcementConfig",
    "customer-supplied": "customerSuppliedEncryptionEnforcementConfig",
}
_WANTED: Mapping[KeyMode, tuple[str, ...]] = {
    KeyMode.PROVIDER_MANAGED: ("Google-managed",),
    KeyMode.CUSTOMER_MANAGED: ("customer-managed",),
    KeyMode.EITHER: ("Google-managed", "customer-managed"),
}
"""The types of which new objects must be able to have one; the others are to be restricted."""


@control("gcp.gcs.bucket-encryption", on=("gcp.storage.bucket", "gcp.storage.deleted-bucket"))
def bucket_encryption(bucket: Resource, context: Context) -> Verdict:
    """Plaintext cannot exist here: what is judged is whose key new objects get, or got in a bucket that was deleted."""
    block = optional(field_of(bucket, LIST_BUCKETS, "encryption"), dict, LIST_BUCKETS, "encryption")
    name = text(block, LIST_BUCKETS, "defaultKmsKeyName")
    evidence = {f"{LIST_BUCKETS}.encryption.defaultKmsKeyName": name}
    return class_verdict(
        class_of({"kmsKeyName": name} if name else None, bucket, context.policy),
        context,
        "gcp.gcs.bucket-encryption",
        name,
        evidence,
    )


@control("gcp.gcs.encryption-enforcement", on="gcp.storage.bucket")
def encryption_enforcement(bucket: Resource, context: Context) -> Verdict:
    """A type that the policy asks for and the bucket restricts makes every write fail."""
    block = optional(field_of(bucket, LIST_BUCKETS, "encryption"), dict, LIST_BUCKETS, "encryption") or {}
    modes = {kind: _mode(block, field) for kind, field in _CONFIGS.items()}
    evidence = {f"{LIST_BUCKETS}.encryption.{_CONFIGS[kind]}.restrictionMode": mode for kind, mode in modes.items()}
    wanted = _WANTED.get(context.policy.mode("gcp.gcs.encryption-enforcement"))
    if wanted is None:
        return not_applicable("policy asks for double encryption, which Cloud Storage does not have", evidence)
    if strange := [mode for mode in modes.values() if mode not in {"NotRestricted", "FullyRestricted"}]:
        return unknown(f"restrictionMode is {strange[0]}", evidence=evidence)
    if all(modes[kind] == "FullyRestricted" for kind in wanted):
        return failed(f"restricts {' and '.join(wanted)} encryption, which the policy asks for: writes fail", evidence)
    loose = [kind for kind, mode in modes.items() if kind not in wanted and mode == "NotRestricted"]
    if loose:
        return warned(f"does not restrict {' and '.join(loose)} encryption", evidence)
    return passed("only the encryption that the policy asks for is allowed", evidence)


def _mode(block: Mapping[str, Any], field: str) -> str:
    """What the bucket says of one type of encryption; a type that it does not mention is not restricted."""
    if block.get(field) is None:
        return "NotRestricted"
    return expected(
        text(part(block, LIST_BUCKETS, field), LIST_BUCKETS, "restrictionMode"),
        str,
        LIST_BUCKETS,
        f"{field}.restrictionMode",
    )


@control("gcp.gcs.public-access", on="gcp.storage.bucket")
def public_access(bucket: Resource, context: Context) -> Verdict:
    """Prevention settles it; without it, a public member does; without uniform access, an object's own list may
    still open it.
    """
    config = optional(field_of(bucket, LIST_BUCKETS, "iamConfiguration"), dict, LIST_BUCKETS, "iamConfiguration") or {}
    prevention = text(config, LIST_BUCKETS, "publicAccessPrevention")
    evidence: dict[str, Any] = {f"{LIST_BUCKETS}.iamConfiguration.publicAccessPrevention": prevention}
    if GET_IAM not in bucket.faults and prevention == "enforced":
        return passed("public access is prevented", evidence)
    members = optional(field_of(bucket, GET_IAM, "publicMembers"), list, GET_IAM, "bindings")
    evidence[f"{GET_IAM}.bindings[].members"] = members
    if members:
        return failed(f"open to {', '.join(sorted({str(member).partition(' ')[0] for member in members}))}", evidence)
    if members is None:
        return unknown(f"{GET_IAM} answered without bindings", evidence=evidence)
    if prevention not in {None, "inherited", "unspecified"}:
        return strange(LIST_BUCKETS, "iamConfiguration.publicAccessPrevention", prevention)
    uniform = flag(part(config, LIST_BUCKETS, "uniformBucketLevelAccess"), LIST_BUCKETS, "enabled")
    evidence[f"{LIST_BUCKETS}.iamConfiguration.uniformBucketLevelAccess.enabled"] = uniform
    if uniform is True:
        return passed("no public member, and access is uniform", evidence)
    return warned("no public member, but objects have access lists of their own", evidence)


@control("gcp.gcs.object-key", on="gcp.storage.objects")
def object_key(sweep: Resource, context: Context) -> Verdict:
    """Every version of every object that the sweep reached; changing the bucket's default changed none of them."""
    counts = field_of(sweep, LIST_OBJECTS, "keys")
    if not isinstance(counts, dict):
        return unknown(f"{LIST_OBJECTS} answered without items")
    if not all(isinstance(many, int) and not isinstance(many, bool) and many > 0 for many in counts.values()):
        return unknown(f"{LIST_OBJECTS} answered with items that cannot be counted")
    evidence = {f"{LIST_OBJECTS}.items": counts, "complete": sweep.fields.get("complete")}
    found: dict[str, Verdict] = {}
    for key, many in counts.items():
        block = {"Google": None, "supplied": {"sha256": "?"}}.get(key, {"kmsKeyName": key})
        verdict = class_verdict(
            class_of(block, sweep, context.policy),
            context,
            "gcp.gcs.object-key",
            key if block and "kmsKeyName" in block else None,
            evidence,
        )
        found[f"{many} objects: {verdict.reason}"] = verdict
    status = worst(verdict.status for verdict in found.values())
    if status in {Status.FAIL, Status.UNKNOWN}:
        reason = next(text for text, verdict in found.items() if verdict.status is status)
        return Verdict(status, reason, evidence)
    if sweep.fields.get("complete") is not True:
        return warned("sweep ended at its page budget; what it saw is as the policy says", evidence)
    if not counts:
        return not_applicable("no objects", evidence)
    return Verdict(status, next(text for text, verdict in found.items() if verdict.status is status), evidence)
