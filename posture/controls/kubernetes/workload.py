"""Workloads: whether what they mount is encrypted, claim by claim, and the disks of the nodes below them."""

from collections.abc import Mapping
from typing import Any

from posture.context import Context
from posture.controls.kubernetes.pv import BACKING, WORKLOADS
from posture.controls.registry import control
from posture.fields import text
from posture.reading import expected, field_of, word
from posture.resource import Resource
from posture.verdict import EvidenceClass, Finding, Status, Verdict, because, not_applicable, passed, unknown, warned

_CLAIMS = "persistentvolumeclaims"
_WHENCE = frozenset({"template", "left-over", "named", "ephemeral"})
_NODES = "k8s:nodes"
_MEDIA = {
    "aws.ebs.volume": "aws.ebs.volume-encrypted",
    "azure.compute.vm": "azure.vm.encryption-at-host",
    "azure.compute.vmss-vm": "azure.vm.encryption-at-host",
    "gcp.compute.disk": "gcp.disk.encryption",
}
"""Type of what a node is on -> the control that says whether its disks are encrypted."""


@control("k8s.statefulset.volumes", on=tuple(WORKLOADS))
def volumes(workload: Resource, context: Context) -> Verdict:
    """As the worst of its claims. A claim without a volume holds no data; one that is left over holds it still."""
    whence = expected(field_of(workload, WORKLOADS[workload.type], "claims"), dict, WORKLOADS[workload.type], "claims")
    linked = {target.rpartition("/")[2]: claim for target, claim in context.linked_all(workload, "claim")}
    if missing := sorted(whence.keys() - linked.keys()):
        return unknown(f"claim {missing[0]} was not joined")
    judged: list[tuple[Status, str, Finding | None]] = []
    for name, claim in linked.items():
        how = word(whence.get(name), _WHENCE, WORKLOADS[workload.type], f"claims[{name}]")
        status, reason, finding = _claim(claim, workload, context)
        if how == "left-over" and status is Status.PASS:
            status, reason = Status.WARN, "left over from an ordinal that is not used any more; its data is still there"
        if status is not Status.NOT_APPLICABLE:
            judged.append((status, f"{name}: {reason}", finding))
    facts: dict[str, Any] = {"claims": len(linked), "with a volume": len(judged)}
    if not linked:
        return not_applicable("mounts no claim", facts)
    if not judged:
        return not_applicable("no claim of it has a volume yet", facts)
    return _worst(judged, facts)


@control("k8s.ephemeral-storage", on="k8s.node")
def ephemeral_storage(node: Resource, context: Context) -> Verdict:
    """What a pod writes beside its volumes is on the disks of its node: as good as the disk the node starts from, or as
    the host's own encryption.
    """
    spec = expected(field_of(node, _NODES, "spec"), dict, _NODES, "spec")
    provider = text(spec, _NODES, "providerID")
    if provider is None:
        return unknown("the node names no machine: spec.providerID is not set")
    facts: dict[str, Any] = {f"{_NODES}.spec.providerID": provider}
    machine = context.linked(node, "machine")
    if machine is None:
        return unknown("the machine below it, or the disk it starts from, has not been seen", evidence=facts)
    control_id = _MEDIA.get(machine.type)
    finding = context.findings(machine).get(control_id) if control_id else None
    if control_id is None or finding is None:
        return unknown(f"nothing judges the disks of a {machine.type}", evidence=facts)
    facts |= {"machine": machine.id, control_id: finding.status.word}
    reason = f"{machine.name}: {finding.reason}"
    if finding.status is Status.FAIL and machine.type == "gcp.compute.disk":
        return because(warned(f"encrypted by the platform; {reason}", facts), finding.root)
    if finding.status is Status.PASS:
        return passed(reason, facts, by=EvidenceClass.ATTESTED)
    return because(Verdict(finding.status, reason, facts, None, finding.fault), finding.root)


def _claim(claim: Resource | None, workload: Resource, context: Context) -> tuple[Status, str, Finding | None]:
    """How a claim stands; one that is not there, where all were listed, holds nothing."""
    if claim is None:
        if context.listed("kubernetes", workload.scope, _CLAIMS):
            return Status.NOT_APPLICABLE, "does not exist", None
        return Status.UNKNOWN, "has not been seen, and the claims were not listed in full", None
    finding = context.findings(claim).get(BACKING)
    if finding is None:
        return Status.UNKNOWN, "is not judged", None
    return finding.status, finding.reason, finding


def _worst(judged: list[tuple[Status, str, Finding | None]], facts: Mapping[str, Any]) -> Verdict:
    status, reason, finding = min(judged, key=lambda each: each[0])
    many = sum(each[0] is status for each in judged)
    facts = {**facts, status.word: many}
    if status is Status.PASS:
        return passed("every claim is on an encrypted volume", facts)
    rest = f"; {many - 1} more" if many > 1 else ""
    verdict = Verdict(status, f"{reason}{rest}", facts, None, finding.fault if finding is not None else None)
    return verdict if finding is None else because(verdict, finding.root)
