"""When time alone changes a verdict: its own end, and evidence that grows too old."""

from collections.abc import Mapping

from posture.clock import Utc
from posture.entry import Entry
from posture.source import STALE_CADENCES, Source
from posture.timers import Timers


class Ageing:
    """The times at which a resource is to be judged again though nothing was reported.

    `sources` and `reported` (what each source reported, by id) are the model's own and are only read.
    """

    def __init__(self, sources: Mapping[str, Source], reported: Mapping[str, Mapping[str, Entry]]) -> None:
        self.verdicts = Timers()
        """By resource: when its verdicts end by themselves."""
        self.rows = Timers()
        """By source: when the next of its rows is too old."""
        self._sources, self._reported = sources, reported

    def stale(self, source_id: str, now: Utc) -> list[str]:
        """The rows of a source that are too old to be evidence."""
        source = self._sources[source_id]
        return [name for name, entry in self._reported[source_id].items() if stale_at(entry, source) <= now]

    def seen(self, source_id: str, now: Utc) -> None:
        """Rows of a source were seen now: it has a next time from here on."""
        if self.rows.get(source_id) is None:
            self.rows.set(source_id, now + STALE_CADENCES * self._sources[source_id].cadence)

    def look_at(self, source_id: str, at: Utc | None) -> None:
        """Look for rows that are too old at `at`; None for never."""
        self.rows.set(source_id, at)

    def follow(self, source_id: str, now: Utc) -> None:
        """Look again when the next row that is fresh now is too old."""
        source = self._sources[source_id]
        ages = (stale_at(entry, source) for entry in self._reported[source_id].values())
        self.rows.set(source_id, min((at for at in ages if at > now), default=None))

    def due(self, now: Utc) -> list[str]:
        """The resources whose time has come; each is given once."""
        found = self.verdicts.due(now)
        for source_id in self.rows.due(now):
            found += self.stale(source_id, now)
            self.follow(source_id, now)
        return found

    def next(self) -> Utc | None:
        """When `due` has something to give."""
        return min((at for at in (self.verdicts.next(), self.rows.next()) if at is not None), default=None)


def stale_at(entry: Entry, source: Source) -> Utc:
    """When what was last seen of a resource stops being evidence (UTC seconds): it ages from its own reading,
    whatever became of the poll around it.
    """
    return entry.observed_at + STALE_CADENCES * source.cadence
