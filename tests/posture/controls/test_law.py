"""Whatever is missing or refused: no control raises, and none passes what it could not read."""

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
from tests.posture.controls.azure import world as azure_world
from tests.posture.controls.gcp.world import GCP_RESOURCES
from tests.posture.controls.tls.world import certificate, endpoint
from tests.posture.controls.vault.world import WHOLE as VAULT
from tests.posture.controls.world import (
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
    "tls.endpoint": endpoint(),
    "tls.certificate": certificate(),
    "enctop.source": source_row(),
    "enctop.tenant": tenant(),
    **VAULT,
    **azure_world.TYPES,
    **GCP_RESOURCES,
}
OPERATIONS = sorted(
    {operation for control in registry() for operation in control.reads}
    | {"ec2:DescribeSnapshots(RestorableByUserIds=all)"}
)
POLICIES = st.sampled_from(
    [
        *(Policy(keys=mode, strict=strict) for mode in KeyMode for strict in (True, False)),
        Policy(keys=KeyMode.CUSTOMER_MANAGED, required_keys=(ARN,), regulated=True),
        Policy(
            exception=(
                msgspec.convert(
                    {"control": "aws", "resource": "*", "until": "2026-12-01", "reason": "r"}, ExceptionRule
                ),
            )
        ),
    ]
)
AWS = [control for control in registry() if control.id.startswith(("aws.", "azure.", "gcp.", "tls.", "vault."))]


@st.composite
def worn(draw: st.DrawFn, whole: Resource) -> Resource:
    """A resource of which some fields were never answered or stand empty, some reads refused, and some links not
    made.
    """
    kept = draw(st.sets(st.sampled_from(sorted(whole.fields)))) if whole.fields else set()
    emptied = draw(st.sets(st.sampled_from(sorted(kept)))) if kept else set()
    faults = {
        operation: Fault(draw(st.sampled_from(FaultKind)), "Code", operation)
        for operation in draw(st.sets(st.sampled_from(OPERATIONS), max_size=3))
    }
    return msgspec.structs.replace(
        whole,
        fields={name: None if name in emptied else whole.fields[name] for name in kept},
        faults=faults,
        links=tuple(link for link in whole.links if draw(st.booleans())),
        encryption=whole.encryption if draw(st.booleans()) else None,
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    beside = [
        draw(worn(whole))
        for whole in (
            key(ValidTo="2026-12-01T00:00:00Z"),
            region(key=ARN),
            account(),
            volume(key=ARN),
            *azure_world.BESIDE,
        )
        if draw(st.booleans())
    ]
    last = draw(st.none() | st.floats(0, 1e4).map(lambda age: NOW - age))
    asked = [source(state=draw(st.sampled_from(State)), last_success=last)] if draw(st.booleans()) else []
    return World(beside, draw(POLICIES), asked, draw(st.integers(0, 2)))


@pytest.mark.parametrize("control", list(registry()), ids=lambda control: control.id)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_no_control_raises_whatever_is_missing(control: Control, data: st.DataObject) -> None:
    world = data.draw(worlds())
    resource = data.draw(worn(TYPES[data.draw(st.sampled_from(control.applies))]))
    verdict = control.judge(resource, world)
    assert isinstance(verdict, Verdict)
    assert verdict.reason
    assert verdict.valid_until is None or verdict.valid_until > world.now


@pytest.mark.parametrize("control", AWS, ids=lambda control: control.id)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_what_was_refused_altogether_is_unknown_even_where_old_fields_linger(
    control: Control, data: st.DataObject
) -> None:
    kind = data.draw(st.sampled_from(FaultKind))
    whole = TYPES[data.draw(st.sampled_from(control.applies))]
    faults = {operation: Fault(kind, "Code", operation) for operation in OPERATIONS}
    blind = msgspec.structs.replace(whole, faults=faults, fields=whole.fields if data.draw(st.booleans()) else {})
    verdict = control.judge(blind, data.draw(worlds()))
    assert verdict.status is Status.UNKNOWN
    assert verdict.fault is not None
    assert verdict.fault.kind is kind


@pytest.mark.parametrize("control", AWS, ids=lambda control: control.id)
@settings(max_examples=15, deadline=None)
@given(policy=POLICIES)
def test_nothing_answered_is_never_a_pass_nor_a_fail(control: Control, policy: Policy) -> None:
    for type_ in control.applies:
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
