"""A time that is past as a model that nothing moves, of which a viewer is told as of a live one."""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from posture.clock import Seconds, Utc, rfc3339
from posture.entry import Entry
from posture.fault import HistoryError
from posture.frozen import Still, unjudging
from posture.policy import Policy
from posture.rollup import OWN
from posture.snapshot import Snapshot, take
from posture.text import one_line
from posture.verdict import Status, worst
from providers.collector.history.reader import Reader, Stood, seen_at
from providers.collector.history.records import waiting
from providers.collector.history.schema import open_file

UNWATCHED: Final[Seconds] = 180.0
"""Without a beat for so long, enctop did not run."""


class Past:
    """Everything as it stood at `at` (UTC seconds), which can be moved. Raises `HistoryError` with one line for a
    history that tells of nothing, or is damaged.
    """

    def __init__(self, reader: Reader, at: Utc | None = None) -> None:
        self._reader = reader
        with told():
            span = reader.span()
            if span is None:
                raise HistoryError("the history is empty: nothing was seen yet")
            self.first, self.last = span
            self.at = self.last if at is None else min(max(at, self.first), self.last)
            self.model = Still(unjudging(reader.controls()), {name: Policy() for name in reader.tenants()}, self.at)
            self._read: dict[str, Utc] = {}
            """When what is held of a resource was read, by id."""
            self._fill(reader.sources(self.at))

    def move(self, at: Utc) -> bool:
        """To another time, within what is told; says whether it is another."""
        at = min(max(at, self.first), self.last)
        if at == self.at:
            return False
        with told():
            sources = self._reader.sources(at)
            if _quiet(sources, at) != self._quiet:
                self.at = at
                self.model.release([entry.resource.id for entry in self.model.all() if entry.resource.provider != OWN])
                self._fill(sources)
                return True
            entries, gone = self._reader.moved(self.at, at)
        self.at = at
        self._show(sources)
        self.model.release(gone)
        self._hold(entries)
        return True

    def _fill(self, sources: Mapping[str, Stood]) -> None:
        self._quiet = _quiet(sources, self.at)
        self._show(sources)
        for piece in self._reader.entries(self.at):
            self._hold(piece)

    def _show(self, sources: Mapping[str, Stood]) -> None:
        self._sources = sources
        self.model.move(
            self.at,
            {name: waiting(one.source) if name in self._quiet else one.source for name, one in sources.items()},
        )

    def _hold(self, entries: Sequence[Entry]) -> None:
        self._read.update((entry.resource.id, entry.observed_at) for entry in entries)
        for entry in entries if self._quiet else ():
            if self._unasked(entry):
                _darken(entry)
        self.model.hold(entries)

    def _unasked(self, entry: Entry) -> bool:
        """Whether nobody asked about it for so long that what was known is evidence no more."""
        if entry.resource.provider != OWN or entry.source in self._sources:
            return entry.source in self._quiet
        tenants = {tenant for name in self._quiet for tenant in name.partition("/")[0].split("+")}
        return entry.resource.tenant in tenants

    def age(self, entries: Iterable[Entry]) -> None:
        """Find when these were seen last: every poll moves that of all that it has seen."""
        for entry in entries:
            read = self._read.get(entry.resource.id, entry.observed_at)
            entry.observed_at = seen_at(entry, read, self._sources, self.at)

    def step(self, forward: bool) -> Utc | None:
        """When something became otherwise next, or last, from here; None where nothing did."""
        with told():
            found = self._reader.next_transition(self.at) if forward else self._reader.last_transition(self.at)
        return found if found is not None and self.first <= found <= self.last else None

    def watched(self) -> bool:
        """Whether enctop ran at this time."""
        with told():
            before, after = self._reader.watched(self.at)
        return before is not None and (after if after is not None else self.at) - before < UNWATCHED


def _quiet(sources: Mapping[str, Stood], at: Utc) -> frozenset[str]:
    return frozenset(name for name, stood in sources.items() if stood.quiet(at))


def _darken(entry: Entry) -> None:
    """What was told is known no more: enctop did not run, or did not ask."""
    for control, finding in entry.findings.items():
        if finding.status in {Status.FAIL, Status.WARN, Status.PASS}:
            reason = f"nobody asked; was {finding.status.word}: {finding.reason}"
            entry.findings[control] = msgspec.structs.replace(
                finding, status=Status.UNKNOWN, reason=reason, exception=None, cause=""
            )
    entry.status = worst(finding.status for finding in entry.findings.values())


@contextlib.contextmanager
def told() -> Iterator[None]:
    """What is damaged, in one line. Raises `HistoryError`."""
    try:
        yield
    except (sqlite3.Error, ValueError, OverflowError, LookupError, TypeError, RecursionError) as error:
        raise HistoryError(one_line(f"the history is damaged: {error}")) from None


def tenants_of(file: Path) -> list[str]:
    """Whose history a file holds. Raises `HistoryError`."""
    with contextlib.closing(open_file(file)) as connection, told():
        return Reader(connection).tenants()


def snapshot_at(connection: sqlite3.Connection, at: Utc | None, version: str, query: str) -> Snapshot:
    """How everything stood at `at` (UTC seconds; None: at last), through a filter.

    Raises `HistoryError` and `FilterError`.
    """
    with told():
        reader = Reader(connection)
    past = Past(reader, at)
    if at is not None and not past.first <= at <= past.last:
        span = f"{rfc3339(past.first)} to {rfc3339(past.last)}"
        raise HistoryError(f"{rfc3339(at)}: the history tells of {span}")
    past.age(past.model.all())
    return take(past.model, past.at, version, query=query)
