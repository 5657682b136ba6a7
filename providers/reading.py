"""The reads that make up one thing."""

from typing import Any

from posture.fault import Fault, Refused
from providers.lane import lost


class Reading:
    """What was answered of one thing, under the provider's own names (`fields`), and what was refused of it, by
    operation (`faults`).
    """

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.faults: dict[str, Fault] = {}
        self.lost = False
        """Whether a read got no answer at all."""

    def refused(self, refused: Refused, operation: str = "") -> None:
        """Note a read that was refused, under the operation of its fault where none is named."""
        self.faults[operation or refused.fault.operation] = refused.fault
        self.lost = self.lost or lost(refused)
