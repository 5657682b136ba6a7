"""Every database, worst first: its engine, the cluster that it is in, the key that it is under."""

from tui.views import View

VIEW = View("databases", "Databases", short="DBs", order=19, kinds=("database",))
