"""What a whole reading of AWS costs, beside a plain boto3 script that reads the same facts in the same run."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import msgspec
import pytest

from providers.demo.aws.accounts import REGIONS
from tests.bench.recorded import replaying
from tests.world.aws import Aws
from tests.world.big import big

HERE = Path(__file__).parent
DELAY = 0.04
"""Added to every answer, seconds: a provider some way off."""


class Cost(msgspec.Struct):
    """One run of a program: wall and CPU seconds, and the requests it sent."""

    wall: float
    cpu: float
    requests: int


@pytest.fixture
def recorded(aws: Aws, many: tuple[int, int, int]) -> Iterator[str]:
    """Volumes, buckets, 200 snapshots and 50 keys, answered from memory."""
    volumes, buckets, _ = many
    big(volumes=2 * volumes, snapshots=400, buckets=2 * buckets)  # over two accounts; the one that is read holds half
    for number in range(15):
        aws.region().key(f"more-{number}")
    with replaying(aws.url, DELAY) as url:
        yield url


def _run(command: Sequence[str | Path], url: str) -> Cost:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    started = time.perf_counter()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    with urllib.request.urlopen(f"{url}/bench/count") as answer:
        return Cost(wall, used.ru_utime + used.ru_stime, int(answer.read()))


@pytest.mark.bench
@pytest.mark.parametrize("many", [(1_000, 250, 1), (2_000, 500, 3)], ids=str)
def test_a_snapshot_costs_less_than_a_plain_script_that_reads_the_same(
    recorded: str, many: tuple[int, int, int], tmp_path: Path
) -> None:
    """Wall <= 1.0 of the script's, CPU <= 0.7 (the aim is 0.5), and no more requests; medians of paired runs, the
    wall's where there are several.
    """
    config, output = tmp_path / "enctop.toml", tmp_path / "snapshot.json"
    regions = json.dumps(list(REGIONS))
    config.write_text(f'[[tenant]]\nname = "acme"\n[[tenant.aws]]\nregions = {regions}\nendpoint_url = "{recorded}"\n')
    ours: list[str | Path] = [
        sys.executable,
        "-m",
        "tui.cli.main",
        "snapshot",
        "--config",
        config,
        "-o",
        output,
        "--compact",
    ]
    plain: list[str | Path] = [sys.executable, HERE / "plain_boto3.py", recorded, *REGIONS]
    for command in (ours, plain):
        _run(command, recorded)  # the server learns the answers
    pairs = [(_run(ours, recorded), _run(plain, recorded)) for _ in range(many[2])]
    counts = msgspec.json.decode(output.read_bytes())["summary"]["resources"]
    wall, cpu = (
        median(getattr(mine, name) / getattr(theirs, name) for mine, theirs in pairs) for name in ("wall", "cpu")
    )
    mine, theirs = pairs[-1]
    sys.stderr.write(
        f"\nenctop {mine}\nboto3  {theirs}\nwall {wall:.2f} cpu {cpu:.2f} of {sum(counts.values())} resources\n"
    )
    assert mine.requests <= theirs.requests
    assert wall <= 1.0 or many[2] == 1  # one run says nothing of a clock that others use too
    assert cpu <= 0.7
