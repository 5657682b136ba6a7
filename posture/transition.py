"""A verdict that became another: what a timeline is made of."""

import msgspec

from posture.clock import Utc
from posture.rows import Place
from posture.verdict import Status

ABSENT = -1
"""Stands for a status where there was nothing before, or is nothing any more."""


class Transition(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """At `at` (UTC seconds) a control's verdict on a resource went from `before` to `after`, each a `Status` or
    `ABSENT`.

    `control` is empty where a resource came or went and had nothing to list. `reason` is that of the new verdict, or of
    the last one of a resource that is gone.
    """

    at: Utc
    resource: str
    name: str
    kind: str
    type: str
    tenant: str
    provider: str
    scope: str
    region: str
    source: str
    control: str
    before: int
    after: int
    reason: str

    @property
    def place(self) -> Place:
        """Where the resource stands, or stood."""
        return Place(self.kind, self.type, self.tenant, self.provider, self.scope, self.region, self.source)

    @property
    def id(self) -> str:
        """Unique among transitions."""
        return f"{self.at} {self.control} {self.resource}"


def word(status: int) -> str:
    """`fail`, as filters spell it; `absent` for `ABSENT`."""
    return "absent" if status == ABSENT else Status(status).word
