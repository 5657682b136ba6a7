"""Every key, worst first: who manages it, its state, its rotation, and how much hangs on it."""

from tui.views.rows_view import ResourceView
from tui.widgets.columns import AGE, NAME, REASON, REGION, SCOPE, SINCE, STATUS, TENANT, USERS, own


class KeysView(ResourceView):
    """Every key, worst first: who manages it, its state, its rotation, and how much hangs on it."""

    kind = "key"
    name_of = "keys"
    title = "Keys"
    own_filter = "kind:key"
    columns_of = (STATUS, NAME, TENANT, SCOPE, REGION, *own("key"), USERS, REASON, SINCE, AGE)
