"""In a real terminal: however the dashboard ends, the terminal is as it was before, and the exit code says how it
ended.
"""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.terminal.driver import lean

ROOT = Path(__file__).parents[2]
VIEW = ROOT / "tests" / "bench" / "view.py"


class Terminal:
    """A program in a pty of 100x30."""

    def __init__(self, *argv: str, **environ: str) -> None:
        self.out = b""
        self.ended = False
        env = {**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8", **environ}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(sys.executable, [sys.executable, *argv], env)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.before = termios.tcgetattr(self.fd)

    def read(self, seconds: float) -> bool:
        """Read what there is; False at the end."""
        if select.select([self.fd], [], [], seconds)[0]:
            try:
                data = os.read(self.fd, 1 << 16)
            except OSError:
                return False
            self.out += data
            return bool(data)
        return True

    def until(self, text: str, seconds: float = 90.0) -> None:
        """Read until a text was written."""
        end = time.monotonic() + seconds
        while text.encode() not in self.out:
            assert time.monotonic() < end, self.out[-3000:].decode("utf-8", "replace")
            assert self.read(0.1), self.out[-3000:].decode("utf-8", "replace")

    def end(self, seconds: float = 60.0) -> int:
        """Wait for the program's end; its exit code."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.ended = True
                while select.select([self.fd], [], [], 0.05)[0] and self.read(0):
                    pass
                return os.waitstatus_to_exitcode(status)
        os.kill(self.pid, signal.SIGKILL)
        raise AssertionError("it did not end")

    def restored(self) -> None:
        """The alternate screen is left, the cursor shown, the mouse released, the line discipline as before, and
        nothing was spilled.
        """
        out = self.out
        assert out.rfind(b"\x1b[?1049l") > out.rfind(b"\x1b[?1049h") >= 0
        assert out.rfind(b"\x1b[?25h") > out.rfind(b"\x1b[?25l") >= 0
        assert out.rfind(b"\x1b[?1000l") > out.rfind(b"\x1b[?1000h")
        assert b"Traceback" not in out[out.rfind(b"\x1b[?1049l") :]
        assert termios.tcgetattr(self.fd)[3] & termios.ICANON == self.before[3] & termios.ICANON


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (lambda it: os.kill(it.pid, signal.SIGTERM), 143),
        (lambda it: os.kill(it.pid, signal.SIGHUP), 129),
        (lambda it: os.write(it.fd, b"\x03"), 130),
        (lambda it: os.write(it.fd, b"q"), 0),
    ],
    ids=["SIGTERM", "SIGHUP", "Ctrl-C", "q"],
)
def test_the_terminal_is_restored_after(end: Callable[[Terminal], object], code: int) -> None:
    it = Terminal(str(VIEW), "--", "--rows", "300")
    it.until("Volumes 216")
    end(it)
    assert it.end() == code
    it.restored()


@pytest.mark.parametrize("again", [0.01, 0.03, 0.1])
def test_the_terminal_is_restored_however_often_and_fast_ctrl_c_is_pressed(again: float) -> None:
    it = Terminal(str(VIEW), "--", "--rows", "300")
    it.until("Volumes 216")
    children = Path(f"/proc/{it.pid}/task/{it.pid}/children").read_text().split()
    end = time.monotonic() + 20
    while os.waitid(os.P_PID, it.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        assert time.monotonic() < end
        os.write(it.fd, b"\x03")  # once the line discipline is the shell's again, it is a SIGINT
        time.sleep(again)  # as fast as a key repeats
        it.read(0)
    assert it.end() == 130
    it.restored()
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_terminal_is_restored_when_one_leaves_after_the_collector_crashed() -> None:
    it = Terminal(str(VIEW), "--", "--rows", "300", "--crash-after", "0.3")
    it.until("the collector ended")
    os.write(it.fd, b"q")
    assert it.end() == 0
    it.restored()


def test_a_terminal_that_goes_away_ends_the_dashboard_and_its_collector() -> None:
    it = Terminal(str(VIEW), "--", "--rows", "300")
    it.until("Volumes 216")
    children = Path(f"/proc/{it.pid}/task/{it.pid}/children").read_text().split()
    assert children
    os.close(it.fd)
    end = time.monotonic() + 60
    while os.waitpid(it.pid, os.WNOHANG)[0] == 0:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert not any(Path(f"/proc/{child}").exists() for child in children)


def test_a_terminal_that_stops_reading_and_goes_away_ends_them_too() -> None:
    it = Terminal(str(VIEW), "--", "--rows", "300", "--rate", "200")
    it.until("Volumes 216")
    children = Path(f"/proc/{it.pid}/task/{it.pid}/children").read_text().split()
    # as Ctrl-S does: what is written is held back until the queue of the writer is full
    fcntl.ioctl(it.fd, termios.TCXONC, termios.TCOOFF)
    os.set_blocking(it.fd, False)  # what it does not read any more would be waited for
    for _ in range(40):
        with contextlib.suppress(BlockingIOError):
            os.write(it.fd, b"\x1b[200~" + b"x" * 500 + b"\x1b[201~2345")
    os.close(it.fd)
    end = time.monotonic() + 60
    while os.waitpid(it.pid, os.WNOHANG)[0] == 0:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert not any(Path(f"/proc/{child}").exists() for child in children)


def test_a_dumb_terminal_gets_one_clear_line_and_exit_code_2() -> None:
    it = Terminal(str(VIEW), TERM="dumb")
    assert it.end() == 2
    assert re.fullmatch(rb"enctop: [^\r\n]*TERM=dumb[^\r\n]*\r\n", it.out)


def test_no_terminal_gets_one_clear_line_and_exit_code_2() -> None:
    import subprocess

    done = subprocess.run(
        [sys.executable, str(VIEW)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(r"enctop: the dashboard needs a terminal[^\n]*\n", done.stderr)


def test_a_collector_that_refuses_its_configuration_ends_the_dashboard_with_its_line() -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tui.cli.open import run; from pathlib import Path; "
    code += (
        "raise SystemExit(run([sys.executable, '-c', 'import sys; sys.exit(print(\"enctop.toml: no tenant\","
        " file=sys.stderr) or 2)'], export_dir=Path()))"
    )
    it = Terminal("-c", code)
    assert it.end() == 2
    assert b"enctop: enctop.toml: no tenant" in it.out


def test_sixteen_colours_still_tell_the_statuses_apart() -> None:
    it = Terminal(str(VIEW), "--", "--rows", "5000", TERM="linux")
    it.until("FAIL")
    it.read(0.5)
    os.write(it.fd, b"q")
    it.end()
    assert b"38;2;" not in it.out
    assert b"38;5;" not in it.out


def test_the_viewer_imports_no_cloud_sdk() -> None:
    import subprocess

    code = "import sys; import tui.cli.open, tui.app, tui.pages.detail, tui.widgets.help, tui.widgets.prompt; "
    code += "import tui.views.others, tui.views.sources, tui.views.findings; "
    code += (
        "print(sorted({name.partition('.')[0] for name in sys.modules} &"
        " {'boto3','botocore','aiohttp','azure','google','kubernetes','hvac','providers'}), "
    )
    code += "sorted(name for name in sys.modules if name.startswith('providers.')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    of_collector = ["providers.collector", "providers.collector.files", "providers.collector.frames"]
    assert done.stdout.strip() == f"{['providers']} {['providers.child', *of_collector]}"


def test_opening_imports_textual_only_after_the_collector_was_started() -> None:
    import subprocess

    code = "import sys, tui.cli.open; print([name for name in sys.modules if name.startswith(('textual', 'rich'))])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


RUNS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "\x1b[0m",
                "\x1b[1m",
                "\x1b[38;2;1;2;3m",
                "\x1b[48;2;9;8;7m",
                "\x1b[1;38;2;5;5;5;48;2;6;6;6m",
                "\x1b[31m",
                "\x1b[44m",
                "\x1b[22m",
                "\x1b[3;7H",
            ]
        ),
        st.text("ab ", min_size=1, max_size=6),
    ),
    max_size=30,
)


@given(RUNS)
def test_writing_less_draws_the_same_picture(runs: list[str]) -> None:
    data = "".join(runs) + "\x1b[0m"

    def picture(text: str) -> list[object]:
        screen = pyte.Screen(20, 6)
        pyte.Stream(screen).feed(text)
        return [
            [
                (cell.data, cell.bg, cell.data == " " or (cell.fg, cell.bold))
                for cell in (screen.buffer[y][x] for x in range(20))
            ]
            for y in range(6)
        ]

    assert picture(lean(data)) == picture(data)


def test_a_run_of_cells_costs_half_of_what_it_did() -> None:
    run = "\x1b[38;2;200;208;224;48;2;15;20;25mus-east-1 \x1b[0m\x1b[38;2;102;115;138;48;2;15;20;25m12s\x1b[0m"
    assert len(lean(run * 20)) < 0.6 * len(run * 20)
