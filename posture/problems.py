"""Findings by their cause: what one root explains is one problem."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from posture.resource import Resource
from posture.verdict import Verdict


class Caused(Protocol):
    """A finding, as far as its cause goes."""

    @property
    def id(self) -> str:
        """Unique among findings."""

    @property
    def resource(self) -> str:
        """The id of what was found so."""

    @property
    def cause(self) -> str:
        """What explains it; empty where it explains itself."""


C = TypeVar("C", bound=Caused)


def cause_of(verdict: Verdict, resource: Resource) -> str:
    """What explains a verdict: the id of a resource or a source that its control named, else the fault that it met, one
    for all that the same permission or call was refused in the same place; empty where it explains itself.
    """
    fault = verdict.fault
    if verdict.cause or fault is None:
        return "" if verdict.cause == resource.id else verdict.cause
    return f"{fault.kind} {fault.permission or fault.operation} {resource.provider} {resource.scope}"


def problems(findings: Iterable[C]) -> list[list[C]]:
    """The findings, those of one root together: what it explains, and what was found of the root itself. Each problem
    stands where its first finding stood.
    """
    listed = list(findings)
    roots = {finding.cause for finding in listed}
    found: dict[str, list[C]] = {}
    for finding in listed:
        root = finding.cause or (finding.resource if finding.resource in roots else finding.id)
        found.setdefault(root, []).append(finding)
    return list(found.values())
