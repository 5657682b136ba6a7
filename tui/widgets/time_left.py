"""Columns of what ends by itself: a countdown that ticks in the viewer, the bar of a life, and the words for how a
lease stands.
"""

from functools import lru_cache

from posture.clock import Seconds, Utc, age, parse_rfc3339
from posture.kinds import KINDS
from posture.lease import LONG, LeaseState, Life
from posture.rows import Row
from tui.data.replica import Replica
from tui.widgets.columns import Cell, Column

NEVER = float("inf")
BAR = 10
"""Cells of the bar of a life."""
EIGHTHS = " ▏▎▍▌▋▊▉█"
STATE_PAINTS = {
    LeaseState.HEALTHY: "pass",
    LeaseState.EXPIRING: "warn",
    LeaseState.NOT_RENEWED: "warn",
    LeaseState.CAPPED: "text",
    LeaseState.REVOKING: "warn",
    LeaseState.IRREVOCABLE: "fail",
    LeaseState.NEVER: "faint",
    LeaseState.ENDED: "faint",
}
_AT = {title: index for index, title in enumerate(KINDS["lease"].titles)}


def countdown(left: Seconds) -> str:
    """What is left of a life, at most seven characters: `9s`, `4:05`, `3h12m`, `5d04h`, `214d`, `ended`."""
    whole = int(left)
    if left <= 0:
        return "ended"
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02}"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02}h" if whole < 100 * 86400 else f"{whole // 86400}d"


def life_of(row: Row) -> Life:
    """The times of a lease's row, as its room put them into the cells."""
    return _life(row.cells, row.expires)


def state_of(row: Row, now: Utc) -> LeaseState:
    """How a lease stands now."""
    return life_of(row).state(now)


@lru_cache(maxsize=512)
def _life(cells: tuple[str, ...], expires: Utc) -> Life:
    def cell(title: str) -> str:
        return cells[_AT[title]] if len(cells) > _AT[title] else ""

    word = cell("STATE")
    return Life(
        _at(cell("ISSUED")),
        expires or None,
        _at(cell("RENEWED")),
        cell("RENEWABLE") == "yes",
        capped=word == "capped",
        overdue=word == "revoking",
        irrevocable=word == "irrevocable",
    )


def _at(text: str) -> Utc | None:
    """A time; None where there is none, or what a snapshot on file holds is none."""
    try:
        return parse_rfc3339(text) if text else None
    except (ValueError, OverflowError):
        return None


def painted(life: Life, state: LeaseState) -> str:
    """The colour of a state. What is made to run down is no alarm when it does: its controls pass too."""
    return (
        "text" if life.span < LONG and state in {LeaseState.EXPIRING, LeaseState.NOT_RENEWED} else STATE_PAINTS[state]
    )


def _expires_cell(row: Row, replica: Replica, now: Utc) -> Cell:
    if not row.expires:
        return "never", "faint"
    left = row.expires - now
    return countdown(left), "faint" if left <= 0 else "text"


def _bar_cell(row: Row, replica: Replica, now: Utc) -> Cell:
    life = life_of(row)
    if life.expires is None or not life.span:
        return "", "faint"
    left = max(0.0, min(1.0, (life.expires - now) / life.span))
    eighths = round(left * BAR * 8)
    full, part = divmod(eighths, 8)
    text = ("█" * full + (EIGHTHS[part] if part else "")).ljust(BAR, "░")
    return text, painted(life, life.state(now))


def _state_cell(row: Row, replica: Replica, now: Utc) -> Cell:
    state = state_of(row, now)
    return state.value, painted(life_of(row), state)


def _ago(title: str) -> Column:
    """`2h`: how long ago a time in a cell was."""

    def cell(row: Row, replica: Replica, now: Utc) -> Cell:
        text = row.cells[_AT[title]] if len(row.cells) > _AT[title] else ""
        at = _at(text)
        return (text or "-" if at is None else age(now - at)), "faint" if at is None else "text"

    index = _AT[title]
    return Column(
        title,
        cell,
        lambda replica: lambda row: row.cells[index] if len(row.cells) > index else "",
        7,
        keep=3,
        right=True,
    )


EXPIRES = Column("ENDS IN", _expires_cell, lambda replica: lambda row: row.expires or NEVER, 7, keep=9, right=True)
LIFE = Column("LIFE", _bar_cell, lambda replica: lambda row: row.expires or NEVER, BAR, keep=8)
LEASE_STATE = Column("STATE", _state_cell, lambda replica: lambda row: state_of(row, replica.now()).value, 18, keep=7)
ISSUED, RENEWED = _ago("ISSUED"), _ago("RENEWED")
