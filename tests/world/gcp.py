"""The simulated Google Cloud as the tests hold it: what exists, what goes wrong, what was asked, and a collector on
it.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

from posture.fault import Fault
from posture.model import Model
from posture.resource import Resource
from posture.snapshot import Snapshot, take
from posture.source import Source
from posture.verdict import Finding
from providers.collector.collector import Collector
from providers.collector.config import parse
from providers.demo.gcp.server import Server, start
from providers.demo.gcp.world import Project
from providers.limits import USUAL, Limits

ID = "//compute.googleapis.com/projects/acme-prod"


class Google:
    """One strict server for the session, emptied for every test: an answer that its discovery document does not
    allow is an error 500.
    """

    def __init__(self) -> None:
        self.server: Server = start(strict=True)

    @property
    def project(self) -> Project:
        """acme's."""
        return self.server.cloud.project("acme-prod")

    def fill(self, disks: int, buckets: int) -> None:
        """Many of them over six zones, one in twenty under a key of Cloud KMS."""
        key = self.project.key("k")
        for number in range(disks):
            zone = f"zones/{self.project.zones[number % 6]}"
            self.project.disk(
                f"disk-{number:05}", zone, key=key if number % 20 == 0 else None, users=["gke-1"], labels={"team": "x"}
            )
        for number in range(buckets):
            self.project.bucket(f"bucket-{number:04}", key=key if number % 20 == 0 else None)

    def configuration(self, policy: str = "", **settings: Any) -> str:
        """One tenant, one project; `policy` are lines of `[tenant.policy]`."""
        lines = {"project": "acme-prod", "endpoint": self.server.url, "credentials": "anonymous", **settings}
        block = "\n".join(
            f"{name} = {value}" if isinstance(value, int) else f'{name} = "{value}"' for name, value in lines.items()
        )
        return f'[[tenant]]\nname = "acme"\n[[tenant.gcp]]\n{block}\n[tenant.policy]\n{policy}\n'

    def collector(self, policy: str = "", limits: Limits = USUAL, **settings: Any) -> "Seen":
        """A collector that has not asked yet."""
        return Seen(Collector(parse(self.configuration(policy, **settings), "test"), limits=limits))

    async def poll(self, policy: str = "", limits: Limits = USUAL, **settings: Any) -> "Seen":
        """Everything, once."""
        seen = self.collector(policy, limits, **settings)
        await seen.collector.once(60)
        return seen


class Seen:
    """What a collector saw."""

    def __init__(self, collector: Collector) -> None:
        self.collector = collector

    @property
    def model(self) -> Model:
        """Its model."""
        return self.collector.model

    def resource(self, id: str) -> Resource:
        """A resource; a short id is of compute, or a source's service."""
        entry = self.model.entry(id if id.startswith("//") else f"{ID}/{id}")
        assert entry is not None, id
        return entry.resource

    def there(self, id: str) -> bool:
        """Whether a resource is held."""
        return self.model.entry(id if id.startswith("//") else f"{ID}/{id}") is not None

    def finding(self, control: str, id: str) -> Finding:
        """What a control says of a resource."""
        self.model.settle()
        entry = self.model.entry(id if id.startswith("//") else f"{ID}/{id}")
        assert entry is not None, id
        return entry.findings[control]

    def source(self, service: str) -> Source:
        """A source, by its service."""
        return self.model.sources[f"acme/gcp/acme-prod/{service}"]

    def fault(self, service: str) -> Fault:
        """Why a source did not answer in full."""
        fault = self.source(service).fault
        assert fault is not None, f"{service} is {self.source(service).state}"
        return fault

    def snapshot(self) -> Snapshot:
        """All of it, written down."""
        return take(self.model, self.model.now, "test")

    @contextlib.asynccontextmanager
    async def running(self) -> Any:
        """Polling on its cadences, as long as the block runs."""
        self.collector.poller.add(self.collector.sources())
        try:
            await asyncio.wait_for(self.collector.poller.settled(), 20)
            yield self
        finally:
            await self.collector.poller.stop()

    async def again(self, service: str, *, until: Any = None, seconds: float = 10.0) -> None:
        """Poll a source once more, and wait until `until` holds of it."""
        before = self.source(service).last_attempt
        self.collector.poller.refresh(self.source(service).id)
        async with asyncio.timeout(seconds):
            while (  # noqa: ASYNC110 - the model has no event to wait for
                self.source(service).polling
                or self.source(service).last_attempt == before
                or (until is not None and not until())
            ):
                await asyncio.sleep(0.01)
        self.model.settle()


@contextlib.contextmanager
def serving() -> Iterator[Google]:
    """A server while the block runs."""
    google = Google()
    try:
        yield google
    finally:
        google.server.stop()
