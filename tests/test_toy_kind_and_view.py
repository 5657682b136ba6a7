"""What a kind of resource and a view cost: one entry, and one file. A toy of each, with a control, is added to a copy
of the product and reaches all that knows kinds and views. Where a second place had to know, this would fail.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tui.test_terminal import Terminal
from tests.world.beacon import ENTRY

ROOT = Path(__file__).parents[1]
TOY = ROOT / "tests" / "world" / "beacon"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The product with the toy: one entry more in `posture/kinds.py`, three files more, and nothing else."""
    made = tmp_path_factory.mktemp("house")
    for part in ("posture", "providers", "tui"):
        shutil.copytree(ROOT / part, made / part)
    kinds = made / "posture" / "kinds.py"
    before, opening, rest = kinds.read_text().partition("_ALL = (\n")
    kinds.write_text(f"{before}{opening}{ENTRY}{rest}")
    shutil.copy(TOY / "beacons.py", made / "tui" / "views")
    (made / "posture" / "controls" / "toy").mkdir()
    for file in ("light.py", "light.toml"):
        shutil.copy(TOY / file, made / "posture" / "controls" / "toy")
    return made


def environment(house: Path) -> dict[str, str]:
    """In which the copy is found first, and the tests behind it."""
    return {**os.environ, "PYTHONPATH": f"{house}{os.pathsep}{ROOT}"}


def run(house: Path, *arguments: str) -> str:
    """What a Python of the copy prints."""
    done = subprocess.run(
        [sys.executable, "-P", *arguments],
        cwd=house,
        env=environment(house),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def snapshot(house: Path) -> Path:
    """What the real collector wrote of the toy system."""
    file = house / "toy.json"
    run(house, str(TOY / "collector.py"), "--once", str(file))
    return file


@pytest.fixture(scope="module", params=["live", "snapshot"])
def screens(request: pytest.FixtureRequest, house: Path, snapshot: Path) -> dict[str, str]:
    """What a person sees of it, live and offline."""
    collector = {
        "live": [sys.executable, "-P", str(TOY / "collector.py")],
        "snapshot": [sys.executable, "-P", "-m", "providers.collector", "--file", str(snapshot)],
    }[request.param]
    screens: dict[str, str] = json.loads(run(house, str(TOY / "look.py"), *collector))
    return screens


def test_it_is_judged_and_written_down_with_its_columns(snapshot: Path) -> None:
    told = json.loads(snapshot.read_text())
    assert {
        one["name"]: (one["kind"], one["status"], one["columns"])
        for one in told["resources"]
        if one["kind"] != "identity"
    } == {
        "alpha": ("beacon", "pass", {"CALL": "call-alpha", "LIT": "yes"}),
        "beta": ("beacon", "fail", {"CALL": "call-beta", "LIT": "no"}),
        "gamma": ("beacon", "unknown", {"CALL": "call-gamma", "LIT": "?"}),
    }


def line(screen: str, name: str) -> list[str]:
    """The words of the line that tells of a name."""
    return next(one for one in screen.splitlines() if f" {name} " in one).split()


def test_its_view_has_rows_with_its_columns_the_worst_first(screens: dict[str, str]) -> None:
    screen = screens["view"]
    assert "Beacons 3" in screen
    assert all(title in screen for title in ("STATUS", "CALL", "LIT"))
    assert [name for one in screen.splitlines() for name in ("alpha", "beta", "gamma") if f" {name} " in one] == [
        "beta",
        "gamma",
        "alpha",
    ]
    for name, lit in (("alpha", "yes"), ("beta", "no"), ("gamma", "?")):
        words = line(screen, name)
        assert words[words.index(f"call-{name}") + 1] == lit


def test_the_page_of_one_tells_its_columns(screens: dict[str, str]) -> None:
    assert "Beacons › beta" in screens["page"]
    assert "call call-beta" in screens["page"]
    assert "lit no" in screens["page"]
    assert "Beacons are lit" in screens["page"]


def test_its_name_is_a_view_of_the_kind_and_a_word_of_the_filter(screens: dict[str, str]) -> None:
    assert "Beacons 3" in screens["kind"]
    assert "call-gamma" in screens["kind"]
    assert "1/3" in screens["filtered"]
    assert "beta" in screens["filtered"]
    assert "alpha" not in screens["filtered"]
    assert "nothing matches kind:volume" in screens["none"]


def test_what_ends_by_itself_is_among_the_expiring_and_not_among_the_others(screens: dict[str, str]) -> None:
    for name in ("alpha", "beta", "gamma"):
        assert "beacon" in line(screens["expiring"], name)
        assert f" {name} " not in screens["others"]


def test_footer_commands_palette_and_tab_know_the_view(screens: dict[str, str]) -> None:
    assert "Bcns" in screens["footer"]
    assert {"beacons", "beacon"} <= set(screens["commands"].split())
    assert "Beacons" in screens["palette"].split()
    assert "Beacons 3" in screens["next"], "it comes after the last that was there"
    assert screens["front"] == "beacons"
    assert "Everywhere" in screens["help"]


def test_the_command_line_knows_the_view_and_opens_it_offline(house: Path, snapshot: Path) -> None:
    assert "beacons" in run(house, "-m", "tui.cli.main", "--help")
    told = run(house, "-m", "tui.cli.main", "controls")
    assert "toy.beacon.lit" in told
    command = ("-P", "-m", "tui.cli.main", "view", str(snapshot), "--view", "beacons")
    it = Terminal(*command, PYTHONPATH=environment(house)["PYTHONPATH"])
    it.until("the light is on")
    os.write(it.fd, b"q")
    assert it.end() == 0
