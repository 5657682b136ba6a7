"""S3 buckets: default encryption and its key, who may read in plain text or from outside. Objects are judged in
`aws_s3_objects`.
"""

import re
from collections.abc import Mapping
from typing import Any

from posture.controls.aws.iam_policy import (
    Condition,
    Coverage,
    PolicyError,
    Statement,
    denial,
    open_to_everyone,
    statements,
)
from posture.controls.aws.keys import class_verdict, key_health, linked_key
from posture.controls.reading import NoAnswer, expected, field_of, nested, optional, refusals, word
from posture.controls.registry import Context, control
from posture.keyclass import key_class, key_holder
from posture.policy import KeyMode
from posture.resource import KeyClass, Resource
from posture.verdict import EvidenceClass, Status, Verdict, failed, not_applicable, passed, unanswered, unknown, warned

_ENCRYPTION = "s3:GetBucketEncryption"
_POLICY = "s3:GetBucketPolicy"
_BLOCK = "s3:GetPublicAccessBlock"
_ACCOUNT_BLOCK = "s3:GetAccountPublicAccessBlock"
_POLICY_STATUS = "s3:GetBucketPolicyStatus"

_ALGORITHM = f"{_ENCRYPTION}.SSEAlgorithm"
_ALGORITHMS = frozenset({"AES256", "aws:kms", "aws:kms:dsse", "aws:fsx", "aws:backup"})
_NO_RULE = failed("no default encryption rule", {_ALGORITHM: None})
_DEFAULTS = {
    algorithm: passed(f"default encryption is {algorithm}", {_ALGORITHM: algorithm})
    for algorithm in ("AES256", "aws:kms", "aws:kms:dsse")
}
_NO_KMS_KEY = not_applicable("AES256: no KMS key is involved", {_ALGORITHM: "AES256"})
_AWS_OWN_KEY = {
    algorithm: passed(
        "aws/s3: AWS's own key, nobody else can disable it",
        {_ALGORITHM: algorithm, f"{_ENCRYPTION}.KMSMasterKeyID": None},
        by=EvidenceClass.INFERRED,
    )
    for algorithm in ("aws:kms", "aws:kms:dsse")
}


@control("aws.s3.default-encryption", on="aws.s3.bucket")
def default_encryption(bucket: Resource, context: Context) -> Verdict:
    """Says nothing of objects written earlier or with a header of their own."""
    rule = _rule(bucket)
    if rule is None:
        return _NO_RULE
    algorithm = word(_default(rule)["SSEAlgorithm"], _ALGORITHMS, _ENCRYPTION, "SSEAlgorithm")
    return _DEFAULTS.get(algorithm) or warned(
        f"default encryption is {algorithm}, which the document does not name", {_ALGORITHM: algorithm}
    )


@control("aws.s3.default-key-policy", on="aws.s3.bucket")
def default_key_policy(bucket: Resource, context: Context) -> Verdict:
    """A bare alias is resolved in the account of whoever writes: objects can land under the writer's key."""
    rule = _rule(bucket)
    if rule is None:
        return _NO_RULE
    default = _default(rule)
    named = default.get("KMSMasterKeyID")
    word(default["SSEAlgorithm"], _ALGORITHMS, _ENCRYPTION, "SSEAlgorithm")
    evidence = {_ALGORITHM: default["SSEAlgorithm"], f"{_ENCRYPTION}.KMSMasterKeyID": named}
    observed, beneath = key_class(bucket, context), _beneath(bucket, named, context)
    verdict = class_verdict(
        observed,
        context.policy,
        "aws.s3.default-key-policy",
        key=context.linked(bucket, "key"),
        beneath=beneath,
        evidence=evidence,
    )
    if verdict.status is Status.PASS and _is_alias(named):
        return warned("key is named by alias, resolved in the writer's account", verdict.evidence)
    return verdict


@control("aws.s3.ssec-blocked", on="aws.s3.bucket")
def ssec_blocked(bucket: Resource, context: Context) -> Verdict:
    """The block stops new writes only; explicitly lifted, it contradicts a policy that says who holds the keys."""
    blocked = _blocked(_rule(bucket) or {})
    evidence = {f"{_ENCRYPTION}.BlockedEncryptionTypes": blocked}
    if "SSE-C" in blocked:
        return passed("SSE-C is blocked", evidence)
    if "NONE" in blocked and context.policy.mode("aws.s3.ssec-blocked") in {
        KeyMode.PROVIDER_MANAGED,
        KeyMode.CUSTOMER_MANAGED,
    }:
        return failed("SSE-C is explicitly allowed", evidence)
    return warned("SSE-C is not blocked: a writer can bring a key of their own", evidence)


@control("aws.s3.kms-key-usable", on="aws.s3.bucket")
def kms_key_usable(bucket: Resource, context: Context) -> Verdict:
    """A disabled or dying key makes objects unreadable at once."""
    rule = _rule(bucket)
    if rule is None:
        return not_applicable("no default rule: no KMS key is involved")
    default = _default(rule)
    if word(default["SSEAlgorithm"], _ALGORITHMS, _ENCRYPTION, "SSEAlgorithm") == "AES256":
        return _NO_KMS_KEY
    own = _AWS_OWN_KEY.get(default["SSEAlgorithm"])
    if own is not None and not default.get("KMSMasterKeyID") and context.linked(bucket, "key") is None:
        return own
    return key_health(linked_key(bucket, context), context.now)


@control("aws.s3.tls-only-policy", on="aws.s3.bucket")
def tls_only_policy(bucket: Resource, context: Context) -> Verdict:
    """Website endpoints are HTTP whatever the policy says."""
    policy = _policy(bucket)
    if policy is None:
        return failed("no bucket policy: plain HTTP is accepted", {f"{_POLICY}.Policy": None})
    coverage = denial(policy, bucket.id, refuses_plain_http)
    return _covered(
        coverage,
        "refuses plain HTTP",
        failed("bucket policy does not refuse plain HTTP", {f"{_POLICY}.Policy": "no such Deny"}),
    )


@control("aws.s3.tls-min-version", on="aws.s3.bucket")
def tls_min_version(bucket: Resource, context: Context) -> Verdict:
    """Never a FAIL: AWS's endpoints refuse TLS below 1.2 on their own."""
    policy = _policy(bucket)
    absent = warned("no deny below TLS 1.2; AWS refuses it by itself", {f"{_POLICY}.Policy": "no such Deny"})
    return (
        absent if policy is None else _covered(denial(policy, bucket.id, _refuses_old_tls), "demands TLS 1.2", absent)
    )


@control("aws.s3.public-access", on="aws.s3.bucket")
def public_access(bucket: Resource, context: Context) -> Verdict:
    """Encryption at rest does not protect an object that anybody may read. What either level blocks is blocked."""
    account = context.linked(bucket, "account")
    levels = [_flags(bucket, _BLOCK), _flags(account, _ACCOUNT_BLOCK) if account else None]
    block = {flag: _either(level.get(flag) if level is not None else None for level in levels) for flag in _FLAGS}
    evidence: dict[str, Any] = {f"{_BLOCK}.{flag}": value for flag, value in block.items()}
    if all(value is True for value in block.values()):
        return passed("all four public access blocks are on", evidence)
    public = _public(bucket)
    evidence[f"{_POLICY_STATUS}.IsPublic"] = public
    decisive = block["RestrictPublicBuckets" if public else "IgnorePublicAcls"]
    if decisive is None:
        return _block_unseen(bucket, account, evidence)
    match public, decisive:
        case True, False:
            return failed("bucket policy is public, and nothing restricts it", evidence)
        case True, True:
            return warned("bucket policy is public; only RestrictPublicBuckets holds it", evidence)
        case False, True:
            if _allows_everyone(bucket.fields.get("Policy")):
                return unknown(
                    f"{_POLICY_STATUS} calls the policy not public, but it allows everyone", evidence=evidence
                )
            return passed("policy is not public, public ACLs are ignored", evidence)
        case _:
            return warned("policy is not public, but ACLs could be: block incomplete", evidence)


_FLAGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def _rule(bucket: Resource) -> Mapping[str, Any] | None:
    configuration = field_of(bucket, _ENCRYPTION, "ServerSideEncryptionConfiguration")
    if configuration is None:
        return None
    rules = expected(nested(configuration, _ENCRYPTION, "Rules"), list, _ENCRYPTION, "Rules")
    return expected(rules[0], dict, _ENCRYPTION, "Rules[]") if rules else None


def _default(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    default: Mapping[str, Any] = expected(
        rule.get("ApplyServerSideEncryptionByDefault"), dict, _ENCRYPTION, "ApplyServerSideEncryptionByDefault"
    )
    expected(default.get("SSEAlgorithm"), str, _ENCRYPTION, "SSEAlgorithm")
    optional(default.get("KMSMasterKeyID"), str, _ENCRYPTION, "KMSMasterKeyID")
    return default


def _blocked(rule: Mapping[str, Any]) -> list[Any]:
    """The encryption types a rule blocks; none where it names none."""
    types = optional(rule.get("BlockedEncryptionTypes"), dict, _ENCRYPTION, "BlockedEncryptionTypes") or {}
    return optional(types.get("EncryptionType"), list, _ENCRYPTION, "EncryptionType") or []


def _beneath(bucket: Resource, named: str | None, context: Context) -> KeyClass:
    return key_holder(bucket, context) if named or bucket.link("key") else KeyClass.PROVIDER_VISIBLE


def _is_alias(key: str | None) -> bool:
    return key is not None and key.rpartition(":")[2].startswith("alias/")


def _policy(bucket: Resource) -> tuple[Statement, ...] | None:
    text = field_of(bucket, _POLICY, "Policy")
    if text is None:
        return None
    try:
        return statements(text)
    except PolicyError as error:
        raise NoAnswer(
            unknown(f"bucket policy cannot be read: {error}", evidence={f"{_POLICY}.Policy": text})
        ) from None


def _allows_everyone(text: object) -> bool:
    """Whether the policy, where it can be read, lets everyone in without any condition."""
    try:
        return text is not None and bool(open_to_everyone(statements(text))[0])
    except PolicyError:
        return False


def _covered(coverage: Coverage, what: str, absent: Verdict) -> Verdict:
    if coverage.full:
        return passed(f"bucket policy {what}", {f"{_POLICY}.Policy": "Deny"})
    if coverage.shortfalls:
        return warned(
            f"bucket policy {what} only in part: {coverage.shortfalls[0]}",
            {f"{_POLICY}.Policy": list(coverage.shortfalls)},
        )
    return absent


def refuses_plain_http(condition: Condition) -> str | None:
    """For `denial`: whether a Deny under this condition keeps out plain HTTP; in part where it says why."""
    if condition.key == "aws:securetransport" and "false" in {value.lower() for value in condition.values}:
        return (
            ""
            if condition.operator in {"bool", "boolifexists"} and not condition.qualifier
            else "an operator other than Bool"
        )
    if _below(condition) is not None:
        # IAM: a numeric test of a key that the request does not carry is false, and a plain HTTP request carries no TLS
        # version.
        return "" if condition.operator.endswith("ifexists") else "s3:TlsVersion is not part of a plain HTTP request"
    return None


def _refuses_old_tls(condition: Condition) -> str | None:
    below = _below(condition)
    if below is None:
        return None
    return "" if below >= 1.2 else f"allows TLS {below}"


def _below(condition: Condition) -> float | None:
    """The version below which a test of s3:TlsVersion denies; None for any other test."""
    if (
        condition.key != "s3:tlsversion"
        or condition.operator.removesuffix("ifexists") != "numericlessthan"
        or condition.qualifier
    ):
        return None
    if not all(re.fullmatch(r"[0-9]+(\.[0-9]+)?", value) for value in condition.values):
        return None
    return max((float(value) for value in condition.values), default=None)


def _flags(holder: Resource, operation: str) -> Mapping[str, Any] | None:
    """The four booleans of one level; none set where there is no configuration; None where that was not answered."""
    if operation in holder.faults or "PublicAccessBlockConfiguration" not in holder.fields:
        return None
    block = holder.fields["PublicAccessBlockConfiguration"]
    if block is None:
        return dict.fromkeys(_FLAGS, False)
    # A flag that is left out is off; one that is no boolean is not known (API reference,
    # PublicAccessBlockConfiguration).
    return (
        {flag: flag in block and (block[flag] if isinstance(block[flag], bool) else None) for flag in _FLAGS}
        if isinstance(block, dict)
        else None
    )


def _either(values: Any) -> bool | None:
    """True where one is, False where all are, else None: not known."""
    seen = list(values)
    return True if True in seen else None if None in seen else False


def _public(bucket: Resource) -> bool:
    """Whether the bucket policy is public; without a policy it is not."""
    if field_of(bucket, _POLICY, "Policy") is None:
        return False
    status = field_of(bucket, _POLICY_STATUS, "PolicyStatus")
    return expected(nested(status, _POLICY_STATUS, "IsPublic"), bool, _POLICY_STATUS, "IsPublic")


def _block_unseen(bucket: Resource, account: Resource | None, evidence: Mapping[str, Any]) -> Verdict:
    fault = refusals(bucket, _BLOCK) or (refusals(account, _ACCOUNT_BLOCK) if account else None)
    if fault is not None:
        return unanswered(fault)
    return unknown("public access block of the bucket or its account not seen", evidence=evidence)
