"""One question asked of one place on a cadence, and how it stands."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from posture.clock import Seconds, Utc, past
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
    `resources` is how many it has reported. `following` says that it reports what changes as it happens, and is polled
    again when that ends.
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
    following: bool = False

    @property
    def stale_at(self) -> Utc | None:
        """When what this source reported stops being evidence; None before the first answer."""
        return None if self.last_success is None else self.last_success + STALE_CADENCES * self.cadence

    def succeeding(self, known: "Source") -> "Source":
        """This source, which stands as `known` of the same id did."""
        return msgspec.structs.replace(
            self,
            state=known.state,
            last_success=known.last_success,
            last_attempt=known.last_attempt,
            resources=known.resources,
            fault=known.fault,
        )

    def begun(self, now: Utc) -> "Source":
        """While a poll is under way."""
        return msgspec.structs.replace(self, polling=True, last_attempt=now, next_due=None, following=False)

    def ended(self, now: Utc, fault: Fault | None, part: Fault | None, seen_any: bool, resources: int) -> "Source":
        """After a poll that was answered (`fault` None), in full or without a `part`; or refused, after it had seen
        something or nothing. `resources` is how many are held.
        """
        if fault is None:
            state = State.PARTIAL if part else State.OK
        else:
            state = State.PARTIAL if seen_any else State(fault.kind)
        return msgspec.structs.replace(
            self,
            state=state,
            fault=part if fault is None else fault,
            last_success=now if fault is None else self.last_success,
            polling=False,
            resources=resources,
        )

    def told(self, resources: int, last_success: Utc | None) -> "Source":
        """After what it reported beside its polls."""
        if (resources, last_success) == (self.resources, self.last_success):
            return self
        return msgspec.structs.replace(self, resources=resources, last_success=last_success)

    def rewound(self, now: Utc) -> "Source":
        """The clock ran ahead: nothing was asked or answered later than `now`."""
        return msgspec.structs.replace(
            self,
            last_success=None if self.last_success is None else past(self.last_success, now),
            last_attempt=None if self.last_attempt is None else past(self.last_attempt, now),
            next_due=None if self.next_due is None else min(self.next_due, now + self.cadence),
        )

    def dim(self, now: Utc) -> bool:
        """Older than two cadences, or never answered."""
        return self.last_success is None or now - self.last_success > FRESH_CADENCES * self.cadence


def account_of(source: Source) -> str:
    """The account, project or server that a source asks, without the region."""
    return source.scope.split("/")[0]


def answered(sources: Iterable[Source]) -> bool:
    """Whether every source said all it was asked, and there is one; what `--require-complete` asks for."""
    states = [source.state for source in sources]
    return bool(states) and ANSWERED.issuperset(states)
