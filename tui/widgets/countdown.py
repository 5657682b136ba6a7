"""Time left until a row ends by itself: it ticks in the viewer, from an absolute time, so that nothing needs to be
sent for it.
"""

from typing import Any

from posture.clock import Seconds, Utc, age
from posture.kinds import kind_of
from posture.verdict import Status
from tui.data.replica import Replica
from tui.widgets.columns import PAINTS, Cell, Column

DAY: Seconds = 86400.0


def countdown(left: Seconds) -> str:
    """`312d`, `46d 3h`, `5h 12m`, `4m 09s`; after the end `3d ago`."""
    if left <= 0:
        return f"{age(-left)} ago"
    whole = int(left)
    days, hours, minutes, seconds = whole // 86400, whole % 86400 // 3600, whole % 3600 // 60, whole % 60
    if days >= 100:
        return f"{days}d"
    if days:
        return f"{days}d {hours:02}h"
    if hours:
        return f"{hours}h {minutes:02}m"
    return f"{minutes}m {seconds:02}s"


def paint(row: Any, replica: Replica) -> str:
    """The colour of what is left: that of the finding of the control that judges it (lines scale with the life of a
    certificate, so the number alone has no colour), else that of the row.
    """
    place = replica.place(row)
    control = kind_of(place.kind).judge_of(place.type)
    if not control:
        return PAINTS[row.status] if row.status < Status.PASS else "text"
    finding = replica.findings.rows.get(f"{control} {row.id}")
    return "text" if finding is None else PAINTS[finding.status]


def _cell(row: Any, replica: Replica, now: Utc) -> Cell:
    if not row.expires:
        return "-", "faint"
    left = row.expires - now
    return countdown(left), "fail" if left <= 0 else paint(row, replica)


ENDS = Column("ENDS IN", _cell, lambda replica: lambda row: row.expires or float("inf"), 8, right=True, keep=9)
