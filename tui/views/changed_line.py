"""The line of the Overview that tells what became otherwise in the last hour."""

from posture.clock import Seconds, Utc
from posture.filter import Filter
from posture.verdict import Status
from tui.data.replica import Replica
from tui.data.row_filter import sieve
from tui.widgets.bars import Bar, Part

HOUR: Seconds = 3600.0
_OPEN = "app.view('timeline')"


class ChangedLine(Bar):
    """Hidden where nothing did. A click opens the timeline."""

    def __init__(self, replica: Replica) -> None:
        super().__init__(id="changed")
        self.replica = replica
        self.display = False

    def follow(self, query: Filter, now: Utc) -> None:
        """Count anew what the filter leaves."""
        recent = [one for one in self.replica.transitions.rows.values() if now - HOUR < one.since <= now]
        through = sieve(query, self.replica, findings=True)
        chosen = recent if through is None else through(recent)
        failed = sum(one.after == Status.FAIL for one in chosen)
        mended = sum(one.before == Status.FAIL and one.after >= Status.WARN for one in chosen)
        untold = sum(one.after == Status.UNKNOWN for one in chosen)
        self.display = bool(failed or mended or untold)
        self.show(*_parts(failed, mended, untold))


def _parts(failed: int, mended: int, untold: int) -> tuple[list[Part], list[Part]]:
    parts: list[Part] = [(" Last hour ", "title", _OPEN)]
    for many, word, glyph, paint in (
        (failed, "became FAIL", "✗", "fail"),
        (mended, "no more", "✓", "pass"),
        (untold, "became unknown", "?", "unknown"),
    ):
        parts += [(f"   {glyph if many else '-'} {many:,} {word}", paint if many else "faint", _OPEN)]
    return parts, [(":timeline ", "faint", _OPEN)]
