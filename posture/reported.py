"""Which rows each source has reported, and in which of its polls."""

from collections import Counter
from collections.abc import Iterable, Sequence

from posture.clock import Seconds, Utc
from posture.entry import Entry
from posture.reports import Complete, Gone
from posture.resource import Resource


class Reported:
    """The rows of each source and its polls, counted from 1."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Entry]] = {}
        """By source: what it holds, by id."""
        self.polls: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()
        """By source: how many rows its last poll has seen."""
        self.listed: set[str] = set()
        """The sources whose last poll has named all of something."""

    def begin(self, source_id: str) -> None:
        """A poll starts."""
        self.polls[source_id] += 1
        self.seen[source_id] = 0
        self.listed.discard(source_id)

    def drop(self, source_id: str) -> dict[str, Entry]:
        """The source is gone; returns what it held."""
        for kept in (self.polls, self.seen):
            kept.pop(source_id, None)
        self.listed.discard(source_id)
        return self.rows.pop(source_id, {})

    def gone(self, source_id: str, report: Complete | Gone) -> list[str]:
        """What the source holds and said to be gone, or did not name in a listing in full."""
        if isinstance(report, Gone):
            return [name for name in dict.fromkeys(report.ids) if name in self.rows[source_id]]
        self.listed.add(source_id)
        poll = self.polls[source_id]
        return [
            entry.resource.id
            for entry in self.rows[source_id].values()
            if entry.poll != poll
            and entry.resource.type in report.types
            and report.unless.isdisjoint(link.to for link in entry.resource.links)
        ]

    def unread(self, source_id: str, resources: Sequence[Resource]) -> list[Resource]:
        """These exist, and nobody answered what they are like; returns those the source does not hold."""
        held, poll = self.rows[source_id], self.polls[source_id]
        for resource in resources:
            if resource.id in held:
                held[resource.id].poll, held[resource.id].seen_in = poll, 0
        return [resource for resource in resources if resource.id not in held]

    def fall_behind(self, source_id: str, ids: Iterable[str] | None = None) -> list[str]:
        """Mark the rows (of these ids) that a poll did not see, though it went well elsewhere; returns those that were
        not marked before.
        """
        rows, poll = self.rows[source_id], self.polls[source_id]
        entries = rows.values() if ids is None else [rows[name] for name in ids if name in rows]
        behind = [entry for entry in entries if entry.seen_in != poll and not entry.not_in_last_poll]
        for entry in behind:
            entry.not_in_last_poll = True
        return [entry.resource.id for entry in behind]

    def confirm(self, source_id: str, now: Utc, lasts: Seconds) -> list[str]:
        """All rows are as they were, but for those that a poll left out or nobody answered for; returns those that
        were no evidence any more, which lasts for `lasts` seconds.
        """
        poll, aged, again = self.polls[source_id], [], 0
        for entry in self.rows[source_id].values():
            if entry.seen_in != poll:
                if entry.not_in_last_poll or entry.poll in (0, poll):
                    continue
                entry.poll = entry.seen_in = poll
                again += 1
            if entry.observed_at + lasts <= now:
                aged.append(entry.resource.id)
            entry.observed_at = now
        self.seen[source_id] += again
        return aged

    def is_better(self, entry: Entry, resource: Resource, source_id: str) -> bool:
        """Whether what is held stays though another source names it too (two accounts, a third's key): that which was
        answered, else of the first source by id.
        """
        other = entry.source
        return entry.poll >= self.polls[other] - 1 and (bool(entry.resource.faults), other) < (
            bool(resource.faults),
            source_id,
        )
