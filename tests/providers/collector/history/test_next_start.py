"""The next start paints the last state at once, marked with its age, and believes none of it for longer than it may."""

import asyncio
import os
import sqlite3
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
from providers.collector.collector import Collector
from providers.collector.config import Config, parse
from providers.collector.history.history import History
from providers.collector.history.keeper import Keeper, recall
from providers.collector.history.place import owners, path_for
from providers.collector.history.reader import LONGEST_CADENCE, Reader
from providers.collector.history.recorder import Recorder
from providers.collector.history.schema import open_reader
from tests.providers.conftest import until
from tests.world.aws import Aws


def _config(aws: Aws, more: str = "") -> Config:
    return parse(
        f'[[tenant]]\nname = "acme"\n[[tenant.aws]]\nregions = ["us-east-1"]\nendpoint_url = "{aws.url}"\n{more}',
        "test",
    )


@pytest.fixture
async def seen(aws: Aws) -> Collector:
    """A collector that has looked once at a plaintext volume and a bucket."""
    aws.region().volume({"Name": "scratch"}, encrypted=False)
    aws.buckets().make("acme-data")
    collector = Collector(_config(aws))
    await collector.once(timeout=30)
    return collector


async def keep(collector: Collector) -> list[str]:
    """Write all that a collector holds; returns what it tells of trouble."""
    history = History(collector.config, None, lambda: collector.model.now, kept=True)
    await history.open()
    recorder = Recorder(collector.model)
    recorder.begin(collector.model.now)
    recorder.all(collector.model.now)
    while recorder.more(1000, collector.model.now):
        pass
    await history.close(recorder.work(collector.model.now, beat=True))
    return history.troubles


async def restore(model: Model, config: Config, now: float) -> Keeper:
    """Fill a model with what was kept."""
    keeper = Keeper(History(config, None, lambda: now, kept=True), model, lambda: now)
    async for piece in keeper.restore():
        model.restore(piece, now)
    return keeper


async def _again(seen: Collector, later: float) -> Model:
    """The model of a process that starts that many seconds later."""
    await keep(seen)
    at = seen.model.now + later
    model = Model(seen.model.registry, {"acme": seen.config.tenant[0].policy}, at)
    await restore(model, seen.config, at)
    model.tick(at)
    return model


def _standing(model: Model) -> dict[str, Status]:
    return {entry.resource.id: entry.status for entry in model.all() if entry.resource.provider == "aws"}


async def test_what_was_seen_is_there_again_with_its_age_and_since(seen: Collector) -> None:
    model = await _again(seen, 5.0)
    assert _standing(model) == _standing(seen.model)
    volume = next(entry for entry in model.all() if entry.resource.kind == "volume")
    before = seen.model.entry(volume.resource.id)
    assert before is not None
    assert volume.observed_at == before.observed_at
    assert {control: finding.since for control, finding in volume.findings.items()} == {
        control: finding.since for control, finding in before.findings.items()
    }
    assert {source.state for source in model.sources.values()} == {State.PENDING}


async def test_since_is_right_after_ten_starts(seen: Collector) -> None:
    before = {
        entry.resource.id: {control: finding.since for control, finding in entry.findings.items()}
        for entry in seen.model.all()
        if entry.resource.provider != OWN
    }
    collector = seen
    for _ in range(10):
        await keep(collector)
        at = collector.model.now + 7.0
        collector = Collector(seen.config, now=lambda at=at: at)  # type: ignore[misc]
        await restore(collector.model, seen.config, at)
        collector.model.tick(at)
    assert before == {
        entry.resource.id: {control: finding.since for control, finding in entry.findings.items()}
        for entry in collector.model.all()
        if entry.resource.provider != OWN
    }


async def test_a_run_that_keeps_no_history_recalls_since_when_and_that_nobody_looked_meanwhile(
    seen: Collector,
) -> None:
    await keep(seen)
    volume = next(entry for entry in seen.model.all() if entry.resource.kind == "volume")
    before = volume.findings["aws.ebs.volume-encrypted"]
    recalled = recall(seen.config, None, seen.model.now + 5.0)
    assert recalled[volume.resource.id] == volume.statuses_since()
    late = recall(seen.config, None, seen.model.now + 86400.0)[volume.resource.id]["aws.ebs.volume-encrypted"]
    assert late == (Status.UNKNOWN, volume.observed_at, Gap(before.status, before.since, volume.observed_at))
    path = path_for(seen.config, None)
    path.write_bytes(path.read_bytes()[:-1])
    assert recall(seen.config, None, seen.model.now) == recall(Config(), Path("none"), seen.model.now) == {}


async def test_a_snapshot_tells_since_when_from_the_history_that_the_dashboard_kept(seen: Collector) -> None:
    await keep(seen)
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
    model = await _again(seen, 5.0)
    assert model.rollups["acme"].status in {Status.FAIL, Status.UNKNOWN}
    coverage = model.entry("enctop://acme")
    assert coverage is not None
    assert coverage.findings["meta.inventory.coverage"].status is Status.UNKNOWN


async def test_what_is_older_than_six_cadences_is_unknown(seen: Collector) -> None:
    standing = _standing(await _again(seen, STALE_CADENCES * 60.0 + 1))
    assert {status for resource, status in standing.items() if ":volume/" in resource} == {Status.UNKNOWN}
    assert Status.UNKNOWN not in {
        status for resource, status in standing.items() if resource.startswith("arn:aws:s3")
    }, "buckets are asked every 15 minutes"


async def test_the_files_are_private_and_another_configuration_never_sees_them(seen: Collector) -> None:
    await keep(seen)
    path = path_for(seen.config, None)
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
    assert path_for(seen.config, Path("enctop.toml")) != path != path_for(seen.config, Path("other.toml"))


@pytest.mark.parametrize("content", [b"not SQLite" * 20, b"\0" * 5000, b"SQLite format 3\0" + b"\0" * 4080])
async def test_a_file_that_is_not_ours_is_set_aside_whole_and_one_line_says_so(seen: Collector, content: bytes) -> None:
    path = path_for(seen.config, None)
    path.parent.mkdir(parents=True, mode=0o700)
    path.write_bytes(content)
    path.chmod(0o600)
    assert recall(seen.config, None, seen.model.now) == {}
    (line,) = await keep(seen)
    (aside,) = path.parent.glob("*.aside-*")
    assert aside.read_bytes() == content
    assert str(aside) in line
    assert _standing(await _again(seen, 5.0)) == _standing(seen.model), "a new one is kept"


async def test_a_file_of_a_newer_enctop_is_set_aside(seen: Collector) -> None:
    await keep(seen)
    path = path_for(seen.config, None)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    (line,) = await keep(seen)
    assert "newer enctop (version 2, this one reads 1)" in line
    assert list(path.parent.glob("*.aside-*"))


async def test_a_disk_that_refuses_is_no_reason_to_fail(seen: Collector, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    config = msgspec.structs.replace(
        seen.config, history=msgspec.structs.replace(seen.config.history, path=str(blocked / "below"))
    )
    collector = Collector(config)
    (line,) = await keep(collector)
    assert line.startswith("the history is not kept: ")


async def test_what_is_gone_meanwhile_goes_when_its_source_answers(seen: Collector, aws: Aws) -> None:
    await keep(seen)
    aws.reset()
    collector = Collector(seen.config)
    keeper = await restore(collector.model, seen.config, time.time())
    assert any(entry.resource.name == "scratch" for entry in collector.model.all())
    collector.poller.add(collector.sources())
    async with asyncio.timeout(30):
        await collector.poller.settled()
    collector.poller.forget(keeper.restored)
    await collector.poller.stop()
    keeper.take(collector.model.drain())
    keeper.begin()
    await keeper.end()
    assert not any(entry.resource.name in {"scratch", "acme-data"} for entry in collector.model.all())
    assert all(source.state is State.OK for source in collector.model.sources.values())
    with_sql = open_reader(path_for(seen.config, None))
    gone = [one for one in Reader(with_sql).transitions(0.0, time.time() + 1, 100) if one.name == "scratch"]
    with_sql.close()
    assert {(one.control, one.before, one.after, one.reason) for one in gone} == {
        ("aws.ebs.volume-encrypted", Status.FAIL, -1, "gone"),
        ("aws.ebs.volume-key-policy", Status.FAIL, -1, "gone"),
    }


async def test_what_was_seen_stays_while_nobody_can_be_asked_who_we_are(seen: Collector, aws: Aws) -> None:
    await keep(seen)
    aws.faults.refuse()
    collector = Collector(seen.config)
    keeper = await restore(collector.model, seen.config, time.time())
    collector.poller.add(collector.sources())
    async with asyncio.timeout(60):
        await collector.poller.settled()
    collector.poller.forget(keeper.restored)
    assert any(entry.resource.name == "scratch" for entry in collector.model.all())
    keeper.take(collector.model.drain())
    keeper.begin()
    await keeper.end()
    again = Collector(seen.config)
    await (await restore(again.model, seen.config, time.time())).end()
    assert any(entry.resource.name == "scratch" for entry in again.model.all()), "no answer never replaces one"
    aws.faults.clear()
    collector.poller.refresh()
    await until(lambda: all(source.state is State.OK for source in collector.model.sources.values()), 60)
    await collector.poller.stop()
    assert any(entry.resource.name == "scratch" for entry in collector.model.all())


async def test_a_clock_that_ran_ahead_makes_no_evidence_that_never_ages(seen: Collector) -> None:
    later, at = 3e9, seen.model.now
    for entry in seen.model.all():
        entry.observed_at += later
    for (name, source), cadence in zip(
        list(seen.model.sources.items()), cycle((1e12, -1.0, float("nan"))), strict=False
    ):
        seen.model.sources[name] = msgspec.structs.replace(source, cadence=cadence, last_success=at + later)
    await keep(seen)
    model = Model(seen.model.registry, {"acme": seen.config.tenant[0].policy}, at)
    await restore(model, seen.config, at)
    assert max(entry.observed_at for entry in model.all()) <= at
    assert max(finding.since for entry in model.all() for finding in entry.findings.values()) <= at
    assert max(source.last_success or 0 for source in model.sources.values()) <= at
    model.tick(at + STALE_CADENCES * LONGEST_CADENCE + 1)
    assert set(_standing(model).values()) <= {Status.UNKNOWN, Status.NOT_APPLICABLE}


async def test_a_clock_that_jumps_back_a_day_loses_nothing_and_nothing_is_told_of_times_to_come(
    seen: Collector,
) -> None:
    await keep(seen)
    early = seen.model.now - 86400.0
    model = Model(seen.model.registry, {"acme": seen.config.tenant[0].policy}, early)
    keeper = await restore(model, seen.config, early)
    model.tick(early)
    assert _standing(model) == _standing(seen.model)
    await keeper.end()
    connection = open_reader(path_for(seen.config, None))
    span = Reader(connection).span()
    connection.close()
    assert span is not None
    assert max(span) <= early


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o022])
async def test_whatever_the_umask_the_history_is_ours_alone(
    seen: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home" / "state"))
    before = os.umask(umask)
    try:
        await keep(seen)
    finally:
        os.umask(before)
    path = path_for(seen.config, None)
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


def _linked_log(path: Path) -> None:
    path.with_name(path.name + "-wal").symlink_to("/etc/passwd")


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


@pytest.mark.parametrize(
    "spoil", [_open, _group, _another, _others_file, _open_file, _link, _link_file, _linked_log, _pipe]
)
async def test_a_history_that_others_may_have_written_is_neither_read_nor_written_and_one_line_says_so(
    seen: Collector, spoil: Callable[[Path], None]
) -> None:
    if spoil in (_another, _others_file) and os.geteuid() != 0:
        pytest.skip("only root gives a file away")
    await keep(seen)
    path = path_for(seen.config, None)
    spoil(path)
    before = {file: file.lstat().st_mtime_ns for file in path.parent.iterdir()}
    model = Model(seen.model.registry, {"acme": seen.config.tenant[0].policy}, seen.model.now)
    await (await restore(model, seen.config, seen.model.now)).end()
    assert not _standing(model)
    (line,) = await keep(seen)
    assert "the history is not kept" in line
    assert {file: file.lstat().st_mtime_ns for file in path.parent.iterdir()} == before
    assert recall(seen.config, None, seen.model.now) == {}


async def test_a_second_enctop_reads_what_the_first_one_keeps(seen: Collector) -> None:
    await keep(seen)
    at = seen.model.now
    first = Model(seen.model.registry, {"acme": seen.config.tenant[0].policy}, at)
    keeper = await restore(first, seen.config, at)
    history = History(seen.config, None, lambda: at, kept=True)
    second = Model(seen.model.registry, {"acme": seen.config.tenant[0].policy}, at)
    other = Keeper(history, second, lambda: at)
    async for piece in other.restore():
        second.restore(piece, at)
    second.tick(at)
    assert _standing(second) == _standing(seen.model)
    assert [line for line in history.troubles if "kept by another enctop" in line]
    await other.end()
    await keeper.end()


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
EVERY_CLOUD = """
[[tenant]]
name = "acme"
[[tenant.azure]]
[[tenant.gcp]]
project = "acme-prod"
[[tenant.vault]]
address = "https://vault.example.com:8200"
"""


@pytest.mark.parametrize(("variable", "file"), LOGINS)
def test_what_one_identity_saw_is_not_told_to_belong_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, file: str
) -> None:
    config = parse(EVERY_CLOUD, "test")
    if not file:
        monkeypatch.setenv(variable, "one")
        first = owners(config)
        monkeypatch.setenv(variable, "other")
        assert len({*first.values()} & {*owners(config).values()}) == 2, "of one system of three"
        return
    monkeypatch.setenv(variable, str(tmp_path / file if variable == "GOOGLE_APPLICATION_CREDENTIALS" else tmp_path))
    (tmp_path / file).write_text('{"client_email": "one"}')
    first = owners(config)
    assert owners(config) == first
    (tmp_path / file).write_text('{"client_email": "other"}')
    assert len({*first.values()} & {*owners(config).values()}) == 2


async def test_what_another_identity_saw_is_not_painted_and_stays_told_of_its_time(
    seen: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(seen)
    monkeypatch.setenv("AWS_PROFILE", "another")
    assert recall(seen.config, None, seen.model.now + 5.0) == {}
    assert not _standing(await _again(Collector(seen.config, now=lambda: seen.model.now + 3), 5.0))
    monkeypatch.delenv("AWS_PROFILE")
    connection = open_reader(path_for(seen.config, None))
    then = [entry.resource.name for piece in Reader(connection).entries(seen.model.now) for entry in piece]
    connection.close()
    assert "scratch" in then


async def test_a_policy_that_changes_keeps_what_was_seen(seen: Collector, aws: Aws) -> None:
    await keep(seen)
    config = _config(aws, '[tenant.policy]\nkeys = "customer-managed"\n')
    model = Model(seen.model.registry, {"acme": config.tenant[0].policy}, seen.model.now)
    await (await restore(model, config, seen.model.now)).end()
    assert _standing(model).keys() == _standing(seen.model).keys()
