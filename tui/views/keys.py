"""Every key, worst first: who manages it, its state, its rotation, and how much hangs on it."""

from tui.views import View
from tui.widgets.columns import AGE, NAME, REASON, REGION, SCOPE, SINCE, STATUS, TENANT, USERS, own

VIEW = View(
    "keys",
    "Keys",
    order=5,
    kinds=("key",),
    columns=(STATUS, NAME, TENANT, SCOPE, REGION, *own("key"), USERS, REASON, SINCE, AGE),
)
