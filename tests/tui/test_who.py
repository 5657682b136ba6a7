"""Who changed it, as a person asks on a page and at the command line, of the simulated AWS."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from providers.demo.aws import trail
from tests.tui.support import dashboard, on
from tests.world.aws import Aws
from tui.cli.main import main

CANARY = "canary-request-parameter"


@pytest.fixture
def config(aws: Aws, tmp_path: Path) -> Path:
    """Of a plaintext volume that somebody made through terraform an hour ago; a second one has nobody's event."""
    region = aws.region()
    made = region.volume({"Name": "scratch"}, encrypted=False).rpartition("/")[2]
    region.volume({"Name": "old"}, encrypted=False, days=900)
    trail.record(
        "ec2:CreateVolume",
        made,
        by=trail.role("ci-deploy", "gh-42\x1b[2J"),
        at=time.time() - 3600,
        parameters={"clientToken": CANARY},
    )
    path = tmp_path / "acme.toml"
    block = f'[[tenant.aws]]\nregions = ["us-east-1"]\nendpoint_url = "{aws.url}"\nwho = true\n'
    path.write_text(f'[[tenant]]\nname = "acme"\n{block}')
    return path


async def test_w_asks_and_the_page_shows_who_it_was(config: Path) -> None:
    command = [sys.executable, "-P", "-m", "providers.collector", "--config", str(config)]
    async with on(command, size=(80, 24), view="volumes", query="name:scratch") as it:
        await it.press("enter")
        await it.shows("VERDICTS")
        await it.press("w")
        await it.shows("assumed-role/ci-deploy/gh-42")
        assert "by arn:aws:iam::123456789012:role/ci-deploy" in it.screen
        await it.press("down", "down", "down")
        await it.shows("through terraform")
        assert CANARY not in it.screen
        assert all(len(line) <= 80 for line in it.screen.splitlines())
        it.replica.whos = {name: msgspec.structs.replace(told, since=1.0) for name, told in it.replica.whos.items()}
        it.view.build()
        await it.until(lambda: "through terraform" not in it.screen, "what was told of another time is gone")


async def test_a_snapshot_does_not_tell_and_says_so() -> None:
    async with dashboard(view="volumes", notifications=True) as it:
        hello = it.replica.hello
        assert hello is not None
        it.replica.hello = msgspec.structs.replace(hello, frozen_at=time.time())
        await it.press("enter")
        await it.shows("VERDICTS")
        await it.press("w")
        await it.until(lambda: any("a snapshot does not tell" in toast for toast in it.toasts()))


@pytest.fixture
def enctop(config: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run a command in this process; what it says, whatever it ends with."""
    monkeypatch.setenv("PATH", os.environ["PATH"])  # which the command changes

    def run(*arguments: str, code: int = 0) -> str:
        assert main([*arguments, "--config", str(config)]) == code
        out, errors = capfd.readouterr()
        assert (out == "") == (code != 0)
        return out or errors

    return run


def test_who_names_who_it_was_and_says_of_the_old_one_why_not(enctop: Callable[..., str]) -> None:
    told = enctop("who", "scratch", "--control", "aws.ebs.volume-encrypted")
    assert "FAIL aws.ebs.volume-encrypted: Encrypted is false" in told
    assert "who       arn:aws:sts::123456789012:assumed-role/ci-deploy/gh-42\\x1b[2J" in told
    assert CANARY not in told
    told = enctop("who", "old")
    assert "who       older than the trail keeps" in told
    assert "keeps 90d" in told


def test_what_is_not_there_is_one_line(enctop: Callable[..., str]) -> None:
    told = enctop("who", "scrach", code=2)
    assert "no such resource was seen, did you mean scratch?" in told
    assert told.count("\n") == 1
    told = enctop("who", "old", "--control", "aws.ebs.volume-encripted", code=2)
    assert "did you mean aws.ebs.volume-encrypted?" in told
    assert told.count("\n") == 1
