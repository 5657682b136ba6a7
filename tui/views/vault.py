"""Every Vault: seal, nodes, keys, audit, engines, logins, tokens; worst first. Vault's keys, certificates and leases
have views of their own.
"""

from dataclasses import replace
from typing import Any

from posture.clock import Utc
from tui.data.replica import Replica
from tui.views import View
from tui.widgets.columns import AGE, KIND, NAME, REASON, REGION, SINCE, STATUS, TENANT, Cell, Column
from tui.widgets.time_left import EXPIRES


def _says(row: Any, replica: Replica, now: Utc) -> Cell:
    text = " · ".join(cell for cell in row.cells[:3] if cell)
    return text or "-", "text" if text else "faint"


def _namespaces(replica: Replica) -> bool:
    return any(place.region for place in replica.places.values() if place.provider == "vault")


def _ends(row: Any, replica: Replica, now: Utc) -> Cell:
    return EXPIRES.cell(row, replica, now) if row.expires else ("", "faint")


SAYS = Column("SAYS", _says, lambda replica: lambda row: row.cells, 16, 44, 2, keep=6)
NAMESPACE = replace(REGION, title="NAMESPACE", needed=_namespaces)

VIEW = View(
    "vault",
    "Vault",
    order=6,
    kinds=("auth-method", "lease-totals", "secret-engine", "token", "vault"),
    columns=(STATUS, KIND, NAME, SAYS, replace(EXPIRES, cell=_ends, keep=5), TENANT, NAMESPACE, REASON, SINCE, AGE),
)
