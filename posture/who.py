"""Who changed a resource, as its system's trail tells it: what is asked, what a trail holds, and the five answers.

"Nobody" is none of them: a trail that names nobody may lag, may not reach back so far, may not be ours to read, or may
not record such a change at all.
"""

from enum import StrEnum
from typing import Any

import msgspec

from posture.clock import Seconds, Utc, age, rfc3339
from posture.fault import Fault, FaultKind
from posture.resource import Resource
from posture.text import one_line

SKEW: Seconds = 5.0
"""How far the clock of a trail may be ahead of ours."""
USUAL_LAG: Seconds = 900.0
"""A newer event may still be on its way for so long, though an older one is there."""
FIRST_WAIT: Seconds = 60.0
LONGEST_WAIT: Seconds = 900.0
"""The least and the most time until a trail is asked again."""
LONGEST = 200
"""Characters that are kept of a name or an agent."""


UNNAMED = "no event is known that can have caused it"
"""Why there is nothing to look for in a log."""


class Outcome(StrEnum):
    """The five answers."""

    FOUND = "found"
    NOT_YET = "not there yet"
    TOO_OLD = "older than the trail keeps"
    NOT_PERMITTED = "not permitted"
    NOT_RECORDED = "not recorded by design"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One change that a trail holds: `name` as the trail calls it, when (UTC seconds), by whom. `issuer` is the role
    or service behind a session, `address` and `agent` where the request came from. Made by `event`.
    """

    name: str
    at: Utc
    actor: str
    issuer: str = ""
    address: str = ""
    agent: str = ""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: which of these `events` made the resource what it is. It lies at or before `since` (UTC seconds);
    and after `after`, where the resource was seen otherwise then. `asked_at` is now.
    """

    resource: Resource
    events: tuple[str, ...]
    since: Utc
    asked_at: Utc
    after: Utc | None = None

    @property
    def until(self) -> Utc:
        """The latest time that the trail may give to it."""
        return self.since + SKEW


class Trail(msgspec.Struct, frozen=True, kw_only=True):
    """What a trail holds of a `Change`: its events, in any order. `name` is the trail and where it was asked.

    It keeps events for `keeps` seconds, None where it tells only of the last change; it may be so many seconds late
    (`lag`) that silence proves nothing before. `back_to` is how far back it was read, where that is less than asked;
    `made` is when the resource came to be, None where nobody said.
    """

    name: str
    events: tuple[Event, ...]
    keeps: Seconds | None
    lag: Seconds
    back_to: Utc | None = None
    made: Utc | None = None


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """The answer: `reason` says in a line why there is no event, or what is to be known of the one that is there;
    `mend` what would help. `again_at` is when it is worth asking again (UTC seconds), None for never.
    """

    outcome: Outcome
    asked_at: Utc
    event: Event | None = None
    reason: str = ""
    mend: str = ""
    again_at: Utc | None = None


def event(
    *, name: object, at: Utc, actor: object, issuer: object = "", address: object = "", agent: object = ""
) -> Event:
    """An event of whatever a trail has written: each text in one line, without what a terminal would act on, and short;
    what is no text is left out.
    """
    return Event(
        name=_text(name),
        at=at,
        actor=_text(actor) or "somebody whom the trail does not name",
        issuer=_text(issuer),
        address=_text(address),
        agent=_text(agent),
    )


def _text(value: Any) -> str:
    # cut first: a text of megabytes is not worth the escaping
    return one_line(value[: LONGEST + 1], LONGEST) if isinstance(value, str) else ""


def not_recorded(reason: str, change: Change, mend: str = "") -> Who:
    """The system writes no such change down where it could be asked."""
    return Who(outcome=Outcome.NOT_RECORDED, asked_at=change.asked_at, reason=reason, mend=mend)


def not_permitted(reason: str, mend: str, change: Change) -> Who:
    """The trail is not ours to read; `mend` is the line that would change that."""
    return Who(outcome=Outcome.NOT_PERMITTED, asked_at=change.asked_at, reason=reason, mend=mend)


def refused(fault: Fault, change: Change) -> Who:
    """A trail that gave no answer: it is not ours to read, or it is asked again."""
    if fault.kind is FaultKind.DENIED:
        mend = f"allow {fault.permission}" if fault.permission else fault.message
        return not_permitted(str(fault), mend, change)
    if fault.kind in {FaultKind.EXPIRED, FaultKind.DISABLED}:
        return not_permitted(str(fault), fault.message or "log in again", change)
    wait = max(fault.retry_after or 0.0, _wait(change))
    return _later(f"no answer: {fault}", change, wait)


def answer(trail: Trail, change: Change) -> Who:
    """The newest event in the time in which the change lies; or why there is none."""
    now, late = change.asked_at, change.asked_at - change.since
    newest = max((one for one in trail.events if _fits(one, change, trail)), key=lambda one: one.at, default=None)
    # where nobody saw it otherwise before, the change may be of the last minutes as well as of years ago
    open_ended = change.after is None and trail.lag > 0 and late < USUAL_LAG
    again = now + _wait(change) if open_ended else None
    if newest is not None:
        reason = f"the newest that {trail.name} holds; a newer one may still come" if open_ended else ""
        return Who(outcome=Outcome.FOUND, asked_at=now, event=newest, reason=reason, again_at=again)
    if (reason := _too_old(trail, change)) and (late >= trail.lag or _made_before(trail, change)):
        reason += "; what was done in the last minutes may still come" if open_ended else ""
        return Who(outcome=Outcome.TOO_OLD, asked_at=now, reason=reason, again_at=again)
    if late < trail.lag:
        return _later(f"{trail.name} is late by minutes, at times by more than an hour", change, _wait(change))
    span = f" between {rfc3339(change.after)} and {rfc3339(change.since)}" if change.after is not None else ""
    named = f"none of {', '.join(change.events)}" if change.events else "nothing"
    return not_recorded(f"{trail.name} holds {named}{span}: something else changed what is judged", change)


def _too_old(trail: Trail, change: Change) -> str:
    """Why the change may lie before what the trail was read back to; empty where it does not."""
    kept = None if trail.keeps is None else change.asked_at - trail.keeps
    begins = max((at for at in (kept, trail.back_to) if at is not None), default=None)
    if begins is None or (change.after is not None and change.after >= begins):
        return ""
    if trail.keeps is not None and begins == kept:
        return f"{trail.name} keeps {age(trail.keeps)}, and holds no such event in that time"
    return f"{trail.name} was read back to {rfc3339(begins)}, which is as far as enctop reads"


def _made_before(trail: Trail, change: Change) -> bool:
    """Whether the resource is older than what the trail keeps, so that its change may well be, too."""
    kept = change.asked_at - (trail.keeps or 0.0)
    return change.after is None and (trail.back_to is not None or trail.made is None or trail.made <= kept)


def _later(reason: str, change: Change, wait: Seconds) -> Who:
    return Who(outcome=Outcome.NOT_YET, asked_at=change.asked_at, reason=reason, again_at=change.asked_at + wait)


def _fits(one: Event, change: Change, trail: Trail) -> bool:
    """Whether an event lies in the time in question, and in what was read in full: beyond that a newer one may be."""
    begins = max((at for at in (change.after, trail.back_to) if at is not None), default=None)
    return one.at <= change.until and (begins is None or one.at >= begins - SKEW)


def _wait(change: Change) -> Seconds:
    """The longer it was not there, the longer until the next look."""
    return min(LONGEST_WAIT, max(FIRST_WAIT, (change.asked_at - change.since) / 2))


# ------------------------------------------------------------ in words


_TOOLS = (
    ("terraform", "terraform"),
    ("opentofu", "opentofu"),
    ("pulumi", "pulumi"),
    ("cloudformation", "CloudFormation"),
    ("aws-cdk", "the AWS CDK"),
    ("crossplane", "crossplane"),
    ("ansible", "ansible"),
    ("signin.amazonaws.com", "the console"),
    ("console", "the console"),
    ("aws-cli", "the AWS CLI"),
    ("azurecli", "the Azure CLI"),
    ("azure portal", "the portal"),
    ("gcloud", "gcloud"),
    ("kubectl", "kubectl"),
    ("boto3", "boto3"),
)
"""What an agent's text holds -> what a person calls the tool; the first wins, for terraform names its SDK as well."""


def tool(agent: str) -> str:
    """What a person calls the program that asked, empty where the agent names none that is known."""
    low = agent.lower()
    return next((name for word, name in _TOOLS if word in low), "")


def words(who: Who, now: Utc) -> list[tuple[str, str]]:
    """The answer in (label, text) lines; a label is empty where the line belongs to the one above it."""
    lines = [("who", who.outcome.value if who.event is None else who.event.actor)]
    if (one := who.event) is not None:
        lines += [("", f"by {one.issuer}")] * bool(one.issuer)
        lines.append(("", f"{one.name} at {rfc3339(one.at)}, {_ago(one.at, now)}"))
        name = tool(one.agent)
        through = f"{name} ({one.agent})" if name and name.lower() != one.agent.lower() else one.agent
        origin = [f"from {one.address}"] * bool(one.address) + [f"through {through}"] * bool(through)
        lines += [("", " ".join(origin))] * bool(origin)
    lines += [("", who.reason)] * bool(who.reason)
    if who.again_at is not None:
        left = who.again_at - now
        when = f"in {age(left)}" if left > 0 else "now"
        lines.append(("", f"asked at {rfc3339(who.asked_at)}, again at {rfc3339(who.again_at)} ({when})"))
    return lines + [("mends it", who.mend)] * bool(who.mend)


def _ago(at: Utc, now: Utc) -> str:
    return f"{age(now - at)} ago"
