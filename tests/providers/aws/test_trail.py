"""Who changed it, asked of the simulated CloudTrail over its socket: the five answers, and what is never said."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from posture.fault import FaultKind
from posture.who import Event, Outcome, Who, words
from providers.aws.calls import BUDGETS, LOOKUP_EVENTS
from providers.aws.trail import MOST_PAGES
from providers.collector.collector import Collector
from providers.collector.config import parse
from providers.collector.frames import Encoder, WhoTold
from providers.demo.aws import bucketpolicy, trail
from providers.demo.aws.stores import Stores
from tests.providers.conftest import SHORT, configuration, until
from tests.world.aws import Aws

TLS, ENCRYPTED, DEFAULT = "aws.s3.tls-only-policy", "aws.ebs.volume-encrypted", "aws.ebs.default-encryption-region"
BUCKET = "arn:aws:s3:::acme-b"
CI = trail.role("ci-deploy", "gh-42")
LOOKUP = "cloudtrail:LookupEvents"


class Asking:
    """A collector an hour ago, on a clock that the test moves, which knows whom to ask."""

    def __init__(self, text: str) -> None:
        self.at = time.time() - 3600
        self.collector = Collector(
            parse(text, "test.toml"), now=lambda: self.at, limits=msgspec.structs.replace(SHORT, pace=50.0)
        )
        self.whos = self.collector.whos

    async def poll(self) -> "Asking":
        """Once more, a minute later."""
        poller, model = self.collector.poller, self.collector.model
        if not model.sources:
            poller.add(self.collector.sources())
            await poller.settled()
            self._judge()
            self.whos.begin()
            return self
        self.at += 60
        poller.refresh()
        await until(lambda: all(one.last_attempt == self.at and not one.polling for one in model.sources.values()))
        self._judge()
        return self

    def _judge(self) -> None:
        self.collector.model.tick(self.at)
        self.whos.note(self.collector.model.drain())

    async def ask(self, id: str, control: str) -> Who:
        who = await self.whos.ask(id, control)
        assert who is not None
        return who

    async def found(self, id: str, control: str) -> Event:
        who = await self.ask(id, control)
        assert who.event is not None, who
        return who.event


@pytest.fixture
async def asking(aws: Aws) -> AsyncIterator[Callable[..., Asking]]:
    """Make one; with `who` unless the test says otherwise."""
    made: list[Asking] = []
    trail.budget.a_second = 10_000  # the lane is as much quicker

    def make(also: str = "who = true") -> Asking:
        made.append(Asking(configuration(aws, also=also)))
        return made[-1]

    yield make
    for one in made:
        await one.whos.stop()
        await one.collector.poller.stop()


@pytest.fixture
async def broken(aws: Aws, asking: Callable[..., Asking]) -> Asking:
    """A bucket whose policy somebody took away between two polls, a week after somebody else had put it there."""
    own = aws.buckets()
    own.make("acme-b", policy=bucketpolicy.tls_12("acme-b"))
    seen = await asking().poll()
    trail.record("s3:PutBucketPolicy", "acme-b", by=trail.user("alice"), at=seen.at - 7 * 86400)
    own.policy("acme-b", None)
    trail.record(
        "s3:PutBucketPolicy", "acme-b", by=CI, at=seen.at + 30, parameters={"bucketPolicy": {"Sid": "canary-parameter"}}
    )
    return await seen.poll()


def looked_up(aws: Aws) -> int:
    return sum(one.operation == LOOKUP for one in aws.log)


# ------------------------------------------------------------ the five answers


async def test_a_policy_that_a_role_put_through_terraform_is_named_so(broken: Asking) -> None:
    one = await broken.found(BUCKET, TLS)
    assert one.name == "s3:PutBucketPolicy"
    assert one.actor == "arn:aws:sts::123456789012:assumed-role/ci-deploy/gh-42"
    assert one.issuer == "arn:aws:iam::123456789012:role/ci-deploy"
    assert one.address == "203.0.113.9"
    assert one.at == int(broken.at - 30)
    text = "\n".join(line for _, line in words(await broken.ask(BUCKET, TLS), broken.at))
    assert "from 203.0.113.9 through terraform (APN/1.0" in text


async def test_what_the_trail_does_not_hold_yet_is_asked_again_and_nobody_else_is_named(broken: Asking) -> None:
    trail.lag.seconds = 2 * 3600.0
    who = await broken.ask(BUCKET, TLS)
    assert (who.outcome, who.event) == (Outcome.NOT_YET, None)
    assert who.again_at == broken.at + 60
    trail.lag.seconds = 0.0
    assert (await broken.ask(BUCKET, TLS)).outcome is Outcome.FOUND


async def test_what_is_older_than_ninety_days_is_older_than_the_trail_keeps(
    aws: Aws, asking: Callable[..., Asking]
) -> None:
    volume = aws.region().volume(encrypted=False, days=200)
    trail.record("ec2:CreateVolume", volume.rpartition("/")[2], by=CI, at=time.time() - 200 * 86400)
    who = await (await asking().poll()).ask(volume, ENCRYPTED)
    assert (who.outcome, who.event) == (Outcome.TOO_OLD, None)
    assert "keeps 90d" in who.reason


@pytest.mark.parametrize(("allowed", "mend"), [(True, f"allow {LOOKUP}"), (False, "who = true")])
async def test_who_may_not_ask_is_told_the_line_that_mends_it(
    aws: Aws, asking: Callable[..., Asking], allowed: bool, mend: str
) -> None:
    volume = aws.region().volume(encrypted=False)
    aws.deny(LOOKUP)
    seen = await asking("who = true" if allowed else "").poll()
    who = await seen.ask(volume, ENCRYPTED)
    assert who.outcome is Outcome.NOT_PERMITTED
    assert mend in who.mend
    assert looked_up(aws) == allowed


async def test_what_no_trail_records_is_told_without_asking(aws: Aws, asking: Callable[..., Asking]) -> None:
    aws.buckets().make("acme-b", policy=bucketpolicy.tls_12("acme-b"))
    aws.buckets().put("acme-b", "o", b"x", by_customer=True)
    seen = await asking("who = true\nobject_sample = 1").poll()
    (sample,) = (one for one in seen.collector.model.all() if one.resource.type == "aws.s3.object-sample")
    who = await seen.ask(sample.resource.id, "aws.s3.object-encryption-sample")
    assert who.outcome is Outcome.NOT_RECORDED
    assert "data events" in who.reason
    assert looked_up(aws) == 0


async def test_a_throttled_trail_is_asked_again_and_one_that_fails_too(aws: Aws, broken: Asking) -> None:
    aws.throttle(LOOKUP, None)
    who = await broken.ask(BUCKET, TLS)
    assert who.outcome is Outcome.NOT_YET
    assert FaultKind.THROTTLED in who.reason
    aws.faults.clear()
    aws.faults.fail(LOOKUP)
    assert (await broken.ask(BUCKET, TLS)).outcome is Outcome.NOT_YET


# ------------------------------------------------------------ the one event


async def test_who_was_refused_did_not_change_anything(broken: Asking) -> None:
    trail.record("s3:DeleteBucketPolicy", "acme-b", by=trail.user("mallory"), at=broken.at - 20, error="AccessDenied")
    assert (await broken.found(BUCKET, TLS)).actor.endswith("gh-42")


async def test_an_event_of_another_control_is_not_the_one(broken: Asking) -> None:
    trail.record("s3:PutBucketEncryption", "acme-b", by=trail.user("bob"), at=broken.at - 10)
    trail.record("s3:PutBucketPolicy", "acme-b", by=trail.user("late"), at=broken.at + 40)
    assert (await broken.found(BUCKET, TLS)).actor.endswith("gh-42")


async def test_it_is_found_behind_the_reads_of_the_same_time_page_by_page(aws: Aws, broken: Asking) -> None:
    for number in range(120):
        trail.record("s3:GetBucketPolicy", "acme-b", by=trail.user("enctop"), at=broken.at - 1 - number / 100)
    assert (await broken.found(BUCKET, TLS)).actor.endswith("gh-42")
    assert looked_up(aws) == 3


async def test_each_type_is_looked_up_by_the_name_under_which_it_is_filed(
    aws: Aws, asking: Callable[..., Asking]
) -> None:
    region, ago = aws.region(), time.time() - 2 * 86400
    region.encrypt_by_default(False)
    volume, key = region.volume(encrypted=False), region.key("k", rotated=None)
    snapshot = region.snapshot(volume)
    template = region.launch_template("nodes", False)
    aws.buckets().make("acme-b", policy=None)
    Stores().database("d", encrypted=False)
    filed = {
        (volume, ENCRYPTED): ("ec2:CreateVolume", volume.rpartition("/")[2]),
        (snapshot, "aws.ebs.snapshot-encrypted"): ("ec2:CreateSnapshot", snapshot.rpartition("/")[2]),
        (template, "aws.ebs.launch-template-encrypted"): ("ec2:CreateLaunchTemplate", template.rpartition("/")[2]),
        (key, "aws.kms.rotation"): ("kms:DisableKeyRotation", key),
        (BUCKET, TLS): ("s3:DeleteBucketPolicy", "acme-b"),
        (region.id, DEFAULT): ("ec2:DisableEbsEncryptionByDefault", ""),
        ("arn:aws:rds:us-east-1:123456789012:db:d", "aws.rds.encrypted"): ("rds:CreateDBInstance", "d"),
    }
    for operation, name in filed.values():
        trail.record(operation, *filter(None, [name]), by=trail.user(operation.partition(":")[2]), at=ago)
        if name:  # of another one, later
            trail.record(operation, f"{name}-2", by=trail.user("else"), at=ago + 9)
    seen = await asking().poll()
    for (id, control), (operation, _) in filed.items():
        assert (await seen.found(id, control)).actor.endswith(f"/{operation.partition(':')[2]}"), control


async def test_what_a_dying_key_breaks_is_asked_of_the_key(aws: Aws, asking: Callable[..., Asking]) -> None:
    region = aws.region()
    key = region.key("k")
    volume = region.volume(key=key)
    seen = await asking().poll()
    region.schedule_deletion(key)
    trail.record("kms:ScheduleKeyDeletion", key, by=trail.role("admin", "alice"), at=seen.at + 30, agent=trail.CONSOLE)
    await seen.poll()
    assert (await seen.found(volume, "aws.ebs.kms-key-usable")).name == "kms:ScheduleKeyDeletion"
    assert looked_up(aws) == 1, "of the key alone"


async def test_the_console_of_another_region_is_not_asked(aws: Aws, asking: Callable[..., Asking]) -> None:
    aws.buckets().make("far", region="eu-west-1", policy=None)
    trail.record("s3:DeleteBucketPolicy", "far", by=CI, region="eu-west-1", at=time.time() - 9 * 86400)
    assert (await (await asking().poll()).found("arn:aws:s3:::far", TLS)).actor.endswith("gh-42")


# ------------------------------------------------------------ what is hostile, and what is not kept


def written(**record: object) -> dict[str, Any]:
    return {"userIdentity": dict(CI), "eventTime": "", "sourceIPAddress": "203.0.113.9", "userAgent": "x"} | record


HOSTILE = {
    "agent of megabytes": written(userAgent="\x1b]0;owned\x07" * 300_000),
    "escapes": written(
        userIdentity={"arn": "a\n\x1b[2J\u202eb" * 99, "sessionContext": {"sessionIssuer": {"arn": ["x"]}}}
    ),
    "identity is text": written(userIdentity="a text"),
    "no types": written(userIdentity=None, sourceIPAddress={}, userAgent=7),
    "future": written(eventTime="2999-01-01T00:00:00Z"),
    "no time": written(eventTime="soon"),
    "deep": written(deep=json.loads("[" * 400 + "]" * 400)),
}


async def test_a_hostile_record_is_short_and_clean_or_not_believed(broken: Asking) -> None:
    for name, record in HOSTILE.items():
        odd = trail.Recorded(broken.at - 20, "DeleteBucketPolicy", "s3.amazonaws.com", ("acme-b",), record)
        trail.put("123456789012", "us-east-1", odd)
        who = await broken.ask(BUCKET, TLS)
        assert who.event is not None, name
        assert who.event.at <= broken.at
        for _, text in words(who, broken.at):
            assert text.isprintable(), name
            assert len(text) < 1000
        trail.take_back(odd)


async def test_an_endless_trail_is_read_for_so_many_pages_and_no_more(aws: Aws, asking: Callable[..., Asking]) -> None:
    volume = aws.region().volume(encrypted=False)
    name, seen = volume.rpartition("/")[2], await asking().poll()
    read = trail.Recorded(seen.at - 9, "DescribeVolumes", "ec2.amazonaws.com", (name,), {})
    for number in range(50 * MOST_PAGES + 1):
        trail.put("123456789012", "us-east-1", msgspec.structs.replace(read, at=seen.at - 9 - number))
    trail.record("ec2:CreateVolume", name, by=CI, at=seen.at - 3600)
    who = await seen.ask(volume, ENCRYPTED)
    assert looked_up(aws) == MOST_PAGES
    assert (who.outcome, who.event) == (Outcome.TOO_OLD, None)
    assert "as far as enctop reads" in who.reason


async def test_no_parameter_of_a_request_is_kept_shown_or_logged(
    broken: Asking, caplog: pytest.LogCaptureFixture
) -> None:
    who = await broken.ask(BUCKET, TLS)
    told = Encoder().encode(WhoTold(BUCKET, TLS, broken.at, who)).decode(errors="replace") + repr(who) + caplog.text
    assert "ci-deploy" in told
    assert "canary-parameter" not in told + repr(broken.whos.__dict__)
    assert "ASIASIMULATED" not in told


async def test_the_trail_has_a_lane_of_its_own_and_is_never_asked_more_than_once_a_second(aws: Aws) -> None:
    assert BUDGETS[LOOKUP_EVENTS.family] == (1, 1.0, 1)
    volumes = [aws.region().volume(encrypted=False) for _ in range(3)]
    collector = Collector(parse(configuration(aws, also="who = true"), "test.toml"), limits=SHORT)

    async def then() -> None:
        collector.model.tick(time.time())
        await asyncio.gather(*(collector.whos.ask(volume, ENCRYPTED) for volume in volumes))

    await collector.once(60, then)
    times = [one.at for one in aws.log if one.operation == LOOKUP]
    assert len(times) == 3
    assert all(later - before > 0.5 for before, later in itertools.pairwise(times))


async def test_two_controls_of_a_volume_that_ask_for_the_same_events_ask_once(
    aws: Aws, asking: Callable[..., Asking]
) -> None:
    volume = aws.region().volume(encrypted=False)
    seen = await asking().poll()
    first = await seen.ask(volume, ENCRYPTED)
    assert await seen.ask(volume, "aws.ebs.volume-key-policy") == first
    assert looked_up(aws) == 1
