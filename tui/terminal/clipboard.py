"""Copying: tmux's or the system's own tool where there is one, else the terminal's (OSC 52), which also works over
SSH and, wrapped, inside tmux.
"""

import base64
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from typing import NamedTuple

from providers.child import rooted

OSC52_LIMIT = 74_994
"""Longer texts are dropped by common terminals, silently; bytes."""
TOOLS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("wl-copy", (), "WAYLAND_DISPLAY"),
    ("xclip", ("-selection", "clipboard"), "DISPLAY"),
    ("xsel", ("--clipboard", "--input"), "DISPLAY"),
    ("pbcopy", (), ""),
    ("clip.exe", (), "WSL_DISTRO_NAME"),
)
"""Program, arguments, and the environment variable without which it cannot work."""


class Copied(NamedTuple):
    """`known` where a program took the text; a terminal that was sent a sequence tells nobody. `problem` says why it
    could not be done.
    """

    known: bool
    problem: str = ""


def copy(text: str, write: Callable[[str], object], environ: Mapping[str, str] = os.environ) -> Copied:
    """Copy `text`; `write` sends a string to the terminal."""
    if environ.get("TMUX") and _piped("tmux", ("load-buffer", "-w", "-"), text, environ):
        # into tmux's own buffer and, by its own hand, the terminal's: with its defaults it lets no sequence of ours
        # through
        return Copied(True)
    if not environ.get("SSH_CONNECTION"):
        for program, arguments, needs in TOOLS:
            if (not needs or environ.get(needs)) and _piped(program, arguments, text, environ):
                return Copied(True)
    if len(text.encode()) > OSC52_LIMIT:
        return Copied(
            False, f"too long for the terminal's clipboard ({len(text.encode()):,} bytes, at most {OSC52_LIMIT:,})"
        )
    write(osc52(text, environ))
    return Copied(False)


def osc52(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """The sequence that makes a terminal copy `text`; inside tmux and screen wrapped so that it reaches the terminal
    outside.
    """
    sequence = f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07"
    if environ.get("TMUX"):
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\" + sequence
    if environ.get("TERM", "").startswith("screen"):
        return f"\x1bP{sequence}\x1b\\"
    return sequence


def _piped(program: str, arguments: tuple[str, ...], text: str, environ: Mapping[str, str]) -> bool:
    """Whether a program, which is never one of the working directory, took the text."""
    found = shutil.which(program, path=rooted(environ.get("PATH", "")) or os.devnull)
    if found is None:
        return False
    try:
        done = subprocess.run(
            (found, *arguments),
            input=text.encode(),
            timeout=1,
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
