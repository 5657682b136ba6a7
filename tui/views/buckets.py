"""Every bucket, worst first: its default encryption, whether it wants TLS, whether it is public."""

from tui.views import View

VIEW = View("buckets", "Buckets", short="Bkts", order=4, kinds=("bucket",))
