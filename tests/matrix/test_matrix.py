"""Every fault against every system, a test a cell. What a system cannot have stands with the reason in its `absent`."""

from collections.abc import Mapping

import pytest

from tests.matrix.cell import Outcome
from tests.matrix.table import CELLS, Cell, outcomes


@pytest.fixture(scope="module")
def found(request: pytest.FixtureRequest) -> Mapping[Cell, Outcome]:
    """The cells that were chosen, run side by side before the first of their tests."""
    params = [getattr(getattr(item, "callspec", None), "params", {}) for item in request.session.items]
    chosen: list[Cell] = [each["cell"] for each in params if "cell" in each]
    return outcomes(chosen)


@pytest.mark.parametrize("cell", CELLS, ids=[f"{fault}-{system}" for fault, system in CELLS])
def test_a_fault_is_told_for_what_it_is_moves_no_verdict_and_is_forgotten_within_a_cadence(
    cell: Cell, found: Mapping[Cell, Outcome]
) -> None:
    assert found[cell].wrong == []
