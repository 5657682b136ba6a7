"""The model, written down: `enctop.snapshot/1` (README, `enctop schema`)."""

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, Literal

import msgspec

from posture.clock import Utc, parse_rfc3339, rfc3339
from posture.controls.registry import verifying
from posture.entry import Entry
from posture.fault import Fault, SnapshotError
from posture.filter import Filter, Term, parse
from posture.kinds import is_listed, kind_of
from posture.model import Model
from posture.resource import KeyClass, Link
from posture.rollup import tenants_of
from posture.source import ANSWERED, Source, answered
from posture.text import one_line
from posture.verdict import Excepted, Finding, Gap, Severity, SeverityWord, Status, StatusWord, shown, worst

SCHEMA = "enctop.snapshot/1"
StateWord = Literal["ok", "partial", "denied", "expired", "throttled", "unreachable", "disabled", "error", "pending"]
Time = Annotated[
    str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", extra_json_schema={"format": "date-time"})
]
"""RFC 3339, UTC, to the second."""


class Tool(msgspec.Struct):
    """What wrote it."""

    name: str
    version: str


class Scope(msgspec.Struct):
    """What it is of: tenants, the filter it was taken through, and whether the clouds were simulated."""

    tenants: list[str]
    filter: str | None
    simulated: bool


class TenantSummary(msgspec.Struct, rename={"pass_": "pass"}):
    """A tenant's roll-up and its findings by status."""

    status: StatusWord
    pass_: int
    warn: int
    fail: int
    unknown: int


class Summary(msgspec.Struct):
    """Counts by status; `excepted` are FAILs that an exception turned into WARN, and are among `warn`."""

    findings: dict[str, int]
    resources: dict[str, int]
    tenants: dict[str, TenantSummary]


class SourceEntry(msgspec.Struct):
    """One source (`posture.source.Source`)."""

    id: str
    tenant: str
    provider: str
    scope: str
    service: str
    cadence: float
    state: StateWord
    last_success: Time | None
    calls: int
    seconds: float
    resources: int
    error: Fault | None


class EncryptionEntry(msgspec.Struct):
    """Encryption at rest, its class as joined with its key."""

    at_rest: bool | None
    algorithm: str | None
    key_class: KeyClass
    key: str | None


class ResourceEntry(msgspec.Struct, kw_only=True):
    """One resource; `attributes` are the provider's own fields, `columns` what its table shows beside the common ones.

    `aliases` are other ids by which `links` may name it; `not_in_last_poll` says that the last poll of its source went
    well elsewhere and did not see it.
    """

    id: str
    kind: str
    type: str
    name: str
    tenant: str
    provider: str
    scope: str
    region: str
    encryption: EncryptionEntry | None
    status: StatusWord
    observed_at: Time
    source: str
    attributes: dict[str, Any]
    columns: dict[str, str]
    links: list[Link]
    expires: Time | None = None
    aliases: list[str] = []
    not_in_last_poll: bool = False


class GapEntry(msgspec.Struct):
    """The last time in which this finding was UNKNOWN, and what it was before; `ends` is null while it is."""

    status: StatusWord
    since: Time
    begins: Time
    ends: Time | None


class FindingEntry(msgspec.Struct):
    """One verdict. `fault` says why it is unknown, where a call was refused; `cause` names what explains it: the id of
    another resource or of a source, or one fault that many reads met; empty where it explains itself.
    """

    control: str
    resource: str
    tenant: str
    status: StatusWord
    severity: SeverityWord
    evidence_class: Literal["observed", "attested", "inferred"]
    reason: str
    evidence: dict[str, Any]
    since: Time
    exception: Excepted | None
    fault: Fault | None
    gap: GapEntry | None = None
    cause: str = ""


class ControlEntry(msgspec.Struct):
    """What a control says of itself."""

    title: str
    severity: SeverityWord
    verifies: list[str]
    maps: dict[str, list[str]]
    remedy: str


class Snapshot(msgspec.Struct):
    """Everything at one time, keys and arrays in a fixed order so that two snapshots can be compared line by line."""

    schema: Literal["enctop.snapshot/1"]
    generated_at: Time
    tool: Tool
    scope: Scope
    complete: bool
    summary: Summary
    sources: list[SourceEntry]
    resources: list[ResourceEntry]
    findings: list[FindingEntry]
    controls: dict[str, ControlEntry]
    sentences: dict[str, str] = {}
    """What the document claims, paraphrased, by the ids that controls verify."""


def take(model: Model, at: Utc, version: str, *, query: str = "", simulated: bool = False) -> Snapshot:
    """The model at `at` (UTC seconds), through a filter. Raises `posture.fault.FilterError`."""
    model.tick(at)
    wanted = parse(query)
    passed = list(filter(selects(wanted), model.all()))
    held = sorted((one for one in passed if is_listed(one.resource)), key=lambda one: one.resource.id)
    own = [one for one in passed if not is_listed(one.resource)]
    findings = sorted(
        (finding for one in (*held, *own) for finding in one.findings.values() if chosen(wanted, finding)),
        key=lambda finding: (finding.resource, finding.control),
    )
    sources = sorted(model.sources.values(), key=lambda source: source.id)
    return Snapshot(
        schema="enctop.snapshot/1",
        generated_at=rfc3339(at),
        tool=Tool("enctop", version),
        scope=Scope(sorted(model.policies), wanted.text or None, simulated),
        complete=answered(sources),
        summary=_summary(model, held, findings, {one.resource.id for one in own}, whole=not wanted.terms),
        sources=[_source(source) for source in sources],
        resources=[_resource(one) for one in held],
        findings=[finding_entry(finding) for finding in findings],
        controls=(controls := _controls(model, {finding.control for finding in findings})),
        sentences={
            name: model.registry.sentences[name]
            for name in sorted({name for entry in controls.values() for name in entry.verifies})
        },
    )


def matches(wanted: Filter, held: Entry) -> bool:
    """Whether a resource passes a filter, as the dashboard's lists do (`tui.data.row_filter`)."""
    return selects(wanted)(held)


def selects(wanted: Filter) -> Callable[[Entry], bool]:
    """`matches` for many resources: each word is made ready once."""
    tests = [_test(term) for term in wanted.terms]
    return lambda held: all(test(held) for test in tests)


def _test(term: Term) -> Callable[[Entry], bool]:
    if term.field == "sentence":
        term = verifying(term)
    negated, plain = term.negated, msgspec.structs.replace(term, negated=False).test()
    if term.field == "control":
        return lambda held: any(map(plain, held.findings)) is not negated
    if term.field == "":
        return lambda held: any(map(plain, _said(held))) is not negated
    return lambda held: plain(_read(held, term.field)) is not negated


def _said(held: Entry) -> Iterator[str]:
    yield held.resource.name
    yield held.resource.id
    if (found := held.worst()) is not None:
        yield found.reason
    yield from (name for name, finding in held.findings.items() if shown(finding))


def _read(held: Entry, field: str) -> str:
    match field:
        case "status":
            return held.status.word
        case "severity":
            found = held.worst()
            return (found.severity if found else Severity.INFO).word
        case "key":
            return "" if held.resource.encryption is None else str(held.key_class)
        case "source":
            return held.source
    return str(getattr(held.resource, field))


def chosen(wanted: Filter, finding: Finding | FindingEntry) -> bool:
    """Whether a filter that names controls, or sentences, names this finding's."""
    terms = (verifying(term) if term.field == "sentence" else term for term in wanted.terms)
    return all(term.test()(finding.control) for term in terms if term.field == "control")


def to_json(snapshot: Snapshot, *, pretty: bool = True) -> bytes:
    """As it is written: keys sorted, a newline at the end."""
    body = msgspec.json.encode(snapshot, order="sorted")
    return (msgspec.json.format(body, indent=2) if pretty else body) + b"\n"


def to_jsonl(snapshot: Snapshot) -> bytes:
    """One finding a line, each with what a log collector needs to place it. A filter for a status or a severity
    holds for each line, as for each resource.
    """
    encoder = msgspec.json.Encoder(order="sorted")
    tests = [
        (term.field, term.test())
        for term in parse(snapshot.scope.filter or "").terms
        if term.field in {"status", "severity"}
    ]
    lines = (finding for finding in snapshot.findings if all(test(getattr(finding, field)) for field, test in tests))
    return b"".join(
        encoder.encode({"generated_at": snapshot.generated_at, **msgspec.to_builtins(finding)}) + b"\n"
        for finding in lines
    )


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a snapshot."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{SCHEMA.replace('/', ':')}",
        "title": SCHEMA,
        **msgspec.json.schema(Snapshot),
    }


def decoded(body: bytes) -> Snapshot:
    """A snapshot as `to_json` wrote it. Raises `SnapshotError` with one line."""
    try:
        snapshot = msgspec.json.decode(body, type=Snapshot)
        for time in _times(snapshot):
            parse_rfc3339(time)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        written = _schema_of(body)
        why = f"written by a newer enctop ({written})" if _newer(written) else f"not an {SCHEMA} file: {error}"
        raise SnapshotError(one_line(why)) from None
    return snapshot


class _Written(msgspec.Struct):
    schema: str = ""


def _schema_of(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Written).schema
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ""


def _newer(schema: str) -> bool:
    name, _, number = schema.partition("/")
    own, _, version = SCHEMA.partition("/")
    return name == own and number.isascii() and number.isdecimal() and len(number) < 9 and int(number) > int(version)


# ---------------------------------------------------------------- parts


def _times(snapshot: Snapshot) -> set[str]:
    last = (source.last_success for source in snapshot.sources if source.last_success is not None)
    seen = (resource.observed_at for resource in snapshot.resources)
    ends = (resource.expires for resource in snapshot.resources if resource.expires is not None)
    gaps = (
        at
        for finding in snapshot.findings
        if finding.gap
        for at in (finding.gap.since, finding.gap.begins, finding.gap.ends)
        if at is not None
    )
    return {snapshot.generated_at, *last, *seen, *ends, *gaps, *(finding.since for finding in snapshot.findings)}


def _summary(model: Model, held: Iterable[Entry], findings: list[Finding], own: set[str], *, whole: bool) -> Summary:
    by_status: dict[str, int] = dict.fromkeys((*(status.word for status in Status), "excepted"), 0)
    tenants: dict[str, list[int]] = {name: [0] * len(Status) for name in model.policies}
    for finding in findings:
        by_status[finding.status.word] += 1
        by_status["excepted"] += finding.exception is not None
        for tenant in tenants_of(finding.tenant, own=finding.resource in own):
            tenants.setdefault(tenant, [0] * len(Status))[finding.status] += 1
    resources: dict[str, int] = dict.fromkeys((status.word for status in Status), 0)
    for one in held:
        resources[one.status.word] += 1
    silent = {
        name
        for source in model.sources.values()
        if source.state not in ANSWERED
        for name in tenants_of(source.tenant, own=True)
    }
    summaries = {}
    for tenant, counts in sorted(tenants.items()):
        rollup = model.rollups.get(tenant)
        status = rollup.status if whole and rollup else _narrowed(counts, silent=tenant in silent)
        summaries[tenant] = TenantSummary(
            status.word, counts[Status.PASS], counts[Status.WARN], counts[Status.FAIL], counts[Status.UNKNOWN]
        )
    return Summary(by_status, resources, summaries)


def _narrowed(counts: list[int], *, silent: bool) -> Status:
    """A tenant's status among what a filter lets through; while a source of its has not answered, nobody knows that
    this is all.
    """
    status = worst(status for status in Status if counts[status])
    return Status.UNKNOWN if silent and status in {Status.WARN, Status.PASS} else status


def _source(source: Source) -> SourceEntry:
    return SourceEntry(
        source.id,
        source.tenant,
        source.provider,
        source.scope,
        source.service,
        source.cadence,
        source.state.value,
        None if source.last_success is None else rfc3339(source.last_success),
        source.calls,
        round(source.seconds, 3),
        source.resources,
        source.fault,
    )


def _resource(held: Entry) -> ResourceEntry:
    resource = held.resource
    encryption = resource.encryption
    return ResourceEntry(
        id=resource.id,
        kind=resource.kind,
        type=resource.type,
        name=resource.name,
        tenant=resource.tenant,
        provider=resource.provider,
        scope=resource.scope,
        region=resource.region,
        encryption=None
        if encryption is None
        else EncryptionEntry(encryption.at_rest, encryption.algorithm, held.key_class, encryption.key),
        status=held.status.word,
        observed_at=rfc3339(held.observed_at),
        source=held.source,
        attributes=dict(resource.fields),
        columns=dict(zip(kind_of(resource.kind).titles, held.cells, strict=False)),
        links=sorted(resource.links, key=lambda link: (link.rel, link.to)),
        expires=None if resource.expires is None else rfc3339(resource.expires),
        aliases=list(resource.aliases),
        not_in_last_poll=held.not_in_last_poll,
    )


def finding_entry(finding: Finding) -> FindingEntry:
    """A finding as it is written down."""
    return FindingEntry(
        finding.control,
        finding.resource,
        finding.tenant,
        finding.status.word,
        finding.severity.word,
        finding.evidence_class.value,
        finding.reason,
        dict(finding.evidence),
        rfc3339(finding.since),
        finding.exception,
        finding.fault,
        None if finding.gap is None else _gap(finding.gap),
        finding.cause,
    )


def _gap(gap: Gap) -> GapEntry:
    return GapEntry(
        gap.status.word, rfc3339(gap.since), rfc3339(gap.begins), None if gap.ends is None else rfc3339(gap.ends)
    )


def _controls(model: Model, used: Iterable[str]) -> dict[str, ControlEntry]:
    entries = {}
    for name in sorted(used):
        control = model.registry.get(name)
        if control is not None:
            entries[name] = ControlEntry(
                control.title,
                control.severity.word,
                list(control.verifies),
                {framework: list(numbers) for framework, numbers in control.maps.items()},
                control.remedy,
            )
    return entries
