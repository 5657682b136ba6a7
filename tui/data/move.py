"""A transition as a line of the timeline."""

import msgspec

from posture.clock import Utc
from posture.transition import ABSENT, Transition
from posture.verdict import Severity, Status


class Move(msgspec.Struct, frozen=True, gc=False):
    """What became otherwise, with the fields by which a filter chooses findings. `status` is what it became; of what is
    gone NOT_APPLICABLE.
    """

    id: str
    resource: str
    name: str
    place: int
    control: str
    before: int
    after: int
    status: int
    severity: int
    reason: str
    since: Utc


def move_of(transition: Transition, place: int) -> Move:
    """The line of a transition, whose place has this number."""
    return Move(
        transition.id,
        transition.resource,
        transition.name,
        place,
        transition.control,
        transition.before,
        transition.after,
        Status.NOT_APPLICABLE if transition.after == ABSENT else transition.after,
        Severity.INFO,
        transition.reason,
        transition.at,
    )
