"""Copying: the native tool where it works, else the terminal's own way, wrapped where it must be."""

import base64
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tui.terminal.clipboard import OSC52_LIMIT, copy, osc52

PLAIN = "\x1b]52;c;" + base64.b64encode(b"arn:1").decode() + "\x07"


def test_a_native_tool_comes_first(tmp_path: Path) -> None:
    tool = tmp_path / "wl-copy"
    tool.write_text(f"#!/bin/sh\n/bin/cat > {tmp_path}/copied\n")
    tool.chmod(0o755)
    written: list[str] = []
    environ = {"PATH": str(tmp_path), "WAYLAND_DISPLAY": "wayland-0"}
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{tmp_path}:{before}"
    try:
        assert copy("arn:1", written.append, environ) == (True, "")
    finally:
        os.environ["PATH"] = before
    assert (tmp_path / "copied").read_text() == "arn:1"
    assert not written


def test_over_ssh_the_terminal_copies() -> None:
    written: list[str] = []
    assert copy("arn:1", written.append, {"PATH": "", "SSH_CONNECTION": "1", "DISPLAY": ":0"}) == (False, "")
    assert written == [PLAIN]


def test_inside_tmux_the_sequence_is_passed_through() -> None:
    assert osc52("arn:1", {"TMUX": "/tmp/tmux"}).startswith("\x1bPtmux;\x1b\x1b]52;c;")


def test_what_is_too_long_for_a_terminal_is_said_not_lost() -> None:
    assert "too long" in copy("x" * (OSC52_LIMIT + 1), lambda text: None, {"PATH": ""}).problem


@pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux")
def test_inside_tmux_with_its_defaults_tmux_copies_and_it_is_known(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "TMUX_TMPDIR": str(tmp_path), "TERM": "xterm-256color"}
    tmux = ["tmux", "-f", "/dev/null"]
    subprocess.run([*tmux, "new-session", "-d", "sleep 60"], env=environ, check=True)
    try:
        asked = [*tmux, "display-message", "-p", "#{socket_path},#{pid},0"]
        where = subprocess.run(asked, env=environ, capture_output=True, text=True, check=True).stdout.strip()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TMUX", where)
            written: list[str] = []
            assert copy("arn:1", written.append) == (True, "")
        assert not written
        assert (
            subprocess.run([*tmux, "show-buffer"], env=environ, capture_output=True, text=True, check=True).stdout
            == "arn:1"
        )
    finally:
        subprocess.run([*tmux, "kill-server"], env=environ, check=False)


def test_a_tool_of_the_working_directory_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pbcopy").write_text("#!/bin/sh\ntouch run\n")
    (tmp_path / "pbcopy").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    for path in ("", ".", ":", f"relative:.:{tmp_path}/none"):
        assert copy("x", lambda text: None, {"PATH": path}).known is False
    assert not (tmp_path / "run").exists()
