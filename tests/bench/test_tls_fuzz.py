"""Two hundred thousand inputs for all that reads what a server sends, in a process whose time and memory are told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INPUTS = int(os.environ.get("ENCTOP_FUZZ", "200000"))
RUN = """
import json, sys, time, pytest
from tests.world.memory import peak_mb
from tests.world.tlsfuzz import COUNTED
started = time.process_time()
code = pytest.main(["-k", "fuzz", "-p", "no:cacheprovider", *sys.argv[1:]])
print(json.dumps({"code": code, "inputs": COUNTED, "cpu": time.process_time() - started, "mib": peak_mb()}))
"""


@pytest.mark.bench
def test_two_hundred_thousand_inputs_raise_nothing_and_stay_within_bounds() -> None:
    files = [str(ROOT / "tests" / "providers" / f"test_tls_{name}.py") for name in ("answer", "sealed", "hostile")]
    environment = {**os.environ, "ENCTOP_FUZZ": str(INPUTS), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", RUN, *files], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["code"] == 0, done.stdout[-4000:]
    inputs = sum(told["inputs"].values())
    sys.stderr.write(
        f"\n{inputs:,} inputs, {told['cpu'] / inputs * 1e6:.0f} us CPU each, at most {told['mib']:.0f} MiB:"
        f" {told['inputs']}\n"
    )
    assert inputs >= INPUTS
    assert told["cpu"] / inputs < 0.003
    assert told["mib"] < 600
