"""The collector as a child process: its frames are read in the screen's loop, a little at a time, and its end is
noticed and explained.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from posture.files import appending
from posture.text import one_line
from providers.child import environment
from providers.collector.frames import Ask, Decoder, Encoder, Frame

READ = 1 << 16
"""Bytes read in one turn of the loop, about 300 rows, so that a key press never waits for more than a millisecond or
so of decoding.
"""
PATIENCE = 1.0
"""Seconds a collector has to exit after it closed its output, or after its input was closed."""


class Collector:
    """A process that writes frames and reads asks.

    `argv` starts it; what it says on stderr goes to `log_file`, and its last lines are kept to explain its end.
    """

    def __init__(self, argv: Sequence[str], log_file: Path | None = None) -> None:
        self.argv = list(argv)
        self._log_file = log_file
        self._process: subprocess.Popen[bytes] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._decoder, self._encoder = Decoder(Frame), Encoder()
        self._unsent = bytearray()
        self._last_words: deque[str] = deque(maxlen=20)
        self._on_frame: Callable[[Any], None] = lambda frame: None
        self._on_end: Callable[[str, int], None] = lambda reason, code: None

    def start(self) -> None:
        """Start the process; its output waits in the pipe until `attach`. Raises OSError when there is no such
        program.
        """
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(self.argv, env=environment(), stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0)
        self._decoder = Decoder(Frame)
        self._unsent.clear()
        self._last_words.clear()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)

    def attach(self, on_frame: Callable[[Any], None], on_end: Callable[[str, int], None]) -> None:
        """Read from the running loop on: each frame goes to `on_frame`; when the process ends by itself, `on_end`
        gets the reason and the exit code.
        """
        self._on_frame, self._on_end = on_frame, on_end
        self._loop = asyncio.get_running_loop()
        if (process := self._process) is not None and process.stdout and process.stderr:
            self._loop.add_reader(process.stdout.fileno(), self._read_frames)
            self._loop.add_reader(process.stderr.fileno(), self._read_words)

    @property
    def running(self) -> bool:
        """Whether asks have somebody to go to."""
        return self._process is not None and self._process.poll() is None

    def ask(self, ask: Ask) -> None:
        """Send an ask; lost when there is no collector."""
        self._unsent += self._encoder.encode(ask)
        self._write()

    def stop(self) -> None:
        """Close the collector's input, which is how it learns that its viewer is gone; then make sure it went."""
        process, self._process = self._process, None
        if process is None:
            return
        self._detach(process)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                stream.close()
        for number in (0, signal.SIGTERM, signal.SIGKILL):  # 0 only asks whether it is still there
            process.send_signal(number)
            try:
                process.wait(PATIENCE)
                return
            except subprocess.TimeoutExpired:
                continue

    def _detach(self, process: subprocess.Popen[bytes]) -> None:
        if (loop := self._loop) is not None and not loop.is_closed():
            for stream in (process.stdout, process.stderr):
                if stream and not stream.closed:
                    loop.remove_reader(stream.fileno())
            if process.stdin and not process.stdin.closed:
                loop.remove_writer(process.stdin.fileno())

    def _read_frames(self) -> None:
        process = self._process
        if process is None or process.stdout is None:
            return
        try:
            data = os.read(process.stdout.fileno(), READ)
        except BlockingIOError:
            return
        if not data:
            self._ended(process, "")
            return
        try:
            for frame in self._decoder.feed(data):
                self._on_frame(frame)
        except msgspec.MsgspecError as error:
            self._ended(process, f"it sent invalid data: {error}")

    def _read_words(self) -> None:
        process = self._process
        if process is None or process.stderr is None:
            return
        try:
            data = os.read(process.stderr.fileno(), READ)
        except BlockingIOError:
            return
        if not data and self._loop is not None:
            self._loop.remove_reader(process.stderr.fileno())
            return
        lines = [one_line(line) for line in data.decode("utf-8", "replace").split("\n") if line.strip()]
        self._last_words.extend(lines)
        if self._log_file is not None and lines:
            with (
                contextlib.suppress(OSError),
                os.fdopen(appending(self._log_file), "w", encoding="utf-8", errors="backslashreplace") as log,
            ):
                log.write("".join(f"{line}\n" for line in lines))

    def _write(self) -> None:
        process = self._process
        if process is None or process.stdin is None or self._loop is None:
            self._unsent.clear()
            return
        fd = process.stdin.fileno()
        try:
            sent = os.write(fd, self._unsent)
        except BlockingIOError:
            sent = 0
        except BrokenPipeError:
            sent = len(self._unsent)
        del self._unsent[:sent]
        if self._unsent:
            self._loop.add_writer(fd, self._write)
        else:
            self._loop.remove_writer(fd)

    def _ended(self, process: subprocess.Popen[bytes], reason: str) -> None:
        """Its output is closed or useless: find out why, within `PATIENCE`, without blocking the loop."""
        loop = asyncio.get_running_loop()
        if process.stdout is not None:
            loop.remove_reader(process.stdout.fileno())
        if reason:
            process.kill()
        self._wait(process, reason, loop.time() + PATIENCE)

    def _wait(self, process: subprocess.Popen[bytes], reason: str, until: float) -> None:
        if process is not self._process:  # stopped in the meantime
            return
        loop = asyncio.get_running_loop()
        code = process.poll()
        if code is None:
            if loop.time() > until:
                process.kill()
            loop.call_later(0.02, self._wait, process, reason, until)
            return
        self._read_words()
        self.stop()
        said = self._last_words[-1] if self._last_words else ""
        self._on_end(reason or said or _how(code), code)


def _how(code: int) -> str:
    if code < 0:
        return f"it was killed by {signal.Signals(-code).name}"
    return f"it ended with exit code {code}"
