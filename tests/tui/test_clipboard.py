"""Copying: the native tool where it works, else the terminal's own way, wrapped where it must be."""

import base64
from pathlib import Path

from tui.clipboard import OSC52_LIMIT, copy, osc52

PLAIN = "\x1b]52;c;" + base64.b64encode(b"arn:1").decode() + "\x07"


def test_a_native_tool_comes_first(tmp_path: Path):
    tool = tmp_path / "wl-copy"
    tool.write_text(f"#!/bin/sh\n/bin/cat > {tmp_path}/copied\n")
    tool.chmod(0o755)
    written: list[str] = []
    environ = {"PATH": str(tmp_path), "WAYLAND_DISPLAY": "wayland-0"}
    import os

    before = os.environ["PATH"]
    os.environ["PATH"] = f"{tmp_path}:{before}"
    try:
        assert copy("arn:1", written.append, environ) is None
    finally:
        os.environ["PATH"] = before
    assert (tmp_path / "copied").read_text() == "arn:1"
    assert not written


def test_over_ssh_the_terminal_copies():
    written: list[str] = []
    assert copy("arn:1", written.append, {"PATH": "", "SSH_CONNECTION": "1", "DISPLAY": ":0"}) is None
    assert written == [PLAIN]


def test_inside_tmux_the_sequence_is_passed_through():
    assert osc52("arn:1", {"TMUX": "/tmp/tmux"}).startswith("\x1bPtmux;\x1b\x1b]52;c;")


def test_what_is_too_long_for_a_terminal_is_said_not_lost():
    problem = copy("x" * (OSC52_LIMIT + 1), lambda text: None, {"PATH": ""})
    assert problem is not None
    assert "too long" in problem
