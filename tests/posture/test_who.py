"""The five answers, of whatever a trail holds; nobody is ever said to have done nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posture.controls.registry import registry
from posture.fault import Fault, FaultKind
from posture.resource import Resource
from posture.who import LONGEST, SKEW, Change, Event, Outcome, Trail, answer, event, refused, tool, words

NOW = 1_800_000_000.0
HOUR, DAY = 3600.0, 86400.0
BUCKET = Resource(
    id="arn:aws:s3:::b", kind="bucket", type="aws.s3.bucket", name="b", tenant="acme", provider="aws", scope="1",
    region="eu-west-1", source="acme/aws/1/s3",
)  # fmt: skip
FOUND, NOT_YET, TOO_OLD = Outcome.FOUND, Outcome.NOT_YET, Outcome.TOO_OLD
NOT_PERMITTED, NOT_RECORDED = Outcome.NOT_PERMITTED, Outcome.NOT_RECORDED


def change(since: float = NOW - 60, after: float | None = NOW - 120, asked_at: float = NOW) -> Change:
    return Change(resource=BUCKET, events=("s3:PutBucketPolicy",), since=since, after=after, asked_at=asked_at)


def put(at: float, actor: str = "alice") -> Event:
    return event(name="s3:PutBucketPolicy", at=at, actor=actor)


def trail(*events: Event, keeps: float | None = 90 * DAY, back_to: float | None = None, made: float = 0.0) -> Trail:
    return Trail(name="CloudTrail", events=events, keeps=keeps, lag=6 * HOUR, back_to=back_to, made=made)


YOUNG = NOW - 30 * DAY


@pytest.mark.parametrize(
    ("held", "asked", "outcome"),
    [
        (trail(put(NOW - 70)), change(), FOUND),
        (trail(put(NOW - 60 + SKEW)), change(), FOUND),
        (trail(put(NOW - 9 * DAY)), change(), NOT_YET),  # alice's of last week did not break what stood a minute ago
        (trail(put(NOW - 50)), change(), NOT_YET),  # after it was seen
        (trail(put(NOW + 9 * DAY)), change(), NOT_YET),
        (trail(), change(), NOT_YET),
        (trail(put(NOW - 9 * DAY)), change(after=None), FOUND),
        (trail(), change(since=NOW - 7 * HOUR, after=NOW - 8 * HOUR), NOT_RECORDED),
        (trail(), change(after=None), TOO_OLD),
        (trail(made=YOUNG), change(after=None), NOT_YET),
        (trail(made=YOUNG), change(since=NOW - DAY, after=None), TOO_OLD),
        (trail(), change(since=NOW - 100 * DAY, after=NOW - 101 * DAY), TOO_OLD),
        (trail(back_to=NOW - DAY), change(since=NOW - 8 * HOUR, after=NOW - 2 * DAY), TOO_OLD),
        (trail(put(NOW - DAY), back_to=NOW - HOUR), change(after=None), TOO_OLD),  # a newer one may be between
        (trail(keeps=None), change(since=NOW - 8 * HOUR, after=None), NOT_RECORDED),
    ],
)
def test_the_change_is_the_newest_event_in_the_time_in_which_it_lies(
    held: Trail, asked: Change, outcome: Outcome
) -> None:
    who = answer(held, asked)
    assert who.outcome is outcome
    assert (who.event is not None) == (outcome is FOUND)
    assert outcome is FOUND or who.reason
    assert outcome is not NOT_YET or (who.again_at is not None and who.again_at >= NOW + 60)


def test_of_several_events_the_newest_that_is_not_after_it_is_named() -> None:
    who = answer(trail(put(NOW - 90, "bob"), put(NOW - 65, "mallory"), put(NOW - 10, "carol")), change())
    assert who.event is not None
    assert who.event.actor == "mallory"


def test_where_nobody_saw_it_otherwise_a_newer_event_may_still_come() -> None:
    fresh = answer(trail(put(NOW - 9 * DAY)), change(after=None))
    assert fresh.again_at is not None
    assert "may still come" in fresh.reason
    assert answer(trail(put(NOW - 9 * DAY)), change(since=NOW - HOUR, after=None)).again_at is None


@pytest.mark.parametrize(
    ("fault", "outcome", "mend"),
    [
        (Fault(FaultKind.DENIED, "AccessDenied", "x:Y", "no", "x:Y"), NOT_PERMITTED, "allow x:Y"),
        (Fault(FaultKind.EXPIRED, "ExpiredToken", "x:Y", "aws sso login"), NOT_PERMITTED, "aws sso login"),
        (Fault(FaultKind.DISABLED, "off", "x:Y", "switch the API on"), NOT_PERMITTED, "switch the API on"),
        (Fault(FaultKind.THROTTLED, "Throttling", "x:Y", retry_after=700.0), NOT_YET, ""),
        (Fault(FaultKind.UNREACHABLE, "Timeout", "x:Y"), NOT_YET, ""),
        (Fault(FaultKind.ERROR, "500", "x:Y"), NOT_YET, ""),
    ],
)
def test_a_trail_that_does_not_answer_is_not_permitted_or_asked_again(
    fault: Fault, outcome: Outcome, mend: str
) -> None:
    who = refused(fault, change())
    assert (who.outcome, who.mend) == (outcome, mend)
    if outcome is NOT_YET:
        assert who.again_at is not None
        assert who.again_at >= NOW + (fault.retry_after or 60)


TEXTS = st.one_of(st.none(), st.integers(), st.lists(st.text()), st.text(), st.just("\x1b]0;owned\x07" * 90_000))
TIMES = st.floats(0, 4e9)


@given(TEXTS, TEXTS, TEXTS, TIMES, TIMES, st.one_of(st.none(), TIMES), TIMES)
def test_whatever_a_trail_says_is_short_clean_and_never_nobody(
    actor: object, agent: object, address: object, at: float, since: float, after: float | None, asked_at: float
) -> None:
    one = event(name="s3:PutBucketPolicy", at=at, actor=actor, issuer=agent, address=address, agent=agent)
    who = answer(trail(one), change(since, after, asked_at))
    for label, text in words(who, asked_at):
        assert text
        assert text.isprintable()
        assert len(text) <= 5 * LONGEST
        assert "nobody" not in f"{label} {text}".lower() or "nobody" in str(actor).lower() + str(agent).lower()


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("APN/1.0 HashiCorp/1.0 Terraform/1.9.8 terraform-provider-aws/5.81.0 aws-sdk-go-v2", "terraform"),
        ("signin.amazonaws.com", "the console"),
        ("aws-cli/2.31.4 md/awscrt", "the AWS CLI"),
        ("Boto3/1.40 md/Botocore", "boto3"),
        ("curl/8", ""),
    ],
)
def test_a_tool_is_called_by_its_name(agent: str, name: str) -> None:
    assert tool(agent) == name


CLOUDS = [control for control in registry() if control.id.split(".")[0] in {"aws", "azure", "gcp"}]


@pytest.mark.parametrize("control", CLOUDS, ids=lambda control: control.id)
def test_a_control_of_a_cloud_names_its_events_or_says_why_none_is_recorded(control: object) -> None:
    events, unrecorded = control.events, control.unrecorded  # type: ignore[attr-defined]
    assert bool(events) != bool(unrecorded)
    assert not unrecorded or unrecorded.endswith(".")
    if control.id.startswith("aws."):  # type: ignore[attr-defined]
        assert all(name.count(":") == 1 and name.partition(":")[2][0].isupper() for name in events)
