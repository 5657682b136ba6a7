"""The model as frames: what a viewer needs to have on its screen, and only what moved."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from posture.changes import Change
from posture.clock import Utc
from posture.controls.remedy import remedy_for
from posture.entry import Entry
from posture.exposure import Exposures
from posture.kinds import is_listed
from posture.model import Model
from posture.resource import Resource
from posture.rollup import Rollup
from posture.rows import KEY_CLASSES, FindingRow, Place, Row
from posture.verdict import Finding, Severity, Status, shown
from providers.collector.blast import boxes, five, linked
from providers.collector.frames import (
    ROWS_A_FRAME,
    Detail,
    Findings,
    Frame,
    Gone,
    Judged,
    Linked,
    Places,
    Rollups,
    Rows,
    Sources,
    TenantRollup,
)
from providers.collector.promised import Promised

T = TypeVar("T")

MOST_USERS = 100
"""Users of a resource that a detail names; their number is told in full."""
_KEY_CLASS = {key_class: index for index, key_class in enumerate(KEY_CLASSES)}


class Publisher:
    """Turns changes of a model into frames for one stream. It remembers what it has sent, so a poll that found
    nothing new sends nothing. `whole` is False for a model that holds only what a filter let through.
    """

    def __init__(self, model: Model, *, whole: bool = True) -> None:
        self._model = model
        self.promised = Promised(model, whole=whole)
        self._places: dict[Place, int] = {}
        self._rows: dict[str, Row] = {}
        self._findings: dict[str, dict[str, FindingRow]] = {}
        self._exposures = Exposures(model)

    def frames(self, change: Change) -> Iterator[Frame]:
        """The frames that bring a viewer from before `change` to after it."""
        model = self._model
        if change.sources or change.sources_gone:
            yield Sources(
                tuple(model.sources[name] for name in sorted(change.sources) if name in model.sources),
                tuple(sorted(change.sources_gone)),
            )
        gone = [name for name in change.gone if self._rows.pop(name, None) is not None]
        cleared = [(control, name) for name in change.gone for control in self._findings.pop(name, ())]
        rows: list[Row] = []
        findings: list[FindingRow] = []
        known = len(self._places)
        for name in change.resources | self._exposures.follow(change):
            entry = model.entry(name)
            if entry is None or entry.resource.id != name:
                continue
            place = self._place(entry)
            if is_listed(entry.resource):
                row = self._row(entry, place)
                if self._rows.get(name) != row:
                    self._rows[name] = row
                    rows.append(row)
            new, old = self._issues(entry, place)
            findings += new
            cleared += old
        if len(self._places) > known:
            yield Places(known, tuple(list(self._places)[known:]))
        for part in parts(rows):
            yield Rows(tuple(part))
        for names in parts(gone):
            yield Gone(tuple(names))
        for some in parts(findings):
            yield Findings(tuple(some))
        for ended in parts(cleared):
            yield Findings((), tuple(ended))
        if change.tenants:
            yield Rollups(tuple(_rollup(tenant, rollup) for tenant, rollup in sorted(model.rollups.items())))
        yield from self.promised.frames(change)

    def detail(self, resource_id: str) -> Detail:
        """Everything of one resource, for the drill-down."""
        model = self._model
        entry = model.entry(resource_id)
        if entry is None:
            return Detail(resource_id, None, Status.NOT_APPLICABLE, None, (), (), (), 0)
        resource = msgspec.structs.replace(entry.resource, cells=entry.cells)
        judged = tuple(
            self._judged(finding, resource)
            for finding in sorted(
                entry.findings.values(), key=lambda finding: (finding.status, finding.severity, finding.control)
            )
        )
        links = tuple(linked(model, link.rel, link.to) for link in resource.links)
        users: list[Linked] = []
        for user in model.links.users(resource):
            if len(users) == MOST_USERS:
                break
            users.append(linked(model, "used by", user))
        if resource.encryption is not None:
            resource = msgspec.structs.replace(
                resource, encryption=msgspec.structs.replace(resource.encryption, key_class=entry.key_class)
            )
        return Detail(
            resource_id,
            resource,
            entry.status,
            entry.observed_at,
            judged,
            links,
            tuple(users),
            model.links.count(resource),
            boxes(model, entry),
        )

    # ------------------------------------------------------------ one resource

    def _place(self, entry: Entry) -> int:
        resource = entry.resource
        place = Place(
            resource.kind,
            resource.type,
            resource.tenant,
            resource.provider,
            resource.scope,
            resource.region,
            entry.source,
        )
        return self._places.setdefault(place, len(self._places))

    def _row(self, entry: Entry, place: int) -> Row:
        resource, worst = entry.resource, entry.worst()
        encryption = resource.encryption
        return Row(
            id=resource.id,
            place=place,
            name=resource.name,
            status=entry.status,
            severity=worst.severity if worst else Severity.INFO,
            key_class=-1 if encryption is None else _KEY_CLASS[entry.key_class],
            key="" if encryption is None or encryption.key is None else self._key_label(encryption.key),
            reason=worst.reason if worst else "",
            since=entry.since,
            users=entry.users,
            cells=entry.cells,
            expires=resource.expires or 0.0,
            seen=_seen(entry),
            exposure=self._exposures.of(entry) if resource.kind == "workload" else 0,
            cause=worst.cause if worst else "",
        )

    def _key_label(self, key: str) -> str:
        # Azure changes the case of an id from one answer to the next
        entry = self._model.entry(key) or self._model.entry(key.lower())
        return (
            entry.resource.name
            if entry
            else key.rpartition(":" if key.startswith("arn:") else "/")[2].removeprefix("key/")
        )

    def _issues(self, entry: Entry, place: int) -> tuple[list[FindingRow], list[tuple[str, str]]]:
        """Findings to list that are new or different, and those to take off the list."""
        resource = entry.resource
        now = {
            finding.control: _finding_row(finding, entry, place)
            for finding in entry.findings.values()
            if shown(finding)
        }
        before = self._findings.get(resource.id, {})
        if now:
            self._findings[resource.id] = now
        else:
            self._findings.pop(resource.id, None)
        return [row for control, row in now.items() if before.get(control) != row], [
            (control, resource.id) for control in before if control not in now
        ]

    def _judged(self, finding: Finding, resource: Resource) -> Judged:
        registry = self._model.registry
        control = registry.get(finding.control)
        if control is None:
            return Judged(finding, finding.control, (), "", {})
        verifies = tuple((sentence, registry.sentences[sentence]) for sentence in control.verifies)
        maps = {framework: ", ".join(numbers) for framework, numbers in control.maps.items()}
        return Judged(finding, control.title, verifies, remedy_for(control, resource), maps)


def _finding_row(finding: Finding, entry: Entry, place: int) -> FindingRow:
    until, resource = finding.exception.until if finding.exception else "", entry.resource
    return FindingRow(
        control=finding.control,
        resource=resource.id,
        place=place,
        name=resource.name,
        status=finding.status,
        severity=finding.severity,
        reason=finding.reason,
        since=finding.since,
        excepted_until=until,
        seen=_seen(entry),
        cause=finding.cause,
    )


def _seen(entry: Entry) -> Utc:
    return entry.observed_at if entry.not_in_last_poll else 0.0


def _rollup(tenant: str, rollup: Rollup) -> TenantRollup:
    resources, findings = rollup.resources, rollup.findings
    return TenantRollup(tenant, rollup.status, five(resources), five(findings))


def parts(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut into pieces that fit a frame."""
    for first in range(0, len(rows), ROWS_A_FRAME):
        yield rows[first : first + ROWS_A_FRAME]
