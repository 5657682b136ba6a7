"""Every TLS endpoint, worst first: what it speaks, who certified it, and how long that holds."""

from dataclasses import replace

from tui.views.rows_view import ResourceView
from tui.widgets.columns import AGE, NAME, REASON, SINCE, STATUS, TENANT, Column, own
from tui.widgets.countdown import ENDS

_WIDTHS = {  # title -> least, most, keep
    "PROTOCOL": (8, 8, 8),
    "SUITE": (12, 30, 3),
    "ISSUER": (12, 32, 5),
    "HSTS": (5, 5, 2),
    "HTTP": (9, 10, 2),
    "CHANGED": (11, 11, 3),
    "KEY": (9, 10, 4),
    "SIGNED": (7, 8, 3),
    "LIFE": (5, 5, 6),
    "NAMES": (12, 40, 3),
}


def sized(kind: str) -> tuple[Column, ...]:
    """A kind's own columns, as wide as what stands in them: dates and versions need no more room on a wide screen."""
    found = []
    for column in own(kind):
        least, most, keep = _WIDTHS[column.title]
        found.append(replace(column, width=least, most=most, flex=int(most > least), keep=keep))
    return tuple(found)


class EndpointsView(ResourceView):
    """Every TLS endpoint, worst first: what it speaks, who certified it, and how long that holds."""

    kind = "endpoint"
    name_of = "endpoints"
    title = "Endpoints"
    own_filter = "kind:endpoint"
    columns_of = (STATUS, NAME, TENANT, ENDS, *sized("endpoint"), replace(REASON, width=24), SINCE, AGE)
