"""A snapshot as a model that nothing moves: what it says is held as it stands, and judged by nobody."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from posture.clock import Utc, parse_rfc3339
from posture.context import Context
from posture.controls.registry import Control, Registry, registry
from posture.entry import Entry, own_of
from posture.kinds import kind_of
from posture.model import Model
from posture.policy import Policy
from posture.resource import Encryption, Resource
from posture.rollup import OWN, Rollup
from posture.snapshot import ControlEntry, FindingEntry, GapEntry, ResourceEntry, Snapshot, SourceEntry
from posture.source import LIVE, Source, State
from posture.verdict import EvidenceClass, Finding, Gap, Severity, Status, Verdict, unknown, worst


class Still(Model):
    """A model of a time that is past: it holds what it is given as it was judged then, and judges nothing itself."""

    def hold(self, judged: Iterable[Entry]) -> None:
        """Take in what is judged, of sources that are added already, as it stands; in the place of what has its id."""
        taken: list[Entry] = []
        for entry in judged:
            known = self._entries.get(entry.resource.id)
            if known is not None and known.resource.provider == OWN:
                known.findings, known.observed_at = entry.findings, entry.observed_at or known.observed_at
                entry = known
                known.status = worst(finding.status for finding in known.findings.values())
            else:
                self._put_in_place(known, entry)
            taken.append(entry)
        for entry in taken:
            entry.users = self.links.count(entry.resource)
            self._recount(entry)
            self._change.gone.discard(entry.resource.id)
            self._change.resources.add(entry.resource.id)
        self._dirty.clear()

    def release(self, gone: Iterable[str]) -> None:
        """Let go of what is not there."""
        for name in gone:
            if (entry := self._entries.get(name)) is not None:
                self._remove(name)
                self._count_users(entry.resource)
        self._dirty.clear()

    def move(self, now: Utc, sources: Mapping[str, Source]) -> None:
        """It is another time, with these sources as they stood then (by id)."""
        self._now = now
        for name in self.sources.keys() - sources.keys():
            self.drop_source(name, now)
        for name, source in sources.items():
            if name not in self.sources:
                self.add_source(source)
            elif self.sources[name] != source:
                self.sources[name] = source
                self._change.sources.add(name)
        self._dirty.clear()

    def tell_rollup(self, tenant: str, status: Status) -> None:
        """The status of a tenant as a whole, where not all that it comes from is held."""
        self.rollups.setdefault(tenant, Rollup()).told = status
        self._change.tenants.add(tenant)

    def _put_in_place(self, known: Entry | None, entry: Entry) -> None:
        if known is not None:
            self._uncount(known)
            self._reported.rows.get(known.source, {}).pop(known.resource.id, None)
        self._entries[entry.resource.id] = entry
        self._reported.rows.setdefault(entry.source, {})[entry.resource.id] = entry
        self.links.replace(known.resource if known else None, entry.resource)
        for resource in (known.resource if known else None, entry.resource):
            if resource is not None:
                self._count_users(resource)

    def _count_users(self, resource: Resource) -> None:
        """How many point at what this one points at, and how those that point at it look, may be otherwise."""
        for link in resource.links:
            if (entry := self._entries.get(self.links.resolve(link.to))) is not None:
                entry.users = self.links.count(entry.resource)
                self._change.resources.add(entry.resource.id)
        self._change.resources.update(name for name in self.links.users(resource) if name in self._entries)

    def _judge(self, resource_id: str) -> None:
        """What is past stands as it was judged."""


def frozen(snapshot: Snapshot) -> Still:
    """The model that was written down. Titles, sentences and remedies are this version's own: a file is no place to
    take a command from.
    """
    at = parse_rfc3339(snapshot.generated_at)
    model = Still(_controls(snapshot), {name: Policy() for name in snapshot.scope.tenants}, at)
    for source in snapshot.sources:
        model.add_source(_source(source))
    model.hold(_held(snapshot))
    for tenant, summary in snapshot.summary.tenants.items():
        model.tell_rollup(tenant, Status[summary.status.upper()])
    return model


def _controls(snapshot: Snapshot) -> Registry:
    return unjudging({finding.control for finding in snapshot.findings} | snapshot.controls.keys(), snapshot.controls)


def unjudging(named: Iterable[str], told: Mapping[str, ControlEntry] = {}) -> Registry:
    """The controls of these ids, none of which applies to anything; `told` says of one that this version does not have
    what it is called, and which sentences it verifies.
    """
    known, controls = registry(), []
    for control_id in sorted(named):
        control = known.get(control_id)
        controls.append(
            _unknown(control_id, told.get(control_id))
            if control is None
            else msgspec.structs.replace(control, applies=())
        )
    return Registry(controls, known.sentences)


def _unknown(control_id: str, entry: ControlEntry | None) -> Control:
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


def _held(snapshot: Snapshot) -> Iterator[Entry]:
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
