"""What faces the internet in a cloud, worst first: load balancers and their listeners, and distributions."""

from dataclasses import replace

from tui.views import View
from tui.widgets.columns import AGE, NAME, REASON, REGION, SINCE, STATUS, TENANT, own

VIEW = View(
    "edge",
    "Edge",
    order=18,
    kinds=("load-balancer", "distribution"),
    columns=(STATUS, replace(NAME, width=22), TENANT, REGION, *own("load-balancer"), REASON, SINCE, AGE),
)
