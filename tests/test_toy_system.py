"""A system is declared once: the toy system of `tests/world/toy`, by one more name in `providers.SYSTEMS`, is
configured, asked, judged for being asked, shown, written down, printed as a policy and kept, with no other line.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import providers
from posture.fault import ConfigError
from providers import system
from providers.collector.collector import Collector
from providers.collector.config import ambient, parse
from providers.collector.history.place import owners
from providers.collector.systems import policy_text
from tests.tui.support import Opened
from tui.app import Dashboard
from tui.data import process
from tui.data.link import Feed
from tui.data.replica import Replica

TOY = "tests.world.toy"
TEXT = '[[tenant]]\nname = "acme"\n[[tenant.toy]]\nbox = "red"\n[[tenant.toy]]\nbox = "blue"\ndoor = "box.invalid"\n'
BEGIN = f"import sys, providers; providers.SYSTEMS += ({TOY!r},)\n"
"""What the one line in `providers/__init__.py` would be."""


@pytest.fixture(autouse=True)
def one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy system is one of the systems."""
    monkeypatch.setattr(providers, "SYSTEMS", (*providers.SYSTEMS, TOY))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration of two boxes."""
    written = tmp_path / "enctop.toml"
    written.write_text(TEXT)
    return written


def enctop(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line, with the one line."""
    program = f"{BEGIN}from tui.cli.main import main\nsys.exit(main(sys.argv[1:]))"
    variables = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[1])}
    variables |= {"XDG_STATE_HOME": str(tmp_path / "cache"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=variables, cwd=tmp_path)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("bx = 1", "tenant[0].toy[2].bx: unknown key, did you mean box?; allowed here: box, door, lids, url"),
        ('box = "red"', "tenant[0].toy[0].box: 'red' is there twice"),
        ('box = "x"\npassword = "y"', "refused, no secret ever stands in this file; use a box"),
    ],
)
def test_its_settings_are_read_as_strictly_as_any(more: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f"{TEXT}[[tenant.toy]]\n{more}\n", "file")
    assert says in str(caught.value)


def test_without_a_file_what_its_environment_offers_is_there() -> None:
    assert [block.settings.box for block in ambient().blocks("toy")] == ["found"]


async def test_its_sources_are_asked_and_its_listeners_are_endpoints() -> None:
    collector = Collector(parse(TEXT, "test"))
    await collector.once(30)
    states = {source.id: source.state.value for source in collector.model.sources.values() if source.provider == "toy"}
    assert states == {"acme/toy/red/boxes": "ok", "acme/toy/blue/boxes": "ok"}
    held = {entry.resource.id for entry in collector.model.all()}
    assert {"toy:red", "toy:blue", "tls://box.invalid:443"} <= held


def test_it_is_in_the_snapshot_in_check_and_in_policy(file: Path, tmp_path: Path) -> None:
    done = enctop(tmp_path, "snapshot", "--config", str(file), "--filter", "provider:toy", "--timeout", "20")
    taken = json.loads(done.stdout)
    assert {resource["id"] for resource in taken["resources"]} == {"toy:red", "toy:blue"}
    assert "acme/toy/red/boxes" in {source["id"] for source in taken["sources"]}
    done = enctop(tmp_path, "check", "--config", str(file), "--timeout", "20")
    assert "+ toy/red/boxes" in done.stdout
    done = enctop(tmp_path, "policy", "toy", "--with", "lids")
    assert (done.stdout, done.returncode) == ("look at boxes and lids\n", 0)
    done = enctop(tmp_path, "policy", "toi")
    assert "did you mean toy?; there are aws, azure, gcp, kubernetes, vault, keycloak, toy" in done.stderr
    assert "toy" in enctop(tmp_path, "policy", "--help").stdout


def test_a_policy_takes_only_what_its_system_declares() -> None:
    with pytest.raises(ConfigError, match="policy toy --with object_sample: toy takes lids"):
        policy_text("toy", frozenset({"object_sample"}))
    with pytest.raises(ConfigError, match="policy aws --without sudo: aws takes none"):
        policy_text("aws", frozenset({"no-sudo"}))


def test_its_environment_is_part_of_whose_answers_a_history_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    config = parse(TEXT, "test")
    before = owners(config)
    monkeypatch.setenv("TOY_BOX", "another")
    assert owners(config) != before


async def test_it_is_on_the_screen(file: Path, tmp_path: Path) -> None:
    program = f"{BEGIN}from providers.collector.__main__ import main\nsys.exit(main())"
    child = process.Collector([sys.executable, "-c", program, "--config", str(file)])
    child.start()
    app = Dashboard(Feed(child, Replica()), view="buckets", query="", export_dir=tmp_path, on_terminal=False)
    try:
        async with app.run_test(size=(160, 40)) as pilot:
            it = Opened(app, pilot)
            await it.shows("red")
            await it.shows("blue")
            await it.press("0")
            await it.shows("boxes")
    finally:
        child.stop()


def test_every_system_is_declared_in_full() -> None:
    for one in system.systems():
        assert callable(system.called(one.open))
        assert one.policy is None or callable(system.called(one.policy))
        assert one.policy is not None or not (one.opt_ins or one.opt_outs)
    names = [one.name for one in system.systems()]
    assert len(set(names)) == len(names)
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    assert all(f"[[tenant.{name}]]" in readme for name in names if name != "toy")
