"""What a history tells: how everything stood at a time, and what changed when."""

import itertools
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from posture.clock import Seconds, Utc, past
from posture.entry import Entry, Statuses, clamped
from posture.rollup import OWN
from posture.source import STALE_CADENCES, Source
from posture.transition import ABSENT, Transition
from posture.verdict import Gap, Status
from providers.collector.history.records import LATEST, Packer, Poll, Unpacker

LONGEST_CADENCE: Final[Seconds] = 86400.0
"""A source that was kept is not taken to be slower than this before it is configured again."""
BACK: Final[Seconds] = 2 * 86400.0
"""The last poll of a source is looked for in so many seconds of beats: longer than the longest cadence."""
BARS: Final = 12
BAR: Final[Seconds] = 300.0
PIECE: Final = 1000
"""Resources at a stretch; about 30 ms."""


_STATUSES: Final = frozenset({ABSENT, *Status})


class Stood(msgspec.Struct, frozen=True):
    """A source as it stood; from `seen` on (UTC seconds) all that it held had been read, and it was asked last at
    `asked`.
    """

    source: Source
    seen: Utc
    asked: Utc = 0.0

    def quiet(self, at: Utc) -> bool:
        """Whether nobody asked it for so long that what it said was evidence no more."""
        return at >= self.asked + STALE_CADENCES * self.source.cadence


class Reader:
    """Reads from a connection, in one thread. What is damaged raises `sqlite3.Error` or ValueError."""

    def __init__(self, connection: sqlite3.Connection, packer: Packer | None = None) -> None:
        self._sql = connection
        if packer is None:
            found = connection.execute("SELECT data FROM dictionary").fetchone()
            packer = Packer(found[0] if found else None)
        self._unpack = Unpacker(packer)

    def tenants(self) -> list[str]:
        """Whose it is."""
        found = self._sql.execute("SELECT substr(name, 7) FROM fact WHERE name LIKE 'owner %'").fetchall()
        return sorted({name.partition("/")[0] for (name,) in found})

    def controls(self) -> list[str]:
        """Every control that it names."""
        return [name for (name,) in self._sql.execute("SELECT name FROM control WHERE name <> ''")]

    def foreign(self, owners: Mapping[str, str], sources: Iterable[str]) -> set[str]:
        """Those of these sources that answered somebody else than `owners` (`TENANT/SYSTEM` -> digest)."""
        known = dict(self._sql.execute("SELECT substr(name, 7), value FROM fact WHERE name LIKE 'owner %'"))
        others = {name for name, one in owners.items() if known.get(name, one) != one}
        return {name for name in sources if not others.isdisjoint(_asked_by(name))}

    # ------------------------------------------------------------ times

    def span(self) -> tuple[Utc, Utc] | None:
        """The first and the last time that it tells of; None where it tells of none."""
        first, last = self._sql.execute(
            "SELECT (SELECT min(began) FROM version), max(ifnull((SELECT max(at) FROM beat), 0),"
            " (SELECT max(began) FROM version))"
        ).fetchone()
        if first is None:
            return None
        if not (0.0 <= first < LATEST and 0.0 <= last < LATEST):
            raise ValueError("a time that is none")
        facts = dict(self._sql.execute("SELECT name, value FROM fact WHERE name IN ('horizon', 'until')"))
        first = max(first, float(facts.get("horizon", first)))
        return first, max(first, min(last, float(facts.get("until", last))))

    def watched(self, at: Utc) -> tuple[Utc | None, Utc | None]:
        """The last beat up to `at`, and the first after it: enctop ran then."""
        row = self._sql.execute(
            "SELECT (SELECT max(at) FROM beat WHERE at <= ?), (SELECT min(at) FROM beat WHERE at > ?)", (at, at)
        ).fetchone()
        return row[0], row[1]

    def next_transition(self, at: Utc) -> Utc | None:
        """When something became otherwise next after `at`."""
        found: Utc | None = self._sql.execute("SELECT min(at) FROM transition WHERE at > ?", (at,)).fetchone()[0]
        return found

    def last_transition(self, at: Utc) -> Utc | None:
        """When something became otherwise last before `at`."""
        found: Utc | None = self._sql.execute("SELECT max(at) FROM transition WHERE at < ?", (at,)).fetchone()[0]
        return found

    # ------------------------------------------------------------ how it stood

    def sources(self, at: Utc) -> dict[str, Stood]:
        """Every source that was asked at `at`, by id."""
        rows = self._sql.execute(
            "SELECT source.id, name, data FROM standing JOIN source ON source.id = source"
            " WHERE began <= ? AND (ended IS NULL OR ended > ?)",
            (at, at),
        ).fetchall()
        found = {number: (name, Stood(_sane(self._unpack.source(data), at), 0.0)) for number, name, data in rows}
        left, unseen = set(found), set(found)
        for beat, polls in self._beats(at):
            for poll in reversed(polls):
                if poll.source not in unseen or beat - poll.at / 1e6 > at:
                    continue
                name, stood = found[poll.source]
                if poll.source in left:
                    left.discard(poll.source)
                    stood = Stood(_sane(poll.applied(stood.source, beat), at), stood.seen, beat - poll.at / 1e6)
                if poll.seen is not None:
                    unseen.discard(poll.source)
                    stood = Stood(stood.source, past(beat - poll.seen / 1e6, at), stood.asked)
                found[poll.source] = name, stood
            if not unseen:
                break
        return dict(found.values())

    def _beats(self, at: Utc) -> Iterator[tuple[Utc, list[Poll]]]:
        """Newest first, with those that may tell of `at` though they were written later."""
        for beat, data in self._sql.execute(
            "SELECT at, polls FROM beat WHERE at BETWEEN (SELECT ifnull(max(at), ?1) FROM beat WHERE at <= ?1) - ?2 AND"
            " ?1 + 120 ORDER BY at DESC, rowid DESC",
            (at, BACK),
        ):
            yield beat, self._unpack.polls(data)

    def entries(self, at: Utc) -> Iterator[list[Entry]]:
        """Everything that was there at `at`, in pieces, the worst first, each as it was written (`seen_at`)."""
        found = self._sql.execute(
            "SELECT id FROM version WHERE began <= ? AND (ended IS NULL OR ended > ?) ORDER BY status, id", (at, at)
        ).fetchall()
        yield from self._in_pieces([number for (number,) in found])

    def current(self, at: Utc, sources: Mapping[str, Stood]) -> Iterator[list[Entry]]:
        """Everything that is there still, in pieces, the worst first, as it was seen up to `at`."""
        found = self._sql.execute(
            "SELECT id FROM version WHERE ended IS NULL ORDER BY status, id"  # of the index alone
        ).fetchall()
        for piece in self._in_pieces([number for (number,) in found]):
            for entry in piece:
                entry.observed_at = seen_at(entry, entry.observed_at, sources, at)
            yield piece

    def moved(self, since: Utc, until: Utc) -> tuple[list[Entry], list[str]]:
        """What stood otherwise at `until` than at `since`, as `entries` gives it of `until`, and the ids of what was
        not there. Either may be the later.
        """
        low, high = sorted((since, until))
        touched = self._sql.execute(
            "SELECT resource FROM version WHERE began > ?1 AND began <= ?2 UNION"
            " SELECT resource FROM version WHERE ended > ?1 AND ended <= ?2",
            (low, high),
        ).fetchall()
        entries, gone = [], []
        for (resource,) in touched:
            row = self._sql.execute(
                "SELECT observed, data FROM version"
                " WHERE resource = ?1 AND began <= ?2 AND (ended IS NULL OR ended > ?2) ORDER BY began DESC, id DESC"
                " LIMIT 1",
                (resource, until),
            ).fetchone()
            if row is None:
                gone.append(self._sql.execute("SELECT name FROM resource WHERE id = ?", (resource,)).fetchone()[0])
            else:
                entries.append(self._unpack.kept(row[1]).entry(row[0]))
        return entries, gone

    def statuses(self, at: Utc, owners: Mapping[str, str]) -> dict[str, Statuses]:
        """How every finding of these owners stood last, by resource id, for a run that keeps none itself. What had not
        been seen for longer than evidence holds is a time in which nobody could tell (`Gap`), up to its next verdict.
        """
        sources, found = self.sources(at), {}
        foreign = self.foreign(owners, sources)
        for piece in self.current(at, sources):
            for entry in piece:
                if entry.source in foreign or entry.resource.provider == OWN:
                    continue
                stood = sources.get(entry.source)
                cadence = stood.source.cadence if stood else 0.0
                statuses_since = clamped(entry.statuses_since(), at)
                aged = at >= entry.observed_at + STALE_CADENCES * cadence
                found[entry.resource.id] = _unseen(statuses_since, entry.observed_at) if aged else statuses_since
        return found

    def _in_pieces(self, numbers: Sequence[int]) -> Iterator[list[Entry]]:
        for first in range(0, len(numbers), PIECE):
            rows = (
                self._sql.execute("SELECT observed, data FROM version WHERE id = ?", (number,)).fetchone()
                for number in numbers[first : first + PIECE]
            )
            yield [self._unpack.kept(row[1]).entry(row[0]) for row in rows if row is not None]

    def open_now(self) -> tuple[list[tuple[str, str]], list[str]]:
        """What is told to be there still: (id, source) of resources, and ids of sources."""
        resources = self._sql.execute("SELECT name, source FROM resource WHERE version IS NOT NULL").fetchall()
        sources = self._sql.execute(
            "SELECT name FROM source JOIN standing ON standing.source = source.id WHERE ended IS NULL"
        ).fetchall()
        return resources, [name for (name,) in sources]

    # ------------------------------------------------------------ what changed

    def transitions(self, since: Utc, until: Utc, most: int, *, resource: str | None = None) -> list[Transition]:
        """What became otherwise after `since` and up to `until`, newest first, `most` of it; of one resource, or of
        all.
        """
        where = ""
        values: list[Utc | str] = [since, until]
        if resource is not None:
            where, values = " AND transition.resource = (SELECT id FROM resource WHERE name = ?)", [*values, resource]
        rows = self._sql.execute(
            "SELECT at, resource.name, label, kind, type, tenant, provider, scope, region, source, control.name,"
            " before, after, reason FROM transition"
            " JOIN resource ON resource.id = transition.resource JOIN control ON control.id = transition.control"
            f" WHERE at > ? AND at <= ?{where} ORDER BY at DESC, transition.rowid DESC LIMIT ?",
            (*values, most),
        )
        found = [Transition(*row) for row in rows]
        if not all(0.0 <= one.at < LATEST and {one.before, one.after} <= _STATUSES for one in found):
            raise ValueError("a transition of no time, or of no status")
        return found

    def seen(self, resource: str) -> tuple[Utc, Utc | None] | None:
        """When a resource was first seen, and when it went; None for one that is not told of."""
        row: tuple[Utc, Utc | None] | None = self._sql.execute(
            "SELECT first_seen, gone_at FROM resource WHERE name = ?", (resource,)
        ).fetchone()
        return row

    def trends(self, now: Utc) -> dict[str, tuple[int, ...]]:
        """How many findings of each tenant failed in the last hour, as `Trends` tells it."""
        found = {}
        for tenant, counts in self.tallies(now - BARS * BAR, now).items():
            most = [-1] * BARS
            for (at, by_status), (until, _) in itertools.pairwise([*counts, (now, ())]):
                first, last = (min(BARS - 1, int((one - now + BARS * BAR) // BAR)) for one in (at, until))
                for bar in range(max(0, first), last + 1):
                    most[bar] = max(most[bar], by_status[Status.FAIL])
            found[tenant] = tuple(most)
        return found

    def tallies(self, since: Utc, until: Utc) -> dict[str, list[tuple[Utc, tuple[int, ...]]]]:
        """How many findings of each tenant stood at each status: (UTC seconds, by `Status`), oldest first, with what
        held at `since`.
        """
        found: dict[str, list[tuple[Utc, tuple[int, ...]]]] = {}
        for at, tenant, data in self._sql.execute(
            "SELECT max(at), tenant, counts FROM tally WHERE at <= ?1 GROUP BY tenant UNION ALL"
            " SELECT * FROM (SELECT at, tenant, counts FROM tally WHERE at > ?1 AND at <= ?2 ORDER BY at)",
            (since, until),
        ):
            found.setdefault(tenant, []).append((at, msgspec.msgpack.decode(data, type=tuple[int, ...])))
        return found


def seen_at(entry: Entry, read: Utc, sources: Mapping[str, Stood], now: Utc) -> Utc:
    """When a resource was seen last, up to `now`: by the last poll that found it as it was when it was `read`."""
    stood = sources.get(entry.source)
    return past(read if stood is None or entry.not_in_last_poll else max(read, stood.seen), now)


def _asked_by(source: str) -> list[str]:
    """`acme/aws`, of `acme/aws/111122223333/ebs`; two of what two tenants share."""
    tenants, _, rest = source.partition("/")
    return [f"{tenant}/{rest.partition('/')[0]}" for tenant in tenants.split("+")]


def _sane(source: Source, now: Utc) -> Source:
    """A source as it was kept, which is no slower than any and has not answered later than now: else what it
    reported would never age.
    """
    cadence = source.cadence if 0 < source.cadence <= LONGEST_CADENCE else LONGEST_CADENCE
    success, attempt = (None if at is None else past(at, now) for at in (source.last_success, source.last_attempt))
    return msgspec.structs.replace(source, cadence=cadence, last_success=success, last_attempt=attempt)


def _unseen(statuses_since: Statuses, seen: Utc) -> Statuses:
    """As it stood when it was `seen`, and nobody could tell since."""
    return {
        control: (status, since, gap) if status is Status.UNKNOWN else (Status.UNKNOWN, seen, Gap(status, since, seen))
        for control, (status, since, gap) in statuses_since.items()
    }
