"""Every snapshot, worst first: of what it was taken, with whom it is shared."""

from tui.views.rows_view import ResourceView
from tui.widgets.columns import AGE, KEY, KEY_CLASS, NAME, REASON, REGION, SCOPE, SINCE, STATUS, TENANT, own


class SnapshotsView(ResourceView):
    """Every snapshot, worst first: of what it was taken, with whom it is shared."""

    kind = "snapshot"
    name_of = "snapshots"
    title = "Snapshots"
    own_filter = "kind:snapshot"
    columns_of = (STATUS, NAME, TENANT, SCOPE, REGION, KEY_CLASS, KEY, *own("snapshot"), REASON, SINCE, AGE)
