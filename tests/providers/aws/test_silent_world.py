"""What enctop says when AWS is not there, hangs, or sends garbage: the rows stay as they were and age,
and nothing vanishes.
"""

from collections.abc import Callable

import msgspec
import pytest

from posture.fault import FaultKind
from posture.source import STALE_CADENCES, State
from posture.verdict import Status
from providers.demo.aws import bucketpolicy
from providers.demo.faults import Rule
from tests.providers.conftest import SHORT, Watch, World, until
from tests.world.aws import Aws

FAIL, UNKNOWN, WARN, PASS, NA = Status.FAIL, Status.UNKNOWN, Status.WARN, Status.PASS, Status.NOT_APPLICABLE
DEFAULT, TLS, SSEC = "aws.s3.default-encryption", "aws.s3.tls-only-policy", "aws.s3.ssec-blocked"
ENCRYPTED, USABLE, KEY_POLICY = "aws.ebs.volume-encrypted", "aws.ebs.kms-key-usable", "aws.ebs.volume-key-policy"
STATE, ROTATION, OPEN = "aws.kms.key-state", "aws.kms.rotation", "aws.kms.key-public"
MakeWatch = Callable[..., Watch]


# ------------------------------------------------------------ unreachable


@pytest.mark.parametrize(("operation", "times"), [("kms:DescribeKey", 6), ("s3:GetBucketEncryption", 10)])
async def test_a_stall_in_mid_poll_costs_a_second_question_and_no_verdict(
    aws: Aws, watch: MakeWatch, world: World, operation: str, times: int
) -> None:
    """A snapshot has no next poll in which to do better."""
    aws.faults.add(Rule("refuse", operation, times=times))
    seen = await watch().poll()
    assert {source.state for source in seen.model.sources.values()} == {State.OK}
    assert UNKNOWN not in (seen.verdicts(DEFAULT) | seen.verdicts(STATE)).values()


@pytest.mark.parametrize("fault", ["refuse", "hang"])
async def test_a_region_that_is_gone_is_unreachable_and_the_others_go_on(
    aws: Aws, watch: MakeWatch, world: World, fault: str
) -> None:
    far, own = aws.region("eu-west-1"), aws.buckets()
    volume, key = far.volume(), far.key("far")
    for number in range(6):
        own.make(f"far-{number}", "eu-west-1", policy=bucketpolicy.tls_12(f"far-{number}"))
    seen = await watch(("us-east-1", "eu-west-1"), limits=msgspec.structs.replace(SHORT, read=0.5)).poll()
    rule = getattr(aws.faults, fault)("eu-west-1")
    world_before = seen.verdicts(DEFAULT)
    aws.region().delete_volume(world.volumes[2])
    await seen.poll()
    for service in ("ebs", "kms", "ec2", "snapshots"):
        assert seen.source(service, "eu-west-1").state is State.UNREACHABLE
        assert seen.source(service, "us-east-1").state is State.OK
    assert seen.finding(ENCRYPTED, volume).status is PASS
    assert seen.finding(STATE, key).status is PASS
    assert list(seen.verdicts(ENCRYPTED).values()).count(FAIL) == 0, "the deletion in the other region was seen"
    assert seen.verdicts(DEFAULT) == world_before, "its buckets stay as they were, as its volumes do"
    source = seen.source("s3")
    assert (source.state, source.fault and source.fault.kind) == (State.PARTIAL, FaultKind.UNREACHABLE)
    aws.faults.remove(rule)
    await seen.poll()
    assert {source.state for source in seen.model.sources.values()} == {State.OK}


async def test_buckets_of_a_silent_region_age_while_the_others_are_read(
    aws: Aws, watch: MakeWatch, world: World
) -> None:
    for number in range(4):
        aws.buckets().make(f"far-{number}", "eu-west-1", policy=bucketpolicy.tls_12(f"far-{number}"))
    seen = await watch().poll()
    aws.faults.refuse("eu-west-1")
    later = seen.collector._now() + STALE_CADENCES * seen.source("s3").cadence + 60
    seen.collector._now = seen.poller._now = lambda: later
    await seen.poll()
    assert seen.verdicts(DEFAULT) == {
        "b-4": FAIL,
        **{f"b-{n}": PASS for n in range(4)},
        **{f"far-{n}": UNKNOWN for n in range(4)},
    }


async def test_an_account_is_seen_whole_though_its_first_region_is_gone(
    aws: Aws, watch: MakeWatch, world: World
) -> None:
    aws.faults.refuse("eu-west-1")
    seen = await watch(("eu-west-1", "us-east-1")).poll()
    assert {seen.source(service).state for service in ("account", "s3")} == {State.OK}
    assert seen.source("ebs", "us-east-1").state is State.OK
    assert seen.source("ebs", "eu-west-1").state is State.UNREACHABLE


async def test_several_regions_that_hang_do_not_stop_one_that_answers(aws: Aws, watch: MakeWatch, world: World) -> None:
    hanging = ("eu-west-1", "eu-west-2", "eu-west-3", "eu-north-1", "eu-central-1", "us-west-1")
    rules = [aws.faults.hang(region) for region in hanging]
    seen = watch(("us-east-1", *hanging), limits=msgspec.structs.replace(SHORT, read=60.0))
    seen.poller.add(seen.collector.sources())
    await until(
        lambda: [
            s
            for s in seen.model.sources.values()
            if s.scope.endswith("us-east-1") and s.state is State.OK and s.service == "snapshots"
        ]
    )
    for rule in rules:
        aws.faults.remove(rule)


# ------------------------------------------------------------ babbling


@pytest.mark.parametrize("fault", ["cut", "truncate", "html", "fail"])
async def test_an_answer_that_is_none_moves_no_row(aws: Aws, watch: MakeWatch, world: World, fault: str) -> None:
    seen = await watch().poll()
    before = (
        seen.verdicts(ENCRYPTED)
        | seen.verdicts(DEFAULT)
        | seen.verdicts(TLS)
        | seen.verdicts(STATE)
        | seen.verdicts(OPEN)
    )
    getattr(aws.faults, fault)("*")
    await seen.poll()
    assert (
        seen.verdicts(ENCRYPTED)
        | seen.verdicts(DEFAULT)
        | seen.verdicts(TLS)
        | seen.verdicts(STATE)
        | seen.verdicts(OPEN)
        == before
    )
    for service in ("account", "ebs", "kms", "ec2", "snapshots"):
        assert seen.source(service).state is State.ERROR, service
    aws.faults.clear()
    await seen.poll()
    assert {source.state for source in seen.model.sources.values()} == {State.OK}


@pytest.mark.parametrize(
    "operation",
    [
        "s3:ListBuckets",
        "s3:GetBucketEncryption",
        "s3:GetBucketPolicy",
        "s3:GetPublicAccessBlock",
        "s3control:GetPublicAccessBlock",
        "kms:ListKeys",
        "kms:ListAliases",
        "kms:DescribeKey",
        "kms:GetKeyPolicy",
        "ec2:DescribeVolumes",
        "ec2:DescribeSnapshots",
        "ec2:DescribeLaunchTemplateVersions",
        "ec2:GetEbsEncryptionByDefault",
        "ec2:DescribeRegions",
        "sts:GetCallerIdentity",
    ],
)
async def test_one_call_that_babbles_is_said_and_makes_nothing_pass_fail_or_vanish(
    aws: Aws, watch: MakeWatch, world: World, operation: str
) -> None:
    seen = await watch().poll()
    before = {
        entry.resource.id: {name: finding.status for name, finding in entry.findings.items()}
        for entry in seen.model.all()
    }
    for fault in ("cut", "truncate", "html", "fail"):
        aws.faults.clear()
        getattr(aws.faults, fault)(operation)
        await seen.poll()
        after = {
            entry.resource.id: {name: finding.status for name, finding in entry.findings.items()}
            for entry in seen.model.all()
        }
        assert before.keys() == after.keys()
        for name, verdicts in before.items():
            if not name.startswith(("enctop:", "acme/")):
                assert all(after[name][control] in {status, UNKNOWN} for control, status in verdicts.items()), (
                    fault,
                    name,
                )
        faults = [source.fault for source in seen.model.sources.values() if source.fault is not None]
        assert [(one.operation, one.kind) for one in faults] == [
            (operation.replace("s3control", "s3"), FaultKind.ERROR)
        ], fault


async def test_a_proxys_refusal_names_no_permission_for_none_would_help(
    aws: Aws, watch: MakeWatch, world: World
) -> None:
    for operation in ("s3:GetBucketPolicy", "kms:DescribeKey", "ec2:DescribeVolumes"):
        aws.faults.add(Rule("html", operation, status=403))
    seen = await watch().poll()
    faults = [seen.finding(TLS, world.buckets[0]).fault, seen.finding(STATE, world.key).fault, seen.source("ebs").fault]
    assert [(fault.kind, fault.code, fault.permission) for fault in faults if fault is not None] == [
        (FaultKind.ERROR, "403", None)
    ] * 3


async def test_what_the_sdk_cannot_read_on_this_machine_is_one_line(
    watch: MakeWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    seen = await watch().poll()
    fault = seen.source("account").fault
    assert fault is not None
    assert fault.code == "ProfileNotFound"
    assert "nobody" in fault.message
