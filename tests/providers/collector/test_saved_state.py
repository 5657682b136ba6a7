"""The next start paints the last state at once, marked with its age, and believes none of it for longer than it may."""

import asyncio
import os
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import msgspec
import pytest

from posture.model import Model
from posture.rollup import OWN
from posture.source import STALE_CADENCES, State
from posture.verdict import Gap, Status
from providers.collector import saved_state
from providers.collector.collector import Collector
from providers.collector.config import Config, parse
from tests.providers.conftest import until
from tests.world.aws import Aws


def _config(aws: Aws) -> Config:
    return parse(
        f'[[tenant]]\nname = "acme"\n[[tenant.aws]]\nregions = ["us-east-1"]\nendpoint_url = "{aws.url}"\n', "test"
    )


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
    path = saved_state.path_for(seen.config)
    saved_state.keep(seen.model, path)
    at = seen.model.now + later
    model = Model(seen.model.registry, {"acme": seen.config.tenant[0].policy}, at)
    saved_state.restore(model, path, at)
    model.tick(at)
    return model


def _standing(model: Model) -> dict[str, Status]:
    return {entry.resource.id: entry.status for entry in model.all() if entry.resource.provider == "aws"}


async def test_what_was_seen_is_there_again_with_its_age_and_since(seen: Collector) -> None:
    model = _again(seen, 5.0)
    assert _standing(model) == _standing(seen.model)
    volume = next(entry for entry in model.all() if entry.resource.kind == "volume")
    before = seen.model.entry(volume.resource.id)
    assert before is not None
    assert volume.observed_at == before.observed_at
    assert {control: finding.since for control, finding in volume.findings.items()} == {
        control: finding.since for control, finding in before.findings.items()
    }
    assert {source.state for source in model.sources.values()} == {State.PENDING}


async def test_a_run_that_keeps_no_state_recalls_since_when_and_that_nobody_looked_meanwhile(seen: Collector) -> None:
    path = saved_state.path_for(seen.config)
    saved_state.keep(seen.model, path)
    volume = next(entry for entry in seen.model.all() if entry.resource.kind == "volume")
    before = volume.findings["aws.ebs.volume-encrypted"]
    assert saved_state.recall(path, seen.model.now + 5.0)[volume.resource.id] == volume.statuses_since()
    late = saved_state.recall(path, seen.model.now + 86400.0)[volume.resource.id]["aws.ebs.volume-encrypted"]
    assert late == (Status.UNKNOWN, volume.observed_at, Gap(before.status, before.since, volume.observed_at))
    path.write_bytes(path.read_bytes()[:-1])
    assert saved_state.recall(path, seen.model.now) == saved_state.recall(path.with_name("none"), seen.model.now) == {}


async def test_a_snapshot_tells_since_when_from_the_state_that_the_dashboard_kept(seen: Collector) -> None:
    saved_state.keep(seen.model, saved_state.path_for(seen.config))
    later = Collector(seen.config, now=lambda: seen.model.now + 90.0)
    await later.once(60)
    for entry in seen.model.all():
        again = later.model.entry(entry.resource.id)
        if entry.resource.provider != OWN and again is not None:
            assert {name: finding.since for name, finding in again.findings.items()} == {
                name: finding.since for name, finding in entry.findings.items()
            }
    await later.poller.stop()


async def test_a_tenant_whose_sources_have_not_answered_again_is_not_green(seen: Collector) -> None:
    model = _again(seen, 5.0)
    assert model.rollups["acme"].status in {Status.FAIL, Status.UNKNOWN}
    coverage = model.entry("enctop://acme")
    assert coverage is not None
    assert coverage.findings["meta.inventory.coverage"].status is Status.UNKNOWN


async def test_what_is_older_than_six_cadences_is_unknown(seen: Collector) -> None:
    standing = _standing(_again(seen, STALE_CADENCES * 60.0 + 1))
    assert {status for resource, status in standing.items() if ":volume/" in resource} == {Status.UNKNOWN}
    assert Status.UNKNOWN not in {
        status for resource, status in standing.items() if resource.startswith("arn:aws:s3")
    }, "buckets are asked every 15 minutes"


async def test_the_file_is_private_and_another_configuration_never_sees_it(seen: Collector, aws: Aws) -> None:
    path = saved_state.path_for(seen.config)
    saved_state.keep(seen.model, path)
    assert path.stat().st_mode & 0o777 == 0o600
    other = parse(
        f'[[tenant]]\nname = "globex"\n[[tenant.aws]]\nregions = ["us-east-1"]\nendpoint_url = "{aws.url}"\n', "test"
    )
    assert saved_state.path_for(other) != path


@pytest.mark.parametrize(
    "content", [b"", b"not msgpack", b"\x80", b"\x83\xa6format\xa5other\xa7sources\x90\xa4kept\x90"]
)
def test_a_file_that_is_not_ours_restores_nothing(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "state.msgpack"
    path.write_bytes(content)
    model = Model(Collector(Config()).model.registry, {}, time.time())
    assert saved_state.restore(model, path, time.time()) == []
    assert len(model) == 0


async def test_a_disk_that_refuses_is_no_reason_to_fail(seen: Collector, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    saved_state.keep(seen.model, blocked / "state.msgpack")


async def test_what_is_gone_meanwhile_goes_when_its_source_answers(seen: Collector, aws: Aws) -> None:
    path = saved_state.path_for(seen.config)
    saved_state.keep(seen.model, path)
    aws.reset()
    collector = Collector(seen.config)
    restored = saved_state.restore(collector.model, path, time.time())
    assert any(entry.resource.name == "scratch" for entry in collector.model.all())
    collector.poller.add(collector.sources())
    async with asyncio.timeout(30):
        await collector.poller.settled()
    collector.poller.forget(restored)
    await collector.poller.stop()
    assert not any(entry.resource.name in {"scratch", "acme-data"} for entry in collector.model.all())
    assert all(source.state is State.OK for source in collector.model.sources.values())


async def test_what_was_seen_stays_while_nobody_can_be_asked_who_we_are(seen: Collector, aws: Aws) -> None:
    path = saved_state.path_for(seen.config)
    saved_state.keep(seen.model, path)
    before = path.stat().st_size
    aws.faults.refuse()
    collector = Collector(seen.config)
    restored = saved_state.restore(collector.model, path, time.time())
    collector.poller.add(collector.sources())
    async with asyncio.timeout(60):
        await collector.poller.settled()
    collector.poller.forget(restored)
    assert any(entry.resource.name == "scratch" for entry in collector.model.all())
    saved_state.keep(collector.model, path)
    assert path.stat().st_size > before / 2, "a state without an answer never replaces one with"
    aws.faults.clear()
    collector.poller.refresh()
    await until(lambda: all(source.state is State.OK for source in collector.model.sources.values()), 60)
    await collector.poller.stop()
    assert any(entry.resource.name == "scratch" for entry in collector.model.all())


async def test_a_clock_that_ran_ahead_makes_no_evidence_that_never_ages(seen: Collector) -> None:
    path, later = saved_state.path_for(seen.config), 3e9
    for entry in seen.model.all():
        entry.observed_at += later
    for (name, source), cadence in zip(
        list(seen.model.sources.items()), cycle((1e12, -1.0, float("nan"))), strict=False
    ):
        seen.model.sources[name] = msgspec.structs.replace(source, cadence=cadence, last_success=seen.model.now + later)
    saved_state.keep(seen.model, path)
    at = seen.model.now
    model = Model(seen.model.registry, {"acme": seen.config.tenant[0].policy}, at)
    saved_state.restore(model, path, at)
    assert max(entry.observed_at for entry in model.all()) <= at
    assert max(finding.since for entry in model.all() for finding in entry.findings.values()) <= at
    assert max(source.last_success or 0 for source in model.sources.values()) <= at
    model.tick(at + STALE_CADENCES * saved_state.LONGEST_CADENCE + 1)
    assert set(_standing(model).values()) <= {Status.UNKNOWN, Status.NOT_APPLICABLE}


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o022])
async def test_whatever_the_umask_the_cache_is_ours_alone(
    seen: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / "cache"))
    before = os.umask(umask)
    try:
        saved_state.keep(seen.model, path := saved_state.path_for(seen.config))
    finally:
        os.umask(before)
    assert [folder.stat().st_mode & 0o777 for folder in (path.parent, path.parent.parent, tmp_path / "home")] == [
        0o700
    ] * 3
    assert path.stat().st_mode & 0o777 == 0o600


def _open(path: Path) -> None:
    path.parent.chmod(0o777)


def _group(path: Path) -> None:
    path.parent.chmod(0o770)


def _another(path: Path) -> None:
    os.chown(path.parent, 12345, -1)


def _others_file(path: Path) -> None:
    os.chown(path, 12345, -1)


def _open_file(path: Path) -> None:
    path.chmod(0o666)


def _link(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))
    path.parent.symlink_to("elsewhere")


def _link_file(path: Path) -> None:
    path.rename(path.with_name("planted"))
    path.symlink_to("planted")


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


@pytest.mark.parametrize("spoil", [_open, _group, _another, _others_file, _open_file, _link, _link_file, _pipe])
async def test_a_state_that_others_may_have_written_is_neither_read_nor_written_and_one_line_says_so(
    seen: Collector, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], None]
) -> None:
    if spoil in (_another, _others_file) and os.geteuid() != 0:
        pytest.skip("only root gives a file away")
    path = saved_state.path_for(seen.config)
    saved_state.keep(seen.model, path)
    spoil(path)
    before = {file: file.lstat().st_mtime_ns for file in path.parent.iterdir()}
    model = Model(seen.model.registry, {"acme": seen.config.tenant[0].policy}, seen.model.now)
    assert saved_state.restore(model, path, seen.model.now) == []
    assert not _standing(model)
    saved_state.keep(seen.model, path)
    assert {file: file.lstat().st_mtime_ns for file in path.parent.iterdir()} == before
    assert all("the state is not kept" in record.getMessage() for record in caplog.records)
    assert caplog.records


LOGINS: list[tuple[str, str]] = [
    ("AZURE_CLIENT_ID", ""),
    ("AZURE_TENANT_ID", ""),
    ("GOOGLE_CLOUD_PROJECT", ""),
    ("CLOUDSDK_ACTIVE_CONFIG_NAME", ""),
    ("VAULT_ADDR", ""),
    ("VAULT_NAMESPACE", ""),
    ("GOOGLE_APPLICATION_CREDENTIALS", "sa.json"),
    ("CLOUDSDK_CONFIG", "application_default_credentials.json"),
    ("CLOUDSDK_CONFIG", "active_config"),
    ("AZURE_CONFIG_DIR", "azureProfile.json"),
]


@pytest.mark.parametrize(("variable", "file"), LOGINS)
def test_the_state_of_one_identity_is_not_painted_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, file: str
) -> None:
    config = Config()
    if not file:
        paths = set()
        for value in ("one", "other"):
            monkeypatch.setenv(variable, value)
            paths.add(saved_state.path_for(config))
        assert len(paths) == 2
        return
    monkeypatch.setenv(variable, str(tmp_path / file if variable == "GOOGLE_APPLICATION_CREDENTIALS" else tmp_path))
    (tmp_path / file).write_text('{"client_email": "one"}')
    first = saved_state.path_for(config)
    assert saved_state.path_for(config) == first
    (tmp_path / file).write_text('{"client_email": "other"}')
    assert saved_state.path_for(config) != first
