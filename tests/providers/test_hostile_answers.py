"""Hostile servers, as many as there are ways, beside a healthy one: nothing they say is believed, and nothing of
theirs touches the others.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.world.aws import Aws
from tests.world.hostile import ESCAPES, Hostile

TOKEN = "hvs.CANARYcanaryCANARYcanaryCANARY"
BEARER = "eyJCANARY.eyJjYW5hcnk.c2lnbmF0dXJl"
SESSION = "IQoJb3JpZ2lu/CANARY+canary/CANARY=="
TIMEOUT = 25
BLOCKS = {
    "aws": 'endpoint_url = "{url}"\nregions = ["us-east-1"]\n',
    "azure": (
        'endpoint = "{url}"\nsubscription = "00000000-0000-4000-8000-0000000000{number:02}"\ntoken_env ='
        ' "HOSTILE_BEARER"\n'
    ),
    "gcp": 'project = "acme-prod-{number:02}"\nendpoint = "{url}"\ncredentials = "anonymous"\n',
    "vault": 'address = "{url}"\ntoken_env = "HOSTILE_TOKEN"\n',
}
MEASURED = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:])
_, status, used = os.wait4(process.pid, 0)
sys.stderr.write(f"\\npeak {used.ru_maxrss // 1024}\\n")
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""Run by a small process, for the peak of a child begins with what its parent held."""


@pytest.fixture(scope="module")
def hostile() -> Iterator[Hostile]:
    """One server a way."""
    servers = Hostile()
    yield servers
    servers.stop()


def _configuration(system: str, hostile: Hostile, healthy: Aws) -> str:
    text = f'[[tenant]]\nname = "healthy"\n[[tenant.aws]]\nendpoint_url = "{healthy.url}"\nregions = ["eu-west-1"]\n'
    for number, (name, port) in enumerate(hostile.ports.items()):
        block = BLOCKS[system].format(url=f"http://127.0.0.1:{port}", number=number)
        text += f'[[tenant]]\nname = "h{number:02}"  # {name}\n[[tenant.{system}]]\n{block}'
    return text


@pytest.mark.parametrize("system", BLOCKS)
def test_no_hostile_answer_is_believed_and_none_touches_another_tenant(
    system: str, hostile: Hostile, aws: Aws, tmp_path: Path
) -> None:
    region = aws.region("eu-west-1")
    plain, good = region.volume(encrypted=False), region.volume()
    (tmp_path / "enctop.toml").write_text(_configuration(system, hostile, aws))
    hostile.stolen.clear()
    command = [sys.executable, "-P", "-c", MEASURED, sys.executable, "-P", "-m", "tui.cli.main", "snapshot"]
    command += [
        "--config",
        "enctop.toml",
        "--timeout",
        str(TIMEOUT),
        "--require-complete",
        "--log-file",
        "log",
        "-o",
        "snapshot.json",
    ]
    environment = {**os.environ, "HOSTILE_TOKEN": TOKEN, "HOSTILE_BEARER": BEARER, "AWS_SESSION_TOKEN": SESSION}
    ran = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=TIMEOUT * 8, check=False
    )
    assert ran.returncode == 3, ran.stderr
    taken = json.loads((tmp_path / "snapshot.json").read_bytes())
    log = (tmp_path / "log").read_text()
    _nothing_is_believed(taken, hostile)
    healthy = {
        finding["resource"]: finding["status"]
        for finding in taken["findings"]
        if finding["control"] == "aws.ebs.volume-encrypted"
    }
    assert (healthy[plain], healthy[good]) == ("fail", "pass")
    everything = json.dumps(taken, ensure_ascii=False) + log + ran.stdout + ran.stderr
    assert "CANARY" not in everything
    assert hostile.stolen == []
    assert "Traceback" not in ran.stderr + log
    for char in set(ESCAPES) - set("\r\n"):
        if not char.isprintable():
            assert char not in log + ran.stderr
    assert int(ran.stderr.rpartition("peak ")[2]) < 700, (
        "megabytes at most, with a bomb of four gigabytes and an endless body among the answers"
    )


def _nothing_is_believed(taken: dict[str, Any], hostile: Hostile) -> None:
    # well-formed rows are rows
    names = {f"h{number:02}": name for number, name in enumerate(hostile.ports) if name != "the request again, as data"}
    assert taken["complete"] is False
    seen = {resource["id"] for resource in taken["resources"]}
    for finding in taken["findings"]:
        tenant = finding["tenant"]
        if tenant in names and finding["resource"] in seen:
            assert finding["status"] in {
                "unknown",
                "not_applicable",
            }, f"{names[tenant]}: {finding['control']} is {finding['status']}: {finding['reason']}"
    answered = {source["tenant"] for source in taken["sources"] if source["state"] not in {"ok", "disabled"}}
    assert names.keys() <= answered, (
        f"taken for an answer: {sorted(names[tenant] for tenant in names.keys() - answered)}"
    )
