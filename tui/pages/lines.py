"""A resource's or a source's detail as lines of text, each in parts that have a paint, some of them leading
elsewhere. Pure: nothing here draws.
"""

import json
from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any, NamedTuple

import msgspec

from posture.clock import Seconds, Utc, age, rfc3339
from posture.fault import Fault, state_word
from posture.kinds import kind_of
from posture.resource import Encryption, Resource
from posture.source import ANSWERED, Source, State
from posture.verdict import Finding, Gap, Status
from providers.collector.frames import Detail, Judged, Linked
from tui.pages.chain import chain_lines
from tui.pages.history import history_lines
from tui.pages.tls import replaces_fields, sections
from tui.widgets.columns import PAINTS, SEVERITIES, SEVERITY_PAINTS, state_cell, status_cell

Part = tuple[str, str]
"""Text, and the name of a paint."""
LABEL = 10
"""Cells that labels take on the left."""
INDENT = 3


class Line(NamedTuple):
    """`opens` is the resource that Enter leads to; `copies` is what `c` copies on this line; `control` is whose
    verdict it is part of. `boxes` says that it is the line of a chain, on which Enter opens the chosen box; `more` is
    the resource of which a tree does not show all that depends on it.
    """

    parts: tuple[Part, ...]
    opens: str = ""
    copies: str = ""
    control: str = ""
    boxes: bool = False
    more: str = ""

    @property
    def text(self) -> str:
        """As plain text."""
        return "".join(text for text, _ in self.parts)


def page(
    detail: Detail, width: int, now: Utc, freshness: str, opened: str = "", chosen: int | None = None
) -> list[Line]:
    """What a person reads of a resource: the chain it is part of, verdicts worst first, then where it leads, then its
    fields.

    `freshness` tells of its source; `opened` is the control whose verdict is marked as the one that was asked for;
    `chosen` numbers the box of the chain that is walked to, None for its own.
    """
    lines = list(_lines(detail, max(40, width), now, freshness, chosen))
    at = next((index for index, line in enumerate(lines) if line.control == opened), None) if opened else None
    if at is not None:
        lines[at] = lines[at]._replace(parts=(*lines[at].parts, ("   ◂ opened here", "accent")))
    return lines


def raw(detail: Detail, width: int) -> list[Line]:
    """The same as indented JSON, with the names, words and times of a snapshot (`enctop schema`)."""
    from posture.snapshot import finding_entry

    text = json.dumps(_resource_entry(detail), indent=2, ensure_ascii=False)
    found = json.dumps(
        msgspec.to_builtins([finding_entry(judged.finding) for judged in detail.findings]), indent=2, ensure_ascii=False
    )
    lines = [("resource", text), ("findings", found)]
    made: list[Line] = []
    for title, body in lines:
        made += [Line(((title.upper(), "head"),)), *(_json_line(line) for line in body.splitlines()), Line(())]
    return made


def _resource_entry(detail: Detail) -> dict[str, Any] | None:
    if (resource := detail.resource) is None:
        return None
    told = msgspec.to_builtins(resource)
    entry = {
        name: told[name]
        for name in ("id", "kind", "type", "name", "tenant", "provider", "scope", "region", "encryption")
    }
    entry |= {
        "status": Status(detail.status).word,
        "observed_at": _time(detail.observed_at),
        "source": resource.source,
        "attributes": told["fields"],
    }
    entry |= {"columns": dict(zip(kind_of(resource.kind).titles, resource.cells, strict=False)), "links": told["links"]}
    return entry | {"expires": _time(resource.expires), "aliases": told["aliases"]}


def _time(at: Utc | None) -> str | None:
    return None if at is None else rfc3339(at)


def source_page(source: Source, width: int, now: Utc) -> list[Line]:
    """All there is to say of a source: how it stands, when it was asked, and what was refused, in full."""
    return list(_source_lines(source, max(40, width), now))


def raw_source(source: Source) -> list[Line]:
    """The same as indented JSON."""
    return [
        _json_line(line) for line in json.dumps(msgspec.to_builtins(source), indent=2, ensure_ascii=False).splitlines()
    ]


def _fault_lines(fault: Fault, width: int) -> Iterator[Line]:
    yield from _title("FAULT")
    for name, value in (
        ("kind", state_word(fault.kind.value, fault)),
        ("operation", fault.operation),
        ("code", fault.code),
        ("message", fault.message),
    ):
        if value:
            yield from _named(name, value, width, "unknown" if name == "kind" else "text")
    if fault.retry_after is not None:
        yield from _named("asked to wait", _span(fault.retry_after), width, "text")
    if fault.permission:
        yield from _title("MISSING PERMISSION")
        yield from _wrapped(fault.permission, width, INDENT, "warn", copies=fault.permission)


def _source_lines(source: Source, width: int, now: Utc) -> Iterator[Line]:
    polling = "   is being asked just now" if source.polling else ""
    yield Line((state_cell(source), ("  ", "text"), (source.service, "title"), (polling, "faint")))
    yield from _wrapped(source.id, width, 0, "faint", copies=source.id)
    yield from _pairs(
        [(name, value, "text") for name in ("tenant", "provider", "scope") if (value := getattr(source, name))], width
    )
    yield from _title("TIMES")
    trouble = source.state not in ANSWERED and source.state is not State.PENDING
    times = [
        ("last full answer", source.last_success),
        ("last attempt", source.last_attempt),
        ("retry at" if trouble else "next poll", source.next_due),
    ]
    times.append(("evidence until", source.stale_at))
    for name, at in times:
        none = "never" if name.startswith("last") else "when what it follows ends" if source.following else "-"
        yield from _named(name, none if at is None else _when(at, now), width, "text")
    yield from _named("every", _span(source.cadence), width, "text")
    yield from _title("LAST POLL")
    for name, value in (
        ("calls", f"{source.calls:,}"),
        ("took", f"{source.seconds:.1f}s"),
        ("resources", f"{source.resources:,}"),
    ):
        yield from _named(name, value, width, "text")
    if source.fault is not None:
        yield from _fault_lines(source.fault, width)
    if source.permissions:
        yield from _title("NEEDS")
        for permission in source.permissions:
            yield from _wrapped(permission, width, INDENT, "text", copies=permission)


def _named(name: str, text: str, width: int, paint: str) -> Iterator[Line]:
    """Like a field, with every line of a long text."""
    label = f"{name:<18}"
    for own in text.splitlines() or [""]:
        for part in wrap(own, max(20, width - INDENT - 18), break_on_hyphens=False) or [""]:
            yield Line(((f"{'':{INDENT}}{label}", "faint"), (part, paint)), copies=text)
            label = " " * 18


def _when(at: Utc, now: Utc) -> str:
    """`2026-11-23T14:00:00Z, 3m ago`."""
    return f"{rfc3339(at)}, " + (f"{age(now - at)} ago" if at <= now else f"in {age(at - now)}")


def _span(seconds: Seconds) -> str:
    return f"{seconds:g}s" if seconds < 120 else age(seconds)


def _json_line(line: str) -> Line:
    name, colon, value = line.partition('": ')
    return Line(((f'{name}"', "accent"), (": ", "faint"), (value, "text"))) if colon else Line(((line, "text"),))


def _where(resource: Resource, status: int, width: int) -> Iterator[Line]:
    """What it is, and where."""
    name = resource.name or resource.id
    yield Line((status_cell(status), ("  ", "text"), (name, "title"), (f"   {resource.type}", "faint")))
    yield from _wrapped(resource.id, width, 0, "faint", copies=resource.id)
    names = ("tenant", "scope", "region", "kind")
    yield from _pairs([(name, value, "text") for name in names if (value := getattr(resource, name))], width)


def _encryption(encryption: Encryption, width: int) -> Iterator[Line]:
    at_rest = {True: ("yes", "pass"), False: ("no", "fail"), None: ("not seen", "unknown")}[encryption.at_rest]
    words = [
        ("at rest", *at_rest),
        ("algorithm", encryption.algorithm or "-", "text"),
        ("key class", encryption.key_class, "text"),
    ]
    yield from _pairs(words, width)


def _lines(detail: Detail, width: int, now: Utc, freshness: str, chosen: int | None) -> Iterator[Line]:
    resource = detail.resource
    if resource is None:
        yield Line((("this resource has not been seen, or is gone", "unknown"),))
        yield from _wrapped(detail.id, width, 0, "faint")
        yield from _history(detail, width, now)
        return
    yield from _where(resource, detail.status, width)
    if resource.encryption is not None:
        yield from _encryption(resource.encryption, width)
    own = [
        (title.lower(), cell, "text")
        for title, cell in zip(kind_of(resource.kind).titles, resource.cells, strict=False)
        if cell
    ]
    yield from _pairs(own, width)
    seen = f"seen {age(now - detail.observed_at)} ago" if detail.observed_at is not None else "never seen"
    yield Line(((f"{seen} · {freshness}", "faint"),))
    for parts, opens, walked in chain_lines(detail.chain, width, chosen):
        yield Line(parts, opens, boxes=walked)
    try:
        special = list(sections(detail, now))
        told = bool(special) and replaces_fields(resource)
    # of another shape: told as they are, below
    except (TypeError, AttributeError, ValueError, LookupError, OverflowError):
        special, told = [], False
    yield from _verdicts(detail, width, now, apart=bool(special))
    for title, more, rows in special:
        yield from _title(title, more)
        for parts, opens, copies in rows:
            yield from _folded(parts, width, opens, copies)
    if special:
        yield from _as_promised(detail, width, now)
    yield from _linked("LEADS TO", detail.links, len(detail.links))
    yield from _linked("USED BY", detail.users, detail.users_total)
    yield from _refused(detail, width)
    yield from _history(detail, width, now)
    if resource.fields and not told:
        yield from _title("FIELDS")
        yield from _fields(resource.fields, width)


def _history(detail: Detail, width: int, now: Utc) -> Iterator[Line]:
    if detail.history or detail.first_seen is not None:
        yield from _title("HISTORY")
    for parts, copies in history_lines(detail, now):
        yield from _folded(parts, width, "", copies)


def _verdicts(detail: Detail, width: int, now: Utc, *, apart: bool) -> Iterator[Line]:
    """All, worst first; where a kind has much of its own to show, those that are as promised stand `apart`, below
    that.
    """
    tally = [sum(judged.finding.status is status for judged in detail.findings) for status in Status]
    words = "  ".join(
        f"{many} {status.word.replace('_', ' ')}" for status, many in zip(Status, tally, strict=True) if many
    )
    yield from _title("VERDICTS", words or "no control applies")
    for judged in sorted(detail.findings, key=lambda judged: (judged.finding.status, judged.finding.severity)):
        if apart and judged.finding.status >= Status.PASS:
            break
        yield from _verdict(judged, width, now)


def _verdict(judged: Judged, width: int, now: Utc) -> Iterator[Line]:
    for line in _verdict_lines(judged, width, now):
        yield line._replace(control=judged.finding.control)


def _as_promised(detail: Detail, width: int, now: Utc) -> Iterator[Line]:
    yield from _title("AS PROMISED")
    for judged in detail.findings:
        if judged.finding.status >= Status.PASS:
            yield from _verdict(judged, width, now)


def _verdict_lines(judged: Judged, width: int, now: Utc) -> Iterator[Line]:
    finding, remedy = judged.finding, remedy_of(judged)
    severity = (f"{SEVERITIES[finding.severity]:<5}", SEVERITY_PAINTS[finding.severity])
    head = (
        status_cell(finding.status),
        ("  ", "text"),
        severity,
        (judged.title, "name"),
        (f"   {finding.control}", "faint"),
    )
    yield Line(head, copies=remedy)
    paint = PAINTS[finding.status] if finding.status < Status.PASS else "faint"
    yield from _wrapped(finding.reason, width, INDENT, paint, copies=remedy)
    since = f"since {_when(finding.since, now)} · " if finding.since else ""
    yield Line(((f"{'':{INDENT}}{since}{finding.evidence_class}", "faint"),), copies=remedy)
    if finding.gap is not None:
        yield from _labelled("not seen", _gap(finding.gap, finding.status), width, "unknown")
    for sentence, claim in judged.verifies:
        yield from _labelled("promise", f"{sentence} “{claim}”", width, "text")
    label = "evidence"
    for name, value in finding.evidence.items():
        yield from _labelled(label, f"{name} = {_value(value)}", width, "accent")
        label = ""
    if finding.fault is not None:
        yield from _labelled("refused", str(finding.fault), width, "unknown")
        if finding.fault.permission:
            yield from _labelled("needs", finding.fault.permission, width, "warn", copies=finding.fault.permission)
    if (excepted := finding.exception) is not None:
        yield from _labelled(
            "excepted", f"until {excepted.until} by {excepted.approved_by}: {excepted.reason}", width, "warn"
        )
    if finding.status is Status.UNKNOWN:
        yield from _labelled("answer", to_know(finding), width, "name")
    elif remedy and finding.status < Status.PASS:
        yield from _labelled("remedy", remedy, width, "name", copies=remedy)
        yield from _labelled("", "c copies the remedy", width, "faint", copies=remedy)
    if judged.maps and finding.status < Status.PASS:
        yield from _labelled(
            "maps to", " · ".join(f"{name} {value}" for name, value in judged.maps.items() if value), width, "faint"
        )


def _gap(gap: Gap, status: Status) -> str:
    """When it could not be told, and what it was before."""
    until = "now" if gap.ends is None else rfc3339(gap.ends)
    before = f"; {gap.status.word} before, since {rfc3339(gap.since)}" if gap.status is not status else ""
    return f"{rfc3339(gap.begins)} to {until}{before}"


def remedy_of(judged: Judged) -> str:
    """What would mend this finding; nothing where it is not known that anything is broken."""
    return "" if judged.finding.status is Status.UNKNOWN else judged.remedy


def to_know(finding: Finding) -> str:
    """What would turn an UNKNOWN into an answer."""
    if finding.fault is not None and finding.fault.permission:
        return f"allow {finding.fault.permission}, then r asks again; `enctop check` lists every missing permission"
    return "r asks again; `enctop check` says which source does not answer, and why"


def _linked(title: str, others: tuple[Linked, ...], total: int) -> Iterator[Line]:
    if not others and not total:
        return
    yield from _title(title, f"{total:,}" if total == len(others) else f"{len(others):,} of {total:,}")
    for other in others:
        status = status_cell(other.status) if other.status is not None else ("? not seen", "faint")
        name = (other.name or other.id, "link" if other.status is not None else "faint")
        yield Line(
            (
                (f"{'':{INDENT}}{other.rel:<{LABEL}}", "faint"),
                (f"{status[0]:<8}", status[1]),
                name,
                (f"   {other.kind}", "faint"),
            ),
            opens=other.id,
        )


def _refused(detail: Detail, width: int) -> Iterator[Line]:
    if detail.resource is not None and detail.resource.faults:
        yield from _title("REFUSED READS")
        for fault in detail.resource.faults.values():
            yield from _wrapped(str(fault), width, INDENT, "unknown", copies=fault.permission or "")


def _fields(fields: Mapping[str, Any], width: int) -> Iterator[Line]:
    longest = min(32, max(map(len, fields)))
    for name, value in fields.items():
        text = _value(value)
        first, *rest = wrap(text, max(20, width - INDENT - longest - 2), break_on_hyphens=False) or [""]
        yield Line(((f"{'':{INDENT}}{name:<{longest}}  ", "faint"), (first, "text")), copies=text)
        for more in rest:
            yield Line(((" " * (INDENT + longest + 2) + more, "text"),), copies=text)


def _folded(parts: tuple[Part, ...], width: int, opens: str, copies: str) -> Iterator[Line]:
    """A row of a section; what is too long goes on below its last part."""
    *before, (text, paint) = parts
    used = sum(len(one) for one, _ in before)
    room = max(20, width - used)
    first, *rest = wrap(text, room, break_on_hyphens=False, drop_whitespace=bool(before)) or [""]
    yield Line((*before, (first, paint)), opens, copies)
    for more in rest:
        yield Line(((" " * (used or INDENT) + more, paint),), copies=copies)


def _title(title: str, more: str = "") -> Iterator[Line]:
    yield Line(())
    yield Line(((title, "sorted"), (f"  {more}" if more else "", "faint")))


def _pairs(pairs: list[tuple[str, str, str]], width: int) -> Iterator[Line]:
    """`name value   name value`, as many as fit a line."""
    parts: list[Part] = []
    used = 0
    for name, value, paint in pairs:
        if parts and used + len(name) + len(value) + 4 > width:
            yield Line(tuple(parts))
            parts, used = [], 0
        parts += [(f"{name} ", "faint"), (f"{value}   ", paint)]
        used += len(name) + len(value) + 4
    if parts:
        yield Line(tuple(parts))


def _labelled(label: str, text: str, width: int, paint: str, copies: str = "") -> Iterator[Line]:
    for own in text.splitlines() or [""]:  # the lines of a remedy are commands of their own
        for part in wrap(
            own,
            max(20, width - INDENT - LABEL),
            subsequent_indent="  " if paint == "name" else "",
            break_on_hyphens=False,
        ) or [""]:
            yield Line(((f"{'':{INDENT}}{label:<{LABEL}}", "faint"), (part, paint)), copies=copies)
            label = ""


def _wrapped(text: str, width: int, indent: int, paint: str, copies: str = "") -> Iterator[Line]:
    for part in wrap(text, max(20, width - indent), break_on_hyphens=False) or [""]:
        yield Line(((" " * indent + part, paint),), copies=copies)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(msgspec.to_builtins(value), ensure_ascii=False)
