"""Every storage class, worst first: who provisions, whether it is the default, with which key, and how many use it."""

from tui.views import View
from tui.widgets.columns import AGE, CLUSTER, KEY, NAME, REASON, SINCE, STATUS, TENANT, USERS, own

VIEW = View(
    "storageclasses",
    "Storage classes",
    short="SC",
    order=14,
    kinds=("storage-class",),
    columns=(STATUS, NAME, TENANT, CLUSTER, *own("storage-class"), KEY, USERS, REASON, SINCE, AGE),
)
