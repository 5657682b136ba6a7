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
from statistics import median
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
SPAN = 5.0
"""Minutes whose median is compared: from the end of the warming up, and up to the end."""
GROWTH = 0.03
EVERY = 10.0
KEYS = b"1234567890jkjjG\x1b[5~g\r\x1b"
"""Pressed one every `EVERY` seconds: every view, moving about, into a resource and out again."""


class Sample(msgspec.Struct, frozen=True):
    """What the viewer and the collector hold after so many minutes; of `megabytes`, `private` are those that no other
    process has a part in.
    """

    minutes: float
    megabytes: tuple[float, float]
    private: tuple[float, float]
    threads: tuple[int, int]
    descriptors: tuple[int, int]


@pytest.mark.skipif(MINUTES <= WARM_UP, reason="needs more than the ten minutes of warming up")
def test_nothing_grows_after_ten_minutes(tmp_path: Path) -> None:
    log = tmp_path / "log"
    samples = list(_samples(log))
    _print(samples)
    span = min(SPAN, (MINUTES - WARM_UP) / 2)
    settled = [sample for sample in samples if WARM_UP <= sample.minutes <= WARM_UP + span]
    last = [sample for sample in samples if sample.minutes >= samples[-1].minutes - span]
    for which, name in enumerate(("viewer", "collector")):
        for held in ("megabytes", "private", "threads"):
            before, after = (median(getattr(sample, held)[which] for sample in some) for some in (settled, last))
            assert after / before - 1 <= (GROWTH if held != "threads" else 0), (
                f"{held} of the {name}: {before:.1f}, later {after:.1f}"
            )
        descriptors = [min(sample.descriptors[which] for sample in some) for some in (settled, last)]
        assert descriptors[1] <= descriptors[0], f"descriptors of the {name}: {descriptors}"
    text = log.read_text()
    assert "unclosed" not in text.lower()
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
        for pressed in range(int(MINUTES * 60 / EVERY)):
            time.sleep(max(0.0, begun + (pressed + 1) * EVERY - time.monotonic()))
            os.write(leader, KEYS[pressed % len(KEYS) : pressed % len(KEYS) + 1])
            minutes = (time.monotonic() - begun) / 60
            assert viewer.poll() is None, f"the dashboard ended with {viewer.returncode} after {minutes:.1f} minutes"
            processes = [psutil.Process(viewer.pid), _collector(viewer.pid)]
            memory = [process.memory_full_info() for process in processes]
            yield Sample(
                minutes,
                _pair(one.rss / 1e6 for one in memory),
                _pair(one.uss / 1e6 for one in memory),
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
    out.write("\nminutes  viewer MB  private  threads  descriptors  collector MB  private  threads  descriptors\n")
    for one in samples[5::6]:
        out.write(
            f"{one.minutes:7.1f}  {one.megabytes[0]:9.1f}  {one.private[0]:7.1f}"
            f"  {one.threads[0]:7}  {one.descriptors[0]:11}"
            f"  {one.megabytes[1]:12.1f}  {one.private[1]:7.1f}  {one.threads[1]:7}  {one.descriptors[1]:11}\n"
        )
