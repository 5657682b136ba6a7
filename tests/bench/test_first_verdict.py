"""How soon an on-call engineer reads the first verdict of an account of 10,000 volumes, in a real terminal."""

import json
import sys
import time
from pathlib import Path

import pytest

from providers.demo.aws.accounts import REGIONS
from tests.bench.latency import Screen
from tests.world.aws import Aws
from tests.world.big import big

BUDGET = 1.0
"""Seconds from when the first page of volumes was asked for to the first verdict on the screen."""


@pytest.mark.alone
def test_the_first_verdict_is_on_the_screen_a_second_after_the_first_page(
    aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big(volumes=20_000, snapshots=400, buckets=200)  # over two accounts; the one that is polled holds half
    aws.faults.delay(0.04)
    config = tmp_path / "enctop.toml"
    config.write_text(
        f'[[tenant]]\nname = "acme"\n[[tenant.aws]]\nregions = {json.dumps(list(REGIONS))}\nendpoint_url ='
        f' "{aws.url}"\n'
    )
    waits = []
    for number in range(3):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / f"cold-{number}"))
        aws.log.clear()
        screen = Screen([sys.executable, "-m", "tui.cli.main", "--config", str(config), "--view", "volumes"], 120, 40)
        try:
            screen.until("Encrypted is false", 30)
            shown = time.time()
        finally:
            screen.close()
        waits.append(shown - min(entry.at for entry in aws.log if entry.operation == "ec2:DescribeVolumes"))
        if waits[-1] <= BUDGET:
            break
    sys.stderr.write(
        f"\nfirst verdict {sorted(round(wait, 2) for wait in waits)} s after the first page was asked for\n"
    )
    assert min(waits) <= BUDGET
