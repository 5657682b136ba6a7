"""Who changed a resource, by CloudTrail's event history: 90 days of management events, without a trail to be set up.

Of an event only who, when, where from and by what is decoded: its request parameters may hold anything. Source:
LookupEvents (CloudTrail API reference), CloudTrail record contents (user guide).
"""

import contextlib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from posture.clock import Seconds, Utc, parse_rfc3339
from posture.resource import Resource
from posture.who import UNNAMED, Change, Event, Trail, Who, event, not_recorded
from providers.aws.calls import LOOKUP_EVENTS
from providers.aws.client import AwsClient

KEEPS: Seconds = 90 * 86400.0
LAG: Seconds = 6 * 3600.0
"""An event is there after 5 minutes on average, which is not guaranteed; one was seen to take between 25 and 85."""
PAGE = 50
"""The most events that a page has."""
MOST_PAGES = 20
"""That are read for one question; at one a second that is as long as a person waits."""
_VERSION = re.compile(r"\d{4}_?\d{2}_?\d{2}(?:v\d+)?$")
"""What some services put behind the name of an operation: the version of their API."""


_MADE = ("CreateTime", "StartTime", "CreationDate", "InstanceCreateTime", "ClusterCreateTime", "SnapshotCreateTime")
"""Fields that say when a resource came to be."""


class Filed(NamedTuple):
    """How CloudTrail files the events of a type: under which names, the likeliest first, and in which partition's
    region where it is not the resource's own. `by_event`: not by the name, which the reads of all the day are filed
    under as well, unless the time is short.
    """

    names: Callable[[Resource], tuple[str, ...]]
    by_event: bool = False
    regions: Mapping[str, str] = {}


def _field(field: str) -> Callable[[Resource], tuple[str, ...]]:
    return lambda resource: (str(resource.fields.get(field) or _last(resource)),)


def _last(resource: Resource) -> str:
    return re.split(r"[/:]", resource.id)[-1]


def _arn(resource: Resource) -> tuple[str, ...]:
    return (resource.id, _last(resource))


def _name(resource: Resource) -> tuple[str, ...]:
    return (resource.name, resource.id)


def _balancer(resource: Resource) -> tuple[str, ...]:
    """The listener's, then the load balancer's: a rule is filed under the one, a new listener under the other."""
    told = (resource.fields.get(field) for field in ("ListenerArn", "LoadBalancerArn", "LoadBalancerName"))
    return tuple(dict.fromkeys(text for text in (*told, resource.id) if isinstance(text, str) and text))


_IAM = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
_EDGE = {"aws": "us-east-1", "aws-cn": "cn-northwest-1"}
FILED: dict[str, Filed] = {
    "aws.cloudfront.distribution": Filed(_arn, regions=_EDGE),
    "aws.ebs.snapshot": Filed(_field("SnapshotId")),
    "aws.ebs.volume": Filed(_field("VolumeId")),
    "aws.ec2.launch-template": Filed(_field("LaunchTemplateId")),
    "aws.ec2.region": Filed(lambda region: (), by_event=True),
    "aws.efs.file-system": Filed(_field("FileSystemId")),
    "aws.eks.cluster": Filed(_name),
    "aws.elb.listener": Filed(_balancer),
    "aws.elb.load-balancer": Filed(_balancer),
    "aws.iam.user": Filed(_name, regions=_IAM),
    "aws.kms.key": Filed(_arn, by_event=True),
    "aws.rds.cluster": Filed(_name),
    "aws.rds.cluster-snapshot": Filed(_name),
    "aws.rds.instance": Filed(_name),
    "aws.rds.snapshot": Filed(_name),
    "aws.s3.bucket": Filed(_name, by_event=True),
}
"""Type -> how its events are filed."""


class Issuer(msgspec.Struct):
    """The role or user whose credentials a session has."""

    arn: Any = ""
    userName: Any = ""


class Session(msgspec.Struct):
    """`sessionContext`."""

    sessionIssuer: Issuer | None = None


class Identity(msgspec.Struct):
    """`userIdentity`."""

    type: Any = ""
    arn: Any = ""
    userName: Any = ""
    principalId: Any = ""
    invokedBy: Any = ""
    sessionContext: Session | None = None


class Record(msgspec.Struct):
    """What is decoded of an event (`CloudTrailEvent`); all else in it stays text that nobody keeps."""

    eventTime: str = ""
    errorCode: Any = None
    sourceIPAddress: Any = ""
    userAgent: Any = ""
    userIdentity: Identity | None = None


_RECORD = msgspec.json.Decoder(Record)


async def asked(account: AwsClient, change: Change) -> Trail | Who:
    """Look the events of a change up, the newest first, until one is found. Raises `Refused`."""
    if not change.events:
        return not_recorded(UNNAMED, change)
    resource = change.resource
    filed = FILED.get(resource.type)
    if filed is None:
        return not_recorded(f"enctop does not know how CloudTrail files {resource.type}", change)
    owner = resource.id.split(":")[4] if resource.id.startswith("arn:") and resource.id.count(":") > 4 else ""
    if owner not in {"", account.number}:
        return not_recorded(f"its events are filed in its own account, {owner}", change)
    region = filed.regions.get(account.partition) or resource.region or account.home
    found, cut = list[Event](), None
    pages = MOST_PAGES
    for attribute, value in _attributes(filed, change):
        newest, reached, pages = await _looked_up(account, region, change, filed, (attribute, value), pages)
        if newest is not None:
            found.append(newest)
            if attribute == "ResourceName":
                break  # the newest of all that are filed under it
        elif reached is not None:
            cut = max(reached, cut or reached)
    name = f"CloudTrail in {region}"
    return Trail(name=name, events=tuple(found), keeps=KEEPS, lag=LAG, back_to=cut, made=_made(resource))


def _made(resource: Resource) -> Utc | None:
    for name in _MADE:
        if isinstance(told := resource.fields.get(name), str):
            with contextlib.suppress(ValueError, OverflowError):
                return parse_rfc3339(told)
    return None


def _attributes(filed: Filed, change: Change) -> list[tuple[str, str]]:
    """What is looked up, one attribute a lookup, as many as the API takes."""
    names = filed.names(change.resource)
    if names and not (filed.by_event and change.after is None):
        return [("ResourceName", name) for name in names[:2]]
    return [("EventName", name.partition(":")[2]) for name in change.events if _of_the_type(name, change.resource)]


def _of_the_type(name: str, resource: Resource) -> bool:
    """Whether an event is of the resource's own service: `ec2` is that of EBS and of regions."""
    service = resource.type.split(".")[1]
    return name.partition(":")[0] == {"ebs": "ec2"}.get(service, service)


async def _looked_up(
    account: AwsClient,
    region: str,
    change: Change,
    filed: Filed,
    by: tuple[str, str],
    pages: int,
) -> tuple[Event | None, Utc | None, int]:
    """The newest event that fits; else how far back was read, where that is not all, and how many pages are left."""
    if pages <= 0:
        return None, change.until, 0
    now = change.asked_at
    begins = max(now - KEEPS, change.after - 60 if change.after is not None else 0.0)
    reached: Utc | None = None
    listing: AsyncIterator[list[Any]] = account.pages(
        LOOKUP_EVENTS,
        region,
        "Events",
        ("NextToken", "NextToken"),
        LookupAttributes=[{"AttributeKey": by[0], "AttributeValue": by[1]}],
        StartTime=datetime.fromtimestamp(begins, UTC),
        EndTime=datetime.fromtimestamp(change.until + 1, UTC),
        MaxResults=PAGE,
    )
    async with contextlib.aclosing(listing) as each:  # type: ignore[type-var]
        async for page in each:
            pages -= 1
            for row in page:
                one = read(row, change, filed, by) if isinstance(row, dict) else None
                if one is not None and one.at <= change.until:
                    return one, None, pages
                reached = min(reached or now, _time_of(row, "") or now) if isinstance(row, dict) else reached
            if pages <= 0:
                return None, reached or change.until, 0
    return None, None, pages


def read(row: Mapping[str, Any], change: Change, filed: Filed, by: tuple[str, str]) -> Event | None:
    """An event of a lookup, None where it is another one, of another resource, or was refused."""
    name, source = row.get("EventName"), row.get("EventSource")
    if not isinstance(name, str) or not isinstance(source, str):
        return None
    called = f"{source.partition('.')[0]}:{_VERSION.sub('', name)}"
    if called not in change.events or not _names(row, filed, change.resource, by):
        return None
    record = _record(row.get("CloudTrailEvent"))
    if record.errorCode not in (None, ""):
        return None  # it was tried, and refused
    at = _time_of(row, record.eventTime)
    if at is None:
        return None
    identity = record.userIdentity or Identity()
    context = identity.sessionContext
    issuer = context.sessionIssuer if context is not None else None
    return event(
        name=called,
        at=at,
        actor=_first(identity.arn, identity.userName, identity.invokedBy, identity.principalId),
        issuer=_first(issuer.arn, issuer.userName) if issuer is not None else "",
        address=record.sourceIPAddress,
        agent=record.userAgent,
    )


def _record(told: Any) -> Record:
    """Empty where it cannot be read: the event is there, and who it was is not told."""
    try:
        return _RECORD.decode(told) if isinstance(told, str) else Record()
    except (msgspec.MsgspecError, RecursionError):
        return Record()


def _names(row: Mapping[str, Any], filed: Filed, resource: Resource, by: tuple[str, str]) -> bool:
    """Whether the event is about the resource: CloudTrail says so where the name was looked up, else the row does."""
    names = filed.names(resource)
    if by[0] == "ResourceName" or not names:
        return True
    listed = row.get("Resources")
    told = [one.get("ResourceName") for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return any(name in told for name in names)


def _time_of(row: Mapping[str, Any], told: str) -> Utc | None:
    with contextlib.suppress(ValueError, OverflowError):
        return parse_rfc3339(told)
    at = row.get("EventTime")
    if isinstance(at, int | float) and not isinstance(at, bool) and 0 <= at < 1e11:
        return float(at)
    return None


def _first(*texts: Any) -> str:
    return next((text for text in texts if isinstance(text, str) and text), "")
