"""Every way into a cluster, worst first: ingresses, gateways and balanced services, and the hosts they answer for."""

from tui.views import View
from tui.widgets.columns import AGE, CLUSTER, NAME, REASON, SINCE, STATUS, TENANT, TYPE, own

VIEW = View(
    "ingresses",
    "Ingresses",
    short="Ingr",
    order=17,
    kinds=("ingress",),
    columns=(STATUS, NAME, TYPE, TENANT, CLUSTER, *own("ingress"), REASON, SINCE, AGE),
)
