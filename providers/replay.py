"""A snapshot on file as a stream: the same frames as from a live collector, clocks frozen at its time."""

import asyncio
from collections import defaultdict
from pathlib import Path

import msgspec

from posture.clock import parse_rfc3339
from posture.fault import EnctopError
from posture.resource import Encryption, Resource
from posture.rollup import tenants_of
from posture.rows import CELLS, KEY_CLASSES, FindingRow, Place, Row
from posture.snapshot import FindingEntry, GapEntry, ResourceEntry, Snapshot, SourceEntry, read, to_json, write
from posture.source import LIVE, Source, State
from posture.verdict import EvidenceClass, Finding, Gap, Severity, Status
from providers.publisher import MOST_USERS, parts
from providers.stream import (
    Ask,
    Decoder,
    Detail,
    Encoder,
    Export,
    Findings,
    Frame,
    Hello,
    Judged,
    Linked,
    Notice,
    Open,
    Places,
    Rollups,
    Rows,
    Settled,
    Sources,
    TenantRollup,
)


class Replay:
    """A snapshot that answers a viewer as a collector would; what asks for news is told that there is none."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._snapshot: Snapshot = read(file)
        self._at = parse_rfc3339(self._snapshot.generated_at)
        self._by_id = {name: entry for entry in self._snapshot.resources for name in (*_aliases(entry), entry.id)}
        self._findings: dict[str, list[FindingEntry]] = defaultdict(list)
        for finding in self._snapshot.findings:
            self._findings[finding.resource].append(finding)
        self._users: dict[str, list[str]] = defaultdict(list)
        for entry in self._snapshot.resources:
            for link in entry.links:
                known = self._by_id.get(link.to)
                self._users[known.id if known else link.to].append(entry.id)
        self._places: dict[Place, int] = {}

    async def stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send everything, then answer until the reader ends."""
        encoder = Encoder()
        for frame in self._frames():
            writer.write(encoder.encode(frame))
            await writer.drain()
        decoder = Decoder(Ask)
        async for ask in decoder.read_from(reader):
            answer = self._answer(ask)
            if answer is not None:
                writer.write(encoder.encode(answer))
            await writer.drain()

    def _frames(self) -> list[Frame]:
        snapshot = self._snapshot
        rows = [self._row(entry) for entry in snapshot.resources]
        findings = [self._finding_row(finding) for finding in snapshot.findings if Status[finding.status.upper()] < Status.PASS]
        frames: list[Frame] = [
            Hello(snapshot.tool.version, tuple(snapshot.scope.tenants), snapshot.scope.simulated, self._at, self._at),
            Sources(tuple(_source(entry) for entry in snapshot.sources)),
            Places(0, tuple(self._places)),
        ]
        frames += [Rows(tuple(some)) for some in parts(rows)]
        frames += [Findings(tuple(some)) for some in parts(findings)]
        return [*frames, Rollups(self._rollups()), Settled()]

    def _answer(self, ask: Ask) -> Frame | None:
        match ask:
            case Open():
                return self._detail(ask.id)
            case Export():
                return self._export(ask)
            case _:
                return Notice("warning", f"{self._file.name} is a snapshot: nothing is polled")

    def _export(self, ask: Export) -> Notice:
        if ask.query:
            return Notice("warning", "a snapshot is exported whole; clear the filter first")
        try:
            write(Path(ask.path), to_json(self._snapshot))
        except EnctopError as error:
            return Notice("error", str(error))
        return Notice("information", f"{len(self._snapshot.resources)} resources written to {ask.path}")

    # ------------------------------------------------------------ one resource

    def _place(self, entry: ResourceEntry) -> int:
        place = Place(entry.kind, entry.type, entry.tenant, entry.provider, entry.scope, entry.region, entry.source)
        return self._places.setdefault(place, len(self._places))

    def _row(self, entry: ResourceEntry) -> Row:
        worst = min(self._findings.get(entry.id, ()), key=_rank, default=None)
        key = entry.encryption.key if entry.encryption else None
        known = self._by_id.get(key or "")
        return Row(
            entry.id,
            self._place(entry),
            entry.name,
            Status[entry.status.upper()],
            Severity[worst.severity.upper()] if worst else Severity.INFO,
            KEY_CLASSES.index(entry.encryption.key_class) if entry.encryption else -1,
            known.name if known else (key or "").rpartition(":")[2].removeprefix("key/"),
            worst.reason if worst else "",
            parse_rfc3339(worst.since if worst else entry.observed_at),
            len(self._users.get(entry.id, ())),
            tuple(entry.columns.get(title, "") for title in CELLS.get(entry.kind, ())),
            parse_rfc3339(entry.expires) if entry.expires else 0.0,
        )

    def _finding_row(self, finding: FindingEntry) -> FindingRow:
        entry = self._by_id.get(finding.resource)
        if entry is not None:
            place, name = self._place(entry), entry.name
        else:
            kind = "tenant" if finding.resource.startswith("enctop://") else "source"
            place = self._places.setdefault(Place(kind, f"enctop.{kind}", finding.tenant, "enctop", "", "", finding.resource), len(self._places))
            name = finding.resource.rpartition("/")[2]  # a source's service, a tenant's name
        until = finding.exception.until if finding.exception else ""
        status, severity = Status[finding.status.upper()], Severity[finding.severity.upper()]
        return FindingRow(finding.control, finding.resource, place, name, status, severity, finding.reason, parse_rfc3339(finding.since), until)

    def _rollups(self) -> tuple[TenantRollup, ...]:
        resources: dict[str, list[int]] = defaultdict(lambda: [0] * len(Status))
        findings: dict[str, list[int]] = defaultdict(lambda: [0] * len(Status))
        for entry in self._snapshot.resources:
            for tenant in tenants_of(entry.tenant):
                resources[tenant][Status[entry.status.upper()]] += 1
        for finding in self._snapshot.findings:
            for tenant in tenants_of(finding.tenant, own=finding.resource not in self._by_id):
                findings[tenant][Status[finding.status.upper()]] += 1
        return tuple(
            TenantRollup(tenant, Status[summary.status.upper()], _five(resources[tenant]), _five(findings[tenant]))
            for tenant, summary in sorted(self._snapshot.summary.tenants.items())
        )

    def _detail(self, resource_id: str) -> Detail:
        entry = self._by_id.get(resource_id)
        if entry is None:
            return Detail(resource_id, None, Status.NOT_APPLICABLE, None, (), (), (), 0)
        users = self._users.get(resource_id, [])
        return Detail(
            resource_id,
            _resource(entry),
            Status[entry.status.upper()],
            parse_rfc3339(entry.observed_at),
            tuple(self._judged(finding) for finding in sorted(self._findings.get(resource_id, ()), key=_rank)),
            tuple(self._linked(link.rel, link.to) for link in entry.links),
            tuple(self._linked("used by", user) for user in users[:MOST_USERS]),
            len(users),
        )

    def _judged(self, entry: FindingEntry) -> Judged:
        finding = Finding(
            entry.control,
            entry.resource,
            entry.tenant,
            Status[entry.status.upper()],
            Severity[entry.severity.upper()],
            EvidenceClass(entry.evidence_class),
            entry.reason,
            entry.evidence,
            parse_rfc3339(entry.since),
            entry.fault,
            entry.exception,
            None if entry.gap is None else _gap(entry.gap),
        )
        control = self._snapshot.controls.get(entry.control)
        if control is None:
            return Judged(finding, entry.control, (), "", {})
        return Judged(
            finding,
            control.title,
            tuple((sentence, "") for sentence in control.verifies),
            control.remedy,
            {tag: ", ".join(n) for tag, n in control.maps.items()},
        )

    def _linked(self, rel: str, target: str) -> Linked:
        entry = self._by_id.get(target)
        if entry is None:
            return Linked(rel, target, target.rpartition(":")[2], "", None)
        return Linked(rel, entry.id, entry.name, entry.kind, Status[entry.status.upper()])


def _aliases(entry: ResourceEntry) -> list[str]:
    """Other ids by which links name it: a key's aliases stand among its own fields, without what is common to all ARNs of its account and region."""
    names = entry.attributes.get("Aliases")
    return [f"{entry.id.rpartition(':')[0]}:{alias}" for alias in names] if entry.kind == "key" and isinstance(names, list) else []


def _rank(finding: FindingEntry) -> tuple[int, int, str]:
    return Status[finding.status.upper()], Severity[finding.severity.upper()], finding.control


def _resource(entry: ResourceEntry) -> Resource:
    encryption = None
    if entry.encryption is not None:
        encryption = msgspec.convert(msgspec.structs.asdict(entry.encryption), Encryption)
    return Resource(
        entry.id,
        entry.kind,
        entry.type,
        entry.name,
        entry.tenant,
        entry.provider,
        entry.scope,
        entry.region,
        entry.source,
        encryption,
        entry.attributes,
        tuple(entry.links),
        cells=tuple(entry.columns.values()),
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


def _five(counts: list[int]) -> tuple[int, int, int, int, int]:
    first, second, third, fourth, fifth = counts
    return first, second, third, fourth, fifth


def _gap(entry: GapEntry) -> Gap:
    ends = None if entry.ends is None else parse_rfc3339(entry.ends)
    return Gap(Status[entry.status.upper()], parse_rfc3339(entry.since), parse_rfc3339(entry.begins), ends)
