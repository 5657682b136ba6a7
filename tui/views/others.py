"""Whatever has no view of its own: accounts and regions, launch templates, and kinds to come."""

from tui.views import View, views
from tui.views.mixed import MixedView
from tui.widgets.columns import AGE, KIND, NAME, REASON, REGION, SCOPE, SINCE, STATUS, TENANT

VIEW = View(
    "others",
    "Others",
    short="More",
    order=99,
    columns=(STATUS, KIND, NAME, TENANT, SCOPE, REGION, REASON, SINCE, AGE),
)


class OthersView(MixedView):
    """All the other kinds side by side, worst first."""

    view = VIEW

    @property
    def own_filter(self) -> str:
        """Kinds to come are among the others."""
        return " ".join(f"-kind:{kind}" for kind in sorted(_elsewhere()))

    def kinds(self) -> set[str]:
        """Those without a view."""
        return set(self.replica.tables) - _elsewhere()


def _elsewhere() -> set[str]:
    return {kind for view in views() for kind in view.kinds}
