"""The bytes that reach a real terminal when strangers chose the names: no control sequence but Textual's own, and
nothing of a name inside one.
"""

import base64
import fcntl
import json
import os
import re
import signal
import struct
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.payloads import FAMILIES, forbidden
from tests.tui.test_payloads import snapshot
from tests.tui.test_terminal import Terminal

MARK = "qZq"
"""Before, in and behind every payload."""
OURS = re.compile(
    r"\x1b\[(?:"
    r"[0-9;]*m|\d+;\d+H|H|2J|"  # colours, places, the cleared screen
    r"\?(?:7|25|1000|1003|1004|1006|1015|1016|1049|2004|2026|2048)[hl]|"  # modes
    r"\?(?:2026|2048)\$p|>\d+u|<u|c|\?u"  # what is asked of the terminal
    r")"
)
POINTER = re.compile(r"\x1b\]22;[a-z-]*\x07")
COPY = re.compile(r"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07")
SEQUENCE = re.compile(
    r"\x1b(?:"
    r"\[[0-?]*[ -/]*[@-~]|"  # CSI
    r"[\]PX^_].*?(?:\x07|\x1b\\|\x9c)|"  # a string: OSC, DCS, SOS, PM, APC
    r"[ -/]*[0-~])"  # the rest
    r"|[\x80-\x9f]",
    re.DOTALL,
)
KEYS = (
    *(keys for view in "1234567890" for keys in (view, "\r", "cJ", "y\x1b[F", "cJn", "\x1b")),
    *("?", "\x1b", ":", "kind-", "\x1b", "/", MARK, "\r", "\x1b", "\x10", "\x1b", "SsGge"),
)
GROUPS = [list(FAMILIES.values())[start::3] for start in range(3)]


def sequences(written: str) -> Iterator[str]:
    """Every control sequence, in order."""
    return (found[0] for found in SEQUENCE.finditer(written))


def _until_it_rests(it: Terminal) -> None:
    """It has read what was typed, for Escape and the key behind it read at once are another key, and has drawn what
    there is to draw: a picture that is missed is none that is wrong.
    """
    seen, still = len(it.out), 0
    for _ in range(600):
        assert it.read(0.05), f"the dashboard ended: {it.out[-2000:]!r}"
        still = still + 1 if len(it.out) == seen and _sleeps(it.pid) else 0
        if still > 3:
            return
        seen = len(it.out)


def _sleeps(pid: int) -> bool:
    """Whether no thread of a process is at work, or waits for its turn (proc(5), stat)."""
    try:
        states = [task.read_text().rpartition(")")[2].split()[0] for task in Path(f"/proc/{pid}/task").glob("*/stat")]
    except OSError:
        return False
    return set(states) == {"S"}


@pytest.mark.parametrize("group", range(3))
def test_no_byte_of_a_name_is_in_a_control_sequence(group: int, tmp_path: Path) -> None:
    file = tmp_path / "posture.json"
    file.write_text(json.dumps(snapshot(MARK + MARK.join(GROUPS[group]) + MARK)))
    code = f"from tui.cli.main import main; raise SystemExit(main(['view', {str(file)!r}]))"
    it = Terminal(
        "-P", "-c", code, PATH=str(tmp_path), TMUX="", HOME=str(tmp_path), XDG_STATE_HOME=str(tmp_path), LANG="C.UTF-8"
    )
    fcntl.ioctl(it.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 180, 0, 0))
    try:
        it.until(MARK, 60)
        for key in KEYS:
            os.write(it.fd, key.encode())
            _until_it_rests(it)
        os.write(it.fd, b"\x1b\x1bq\x03")
        assert it.end(30) in {0, 130}
    finally:
        if not it.ended:
            os.kill(it.pid, signal.SIGKILL)
    written = it.out.decode("utf-8")  # raises where a byte of a C1 stands alone
    strange = {one for one in sequences(written) if not any(known.fullmatch(one) for known in (OURS, COPY, POINTER))}
    assert not strange, strange
    plain = SEQUENCE.sub("", written)
    assert not forbidden(plain.replace("\r", "")), forbidden(plain.replace("\r", ""))
    assert not [one for one in sequences(written) if MARK in one]
    assert plain.count(MARK) > 200, "the names were shown"
    copies = [base64.b64decode(found[1]).decode() for found in COPY.finditer(written)]
    assert len(copies) > 3
    for text in copies:
        assert text.replace("\n", "").isprintable(), text
