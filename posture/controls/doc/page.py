"""The wording of the security page: what it claims that no system can answer."""

from posture.attested import attested
from posture.context import Context
from posture.controls.registry import control
from posture.resource import Resource
from posture.source import ANSWERED
from posture.verdict import Severity, Status, Verdict, failed, not_applicable, passed, unknown, warned


@control("doc.claim.fips", on="enctop.tenant")
def fips(tenant: Resource, context: Context) -> Verdict:
    """The page names FIPS 140-2 for what it keeps in Azure; its certificates are historical."""
    if not any(source.provider == "azure" for source in context.sources(tenant.tenant)):
        return not_applicable("nothing of this tenant's is in Azure, which the wording is about")
    said = attested("doc.claim.fips", context)
    if said is not None:
        return said
    return warned("the page says FIPS 140-2, whose certificates have been historical since 2026-09-21: cite 140-3")


@control("doc.standards", on="enctop.tenant")
def standards(tenant: Resource, context: Context) -> Verdict:
    """What the claim of good practice stands on: how the tenant's resources are judged."""
    rollup = context.rollup(tenant.tenant)
    seen = {status.word: rollup.resources[status] for status in Status}
    failing = {severity.word: rollup.failed[severity] for severity in Severity if rollup.failed[severity]}
    silent = [source for source in context.sources(tenant.tenant) if source.state not in ANSWERED]
    evidence = {"resources": seen, "failed": failing, "unanswered": len(silent)}
    if not sum(rollup.resources[: Status.NOT_APPLICABLE]):
        return unknown("nothing of this tenant's has been judged", evidence=evidence)
    if critical := rollup.failed[Severity.CRITICAL]:
        return failed(f"{critical} critical findings", evidence)
    unsure = rollup.resources[Status.UNKNOWN]
    if failing or unsure or silent:
        parts = (
            (sum(failing.values()), "findings fail, none of them critical"),
            (unsure, "resources are unknown"),
            (len(silent), "sources are unanswered"),
        )
        return warned("; ".join(f"{many} {what}" for many, what in parts if many), evidence)
    return passed("nothing fails, and nothing is unknown", evidence)
