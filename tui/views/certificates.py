"""Every certificate that an endpoint sends, worst first: by whom, how strong, for how long, and how many endpoints
serve it.
"""

from tui.views import View
from tui.widgets.columns import AGE, NAME, REASON, SINCE, STATUS, TENANT, USERS, own
from tui.widgets.countdown import ENDS

VIEW = View(
    "certificates",
    "Certificates",
    short="Cert",
    order=11,
    kinds=("certificate",),
    columns=(STATUS, NAME, TENANT, ENDS, *own("certificate"), USERS, REASON, SINCE, AGE),
)
