"""A cluster from its event to the screen, through a collector in a process of its own."""

import sys
import time
from pathlib import Path

import pytest

from posture.clock import Seconds
from providers.demo.kubernetes.cluster import STORAGE_CLASS, VOLUME, ebs
from tests.providers.kubernetes.room import block
from tests.tui.support import Opened, on
from tests.world.kubernetes import Kubernetes

WITHIN: Seconds = 2.0
"""From the event to the screen."""


async def drawn(it: Opened, name: str, text: str) -> None:
    """Wait until the line of the screen that has a name says this too; fails where that takes too long."""
    began = time.monotonic()
    await it.until(lambda: any(name in line and text in line for line in it.screen.splitlines()), f"{name} {text}")
    took = time.monotonic() - began
    assert took <= WITHIN, f"{name} {text}: {took:.2f} s after the event"


@pytest.mark.alone
async def test_what_happens_to_volumes_and_classes_is_on_the_screen_within_two_seconds(
    kubernetes: Kubernetes, tmp_path: Path
) -> None:
    cluster = kubernetes.cluster
    cluster.storage_class("gp3", parameters={"encrypted": "true"})
    cluster.bound("acme", "data-pg-0", ebs("vol-0123456789abcdef0"), volume="pv-0")
    file = tmp_path / "enctop.toml"
    file.write_text(f'[[tenant]]\nname = "acme"\n[[tenant.kubernetes]]\n{block(kubernetes.kubeconfig(tmp_path))}\n')
    collector = [sys.executable, "-P", "-m", "providers.collector", "--config", str(file)]
    async with on(collector, size=(140, 40), view="persistentvolumes") as it:
        await drawn(it, "pv-0", "Bound")
        cluster.volume("pv-1", ebs("vol-0123456789abcdef1"), phase="Available")
        await drawn(it, "pv-1", "Available")
        cluster.change(VOLUME, "pv-0", spec={"capacity": {"storage": "77Gi"}})
        await drawn(it, "pv-0", "77 GiB")
        cluster.change(VOLUME, "pv-0", status={"phase": "Released"})
        await drawn(it, "pv-0", "Released")
        cluster.delete(VOLUME, "pv-1")
        await it.until(lambda: "pv-1" not in it.screen, within=WITHIN)
        await it.type(":storageclasses")
        await it.press("enter")
        await drawn(it, "gp3", "yes")
        cluster.delete(STORAGE_CLASS, "gp3")
        cluster.storage_class("gp3", parameters={"encrypted": "false"})
        await drawn(it, "gp3", "no")
