"""The one matcher for `*` and `?`, in time that grows with pattern and text, not with the number of stars."""


def matches(pattern: str, text: str) -> bool:
    """Whether `pattern` is all of `text`: `*` stands for any characters, `?` for one; nothing else is special, and case
    counts.

    Only the last star is ever tried again, so it costs at most `len(pattern) * len(text)` comparisons.
    """
    at = star = 0
    tried, index = -1, 0
    length, end = len(pattern), len(text)
    while index < end:
        if at < length and pattern[at] == "*":
            star, tried, at = at, index, at + 1
        elif at < length and pattern[at] in ("?", text[index]):
            at, index = at + 1, index + 1
        elif tried >= 0:
            tried += 1
            at, index = star + 1, tried
        else:
            return False
    return all(char == "*" for char in pattern[at:])
