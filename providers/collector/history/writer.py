"""The one who writes a history: what changes is written, not what stays."""

import itertools
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from posture.clock import Utc
from posture.rollup import OWN
from posture.transition import ABSENT, Transition
from posture.verdict import shown_status
from providers.collector.history.reader import Reader
from providers.collector.history.recorder import Moved, Turned, Work
from providers.collector.history.records import (
    SAMPLES,
    Kept,
    Packer,
    Poll,
    before,
    body,
    digest,
    learnt,
    standing,
    statuses,
    verdicts,
)

ABOUT = "label, kind, type, tenant, provider, scope, region, source"
"""What the table of resources tells of one, in the order of `Transition`."""
BATCH = 2000
"""Resources a transaction; some 50 ms."""


class Writer:
    """Writes into a connection that nobody else writes to. Not safe for two threads at once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection
        found = connection.execute("SELECT data FROM dictionary").fetchone()
        self.packer = Packer(found[0] if found else None)
        self._controls: dict[str, int] = {
            name: number for number, name in connection.execute("SELECT id, name FROM control")
        }
        self._sources: dict[str, int] = {}
        self._versions = int(connection.execute("SELECT ifnull(max(id), 0) FROM version").fetchone()[0])

    def write(self, work: Work) -> list[Transition]:
        """Write what moved; returns the transitions. Raises `sqlite3.Error`, and what was begun is undone."""
        if not self.packer.trained and len(work.moved) >= SAMPLES:
            self._learn(work.moved)
        found: list[Transition] = []
        moved = iter(work.moved)
        with _Transaction(self._sql):
            for turned in work.turned:
                self._turn(turned)
        while some := list(itertools.islice(moved, BATCH)):
            with _Transaction(self._sql):
                news = [transition for one in some for transition in self._move(one)]
            found += news
        with _Transaction(self._sql):
            self._beat(work)
        return found

    def own(self, owners: Mapping[str, str], at: Utc) -> None:
        """Note whose answers these are (`TENANT/SYSTEM` -> digest). What somebody else's were ends here: it is not
        painted for this one.
        """
        with _Transaction(self._sql):
            asked = self._sql.execute("SELECT name FROM source JOIN standing ON source = source.id WHERE ended IS NULL")
            for name in Reader(self._sql, self.packer).foreign(owners, [name for (name,) in asked.fetchall()]):
                self._sql.execute(
                    "UPDATE standing SET ended = ? WHERE source = ? AND ended IS NULL", (at, self._asked(name))
                )
            self._end_orphans(at)
            self._sql.executemany(
                "INSERT OR REPLACE INTO fact VALUES (?, ?)", [(f"owner {name}", one) for name, one in owners.items()]
            )

    def correct(self, now: Utc) -> None:
        """The clock ran ahead: nothing that is told began, ended or was seen later than now (UTC seconds)."""
        with _Transaction(self._sql):
            # a poll of a time to come tells of no time at all
            self._sql.execute("DELETE FROM beat WHERE at > ?", (now,))
            self._sql.execute("UPDATE fact SET value = ?1 WHERE name = 'horizon' AND CAST(value AS REAL) > ?1", (now,))
            for table, column in (
                *(("standing", column) for column in ("began", "ended")),
                *(("resource", column) for column in ("first_seen", "gone_at")),
                *(("version", column) for column in ("began", "ended", "observed")),
                *((table, "at") for table in ("transition", "tally")),
            ):
                self._sql.execute(f"UPDATE {table} SET {column} = ? WHERE {column} > ?", (now, now))

    # ------------------------------------------------------------ one thing

    def _learn(self, moved: Sequence[Moved]) -> None:
        kept = (one.kept for one in moved[:: max(1, len(moved) // SAMPLES)])
        dictionary = learnt([body(one) for one in kept if one is not None])
        if dictionary is not None:
            with _Transaction(self._sql):
                self._sql.execute("INSERT INTO dictionary (data) VALUES (?)", (dictionary,))
            self.packer = Packer(dictionary)

    def _number(self, control: str) -> int:
        if (number := self._controls.get(control)) is None:
            number = self._controls[control] = len(self._controls) + 1
            self._sql.execute("INSERT INTO control VALUES (?, ?)", (number, control))
        return number

    def _move(self, moved: Moved) -> Iterable[Transition]:
        found = self._sql.execute(
            f"SELECT resource.id, version, digest, verdicts, status, {ABOUT} FROM resource"
            " LEFT JOIN version ON version.id = resource.version WHERE name = ?",
            (moved.name,),
        ).fetchone()
        if moved.kept is None:
            return self._gone(moved, found) if found is not None and found[1] is not None else ()
        data = body(moved.kept)
        same = digest(data)
        if found is not None and found[1] is not None and found[2] == same:
            return ()
        now = verdicts(moved.kept.findings, self._number)
        self._versions += 1
        resource = self._named(moved, moved.kept, self._versions, found)
        self._sql.execute(
            "INSERT INTO version (id, resource, began, ended, observed, status, digest, verdicts, data)"
            " VALUES (?, ?, ?, NULL, ?, ?, ?, ?, ?)",
            (
                self._versions,
                resource,
                moved.at,
                moved.observed_at,
                moved.kept.status,
                same,
                now,
                self.packer.pack(data),
            ),
        )
        if found is not None and found[1] is not None:
            self._sql.execute("UPDATE version SET ended = ? WHERE id = ?", (moved.at, found[1]))
            return self._transitions(moved, resource, statuses(found[3]))
        return self._transitions(moved, resource, None) if moved.news else ()

    def _named(self, moved: Moved, kept: Kept, version: int, found: Sequence[Any] | None) -> int:
        """The number of the resource, which has this version now."""
        about = _about(kept)
        if found is not None:
            self._sql.execute(
                f"UPDATE resource SET ({ABOUT}) = (?, ?, ?, ?, ?, ?, ?, ?), version = ?, gone_at = NULL WHERE id = ?",
                (*about, version, found[0]),
            )
            return int(found[0])
        made = self._sql.execute(
            f"INSERT INTO resource (name, {ABOUT}, first_seen, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (moved.name, *about, moved.at, version),
        ).lastrowid
        return made or 0

    def _gone(self, moved: Moved, found: tuple[Any, ...]) -> list[Transition]:
        number, version, _, known, status, *about = found
        self._sql.execute("UPDATE version SET ended = ? WHERE id = ?", (moved.at, version))
        self._sql.execute("UPDATE resource SET version = NULL, gone_at = ? WHERE id = ?", (moved.at, number))
        names = {number: name for name, number in self._controls.items()}
        ended = [(names.get(control, ""), was) for control, was in statuses(known).items() if shown_status(was)]
        gone = [(control, was, ABSENT, "gone") for control, was in ended or [("", status)]]
        return self._keep(number, [_transition(moved, (*about, *turn)) for turn in gone])

    def _transitions(self, moved: Moved, number: int, known: Mapping[int, int] | None) -> list[Transition]:
        """What became otherwise; of what was not there (`known` None) what is to be listed, else that it came."""
        assert moved.kept is not None
        kept, was = moved.kept, known or {}
        turned = [
            (one.control, was.get(self._number(one.control), ABSENT), int(one.status), one.reason)
            for one in kept.findings
            if was.get(self._number(one.control), ABSENT) != one.status
            and (known is not None or shown_status(one.status))
        ]
        if known is None and not turned:
            turned = [("", ABSENT, int(kept.status), "new")]
        # a control that only another version of enctop knows changed nothing in the world
        listed = [one for one in turned if known is None or one[1] != ABSENT or shown_status(one[2])]
        return self._keep(number, [Transition(moved.at, moved.name, *_about(kept), *turn) for turn in listed])

    def _keep(self, number: int, transitions: list[Transition]) -> list[Transition]:
        self._sql.executemany(
            "INSERT INTO transition VALUES (?, ?, ?, ?, ?, ?)",
            [(one.at, number, self._number(one.control), one.before, one.after, one.reason) for one in transitions],
        )
        return transitions

    # ------------------------------------------------------------ sources and polls

    def _turn(self, turned: Turned) -> None:
        source = self._asked(turned.name)
        known = self._sql.execute(
            "SELECT id, digest FROM standing WHERE source = ? AND ended IS NULL", (source,)
        ).fetchone()
        same = None if turned.source is None else digest(body(standing(turned.source)))
        if known is not None and known[1] != same:
            self._sql.execute("UPDATE standing SET ended = ? WHERE id = ?", (turned.at, known[0]))
            known = None
        if turned.source is not None:
            if known is None:
                self._sql.execute(
                    "INSERT INTO standing (source, began, ended, digest, data) VALUES (?, ?, NULL, ?, ?)",
                    (source, turned.at, same, self.packer.pack(body(turned.source))),
                )
            self._polled(turned.at, [turned])

    def _asked(self, name: str) -> int:
        """The number of a source."""
        if (number := self._sources.get(name)) is None:
            self._sql.execute("INSERT OR IGNORE INTO source (name) VALUES (?)", (name,))
            number = self._sql.execute("SELECT id FROM source WHERE name = ?", (name,)).fetchone()[0]
            self._sources[name] = number
        return number

    def _end_orphans(self, at: Utc) -> None:
        """End what is told to be there of sources that are asked no more. What is of a tenant as a whole has none."""
        orphans = (
            "SELECT id FROM resource WHERE version IS NOT NULL AND source NOT LIKE ? AND source NOT IN"
            " (SELECT name FROM source JOIN standing ON standing.source = source.id WHERE ended IS NULL)"
        )
        own = f"{OWN}://%"
        self._sql.execute(f"UPDATE version SET ended = ? WHERE ended IS NULL AND resource IN ({orphans})", (at, own))
        self._sql.execute(f"UPDATE resource SET version = NULL, gone_at = ? WHERE id IN ({orphans})", (at, own))

    def _beat(self, work: Work) -> None:
        self._polled(work.at, work.polls)
        self._sql.executemany(
            "INSERT INTO tally VALUES (?, ?, ?)",
            [(work.at, tenant, body(counts)) for tenant, counts in work.tallies.items()],
        )

    def _polled(self, at: Utc, polls: Sequence[Turned]) -> None:
        whole = float(int(at))
        told = [
            Poll(
                self._asked(one.name),
                before(whole, one.at) or 0,
                before(whole, one.source.last_attempt),
                before(whole, one.source.last_success),
                before(whole, one.seen),
                one.source.calls,
                round(one.source.seconds * 1e6),
            )
            for one in polls
            if one.source is not None
        ]
        if told:
            self._sql.execute("INSERT INTO beat VALUES (?, ?)", (whole, self.packer.pack(body(told))))


def _transition(moved: Moved, rest: tuple[Any, ...]) -> Transition:
    return Transition(moved.at, moved.name, *rest)


def _about(kept: Kept) -> tuple[str, str, str, str, str, str, str, str]:
    """What `ABOUT` names."""
    one = kept.resource
    return one.name, one.kind, one.type, one.tenant, one.provider, one.scope, one.region, kept.source


class _Transaction:
    """All of it, or nothing."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection

    def __enter__(self) -> None:
        self._sql.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self._sql.execute("COMMIT")
        elif self._sql.in_transaction:
            self._sql.execute("ROLLBACK")
