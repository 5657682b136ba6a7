"""A collector on the simulated AWS, as the tests of how it behaves in a bad world hold it."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from posture.clock import Seconds
from posture.entry import Entry
from posture.snapshot import take, to_json
from posture.source import Source
from posture.verdict import Finding, Status
from providers.aws.client import AwsClient
from providers.aws.kms import Keys
from providers.aws.settings import AwsSettings
from providers.collector.collector import Collector
from providers.collector.config import parse
from providers.demo.aws import bucketpolicy
from providers.demo.aws.accounts import ENVIRONMENT
from providers.limits import USUAL, Limits
from providers.source import TALLY, Tally
from tests.world.aws import Aws

SOON: Seconds = 90.0
"""Everything that is waited for comes sooner than this, even on a very busy machine; nobody waits for it but who
waits in vain.
"""


SHORT = Limits(read=3.0, attempts=2, transient_attempts=2)


def configuration(
    aws: Aws,
    regions: Sequence[str] = ("us-east-1",),
    *,
    live: str = "6h",
    warm: str = "6h",
    tenant: str = "acme",
    also: str = "",
) -> str:
    """A file with one tenant in one account. The cadences are so long that only `Watch.poll` asks again, unless a
    test says otherwise.
    """
    return f"""
        [poll]
        live = "{live}"
        warm = "{warm}"
        [[tenant]]
        name = "{tenant}"
        [[tenant.aws]]
        endpoint_url = "{aws.url}"
        regions = {json.dumps(list(regions))}
        {also}
        """


class Watch:
    """A collector that is polled when the test says so, and what it holds."""

    def __init__(self, text: str, limits: Limits = USUAL) -> None:
        self.collector = Collector(parse(text, "test.toml"), limits=limits)
        self.model = self.collector.model
        self.poller = self.collector.poller

    async def poll(self) -> "Watch":
        """Ask everything once more, children included, and wait for all answers."""
        if not self.model.sources or not self.poller._tasks:
            self.poller.add(self.collector.sources())
            await asyncio.wait_for(self.poller.settled(), SOON)
        else:
            self.forget_keys()
            before = {name: source.last_attempt for name, source in self.model.sources.items()}
            self.poller.refresh()
            await until(lambda: all(self._ended_after(name, at) for name, at in before.items()))
        self.model.tick(self.collector._now())
        return self

    def forget_keys(self) -> None:
        """As if a cold cadence had gone by: rotation and policy of keys are asked again."""
        for source in self.poller._sources.values():
            if isinstance(source, Keys):
                source._cold.clear()

    def _ended_after(self, name: str, before: float | None) -> bool:
        source = self.model.sources.get(name)
        return source is None or (source.last_attempt != before and not source.polling)

    def source(self, service: str, region: str = "") -> Source:
        """The source of a service, in a region where there are several."""
        return next(
            source
            for source in self.model.sources.values()
            if source.service == service and source.scope.endswith(region)
        )

    def row(self, resource_id: str) -> Entry:
        """A resource as it is held."""
        entry = self.model.entry(resource_id)
        assert entry is not None, f"{resource_id} is not held"
        return entry

    def finding(self, control: str, resource_id: str) -> Finding:
        """One verdict."""
        return self.row(resource_id).findings[control]

    def verdicts(self, control: str) -> dict[str, Status]:
        """A control's verdict on every resource."""
        return {
            entry.resource.name: entry.findings[control].status
            for entry in self.model.all()
            if control in entry.findings
        }

    def everything(self) -> str:
        """The snapshot's text."""
        return to_json(take(self.model, self.collector._now(), "test")).decode()


async def until(true: Callable[[], object], seconds: Seconds = SOON) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what is waited for does not know that it is
            await asyncio.sleep(0.01)


class World:
    """A small account: three volumes, one of them plaintext; five buckets, one without a rule and one without a
    policy; two keys, one not rotating.
    """

    def __init__(self, aws: Aws) -> None:
        home, own = aws.region(), aws.buckets()
        home.encrypt_by_default()
        self.key = home.key("payments")
        self.lazy = home.key("lazy", rotated=None)
        self.volumes = [home.volume(key=self.key), home.volume(), home.volume(encrypted=False)]
        self.snapshot = home.snapshot(self.volumes[0])
        self.template = home.launch_template("nodes", True)
        self.region = home.id
        names = [f"b-{number}" for number in range(5)]
        for name in names:
            own.make(
                name,
                algorithm=None if name == "b-4" else "AES256",
                policy=None if name == "b-3" else bucketpolicy.tls_12(name),
            )
        self.buckets = [f"arn:aws:s3:::{name}" for name in names]


@pytest.fixture
def world(aws: Aws) -> World:
    """The small account."""
    return World(aws)


@pytest.fixture
async def watch(aws: Aws, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Callable[..., Watch]]:
    """Make a `Watch`; at the end it is stopped, and nothing may have been taken for a defect of enctop's own."""
    made: list[Watch] = []

    def make(*arguments: object, text: str | None = None, limits: Limits = SHORT, **named: object) -> Watch:
        made.append(Watch(text or configuration(aws, *arguments, **named), limits))  # type: ignore[arg-type]
        return made[-1]

    with caplog.at_level(logging.DEBUG, "asyncio"):
        yield make
        for one in made:
            await one.poller.stop()
    assert [
        record.getMessage() for record in caplog.records if record.exc_info or "Unclosed" in record.getMessage()
    ] == []


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AwsClient]:
    """Make an account whose every call goes to one server."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    TALLY.set(Tally())

    def make(url: str, limits: Limits = USUAL) -> AwsClient:
        made = AwsClient(AwsSettings(endpoint_url=url, regions=("us-east-1",)), "test", limits)
        made.number = "111122223333"
        return made

    return make
