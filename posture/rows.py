"""A resource as one line of a table: what every kind shares, and the texts of its own columns (`posture.kinds`)."""

import msgspec

from posture.clock import Utc
from posture.resource import KeyClass

KEY_CLASSES: tuple[KeyClass, ...] = tuple(KeyClass)
"""`Row.key_class` is an index into this."""


class Place(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What thousands of rows have in common; a row names it by number."""

    kind: str
    type: str
    tenant: str
    provider: str
    scope: str
    region: str
    source: str


class Row(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """One resource as a table shows it, small enough for 100,000 of them.

    `place` numbers a `Place`; `key_class` indexes `KEY_CLASSES` (-1: the kind has no encryption of its own); `key` is a
    short label of the key; `reason` is that of the worst finding; `severity` the worst among the findings of `status`;
    `since` when the status began (UTC seconds); `users` how many resources point at this one; `expires` when it ends by
    itself (UTC seconds), 0 for never; `seen` when it was last seen (UTC seconds) where its source answered since
    without it, else 0: it is as old as its source's last answer; `exposure` is what a workload's data stands on
    (`posture.exposure.Exposure`); `cause` explains the worst finding (`Finding.cause`).
    """

    id: str
    place: int
    name: str
    status: int
    severity: int
    key_class: int
    key: str
    reason: str
    since: Utc
    users: int
    cells: tuple[str, ...]
    expires: float = 0.0
    seen: Utc = 0.0
    exposure: int = 0
    cause: str = ""


class FindingRow(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """One finding that is not PASS or NOT_APPLICABLE, as the Findings view shows it. `name`, `place` and `seen` are
    those of its resource, `cause` is that of the finding.
    """

    control: str
    resource: str
    place: int
    name: str
    status: int
    severity: int
    reason: str
    since: Utc
    excepted_until: str
    seen: Utc = 0.0
    cause: str = ""

    @property
    def id(self) -> str:
        """Unique among findings."""
        return f"{self.control} {self.resource}"
