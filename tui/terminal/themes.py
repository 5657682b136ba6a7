"""Themes: colours as data. Textual's own themes work too; what a theme does not say about statuses is derived from
its success, warning and error.
"""

from textual.theme import Theme

THEMES = (
    Theme(
        name="enctop",
        primary="#5fb3d9",
        secondary="#7d8fb3",
        accent="#c6a0f6",
        foreground="#c8d0e0",
        background="#0f1419",
        surface="#151b23",
        panel="#1d2530",
        success="#7fb685",
        warning="#e6b450",
        error="#f0635a",
        variables={
            "status-fail": "#ff6b60",
            "status-unknown": "#c99bf5",
            "status-warn": "#e6b450",
            "status-pass": "#7fb685",
            "faint": "#66738a",
            "line-cursor": "#24405c",
            "line-cursor-blurred": "#1a2633",
            "name": "#e4ebf5",
            "frame": "#34465c",
            "frame-focus": "#5fb3d9",
        },
    ),
    Theme(
        name="enctop-light",
        primary="#0b6e99",
        secondary="#4a5a75",
        accent="#7a3fb0",
        foreground="#2b3440",
        background="#f7f7f4",
        surface="#eeeeea",
        panel="#e2e3de",
        success="#2e7d43",
        warning="#9a6200",
        error="#c0271d",
        dark=False,
        variables={
            "status-fail": "#c0271d",
            "status-unknown": "#7a3fb0",
            "status-warn": "#8f5a00",
            "status-pass": "#2e7d43",
            "faint": "#737b88",
            "line-cursor": "#c9dfec",
            "line-cursor-blurred": "#e4e9ea",
            "name": "#10161d",
            "frame": "#b9c1c9",
            "frame-focus": "#0b6e99",
        },
    ),
    # Okabe and Ito's colours: vermilion against blue is told apart by all common kinds of colour blindness, red against
    # green is not.
    Theme(
        name="enctop-colourblind",
        primary="#56b4e9",
        secondary="#8aa0b8",
        accent="#cc79a7",
        foreground="#d0d4da",
        background="#101216",
        surface="#171a20",
        panel="#20242c",
        success="#56b4e9",
        warning="#f0e442",
        error="#ff8c3a",
        variables={
            "status-fail": "#ff8c3a",
            "status-unknown": "#f2f2f2",
            "status-warn": "#f0e442",
            "status-pass": "#56b4e9",
            "faint": "#747c88",
            "line-cursor": "#33425e",
            "line-cursor-blurred": "#212a38",
            "name": "#f2f4f8",
            "frame": "#3f4a5a",
            "frame-focus": "#56b4e9",
        },
    ),
)
DEFAULT = "enctop"

_DERIVED = {
    "status-fail": "error",
    "status-unknown": "accent",
    "status-warn": "warning",
    "status-pass": "success",
    "faint": "foreground-muted",
    "name": "foreground",
    "line-cursor": "primary-muted",
    "line-cursor-blurred": "panel",
    "frame": "panel-lighten-2",
    "frame-focus": "primary",
}


def completed(variables: dict[str, str]) -> dict[str, str]:
    """A theme's variables, with those that only enctop's own themes set derived from the common ones."""
    if "ansi_default" in (variables.get("background"), variables.get("surface")):
        plain = {
            "faint": "ansi_bright_black",
            "line-cursor": "ansi_blue",
            "line-cursor-blurred": "ansi_bright_black",
            "frame": "ansi_bright_black",
        }
        variables = {**plain, **variables}
    derived = {
        name: variables[origin] for name, origin in _DERIVED.items() if name not in variables and origin in variables
    }
    return {**derived, **variables}
