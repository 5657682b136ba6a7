"""Secrets that settings name by the path of a file, read when they are needed, and again when they were refused."""

from pathlib import Path

LONGEST = 1 << 16
"""Bytes that are read of it; tokens of some kilobytes are the longest there are."""


def read_secret(file: str, what: str) -> str:
    """The secret in a file, without the newline that editors leave.

    Raises ValueError, with `what` and the file in one line, where it cannot be read, or holds what no header can.
    """
    try:
        with Path(file).expanduser().open("rb") as opened:
            text = opened.read(LONGEST).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ValueError(f"{what}: {file} cannot be read: {why}") from None
    return checked_secret(text, file, what)


def checked_secret(text: str, where: str, what: str) -> str:
    """The secret, stripped. What no HTTP header can hold is refused here, since HTTP libraries quote it in their
    errors. Raises ValueError.
    """
    text = text.strip()
    if not text or not text.isascii() or not text.isprintable():
        raise ValueError(f"{where} holds no {what}")
    return text
