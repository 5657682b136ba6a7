"""How a tenant stands as a whole: its resources and findings, counted by status."""

from collections.abc import Iterable

import msgspec

from posture.resource import Resource
from posture.verdict import Finding, Severity, Status, worst

OWN = "enctop"
"""The provider of the resources the model makes itself: sources and tenants."""
UNASSIGNED = "unassigned"
"""The tenant of whatever carries no tenant's tag in an account that tenants share."""

Counted = tuple[Status, tuple[Status, ...], tuple[Severity, ...]]
"""What a resource adds to the roll-ups: its status, those of its findings, and how severe those are that fail."""
_COUNTED: dict[Counted, Counted] = {}  # there are few, and each is kept for thousands of resources


class Rollup(msgspec.Struct):
    """How many resources and findings of a tenant stand at each status, indexed by `Status`."""

    resources: list[int] = msgspec.field(default_factory=lambda: [0] * len(Status))
    findings: list[int] = msgspec.field(default_factory=lambda: [0] * len(Status))
    failed: list[int] = msgspec.field(default_factory=lambda: [0] * len(Severity))
    """How many findings on a provider's resources fail, indexed by `Severity`."""
    told: Status | None = None
    """The status as a snapshot tells it, which may have been taken through a filter."""

    @property
    def status(self) -> Status:
        """FAIL, UNKNOWN or WARN if any finding is; PASS only if a resource of a provider is."""
        if self.told is not None:
            return self.told
        bad = worst(status for status in (Status.FAIL, Status.UNKNOWN, Status.WARN) if self.findings[status])
        if bad is not Status.NOT_APPLICABLE:
            return bad
        return Status.PASS if self.resources[Status.PASS] else Status.NOT_APPLICABLE


def tenants_of(tenant: str, *, own: bool = False) -> list[str]:
    """The groups a resource counts in: `a+b` is what a and b share.

    A source that they share (`own`) also reports what is nobody's, so that `unassigned` is not green while it does not
    answer.
    """
    names = tenant.split("+")
    return [*names, UNASSIGNED] if own and len(names) > 1 else names


def counted(status: Status, findings: Iterable[Finding]) -> Counted:
    """What a resource of this status with these findings adds."""
    found = tuple(findings)
    failed = tuple(finding.severity for finding in found if finding.status is Status.FAIL)
    made = status, tuple(finding.status for finding in found), failed
    return _COUNTED.setdefault(made, made)


def add(rollups: dict[str, Rollup], resource: Resource, what: Counted, step: int) -> list[str]:
    """Count a resource in (`step` 1) or out (-1); returns the tenants whose roll-up moved."""
    own = resource.provider == OWN
    names = tenants_of(resource.tenant, own=own)
    status, findings, failed = what
    for name in names:
        rollup = rollups.setdefault(name, Rollup())
        if not own:
            rollup.resources[status] += step
            for severity in failed:
                rollup.failed[severity] += step
        for finding in findings:
            rollup.findings[finding] += step
    return names
