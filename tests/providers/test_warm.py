"""The next start paints the last state at once, marked with its age, and believes none of it for longer than it may."""

import asyncio
import time
from pathlib import Path

import pytest

from posture.model import OWN, Model
from posture.source import STALE_CADENCES, State
from posture.verdict import Gap, Status
from providers import warm
from providers.collector import Collector
from providers.config import Config, parse
from tests.providers.conftest import until
from tests.world.aws import Aws


def _config(aws: Aws) -> Config:
    return parse(f'[[tenant]]\nname = "acme"\n[[tenant.aws]]\nregions = ["us-east-1"]\nendpoint_url = "{aws.url}"\n', "test")


@pytest.fixture
async def seen(aws: Aws) -> Collector:
    """A collector that has looked once at a plaintext volume and a bucket."""
    aws.region().volume({"Name": "scratch"}, encrypted=False)
    aws.buckets().make("acme-data")
    collector = Collector(_config(aws))
    await collector.once(timeout=30)
    return collector


def _again(seen: Collector, later: float) -> Model:
    """The model of a process that starts that many seconds later."""
    path = warm.path_for(seen.config)
    warm.keep(seen.model, path)
    at = seen.model.now + later
    model = Model(seen.model.registry, {"acme": seen.config.tenant[0].policy}, at)
    warm.restore(model, path, at)
    model.tick(at)
    return model


def _standing(model: Model) -> dict[str, Status]:
    return {held.resource.id: held.status for held in model.all() if held.resource.provider == "aws"}


async def test_what_was_seen_is_there_again_with_its_age_and_since(seen: Collector) -> None:
    model = _again(seen, 5.0)
    assert _standing(model) == _standing(seen.model)
    volume = next(held for held in model.all() if held.resource.kind == "volume")
    before = seen.model.held(volume.resource.id)
    assert before is not None
    assert volume.observed_at == before.observed_at
    assert {control: finding.since for control, finding in volume.findings.items()} == {control: finding.since for control, finding in before.findings.items()}
    assert {source.state for source in model.sources.values()} == {State.PENDING}


async def test_a_run_that_keeps_no_state_recalls_since_when_and_that_nobody_looked_meanwhile(seen: Collector) -> None:
    path = warm.path_for(seen.config)
    warm.keep(seen.model, path)
    volume = next(held for held in seen.model.all() if held.resource.kind == "volume")
    before = volume.findings["aws.ebs.volume-encrypted"]
    assert warm.recall(path, seen.model.now + 5.0)[volume.resource.id] == volume.stood()
    late = warm.recall(path, seen.model.now + 86400.0)[volume.resource.id]["aws.ebs.volume-encrypted"]
    assert late == (Status.UNKNOWN, volume.observed_at, Gap(before.status, before.since, volume.observed_at))
    path.write_bytes(path.read_bytes()[:-1])
    assert warm.recall(path, seen.model.now) == warm.recall(path.with_name("none"), seen.model.now) == {}


async def test_a_snapshot_tells_since_when_from_the_state_that_the_dashboard_kept(seen: Collector) -> None:
    warm.keep(seen.model, warm.path_for(seen.config))
    later = Collector(seen.config, now=lambda: seen.model.now + 90.0)
    await later.once(60)
    for held in seen.model.all():
        again = later.model.held(held.resource.id)
        if held.resource.provider != OWN and again is not None:
            assert {name: finding.since for name, finding in again.findings.items()} == {name: finding.since for name, finding in held.findings.items()}
    await later.poller.stop()


async def test_a_tenant_whose_sources_have_not_answered_again_is_not_green(seen: Collector) -> None:
    model = _again(seen, 5.0)
    assert model.rollups["acme"].status in {Status.FAIL, Status.UNKNOWN}
    coverage = model.held("enctop://acme")
    assert coverage is not None
    assert coverage.findings["meta.inventory.coverage"].status is Status.UNKNOWN


async def test_what_is_older_than_six_cadences_is_unknown(seen: Collector) -> None:
    standing = _standing(_again(seen, STALE_CADENCES * 60.0 + 1))
    assert {status for resource, status in standing.items() if ":volume/" in resource} == {Status.UNKNOWN}
    assert Status.UNKNOWN not in {status for resource, status in standing.items() if resource.startswith("arn:aws:s3")}, "buckets are asked every 15 minutes"


async def test_the_file_is_private_and_another_configuration_never_sees_it(seen: Collector, aws: Aws) -> None:
    path = warm.path_for(seen.config)
    warm.keep(seen.model, path)
    assert path.stat().st_mode & 0o777 == 0o600
    other = parse(f'[[tenant]]\nname = "globex"\n[[tenant.aws]]\nregions = ["us-east-1"]\nendpoint_url = "{aws.url}"\n', "test")
    assert warm.path_for(other) != path


@pytest.mark.parametrize("content", [b"", b"not msgpack", b"\x80", b"\x83\xa6format\xa5other\xa7sources\x90\xa4kept\x90"])
def test_a_file_that_is_not_ours_restores_nothing(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "state.msgpack"
    path.write_bytes(content)
    model = Model(Collector(Config()).model.registry, {}, time.time())
    assert warm.restore(model, path, time.time()) == []
    assert len(model) == 0


async def test_a_disk_that_refuses_is_no_reason_to_fail(seen: Collector, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    warm.keep(seen.model, blocked / "state.msgpack")


async def test_what_is_gone_meanwhile_goes_when_its_source_answers(seen: Collector, aws: Aws) -> None:
    path = warm.path_for(seen.config)
    warm.keep(seen.model, path)
    aws.reset()
    collector = Collector(seen.config)
    restored = warm.restore(collector.model, path, time.time())
    assert any(held.resource.name == "scratch" for held in collector.model.all())
    collector.poller.add(collector.sources())
    async with asyncio.timeout(30):
        await collector.poller.settled()
    collector.poller.forget(restored)
    await collector.poller.stop()
    assert not any(held.resource.name in {"scratch", "acme-data"} for held in collector.model.all())
    assert all(source.state is State.OK for source in collector.model.sources.values())


async def test_what_was_seen_stays_while_nobody_can_be_asked_who_we_are(seen: Collector, aws: Aws) -> None:
    path = warm.path_for(seen.config)
    warm.keep(seen.model, path)
    before = path.stat().st_size
    aws.faults.refuse()
    collector = Collector(seen.config)
    restored = warm.restore(collector.model, path, time.time())
    collector.poller.add(collector.sources())
    async with asyncio.timeout(60):
        await collector.poller.settled()
    collector.poller.forget(restored)
    assert any(held.resource.name == "scratch" for held in collector.model.all())
    warm.keep(collector.model, path)
    assert path.stat().st_size > before / 2, "a state without an answer never replaces one with"
    aws.faults.clear()
    collector.poller.refresh()
    await until(lambda: all(source.state is State.OK for source in collector.model.sources.values()), 60)
    await collector.poller.stop()
    assert any(held.resource.name == "scratch" for held in collector.model.all())
