"""What can be typed after `:`, and the same in the command palette."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, ClassVar, Protocol

from posture.fault import EnctopError
from tui.data.replica import Replica
from tui.views.classes import KIND

FILTER_WORDS = (
    *(f"{field}:" for field in ("status", "tenant", "region", "key", "control", "severity")),
    "status:fail",
    "status:unknown",
)
"""What Tab offers while a filter is typed."""


class Dashboard(Protocol):
    """What commands ask of the app (`tui.app.Dashboard`)."""

    VIEWS: ClassVar[Any]
    """(name, title) of each view."""
    theme: Any

    @property
    def replica(self) -> Replica:
        """The viewer's copy."""

    @property
    def available_themes(self) -> Mapping[str, object]:
        """The themes by name."""

    def go(self, name: str) -> None:
        """Open a view."""

    def set_filter(self, text: str) -> None:
        """Narrow every view. Raises `FilterError`."""

    def action_export(self) -> None:
        """Write what is shown to a file."""

    def action_pause(self) -> None:
        """Stop polling, or go on."""

    def action_refresh(self) -> None:
        """Poll now."""

    def action_help(self) -> None:
        """Show the keys."""

    def action_copy_id(self) -> None:
        """Copy the id under the cursor."""

    def action_end(self) -> None:
        """Leave."""


class CommandError(EnctopError):
    """There is no such command: what is near it, what there is."""


def names(app: Dashboard) -> list[str]:
    """Everything that can be typed, for completion."""
    plain = [name for name, _, _ in _plain(app)]
    kinds = [kind for kind in app.replica.tables if kind not in plain]
    return [*plain, *kinds, "filter ", "theme ", *(f"theme {theme}" for theme in sorted(app.available_themes))]


def run(app: Dashboard, text: str) -> None:
    """Do what was typed. Raises `CommandError` or `FilterError`."""
    word, _, rest = text.strip().lstrip(":").partition(" ")
    word, rest = word.lower(), rest.strip()
    if not word:
        return
    if word in {"filter", "f"}:
        app.set_filter(rest)
    elif word == "theme":
        _theme(app, rest)
    else:
        _choose(app, word)()


def palette(app: Dashboard) -> Iterator[tuple[str, str, Callable[[], None]]]:
    """(title, help, what it does) for the command palette."""
    for name, about, act in _plain(app):
        yield name.capitalize(), about, act
    for theme in sorted(app.available_themes):
        yield f"Theme: {theme}", "colours", lambda theme=theme: _theme(app, theme)  # type: ignore[misc]


def _plain(app: Dashboard) -> list[tuple[str, str, Callable[[], None]]]:
    views = [(view.name, f"the {view.title} view", partial(app.go, view.name)) for view in app.VIEWS]
    return [
        *views,
        ("export", "write what is shown to a JSON file", app.action_export),
        ("pause", "stop polling, or go on", app.action_pause),
        ("refresh", "poll now", app.action_refresh),
        ("help", "keys and the filter language", app.action_help),
        ("clear", "clear the filter", lambda: app.set_filter("")),
        ("copy", "copy the id under the cursor", app.action_copy_id),
        ("quit", "end enctop", app.action_end),
    ]


def _choose(app: Dashboard, word: str) -> Callable[[], None]:
    if word == "q":
        return app.action_end
    plain = {name: act for name, _, act in _plain(app)}
    kinds: dict[str, Callable[[], None]] = {kind: partial(app.go, f"{KIND}{kind}") for kind in app.replica.tables}
    known = {**kinds, **plain}
    if word in known:
        return known[word]
    starting = [name for name in plain if name.startswith(word)] or [name for name in kinds if name.startswith(word)]
    if len(starting) == 1:
        return known[starting[0]]
    near = starting or difflib.get_close_matches(word, known, 2)
    raise CommandError(
        f"no command {word!r}; "
        + (f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(plain)}, filter, theme")
    )


def _theme(app: Dashboard, name: str) -> None:
    if name not in app.available_themes:
        near = difflib.get_close_matches(name, app.available_themes, 1)
        raise CommandError(
            f"no theme {name!r}; "
            + (f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(app.available_themes))}")
        )
    app.theme = name
