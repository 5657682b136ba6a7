"""A resource as the model keeps it, with its findings and since when they stand."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from posture.clock import Utc, past
from posture.kinds import cells_of
from posture.resource import KeyClass, Resource
from posture.rollup import OWN, Counted
from posture.verdict import EvidenceClass, Finding, Gap, Severity, Status

Statuses = Mapping[str, tuple[Status, Utc, Gap | None]]
"""Control -> status, `since` and `gap` of its finding in an earlier run."""


class Entry:
    """One resource as the model keeps it: who reported it, in which poll it was named last (`poll`) and seen last
    (`seen_in`), when that was (UTC seconds), and its findings by control.

    `not_in_last_poll` says that the last poll of its source went well elsewhere and did not see it: it is older than
    its source.
    """

    __slots__ = (
        "counted",
        "findings",
        "key_class",
        "not_in_last_poll",
        "observed_at",
        "poll",
        "resource",
        "seen_in",
        "source",
        "status",
        "users",
    )

    def __init__(self, resource: Resource, source: str, poll: int, observed_at: Utc) -> None:
        self.resource = resource
        self.source = source
        self.poll = self.seen_in = poll
        self.observed_at = observed_at
        self.findings: dict[str, Finding] = {}
        self.status = Status.NOT_APPLICABLE
        self.key_class = KeyClass.UNKNOWN
        self.users = 0
        self.counted: Counted | None = None
        self.not_in_last_poll = False

    @classmethod
    def seen(cls, resource: Resource, source: str, observed_at: Utc, statuses_since: Statuses) -> Entry:
        """As it was seen in an earlier run, to be judged again.

        `statuses_since` is how its findings stood then; they keep their `since` if they stay so.
        """
        entry = cls(resource, source, 0, observed_at)
        entry.recall(statuses_since)
        return entry

    def recall(self, statuses_since: Statuses) -> None:
        """How the findings stood in an earlier run."""
        self.findings = {control: _stood(control, *before) for control, before in statuses_since.items()}

    def statuses_since(self) -> Statuses:
        """What `seen` needs of the findings."""
        return {control: (finding.status, finding.since, finding.gap) for control, finding in self.findings.items()}

    def rewind(self, now: Utc) -> None:
        """The clock ran ahead: it was not seen later than `now`, nor did a finding begin later."""
        self.observed_at = past(self.observed_at, now)
        for control, finding in self.findings.items():
            since, gap = past(finding.since, now), _closed(finding.gap, now)
            if (since, gap) != (finding.since, finding.gap):
                self.findings[control] = msgspec.structs.replace(finding, since=since, gap=gap)

    def worst(self) -> Finding | None:
        """The finding a row shows: of the worst status, the most severe."""
        return min(self.findings.values(), key=_rank, default=None)

    @property
    def since(self) -> Utc:
        """When its status began: with the first of the findings that have it."""
        return min(
            (finding.since for finding in self.findings.values() if finding.status is self.status),
            default=self.observed_at,
        )

    @property
    def cells(self) -> tuple[str, ...]:
        """The texts of the columns of its kind (`posture.kinds`)."""
        return cells_of(self.resource, self.findings)

    def appearance(self) -> object:
        """What a row, a finding and the roll-ups show of it: when this is equal, nothing on a screen moves."""
        return self.status, self.key_class, self.users, dict(self.findings)


def clamped(statuses_since: Statuses, now: Utc) -> Statuses:
    """How findings stood, with no time that has not come yet."""
    return {
        control: (status, past(since, now), _closed(gap, now))
        for control, (status, since, gap) in statuses_since.items()
    }


def _closed(gap: Gap | None, now: Utc) -> Gap | None:
    if gap is None:
        return None
    return gap_of(
        gap.status, past(gap.since, now), past(gap.begins, now), None if gap.ends is None else past(gap.ends, now)
    )


@lru_cache(maxsize=4096)
def _stood(control: str, status: Status, since: Utc, gap: Gap | None) -> Finding:
    """What is known of a finding until it is judged anew, which is before anybody sees it; thousands of resources
    have the same.
    """
    return Finding(
        control=control,
        resource="",
        tenant="",
        status=status,
        severity=Severity.INFO,
        evidence_class=EvidenceClass.INFERRED,
        reason="",
        evidence={},
        since=since,
        gap=gap,
    )


def _rank(finding: Finding) -> tuple[int, int]:
    return finding.status, finding.severity


@lru_cache(maxsize=1024)
def gap_of(status: Status, since: Utc, begins: Utc, ends: Utc | None) -> Gap:
    """One for the thousands of findings that a source's silence opens and closes together."""
    return Gap(status, since, begins, ends)


def tenant_id(tenant: str) -> str:
    """The id of a tenant as a resource of enctop's own."""
    return f"{OWN}://{tenant}"


def users_id(tenant: str) -> str:
    """The id of the users of a tenant's product, of whom a realm tells, or a person."""
    return f"{tenant_id(tenant)}/users"


def own_of(resource_id: str, tenant: str, now: Utc) -> Entry:
    """The resource of enctop's own that has this id: a tenant, its users, or a source."""
    if resource_id == users_id(tenant):
        return own_entry(resource_id, "identity", "application users", tenant, now)
    kind = "tenant" if resource_id.startswith(f"{OWN}://") else "source"
    return own_entry(resource_id, kind, resource_id.rpartition("/")[2], tenant, now)


def own_entry(resource_id: str, kind: str, name: str, tenant: str, now: Utc) -> Entry:
    """A resource of enctop's own, which its controls judge."""
    resource = Resource(
        id=resource_id,
        kind=kind,
        type=f"{OWN}.{kind}",
        name=name,
        tenant=tenant,
        provider=OWN,
        scope="",
        region="",
        source=resource_id,
    )
    return Entry(resource, resource_id, 0, now)
