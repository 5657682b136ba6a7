"""Makes the pictures of the README: the dashboard on the simulated tenants, as PNG with real glyphs.

Needs chromium and the fonts Fira Code and DejaVu (Debian: chromium fonts-firacode fonts-dejavu-core).
"""

import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tui.app import Dashboard
from tui.data.link import Feed
from tui.data.process import Collector
from tui.data.replica import Replica

HERE = Path(__file__).parent
SCENES: Sequence[tuple[str, str, tuple[int, int], Sequence[str]]] = (
    ("overview", "overview", (140, 40), ()),
    ("volumes", "volumes", (140, 40), ()),
    ("findings", "findings", (140, 40), ()),
    ("detail", "volumes", (140, 48), ("enter",)),
    ("endpoints", "endpoints", (160, 40), ()),
    ("endpoint", "endpoints", (140, 60), ("enter",)),
    ("expiring", "expiring", (140, 32), ()),
    ("vault", "vault", (140, 40), ()),
    ("leases", "leases", (140, 36), ()),
    ("workloads", "workloads", (140, 32), ()),
    ("chain", "workloads", (160, 44), ("enter",)),
    ("blast-radius", "keys", (140, 40), ("x",)),
    ("sources", "sources", (140, 32), ()),
    ("overview-80x24", "overview", (80, 24), ()),
)
"""File name, view, columns and rows, and the keys pressed first."""


def main() -> int:
    """Make every picture; returns the exit code."""
    chromium = next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )
    if chromium is None:
        sys.stderr.write(
            "screenshots: chromium is needed (apt-get install chromium fonts-firacode fonts-dejavu-core)\n"
        )
        return 2
    for name, view, size, keys in SCENES:
        svg = asyncio.run(_scene(view, size, keys))
        _png(chromium, svg, HERE / f"{name}.png")
        sys.stdout.write(f"screenshots/{name}.png\n")
    return 0


async def _scene(view: str, size: tuple[int, int], keys: Sequence[str]) -> str:
    child = Collector([sys.executable, "-m", "providers.collector", "--demo"], None)
    child.start()
    app = Dashboard(Feed(child, Replica()), view=view, query="", export_dir=Path.cwd(), on_terminal=False)
    try:
        async with app.run_test(size=size) as pilot:
            async with asyncio.timeout(60):
                while not app.replica.settled:
                    await pilot.pause(0.1)
            await pilot.pause(1.5)
            for key in keys:
                await pilot.press(key)
                await pilot.pause(1.0)
            return app.export_screenshot()
    finally:
        child.stop()


def _png(chromium: str, svg: str, target: Path) -> None:
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert box is not None
    width, height = (round(float(part)) + 1 for part in box.groups())
    with tempfile.TemporaryDirectory() as directory:
        page = Path(directory) / "scene.svg"
        # the fonts of this machine, not of the network
        page.write_text(re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL), "utf-8")
        command = [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--disable-background-networking",
            "--no-first-run",
        ]
        command += [
            f"--user-data-dir={directory}/profile",
            f"--screenshot={target}",
            f"--window-size={width},{height}",
            page.as_uri(),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    sys.exit(main())
