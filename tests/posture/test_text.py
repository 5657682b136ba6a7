"""What others wrote cannot act on a terminal."""

import pytest

from posture.text import clean, one_line

ACTS = [
    "\x1b",
    "\x9b",
    "\x07",
    "\r",
    "\n",
    "\x08",
    "\u202e",
    "\u2066",
    "\u200b",
    "\u2028",
    "\ufeff",
    "\U000e0041",
    "\x7f",
    "\x85",
]


@pytest.mark.parametrize("char", ACTS)
def test_what_a_terminal_would_act_on_is_a_dot_or_its_escape(char: str) -> None:
    assert clean(f"a{char}b") == "a·b"
    assert one_line(f"a{char}b") == f"a{repr(char)[1:-1]}b"


def test_letters_of_every_script_stay() -> None:
    assert clean("Größe 日本 عربى 😀") == one_line("Größe 日本 عربى 😀") == "Größe 日本 عربى 😀"


def test_a_line_is_cut_where_it_is_too_long() -> None:
    assert one_line("x" * 9, 5) == "xxxx…"
