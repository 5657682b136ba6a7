"""A model and what feeds it: polls of sources as the poller makes them, and random worlds for the laws."""

from collections.abc import Iterable
from typing import Any

import msgspec
from hypothesis import strategies as st

from posture.clock import Utc
from posture.controls.registry import Registry, registry
from posture.entry import Entry
from posture.fault import Fault, FaultKind
from posture.model import Model
from posture.policy import ExceptionRule, KeyMode, Policy
from posture.reports import Batch, Complete, NotRead, ReadRefused
from posture.resource import KeyClass, Resource
from posture.source import Source
from posture.verdict import Finding
from tests.posture.controls.world import (
    HOME,
    NOW,
    account,
    bucket,
    denied,
    key,
    key_arn,
    refused,
    region,
    snapshot,
    template,
    volume,
)

VOLUMES, KEYS, REGION, BUCKETS = (
    f"acme/aws/{HOME}/us-east-1/ebs",
    f"acme/aws/{HOME}/us-east-1/kms",
    f"acme/aws/{HOME}/us-east-1/region",
    f"acme/aws/{HOME}/s3",
)
ENCRYPTED = "aws.ebs.volume-encrypted"
PLAIN, GOOD = volume("vol-p"), volume("vol-g", key=key_arn())
HOUR = 3600.0
MORE = f"acme+beta/aws/{HOME}/more"
"""A second source of volumes and keys, of an account that acme and beta share."""
CADENCES = {VOLUMES: 60.0, KEYS: 60.0, REGION: 900.0, BUCKETS: 900.0, MORE: 60.0}
EXCEPTED = msgspec.convert(
    {
        "control": "aws.ebs",
        "resource": "*volume/vol-1",
        "until": "2026-11-23",
        "reason": "scratch",
        "approved_by": "j.doe",
    },
    ExceptionRule,
)
POLICIES = {"acme": Policy(exception=(EXCEPTED,)), "beta": Policy(keys=KeyMode.CUSTOMER_MANAGED, regulated=True)}


def source(id: str, **more: Any) -> Source:
    tenant, provider, rest = id.split("/", 2)
    scope, _, service = rest.rpartition("/")
    return Source(id, tenant, provider, scope, service, CADENCES[id], **more)


class Feed:
    """A model with these sources, and a clock."""

    def __init__(
        self, *sources: str, policies: dict[str, Policy] | None = None, controls: Registry | None = None, now: Utc = NOW
    ) -> None:
        self.now = now
        self.model = Model(controls or registry(), POLICIES if policies is None else policies, now)
        for name in sources:
            self.model.add_source(source(name))
        self.model.settle()

    def poll(
        self,
        name: str,
        *resources: Resource,
        listed: Iterable[str] | None = None,
        fault: Fault | None = None,
        part: Fault | None = None,
        kept: Iterable[Resource] = (),
        after: float = 0.0,
    ) -> "Feed":
        """One poll. `listed` are the types it names completely: those of `resources` where it ends well, unless said
        otherwise.
        """
        self.now += after
        self.model.begin(name, self.now)
        for resource in resources:
            self.model.apply(name, Batch((msgspec.structs.replace(resource, source=name),)), self.now)
        if part is not None:
            self.model.apply(name, ReadRefused(part), self.now)
        self.model.apply(
            name, NotRead(tuple(msgspec.structs.replace(resource, source=name) for resource in kept)), self.now
        )
        types = {resource.type for resource in resources} if listed is None else listed
        if fault is None:
            self.model.apply(name, Complete(tuple(types)), self.now)
        self.model.finish(name, self.now, fault=fault, calls=1, seconds=0.5, next_due=None)
        self.model.tick(self.now)
        return self

    def wait(self, seconds: float) -> "Feed":
        """Time goes on, as the collector lets it: it ticks when the model asks to be woken, and at the end."""
        end = self.now + seconds
        while (wakes_at := self.model.wakes_at()) is not None and wakes_at <= end:
            assert wakes_at > self.model.now, "a wake time that has passed would wake for ever"
            self.model.tick(wakes_at)
        self.now = end
        self.model.tick(end)
        return self

    def entry(self, resource: Resource | str) -> Entry:
        found = self.model.entry(resource if isinstance(resource, str) else resource.id)
        assert found is not None
        return found

    def finding(self, control: str, resource: Resource | str) -> Finding:
        return self.entry(resource).findings[control]


def refusal(kind: FaultKind = FaultKind.UNREACHABLE) -> Fault:
    return Fault(kind, "Refused", "ec2:DescribeVolumes", "no answer")


def of(tenant: str, resource: Resource) -> Resource:
    """The same resource, of another tenant."""
    return msgspec.structs.replace(resource, tenant=tenant)


def verdicts(entry: Entry) -> dict[str, Finding]:
    """The findings without when they began, and when they could not be told."""
    return {name: msgspec.structs.replace(finding, since=0.0, gap=None) for name, finding in entry.findings.items()}


def picture(model: Model) -> dict[str, Any]:
    """All a model says: findings, statuses, joins, roll-ups."""
    seen = {
        entry.resource.id: (
            entry.resource,
            entry.status,
            entry.key_class,
            entry.users,
            dict(entry.findings),
            set(model.links.users(entry.resource)),
        )
        for entry in model.all()
    }
    rollups = {
        tenant: (rollup.resources, rollup.findings)
        for tenant, rollup in model.rollups.items()
        if any((*rollup.resources, *rollup.findings))
    }
    return {"seen": seen, "rollups": rollups, "alone": {tenant: model.unassigned(tenant) for tenant in model.policies}}


# ---------------------------------------------------------------- random worlds

TENANTS = st.sampled_from(["acme", "beta", "unassigned"])
ALIAS = f"arn:aws:kms:us-east-1:{HOME}:alias/app"
KEY_NAMES = st.sampled_from([None, key_arn("k-1"), key_arn("k-2"), ALIAS])


@st.composite
def volumes(draw: st.DrawFn, number: int) -> Resource:
    made = volume(f"vol-{number}", key=draw(KEY_NAMES), Size=draw(st.integers(1, 2)))
    made = msgspec.structs.replace(made, name=draw(st.sampled_from(["data", "Data Two", "logs"])))
    if draw(st.integers(0, 4)) == 0:
        made = refused(made, "ec2:DescribeVolumes")
    return of(draw(TENANTS), made)


@st.composite
def keys(draw: st.DrawFn, number: int) -> Resource:
    """`k-1` may carry the alias; its name, state, manager and owner vary."""
    aliases = (ALIAS,) if number == 1 and draw(st.booleans()) else ()
    state = draw(st.sampled_from(["Enabled", "Enabled", "Disabled", "PendingDeletion"]))
    made = key(
        f"k-{number}",
        manager=draw(st.sampled_from(["AWS", "CUSTOMER"])),
        aliases=aliases,
        KeyState=state,
        KeyRotationEnabled=draw(st.booleans()),
    )
    return msgspec.structs.replace(
        made, name=draw(st.sampled_from(["alias/app", "k"])), tenant=draw(st.sampled_from(["acme", "acme+beta"]))
    )


@st.composite
def regions(draw: st.DrawFn) -> Resource:
    return region(key=draw(KEY_NAMES), EbsEncryptionByDefault=draw(st.booleans()))


@st.composite
def buckets(draw: st.DrawFn) -> Resource:
    algorithm = draw(st.sampled_from(["AES256", "aws:kms", None]))
    made = bucket(algorithm, key=draw(KEY_NAMES) if algorithm == "aws:kms" else None)
    return refused(made, "s3:GetBucketEncryption") if draw(st.integers(0, 3)) == 0 else made


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, list[Resource]]:
    """What each source would report: no resource twice."""
    numbers = draw(st.sets(st.integers(1, 5)))
    shared = draw(st.sets(st.integers(6, 7)))
    return {
        VOLUMES: [draw(volumes(number)) for number in sorted(numbers)],
        MORE: [draw(volumes(number)) for number in sorted(shared)],
        KEYS: [draw(keys(number)) for number in sorted(draw(st.sets(st.integers(1, 2))))],
        REGION: [draw(regions()), template({"DeviceName": "x", "Ebs": {}})] if draw(st.booleans()) else [],
        BUCKETS: [draw(buckets()), account(), snapshot(key=draw(KEY_NAMES))] if draw(st.booleans()) else [],
    }


def fed(world: dict[str, list[Resource]], faults: dict[str, Fault] | None = None) -> Feed:
    """A model to which every source has reported its part of the world; a source with a fault ended in it."""
    feed = Feed(*world)
    for name, resources in world.items():
        feed.poll(name, *resources, fault=(faults or {}).get(name))
    return feed


FAULTS = st.dictionaries(
    st.sampled_from(sorted(CADENCES)),
    st.sampled_from([refusal(), refusal(FaultKind.DENIED), refusal(FaultKind.DISABLED)]),
    max_size=2,
)
DENIED = denied("ec2:DescribeVolumes")
KEY_CLASSES = tuple(KeyClass)
