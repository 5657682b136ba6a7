"""Every volume of every cloud, worst first."""

from tui.views.rows_view import ResourceView
from tui.widgets.columns import AGE, KEY, KEY_CLASS, NAME, REASON, REGION, SCOPE, SINCE, STATUS, TENANT, own


class VolumesView(ResourceView):
    """Every volume of every cloud, worst first."""

    kind = "volume"
    name_of = "volumes"
    title = "Volumes"
    own_filter = "kind:volume"
    columns_of = (STATUS, NAME, TENANT, SCOPE, REGION, KEY_CLASS, KEY, *own("volume"), REASON, SINCE, AGE)
