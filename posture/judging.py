"""How a resource gets its verdicts."""

import logging
from collections.abc import Mapping

from posture.ageing import stale_at
from posture.clock import Utc, age
from posture.context import ModelContext
from posture.controls.registry import Control, Registry
from posture.entry import Entry, gap_of
from posture.fault import Fault, FaultKind
from posture.keyclass import key_class
from posture.problems import cause_of
from posture.resource import KeyClass, Resource
from posture.rollup import OWN
from posture.source import STALE_CADENCES
from posture.verdict import Finding, Gap, Status, Verdict, because, unknown, worst

_TOLD = frozenset({Status.FAIL, Status.WARN, Status.PASS})

log = logging.getLogger(__name__)


def judge(entry: Entry, context: ModelContext, registry: Registry) -> Utc | None:
    """Judge every control of a resource anew; returns when time alone will change a verdict, None if never.

    A finding keeps its `since` while its status stays, or comes back after a time of UNKNOWN.
    """
    resource = entry.resource
    stale = resource.provider != OWN and _stale(entry, context)
    wake: Utc | None = None
    findings: dict[str, Finding] = {}
    for control in registry.for_type(resource.type):
        verdict = _asked(control, resource, context)
        if stale:
            verdict = stale_verdict(verdict, stale)
        finding, until = _finding(control, verdict, entry, context)
        findings[control.id] = finding
        if until is not None and (wake is None or until < wake):
            wake = until
    entry.findings = findings
    entry.status = worst(finding.status for finding in findings.values())
    entry.key_class = key_class(resource, context) if resource.encryption is not None else KeyClass.UNKNOWN
    entry.users = context.count_users(resource)
    return wake


def says_otherwise(before: Mapping[str, Finding], after: Mapping[str, Finding]) -> bool:
    """Whether findings differ in what another control may ask of them: their status, reason, fault or cause."""
    return before.keys() != after.keys() or any(
        (known.status, known.reason, known.fault, known.cause)
        != (finding.status, finding.reason, finding.fault, finding.cause)
        for control, finding in after.items()
        if (known := before[control]) is not finding
    )


def _stale(entry: Entry, context: ModelContext) -> Verdict | None:
    source = context.source(entry.source)
    if source is None:
        return because(unknown("nobody asks about it any more"), entry.source)
    if context.now < stale_at(entry, source):
        return None
    why = f": {source.fault}" if source.fault is not None else ""
    return because(unknown(f"not seen for over {age(STALE_CADENCES * source.cadence)}{why}", source.fault), source.id)


def stale_verdict(last: Verdict, stale: Verdict) -> Verdict:
    """The verdict on evidence that is too old: UNKNOWN, with what it would still say."""
    if last.status not in _TOLD:
        return stale
    return Verdict(
        Status.UNKNOWN,
        f"{stale.reason}; was {last.status.word}: {last.reason}",
        stale.evidence,
        last.valid_until,
        stale.fault,
        cause=stale.cause,
    )


def _asked(control: Control, resource: Resource, context: ModelContext) -> Verdict:
    try:
        return control.judge(resource, context)
    except Exception as error:  # one control's defect must neither end the collector nor look like an answer
        log.exception("%s on %s", control.id, resource.id)
        fault = Fault(FaultKind.ERROR, type(error).__name__, control.id, "enctop failed while judging; see --log-file")
        return unknown("enctop failed while judging; see --log-file", fault)


def _finding(control: Control, verdict: Verdict, entry: Entry, context: ModelContext) -> tuple[Finding, Utc | None]:
    resource, exception = entry.resource, None
    if verdict.status is Status.FAIL and context.policy.exception:
        verdict, exception = context.policy.excused(control.id, resource.id, verdict, context.now)
    known = entry.findings.get(control.id)
    since, gap = _began(known, verdict.status, context.now)
    finding = Finding(
        control=control.id,
        resource=resource.id,
        tenant=resource.tenant,
        status=verdict.status,
        severity=context.policy.effective_severity(control.severity, excepted=exception is not None),
        evidence_class=verdict.evidence_class or control.evidence_class,
        reason=verdict.reason,
        evidence=verdict.evidence,
        since=since,
        fault=verdict.fault,
        exception=exception,
        gap=gap,
        cause=cause_of(verdict, resource),
    )
    return (known if known == finding else finding), verdict.valid_until


def _began(known: Finding | None, status: Status, now: Utc) -> tuple[Utc, Gap | None]:
    """When this status began, and the last time in which it could not be told."""
    if known is None:
        return now, None
    if known.status is status:
        return known.since, known.gap
    if status is Status.UNKNOWN:  # a status of no time at all was none
        return now, gap_of(known.status, known.since, now, None) if known.since < now else known.gap
    if known.gap is not None and known.gap.ends is None and known.gap.status is status:
        return known.gap.since, gap_of(status, known.gap.since, known.gap.begins, now)
    if known.gap is not None and known.gap.ends is None:  # it became so in a time in which nobody saw
        return now, gap_of(known.gap.status, known.gap.since, known.gap.begins, now)
    return now, None
