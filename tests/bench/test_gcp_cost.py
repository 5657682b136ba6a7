"""What a row of Google Cloud costs from the socket to the model, beside google-cloud-compute's typed rows in the
same run, from pages rendered before.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from tests.bench.recorded import replaying
from tests.world.gcp import Google

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WHOLE = pytest.param((10_000, 2_000, 3), marks=pytest.mark.bench)
"""Disks, buckets and rounds; the other size holds the bounds in every run of the tests."""
GOAL = 60e-6
"""Seconds of CPU a row, from the socket into the judged model."""


@pytest.fixture
def recorded(google: Google, many: tuple[int, int, int]) -> Iterator[str]:
    """Disks and buckets, answered from memory."""
    google.fill(*many[:2])
    with replaying(google.server.url) as url:
        yield url


def _run(*command: str | Path) -> Any:
    return json.loads(
        subprocess.run(
            [sys.executable, *command],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT)},
        ).stdout
    )


@pytest.mark.parametrize("many", [(3_000, 600, 1), WHOLE], ids=str)
def test_a_row_costs_a_fraction_of_the_typed_client_s(
    recorded: str, many: tuple[int, int, int], tmp_path: Path
) -> None:
    """Lean rows <= 0.2 of typed ones; the whole way into the judged model <= 0.8 of the typed client's reading
    alone, aim 60 us a row.
    """
    disks, buckets, rounds = many
    file = tmp_path / "enctop.toml"
    file.write_text(
        f'[[tenant]]\nname = "acme"\n[[tenant.gcp]]\nproject = "acme-prod"\nendpoint = "{recorded}"\ncredentials ='
        ' "anonymous"\n'
    )
    typed, lean, whole = HERE / "typed_gcp.py", HERE / "typed_gcp.py", HERE / "collect_gcp.py"
    for command in ((typed, recorded, "acme-prod"), (lean, recorded, "acme-prod", "lean"), (whole, file)):
        _run(*command)  # the server learns the answers
    runs = [
        (_run(typed, recorded, "acme-prod"), _run(lean, recorded, "acme-prod", "lean"), _run(whole, file))
        for _ in range(rounds)
    ]
    for sdk, own, entry in runs:
        assert (sdk["rows"], own["rows"], entry["kinds"]["volume"], entry["kinds"]["bucket"]) == (
            disks,
            disks,
            disks,
            buckets,
        )
        assert sdk["keys"] == own["keys"] == disks // 20
    sdk_row, own_row = (median(run[which]["cpu"] / disks for run in runs) for which in (0, 1))
    first, again = (median(run[2]["cpu"][poll] / (disks + buckets) for run in runs) for poll in (0, 1))
    sys.stderr.write(
        f"\nus CPU a row: typed SDK {sdk_row * 1e6:.0f} (its import {median(run[0]['import'] for run in runs):.2f} s,"
        f" {runs[0][0]['rss']:.0f} MB), lean rows {own_row * 1e6:.1f}; socket to judged model {first * 1e6:.0f},"
        f" unchanged poll {again * 1e6:.0f}; collector {runs[0][2]['rss']:.0f} MB\n"
    )
    assert own_row <= 0.2 * sdk_row
    assert first <= max(GOAL, 0.8 * sdk_row)
    assert again <= max(GOAL, 0.6 * sdk_row)
    assert runs[0][2]["rss"] <= 300
