"""Fifteen families of what a stranger may put into a name, and what of each must never reach a terminal."""

FAMILIES = {
    "CSI": "\x1b[2J\x1b[31mx\x1b[99;99H",
    "OSC 0": "\x1b]0;PWNED\x07",
    "OSC 8": "\x1b]8;;http://evil.example\x1b\\x\x1b]8;;\x1b\\",
    "OSC 52": "\x1b]52;c;UFdORUQ=\x07",
    "DCS, APC, PM, SOS": "\x1bP1;1|PWNED\x1b\\\x1b_PWNED\x1b\\\x1b^PWNED\x1b\\\x1bXPWNED\x1b\\",
    "C1": "\x9b31m\x9d0;PWNED\x9c\x90PWNED\x9c\x85",
    "C0": "\x00\x07\x08\x0e\x0f\x7f\x0c\x0b",
    "lines": "a\rb\nc\r\nd\u2028e\u2029f\x85g",
    "bidi": "\u202etxt\u202c\u2066x\u2069\u200f\u061c",
    "zero width and tags": "a\u200bb\u2060c\ufeffd\U000e0041\U000e007f",
    "combining": "a" + "\u0301" * 40,
    "wide": "日本語🏳️‍🌈👨‍👩‍👧",
    "markup": "[red]x[/red][@click=app.end]y[/][/]\\[",
    "shell": "$(touch x)`id`;rm -rf ~|&>'\"",
    "noncharacters": "\ufffe\uffff\U0010ffff\ue000\ufdd0",
}


def forbidden(text: str) -> list[str]:
    """What of a text no terminal should get."""
    return sorted({repr(char) for char in text if char != "\n" and not char.isprintable()})
