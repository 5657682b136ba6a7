"""The shared model and time: what ages, since when a finding stands, and when an exception ends."""

import msgspec
import pytest

from posture.clock import parse_rfc3339
from posture.entry import Entry
from posture.reports import Batch, Complete, ReadRefused
from posture.resource import Link, Resource
from posture.timers import Timers
from posture.verdict import Gap, Severity, Status
from tests.posture.controls.world import NOW, denied, key, key_arn, refused, region, volume
from tests.posture.models import (
    ENCRYPTED,
    GOOD,
    HOUR,
    KEYS,
    PLAIN,
    REGION,
    VOLUMES,
    Feed,
    refusal,
)


@pytest.mark.parametrize(
    "seen", [GOOD, PLAIN, volume("vol-n", State="deleted")], ids=["pass", "fail", "not applicable"]
)
def test_32_what_was_not_seen_for_six_cadences_is_unknown_whatever_it_was(seen: Resource) -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, seen)
    before = feed.finding(ENCRYPTED, seen).status
    was = {Status.PASS: "; was pass: Encrypted is true", Status.FAIL: "; was fail: Encrypted is false"}.get(before, "")
    feed.wait(6 * 60.0 - 0.001)
    assert feed.finding(ENCRYPTED, seen).status is before
    feed.wait(0.001)
    finding = feed.finding(ENCRYPTED, seen)
    assert (finding.status, finding.reason, finding.since) == (
        Status.UNKNOWN,
        f"not seen for over 6m{was}",
        NOW + 360.0,
    )
    assert feed.model.rollups["acme"].status is Status.UNKNOWN
    feed.poll(VOLUMES, seen)
    assert feed.finding(ENCRYPTED, seen).status is before


def test_what_is_not_seen_any_more_says_why() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, GOOD).poll(VOLUMES, fault=denied("ec2:DescribeVolumes"))
    feed.wait(6 * 60.0)
    finding = feed.finding(ENCRYPTED, GOOD)
    assert finding.reason.startswith("not seen for over 6m: ec2:DescribeVolumes: denied")
    assert finding.fault is not None


def test_rows_of_a_source_that_never_answered_in_full_age_as_well() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, GOOD, fault=refusal())
    assert feed.model.sources[VOLUMES].last_success is None
    assert feed.finding(ENCRYPTED, GOOD).status is Status.PASS
    feed.wait(360.0)
    assert feed.finding(ENCRYPTED, GOOD).status is Status.UNKNOWN


def test_rows_that_a_failing_poll_still_sees_stay_fresh_and_the_others_age() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, GOOD, PLAIN)
    for _ in range(7):
        feed.poll(VOLUMES, PLAIN, fault=refusal(), after=59.0)
    assert feed.finding(ENCRYPTED, PLAIN).status is Status.FAIL
    assert feed.finding(ENCRYPTED, GOOD).status is Status.UNKNOWN


def test_a_stale_row_names_the_refusal_that_holds_now() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, GOOD)
    feed.wait(400.0)
    assert feed.finding(ENCRYPTED, GOOD).fault is None
    feed.poll(VOLUMES, fault=denied("ec2:DescribeVolumes"))
    assert feed.finding(ENCRYPTED, GOOD).fault == denied("ec2:DescribeVolumes")


def test_a_source_with_a_slow_cadence_ages_by_its_own() -> None:
    feed = Feed(REGION).poll(REGION, region()).wait(6 * 900.0 - 1)
    assert feed.finding("aws.ebs.default-encryption-region", region()).status is Status.PASS
    assert feed.wait(1).finding("aws.ebs.default-encryption-region", region()).status is Status.UNKNOWN


def test_time_stands_still_while_a_clock_is_put_right_by_a_second() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, GOOD)
    feed.model.drain()
    feed.now = NOW - 1.0
    feed.poll(VOLUMES, GOOD)
    assert feed.model.now == NOW
    assert not feed.model.drain().resources
    assert feed.wait(1.5).model.now == NOW + 0.5


def test_nothing_was_seen_nor_began_after_now_once_a_clock_that_ran_ahead_is_put_right() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, GOOD)
    feed.now = NOW + 400 * 24 * HOUR
    feed.poll(VOLUMES, GOOD, PLAIN)
    feed.poll(VOLUMES, GOOD, refused(PLAIN, "ec2:DescribeVolumes"), after=60.0)
    feed.now = now = NOW + 120.0
    feed.model.tick(now)
    assert feed.model.now == now
    assert {entry.observed_at for entry in feed.model.all() if entry.resource.provider == "aws"} == {now}
    assert [feed.finding(ENCRYPTED, one).status for one in (GOOD, PLAIN)] == [Status.PASS, Status.UNKNOWN]
    assert feed.finding(ENCRYPTED, GOOD).since == NOW
    assert feed.finding(ENCRYPTED, PLAIN).since == now
    assert feed.finding(ENCRYPTED, PLAIN).gap == Gap(Status.FAIL, now, now)
    assert feed.model.sources[VOLUMES].last_success == feed.model.sources[VOLUMES].last_attempt == now
    assert {GOOD.id, PLAIN.id, VOLUMES} <= feed.model.drain().resources | {VOLUMES}
    feed.wait(6 * 60.0)
    assert feed.finding(ENCRYPTED, GOOD).status is Status.UNKNOWN, (
        "what was seen by a clock that ran ahead ages as all else"
    )


def test_an_exception_that_had_ended_by_a_clock_that_ran_ahead_holds_again_once_it_is_put_right() -> None:
    excepted = volume("vol-1")
    feed = Feed(VOLUMES).poll(VOLUMES, excepted)
    feed.now = NOW + 24 * HOUR
    assert feed.poll(VOLUMES, excepted).finding(ENCRYPTED, excepted).status is Status.FAIL
    feed.now = NOW + 60.0
    assert feed.poll(VOLUMES, excepted).finding(ENCRYPTED, excepted).status is Status.WARN
    assert feed.wait(10 * HOUR).finding(ENCRYPTED, excepted).reason.startswith("not seen")
    assert feed.poll(VOLUMES, excepted).finding(ENCRYPTED, excepted).status is Status.FAIL


def test_whether_a_key_is_used_is_not_known_as_soon_as_a_listing_under_way_was_refused_a_part() -> None:
    dead = key(KeyState="Disabled")
    feed = Feed(VOLUMES, KEYS).poll(VOLUMES, GOOD).poll(KEYS, dead)
    assert feed.finding("aws.kms.key-state", dead).status is Status.FAIL
    feed.model.begin(VOLUMES, feed.now)
    feed.model.apply(VOLUMES, ReadRefused(refusal()), feed.now)
    feed.model.apply(VOLUMES, Batch((msgspec.structs.replace(GOOD, source=VOLUMES, links=()),)), feed.now)
    feed.model.settle()
    finding = feed.finding("aws.kms.key-state", dead)
    assert (finding.status, "ebs is partial" in finding.reason, finding.fault) == (Status.UNKNOWN, True, refusal())


def test_what_is_below_something_that_refused_its_listing_is_not_gone_and_the_rest_is() -> None:
    def below(name: str, account: str) -> Resource:
        return msgspec.structs.replace(volume(name), links=(Link("account", account),))

    mine, other, late = below("vol-a", "refuses"), below("vol-b", "answers"), below("vol-c", "refuses")
    feed = Feed(VOLUMES).poll(VOLUMES, mine, other)
    feed.model.begin(VOLUMES, feed.now)
    feed.model.apply(VOLUMES, Complete((mine.type,), frozenset({"refuses"})), feed.now)
    assert feed.model.entry(mine.id) is not None
    assert feed.model.entry(other.id) is None
    feed.poll(VOLUMES, late)
    assert feed.model.entry(mine.id) is None


def test_what_an_earlier_run_saw_ages_from_then_keeps_its_since_and_goes_when_it_is_not_named() -> None:
    def again(after: float) -> Feed:
        feed = Feed(VOLUMES, now=NOW + after)
        rows = [earlier.entry(GOOD), earlier.entry(PLAIN)]
        feed.model.restore(
            (Entry.seen(entry.resource, entry.source, entry.observed_at, entry.statuses_since()) for entry in rows),
            feed.now,
        )
        feed.model.tick(feed.now)
        return feed

    earlier = Feed(VOLUMES).poll(VOLUMES, GOOD, PLAIN)
    feed = again(300.0)
    assert (feed.finding(ENCRYPTED, PLAIN).status, feed.finding(ENCRYPTED, PLAIN).since) == (Status.FAIL, NOW)
    assert feed.wait(60.0).finding(ENCRYPTED, PLAIN).status is Status.UNKNOWN
    assert again(4000.0).finding(ENCRYPTED, GOOD).status is Status.UNKNOWN
    feed = again(300.0).poll(VOLUMES, GOOD)
    assert feed.model.entry(PLAIN.id) is None
    assert feed.finding(ENCRYPTED, GOOD).since == NOW


def test_since_is_kept_while_the_status_stays_and_begins_anew_when_it_turns() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, PLAIN)
    feed.poll(VOLUMES, msgspec.structs.replace(PLAIN, name="renamed"), after=60.0)
    assert feed.finding(ENCRYPTED, PLAIN).since == NOW
    feed.poll(VOLUMES, volume("vol-p", key=key_arn()), after=60.0)
    assert feed.finding(ENCRYPTED, PLAIN).since == NOW + 120.0
    feed.poll(VOLUMES, PLAIN, after=60.0)
    assert feed.finding(ENCRYPTED, PLAIN).since == NOW + 180.0


def test_since_survives_a_time_in_which_nobody_could_tell() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, PLAIN)
    feed.poll(VOLUMES, refused(PLAIN, "ec2:DescribeVolumes"), after=60.0)
    finding = feed.finding(ENCRYPTED, PLAIN)
    assert (finding.status, finding.since) == (Status.UNKNOWN, NOW + 60.0)
    assert finding.gap == Gap(Status.FAIL, NOW, NOW + 60.0)
    feed.poll(VOLUMES, PLAIN, after=60.0)
    finding = feed.finding(ENCRYPTED, PLAIN)
    assert (finding.status, finding.since) == (Status.FAIL, NOW)
    assert finding.gap == Gap(Status.FAIL, NOW, NOW + 60.0, NOW + 120.0)
    feed.poll(VOLUMES, refused(PLAIN, "ec2:DescribeVolumes"), after=60.0)
    feed.poll(VOLUMES, PLAIN, after=60.0)
    assert feed.finding(ENCRYPTED, PLAIN).since == NOW
    assert feed.finding(ENCRYPTED, PLAIN).gap == Gap(Status.FAIL, NOW, NOW + 180.0, NOW + 240.0)


def test_what_is_otherwise_after_a_time_of_unknown_begins_when_it_is_seen() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, PLAIN)
    feed.poll(VOLUMES, refused(PLAIN, "ec2:DescribeVolumes"), after=60.0)
    feed.poll(VOLUMES, volume("vol-p", key=key_arn()), after=60.0)
    finding = feed.finding(ENCRYPTED, PLAIN)
    unseen = Gap(Status.FAIL, NOW, NOW + 60.0, NOW + 120.0)
    assert (finding.status, finding.since, finding.gap) == (Status.PASS, NOW + 120.0, unseen)


def test_what_was_never_told_begins_with_its_first_verdict() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, refused(PLAIN, "ec2:DescribeVolumes"))
    assert feed.finding(ENCRYPTED, PLAIN).gap is None
    feed.poll(VOLUMES, PLAIN, after=60.0)
    assert (feed.finding(ENCRYPTED, PLAIN).since, feed.finding(ENCRYPTED, PLAIN).gap) == (NOW + 60.0, None)


def test_a_run_that_keeps_no_rows_still_knows_since_when() -> None:
    earlier = Feed(VOLUMES).poll(VOLUMES, PLAIN, GOOD)
    feed = Feed(VOLUMES, now=NOW + 300.0)
    feed.model.recall({resource.id: earlier.entry(resource).statuses_since() for resource in (PLAIN, GOOD)})
    feed.poll(VOLUMES, PLAIN)
    assert (feed.finding(ENCRYPTED, PLAIN).status, feed.finding(ENCRYPTED, PLAIN).since) == (Status.FAIL, NOW)
    assert feed.model.entry(GOOD.id) is None, "it was not seen now"


def test_an_exception_turns_fail_into_warn_exactly_until_it_ends() -> None:
    excepted = volume("vol-1")
    feed = Feed(VOLUMES).poll(VOLUMES, excepted)
    finding = feed.finding(ENCRYPTED, excepted)
    assert (finding.status, finding.severity) == (Status.WARN, Severity.HIGH)
    assert finding.exception is not None
    midnight = parse_rfc3339("2026-11-24T00:00:00Z")
    while feed.now + 60.0 < midnight:
        feed.poll(VOLUMES, excepted, after=60.0)
    assert feed.finding(ENCRYPTED, excepted).status is Status.WARN
    feed.wait(midnight - feed.now)
    finding = feed.finding(ENCRYPTED, excepted)
    assert (finding.status, finding.exception, finding.since, finding.severity) == (
        Status.FAIL,
        None,
        midnight,
        Severity.CRITICAL,
    )
    assert feed.finding("meta.policy.exception", "enctop://acme").status is Status.FAIL


def test_an_exception_does_not_touch_unknown() -> None:
    blind = refused(volume("vol-1"), "ec2:DescribeVolumes")
    finding = Feed(VOLUMES).poll(VOLUMES, blind).finding(ENCRYPTED, blind)
    assert (finding.status, finding.exception) == (Status.UNKNOWN, None)


def test_a_source_that_is_late_is_told_at_two_cadences_and_at_six() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, GOOD)
    seen = [feed.finding("meta.evidence.freshness", VOLUMES).status]
    for seconds in (120.0, 240.0):
        feed.wait(seconds)
        seen.append(feed.finding("meta.evidence.freshness", VOLUMES).status)
    assert seen == [Status.PASS, Status.WARN, Status.UNKNOWN]


def test_wake_times_do_not_pile_up_over_days_of_polls_and_changes() -> None:
    feed = Feed(VOLUMES, KEYS).poll(KEYS, key())
    for turn in range(2000):
        feed.poll(VOLUMES, volume("vol-1", Size=turn), GOOD, after=60.0)
    for _ in range(200):
        feed.poll(KEYS, key(), after=1.0)
    assert feed.model._ageing.verdicts.kept <= 2 * len(feed.model) + Timers.SLACK
    assert feed.model._ageing.rows.kept <= 2 * len(feed.model.sources) + Timers.SLACK
