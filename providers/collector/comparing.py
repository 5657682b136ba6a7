"""What changed since a snapshot in a file, as a viewer is told."""

from itertools import islice
from pathlib import Path

from posture.diff import diff
from posture.diff_text import lines
from posture.fault import EnctopError, SnapshotError
from posture.snapshot import Snapshot
from providers.collector.files import read_snapshot
from providers.collector.frames import Compare, Compared

MOST_LINES = 5000
"""What a page shows; who wants more asks `enctop diff`."""


def compared(ask: Compare, now: Snapshot) -> Compared:
    """The answer to an ask, of the snapshot as it is now. Takes seconds where there are 100,000 resources."""
    path = Path(ask.path)
    try:
        if not path.is_file():  # a pipe would be waited for
            raise SnapshotError(f"{path}: no such file")
        found = lines(diff(read_snapshot(path), now, query=ask.query))
        told = tuple(islice(found, MOST_LINES))
        rest = sum(1 for _ in found)
    except EnctopError as error:
        return Compared(ask.path, ask.query, problem=str(error))
    if rest:
        told += ((), ((f"… and {rest:,} lines more: enctop diff tells them", "faint"),))
    return Compared(ask.path, ask.query, told)
