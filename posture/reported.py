"""Which rows each source has reported, and in which of its polls."""

from collections import Counter
from collections.abc import Iterator, Mapping

from posture.entry import Entry
from posture.reports import Complete


class Reported:
    """The rows of each source and its polls, counted from 1. `entries` is the model's own and only read."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self.rows: dict[str, dict[str, None]] = {}
        """By source: the ids it holds."""
        self.polls: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()
        """By source: how many rows its last poll has seen."""
        self._entries = entries

    def begin(self, source_id: str) -> None:
        """A poll starts."""
        self.polls[source_id] += 1
        self.seen[source_id] = 0

    def drop(self, source_id: str) -> dict[str, None]:
        """The source is gone; returns what it held."""
        for kept in (self.polls, self.seen):
            kept.pop(source_id, None)
        return self.rows.pop(source_id, {})

    def missing(self, source_id: str, listed: Complete) -> list[str]:
        """What a listing in full did not name."""
        poll = self.polls[source_id]
        return [
            entry.resource.id
            for entry in self._of(source_id)
            if entry.poll != poll
            and entry.resource.type in listed.types
            and listed.unless.isdisjoint(link.to for link in entry.resource.links)
        ]

    def fall_behind(self, source_id: str, begun: float) -> list[str]:
        """Mark the rows that a poll begun then (UTC seconds) did not see, though it went well elsewhere; returns those
        that were not marked before.
        """
        behind = [entry for entry in self._of(source_id) if not entry.not_in_last_poll and entry.observed_at < begun]
        for entry in behind:
            entry.not_in_last_poll = True
        return [entry.resource.id for entry in behind]

    def _of(self, source_id: str) -> Iterator[Entry]:
        return (self._entries[name] for name in self.rows[source_id])
