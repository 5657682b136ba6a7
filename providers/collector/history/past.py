"""A time that is past as a model that nothing moves, of which a viewer is told as of a live one."""

import sqlite3
from collections.abc import Mapping, Sequence

from posture.clock import Utc
from posture.entry import Entry
from posture.fault import HistoryError
from posture.frozen import Still, unjudging
from posture.policy import Policy
from posture.text import one_line
from providers.collector.history.reader import Reader, Stood, seen_at


class Past:
    """Everything as it stood at `at` (UTC seconds), which can be moved. Raises `HistoryError` with one line for a
    history that tells of nothing, or is damaged.
    """

    def __init__(self, reader: Reader, at: Utc | None = None) -> None:
        self._reader = reader
        with _told():
            span = reader.span()
            if span is None:
                raise HistoryError("the history is empty: nothing was seen yet")
            self.first, self.last = span
            self.at = self.last if at is None else min(max(at, self.first), self.last)
            self.model = Still(unjudging(reader.controls()), {name: Policy() for name in reader.tenants()}, self.at)
            self._read: dict[str, Utc] = {}
            """When what is held of a resource was read, by id."""
            sources = reader.sources(self.at)
            self._show(sources)
            for piece in reader.entries(self.at):
                self._hold(piece)
        self._age(sources)

    def move(self, at: Utc) -> None:
        """To another time, within what is told."""
        at = min(max(at, self.first), self.last)
        with _told():
            sources = self._reader.sources(at)
            entries, gone = self._reader.moved(self.at, at)
        self.at = at
        self._show(sources)
        self.model.release(gone)
        self._hold(entries)
        self._age(sources)

    def _show(self, sources: Mapping[str, Stood]) -> None:
        self.model.move(self.at, {name: stood.source for name, stood in sources.items()})

    def _hold(self, entries: Sequence[Entry]) -> None:
        self._read.update((entry.resource.id, entry.observed_at) for entry in entries)
        self.model.hold(entries)

    def _age(self, sources: Mapping[str, Stood]) -> None:
        for entry in self.model.all():
            read = self._read.get(entry.resource.id, entry.observed_at)
            entry.observed_at = seen_at(entry, read, sources, self.at)

    def step(self, forward: bool) -> Utc:
        """When something became otherwise next, or last, from here; the end of what is told where nothing did."""
        with _told():
            found = self._reader.next_transition(self.at) if forward else self._reader.last_transition(self.at)
        return found if found is not None else self.last if forward else self.first

    def watched(self) -> bool:
        """Whether enctop ran at this time."""
        before, after = self._reader.watched(self.at)
        return after is not None and before is not None and after - before < 180.0


class _told:
    """What is damaged, in one line."""

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, (sqlite3.Error, ValueError)):
            raise HistoryError(one_line(f"the history is damaged: {error}")) from None
