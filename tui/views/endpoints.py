"""Every TLS endpoint, worst first: what it speaks, who certified it, and how long that holds."""

from dataclasses import replace

from tui.views import View
from tui.widgets.columns import AGE, NAME, REASON, SINCE, STATUS, TENANT, own
from tui.widgets.countdown import ENDS

VIEW = View(
    "endpoints",
    "Endpoints",
    short="TLS",
    order=8,
    kinds=("endpoint",),
    columns=(STATUS, NAME, TENANT, ENDS, *own("endpoint"), replace(REASON, width=24), SINCE, AGE),
)
