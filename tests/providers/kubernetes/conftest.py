"""Fixtures of the room."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.providers.kubernetes.signing_in import CANARY
from tests.world.kubernetes import TOKEN


@pytest.fixture
def silent(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No log has the canary, or the token."""
    caplog.set_level(logging.DEBUG)
    yield
    assert CANARY not in caplog.text
    assert TOKEN not in caplog.text


@pytest.fixture(autouse=True)
def nothing_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No file is left in a temporary folder, and no descriptor open."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    yield
    assert list(folder.iterdir()) == []
    assert not [link for fd in Path("/proc/self/fd").iterdir() if "memfd:pair" in (link := _link(fd))]


def _link(fd: Path) -> str:
    try:
        return str(fd.readlink())
    except OSError:
        return ""
