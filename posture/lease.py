"""How a lease, or a token, stands at a moment: the words an on-call engineer uses, from the times the server told."""

from enum import StrEnum

import msgspec

from posture.clock import Seconds, Utc

LONG: Seconds = 3600.0
"""A lease shorter than this is made to run down: that it does is no alarm."""
EXPIRING = 0.10
"""Less than this share of its life is left: expiring."""
NOT_RENEWED = 0.70
"""More than this share of its life is gone and it was never renewed: its client does not renew."""
OVERDUE: Seconds = 15.0
"""Revocation takes a moment; later than this after its end, a lease that is still there is being revoked in vain."""
SLACK: Seconds = 2.0
"""Two times of the server's that are meant to be the same may differ by so much."""


class LeaseState(StrEnum):
    """What a lease is doing."""

    HEALTHY = "healthy"
    EXPIRING = "expiring"
    NOT_RENEWED = "not renewed"
    CAPPED = "cannot be extended"
    REVOKING = "revoking"
    IRREVOCABLE = "irrevocable"
    NEVER = "never expires"
    ENDED = "ended"


class Life(msgspec.Struct, frozen=True):
    """Times of a lease in UTC seconds. `expires` None: never. `renewed` None: not yet. `capped`: renewable, but its end
    is where max TTL puts it.

    `overdue`: the server told of it after its end (a negative TTL). `irrevocable`: the server has given up to revoke
    it.
    """

    issued: Utc | None
    expires: Utc | None
    renewed: Utc | None = None
    renewable: bool = False
    capped: bool = False
    overdue: bool = False
    irrevocable: bool = False

    @property
    def begun(self) -> Utc | None:
        """When the present span of its life began: with its last renewal, else when it was issued."""
        return self.renewed if self.renewed is not None else self.issued

    @property
    def span(self) -> Seconds:
        """The length of the present span of its life; 0 where it has none."""
        return max(0.0, self.expires - self.begun) if self.expires is not None and self.begun is not None else 0.0

    @property
    def expiring_at(self) -> Utc | None:
        """From when on it is expiring."""
        return None if self.expires is None else self.expires - EXPIRING * self.span

    @property
    def neglected_at(self) -> Utc | None:
        """From when on it counts as not renewed; None where it is none that one renews, or it was."""
        if not self.renewable or self.renewed is not None or self.expires is None or self.issued is None or self.capped:
            return None
        return self.issued + NOT_RENEWED * (self.expires - self.issued)

    def state(self, now: Utc) -> LeaseState:
        """The worst word that fits."""
        if self.irrevocable:
            return LeaseState.IRREVOCABLE
        if self.expires is None:
            return LeaseState.NEVER
        if self.overdue and now - self.expires > OVERDUE:
            return LeaseState.REVOKING
        if now >= self.expires:
            return LeaseState.ENDED
        if self.expiring_at is not None and now >= self.expiring_at:
            return LeaseState.EXPIRING
        if self.neglected_at is not None and now >= self.neglected_at:
            return LeaseState.NOT_RENEWED
        return LeaseState.CAPPED if self.capped else LeaseState.HEALTHY
