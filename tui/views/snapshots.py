"""Every snapshot, worst first: of what it was taken, with whom it is shared."""

from tui.views import View

VIEW = View("snapshots", "Snapshots", short="Snap", order=3, kinds=("snapshot",))
