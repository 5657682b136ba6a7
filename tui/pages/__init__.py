"""Pages about one thing: a resource, a source, or what changed since a snapshot. They lie over a view until Esc."""

from collections.abc import Callable
from typing import Any

from providers.collector.frames import Ask
from tui.data.replica import Replica

PAGES = ("detail", "source", "changes")


def page_of(name: str, replica: Replica, ask: Callable[[Ask], None]) -> Any:
    """A page by its name, which is loaded when it is wanted for the first time."""
    match name:
        case "source":
            from tui.pages.source import SourceView

            return SourceView(replica)
        case "changes":
            from tui.pages.changes import ChangesView

            return ChangesView(replica, ask)
    from tui.pages.detail import DetailView

    return DetailView(replica, ask)
