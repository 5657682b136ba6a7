"""All cells, or some: run side by side where they only wait, and set down as a table."""

import asyncio
import contextlib
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from tests.matrix.cell import Outcome, World, run
from tests.matrix.faults import FAULTS, Fault
from tests.matrix.names import Names
from tests.matrix.system import PROXIES, System
from tests.matrix.systems import SYSTEMS

AT_ONCE = 10
"""Cells under way at a time: two cores are busy then, and no answer is late because of us."""
MOST_SECONDS = 300.0
"""For one cell: a bound on a hang, not a measure. One takes 30 where nothing else runs."""
Cell = tuple[str, str]
"""(fault, system)."""

CELLS: tuple[Cell, ...] = tuple(
    (fault.name, system.name) for fault in FAULTS for system in SYSTEMS if fault.name not in system.absent
)


def outcomes(cells: Iterable[Cell]) -> dict[Cell, Outcome]:
    """Run these."""
    wanted = list(cells)
    needed = [system for system in SYSTEMS if any(system.name == name for _, name in wanted)]
    names = Names()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="enctop-matrix-")))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        systems: dict[str, System] = {}
        for made in needed:
            systems[made.name] = made(folder)
            stack.callback(systems[made.name].stop)
        world = World(folder, names)
        _set(patch, systems.values(), world)
        stack.enter_context(names.asked())
        return asyncio.run(_all(world, systems, wanted))


def _set(patch: pytest.MonkeyPatch, systems: Iterable[System], world: World) -> None:
    for name in (
        *PROXIES,
        "AWS_PROFILE",
        "VAULT_ADDR",
        "VAULT_TOKEN",
        "BAO_TOKEN",
        "VAULT_CACERT",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_CLOUD_PROJECT",
    ):
        patch.delenv(name, raising=False)
    patch.setenv("AWS_CA_BUNDLE", str(world.ca_file))
    patch.setenv("SSL_CERT_FILE", str(world.ca_file))
    for system in systems:
        for name, value in system.environment.items():
            patch.setenv(name, value)


async def _all(world: World, systems: Mapping[str, System], wanted: list[Cell]) -> dict[Cell, Outcome]:
    faults = {fault.name: fault for fault in FAULTS}
    places = asyncio.Semaphore(AT_ONCE)
    found: dict[Cell, Outcome] = {}

    async def one(cell: Cell) -> None:
        async with places:
            found[cell] = await _one(world, systems[cell[1]], faults[cell[0]])

    await asyncio.gather(*(one(cell) for cell in wanted if not faults[cell[0]].alone))
    for cell in wanted:
        if faults[cell[0]].alone:
            await one(cell)
    return found


async def _one(world: World, system: System, fault: Fault) -> Outcome:
    try:
        async with asyncio.timeout(MOST_SECONDS):
            return await run(world, system, fault)
    except TimeoutError:
        return Outcome(wrong=[f"not over after {MOST_SECONDS:g} s"])
    except Exception as error:  # noqa: BLE001 - one cell's accident is that cell's, not all others'
        return Outcome(wrong=[f"{type(error).__name__}: {error}"])


def written(found: Mapping[Cell, Outcome]) -> str:
    """Faults as rows, systems as columns: how the worst source stood, and after how many seconds all was as before."""
    heads = ["fault", *(system.name for system in SYSTEMS)]
    rows = [[fault.name, *(_cell(found, fault.name, system) for system in SYSTEMS)] for fault in FAULTS]
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in [heads, *rows]
    ]
    red = [f"{name} / {system}: {each}" for (name, system), outcome in found.items() for each in outcome.wrong]
    return "\n".join([*lines, "", *red])


def _cell(found: Mapping[Cell, Outcome], fault: str, system: type[System]) -> str:
    if fault in system.absent:
        return "-"
    outcome = found.get((fault, system.name))
    return "" if outcome is None else str(outcome)
