"""Every certificate that an endpoint sends, worst first: by whom, how strong, for how long, and how many endpoints
serve it.
"""

from tui.views.endpoints import sized
from tui.views.rows_view import ResourceView
from tui.widgets.columns import AGE, NAME, REASON, SINCE, STATUS, TENANT, USERS
from tui.widgets.countdown import ENDS


class CertificatesView(ResourceView):
    """Every certificate that an endpoint sends, worst first: by whom, how strong, for how long, and how many
    endpoints serve it.
    """

    kind = "certificate"
    name_of = "certificates"
    title = "Certificates"
    own_filter = "kind:certificate"
    columns_of = (STATUS, NAME, TENANT, ENDS, *sized("certificate"), USERS, REASON, SINCE, AGE)
