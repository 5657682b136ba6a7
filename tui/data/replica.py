"""The viewer's copy of what the collector knows: it applies frames, and remembers what moved until somebody draws
it.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from msgspec.structs import replace

from posture.clock import Utc, age
from posture.rows import FindingRow, Place, Row
from posture.source import Source
from posture.verdict import Status
from providers.collector.frames import (
    BlastRadius,
    Detail,
    Findings,
    Gone,
    Hello,
    Moment,
    Notice,
    Places,
    PromiseCell,
    Rollups,
    Rows,
    Sentence,
    Sentences,
    Settled,
    Sources,
    TenantPromises,
    TenantRollup,
    Timeline,
)
from tui.data.move import Move, move_of

FINDING = "finding"
"""The table that holds findings; every other table is named after the kind of its rows."""
TRANSITION = "transition"
"""The table of what became otherwise."""
MOST_TRANSITIONS = 5000
PAST_PLACES = 1 << 32
"""Places of transitions, which may be there no more, are numbered from here."""
NOWHERE = Place("", "", "", "", "", "", "")

Item = Row | FindingRow
T = TypeVar("T")


class Table(Generic[T]):
    """The rows of one kind, by id, in the order in which they first came.

    `version` counts changes. `moved` holds, for each id that changed since `take` was called, the row as it was before
    (None: it is new); it is given up (None) when that would be more than a rebuild costs, and when nobody looks.
    """

    LOG_LIMIT = 4000

    def __init__(self) -> None:
        self.rows: dict[str, T] = {}
        self.version = 0
        self.moved: dict[str, T | None] | None = None

    def put(self, key: str, row: T) -> None:
        """Add a row, or put it in the place of the one with its id."""
        old = self.rows.get(key)
        self.rows[key] = row
        self.note(key, old)

    def drop(self, key: str) -> None:
        """Forget a row; it need not be there."""
        if (old := self.rows.pop(key, None)) is not None:
            self.note(key, old)

    def note(self, key: str, old: T | None) -> None:
        """Remember that this row was `old` before."""
        self.version += 1
        if self.moved is not None:
            self.moved.setdefault(key, old)
            self.bound()

    def bound(self) -> None:
        """Give the list of what moved up when it has grown longer than a rebuild is worth."""
        if self.moved is not None and len(self.moved) > self.LOG_LIMIT:
            self.moved = None

    def take(self) -> dict[str, T | None] | None:
        """What moved since the last call, by id, as it was before; None for "a lot, look at everything"."""
        moved, self.moved = self.moved, {}
        return moved


class Replica:
    """Places, rows by kind, findings, sources, roll-ups, and the detail and the blast radius last asked for.

    `clock` tells the time in UTC seconds; a snapshot's replica stands still at the snapshot's time.
    """

    def __init__(self, clock: Callable[[], Utc] = time.time) -> None:
        self._clock = clock
        self.hello: Hello | None = None
        self.settled = False
        self.places: dict[int, Place] = {}
        self.tables: dict[str, Table[Row]] = {}
        self.findings: Table[FindingRow] = Table()
        self.sources: dict[str, Source] = {}
        self.rollups: dict[str, TenantRollup] = {}
        self.sentences: dict[str, Sentence] = {}
        self.promises: dict[str, tuple[PromiseCell, ...]] = {}
        """Of each tenant, in the order of `sentences`."""
        self.transitions: Table[Move] = Table()  # the newest last, at most `MOST_TRANSITIONS`
        self.details: dict[str, Detail] = {}
        self.blasts: dict[str, BlastRadius] = {}
        self.touched: set[str] = set()
        """What moved since it was last cleared: kinds, and `finding`, `sources`, `rollups`, `promises`, `places`,
        `hello`, `settled`, `detail`, `blast`, `transition`.
        """
        self.moment: Moment | None = None  # of what is live, and of a snapshot
        self._past_places: dict[Place, int] = {}
        self._table_of: dict[int, Table[Row]] = {}
        self._sources_before: set[str] = set()
        self._apply: dict[type, Callable[[Any], None]] = {
            Hello: self._hello,
            Places: self._places,
            Rows: self._rows,
            Gone: self._gone,
            Findings: self._findings,
            Sources: self._sources,
            Rollups: self._rollups,
            Sentences: self._sentences,
            TenantPromises: self._promises,
            Detail: self._detail,
            BlastRadius: self._blast,
            Timeline: self._timeline,
            Moment: self._moment,
            Settled: self._settled,
        }

    def apply(self, frame: Any) -> None:
        """Take in one frame; a `Notice` is for the person and changes nothing here."""
        if not isinstance(frame, Notice):
            self._apply[type(frame)](frame)

    def now(self) -> Utc:
        """The time to measure ages by, UTC seconds."""
        if self.moment is not None:
            return self.moment.at
        if self.hello is not None and self.hello.frozen_at is not None:
            return self.hello.frozen_at
        return self._clock()

    def table(self, kind: str) -> Table[Row]:
        """The rows of a kind; empty for one that has not been seen."""
        if (table := self.tables.get(kind)) is None:
            table = self.tables[kind] = Table()
        return table

    def row(self, key: str) -> Row | None:
        """The resource of this id, of whatever kind."""
        for table in self.tables.values():
            if (row := table.rows.get(key)) is not None:
                return row
        return None

    def place(self, row: Item) -> Place:
        """Where a row stands."""
        return self.places.get(row.place, NOWHERE)

    def source(self, row: Item) -> Source | None:
        """The source that reported a row."""
        return self.sources.get(self.place(row).source)

    def freshness(self, source: Source | None, now: Utc, seen: Utc = 0.0) -> tuple[str, bool]:
        """How old what a source reported is, as `12m`, and whether to draw it dim; of a row that it has left behind,
        since that was `seen`.
        """
        if source is None or source.last_success is None:
            return "-", True
        return (age(now - seen), True) if seen else (age(now - source.last_success), source.dim(now))

    def counts(self, kind: str) -> list[int]:
        """How many rows of a kind stand at each status, indexed by `Status`."""
        return count(self.table(kind).rows.values())

    def _hello(self, hello: Hello) -> None:
        if self.hello is not None:
            self._age_everything()
        self.hello, self.settled = hello, False
        self.touched.add("hello")

    def _age_everything(self) -> None:
        """A new collector numbers its places anew: what is here keeps its places under negative numbers until it is
        sent again or all has settled.
        """
        old = {
            number: -1 - index - sum(n < 0 for n in self.places)
            for index, number in enumerate(n for n in self.places if n >= 0)
        }
        self.places = {old.get(number, number): place for number, place in self.places.items()}
        tables: list[Table[Any]] = [*self.tables.values(), self.findings]
        for table in tables:
            table.rows = {
                key: replace(row, place=old[row.place]) if row.place in old else row for key, row in table.rows.items()
            }
            table.version += 1
            table.moved = None
        self._table_of = {}
        self._sources_before = set(self.sources)

    def _places(self, frame: Places) -> None:
        for number, place in enumerate(frame.places, frame.first):
            self.places[number] = place
            self._table_of[number] = self.table(place.kind)
        self.touched.add("places")

    def _rows(self, frame: Rows) -> None:
        table_of, here = self._table_of, set()
        for row in frame.rows:  # the hottest loop of the viewer: 100,000 times at a start
            if (table := table_of.get(row.place)) is not None:
                key, rows = row.id, table.rows
                old = rows.get(key)
                rows[key] = row
                table.version += 1
                if (moved := table.moved) is not None:
                    moved.setdefault(key, old)
                here.add(row.place)
        for place in here:
            self.touched.add(self.places[place].kind)
            table_of[place].bound()

    def _gone(self, frame: Gone) -> None:
        for key in frame.ids:
            for kind, table in self.tables.items():
                if key in table.rows:
                    table.drop(key)
                    self.touched.add(kind)

    def _findings(self, frame: Findings) -> None:
        for control, resource in frame.gone:
            self.findings.drop(f"{control} {resource}")
        for row in frame.rows:
            self.findings.put(row.id, row)
        self.touched.add(FINDING)

    def _sources(self, frame: Sources) -> None:
        for source in frame.sources:
            self.sources[source.id] = source
            self._sources_before.discard(source.id)
        for key in frame.gone:
            self.sources.pop(key, None)
        self.touched.add("sources")

    def _rollups(self, frame: Rollups) -> None:
        self.rollups = {rollup.tenant: rollup for rollup in frame.tenants}
        self.touched.add("rollups")

    def _sentences(self, frame: Sentences) -> None:
        self.sentences = {sentence.id: sentence for sentence in frame.sentences}
        self.promises = {}
        self.touched.add("promises")

    def _promises(self, frame: TenantPromises) -> None:
        self.promises[frame.tenant] = frame.cells
        self.touched.add("promises")

    def _detail(self, frame: Detail) -> None:
        self.details = {frame.id: frame}
        self.touched.add("detail")

    def _blast(self, frame: BlastRadius) -> None:
        self.blasts = {frame.id: frame}
        self.touched.add("blast")

    def _timeline(self, frame: Timeline) -> None:
        if frame.again:
            for key in list(self.transitions.rows):
                self.transitions.drop(key)
        for one in frame.transitions:
            number = self._past_places.setdefault(one.place, PAST_PLACES + len(self._past_places))
            self.places[number] = one.place
            self.transitions.put(one.id, move_of(one, number))
        for key in list(self.transitions.rows)[: max(0, len(self.transitions.rows) - MOST_TRANSITIONS)]:
            self.transitions.drop(key)
        self.touched.add(TRANSITION)

    def _moment(self, frame: Moment) -> None:
        self.moment = frame
        self.touched |= {"hello", "sources"}

    def _settled(self, frame: Settled) -> None:
        self.settled = True
        tables: list[tuple[str, Table[Any]]] = [*self.tables.items(), (FINDING, self.findings)]
        for kind, table in tables:
            for key in [key for key, row in table.rows.items() if row.place < 0]:
                table.drop(key)
                self.touched.add(kind)
        self.places = {number: place for number, place in self.places.items() if number >= 0}
        for key in self._sources_before:
            self.sources.pop(key, None)
        self._sources_before = set()
        self.touched |= {"sources", "settled"}


def count(rows: Iterable[Item]) -> list[int]:
    """How many rows stand at each status, indexed by `Status`."""
    statuses = [row.status for row in rows]
    return [statuses.count(status) for status in Status]


def services(sources: Iterable[Source]) -> Iterator[tuple[str, list[Source]]]:
    """Sources grouped by service, in the order of their names."""
    groups: dict[str, list[Source]] = {}
    for source in sources:
        groups.setdefault(source.service, []).append(source)
    yield from sorted(groups.items())
