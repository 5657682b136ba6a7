"""The documents say what is so: each room's manual names all that the room declares, links lead somewhere, the worked
diffs apply, and nothing cites what is not in the repository.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest

from providers.source import Source
from providers.system import System, systems

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "posture/**/*.md", "providers/**/*.md", "tui/**/*.md", "tests/**/*.md")
    for path in ROOT.glob(pattern)
)
HEADINGS = ("## Settings", "## Least privilege", "## What is asked, and how often", "## Limits")
ROOMS = sorted(path.parent.name for path in (ROOT / "providers").glob("*/__init__.py"))
ABROAD = re.compile(r"INTERFACE section|CONTROLS\.md|DESIGN\.md|HOUSE\.md|STYLE\.md|\breference/|\.\./shared")
"""How documents that are not in the repository were cited."""
PATH = re.compile(r"`((?:posture|providers|tui|tests|screenshots)/[\w./*-]+)`")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def manual(room: str) -> str:
    return (ROOT / "providers" / room / "README.md").read_text("utf-8")


def calls_of(room: str) -> Iterator[str]:
    """What the room can ask, as its manual names it: Vault's by path, all others by operation."""
    module: Any = import_module(f"providers.{room}.calls")
    for table in ("CALLS", "GRAPH_CALLS"):
        for call in getattr(module, table, {}).values():
            yield call.path if room == "vault" else call.operation


def sources_of(room: str) -> Iterator[type[Source]]:
    """The sources that the room's files declare."""
    for file in sorted((ROOT / "providers" / room).glob("*.py")):
        for kind in vars(
            import_module(f"providers.{room}.{file.stem}" if file.stem != "__init__" else f"providers.{room}")
        ).values():
            if isinstance(kind, type) and issubclass(kind, Source) and "service" in vars(kind):
                yield kind


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_a_manual_of_one_shape(room: str) -> None:
    text = manual(room)
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    expected = HEADINGS if room != "collector" else HEADINGS[1:]
    found = [next((line for line in headings if line.startswith(heading)), f"no {heading}") for heading in expected]
    assert found == [line for line in headings if line.startswith(expected)]


@pytest.mark.parametrize("system", systems(), ids=lambda system: system.name)
def test_a_manual_names_every_setting_right_source_and_call(system: System) -> None:
    text, room = manual(system.name), system.name
    settings = msgspec.structs.fields(system.settings)
    wanted = {f"`{field.name}`" for field in settings}
    wanted |= {f"`{kind.service}`" for kind in sources_of(room)}
    wanted |= {f"`{need}`" if f"`{need}`" in text else f"--with {need}`" for need in system.opt_ins}
    wanted |= {f"--without {need}`" for need in system.opt_outs}
    if system.policy is not None:
        wanted |= {f"`{call}`" for call in calls_of(room)} | {f"enctop policy {room}"}
    assert not {word for word in wanted if word not in text}


@pytest.mark.parametrize("table", ["policy", "policy.tls", "policy.vault", "poll"])
def test_the_manuals_name_every_key_of_the_policy(table: str) -> None:
    from posture.policy import Attestation, ExceptionRule, Policy
    from posture.policy.tls import TlsPolicy
    from posture.policy.vault import VaultPolicy
    from providers.collector.config import Poll

    types, room = {
        "policy": ((Policy, Attestation, ExceptionRule), "collector"),
        "policy.tls": ((TlsPolicy,), "tls"),
        "policy.vault": ((VaultPolicy,), "vault"),
        "poll": ((Poll,), "collector"),
    }[table]
    names = {field.name for type_ in types for field in msgspec.structs.fields(type_)}
    names -= {"attestation", "exception", "tls", "vault"}
    assert not {name for name in names if f"`{name}`" not in manual(room)}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_link_and_every_path_leads_somewhere(path: Path) -> None:
    text = path.read_text("utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"(?s)```.*?```", "", text)):
        if not target.startswith("https://"):
            assert (path.parent / target.partition("#")[0]).exists(), target
    for named in PATH.findall(text):
        assert any(ROOT.glob(named)) or re.search(r"\b[A-Z]{3,}\b", named), named


def test_the_readme_is_two_screens() -> None:
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert len(lines) <= 110
    assert not [line for line in lines if len(line) > 120]


@pytest.mark.parametrize("part", ["posture", "providers", "tui", "tests", "screenshots", "."])
def test_nothing_cites_a_document_that_is_not_here(part: str) -> None:
    files = ROOT.glob("*") if part == "." else (ROOT / part).rglob("*")
    for file in files:
        if (
            file.suffix in {".py", ".toml", ".md", ".yaml"}
            and file != Path(__file__)
            and file.name != "test_registry.py"
        ):
            assert not ABROAD.search(file.read_text("utf-8")), file


def recipes() -> list[str]:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    return re.findall(r"(?s)```diff\n(.*?)```", text)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("number", range(3), ids=["control", "system", "kind and view"])
def test_a_worked_diff_applies_to_this_tree(number: int, tmp_path: Path) -> None:
    diff = recipes()[number]
    for named in re.findall(r"(?m)^--- a/(\S+)$", diff):
        (tmp_path / named).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / named, tmp_path / named)
    done = subprocess.run(
        ["git", "apply", "--check", "-"], input=diff, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
