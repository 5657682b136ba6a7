"""Storage classes: what they ask for, which of them is the default, and whose key they name. A class is intent; what
it made is judged by the volumes.
"""

from typing import Any

from posture.context import Context
from posture.controls.aws.keys import class_reason
from posture.controls.kubernetes.keys import accounts_of, allowed, class_of_key, health, names_of, volumes_of
from posture.controls.kubernetes.provisioners import STORAGE_CLASSES, Asked, Intent, class_intent
from posture.controls.registry import control
from posture.fields import part
from posture.policy import KeyMode
from posture.reading import expected, field_of, refusals, time_of
from posture.resource import KeyClass, Resource
from posture.verdict import (
    Finding,
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

VOLUMES, MADE = "persistentvolumes", "persistent-volume"
DEFAULT_CLASS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
_DEFAULT_ON, _DEFAULT_KEY = "aws.ebs.default-encryption-region", "aws.ebs.default-key-policy"
_OWN_KEYS = frozenset({KeyMode.PROVIDER_MANAGED, KeyMode.EITHER})
"""Modes under which a class need not name a key."""


@control("k8s.storageclass.encrypted", on="k8s.storageclass")
def encrypted(storage_class: Resource, context: Context) -> Verdict:
    """A class that leaves it to the region is as good as the region; one that nothing uses has done no harm yet."""
    asks = class_intent(storage_class)
    facts = _facts(storage_class, asks)
    if asks.asked in {Asked.ENCRYPTED, Asked.PLATFORM}:
        return passed(asks.reason, facts)
    if asks.asked is Asked.UNKNOWN:
        return unknown(asks.reason, evidence=facts)
    used = context.count_kinds(storage_class).get(MADE, 0)
    facts["persistent volumes"] = used
    if not used and not context.listed("kubernetes", storage_class.scope, VOLUMES):
        return unknown(f"{asks.reason}; whether volumes use it is not known: they were not listed in full", None, facts)
    if not used:
        return warned(f"{asks.reason}; no volume uses it", facts)
    if asks.asked is Asked.PLAINTEXT:
        return failed(f"{asks.reason}; {used} volumes use it", facts)
    return _by_default(storage_class, asks, facts, context)


@control("k8s.storageclass.default", on="k8s.cluster")
def default(cluster: Resource, context: Context) -> Verdict:
    """Where there are several, the newest is used, and of equally old ones the first by name."""
    refusal = refusals(cluster, STORAGE_CLASSES)
    if refusal is not None:
        return unanswered(refusal)
    linked = context.linked_all(cluster, "default-class")
    classes = [found for _, found in linked if found is not None]
    if not linked:
        if not context.listed("kubernetes", cluster.scope, "storageclasses"):
            return unknown("the storage classes were not listed in full")
        return warned("no default class: a claim that names none waits for one", {"default classes": []})
    if len(classes) < len(linked):
        return unknown("a default class has not been seen")
    newest = min(sorted(classes, key=lambda each: each.name), key=lambda each: -_made(each))
    names = [newest.name, *sorted(each.name for each in classes if each is not newest)]
    facts: dict[str, Any] = {"default classes": names, **_is_default(newest)}
    verdict = _default_class(newest, facts, context)
    if len(classes) > 1 and verdict.status is Status.PASS:
        return warned(f"{len(classes)} default classes; {newest.name} is used, the newest: {verdict.reason}", facts)
    return verdict


@control("k8s.storageclass.key-policy", on="k8s.storageclass")
def key_policy(storage_class: Resource, context: Context) -> Verdict:
    """The key that a class names, as the policy says; and it can be used."""
    asks = class_intent(storage_class)
    facts = _facts(storage_class, asks)
    if asks.asked is Asked.UNKNOWN:
        return unknown(f"{asks.reason}: nor which key is used", evidence=facts)
    if asks.asked is Asked.PLAINTEXT:
        return not_applicable("asks for no encryption: no key is involved", facts)
    if asks.secret:
        return _under_secret(context, facts)
    if asks.key is None:
        return _unnamed(storage_class, asks, context, facts)
    return _named(storage_class, asks, asks.key, context, facts)


def _facts(storage_class: Resource, asks: Intent) -> dict[str, Any]:
    facts: dict[str, Any] = {
        f"{STORAGE_CLASSES}.provisioner": storage_class.fields.get("provisioner"),
        "asks for": asks.asked.name.lower(),
    }
    return facts if asks.key is None else {**facts, "key": asks.key}


def _by_default(storage_class: Resource, asks: Intent, facts: dict[str, Any], context: Context) -> Verdict:
    """What the regions do that the volumes of a class are in."""
    said = _said_by_regions(storage_class, _DEFAULT_ON, context)
    facts = {**facts, "region's default": sorted({finding.status.word if finding else "unknown" for finding in said})}
    statuses = {Status.UNKNOWN if finding is None else finding.status for finding in said}
    if statuses & {Status.FAIL, Status.WARN}:
        return failed(f"{asks.reason}, and it is off", facts)
    if statuses == {Status.PASS}:
        return warned(f"{asks.reason}, and it is on", facts)
    return unknown(f"{asks.reason}, and that is not known", evidence=facts)


def _said_by_regions(storage_class: Resource, control_id: str, context: Context) -> list[Finding | None]:
    """What a control says of each region that volumes of a class are in; None where that is not known."""
    volumes = volumes_of(storage_class, context)
    regions = [context.linked(volume, "region") for volume in volumes if volume.provider == "aws"]
    cluster = context.linked(storage_class, "cluster") if not regions else None
    if cluster is not None and cluster.link("region"):
        regions = [context.linked(cluster, "region")]
    if not regions:
        context.listed("aws", None, "ebs")  # judged again when they are
        return [None]
    return [None if region is None else context.findings(region).get(control_id) for region in regions]


def _made(storage_class: Resource) -> float:
    """When a class was made, UTC seconds. Raises `NoAnswer` where that is not told."""
    metadata = expected(field_of(storage_class, STORAGE_CLASSES, "metadata"), dict, STORAGE_CLASSES, "metadata")
    return time_of(metadata.get("creationTimestamp"), STORAGE_CLASSES, "metadata.creationTimestamp")


def _is_default(storage_class: Resource) -> dict[str, Any]:
    annotations = part(part(storage_class.fields, STORAGE_CLASSES, "metadata"), STORAGE_CLASSES, "annotations")
    return {name: annotations[name] for name in DEFAULT_CLASS if name in annotations}


def _default_class(storage_class: Resource, facts: dict[str, Any], context: Context) -> Verdict:
    if "true" not in facts.values():
        return unknown(f"{storage_class.name} is not annotated as the default", evidence=facts)
    asks = class_intent(storage_class)
    reason, facts = f"{storage_class.name}: {asks.reason}", {**facts, **_facts(storage_class, asks)}
    match asks.asked:
        case Asked.ENCRYPTED | Asked.PLATFORM:
            return passed(reason, facts)
        case Asked.PLAINTEXT:
            return failed(reason, facts)
        case Asked.DEFAULT:
            named = Intent(asks.asked, reason)
            return _by_default(storage_class, named, facts, context)
        case _:
            return unknown(reason, evidence=facts)


def _under_secret(context: Context, facts: dict[str, Any]) -> Verdict:
    """A passphrase in a Secret is the customer's, and as safe as the Secrets are."""
    facts = {**facts, "key": "a Kubernetes Secret"}
    if allowed(KeyClass.SUPPLIED, context.policy, "k8s.storageclass.key-policy", ()) is Status.FAIL:
        mode = context.policy.mode("k8s.storageclass.key-policy")
        return failed(f"the passphrase is a Kubernetes Secret, policy asks for {mode}", facts)
    return warned("the passphrase is a Kubernetes Secret", facts)


def _unnamed(storage_class: Resource, asks: Intent, context: Context, facts: dict[str, Any]) -> Verdict:
    """No key is named: the platform's own is used, or on EBS the region's default key."""
    mode = context.policy.mode("k8s.storageclass.key-policy")
    if not asks.by_region:
        status = allowed(KeyClass.PROVIDER, context.policy, "k8s.storageclass.key-policy", ())
        return Verdict(status, f"names no key, policy asks for {mode}", facts)
    said = _said_by_regions(storage_class, _DEFAULT_KEY, context)
    statuses = {Status.UNKNOWN if finding is None else finding.status for finding in said}
    facts = {**facts, "region's default key": sorted(status.word for status in statuses)}
    if Status.FAIL in statuses:
        return failed("names no key: the region's default key decides, and is not as the policy says", facts)
    if mode not in _OWN_KEYS and statuses - {Status.PASS, Status.WARN}:
        return failed(f"names no key, policy asks for {mode}", facts)
    return warned("names no key: the region's default key decides", facts)


def _named(storage_class: Resource, asks: Intent, named: str, context: Context, facts: dict[str, Any]) -> Verdict:
    key = context.linked(storage_class, "key")
    observed = KeyClass.UNKNOWN
    if asks.double:
        observed = KeyClass.DOUBLE
    elif key is not None:
        observed = class_of_key(key, accounts_of(storage_class, key.provider, context), context.policy)
    control_id = "k8s.storageclass.key-policy"
    status = allowed(observed, context.policy, control_id, names_of(key, named))
    if status is Status.UNKNOWN:
        why = "has not been seen" if key is None else "may be another account's"
        return unknown(f"the key it names {why}", evidence=facts)
    policy = context.policy
    shown = KeyClass.CUSTOMER if observed is KeyClass.UNKNOWN else observed
    reason = class_reason(status, shown, policy.mode(control_id), bool(policy.required_keys))
    if status is Status.FAIL:
        return failed(reason, facts)
    works = None if key is None else health(key, context)
    if works is None:
        return unknown("whether the key it names can be used is not known", evidence=facts)
    facts["key state"] = works.status.word
    if works.status in {Status.PASS, Status.NOT_APPLICABLE}:
        return Verdict(status, reason, facts)
    verdict = Verdict(min(works.status, status), f"the key it names: {works.reason}", facts, None, works.fault)
    return because(verdict, works.root)
