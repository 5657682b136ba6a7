"""What enctop says when AWS refuses, throttles or knows us no more: never a PASS or FAIL out of a read that was not
answered, and never nothing.
"""

from collections.abc import Callable

import pytest

from posture.fault import FaultKind
from posture.source import STALE_CADENCES, State
from posture.verdict import Status
from providers.demo.aws import bucketpolicy
from providers.demo.faults import Rule
from tests.providers.conftest import Watch, World
from tests.world.aws import Aws

FAIL, UNKNOWN, WARN, PASS, NA = Status.FAIL, Status.UNKNOWN, Status.WARN, Status.PASS, Status.NOT_APPLICABLE
DEFAULT, TLS, SSEC = "aws.s3.default-encryption", "aws.s3.tls-only-policy", "aws.s3.ssec-blocked"
ENCRYPTED, USABLE, KEY_POLICY = "aws.ebs.volume-encrypted", "aws.ebs.kms-key-usable", "aws.ebs.volume-key-policy"
STATE, ROTATION, OPEN = "aws.kms.key-state", "aws.kms.rotation", "aws.kms.key-public"
MakeWatch = Callable[..., Watch]


# ------------------------------------------------------------ refused


async def test_a_denied_bucket_is_unknown_and_names_the_permission_and_the_others_are_told(
    aws: Aws, watch: MakeWatch, world: World
) -> None:
    aws.deny("s3:GetBucketEncryption", bucket="b-1")
    aws.deny("s3:GetBucketEncryption", bucket="b-4")
    seen = await watch().poll()
    assert seen.verdicts(DEFAULT) == {"b-0": PASS, "b-1": UNKNOWN, "b-2": PASS, "b-3": PASS, "b-4": UNKNOWN}
    finding = seen.finding(DEFAULT, world.buckets[1])
    assert finding.fault is not None
    assert finding.fault.permission == "s3:GetEncryptionConfiguration"
    assert "s3:GetEncryptionConfiguration" in finding.reason
    assert seen.finding(SSEC, world.buckets[1]).status is UNKNOWN
    assert seen.finding(TLS, world.buckets[1]).status is PASS, "what was answered of it is judged"
    source = seen.source("s3")
    assert (source.state, source.fault and source.fault.permission) == (State.PARTIAL, "s3:GetEncryptionConfiguration")


async def test_keys_that_may_not_be_described_are_unknown_and_so_is_what_they_encrypt(
    aws: Aws, watch: MakeWatch, world: World
) -> None:
    aws.deny("kms:DescribeKey")
    seen = await watch().poll()
    for control in (STATE, ROTATION):
        assert seen.finding(control, world.key).status is UNKNOWN
    fault = seen.finding(STATE, world.key).fault
    assert fault is not None
    assert fault.permission == "kms:DescribeKey"
    assert seen.finding(USABLE, world.volumes[0]).status is UNKNOWN
    assert seen.finding(KEY_POLICY, world.volumes[0]).status is UNKNOWN
    assert [seen.finding(ENCRYPTED, volume).status for volume in world.volumes] == [PASS, PASS, FAIL]
    assert seen.source("kms").state is State.PARTIAL


async def test_keys_that_may_not_be_listed_stay_as_they_were_and_age(aws: Aws, watch: MakeWatch, world: World) -> None:
    seen = await watch().poll()
    before = dict(seen.row(world.key).findings)
    observed = seen.row(world.key).observed_at
    rule = aws.deny("kms:*")
    await seen.poll()
    source = seen.source("kms")
    assert (source.state, source.fault and source.fault.permission) == (State.DENIED, "kms:ListKeys")
    assert seen.row(world.key).findings == before
    assert seen.row(world.key).observed_at == observed
    assert seen.model.rollups["acme"].findings[UNKNOWN] > 0, "but the tenant is not whole"
    stale = observed + STALE_CADENCES * source.cadence + 1
    seen.model.tick(stale)
    finding = seen.finding(STATE, world.key)
    assert finding.status is UNKNOWN
    assert finding.fault is not None
    assert finding.fault.permission == "kms:ListKeys"
    aws.faults.remove(rule)
    seen.collector._now = seen.poller._now = lambda: stale + 1  # time went on meanwhile
    await seen.poll()
    assert seen.finding(STATE, world.key).status is PASS


# Every row of what other tools were seen to do with one API error at a time (10 of 10 buckets FAIL, 0 of 10 flagged,
# checks that disappear): ours.
@pytest.mark.parametrize(
    ("operation", "service", "permission", "controls", "others"),
    [
        (
            "ec2:GetEbsEncryptionByDefault",
            "ec2",
            "ec2:GetEbsEncryptionByDefault",
            ["aws.ebs.default-encryption-region"],
            [ENCRYPTED],
        ),
        ("s3:GetBucketEncryption", "s3", "s3:GetEncryptionConfiguration", [DEFAULT, SSEC], [TLS]),
        ("s3:GetBucketPolicy", "s3", "s3:GetBucketPolicy", [TLS, "aws.s3.tls-min-version"], [DEFAULT]),
        ("kms:DescribeKey", "kms", "kms:DescribeKey", [STATE, ROTATION], [ENCRYPTED]),
        ("kms:GetKeyRotationStatus", "kms", "kms:GetKeyRotationStatus", [ROTATION], [STATE]),
        ("kms:GetKeyPolicy", "kms", "kms:GetKeyPolicy", [OPEN], [STATE, ROTATION]),
    ],
)
async def test_one_denied_read_is_unknown_everywhere_and_changes_no_other_verdict(
    aws: Aws,
    watch: MakeWatch,
    world: World,
    operation: str,
    service: str,
    permission: str,
    controls: list[str],
    others: list[str],
) -> None:
    seen = await watch().poll()
    before = {control: seen.verdicts(control) for control in others}
    aws.deny(operation)
    await seen.poll()
    for control in controls:
        told = seen.verdicts(control)
        assert told
        assert set(told.values()) <= {UNKNOWN, NA}
        assert UNKNOWN in told.values()
    assert {control: seen.verdicts(control) for control in others} == before
    source = seen.source(service)
    assert source.state is State.PARTIAL
    assert source.fault is not None
    assert (source.fault.kind, source.fault.permission) == (FaultKind.DENIED, permission)


@pytest.mark.parametrize(
    ("operation", "service", "state", "control", "count"),
    [
        ("ec2:DescribeVolumes", "ebs", State.DENIED, ENCRYPTED, 3),
        ("s3:ListBuckets", "s3", State.DENIED, DEFAULT, 5),
        ("kms:ListKeys", "kms", State.DENIED, STATE, 2),
        ("ec2:DescribeSnapshots", "snapshots", State.DENIED, "aws.ebs.snapshot-encrypted", 1),
        ("ec2:DescribeLaunchTemplateVersions", "ec2", State.PARTIAL, "aws.ebs.launch-template-encrypted", 1),
    ],
)
async def test_a_denied_listing_is_an_unanswered_source_and_its_rows_stay(
    aws: Aws, watch: MakeWatch, world: World, operation: str, service: str, state: State, control: str, count: int
) -> None:
    aws.deny(operation)
    blind = await watch().poll()
    assert blind.verdicts(control) == {}
    assert blind.source(service).state is state
    assert blind.finding("meta.inventory.coverage", "enctop://acme").status is UNKNOWN
    assert blind.model.rollups["acme"].status in {FAIL, UNKNOWN}
    aws.faults.clear()
    await blind.poll()
    known = blind.verdicts(control)
    assert len(known) >= count
    aws.deny(operation)
    await blind.poll()
    assert blind.verdicts(control) == known
    fault = blind.source(service).fault
    assert fault is not None
    assert fault.operation == operation


async def test_a_bucket_whose_location_is_denied_does_not_vanish(aws: Aws, watch: MakeWatch, world: World) -> None:
    aws.deny("s3:GetBucketLocation")
    seen = await watch().poll()
    assert set(seen.verdicts(DEFAULT)) == {f"b-{number}" for number in range(5)}


async def test_a_role_that_may_not_be_assumed_is_named_as_that(aws: Aws, watch: MakeWatch) -> None:
    aws.deny("sts:AssumeRole")
    seen = await watch(also='role_arn = "arn:aws:iam::210987654321:role/enctop-read"').poll()
    source = seen.source("account")
    assert source.state is State.DENIED
    assert source.fault is not None
    assert source.fault.permission == "sts:AssumeRole"


async def test_a_setting_that_is_unreadable_for_ever_does_not_age_what_is_read_beside_it(
    aws: Aws, watch: MakeWatch, world: World
) -> None:
    seen = await watch().poll()
    aws.deny("ec2:DescribeLaunchTemplateVersions")
    later = seen.collector._now() + STALE_CADENCES * seen.source("ec2").cadence
    seen.collector._now = seen.poller._now = lambda: later
    await seen.poll()
    seen.model.tick(later + 60)
    assert seen.finding("aws.ebs.default-encryption-region", world.region).status is PASS
    assert seen.finding("aws.ebs.launch-template-encrypted", world.template).status is UNKNOWN, (
        "and what is not read any more decays"
    )


# ------------------------------------------------------------ expired


async def test_credentials_that_expire_in_mid_run_leave_every_row_as_it_was(
    aws: Aws, watch: MakeWatch, world: World
) -> None:
    seen = await watch().poll()
    before = {entry.resource.id: dict(entry.findings) for entry in seen.model.all() if entry.resource.provider == "aws"}
    aws.faults.expire()
    await seen.poll()
    for service in ("account", "ebs", "s3", "kms", "ec2", "snapshots"):
        source = seen.source(service)
        assert source.state is State.EXPIRED, service
        assert source.fault is not None
        assert source.fault.kind is FaultKind.EXPIRED
    assert {
        entry.resource.id: dict(entry.findings) for entry in seen.model.all() if entry.resource.provider == "aws"
    } == before
    assert seen.finding("meta.inventory.coverage", "enctop://acme").status is UNKNOWN
    aws.faults.clear()
    await seen.poll()
    assert {seen.source(service).state for service in ("account", "ebs", "s3", "kms", "ec2", "snapshots")} == {State.OK}


@pytest.mark.parametrize("operation", ["s3:GetBucketPolicy", "kms:DescribeKey", "kms:GetKeyPolicy"])
async def test_credentials_that_expire_in_the_middle_of_a_poll_repaint_no_row(
    aws: Aws, watch: MakeWatch, world: World, operation: str
) -> None:
    seen = await watch().poll()
    before = {control: seen.verdicts(control) for control in (DEFAULT, TLS, STATE, ROTATION, OPEN)}
    aws.faults.expire(operation)
    aws.faults.expire("sts:*")
    await seen.poll()
    assert {control: seen.verdicts(control) for control in before} == before
    fault = seen.source(operation.partition(":")[0]).fault
    assert fault is not None
    assert (fault.kind, fault.operation) == (FaultKind.EXPIRED, operation)


async def test_what_looks_like_bad_credentials_in_one_region_is_the_regions(
    aws: Aws, watch: MakeWatch, world: World
) -> None:
    """A region that is not switched on answers like bad credentials; who we are is still known."""
    aws.buckets().make("far", "eu-west-1", policy=bucketpolicy.tls_12("far"))
    aws.faults.add(Rule("expire", "s3:GetBucket*", region="eu-west-1"))
    seen = await watch().poll()
    assert seen.verdicts(DEFAULT)["far"] is UNKNOWN
    assert seen.verdicts(DEFAULT)["b-0"] is PASS


# ------------------------------------------------------------ throttled


@pytest.mark.parametrize("retry_after", [None, 0.2])
async def test_a_burst_of_throttling_costs_time_and_no_verdict(
    aws: Aws, watch: MakeWatch, world: World, retry_after: float | None
) -> None:
    aws.throttle("ec2:DescribeVolumes", times=1, retry_after=retry_after, in_milliseconds=retry_after is not None)
    aws.throttle("s3:GetBucketEncryption", times=1, retry_after=retry_after, in_milliseconds=retry_after is not None)
    aws.throttle("kms:DescribeKey", times=1, retry_after=retry_after, in_milliseconds=retry_after is not None)
    seen = await watch().poll()
    assert {source.state for source in seen.model.sources.values()} == {State.OK}
    assert sorted(seen.verdicts(ENCRYPTED).values()) == [FAIL, PASS, PASS]
    assert seen.source("ebs").calls == 3, "a retry counts"


async def test_buckets_throttled_for_good_are_unknown_at_first_and_keep_what_they_had_later(
    aws: Aws, watch: MakeWatch, world: World
) -> None:
    aws.throttle("s3:GetBucket*", times=None, retry_after=0)
    aws.throttle("s3:GetPublicAccessBlock", times=None, retry_after=0)
    seen = await watch().poll()
    assert set(seen.verdicts(DEFAULT).values()) == {UNKNOWN}
    assert len(seen.verdicts(DEFAULT)) == 5
    fault = seen.finding(DEFAULT, world.buckets[0]).fault
    assert fault is not None
    assert fault.kind is FaultKind.THROTTLED
    aws.faults.clear()
    await seen.poll()
    known = seen.verdicts(DEFAULT)
    assert known == {"b-0": PASS, "b-1": PASS, "b-2": PASS, "b-3": PASS, "b-4": FAIL}
    aws.throttle("s3:GetBucket*", times=None, retry_after=0)
    aws.throttle("s3:GetPublicAccessBlock", times=None, retry_after=0)
    await seen.poll()
    assert seen.verdicts(DEFAULT) == known
    source = seen.source("s3")
    assert source.fault is not None
    assert source.fault.kind is FaultKind.THROTTLED
