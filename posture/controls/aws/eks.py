"""EKS: is what the Kubernetes API keeps under envelope encryption, and can its key be used."""

import re
from typing import Any

from posture.context import Context
from posture.controls.aws.keys import class_verdict
from posture.controls.registry import control
from posture.keyclass import key_holder
from posture.policy import KeyMode
from posture.reading import NoAnswer, expected, field_of, nested, objects, optional, texts
from posture.resource import Resource
from posture.verdict import Verdict, because, failed, passed, unknown, warned

_DESCRIBE = "eks:DescribeCluster"
_CONTROL = "aws.eks.secrets-encryption"
_DEFAULT_SINCE = (1, 28)
"""Kubernetes version since which EKS encrypts all API data by itself (EKS API reference, EncryptionConfig)."""
_VERSION = re.compile(r"([0-9]{1,3})\.([0-9]{1,3})")
_KEY_ISSUES = frozenset({"KmsKeyDisabled", "KmsKeyMarkedForDeletion", "KmsKeyNotFound", "KmsGrantRevoked"})


@control(_CONTROL, on="aws.eks.cluster")
def secrets_encryption(cluster: Resource, context: Context) -> Verdict:
    """No `encryptionConfig` is not plaintext, but for versions before 1.28."""
    version = expected(field_of(cluster, _DESCRIBE, "version"), str, _DESCRIBE, "version")
    evidence: dict[str, Any] = {f"{_DESCRIBE}.version": version}
    configured = _configured(cluster)
    evidence[f"{_DESCRIBE}.encryptionConfig"] = configured
    if issues := _key_issues(cluster):
        verdict = failed(f"EKS reports {issues[0]}", {**evidence, f"{_DESCRIBE}.health.issues": issues})
        return because(verdict, cluster.link("key") or "")
    number = _VERSION.fullmatch(version)
    if number is None:
        return unknown(f"version is {version[:20]!r}, which enctop does not know", evidence=evidence)
    default = (int(number[1]), int(number[2])) >= _DEFAULT_SINCE
    keys = [key for key, resources in configured if default or "secrets" in resources]
    asks_for_key = context.policy.mode(_CONTROL) in {KeyMode.CUSTOMER_MANAGED, KeyMode.DOUBLE}
    if not keys:
        if not default:
            return failed(
                f"version {version} without encryptionConfig keeps secrets without envelope encryption", evidence
            )
        if asks_for_key:
            return warned("encrypted under a key that AWS owns, and the policy asks for a customer's", evidence)
        return passed(f"version {version} encrypts all API data under a key that AWS owns", evidence)
    if asks_for_key:
        key = context.linked(cluster, "key")
        return class_verdict(key_holder(cluster, context), context.policy, _CONTROL, key=key, evidence=evidence)
    return passed("secrets are encrypted under a KMS key", evidence)


def _configured(cluster: Resource) -> list[tuple[str, list[str]]]:
    """The keys that are configured, and what each is for; EKS leaves the field out where there are none."""
    told = optional(cluster.fields.get("encryptionConfig"), list, _DESCRIBE, "encryptionConfig") or []
    found = []
    for one in objects(told, _DESCRIBE, "encryptionConfig"):
        provider = expected(nested(one, _DESCRIBE, "provider"), dict, _DESCRIBE, "encryptionConfig.provider")
        key = expected(provider.get("keyArn"), str, _DESCRIBE, "encryptionConfig.provider.keyArn")
        if not key.startswith(("arn:", "alias/")):
            raise NoAnswer(unknown(f"{_DESCRIBE}: encryptionConfig.provider.keyArn names no key"))
        found.append((key, texts(one.get("resources"), _DESCRIBE, "encryptionConfig.resources")))
    return found


def _key_issues(cluster: Resource) -> list[str]:
    """What EKS says is wrong with the key. Raises `NoAnswer` for a word about keys that enctop does not know."""
    health = optional(cluster.fields.get("health"), dict, _DESCRIBE, "health") or {}
    issues = optional(health.get("issues"), list, _DESCRIBE, "health.issues") or []
    codes = [
        expected(issue.get("code"), str, _DESCRIBE, "health.issues.code")
        for issue in objects(issues, _DESCRIBE, "health.issues")
    ]
    if strange := [code for code in codes if code.startswith("Kms") and code not in _KEY_ISSUES]:
        raise NoAnswer(unknown(f"{_DESCRIBE}: health.issues.code is {strange[0][:60]!r}, which enctop does not know"))
    return [code for code in codes if code in _KEY_ISSUES]
