"""The simulated tenants on their short cadences, watched: after ten minutes nothing grows. `ENCTOP_SOAK_MINUTES`
says for how long (15).
"""

import os
import pty
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path
from struct import pack
from typing import TypeVar

import msgspec
import psutil
import pytest

N = TypeVar("N", int, float)
pytestmark = pytest.mark.bench

MINUTES = float(os.environ.get("ENCTOP_SOAK_MINUTES", "15"))
WARM_UP = 10.0
"""Minutes after which memory is to be flat."""
GROWTH = 0.03
KEYS = b"1234567890jkjjG\x1b[5~g\r\x1b"
"""Pressed one every ten seconds: every view, moving about, into a resource and out again."""


class Sample(msgspec.Struct, frozen=True):
    """What the viewer and the collector hold after so many minutes."""

    minutes: float
    megabytes: tuple[float, float]
    threads: tuple[int, int]
    descriptors: tuple[int, int]


@pytest.mark.skipif(MINUTES <= WARM_UP, reason="needs more than the ten minutes of warming up")
def test_nothing_grows_after_ten_minutes(tmp_path: Path) -> None:
    log = tmp_path / "log"
    samples = list(_samples(log))
    _print(samples)
    settled = next(sample for sample in samples if sample.minutes >= WARM_UP)
    last = [sample for sample in samples if sample.minutes > samples[-1].minutes - 3]
    for which, name in enumerate(("viewer", "collector")):
        grown = min(sample.megabytes[which] for sample in last) / settled.megabytes[which] - 1
        assert grown <= GROWTH, f"the {name} grew by {grown:.1%}"
        assert min(sample.threads[which] for sample in last) <= settled.threads[which], f"the {name} has more threads"
        assert min(sample.descriptors[which] for sample in last) <= settled.descriptors[which] + 2, (
            f"the {name} has more descriptors"
        )
    text = log.read_text()
    assert "Unclosed" not in text
    assert "Traceback" not in text


def _samples(log: Path) -> Iterator[Sample]:
    leader, follower = pty.openpty()
    ioctl(follower, termios.TIOCSWINSZ, pack("HHHH", 50, 200, 0, 0))
    environment = {
        **os.environ,
        "TERM": "xterm-256color",
        "PYTHONASYNCIODEBUG": "",
        "PYTHONWARNINGS": "default::ResourceWarning",
    }
    viewer = subprocess.Popen(
        [sys.executable, "-P", "-m", "tui.cli.main", "demo", "--log-file", str(log)],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=environment,
    )
    os.close(follower)
    threading.Thread(target=_drain, args=(leader,), daemon=True).start()
    try:
        begun = time.monotonic()
        pressed = 0
        for minute in range(1, int(MINUTES) + 1):
            while time.monotonic() < begun + minute * 60:
                time.sleep(10)
                os.write(leader, KEYS[pressed % len(KEYS) : pressed % len(KEYS) + 1])
                pressed += 1
            assert viewer.poll() is None, f"the dashboard ended with {viewer.returncode} after {minute} minutes"
            processes = [psutil.Process(viewer.pid), _collector(viewer.pid)]
            yield Sample(
                minute,
                _pair(process.memory_info().rss / 1e6 for process in processes),
                _pair(process.num_threads() for process in processes),
                _pair(process.num_fds() for process in processes),
            )
    finally:
        viewer.terminate()
        viewer.wait(30)
        os.close(leader)


def _pair(values: Iterator[N]) -> tuple[N, N]:
    first, second = values
    return first, second


def _collector(viewer: int) -> psutil.Process:
    return next(
        child for child in psutil.Process(viewer).children() if "providers.collector" in " ".join(child.cmdline())
    )


def _drain(leader: int) -> None:
    try:
        while os.read(leader, 1 << 16):
            pass
    except OSError:
        return


def _print(samples: list[Sample]) -> None:
    out = sys.stdout
    out.write("\nminutes  viewer MB  threads  descriptors  collector MB  threads  descriptors\n")
    for one in samples:
        out.write(
            f"{one.minutes:7.0f}  {one.megabytes[0]:9.1f}  {one.threads[0]:7}  {one.descriptors[0]:11}"
            f"  {one.megabytes[1]:12.1f}  {one.threads[1]:7}  {one.descriptors[1]:11}\n"
        )
