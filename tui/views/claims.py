"""Every claim, worst first: which volume it has, by which class, and how many workloads use it."""

from tui.views import View
from tui.widgets.columns import AGE, CLUSTER, NAME, REASON, SINCE, STATUS, TENANT, USERS, own

VIEW = View(
    "claims",
    "Claims",
    short="PVC",
    order=16,
    kinds=("claim",),
    columns=(STATUS, NAME, TENANT, CLUSTER, *own("claim"), USERS, REASON, SINCE, AGE),
)
