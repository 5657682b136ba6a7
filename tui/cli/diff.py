"""`enctop diff OLD NEW`: what changed between two snapshots, as text, JSON or Markdown."""

import argparse
import contextlib
import gc
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from posture.diff import FailOn, diff, reached, to_json
from posture.diff_entries import Diff, VerdictChange, is_new_fail, is_worse
from posture.diff_markdown import markdown
from posture.diff_text import Line, lines
from posture.fault import ConfigError, SnapshotError
from posture.filter import parse
from posture.rollup import OWN
from posture.snapshot import FindingEntry, Snapshot, decoded
from posture.text import clean, nearest
from posture.verdict import Severity
from providers.collector.durations import is_time
from providers.collector.files import read_snapshot
from tui.cli.say import put, put_json, tell

STDIN = "-"
_STYLES = {"fail": "1;31", "unknown": "35", "warn": "33", "pass": "32", "na": "2", "faint": "2", "head": "2;1"}
_STYLES |= {"title": "1", "name": "36"}
"""SGR parameters (ECMA-48 8.3.117) by tone."""


def compare(chosen: argparse.Namespace) -> int:
    """Print what changed, and say by the exit code what the caller asked to be told. Raises `ConfigError`,
    `SnapshotError`, `FilterError`.
    """
    parse(chosen.filter)
    if chosen.old == chosen.new == STDIN:
        raise ConfigError("diff: only one of OLD and NEW can be - (standard input)")
    with _no_garbage():
        old, new = side(chosen.old, chosen), side(chosen.new, chosen)
        _known(chosen.tenant, old, new)
        made = diff(old, new, query=chosen.filter, tenants=chosen.tenant)
        _print(made, chosen.format)
    return _ended(made, chosen.fail_on)


@contextlib.contextmanager
def _no_garbage() -> Iterator[None]:
    """Looking for garbage among what is read takes half of the time of reading it, and finds none."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _print(made: Diff, form: str) -> None:
    if form == "json":
        put_json(to_json(made))
    elif form == "md":
        put(markdown(made))
    else:
        coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        put("".join(f"{written(line, coloured=coloured)}\n" for line in lines(made)))


def side(text: str, chosen: argparse.Namespace) -> Snapshot:
    """One of the two: a snapshot by the name of its file, or from standard input (`-`); or how it was at a time, from
    the history. Raises `SnapshotError`, `HistoryError`, `ConfigError`.
    """
    if text != STDIN and not os.path.lexists(text) and is_time(text):
        from tui.cli.history import then

        return then(chosen, text, "diff")
    if text != STDIN:
        return read_snapshot(Path(text))
    try:
        return decoded(sys.stdin.buffer.read())
    except SnapshotError as error:
        raise SnapshotError(f"standard input: {error}") from None


def written(line: Line, *, coloured: bool) -> str:
    """A line as a terminal or a file takes it."""
    parts = [(clean(text), _STYLES.get(tone, "")) for text, tone in line]
    if not coloured:
        return "".join(text for text, _ in parts).rstrip()
    return "".join(f"\x1b[{style}m{text}\x1b[0m" if style and text.strip() else text for text, style in parts)


def _known(wanted: list[str], old: Snapshot, new: Snapshot) -> None:
    known = sorted({*old.scope.tenants, *new.scope.tenants})
    for name in wanted:
        if name not in known:
            raise ConfigError(
                f"--tenant {name}: no such tenant in either{nearest(name, known)}; there are"
                f" {', '.join(known) or 'none'}"
            )


def _ended(made: Diff, fail_on: FailOn | None) -> int:
    """The exit code, and in one line why it is not 0."""
    many = reached(made, fail_on) if fail_on else 0
    if not many or fail_on is None:
        return 0
    test = {"worse": is_worse, "new-fail": is_new_fail}.get(fail_on)
    found = [one for one in made.verdicts if test is None or test(one)]
    noun = {"worse": "worse", "new-fail": "new FAIL", "any": f"change{'' if many == 1 else 's'}"}[fail_on]
    tell(f"{many:,} {noun} reached --fail-on {fail_on}{first(found)}")
    return 1


def first(found: Sequence[VerdictChange | FindingEntry]) -> str:
    """`, first CONTROL on RESOURCE`: the most severe; last those of a tenant as a whole, which sum up others."""
    if not found:
        return ""
    one = min(found, key=lambda one: (one.resource.startswith(f"{OWN}://"), Severity[one.severity.upper()]))
    return f", first {one.control} on {one.resource}"
