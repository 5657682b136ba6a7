"""Every bucket, worst first: its default encryption, whether it wants TLS, whether it is public."""

from tui.views.rows_view import ResourceView
from tui.widgets.columns import AGE, KEY, KEY_CLASS, NAME, REASON, REGION, SCOPE, SINCE, STATUS, TENANT, own


class BucketsView(ResourceView):
    """Every bucket, worst first: its default encryption, whether it wants TLS, whether it is public."""

    kind = "bucket"
    name_of = "buckets"
    title = "Buckets"
    own_filter = "kind:bucket"
    columns_of = (STATUS, NAME, TENANT, SCOPE, REGION, KEY_CLASS, KEY, *own("bucket"), REASON, SINCE, AGE)
