"""Whatever is missing or refused: no control raises, and none passes what it could not read."""

import itertools
from collections.abc import Iterable
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.controls.aws.iam_policy import PolicyError, denial, open_to_everyone, statements
from posture.controls.registry import Control, registry
from posture.fault import Fault, FaultKind
from posture.policy import ExceptionRule, KeyMode, Policy
from posture.resource import Resource
from posture.source import State
from posture.verdict import Status, Verdict
from tests.posture.controls.app import world as app_world
from tests.posture.controls.aws import edge_world
from tests.posture.controls.azure import world as azure_world
from tests.posture.controls.gcp.world import BESIDE as GCP_BESIDE
from tests.posture.controls.gcp.world import GCP_RESOURCES
from tests.posture.controls.kubernetes import world as k8s_world
from tests.posture.controls.tls.world import certificate, endpoint
from tests.posture.controls.vault.world import WHOLE as VAULT
from tests.posture.controls.world import (
    AWS_TYPES,
    NOW,
    World,
    account,
    bucket,
    key,
    made,
    region,
    snapshot,
    source,
    source_row,
    template,
    tenant,
    volume,
)

ARN = key().id
TYPES: dict[str, Resource] = {
    "aws.ebs.volume": volume(key=ARN),
    "aws.ebs.snapshot": snapshot(key=ARN),
    "aws.ec2.region": region(key=ARN),
    "aws.ec2.launch-template": template(
        {"DeviceName": "x", "Ebs": {"Encrypted": True}}, {"DeviceName": "y", "Ebs": {}}
    ),
    "aws.s3.bucket": bucket("aws:kms", key=ARN, Policy='{"Statement": []}', PolicyStatus={"IsPublic": False}),
    "aws.s3.inventory": made(
        "i",
        "inventory",
        "aws.s3.inventory",
        fields={
            "InventoryConfigurations": [
                {"IsEnabled": True, "IncludedObjectVersions": "All", "OptionalFields": ["EncryptionStatus"]}
            ],
            "Report": {"At": "2026-11-23T02:00:00Z", "Schedule": "Daily", "Counts": {"SSE-S3": 3}, "Rows": 3},
        },
    ),
    "aws.s3.object-sample": made(
        "s",
        "object-sample",
        "aws.s3.object-sample",
        fields={"StatusCode": 200, "ServerSideEncryption": "AES256", "SampleOf": [5, 5]},
    ),
    "aws.kms.key": key(
        KeyRotationEnabled=True, RotationPeriodInDays=365, Policy='{"Statement": []}', ValidTo="2027-11-23T14:00:00Z"
    ),
    **AWS_TYPES,
    "tls.endpoint": endpoint(),
    "tls.certificate": certificate(),
    "enctop.source": source_row(),
    "enctop.tenant": tenant(),
    **edge_world.TYPES,
    **VAULT,
    **azure_world.TYPES,
    **GCP_RESOURCES,
    **k8s_world.TYPES,
    **app_world.TYPES,
}
OPERATIONS = sorted(
    {operation for control in registry() for operation in control.reads}
    | {"ec2:DescribeSnapshots(RestorableByUserIds=all)"}
)
POLICIES = (
    *(Policy(keys=mode, strict=strict) for mode in KeyMode for strict in (True, False)),
    Policy(keys=KeyMode.CUSTOMER_MANAGED, required_keys=(ARN,), regulated=True),
    Policy(
        exception=(
            msgspec.convert({"control": "aws", "resource": "*", "until": "2026-12-01", "reason": "r"}, ExceptionRule),
        )
    ),
)
AWS = [control for control in registry() if control.id.startswith(("aws.", "azure.", "gcp.", "k8s.", "tls.", "vault."))]


SEEDS = st.integers(0, 2**63)
"""What is missing is chosen by `Random` of one: Hypothesis takes twenty times as long to draw so many parts."""


def some(random: Random, among: Iterable[str]) -> set[str]:
    """None, some or all of these."""
    share = random.choice((0.0, 0.2, 0.5, 0.8, 1.0))
    return {each for each in among if random.random() < share}


def worn(random: Random, whole: Resource) -> Resource:
    """A resource of which some fields were never answered or stand empty, some reads refused, and some links not
    made.
    """
    kept = some(random, sorted(whole.fields))
    emptied = some(random, sorted(kept))
    refused = random.sample(OPERATIONS, random.randint(0, 3))
    return msgspec.structs.replace(
        whole,
        fields={name: None if name in emptied else whole.fields[name] for name in sorted(kept)},
        faults={operation: Fault(random.choice(list(FaultKind)), "Code", operation) for operation in refused},
        links=tuple(link for link in whole.links if random.random() < 0.5),
        encryption=random.choice((whole.encryption, None)),
    )


def world_of(random: Random) -> World:
    """Some neighbours, as worn, under some policy; a source that stands somehow, or none."""
    neighbours = (
        key(ValidTo="2026-12-01T00:00:00Z"),
        region(key=ARN),
        account(),
        volume(key=ARN),
        *edge_world.BESIDE,
        *azure_world.BESIDE,
        *GCP_BESIDE,
        *k8s_world.BESIDE,
    )
    beside = [worn(random, whole) for whole in neighbours if random.random() < 0.5]
    last = random.choice((None, NOW - random.uniform(0, 1e4)))
    asked = [source(state=random.choice(list(State)), last_success=last)] if random.random() < 0.5 else []
    return World(beside, random.choice(POLICIES), asked, random.randint(0, 2))


@pytest.mark.parametrize("control", list(registry()), ids=lambda control: control.id)
@settings(max_examples=50, deadline=None)
@given(seed=SEEDS)
def test_no_control_raises_whatever_is_missing(control: Control, seed: int) -> None:
    random = Random(seed)
    world = world_of(random)
    resource = worn(random, TYPES[random.choice(control.applies)])
    verdict = control.judge(resource, world)
    assert isinstance(verdict, Verdict)
    assert verdict.reason
    assert verdict.valid_until is None or verdict.valid_until > world.now


@pytest.mark.parametrize("control", [control for control in AWS if control.reads], ids=lambda control: control.id)
@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_what_was_refused_altogether_is_unknown_even_where_old_fields_linger(control: Control, seed: int) -> None:
    random = Random(seed)
    kind = random.choice(list(FaultKind))
    whole = TYPES[random.choice(control.applies)]
    faults = {operation: Fault(kind, "Code", operation) for operation in OPERATIONS}
    blind = msgspec.structs.replace(whole, faults=faults, fields=random.choice((whole.fields, {})))
    verdict = control.judge(blind, world_of(random))
    assert verdict.status is Status.UNKNOWN
    assert verdict.fault is not None
    assert verdict.fault.kind is kind


@pytest.mark.parametrize("control", AWS, ids=lambda control: control.id)
def test_nothing_answered_is_never_a_pass_nor_a_fail(control: Control) -> None:
    for type_, policy in itertools.product(control.applies, POLICIES):
        bare = msgspec.structs.replace(TYPES[type_], fields={}, links=(), encryption=None)
        assert control.judge(bare, World(policy=policy)).status is Status.UNKNOWN


WORDS = st.sampled_from(
    [
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "Resource",
        "Condition",
        "Bool",
        "aws:SecureTransport",
        "AWS",
        "x",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
)


@given(
    st.text() | st.fixed_dictionaries({"Statement": JSON}).map(lambda document: msgspec.json.encode(document).decode())
)
def test_any_policy_text_is_read_or_refused_in_one_way(text: str) -> None:
    try:
        policy: Any = statements(text)
    except PolicyError:
        return
    open_to_everyone(policy)
    denial(policy, "arn:aws:s3:::b", lambda condition: "")
