"""A storm of events on a program in a terminal: keys, text, escape sequences, the mouse, pastes, sizes, suspends. By
a seed, so that it can be had again.
"""

import contextlib
import fcntl
import os
import pty
import random
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

KEYS = [
    *(f"{number}" for number in range(10)),
    *(
        "\t",
        "\x1b[Z",
        "/",
        ":",
        "\x10",
        "\x1b",
        "\r",
        "\x1b[A",
        "\x1b[B",
        "\x1b[C",
        "\x1b[D",
        "\x1b[5~",
        "\x1b[6~",
        "\x1b[H",
        "\x1b[F",
        " ",
        "\x7f",
    ),
    *"kjgGhlxsScJnNeyrp?\x02\x06\x1b",
    *(
        "\x1bOP",
        "\x1b[3~",
        "\x1b[1;5C",
        "\x0c",
        "\x01",
        "\x05",
        "\x15",
        "\x17",
        "\x1bb",
        "\x1b\x1b",
        "\x00",
        "\x1d",
        "\x7f\x7f",
    ),
]
WORDS = (
    *("status:fail", "pg", "theme nord", "keys", "tenant:acme", "-", '"', "kind:", "zzz", "filter a", "help", "pause"),
    *("сервер", "日本", "e\u0301", "\u202e", "\U0001f3f3\ufe0f\u200d\U0001f308"),
)
ODD = (
    "\x1b[",
    "\x1b]0;x\x07",
    "\x1bP1$r\x1b\\",
    "\x1b[?2026;2$y",
    "\x1b[?62;22c",
    "\x1b[I",
    "\x1b[O",
    "\x1b[99999;99999R",
    "\x1b[<",
    "\x1b[48;10;20;0;0t",
)
MODES = (
    *((b"?1049h", b"?1049l"), (b"?25l", b"?25h"), (b"?7l", b"?7h"), (b"?2004h", b"?2004l"), (b"?1004h", b"?1004l")),
    *(
        (b"?1000h", b"?1000l"),
        (b"?1003h", b"?1003l"),
        (b"?1006h", b"?1006l"),
        (b"?1015h", b"?1015l"),
        (b"?1016h", b"?1016l"),
    ),
)
"""What is set while a program has the screen, and what takes it back."""
ENDS = {0, 130}
"""Codes of a program that was told to go: `:quit` can be among what is typed."""


@dataclass
class Storm:
    """`command` in a pty, and what a seed does to it. `failed` tells of each end that was none of ours."""

    command: list[str]
    seed: int
    ready: bytes
    environ: dict[str, str] = field(default_factory=dict)
    suspends: bool = True
    starts: int = 0
    slowest: float = 0.0
    failed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.pid = -1
        self.events: list[str] = []

    def blow(self, events: int) -> None:
        """So many events; a program that was told to go is started again."""
        for number in range(events):
            if self.pid < 0:
                self._start()
            self.events.append(self._event())
            self._read(0.0)
            if number % 50 == 49:
                self._answers()
            self._ended(0.0)
        if self.pid >= 0:
            self._answers()
            for _ in range(20):  # one may end an escape sequence that was begun
                self._send("\x1b[201~\x03")
                if self._ended(1.0):
                    return
            self._fail("does not end by Ctrl-C")

    # ---------------------------------------------------------------- the program

    def _start(self) -> None:
        self.out, self.starts = bytearray(), self.starts + 1
        master, slave = pty.openpty()
        self.before = termios.tcgetattr(slave)
        self._size(100, 30, master)
        self.pid = os.fork()
        if self.pid == 0:
            os.close(master)
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            for number in range(3):
                os.dup2(slave, number)
            os.execvpe(self.command[0], self.command, {**os.environ, "TERM": "xterm-256color", **self.environ})
        self.fd, self.slave = master, slave
        self.children: set[int] = set()
        end = time.monotonic() + 60
        while self.ready not in self.out and time.monotonic() < end:
            self._read(0.1)

    def _event(self) -> str:
        if self._stopped():  # by a Ctrl-Z whose turn came late
            self._go_on()
        roll = self.random.random()
        kinds: list[tuple[float, Callable[[], str]]] = [
            (0.62, self._key),
            (0.72, lambda: self._send(self.random.choice(WORDS))),
            (0.77, lambda: self._send(self.random.choice(ODD))),
            (0.78, lambda: self._send_bytes(self.random.randbytes(6).translate(None, b"\x03\x11\x1cq"))),
            (0.90, self._mouse),
            (0.94, self._paste),
            (0.985, self._resize),
            (1.0, self._suspend if self.suspends else self._key),
        ]
        return next(act for below, act in kinds if roll < below)()

    def _key(self) -> str:
        return self._send("".join(self.random.choice(KEYS) for _ in range(self.random.choice((1, 1, 1, 2, 3, 8)))))

    def _mouse(self) -> str:
        button, end = self.random.choice((0, 0, 1, 2, 32, 35, 64, 65)), self.random.choice("Mm")
        at = (
            f"{self.random.randint(-2, 310)};{self.random.randint(-2, 110)}"
            if self.random.random() < 0.1
            else f"{self.random.randint(1, 100)};{self.random.randint(1, 30)}"
        )
        clicks = self.random.choice((1, 1, 2))
        return self._send(
            "".join(f"\x1b[<{button};{at}{letter}" for letter in ("M", "m") * clicks)
            if button == 0
            else f"\x1b[<{button};{at}{end}"
        )

    def _paste(self) -> str:
        text = "".join(
            self.random.choice((*WORDS, "\n", "\t", "\x1b[31m", " ", "a" * 400))
            for _ in range(self.random.randint(0, 6))
        )
        return self._send(f"\x1b[200~{text}\x1b[201~")

    def _resize(self) -> str:
        columns, lines = self.random.choice(
            ((80, 24), (200, 50), (20, 5), (300, 100), (self.random.randint(1, 300), self.random.randint(1, 100)))
        )
        self._size(columns, lines, self.fd)
        return f"{columns}x{lines}"

    def _suspend(self) -> str:
        """Ctrl-Z and fg, as a shell does it; a stop by another; or a SIGCONT that nobody was stopped before."""
        how = self.random.choice(("Ctrl-Z", "SIGTSTP", "SIGSTOP", "SIGCONT"))
        with contextlib.suppress(ProcessLookupError):
            if how == "Ctrl-Z":
                self._send("\x1a")  # while help or the palette is open it is theirs, and stops nothing
                self._until(self._stopped, 0.7)
            else:
                if how != "SIGCONT":
                    os.kill(self.pid, getattr(signal, how))
                    self._until(self._stopped, 10.0)
            if how != "Ctrl-Z" or self._stopped():
                self._go_on()
        return how

    def _go_on(self) -> None:
        """fg, and wait until it has the terminal again."""
        drawn, started = self.out.count(b"\x1b[?1049h"), time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)
        self._until(lambda: self.out.count(b"\x1b[?1049h") > drawn, 20.0)
        self.slowest = max(self.slowest, time.monotonic() - started)

    def _until(self, holds: Callable[[], bool], within: float) -> None:
        end = time.monotonic() + within
        while not holds() and time.monotonic() < end and not self._ended(0.0):
            self._read(0.02)

    def _stopped(self) -> bool:
        try:
            return psutil.Process(self.pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
        except psutil.NoSuchProcess:
            return False

    # ---------------------------------------------------------------- looking

    def _answers(self) -> None:
        """It is alive: a new size makes it draw. How long that took is kept."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self.children |= {child.pid for child in psutil.Process(self.pid).children(recursive=True)}
        self._size(100, 30, self.fd)
        self._read(0.05)
        started, drawn = time.monotonic(), len(self.out)
        self._size(100, 33, self.fd)
        while b"\x1b[33;1H" not in self.out[drawn:]:  # the footer at its new place: all that was typed before is done
            if self._ended(0.0):
                return
            if self._stopped():  # Ctrl-Z that came late: the shell would say so, and a person type fg
                os.kill(self.pid, signal.SIGCONT)
            if time.monotonic() > started + 60:
                self._fail("draws nothing for 60 s")
                return
            self._read(0.02)
        self.slowest = max(self.slowest, time.monotonic() - started)

    def _ended(self, within: float) -> bool:
        """Whether it has ended; if so, what it left behind is looked at."""
        if self.pid < 0:
            return True
        end = time.monotonic() + within
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() >= end:
                return False
            if self._stopped():
                os.kill(self.pid, signal.SIGCONT)
            self._read(0.05)
        while self._read(0.05):
            pass
        code = os.waitstatus_to_exitcode(status)
        if code not in ENDS:
            self._fail(f"ended with {code}")
        if termios.tcgetattr(self.slave)[:4] != self.before[:4]:
            self._fail("left the line discipline changed")
        for on, off in MODES:
            if self.out.rfind(b"\x1b[" + on) > self.out.rfind(b"\x1b[" + off):
                self._fail(f"left {on.decode()} set")
        if b"Traceback" in self.out or b"Error:" in self.out:
            self._fail("wrote a traceback")
        end = time.monotonic() + 10
        while (left := [pid for pid in self.children if _runs(pid)]) and time.monotonic() < end:
            time.sleep(0.05)
        if left:
            self._fail(f"left {len(left)} children")
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        os.close(self.fd)
        os.close(self.slave)
        self.pid = -1
        return True

    def _fail(self, what: str) -> None:
        tail = self.out[-1500:].decode("utf-8", "replace")
        self.failed.append(
            f"seed {self.seed}, event {len(self.events)}: {what}; after"
            f" {self.events[-12:]!r}\n{tail if what.startswith(('ended', 'wrote')) else ''}"
        )
        if self.pid >= 0 and what.startswith(("does not", "draws")):
            os.kill(self.pid, signal.SIGKILL)

    def _send(self, text: str) -> str:
        self._send_bytes(text.encode("utf-8", "replace"))
        return text

    def _send_bytes(self, data: bytes) -> str:
        whole = repr(data)
        with contextlib.suppress(OSError):
            while data:
                if select.select([], [self.fd], [], 0.2)[1]:
                    data = data[os.write(self.fd, data[:512]) :]
                self._read(0.0)
        return whole

    def _read(self, seconds: float) -> bool:
        try:
            if self.pid >= 0 and select.select([self.fd], [], [], seconds)[0]:
                self.out += os.read(self.fd, 1 << 16)
                return True
        except OSError:
            time.sleep(seconds)
        return False

    @staticmethod
    def _size(columns: int, lines: int, fd: int) -> None:
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


VIEW = Path(__file__).parents[1] / "bench" / "view.py"


def main() -> int:
    """`python tests/tui/storm.py SEED EVENTS`."""
    import tempfile

    seed, events = int(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(VIEW), "--export-dir", folder, "--", "--rows", "600", "--rate", "100"]
        storm = Storm(command, seed, b"Volumes 4", {"TMUX": ""})
        storm.blow(events)
    sys.stdout.write(
        f"seed {seed}: {events} events, {storm.starts} starts, slowest answer {storm.slowest:.2f} s,"
        f" {len(storm.failed)} failures\n"
    )
    sys.stdout.write("".join(f"{text}\n" for text in storm.failed))
    return len(storm.failed)


if __name__ == "__main__":
    raise SystemExit(main())
