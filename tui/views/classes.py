"""Which class shows a view: its own, or one that lists the rows of its kinds."""

import re
from importlib import import_module
from typing import Any

from posture.kinds import kind_of
from tui.views import View
from tui.views.mixed import MixedView
from tui.views.rows_view import ResourceView, RowsView

KIND = "kind-"
"""Before the name of a kind: the view of that kind alone."""


def view_class(name: str) -> Any:
    """The class of the view of this name, or of the kind after `kind-`. Its file is imported here."""
    if name.startswith(KIND):
        kind = name.removeprefix(KIND)
        safe = re.sub(r"[^A-Za-z0-9-]", lambda odd: f"_{ord(odd[0]):x}_", name)  # a snapshot may name it anything
        return _listing(View(safe, kind_of(kind).title, kinds=(kind,)))
    module = import_module(f"tui.views.{name}")
    own = (item for item in vars(module).values() if isinstance(item, type) and vars(item).get("view") is module.VIEW)
    return next(own, None) or _listing(module.VIEW)


def _listing(view: View) -> type[RowsView]:
    base = ResourceView if len(view.kinds) == 1 else MixedView
    return type("ListedView", (base,), {"view": view})
