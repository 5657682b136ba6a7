"""Toy chains as Kubernetes makes them, key <- volume <- PV <- claim <- workload, each judged by what is below it; and
who was judged.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from posture.context import Context
from posture.controls.registry import Control, Judge, Registry, registry
from posture.model import Model
from posture.policy import Policy
from posture.reports import Batch, Complete, Report
from posture.resource import Resource
from posture.source import Source
from posture.verdict import Finding, Status, Verdict, failed, passed, unknown
from tests.posture.controls.world import NOW, made

STEPS = ("key", "volume", "pv", "claim", "workload")
CLOUD, CLUSTER = "acme/toy/cloud/things", "acme/toy/cluster/things"
SOURCES = {"key": CLOUD, "volume": CLOUD}


def step(kind: str, name: str, *, below: str | None = None, **fields: Any) -> Resource:
    """One link of a chain: `kind` as in `STEPS`."""
    below = below or (f"{STEPS[STEPS.index(kind) - 1]}-{name}" if kind != "key" else None)
    source = SOURCES.get(kind, CLUSTER)
    return made(
        f"{kind}-{name}",
        "volume",
        f"toy.{kind}",
        links={"below": below},
        provider="toy",
        scope=source.split("/")[2],
        region="",
        source=source,
        fields=fields,
    )


def chain(name: str, **key: Any) -> list[Resource]:
    """Five resources; `key` are the fields of the key."""
    return [step("key", name, **key), *(step(kind, name) for kind in STEPS[1:])]


def own(resource: Resource, context: Context) -> Verdict:
    """What the resource says of itself."""
    match resource.fields.get("on"):
        case True:
            return passed("on", {"note": resource.fields.get("note")})
        case False:
            return failed("off")
    return unknown("does not say")


def joined(resource: Resource, context: Context) -> Verdict:
    """As the resource below."""
    below = context.linked(resource, "below")
    return own(below, context) if below else unknown("nothing below was seen")


def carried(resource: Resource, context: Context) -> Verdict:
    """As everything below was judged."""
    found = [
        finding
        for _, below in context.linked_all(resource, "below")
        for finding in (context.findings(below).values() if below else ())
    ]
    if not found:
        return unknown("nothing below is judged")
    worst = min(found, key=lambda finding: finding.status)
    return Verdict(worst.status, f"below: {worst.reason}", {}, None, worst.fault)


class Chains:
    """A model of two sources, whose judgements are counted by resource."""

    def __init__(self, more: dict[str, Judge] | None = None) -> None:
        self.judged: Counter[str] = Counter()
        judges = {"key": own, "volume": joined} | dict.fromkeys(("pv", "claim", "workload"), carried) | (more or {})
        controls = [self._control(f"toy.{kind}", judge) for kind, judge in judges.items()]
        self.model = Model(Registry(controls, registry().sentences), {"acme": Policy()}, NOW)
        self.now = NOW
        for name in (CLOUD, CLUSTER):
            tenant, provider, scope, service = name.split("/")
            self.model.add_source(Source(name, tenant, provider, scope, service, 60.0))

    def _control(self, type_: str, judge: Judge) -> Control:
        def counting(resource: Resource, context: Context) -> Verdict:
            self.judged[resource.id] += 1
            return judge(resource, context)

        like = next(iter(registry()))
        return msgspec.structs.replace(like, id=type_, applies=(type_,), judge=counting)

    def poll(self, name: str, *resources: Resource, types: tuple[str, ...] = ()) -> None:
        """One poll in full of a source, judged."""
        self.model.begin(name, self.now)
        self.model.apply(name, Batch(resources), self.now)
        self.model.apply(name, Complete(types), self.now)
        self.end(name)

    def end(self, name: str, **more: Any) -> None:
        """The end of a poll, judged."""
        ended: dict[str, Any] = {"fault": None, "calls": 1, "seconds": 0.5, "next_due": None, **more}
        self.model.finish(name, self.now, **ended)
        self.settle()

    def tell(self, name: str, *reports: Report) -> None:
        """What a source reports beside its polls, judged."""
        for report in reports:
            self.model.apply(name, report, self.now)
        self.settle()

    def settle(self, at_most: int | None = None) -> None:
        """Judge all that is to be judged."""
        while not self.model.settle(at_most):
            pass

    def fill(self, *chains: list[Resource]) -> None:
        """Every source reports its part of these."""
        everything = [one for some in chains for one in some]
        for name in (CLUSTER, CLOUD):
            self.poll(name, *(one for one in everything if one.source == name))

    def judged_by(self, act: Callable[[], None]) -> dict[str, int]:
        """Who is judged, and how often, by what `act` does."""
        self.judged.clear()
        act()
        return dict(self.judged)

    def finding(self, resource_id: str) -> Finding:
        """The one finding of a resource."""
        entry = self.model.entry(resource_id)
        assert entry is not None
        (finding,) = entry.findings.values()
        return finding

    def status(self, resource_id: str) -> Status:
        """How it stands."""
        return self.finding(resource_id).status
