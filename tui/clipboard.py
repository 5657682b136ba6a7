"""Copying: the system's own tool where there is one, else the terminal's (OSC 52), which also works over SSH and, wrapped, inside tmux."""

import base64
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping

OSC52_LIMIT = 74_994
"""Longer texts are dropped by common terminals, silently; bytes."""
TOOLS = (
    ("wl-copy", ("wl-copy",), "WAYLAND_DISPLAY"),
    ("xclip", ("xclip", "-selection", "clipboard"), "DISPLAY"),
    ("xsel", ("xsel", "--clipboard", "--input"), "DISPLAY"),
    ("pbcopy", ("pbcopy",), ""),
    ("clip.exe", ("clip.exe",), "WSL_DISTRO_NAME"),
)
"""Program, command, and the environment variable without which it cannot work."""


def copy(text: str, write: Callable[[str], object], environ: Mapping[str, str] = os.environ) -> str | None:
    """Copy `text`; `write` sends a string to the terminal. Returns None, or why it could not be done."""
    if not environ.get("SSH_CONNECTION"):
        for program, command, needs in TOOLS:
            if (not needs or environ.get(needs)) and shutil.which(program, path=environ.get("PATH")) and _piped(command, text):
                return None
    if len(text.encode()) > OSC52_LIMIT:
        return f"too long for the terminal's clipboard ({len(text.encode()):,} bytes, at most {OSC52_LIMIT:,})"
    write(osc52(text, environ))
    return None


def osc52(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """The sequence that makes a terminal copy `text`; inside tmux and screen wrapped so that it reaches the terminal outside."""
    sequence = f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07"
    if environ.get("TMUX"):
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\" + sequence
    if environ.get("TERM", "").startswith("screen"):
        return f"\x1bP{sequence}\x1b\\"
    return sequence


def _piped(command: tuple[str, ...], text: str) -> bool:
    try:
        done = subprocess.run(command, input=text.encode(), timeout=1, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
