"""A snapshot as a model that nothing moves: what it says is held as it stands, and judged by nobody."""

from collections.abc import Iterator

import msgspec

from posture.clock import parse_rfc3339
from posture.context import Context
from posture.controls.registry import Control, Registry, registry
from posture.entry import Entry, own_of
from posture.kinds import kind_of
from posture.model import Model
from posture.policy import Policy
from posture.resource import Encryption, Resource
from posture.snapshot import FindingEntry, GapEntry, ResourceEntry, Snapshot, SourceEntry
from posture.source import LIVE, Source, State
from posture.verdict import EvidenceClass, Finding, Gap, Severity, Status, Verdict, unknown


def frozen(snapshot: Snapshot) -> Model:
    """The model that was written down. Titles, sentences and remedies are this version's own: a file is no place to
    take a command from.
    """
    at = parse_rfc3339(snapshot.generated_at)
    model = Model(_controls(snapshot), {name: Policy() for name in snapshot.scope.tenants}, at)
    for source in snapshot.sources:
        model.add_source(_source(source))
    model.hold(entries(snapshot))
    for tenant, summary in snapshot.summary.tenants.items():
        model.tell_rollup(tenant, Status[summary.status.upper()])
    return model


def _controls(snapshot: Snapshot) -> Registry:
    """The controls that it names; none of them applies to anything."""
    known, named = registry(), {finding.control for finding in snapshot.findings} | snapshot.controls.keys()
    controls = []
    for control_id in sorted(named):
        control = known.get(control_id)
        controls.append(
            msgspec.structs.replace(control, applies=()) if control is not None else _unknown(control_id, snapshot)
        )
    return Registry(controls, known.sentences)


def _unknown(control_id: str, snapshot: Snapshot) -> Control:
    """One that this version does not have: its title, and which sentences it verifies."""
    entry = snapshot.controls.get(control_id)
    return Control(
        id=control_id,
        title=entry.title if entry else control_id,
        severity=Severity.INFO,
        cadence="cold",
        evidence_class=EvidenceClass.OBSERVED,
        subject="",
        verifies=tuple(name for name in entry.verifies if name in registry().sentences) if entry else (),
        reads=(),
        evidence="",
        states={},
        maps={},
        remedy="",
        traps="",
        applies=(),
        judge=_never,
    )


def _never(resource: Resource, context: Context) -> Verdict:
    return unknown("a snapshot is not judged")


def entries(snapshot: Snapshot) -> Iterator[Entry]:
    """What a snapshot holds: resources; then tenants, their users and sources, as far as there are findings of them."""
    findings: dict[str, dict[str, Finding]] = {}
    for entry in snapshot.findings:
        findings.setdefault(entry.resource, {})[entry.control] = _finding(entry)
    for resource in snapshot.resources:
        held = Entry(_resource(resource), resource.source, 0, parse_rfc3339(resource.observed_at))
        held.findings = findings.pop(resource.id, {})
        held.status = Status[resource.status.upper()]
        held.not_in_last_poll = resource.not_in_last_poll
        if resource.encryption is not None:
            held.key_class = resource.encryption.key_class
        yield held
    for resource_id, own in findings.items():  # of tenants and sources, which are no resources of a snapshot
        held = own_of(resource_id, next(iter(own.values())).tenant, 0.0)
        held.findings = own
        yield held


def _resource(entry: ResourceEntry) -> Resource:
    encryption = entry.encryption
    return Resource(
        id=entry.id,
        kind=entry.kind,
        type=entry.type,
        name=entry.name,
        tenant=entry.tenant,
        provider=entry.provider,
        scope=entry.scope,
        region=entry.region,
        source=entry.source,
        encryption=None
        if encryption is None
        else Encryption(encryption.at_rest, encryption.algorithm, encryption.key_class, encryption.key),
        fields=entry.attributes,
        links=tuple(entry.links),
        aliases=tuple(entry.aliases),
        cells=tuple(entry.columns.get(title, "") for title in kind_of(entry.kind).titles) if entry.columns else (),
        expires=parse_rfc3339(entry.expires) if entry.expires else None,
    )


def _source(entry: SourceEntry) -> Source:
    last = parse_rfc3339(entry.last_success) if entry.last_success else None
    return Source(
        entry.id,
        entry.tenant,
        entry.provider,
        entry.scope,
        entry.service,
        entry.cadence or LIVE,
        State(entry.state),
        last,
        calls=entry.calls,
        seconds=entry.seconds,
        resources=entry.resources,
        fault=entry.error,
    )


def _finding(entry: FindingEntry) -> Finding:
    return Finding(
        control=entry.control,
        resource=entry.resource,
        tenant=entry.tenant,
        status=Status[entry.status.upper()],
        severity=Severity[entry.severity.upper()],
        evidence_class=EvidenceClass(entry.evidence_class),
        reason=entry.reason,
        evidence=entry.evidence,
        since=parse_rfc3339(entry.since),
        fault=entry.fault,
        exception=entry.exception,
        gap=None if entry.gap is None else _gap(entry.gap),
        cause=entry.cause,
    )


def _gap(entry: GapEntry) -> Gap:
    ends = None if entry.ends is None else parse_rfc3339(entry.ends)
    return Gap(Status[entry.status.upper()], parse_rfc3339(entry.since), parse_rfc3339(entry.begins), ends)
