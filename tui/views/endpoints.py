"""Every TLS endpoint, worst first: what it speaks, who certified it, and how long that holds."""

from dataclasses import replace

from tui.columns import AGE, NAME, REASON, SINCE, STATUS, TENANT, own
from tui.countdown import ENDS
from tui.views.resources import ResourceView


class EndpointsView(ResourceView):
    """Every TLS endpoint, worst first: what it speaks, who certified it, and how long that holds."""

    kind = "endpoint"
    name_of = "endpoints"
    title = "Endpoints"
    own_filter = "kind:endpoint"
    columns_of = (STATUS, NAME, TENANT, ENDS, *own("endpoint"), replace(REASON, width=24), SINCE, AGE)
