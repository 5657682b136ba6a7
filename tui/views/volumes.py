"""Every volume of every cloud, worst first."""

from tui.views import View

VIEW = View("volumes", "Volumes", short="Vols", order=2, kinds=("volume",))
