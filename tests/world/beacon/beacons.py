"""Every beacon, the dark ones first."""

from tui.views import View

VIEW = View("beacons", "Beacons", short="Bcns", kinds=("beacon",))
