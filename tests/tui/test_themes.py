"""Every status can be read in every one of our themes, on the cursor line too."""

import itertools

import pytest
from textual.color import Color
from textual.theme import Theme

from tui.terminal.themes import THEMES

STATUSES = ("status-fail", "status-unknown", "status-warn", "status-pass")


def _contrast(one: Color, other: Color) -> float:
    """WCAG 2's contrast ratio."""

    def luminance(color: Color) -> float:
        parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize(
    ("theme", "name"),
    list(itertools.product(THEMES, (*STATUSES, "name", "faint"))),
    ids=lambda value: getattr(value, "name", value),
)
def test_text_stands_out_from_the_background_and_from_the_cursor_line(theme: Theme, name: str) -> None:
    text = Color.parse(theme.variables[name])
    assert _contrast(text, Color.parse(theme.background)) >= (3 if name == "faint" else 4.4)
    assert _contrast(text, Color.parse(theme.variables["line-cursor"])) >= (2 if name == "faint" else 3.5)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_statuses_are_told_apart(theme: Theme) -> None:
    for one, other in itertools.combinations(STATUSES, 2):
        assert theme.variables[one] != theme.variables[other]
