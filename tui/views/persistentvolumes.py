"""Every persistent volume, worst first: whose claim it is, by which class and driver it was made."""

from tui.views import View
from tui.widgets.columns import AGE, CLUSTER, NAME, REASON, SINCE, STATUS, TENANT, own

VIEW = View(
    "persistentvolumes",
    "Persistent volumes",
    short="PV",
    order=15,
    kinds=("persistent-volume",),
    columns=(STATUS, NAME, TENANT, CLUSTER, *own("persistent-volume"), REASON, SINCE, AGE),
)
