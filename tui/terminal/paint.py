"""What a thing on the screen is called, and the style it is drawn in: all drawing goes through these few names."""

from collections.abc import Mapping

from rich.style import Style
from textual.color import Color, ColorParseError

NAMES: Mapping[str, tuple[str, str]] = {
    "text": ("foreground", ""),
    "name": ("name", ""),
    "faint": ("faint", ""),
    "fail": ("status-fail", "bold"),
    "unknown": ("status-unknown", ""),
    "warn": ("status-warn", ""),
    "pass": ("status-pass", ""),
    "na": ("faint", ""),
    "head": ("faint", "bold"),
    "sorted": ("primary", "bold"),
    "accent": ("primary", ""),
    "title": ("name", "bold"),
    "mark": ("accent", "bold"),
    "alarm": ("status-warn", "reverse"),
    "link": ("primary", "underline"),
}
"""Name -> (theme variable, attribute)."""


class Paint:
    """Rich styles by name, over the theme's background. `plain` is background and foreground; `cursor` and `blurred`
    are what the cursor line adds.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.plain = Style(color=_rich(variables, "foreground"), bgcolor=_rich(variables, "background"))
        self.cursor = Style(bgcolor=_rich(variables, "line-cursor"))
        self.blurred = Style(bgcolor=_rich(variables, "line-cursor-blurred"))
        self.bar = Style(color=_rich(variables, "foreground"), bgcolor=_rich(variables, "panel"))
        self._styles = {
            name: self.plain
            + Style(
                color=_rich(variables, color),
                bold=attribute == "bold",
                underline=attribute == "underline",
                reverse=attribute == "reverse",
            )
            for name, (color, attribute) in NAMES.items()
        }

    def __getitem__(self, name: str) -> Style:
        """The style of this name."""
        return self._styles[name]


def _rich(variables: Mapping[str, str], name: str) -> str | None:
    text = variables.get(name, "")
    try:
        color = Color.parse(text)
    except ColorParseError:
        return None
    if color.ansi is not None:
        return None if color.ansi < 0 else f"color({color.ansi})"
    if color.a < 1:
        try:
            color = Color.parse(variables.get("background", "#000000")) + color
        except ColorParseError:
            return None
    return color.hex6.lower()
