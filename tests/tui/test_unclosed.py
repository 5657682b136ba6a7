"""What a command leaves open when it ends: Python's development mode tells of each connection, file, task and
coroutine.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tui.test_promises import reads_sensibly
from tui.cli.main import main

LEFT = ("nclosed", "ResourceWarning", "was destroyed", "never awaited", "never retrieved", "Traceback")


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["snapshot", "--demo", "-o", "snapshot.json"], id="snapshot"),
        pytest.param(["check", "--demo"], id="check", marks=pytest.mark.bench),
    ],
)
def test_nothing_is_left_open_when_every_simulated_tenant_was_asked(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    homes = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME"), str(tmp_path / "home"))
    environment = {
        **os.environ,
        **homes,
        "PYTHONDEVMODE": "1",
        "PYTHONWARNINGS": "default",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    program = [sys.executable, "-m", "tui.cli.main", *command, "--timeout", "200", "--log-file", "log"]
    done = subprocess.run(
        program, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    said = done.stderr + (tmp_path / "log").read_text()
    assert [line for line in said.splitlines() if any(word in line for word in LEFT)] == []
    if command[0] == "snapshot":
        assert done.returncode == 0, said
        assert {source["provider"] for source in json.loads((tmp_path / "snapshot.json").read_bytes())["sources"]} >= {
            "aws",
            "azure",
            "gcp",
            "vault",
            "tls",
        }
        capsys.readouterr()
        assert main(["promises", "--from", str(tmp_path / "snapshot.json"), "--format", "json"]) == 0
        reads_sensibly(json.loads(capsys.readouterr().out))
