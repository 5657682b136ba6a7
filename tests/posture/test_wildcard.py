"""The one matcher: what it matches is what a regular expression would, and no pattern makes it slow."""

import re
import time

from hypothesis import given
from hypothesis import strategies as st

from posture.wildcard import matches


@given(st.text("ab*?\n", max_size=12), st.text("ab*?\n", max_size=12))
def test_it_matches_what_the_regular_expression_of_the_pattern_matches(pattern: str, text: str) -> None:
    judge = re.compile("".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern), re.DOTALL)
    assert matches(pattern, text) is (judge.fullmatch(text) is not None)


def test_thousands_of_stars_cost_no_more_than_their_length() -> None:
    started = time.process_time()
    assert not matches("*a" * 4000 + "b", "a" * 4000)
    assert matches("*" * 8000, "a" * 100)
    assert time.process_time() - started < 100 * _one_pass()


def _one_pass() -> float:
    """CPU seconds of 4,000 times 4,000 comparisons' worth of a plain loop, on this machine, now; a floor of ten
    milliseconds.
    """
    started = time.process_time()
    for _ in range(400_000):
        pass
    return max(time.process_time() - started, 0.01)
