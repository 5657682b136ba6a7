"""No sequence of keys, text, escape sequences, mouse, pastes, sizes and suspends ends the dashboard, and whatever
ends it leaves the terminal as it was.
"""

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest
from textual._context import active_message_pump

from providers.collector.__main__ import CleanFormatter
from tests.tui.storm import VIEW, Storm
from tests.tui.support import dashboard


def storm(seed: int, folder: Path) -> Storm:
    command = [sys.executable, str(VIEW), "--export-dir", str(folder), "--", "--rows", "600", "--rate", "100"]
    return Storm(command, seed, b"Volumes 4", {"TMUX": "", "PATH": str(folder)})


@pytest.mark.parametrize("seed", [1])
def test_a_storm_ends_nothing_and_leaves_the_terminal_as_it_was(seed: int, tmp_path: Path) -> None:
    it = storm(seed, tmp_path)
    it.blow(60)
    assert not it.failed, "\n".join(it.failed)


@pytest.mark.bench
@pytest.mark.parametrize("seed", range(100, 120))
def test_two_thousand_events_end_nothing(seed: int, tmp_path: Path) -> None:
    it = storm(seed, tmp_path)
    it.blow(2000)
    sys.stdout.write(f"seed {seed}: {it.starts} starts, slowest answer {it.slowest:.2f} s\n")
    assert not it.failed, "\n".join(it.failed)


async def test_what_goes_wrong_while_a_part_is_closed_ends_nothing_and_stands_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with dashboard(view="volumes") as it:
        await it.press("question_mark")
        screen = it.app.screen
        await it.press("escape")
        await it.until(lambda: it.app.screen is not screen, "it is closed")
        token = active_message_pump.set(screen)
        try:
            it.app._handle_exception(ValueError("no\x1b[31m list"))
        finally:
            active_message_pump.reset(token)
        assert it.app.is_running
    (record,) = [record for record in caplog.records if record.name == "tui.terminal.terminal_app"]
    assert "ValueError: no" in record.getMessage()
    assert record.exc_info
    assert "\n" not in CleanFormatter("%(message)s").formatMessage(record)


@pytest.mark.parametrize("key", ["question_mark", "ctrl+p"])
async def test_help_and_palette_are_closed_once_however_often_it_is_asked(key: str) -> None:
    async with dashboard(view="volumes") as it:
        await it.press(key)
        screen = it.app.screen
        for _ in range(3):  # all on their way before the first is done, as when Esc is pressed fast
            screen.dismiss()
        await it.until(lambda: it.app.screen is not screen, "it is closed")
        await it.press("2", "down")
        assert len(it.app.screen_stack) == 1


async def test_the_palette_is_opened_again_while_it_is_still_closing() -> None:
    async with dashboard(view="volumes") as it:
        for _ in range(5):
            it.app.action_command_palette()
            await it.pilot.pause()
            it.app.pop_screen()
            it.app.action_command_palette()
            it.app.pop_screen()
        await it.press("down", "2")
        assert it.app.is_running


@pytest.mark.parametrize(
    "sent",
    [
        b"\xff\xfe\x80",
        b"\x1b[48;10;20;0;0t\x1b[<0;3;3M",
        b"\x1b[?2048;2$y\x1b[48;30;100;0;0t\x1b[<35;3;3M\x1b[<0;9;9m",
        b"\x1b[<0;99999999999999999999;1M",
        b"\x1b[200~",
    ],
    ids=[
        "no UTF-8",
        "a window of 0 pixels",
        "and the mouse by the pixel",
        "a column beyond all",
        "a paste without an end",
    ],
)
def test_what_a_terminal_sends_ends_nothing(sent: bytes, tmp_path: Path) -> None:
    it = storm(0, tmp_path)
    it._start()
    it._send_bytes(sent)
    for _ in range(40):  # what came in one piece with it may be lost, what comes after it not
        if not it._ended(0.5):
            it._send("\x1b[201~\x03")
    assert it.pid < 0, "it reads keys no more"
    assert not it.failed, "\n".join(it.failed)


@pytest.mark.parametrize("how", ["key", signal.SIGTSTP, signal.SIGSTOP, signal.SIGCONT])
def test_after_a_suspend_everything_is_drawn_again(how: str | int, tmp_path: Path) -> None:
    it = storm(0, tmp_path)
    it._start()
    it._answers()
    if how == "key":
        it._send("\x1a")
    elif isinstance(how, int) and how != signal.SIGCONT:
        os.kill(it.pid, how)
    if how != signal.SIGCONT:
        it._until(lambda: psutil.Process(it.pid).status() == psutil.STATUS_STOPPED, 20)
    drawn = len(it.out)
    it._go_on()
    it._until(lambda: b" help " in it.out[drawn:] and b" enctop" in it.out[drawn:], 20)
    assert b" help " in it.out[drawn:], "the footer"
    assert b" enctop" in it.out[drawn:], "the header"
    it._send("\x03")
    assert it._ended(20)
    assert not it.failed, "\n".join(it.failed)
