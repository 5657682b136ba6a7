"""However the simulated tenants end, no server and no folder of theirs stays."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ENCTOP = str(Path(sys.executable).with_name("enctop"))


def family(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return list(psutil.Process(pid).children(recursive=True))
    return []


def left(processes: list[psutil.Process], folder: Path, within: float = 20.0) -> list[object]:
    """What is still there after a while."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        running = [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
        if not running and not list(folder.iterdir()):
            return []
        time.sleep(0.1)
    return [*running, *folder.iterdir()]


@pytest.mark.parametrize(
    "end", ["close the terminal", "kill the viewer", "kill the collector and the viewer", "kill the demo", "q"]
)
def test_the_demo_leaves_nothing_behind(end: str, tmp_path: Path) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(
            ENCTOP,
            [ENCTOP, "demo"],
            {**os.environ, "TMPDIR": str(folder), "TERM": "xterm-256color", "XDG_STATE_HOME": str(tmp_path)},
        )
    out, until = b"", time.monotonic() + 120
    while b"simulated" not in out and time.monotonic() < until:
        if select.select([fd], [], [], 0.1)[0]:
            out += os.read(fd, 1 << 16)
    processes = family(pid)
    assert any("bao" in one.name() for one in processes), [one.name() for one in processes]
    assert list(folder.iterdir())
    match end:
        case "q":
            os.write(fd, b"q")
        case "kill the viewer":
            os.kill(pid, signal.SIGKILL)
        case "kill the collector and the viewer":
            psutil.Process(pid).children()[0].kill()
            os.kill(pid, signal.SIGKILL)
        case "kill the demo":
            next(one for one in processes if "providers.demo" in one.cmdline()).kill()
            os.kill(pid, signal.SIGTERM)
    if end == "q":
        until = time.monotonic() + 20
        while os.waitpid(pid, os.WNOHANG)[0] == 0 and time.monotonic() < until:
            if select.select([fd], [], [], 0.05)[0]:
                with contextlib.suppress(OSError):
                    os.read(fd, 1 << 16)
    os.close(fd)
    assert not left(processes, folder)


@pytest.mark.parametrize("seconds", [0.8, 4.0])
def test_ctrl_c_in_a_snapshot_of_the_demo_is_quiet_and_leaves_nothing(seconds: float, tmp_path: Path) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    command = [ENCTOP, "snapshot", "--demo", "-o", str(tmp_path / "x.json")]
    env = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=env, start_new_session=True
    ) as it:
        with contextlib.suppress(subprocess.TimeoutExpired):
            it.wait(seconds)
        processes = family(it.pid)
        os.killpg(it.pid, signal.SIGINT)  # as a terminal does: to all of its group
        out, err = it.communicate(timeout=60)
    assert it.returncode == 130
    assert (out, err) == (b"", b"")
    assert not (tmp_path / "x.json").exists()
    assert not left(processes, folder)


def test_a_full_standard_output_is_one_line(tmp_path: Path) -> None:
    for command in (["controls"], ["schema"]):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run([ENCTOP, *command], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert (done.returncode, done.stderr) == (2, "enctop: standard output: No space left on device\n")
