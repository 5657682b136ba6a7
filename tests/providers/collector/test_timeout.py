"""When the time of a snapshot is over, what is known is there, and what is not says why."""

import time
from collections.abc import AsyncGenerator

import pytest

from posture.fault import FaultKind
from posture.reports import Batch
from posture.resource import Resource
from posture.source import State
from posture.verdict import Status
from providers.collector.collector import BACKLOG, Collector
from providers.collector.config import Config
from providers.source import Source, Yield
from tests.providers.conftest import Watch
from tests.world.aws import Aws


async def test_buckets_that_are_throttled_to_the_end_stand_there_unknown_with_the_throttling(aws: Aws) -> None:
    for number in range(6):
        aws.buckets().make(f"b-{number}")
    aws.throttle("s3:GetBucket*", times=None, retry_after=50)
    collector = Watch(
        f'[[tenant]]\nname = "acme"\n[[tenant.aws]]\nregions = ["us-east-1"]\nendpoint_url = "{aws.url}"\n'
    ).collector
    await collector.once(timeout=4)
    (source,) = [source for source in collector.model.sources.values() if source.service == "s3"]
    assert source.fault is not None
    assert (source.fault.kind, source.fault.retry_after) == (FaultKind.THROTTLED, 50.0)
    assert "the server asks to wait 50 s" in source.fault.message
    buckets = [entry for entry in collector.model.all() if entry.resource.type == "aws.s3.bucket"]
    assert len(buckets) == 6
    for entry in buckets:
        finding = entry.findings["aws.s3.default-encryption"]
        assert finding.status is Status.UNKNOWN
        assert finding.fault is not None
        assert finding.fault.kind is FaultKind.THROTTLED


class Endless(Source):
    """A listing that goes on for ever."""

    service = "ebs"

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """A thousand rows a page."""
        number = 0
        while True:
            number += 1000
            yield Batch.of(
                Resource(
                    id=f"arn:{n}",
                    kind="volume",
                    type="aws.ebs.volume",
                    name=f"vol-{n}",
                    tenant="acme",
                    provider="aws",
                    scope="1",
                    region="us-east-1",
                    source=self.id,
                    fields={"Encrypted": False},
                )
                for n in range(number, number + 1000)
            )


async def test_a_listing_without_an_end_leaves_no_more_to_be_judged_than_a_while_s_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    collector = Collector(Config())
    source = Endless("acme", "aws", "1/us-east-1", 60.0)
    monkeypatch.setattr(collector, "sources", lambda: [source])
    left: list[int] = []
    real = collector.model.tick

    def tick(now: float) -> None:
        left.append(collector.model.unsettled)
        real(now)

    monkeypatch.setattr(collector.model, "tick", tick)
    before = time.process_time()
    await collector.once(timeout=3)
    assert time.process_time() - before < 60
    assert collector.model.sources[source.id].state in {State.PARTIAL, State.UNREACHABLE}
    assert len(collector.model) > 1000
    assert left[-1] < BACKLOG + 4000
    assert collector.model.unsettled == 0
