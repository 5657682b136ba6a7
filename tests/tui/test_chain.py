"""The chain, the blast radius and the views of Kubernetes as a person uses them, live and of a snapshot."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tui.support import Opened, on
from tests.world.fleet import DYING

FLEET = Path(__file__).parents[1] / "world" / "fleet" / "collector.py"
LIVE = [sys.executable, "-P", str(FLEET)]
DB0, CLAIM = "k8s://eks/acme/statefulset/db0", "k8s://eks/acme/persistentvolumeclaim/data-db0-0"


@pytest.fixture(scope="module", params=["live", "snapshot"])
def collector(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A command that tells of the fleet: the real collector, or its snapshot offline."""
    if request.param == "live":
        return LIVE
    file = tmp_path_factory.mktemp("fleet") / "fleet.json"
    subprocess.run([*LIVE, "--once", str(file)], check=True)
    return [sys.executable, "-P", "-m", "providers.collector", "--file", str(file)]


def fits(it: Opened) -> bool:
    """Whether nothing is wider than the screen."""
    return all(len(line) <= it.app.size.width for line in it.screen.splitlines())


def narrow(it: Opened) -> None:
    """Nothing is wider than the screen."""
    assert fits(it)


def row_of(it: Opened, text: str) -> str:
    """The line of the screen that has a text."""
    return next((line for line in it.screen.splitlines() if text in line), "")


async def test_the_chain_is_walked_with_the_arrow_keys_and_the_radius_of_a_dying_key_is_counted(
    collector: list[str],
) -> None:
    async with on(collector, size=(80, 24), view="keys", query="dying") as it:
        await it.press("enter")
        await it.shows("CHAIN")
        narrow(it)
        boxes = row_of(it, "▶")
        assert [word for word in boxes.replace("│", " ").replace("▶", " ").split() if word != "✗"] == [
            *("4", "12", "12", "12", "┃", "alias/dying", "┃")
        ]
        await it.press("left", "left", "left", "left", "left")
        await it.shows("acme/db2")
        await it.press("enter")
        await it.until(lambda: it.view.id_shown == DB0 and "acme/db0 ┃" in it.screen)
        await it.press("l")
        await it.shows("acme/data-db0-2")
        await it.press("down", "down", "enter")
        await it.until(lambda: it.view.id_shown == CLAIM)
        await it.press("escape", "escape")
        await it.until(lambda: it.view.id_shown == DYING and "12" in row_of(it, "▶"))
        await it.press("x")
        await it.shows("40 resources of 2 tenants: acme, beta")
        narrow(it)
        for many, what in ((12, "volumes"), (12, "persistent volumes"), (12, "claims"), (4, "StatefulSets")):
            assert f"{many:>9} {what}" in it.screen
        assert it.app.replica.blasts[DYING].total == 40


async def test_the_tree_is_walked_folded_opened_and_gone_on_from(collector: list[str]) -> None:
    async with on(collector, size=(100, 40), view="keys", query="dying") as it:
        await it.press("x")
        await it.shows("├─ vol-000000")
        assert "└─ acme/db0" in it.screen
        await it.press(*["down"] * 8)
        assert it.view.line.opens.endswith("volume/vol-000000")
        await it.press("left")
        assert "vol-000000   volume · acme   +1" in it.screen
        assert "pvc-acme-data-db0-0" not in it.screen
        await it.press("right", "down", "enter")
        await it.until(lambda: it.view.id_shown.endswith("pvc-acme-data-db0-0") and "CHAIN" in it.screen)
        await it.press("escape")
        await it.shows("├─ vol-000000")
        await it.press("down", "down", "x")
        await it.shows("nothing depends on it that enctop sees")
        await it.press("escape", "escape")
        assert it.view.id == "keys"


async def test_views_of_kubernetes_show_the_worst_first_with_their_columns(collector: list[str]) -> None:
    async with on(collector, size=(200, 50)) as it:
        await it.shows("Workloads 8 with volumes   ✗ 1 on plaintext   ✗ 4 on dying keys   ? 1 unknown")
        await it.press("colon", *"workloads", "enter")
        await it.shows("Workloads 8")
        assert [row.name for row in it.view.items] == [
            *("acme/web", "acme/db0", "acme/db2", "beta/db1", "beta/db3", "acme/lost", "acme/cache", "acme/queue")
        ]
        assert "plaintext" in row_of(it, "acme/web")
        assert "dying key" in row_of(it, "acme/db0")
        assert "encrypted" in row_of(it, "acme/queue")
        assert all("StatefulSet" in row_of(it, name) for name in ("acme/web", "acme/lost"))
        for view, words in (
            ("storageclasses", ("fast", "ebs.csi.aws.com", "default", "Delete")),
            ("persistentvolumes", ("pvc-acme-data-web-1", "acme/data-web-1", "20 GiB", "Bound")),
            ("claims", ("acme/data-web-1", "pvc-acme-data-web-1", "fast")),
            ("ingresses", ("acme/shop", "Ingress", "shop.acme.example", "nginx")),
        ):
            await it.press("colon", *view, "enter")
            await it.until(lambda words=words: all(word in row_of(it, words[0]) for word in words), view)  # type: ignore[misc]


async def test_a_mended_key_turns_the_line_the_chain_and_the_tree_while_one_looks() -> None:
    async with on([*LIVE, "--mend"], size=(120, 40)) as it:
        await it.shows("✗ 4 on dying keys")
        await it.app.open("arn:aws:ec2:us-east-1:111122223333:volume/vol-000000")
        await it.shows("✗ alias/dying")
        await it.press("r")
        await it.until(lambda: "✗ alias/dying" not in it.screen and "alias/dying" in it.screen)
        await it.press("1")
        await it.shows("- 0 on dying keys")


async def test_more_of_a_tree_is_listed_when_asked_for() -> None:
    async with on(LIVE, size=(120, 40)) as it:
        await it.app.open(DYING, blast=True)
        await it.shows("vol-000000")
        it.view._most = 2
        it.view._request()
        await it.until(lambda: "… and 10 more" in "\n".join(line.text for line in it.view._lines))
        await it.press("G", "enter")
        await it.until(lambda: "… and 4 more" in "\n".join(line.text for line in it.view._lines))


async def test_keys_without_a_resource_say_so_and_help_names_the_keys() -> None:
    async with on(LIVE, size=(100, 100), view="sources", notifications=True) as it:
        await it.press("x")
        assert any("no resource under the cursor" in toast for toast in it.toasts())
        await it.press("enter", "left", "right", "x", "J", "x", "h", "escape")
        assert it.view.id == "sources"
        await it.app.open("nobody", blast=True)
        await it.shows("this resource has not been seen, or is gone")
        await it.press("left", "right", "enter", "J", "c", "escape", "question_mark")
        await it.shows("blast radius: what depends on the resource under the cursor")
        assert "along the chain, towards the key" in it.screen


KEYS = [
    *("enter", "x", "left", "right", "down", "up", "escape") * 3,
    *("h", "l", "n", "N", "J", "G", "g", "pagedown", "pageup", "c", "y", "tab", "5", "r", "s"),
]


@pytest.mark.parametrize("seed", [7])
async def test_no_keys_do_harm_to_chains_and_trees(seed: int) -> None:
    chance = random.Random(seed)
    async with on([*LIVE, "--mend"], size=(80, 24), view="keys") as it:
        seen: set[str] = set()
        for _ in range(7):
            await it.press("5", "enter", *chance.choices(KEYS, k=6))
            await it.pilot.resize_terminal(*chance.choice(((80, 24), (200, 50), (61, 16), (100, 30))))
            seen |= {word for word in ("CHAIN", "BLAST RADIUS", "JSON") if word in it.screen}
            await it.until(lambda: fits(it), "nothing is wider than the screen")
            assert it.app.is_running
        assert {"CHAIN", "BLAST RADIUS"} <= seen
