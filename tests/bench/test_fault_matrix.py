"""The fault matrix as a table: how the worst source stood during each fault, and after how many seconds all was as
before.
"""

import pytest

from tests.matrix.table import CELLS, outcomes, written


@pytest.mark.bench
def test_the_fault_matrix(capsys: pytest.CaptureFixture[str]) -> None:
    table = written(outcomes(CELLS))
    with capsys.disabled():
        print(f"\n{table}")  # noqa: T201 - the table is what is measured
