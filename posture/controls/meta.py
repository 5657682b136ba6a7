"""enctop about itself: was everything looked at, is it fresh, was it allowed, are the exceptions in order."""

from collections.abc import Iterator
from typing import Any

from posture.clock import Utc, rfc3339
from posture.context import Context
from posture.controls.registry import control, registry
from posture.door_index import Found
from posture.fault import Fault, FaultKind
from posture.policy import DAY, ExceptionRule
from posture.resource import Resource
from posture.source import ANSWERED, FRESH_CADENCES, Source, State
from posture.verdict import EvidenceClass, Status, Verdict, not_applicable, passed, unanswered, unknown, warned

EXCEPTION_WARNING = 14 * DAY
"""An exception that ends sooner than this is a WARN."""


@control("meta.inventory.coverage", on="enctop.tenant")
def inventory_coverage(tenant: Resource, context: Context) -> Verdict:
    """`All` is only as good as the inventory: one question without an answer, and it is not known."""
    sources = sorted(context.sources(tenant.tenant), key=lambda source: source.id)
    silent = [source for source in sources if source.state not in ANSWERED]
    unassigned = context.unassigned(tenant.tenant)
    evidence: dict[str, Any] = {
        "sources": len(sources),
        "answered": len(sources) - len(silent),
        "unassigned": unassigned,
    }
    beside = _unprobed(context.found(tenant.tenant), evidence)
    if not sources:
        return unknown("no source is asked about this tenant", evidence=evidence)
    if silent:
        first = silent[0]
        return unknown(
            f"{len(silent)} of {len(sources)} sources unanswered, first {first.id}: {first.state}",
            first.fault,
            evidence,
        )
    if unassigned:
        return warned(f"{unassigned} resources carry no tenant's tag, or several tenants'", evidence)
    return passed(f"every source answered, every resource has its tenant{beside}", evidence)


def _unprobed(found: Found, evidence: dict[str, Any]) -> str:
    """Put into the evidence which TLS endpoints were found; says how many of them nobody asks, though one could."""
    if not found.doors:
        return ""
    evidence["endpoints found"] = found.doors
    evidence["endpoints found and not probed"] = found.doors - found.probed
    evidence |= {f"not probed: {why}": many for why, many in found.unasked.items() if why}
    left = found.unasked.get("", 0)
    return f"; {left} TLS endpoint{'s were' if left > 1 else ' was'} found and not probed" if left else ""


@control("meta.endpoints.probed", on="enctop.tenant")
def endpoints_probed(tenant: Resource, context: Context) -> Verdict:
    """`Always` is only as good as the list of endpoints: what a configuration names and nobody asks is not known."""
    found, evidence = context.found(tenant.tenant), dict[str, Any]()
    _unprobed(found, evidence)
    if not found.doors:
        return not_applicable("no resource names a TLS endpoint")
    if left := found.unasked.get("", 0):
        return warned(f"{left} TLS endpoint{'s were' if left > 1 else ' was'} found and not probed", evidence)
    return passed("every endpoint that was found, and that can be asked from here, is probed", evidence)


@control("meta.evidence.freshness", on="enctop.source")
def evidence_freshness(resource: Resource, context: Context) -> Verdict:
    """A PASS must decay: dim after two cadences, UNKNOWN after six."""
    source = _source(resource, context)
    if source is None or source.state is State.DISABLED:
        return (
            unknown("this source is not known")
            if source is None
            else not_applicable("switched off in this account: nothing to refresh")
        )
    if source.last_success is None:
        return unknown("never answered in full", source.fault)
    dim, stale = source.last_success + FRESH_CADENCES * source.cadence, source.stale_at
    if context.now < dim:
        return passed("answered within two cadences", {"cadence": source.cadence}, until=dim)
    evidence = {"cadence": source.cadence, "last_success": rfc3339(source.last_success)}
    if stale is not None and context.now < stale:
        return warned(f"last answered in full at {evidence['last_success']}", evidence, until=stale)
    return unknown(f"stale: last answered in full at {evidence['last_success']}", source.fault, evidence)


@control("meta.collector.permissions", on="enctop.source")
def collector_permissions(resource: Resource, context: Context) -> Verdict:
    """What was refused when it was last asked. Rights that enctop holds and does not need are not probed."""
    source = _source(resource, context)
    if source is None or source.state is State.PENDING:
        return unknown("this source is not known" if source is None else "not asked yet")
    if source.state is State.DISABLED:
        return not_applicable("switched off in this account: nothing was asked")
    if source.fault is not None and source.fault.kind is FaultKind.DENIED:
        return _denied(source.fault)
    if source.state is not State.OK:
        return unanswered(source.fault) if source.fault else unknown(f"the last poll ended as {source.state}")
    return passed(
        "every declared call was allowed; excess rights not probed",
        {"state": source.state.value},
        by=EvidenceClass.INFERRED,
    )


@control("meta.policy.exception", on="enctop.tenant")
def policy_exception(tenant: Resource, context: Context) -> Verdict:
    """An exception past its end, or approved by nobody, excepts nothing and is a defect of its own."""
    rules = context.policy.exception
    if not rules:
        return not_applicable("the policy makes no exception")
    until = min((moment for rule in rules for moment in _turns(rule) if moment > context.now), default=None)
    findings = sorted((_judged(rule, context.now) for rule in rules), key=lambda finding: finding[0])
    status, reason = findings[0]
    evidence = {
        f"exception[{number}]": _judged(rule, context.now)[1]
        for number, rule in enumerate(rules, 1)
        if _judged(rule, context.now)[0] is not Status.PASS
    }
    return Verdict(status, reason, evidence or {"exceptions": len(rules)}, until)


def _source(resource: Resource, context: Context) -> Source | None:
    return context.source(resource.id)


def _denied(fault: Fault) -> Verdict:
    needed = fault.permission or fault.operation
    controls = registry().reading(fault.operation)
    blind = (
        f"; UNKNOWN without it: {controls[0]}" + (f" and {len(controls) - 1} more" if len(controls) > 1 else "")
        if controls
        else ""
    )
    return Verdict(
        Status.WARN,
        f"needs {needed}{blind}",
        {fault.operation: fault.code, "permission": needed, "unknown": list(controls)},
        None,
        fault,
    )


def _judged(rule: ExceptionRule, now: Utc) -> tuple[Status, str]:
    what = f"exception for {rule.control}"
    if not rule.approved:
        return Status.FAIL, f"{what} names no approver"
    if now >= rule.ends:
        return Status.FAIL, f"{what} ended on {rule.until}"
    if now >= rule.ends - EXCEPTION_WARNING:
        return Status.WARN, f"{what} ends on {rule.until}"
    return Status.PASS, "every exception is approved and in date"


def _turns(rule: ExceptionRule) -> Iterator[Utc]:
    yield rule.ends - EXCEPTION_WARNING
    yield rule.ends
