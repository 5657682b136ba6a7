"""What a command says: every line on standard error, and every body on standard output, goes through here."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from providers.collector.trust import File


class UnwritableError(Exception):
    """Standard output takes no more; the text says why."""


def tell(text: str) -> None:
    """One line on standard error, whatever is in the text."""
    from posture.text import one_line

    sys.stderr.write(f"enctop: {one_line(text)}\n")
    sys.stderr.flush()


def put(text: str) -> None:
    """Text on standard output. Raises `UnwritableError`; a reader that left is a BrokenPipeError."""
    put_bytes(text.encode("utf-8", "backslashreplace"))


def put_bytes(body: bytes) -> None:
    """The same, of bytes."""
    try:
        sys.stdout.buffer.write(body)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UnwritableError(f"standard output: {error.strerror}") from None


def put_json(body: bytes) -> None:
    """JSON on standard output; on a terminal with what would act on it as `\\u` escapes, which mean the same."""
    put_bytes(escaped(body) if sys.stdout.isatty() else body)


def escaped(body: bytes) -> bytes:
    """The same JSON, with every character that is not printable as an escape: outside of strings JSON has only
    printable ones, and line breaks.
    """
    text = body.decode("utf-8", "replace")
    if all(line.isprintable() for line in text.split("\n")):
        return body
    return "".join(char if char.isprintable() or char == "\n" else _escape(char) for char in text).encode()


def _escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def named(file: "File | None") -> str:
    """How a configuration is called on the screen and by `check`."""
    if file is None:
        return "no file; the credentials that are there"
    return str(file.path.absolute())
