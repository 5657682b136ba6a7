"""Columns as values: a title, widths, a cell, an order. Views put them side by side; the table draws them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from posture.clock import Utc, age
from posture.fault import state_word
from posture.kinds import Col, kind_of
from posture.rollup import OWN, tenants_of
from posture.rows import KEY_CLASSES, FindingRow, Row
from posture.source import ANSWERED, Source, State
from posture.verdict import Status
from providers.collector.frames import TenantRollup
from tui.data.replica import Replica
from tui.widgets.nouns import noun

GLYPHS = ("✗", "?", "!", "✓", "-")
WORDS = ("FAIL", "UNKN", "WARN", "pass", "n/a")
PAINTS = ("fail", "unknown", "warn", "pass", "na")
"""By `Status`: never colour alone."""
SEVERITIES = ("CRIT", "HIGH", "MED", "LOW", "INFO")
SEVERITY_PAINTS = ("fail", "warn", "text", "faint", "faint")

Cell = tuple[str, str]
"""Text, and the name of a paint (`tui.terminal.paint`)."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    `width` is the least it needs, `most` the most it makes use of, `flex` its share of the room left over; a column of
    a high `keep` is the last to be dropped. `cell` turns an item into text; `order` gives the function to sort by.
    """

    title: str
    cell: Callable[[Any, Replica, Utc], Cell]
    order: Callable[[Replica], Callable[[Any], Any]]
    width: int
    most: int = 0
    flex: int = 0
    keep: int = 5
    right: bool = False
    by_source: bool = False
    """Whether the order hangs on the sources, so that it changes when they do."""
    middle: bool = False
    """Cut in the middle where it is too long: names of one set differ at their end."""
    needed: Callable[[Replica], bool] = lambda replica: True
    """Whether the column tells anything here."""


def fit(columns: Sequence[Column], room: int) -> list[tuple[Column, int]]:
    """Which columns stand side by side in `room` cells, one blank between two, and how wide each is; the least
    important are left out.
    """
    chosen = list(columns)
    while len(chosen) > 1 and sum(column.width + 1 for column in chosen) - 1 > room:
        chosen.remove(min(reversed(chosen), key=lambda column: column.keep))
    widths = {id(column): column.width for column in chosen}
    left = room - sum(widths.values()) - len(chosen) + 1
    growing = [column for column in chosen if column.flex]
    while left > 0 and growing:
        shares = sum(column.flex for column in growing)
        before = left
        for column in list(growing):
            extra = min(max(1, before * column.flex // shares), left, (column.most or room) - widths[id(column)])
            widths[id(column)] += extra
            left -= extra
            if widths[id(column)] >= (column.most or room):
                growing.remove(column)
        if left == before:
            break
    return [(column, widths[id(column)]) for column in chosen]


def status_cell(status: int) -> Cell:
    """`✗ FAIL`, in its colour."""
    return f"{GLYPHS[status]} {WORDS[status]}", PAINTS[status]


def _by_place(field: str) -> Callable[[Replica], Callable[[Any], Any]]:
    def order(replica: Replica) -> Callable[[Any], Any]:
        texts = {number: getattr(place, field) for number, place in replica.places.items()}
        return lambda row: texts.get(row.place, "")

    return order


def _youngest_first(replica: Replica) -> Callable[[Any], Any]:
    seen = {
        number: source.last_success or 0.0 if (source := replica.sources.get(place.source)) else 0.0
        for number, place in replica.places.items()
    }
    return lambda row: -(row.seen or seen.get(row.place, 0.0))


def _by(field: str) -> Callable[[Replica], Callable[[Any], Any]]:
    return lambda replica: attrgetter(field)


def _place_cell(field: str) -> Callable[[Any, Replica, Utc], Cell]:
    return lambda row, replica, now: (getattr(replica.place(row), field), "text")


def _type_cell(row: Any, replica: Replica, now: Utc) -> Cell:
    place = replica.place(row)
    return noun(place.kind, place.type), "text"


def _age_cell(row: Row, replica: Replica, now: Utc) -> Cell:
    text, dim = replica.freshness(replica.source(row), now, row.seen)
    return text, "unknown" if dim else "faint"


def _key_class_cell(row: Row, replica: Replica, now: Utc) -> Cell:
    if row.key_class < 0:
        return "", "text"
    word = KEY_CLASSES[row.key_class].value
    return word, "unknown" if word == "unknown" else "text"


def _reason_cell(row: Any, replica: Replica, now: Utc) -> Cell:
    return row.reason, "faint" if row.status >= Status.PASS else "text"


def _since_cell(row: Any, replica: Replica, now: Utc) -> Cell:
    return (age(now - row.since) if row.since else "-"), "faint"


def _worst_first(replica: Replica) -> Callable[[Any], Any]:
    return lambda row: row.status * 8 + row.severity


def _name_cell(row: Any, replica: Replica, now: Utc) -> Cell:
    """Bright where there is something to do; what is as promised stays calm (and costs a page key 700 bytes less)."""
    return row.name or row.id, "name" if row.status < Status.PASS else "text"


def _several_tenants(replica: Replica) -> bool:
    return len({place.tenant for place in replica.places.values()}) > 1


def _several_scopes(replica: Replica) -> bool:
    """Whether some tenant has more than one account, subscription or project."""
    scopes = {(place.tenant, place.scope) for place in replica.places.values() if place.provider != OWN}
    return len(scopes) > len({tenant for tenant, _ in scopes})


STATUS = Column("STATUS", lambda row, replica, now: status_cell(row.status), _worst_first, 6, keep=10)
NAME = Column("NAME", _name_cell, _by("name"), 14, 44, 2, keep=9, middle=True)
TENANT = Column("TENANT", _place_cell("tenant"), _by_place("tenant"), 8, 16, 1, keep=6, needed=_several_tenants)
REGION = Column("REGION", _place_cell("region"), _by_place("region"), 14, 18, 1, keep=4)
SCOPE = Column("SCOPE", _place_cell("scope"), _by_place("scope"), 24, 36, 1, keep=2, needed=_several_scopes)
CLUSTER = Column("CLUSTER", _place_cell("scope"), _by_place("scope"), 10, 30, 1, keep=2, needed=_several_scopes)
TYPE = Column("TYPE", _type_cell, _by_place("type"), 11, 16, 1, keep=4)
KIND = Column("KIND", _place_cell("kind"), _by_place("kind"), 8, 16, 1, keep=7)
KEY_CLASS = Column("KEY CLASS", _key_class_cell, _by("key_class"), 9, 16, 1, keep=5)
KEY = Column("KEY", lambda row, replica, now: (row.key, "text"), _by("key"), 10, 38, 1, keep=3, middle=True)
USERS = Column(
    "USERS",
    lambda row, replica, now: (f"{row.users:,}", "text"),
    lambda replica: lambda row: -row.users,
    6,
    right=True,
    keep=6,
)
REASON = Column("REASON", _reason_cell, _by("reason"), 18, 90, 3, keep=7)
SINCE = Column("SINCE", _since_cell, lambda replica: lambda row: -row.since, 5, right=True, keep=1)
AGE = Column("AGE", _age_cell, _youngest_first, 4, right=True, keep=8, by_source=True)

SEVERITY = Column(
    "SEV",
    lambda row, replica, now: (SEVERITIES[row.severity], SEVERITY_PAINTS[row.severity]),
    _by("severity"),
    4,
    keep=8,
)
CONTROL = Column("CONTROL", lambda row, replica, now: (row.control, "text"), _by("control"), 18, 36, 2, keep=7)


def _excepted_cell(row: FindingRow, replica: Replica, now: Utc) -> Cell:
    return row.excepted_until, "faint"


EXCEPTED = Column("EXCEPTED", _excepted_cell, _by("excepted_until"), 10, keep=2)


def own(kind: str) -> tuple[Column, ...]:
    """The columns a kind has of its own (`posture.kinds`)."""
    return tuple(_own(column, index) for index, column in enumerate(kind_of(kind).columns))


def _own(column: Col, index: int) -> Column:
    def text(row: Row) -> str:
        return row.cells[index] if index < len(row.cells) else ""

    def order(replica: Replica) -> Callable[[Any], Any]:
        return (lambda row: _number(text(row))) if column.number else text

    width = column.width or max(6, len(column.title))
    most = column.most or width + 10
    return Column(
        column.title,
        lambda row, replica, now: (text(row), "text"),
        order,
        width,
        most,
        int(most > width),
        keep=column.keep,
        right=column.right,
        middle=column.middle,
    )


_DIGITS = re.compile(r"[0-9]{1,18}")


def _number(text: str) -> int:
    """The greatest first, what is no number last."""
    found = _DIGITS.match(text)
    return 1 if found is None else -int(found[0])


def shared_columns(kinds: Sequence[str]) -> tuple[Column, ...]:
    """What all resources share and, of one kind, its own; of several, which kind each is."""
    if len(kinds) == 1:
        return (STATUS, NAME, TENANT, SCOPE, REGION, KEY_CLASS, KEY, *own(kinds[0]), REASON, SINCE, AGE)
    return (STATUS, KIND, NAME, TENANT, SCOPE, REGION, REASON, SINCE, AGE)


# ---------------------------------------------------------------- sources

STATE_PAINTS = {State.PENDING: "faint", State.PARTIAL: "warn", State.THROTTLED: "warn"}
STATE_GLYPHS = {State.PENDING: "…", State.PARTIAL: "!", State.THROTTLED: "!"}


def state_cell(source: Source) -> Cell:
    """`✓ ok`, `✗ denied`, `✗ no login`: glyph, word and colour of a source's state; a source being asked just now
    ends in a dot.
    """
    good = source.state in ANSWERED
    glyph = STATE_GLYPHS.get(source.state, "✓" if good else "✗")
    return f"{glyph} {state_word(source.state, source.fault)}{'·' if source.polling else ''}", STATE_PAINTS.get(
        source.state, "pass" if good else "fail"
    )


def _state_order(source: Source) -> int:
    """Worst first: refused or broken, then partly, then waiting, then answered."""
    return (
        3 if source.state in ANSWERED else {State.PARTIAL: 1, State.THROTTLED: 1, State.PENDING: 2}.get(source.state, 0)
    )


def _success_cell(source: Source, replica: Replica, now: Utc) -> Cell:
    text, dim = replica.freshness(source, now)
    return text, "unknown" if dim else "text"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f}s" if seconds < 120 else age(seconds)


def _error_cell(source: Source, replica: Replica, now: Utc) -> Cell:
    return (str(source.fault) if source.fault else "", "text")


def _permission_cell(source: Source, replica: Replica, now: Utc) -> Cell:
    missing = (source.fault and source.fault.permission) or ""
    return missing, "warn"


SOURCE_STATE = Column(
    "STATE", lambda source, replica, now: state_cell(source), lambda replica: _state_order, 13, keep=10
)
SERVICE = Column("SERVICE", lambda source, replica, now: (source.service, "name"), _by("service"), 8, 16, 2, keep=9)
SOURCE_TENANT = Column("TENANT", lambda source, replica, now: (source.tenant, "text"), _by("tenant"), 8, 16, 1, keep=6)
SOURCE_SCOPE = Column("SCOPE", lambda source, replica, now: (source.scope, "text"), _by("scope"), 14, 40, 2, keep=7)
SUCCESS = Column("AGE", _success_cell, lambda replica: lambda source: source.last_success or 0.0, 4, keep=8, right=True)
CADENCE = Column(
    "EVERY", lambda source, replica, now: (_duration(source.cadence), "faint"), _by("cadence"), 5, keep=4, right=True
)
CALLS = Column(
    "CALLS",
    lambda source, replica, now: (f"{source.calls:,}", "text"),
    lambda replica: lambda source: -source.calls,
    6,
    keep=3,
    right=True,
)
SECONDS = Column(
    "TOOK",
    lambda source, replica, now: (f"{source.seconds:.1f}s", "text"),
    lambda replica: lambda source: -source.seconds,
    6,
    keep=3,
    right=True,
)
RESOURCES = Column(
    "ROWS",
    lambda source, replica, now: (f"{source.resources:,}", "text"),
    lambda replica: lambda source: -source.resources,
    7,
    keep=3,
    right=True,
)
ERROR = Column("ERROR", _error_cell, lambda replica: lambda source: str(source.fault or ""), 12, 90, 4, keep=7)
PERMISSION = Column(
    "MISSING PERMISSION",
    _permission_cell,
    lambda replica: lambda source: (source.fault and source.fault.permission) or "",
    18,
    34,
    2,
    keep=5,
)

# ---------------------------------------------------------------- tenants


def _tally(index: int) -> Callable[[TenantRollup, Replica, Utc], Cell]:
    return lambda rollup, replica, now: (
        f"{rollup.findings[index]:,}",
        PAINTS[index] if rollup.findings[index] else "faint",
    )


def _tally_order(index: int) -> Callable[[Replica], Callable[[Any], Any]]:
    return lambda replica: lambda rollup: -rollup.findings[index]


def _tenant_ages(rollup: TenantRollup, replica: Replica, now: Utc) -> Cell:
    """`3s-12m`: the age of the newest and of the oldest that stands behind this line; `-` where something never
    answered.
    """
    successes = [
        source.last_success
        for source in replica.sources.values()
        if rollup.tenant in tenants_of(source.tenant, own=True)
    ]
    seen = [at for at in successes if at is not None]
    if not seen:
        return "never", "unknown"
    never = len(seen) < len(successes)
    text = f"{age(now - max(seen))} … {'never' if never else age(now - min(seen))}"
    return text, "unknown" if never else "faint"


TENANT_STATUS = Column("STATUS", lambda rollup, replica, now: status_cell(rollup.status), _by("status"), 6, keep=10)
TENANT_NAME = Column("TENANT", lambda rollup, replica, now: (rollup.tenant, "name"), _by("tenant"), 12, 30, 2, keep=10)
BARS = " ▁▂▃▄▅▆▇█"


def _trend_cell(rollup: TenantRollup, replica: Replica, now: Utc) -> Cell:
    """How many findings failed in the last hour, a bar each five minutes: from none to the most of that hour."""
    failed = replica.trends.get(rollup.tenant, ())
    most = max(failed, default=0)
    text = "".join("·" if many < 0 else BARS[min(8, -(-8 * many // most) if most else 0)] for many in failed)
    return text, "fail" if most else "faint"


TENANT_TREND = Column("FAIL, 1 H", _trend_cell, _by("tenant"), 12, keep=3, needed=lambda replica: bool(replica.trends))
TALLIES = tuple(
    Column(title, _tally(index), _tally_order(index), 7, 10, 1, keep=9 - index, right=True)
    for index, title in enumerate(("FAIL", "UNKNOWN", "WARN", "PASS"))
)
TENANT_RESOURCES = Column(
    "RESOURCES",
    lambda rollup, replica, now: (f"{sum(rollup.resources):,}", "text"),
    lambda replica: lambda rollup: -sum(rollup.resources),
    9,
    12,
    1,
    keep=4,
    right=True,
)
TENANT_AGES = Column("NEWEST … OLDEST", _tenant_ages, _by("tenant"), 15, keep=5, right=True)
