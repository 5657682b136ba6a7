"""One question asked of one place on a cadence, and how it stands."""

from enum import StrEnum

import msgspec

from posture.clock import Seconds, Utc
from posture.fault import Fault

LIVE: Seconds = 60.0
WARM: Seconds = 15 * 60.0
COLD: Seconds = 6 * 3600.0
FRESH_CADENCES = 2
"""Evidence older than this many cadences is dimmed."""
STALE_CADENCES = 6
"""Evidence older than this many cadences is UNKNOWN."""


class State(StrEnum):
    """How the last poll of a source ended, in the words of a snapshot (`enctop schema`)."""

    OK = "ok"
    PARTIAL = "partial"
    DENIED = "denied"
    EXPIRED = "expired"
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    DISABLED = "disabled"
    ERROR = "error"
    PENDING = "pending"


ANSWERED = frozenset({State.OK, State.DISABLED})
"""The states in which a source said everything it was asked; a region that is switched off has said so."""


class Source(msgspec.Struct, frozen=True, gc=False):
    """A source as the screen and the snapshot show it. Times are UTC seconds, durations seconds.

    `last_success` is the end of the last poll that answered in full; `calls` and `seconds` are of the last poll;
    `resources` is how many it reported then.
    """

    id: str
    tenant: str
    provider: str
    scope: str
    service: str
    cadence: Seconds
    state: State = State.PENDING
    last_success: Utc | None = None
    last_attempt: Utc | None = None
    next_due: Utc | None = None
    calls: int = 0
    seconds: Seconds = 0.0
    resources: int = 0
    fault: Fault | None = None
    polling: bool = False
    permissions: tuple[str, ...] = ()

    @property
    def stale_at(self) -> Utc | None:
        """When what this source reported stops being evidence; None before the first answer."""
        return None if self.last_success is None else self.last_success + STALE_CADENCES * self.cadence

    def dim(self, now: Utc) -> bool:
        """Older than two cadences, or never answered."""
        return self.last_success is None or now - self.last_success > FRESH_CADENCES * self.cadence
