"""Findings by their cause."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posture.fault import Fault, FaultKind
from posture.problems import cause_of, problems
from posture.rollup import OWN
from posture.rows import FindingRow
from posture.verdict import Status, Verdict, because, failed, passed, unanswered, unknown
from tests.posture.controls.world import HOME, key, key_arn, undescribed, volume
from tests.posture.models import HOUR, KEYS, PLAIN, VOLUMES, Feed

KEY = key_arn("k-1")
DENIED = Fault(FaultKind.DENIED, "AccessDenied", "s3:GetBucketEncryption", "no", "s3:GetEncryptionConfiguration")


def row(control: str, resource: str, cause: str = "") -> FindingRow:
    """A finding as a viewer has it."""
    return FindingRow(
        control=control,
        resource=resource,
        place=0,
        name=resource,
        status=0,
        severity=0,
        reason="",
        since=0.0,
        excepted_until="",
        cause=cause,
    )


@pytest.mark.parametrize(
    ("verdict", "cause"),
    [
        (failed("of its own"), ""),
        (because(failed("its key is disabled"), KEY), KEY),
        (because(passed("its key is enabled"), KEY), ""),
        (because(because(failed("the volume's key"), KEY), "the volume"), KEY),
        (because(failed("the key itself"), volume().id), ""),
        (unknown("nobody said why"), ""),
        (unanswered(DENIED), f"denied s3:GetEncryptionConfiguration aws {volume().scope}"),
        (because(unanswered(DENIED), KEY), KEY),
        (unanswered(Fault(FaultKind.THROTTLED, "SlowDown", "s3:X")), f"throttled s3:X aws {volume().scope}"),
    ],
)
def test_a_cause_is_the_root_that_a_control_names_or_the_fault_it_met(verdict: Verdict, cause: str) -> None:
    assert cause_of(verdict, volume()) == cause


IDS = st.sampled_from([f"r-{number}" for number in range(6)])


@given(st.lists(st.builds(row, st.sampled_from(["a", "b"]), IDS, st.just("") | IDS | st.just("denied x")), max_size=30))
def test_every_finding_is_in_one_problem_with_all_that_its_root_explains(rows: list[FindingRow]) -> None:
    found = problems(rows)
    assert Counter(each.id for problem in found for each in problem) == Counter(each.id for each in rows)
    assert [problem[0] for problem in found] == [
        each for each in rows if any(problem[0] is each for problem in found)
    ], "in the order of the first of each"
    for problem in found:
        assert len({each.cause for each in problem if each.cause}) <= 1
    for cause in {each.cause for each in rows} - {""}:
        having = [problem for problem in found if any(each.cause == cause for each in problem)]
        assert len(having) == 1
        assert all(each in having[0] for each in rows if each.resource == cause and not each.cause)


def shown(feed: Feed) -> list[FindingRow]:
    """What the Findings view would list, but for what is said of the tenants themselves."""
    rows = [
        row(finding.control, finding.resource, finding.cause)
        for entry in feed.model.all()
        for finding in entry.findings.values()
        if finding.status < Status.PASS and entry.resource.provider != OWN
    ]
    return sorted(rows, key=lambda each: each.id)


def test_a_dying_key_is_one_problem_with_all_its_volumes_and_what_is_said_of_itself() -> None:
    volumes = [volume(f"vol-{number}", key=KEY) for number in range(19)]
    feed = Feed(VOLUMES, KEYS).poll(KEYS, key(KeyState="PendingDeletion")).poll(VOLUMES, *volumes)
    found = next(problem for problem in problems(shown(feed)) if any(each.resource == KEY for each in problem))
    assert {each.resource for each in found} == {KEY, *(each.id for each in volumes)}
    assert {each.cause for each in found} == {KEY, ""}
    feed.poll(KEYS, key())
    assert not [each for each in shown(feed) if each.cause == KEY], "an enabled key explains nothing"


def test_a_key_that_nobody_has_seen_is_the_cause_of_what_it_hides() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, volume("vol-1", key=KEY), volume("vol-2", key=KEY))
    assert {each.cause for each in shown(feed) if each.control == "aws.ebs.kms-key-usable"} == {KEY}


def test_one_refused_permission_is_one_problem_however_many_resources_it_hides() -> None:
    keys = [undescribed(f"k-{number}") for number in range(7)]
    feed = Feed(KEYS).poll(KEYS, *keys)
    hidden = [problem for problem in problems(shown(feed)) if len({each.resource for each in problem}) == 7]
    assert [problem[0].cause for problem in hidden] == [f"denied kms:DescribeKey aws {HOME}"]


def test_what_a_silent_source_leaves_behind_is_one_problem() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, PLAIN, volume("vol-2")).wait(HOUR)
    assert {each.cause for each in shown(feed)} == {VOLUMES}
    assert len(problems(shown(feed))) == 1
