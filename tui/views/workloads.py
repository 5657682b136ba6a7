"""Every workload, worst first, and among equals the worst volume first: what its data stands on."""

from dataclasses import replace
from typing import Any

from posture.clock import Utc
from posture.exposure import Exposure
from tui.data.replica import Replica
from tui.views import View
from tui.widgets.columns import AGE, CLUSTER, NAME, REASON, SINCE, STATUS, TENANT, TYPE, Cell, Column, own

_WORDS = (
    (Exposure.PLAINTEXT, "plaintext", "fail"),
    (Exposure.DYING_KEY, "dying key", "fail"),
    (Exposure.UNKNOWN, "?", "unknown"),
    (Exposure.STORED, "encrypted", "text"),
)


def _at_rest(row: Any, replica: Replica, now: Utc) -> Cell:
    found = [(word, paint) for flag, word, paint in _WORDS if row.exposure & flag]
    bad = [word for word, paint in found if paint == "fail"]
    return (", ".join(bad), "fail") if bad else found[0] if found else ("", "text")


def _rank(row: Any) -> int:
    return next((rank for rank, (flag, _, _) in enumerate(_WORDS) if row.exposure & flag), len(_WORDS))


WORST = replace(STATUS, order=lambda replica: lambda row: (row.status, _rank(row), row.severity))
AT_REST = Column("AT REST", _at_rest, lambda replica: _rank, 9, 20, 1, keep=8)

VIEW = View(
    "workloads",
    "Workloads",
    short="Wkld",
    order=13,
    kinds=("workload",),
    columns=(WORST, NAME, TYPE, TENANT, CLUSTER, *own("workload"), AT_REST, REASON, SINCE, AGE),
)
