"""The line of the Overview that tells how many workloads are on plaintext, or on keys that are going."""

from posture.exposure import Exposure
from posture.filter import Filter
from posture.verdict import Status
from tui.data.replica import Replica
from tui.data.row_filter import sieve
from tui.widgets.bars import Bar, Part

_OPEN = "app.view('workloads')"


class ExposureLine(Bar):
    """Hidden where no workload stores anything. A click opens the view of them."""

    def __init__(self, replica: Replica) -> None:
        super().__init__(id="exposures")
        self.replica = replica
        self.display = False

    def follow(self, query: Filter) -> None:
        """Count anew what the filter leaves."""
        rows = list(self.replica.table("workload").rows.values())
        chosen = rows if (through := sieve(query, self.replica)) is None else through(rows)
        plain = dying = unknown = stored = 0
        for row in chosen:
            unjudged = row.status == Status.UNKNOWN and self.replica.place(row).type.startswith("k8s.")
            if not row.exposure & Exposure.STORED and not unjudged:
                continue
            stored += 1
            plain += bool(row.exposure & Exposure.PLAINTEXT)
            dying += bool(row.exposure & Exposure.DYING_KEY)
            bad = row.exposure & (Exposure.PLAINTEXT | Exposure.DYING_KEY)
            unknown += not bad and (unjudged or bool(row.exposure & Exposure.UNKNOWN))
        self.display = bool(stored)
        self.show(*_parts(stored, plain, dying, unknown))


def _parts(stored: int, plain: int, dying: int, unknown: int) -> tuple[list[Part], list[Part]]:
    parts: list[Part] = [(" Workloads ", "title", _OPEN), (f"{stored:,} with volumes", "bar", _OPEN)]
    for many, word, glyph, paint in (
        (plain, "on plaintext", "✗", "fail"),
        (dying, "on dying keys", "✗", "fail"),
        (unknown, "unknown", "?", "unknown"),
    ):
        parts += [(f"   {glyph if many else '-'} {many:,} {word}", paint if many else "faint", _OPEN)]
    return parts, []
