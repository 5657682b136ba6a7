"""What can go wrong, as one tree: what a provider refused, and what a user mistyped."""

from enum import StrEnum

import msgspec

from posture.clock import Seconds


class FaultKind(StrEnum):
    """Why there is no answer. Each is also a source state (see `posture.source.State`)."""

    DENIED = "denied"
    EXPIRED = "expired"
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    DISABLED = "disabled"
    ERROR = "error"


NO_CREDENTIALS = "NoCredentials"
"""The code of a fault that nobody's credentials were there to ask with: of kind `expired`, and its message says in
one line what to do.
"""


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """One refusal, already translated from the SDK's exception at the provider's edge.

    `operation` is the API call (`ec2:DescribeVolumes`), `permission` what would allow it
    (`s3:GetEncryptionConfiguration`), where a permission would help. `retry_after` is in seconds, as the server asked.
    """

    kind: FaultKind
    code: str
    operation: str
    message: str = ""
    permission: str | None = None
    retry_after: Seconds | None = None

    def __str__(self) -> str:
        """One line for a person: what was refused and what would mend it."""
        if self.code == NO_CREDENTIALS:
            return self.message
        mend = f", needs {self.permission}" if self.kind is FaultKind.DENIED and self.permission else ""
        return f"{self.operation}: {self.kind} ({self.code}{mend})"


def state_word(state: str, fault: Fault | None) -> str:
    """A source's or a fault's state as a person reads it: `no login` where nobody was logged in, and nothing has
    expired.
    """
    return "no login" if fault is not None and fault.code == NO_CREDENTIALS else state


class EnctopError(Exception):
    """Anything with one clear line for the person who runs enctop; never shown as a traceback."""


class ConfigError(EnctopError):
    """The configuration is not usable: file, key, what is wrong, what is allowed."""


class FilterError(EnctopError):
    """The filter cannot be read: which word, and what is allowed."""


class SnapshotError(EnctopError):
    """A snapshot file cannot be read or written."""


class HistoryError(EnctopError):
    """A history cannot be read or kept."""


class Refused(EnctopError):
    """A provider gave no answer. Carries the `Fault`; `transient` says that the same call may well succeed at once."""

    def __init__(self, fault: Fault, *, transient: bool = False) -> None:
        super().__init__(str(fault))
        self.fault = fault
        self.transient = transient
