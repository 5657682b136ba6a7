"""What a person at the keyboard waits for, measured from outside: a program in a pty, a key written, the time until
watched cells of the screen are others.

    python tests/bench/latency.py --keys down,up --watch 3:38,8:24 -- python tests/bench/view.py --view volumes --
    --rows 100000 --rate 1000

`--watch` (rows,columns) leaves out what changes by itself, such as ages; a cell's colours count, for a cursor that
moves changes no text.
"""

import argparse
import fcntl
import json
import os
import pty
import random
import select
import signal
import struct
import sys
import termios
import time
from statistics import median

import psutil
import pyte

KEYS = {"down": "\x1b[B", "up": "\x1b[A", "pagedown": "\x1b[6~", "pageup": "\x1b[5~", "enter": "\r", "escape": "\x1b"}
ANSWERS = {b"\x1b[c": b"\x1b[?62;22c", b"\x1b[?2026$p": b"\x1b[?2026;2$y"}
"""What a terminal says when it is asked who it is and whether it can hold a picture back until it is whole."""


class Screen:
    """A program and the picture it draws."""

    def __init__(self, argv: list[str], columns: int, lines: int) -> None:
        self.picture = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.picture)
        self.written = 0
        self.started = time.perf_counter()
        environ = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(argv[0], argv, environ)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read(self, seconds: float) -> float | None:
        """Take in one piece of output; when it came, or None when nothing did."""
        if not select.select([self.fd], [], [], max(0.0, seconds))[0]:
            return None
        data = os.read(self.fd, 1 << 16)
        at = time.perf_counter()
        self.written += len(data)
        for question, answer in ANSWERS.items():
            if question in data:
                os.write(self.fd, answer)
        self._stream.feed(data.replace(b"\x1b[>25u", b"").replace(b"\x1b[<u", b""))
        return at

    def read_for(self, seconds: float) -> None:
        """Take in what comes in this time."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.read(left)

    def until(self, text: str, seconds: float) -> float:
        """Seconds from the start until a text stands on the screen."""
        while text not in "\n".join(self.picture.display):
            if time.perf_counter() - self.started > seconds:
                raise TimeoutError("\n".join(self.picture.display))
            at = self.read(0.5)
        return (at or time.perf_counter()) - self.started

    def cells(self, rows: range, columns: range) -> list[object]:
        """The watched cells, with their colours."""
        return [self.picture.buffer[y][x] for y in rows for x in columns]

    def wait_for_change(self, key: str, rows: range, columns: range, limit: float = 3.0) -> float | None:
        """Press a key; seconds until the first watched cell is another."""
        before, start = self.cells(rows, columns), time.perf_counter()
        os.write(self.fd, KEYS.get(key, key).encode())
        while time.perf_counter() - start < limit:
            at = self.read(limit)
            if at is not None and self.cells(rows, columns) != before:
                return at - start
        return None

    @property
    def process(self) -> psutil.Process:
        """The program itself, without its children."""
        return psutil.Process(self.pid)

    def cpu(self) -> float:
        """Its CPU seconds so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def close(self) -> None:
        """End it."""
        os.kill(self.pid, signal.SIGTERM)
        end = time.monotonic() + 5
        while os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
            try:
                self.read(0.05)
            except OSError:
                time.sleep(0.05)
        os.close(self.fd)


def quantile(values: list[float], share: float) -> float:
    """The value below which this share of the others lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def measure(screen: Screen, keys: list[str], samples: int, rows: range, columns: range) -> dict[str, float]:
    """Latency in ms, and bytes a key, over `samples` key presses at odd moments."""
    waits: list[float] = []
    output = 0
    for sample in range(samples + 3):
        before = screen.written
        wait = screen.wait_for_change(keys[sample % len(keys)], rows, columns)
        screen.read_for(random.uniform(0.03, 0.08))
        if sample >= 3 and wait is not None:
            waits.append(wait * 1000)
            output += screen.written - before
    return {
        "samples": len(waits),
        "p50": round(median(waits), 1),
        "p90": round(quantile(waits, 0.9), 1),
        "p99": round(quantile(waits, 0.99), 1),
        "bytes": round(output / len(waits)),
    }


def main() -> int:
    """Measure a program; prints JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", default="down,up")
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--size", default="120x40")
    parser.add_argument("--watch", default="3:38,8:24")
    parser.add_argument("--ready", default="✓")
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    rows, columns = (range(*map(int, span.split(":"))) for span in args.watch.split(","))
    screen = Screen(args.command, width, height)
    try:
        ready = screen.until(args.ready, 30)
        screen.read_for(2)
        measured = measure(screen, args.keys.split(","), args.samples, rows, columns)
        print(json.dumps({"ready_s": round(ready, 2), **measured}))  # noqa: T201
    finally:
        screen.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
