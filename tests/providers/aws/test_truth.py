"""What enctop says of a seeded AWS is what was seeded: every golden case, and a big tenant, resource by resource."""

import json
import re
from collections import Counter

import msgspec
import pytest
from jsonschema import Draft202012Validator

from posture.snapshot import Snapshot, schema, take, to_json
from providers.aws.calls import CALLS
from providers.collector.collector import Collector
from providers.collector.config import parse
from providers.demo.aws.accounts import FOREIGN, REGIONS, ROLE
from providers.limits import USUAL, Limits
from tests.world.aws import Aws
from tests.world.big import BUCKETS, KEYS, SNAPSHOTS, VOLUMES
from tests.world.truth import Truth


def _two_accounts(aws: Aws) -> str:
    regions = json.dumps(list(REGIONS))
    return f"""
        [[tenant]]
        name = "acme"
        [[tenant.aws]]
        endpoint_url = "{aws.url}"
        regions = {regions}
        [[tenant.aws]]
        endpoint_url = "{aws.url}"
        regions = {regions}
        role_arn = "{ROLE}"
        """


async def _snapshot(configuration: str, limits: Limits = USUAL) -> Snapshot:
    collector = Collector(parse(configuration, "test"), limits=limits)
    await collector.once(timeout=120)
    return take(collector.model, collector.model.now, "test")


def _verdicts(snapshot: Snapshot) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for finding in snapshot.findings:
        found.setdefault(finding.resource, {})[finding.control] = finding.status
    return found


def _differences(truth: Truth, snapshot: Snapshot) -> list[str]:
    """What the snapshot says otherwise than the truth: a resource unseen or unknown to it, or a verdict."""
    found = _verdicts(snapshot)
    seen = {entry.id for entry in snapshot.resources if entry.type not in NOT_SEEDED and FOREIGN not in entry.id}
    lines = [f"{resource}: not seen" for resource in truth.keys() - seen] + [
        f"{resource}: not seeded" for resource in seen - truth.keys()
    ]
    for resource, expected in truth.items():
        said = found.get(resource, {})
        wanted = {control: status.word for control, status in expected.items()}
        lines += [
            f"{resource} {control}: {said.get(control)}, truth {wanted.get(control)}"
            for control in said.keys() | wanted
            if said.get(control) != wanted.get(control)
        ]
    return sorted(lines)


NOT_SEEDED = {"aws.account", "enctop.identity"}
"""Of these the seeder knows no truth: the account itself, and the users that nobody was asked about."""


def _times_left_out(snapshot: Snapshot) -> str:
    """The snapshot's text without times, ages and durations, and without the number of requests: retries count."""
    plain = msgspec.to_builtins(snapshot)
    return re.sub(
        r'"\d{4}-\d\d-\d\dT[0-9:.Z]+"|"seconds": [0-9.]+|"calls": [0-9]+', "", json.dumps(plain, sort_keys=True)
    )


async def test_every_golden_case_is_told_as_it_was_seeded(aws: Aws) -> None:
    golden = aws.golden()
    regions = json.dumps(list(golden.regions))
    text = f"""
        [[tenant]]
        name = "acme"
        [[tenant.aws]]
        endpoint_url = "{aws.url}"
        regions = {regions}
        """
    snapshot = await _snapshot(text, Limits(read=1.0))
    assert _differences(golden.truth, snapshot) == []
    states = {source.id.rpartition("123456789012/")[2]: source.state for source in snapshot.sources}
    assert states[f"{golden.opted_out}/region"] == "disabled", (
        "a region that is not switched on is named, and not asked"
    )
    assert not any(golden.opted_out in entry.id for entry in snapshot.resources)
    assert states[f"{golden.hanging}/ebs"] == "unreachable", "a region that hangs is unknown, not empty"
    assert not snapshot.complete
    assert snapshot.summary.tenants["acme"].status == "fail"


async def test_golden_objects_are_told_where_the_operator_asks_for_objects(aws: Aws) -> None:
    golden = aws.golden()
    aws.faults.clear()
    text = f"""
        [[tenant]]
        name = "acme"
        [[tenant.aws]]
        endpoint_url = "{aws.url}"
        regions = ["us-east-1"]
        object_sample = 3
        inventory = true
        """
    snapshot = await _snapshot(text)
    worst: dict[tuple[str, str], str] = {}
    order = ["fail", "unknown", "warn", "pass", "not_applicable"]
    for finding in snapshot.findings:
        if finding.control.startswith("aws.s3.object-encryption"):
            bucket = finding.resource.partition("#")[0].split("/")[0]
            key = (bucket, finding.control)
            worst[key] = min(worst.get(key, "not_applicable"), finding.status, key=order.index)
    for bucket, expected in golden.objects.items():
        for control, status in expected.items():
            assert worst[bucket, control] == status.word, f"{bucket} {control}"


@pytest.mark.parametrize(
    "many", [(1_200, 400, 240), pytest.param((VOLUMES, SNAPSHOTS, BUCKETS), marks=pytest.mark.bench)], ids=str
)
async def test_a_big_tenant_is_told_whole_and_the_same_twice(aws: Aws, many: tuple[int, int, int]) -> None:
    """Two accounts, one by role, two regions, 50 keys of every kind; volumes, snapshots and buckets, more than a page
    of each.
    """
    truth = aws.big(*many)
    first = await _snapshot(_two_accounts(aws))
    assert _differences(truth, first) == []
    types = Counter(entry.type for entry in first.resources if FOREIGN not in entry.id)
    named = ("aws.ebs.volume", "aws.ebs.snapshot", "aws.s3.bucket", "aws.kms.key")
    assert [types[each] for each in named] == [*many, KEYS]
    Draft202012Validator(schema()).validate(json.loads(to_json(first)))
    second = await _snapshot(_two_accounts(aws))
    assert _times_left_out(first) == _times_left_out(second)


async def test_nothing_is_asked_that_is_not_declared(aws: Aws) -> None:
    aws.golden()
    aws.faults.clear()
    aws.log.clear()
    await _snapshot(_two_accounts(aws))
    declared = {call.operation if call.service != "s3control" else f"s3control:{call.name}" for call in CALLS.values()}
    assert aws.log.operations <= declared
