"""What goes to the terminal, with no byte that changes nothing.

Every cell of ours has a foreground and a background, and Textual writes both, and a reset, for each run of text: 40
bytes where 19 do. Over SSH that halves a page.
"""

import asyncio
import codecs
import contextlib
import queue
import re
import signal
import termios
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from textual._parser import ParseError
from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Key
from textual.message import Message

_SGR = re.compile(r"\x1b\[([0-9;]*)m")
_RESET = ("", "", "")
_MOVES = re.compile(r"(?:\x1b\[\d+;\d+H|[\r\n])*")
"""Nothing but going elsewhere: no look is needed for it."""
_NEEDLESS = re.compile(r"\x1b\[\d+;\d+H\r?\n(?=\x1b\[\d+;\d+H)")
"""A move to the end of a line and to the next one, where another move follows."""
WRITER_LOOKED_AT = 0.2
"""Seconds between two looks at whether the writer of a full queue still lives."""
Look = tuple[str, str, str]
"""Foreground, background and attributes, each as the parameters that make it; empty for the terminal's own."""


class LeanDriver(LinuxDriver):
    """Textual's driver, writing less, and shaken by nothing that a terminal sends or a shell does."""

    def write(self, data: str) -> None:
        """Write to the terminal; nothing, once it is gone: the queue of a writer that dies while it is full would
        block for ever.
        """
        writer, text = self._writer_thread, lean(data)
        while writer is not None and writer.is_alive():
            with contextlib.suppress(queue.Full):
                writer._queue.put(text, timeout=WRITER_LOOKED_AT)
                return

    def run_input_thread(self) -> None:
        """Read keys; what cannot be read is dropped: bytes that are no UTF-8, a window of 0 pixels (the parser
        divides by it).
        """
        linux_driver.getincrementaldecoder = _lenient  # type: ignore[assignment, attr-defined]  # a stray byte would take all that was read with it
        while not self.exit_event.is_set():
            with contextlib.suppress(ArithmeticError, LookupError, TypeError, ValueError, ParseError):
                super().run_input_thread()

    def process_message(self, message: Message) -> None:
        """Hand on what was read; Ctrl-C at once, past hundreds of keys that were typed before it and are still
        waiting.
        """
        if isinstance(message, Key) and message.key == "ctrl+c":
            app: Any = self._app
            self._loop.call_soon_threadsafe(app.leave, 130)
        else:
            super().process_message(message)

    def stop_application_mode(self) -> None:
        """Leave the terminal as it was; the mouse no longer told by the pixel, which Textual sets and never takes
        back.
        """
        if self._mouse_pixels:
            self.write("\x1b[?1016l")
            self._mouse_pixels = False
        before, self.attrs_before = self.attrs_before, None
        super().stop_application_mode()
        self.attrs_before = before

    def close(self) -> None:
        """Write what is left, and only then give the line discipline back: with it Ctrl-C throws away what the
        terminal has not read yet (termios, ISIG).
        """
        super().close()
        if self.attrs_before is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)

    def mind_suspends(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on the loop stops and goes on. In a signal's own handler, which may have cut into a write,
        another write would wait for ever.
        """
        loop.add_signal_handler(signal.SIGTSTP, self._sigtstp_application)
        loop.add_signal_handler(signal.SIGCONT, self._go_on)

    def _go_on(self) -> None:
        """After SIGCONT. Whoever stopped us without asking (SIGSTOP) had the terminal, so it is set from the start
        then, too.
        """
        if self._auto_restart and not self._must_signal_resume:
            self.suspend_application_mode()
            self._must_signal_resume = True
        self._sigcont_application()


def _lenient(encoding: str) -> Callable[[], codecs.IncrementalDecoder]:
    return partial(codecs.getincrementaldecoder(encoding), "replace")


def lean(data: str) -> str:
    """The same picture in fewer bytes. Begins and ends with the terminal's own colours, so that every write stands
    for itself.
    """
    if "m" not in data:
        return data
    parts = _SGR.split(_NEEDLESS.sub("", data))
    out = [parts[0]]
    real = wanted = _RESET
    for index in range(1, len(parts), 2):
        wanted = _look(wanted, parts[index])
        text = parts[index + 1]
        if _MOVES.fullmatch(text):
            out.append(text)
        else:
            needed = wanted
            if not text.strip(" ") and {wanted[2], real[2]} <= {"", "1"}:
                needed = (real[0], wanted[1], real[2])  # the colour of blanks is not seen
            if needed != real:
                out.append(_change(real, needed))
                real = needed
            out.append(text)
    if real != wanted:
        out.append(_change(real, wanted))
    return "".join(out)


@lru_cache(4096)
def _look(before: Look, parameters: str) -> Look:
    """What the cells look like after this sequence."""
    colour, ground, attributes = before
    codes = (parameters or "0").split(";")
    while codes:
        code = codes.pop(0)
        if code in {"", "0"}:
            colour, ground, attributes = _RESET
        elif code in {"38", "48"}:
            many = 4 if codes[:1] == ["2"] else 2
            value = ";".join((code, *codes[:many]))
            del codes[:many]
            colour, ground = (value, ground) if code == "38" else (colour, value)
        elif code.isdigit() and (30 <= int(code) <= 37 or 90 <= int(code) <= 97 or code == "39"):
            colour = "" if code == "39" else code
        elif code.isdigit() and (40 <= int(code) <= 47 or 100 <= int(code) <= 107 or code == "49"):
            ground = "" if code == "49" else code
        elif code == "22":
            attributes = ";".join(kept for kept in attributes.split(";") if kept not in {"1", "2"})
        elif code not in attributes.split(";"):
            attributes = f"{attributes};{code}" if attributes else code
    return colour, ground, attributes


@lru_cache(4096)
def _change(real: Look, wanted: Look) -> str:
    """The shortest sequence from one look to another."""
    if wanted == _RESET:
        return "\x1b[0m"
    codes = []
    if real[2] != wanted[2]:
        if real[2] == "1" and not wanted[2]:
            codes.append("22")
        elif real[2]:
            real = _RESET
            codes.append("0")
        if wanted[2]:
            codes.append(wanted[2])
    if real[0] != wanted[0]:
        codes.append(wanted[0] or "39")
    if real[1] != wanted[1]:
        codes.append(wanted[1] or "49")
    return f"\x1b[{';'.join(codes)}m"
