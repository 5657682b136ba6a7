"""A door by two witnesses: what its edge is configured to speak, and what the probe hears there."""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, NamedTuple

import msgspec

from posture.azure.edge import SERVES
from posture.context import Context
from posture.controls.aws.cloudfront import viewers_come_by
from posture.controls.registry import control
from posture.controls.tls.endpoint import ENDPOINT, http_redirect, protocol_legacy, reachable
from posture.controls.tls.reading import addresses
from posture.doors import doors_of
from posture.resource import Resource
from posture.text import one_line
from posture.verdict import Finding, Status, Verdict, failed, not_applicable, passed, unknown, warned, worst


class Says(Enum):
    """What an edge says of an aspect of a door."""

    NEW = "as promised"
    OLD = "not as promised"
    PERHAPS = "not as promised, for this host or another"
    UNTOLD = "no answer"


_ALLOWS = {"versions": ("TLS 1.2 at least", "TLS below 1.2"), "plain": ("nothing in clear", "plain HTTP")}
"""What is allowed by an edge that is as promised, and by one that is not."""


class Told(NamedTuple):
    """What an edge says: of the versions of TLS, and of plain HTTP. None: it says nothing of that."""

    versions: Says | None = None
    plain: Says | None = None


Read = Callable[[Resource, Resource, Finding], Told]
_DEFAULT_HOSTS = (".cloudfront.net", ".azurefd.net")


@control("tls.edge-agrees", on=ENDPOINT)
def edge_agrees(endpoint: Resource, context: Context) -> Verdict:
    """Either may be wrong alone: a policy that has not arrived, or another door than the one that was asked."""
    addresses(endpoint)
    edges = [
        (id if edge is None else f"{one_line(edge.name, 60)} ({id})", _told(edge, endpoint, context))
        for id, edge in context.linked_all(endpoint, "found-in")
        if _speaks(edge)
    ]
    heard = _heard(endpoint, context)
    verdicts = [
        verdict
        for aspect, probe in heard._asdict().items()
        if probe is not None and (verdict := _compared(aspect, probe, edges)) is not None
    ]
    if not verdicts:
        return not_applicable("no edge was found whose configuration speaks of it")
    status = worst(verdict.status for verdict in verdicts)
    until = min((probe.valid_until for probe in heard if probe and probe.valid_until is not None), default=None)
    found = next(verdict for verdict in verdicts if verdict.status is status)
    return msgspec.structs.replace(found, valid_until=until)


class Heard(NamedTuple):
    """What the probe says of an aspect, None where it was not looked for."""

    versions: Verdict | None
    plain: Verdict | None


def _heard(endpoint: Resource, context: Context) -> Heard:
    """What speaks no TLS at all is old in every way. Where plain HTTP is a WARN, it is neither closed nor served."""
    answers = reachable(endpoint, context)
    if answers.status is Status.FAIL:
        return Heard(answers, answers)
    versions, plain = protocol_legacy(endpoint, context), http_redirect(endpoint, context)
    return Heard(versions, None if plain.status in {Status.WARN, Status.NOT_APPLICABLE} else plain)


def _compared(aspect: str, probe: Verdict, edges: Iterable[tuple[str, Told]]) -> Verdict | None:
    """Of one aspect: agreement with one edge explains what another says. None where none says anything."""
    said = {name: says for name, told in edges if (says := getattr(told, aspect)) is not None}
    if not said:
        return None
    evidence: dict[str, Any] = {"probe": probe.reason, **{f"edge {name}": says.value for name, says in said.items()}}
    by = {says: name.partition(" (")[0] for name, says in reversed(said.items())}
    good, bad = _ALLOWS[aspect]
    if probe.status is Status.UNKNOWN:
        return unknown(f"the probe: {probe.reason}", probe.fault, evidence)
    old = probe.status is Status.FAIL
    if old and (Says.OLD in by or Says.PERHAPS in by):
        return not_applicable("edge and probe agree that it is not as promised", evidence)
    if not old and Says.NEW in by:
        return passed(f"edge and probe agree: {good}", evidence)
    if Says.UNTOLD in by:
        return unknown(f"{by[Says.UNTOLD]} has not said what it allows", evidence=evidence)
    if old:
        return failed(f"{probe.reason}, where {by[Says.NEW]} is configured for {good}", evidence)
    if Says.OLD in by:
        why = f"{by[Says.OLD]} allows {bad}, and the probe finds none"
        return warned(f"{why}: another door was probed, or it is not so yet", evidence)
    return not_applicable("its edge speaks of several hosts together", evidence)


# ---------------------------------------------------------------- what an edge says


class Edge(NamedTuple):
    """What judges what an edge speaks, what it says before it has answered, and how its finding is read."""

    control: str
    before: Told
    read: Read


def _speaks(edge: Resource | None) -> bool:
    return edge is None or edge.type in _EDGES


def _told(edge: Resource | None, endpoint: Resource, context: Context) -> Told:
    """By the findings on an edge, which go with its age. One that is not there any more has not answered."""
    if edge is None:
        return _UNTOLD
    kind = _EDGES[edge.type]
    finding = context.findings(edge).get(kind.control)
    if finding is None or finding.status is Status.UNKNOWN:
        return kind.before
    return Told() if finding.status is Status.NOT_APPLICABLE else kind.read(edge, endpoint, finding)


def _versions_alone(edge: Resource, endpoint: Resource, finding: Finding) -> Told:
    """A policy of an AWS listener or a Google proxy: where it warns, it allows TLS 1.2 at least."""
    return Told(_BY_STATUS.get(_seen(finding)))


def _distribution(edge: Resource, endpoint: Resource, finding: Finding) -> Told:
    """Its minimum is of its own aliases: under CloudFront's name, CloudFront's certificate decides."""
    plain, versions = (_BY_STATUS.get(verdict.status) for verdict in viewers_come_by(edge))
    if _by_default_host(endpoint) and versions is Says.NEW:
        versions = None
    return Told(versions, plain)


def _azure(edge: Resource, endpoint: Resource, finding: Finding) -> Told:
    """One verdict for all hosts, and for both aspects: a FAIL is of this host for sure where there is no other."""
    status = _seen(finding)
    if status is Status.PASS:
        return Told(None if _by_default_host(endpoint) else Says.NEW, Says.NEW)
    if status is not Status.FAIL:
        return Told()
    alone = len({door.host for door in doors_of(edge) if not door.host.endswith(_DEFAULT_HOSTS)}) == 1
    surely = Says.OLD if alone else Says.PERHAPS
    return Told(Says.PERHAPS, surely) if _serves_in_clear(finding.evidence) else Told(surely, None)


def _serves_in_clear(evidence: Mapping[str, Any]) -> bool:
    """Whether a gateway's or a front door's FAIL is for plain HTTP, by what the control noted."""
    listeners = evidence.get("httpListeners that serve plain HTTP")
    rules, routes = (evidence.get(name) for name in ("routingRules that take plain HTTP", "routes.httpsRedirect"))
    return (
        bool(listeners)
        or (isinstance(rules, Mapping) and SERVES in rules.values())
        or (isinstance(routes, Mapping) and False in routes.values())
    )


def _cluster(edge: Resource, endpoint: Resource, finding: Finding) -> Told:
    """An Ingress, a Gateway or a Service says that there is TLS, never by which versions."""
    status = _seen(finding)
    return Told(None, Says.NEW if status is Status.PASS else Says.PERHAPS if status is Status.FAIL else None)


def _seen(finding: Finding) -> Status:
    """An exception changes what is done about a FAIL, not what was seen."""
    return Status.FAIL if finding.exception is not None else finding.status


def _by_default_host(endpoint: Resource) -> bool:
    host = endpoint.fields.get("Host")
    return isinstance(host, str) and host.endswith(_DEFAULT_HOSTS)


_BY_STATUS = {
    Status.FAIL: Says.OLD,
    Status.UNKNOWN: Says.UNTOLD,
    Status.WARN: Says.NEW,
    Status.PASS: Says.NEW,
}
_UNTOLD = Told(Says.UNTOLD, Says.UNTOLD)
_LISTENER = Edge("aws.elb.ssl-policy", Told(versions=Says.UNTOLD), _versions_alone)
_DISTRIBUTION = Edge("aws.cloudfront.viewer-tls", _UNTOLD, _distribution)
_AZURE = Edge("azure.edge.ssl-policy", _UNTOLD, _azure)
_PROXY = Edge("gcp.lb.ssl-policy", Told(versions=Says.UNTOLD), _versions_alone)
_CLUSTER = Edge("k8s.ingress.tls", Told(plain=Says.UNTOLD), _cluster)
_EDGES: Mapping[str, Edge] = {
    "aws.elb.listener": _LISTENER,
    "aws.cloudfront.distribution": _DISTRIBUTION,
    **dict.fromkeys(("azure.network.application-gateway", "azure.network.front-door", "azure.cdn.front-door"), _AZURE),
    **dict.fromkeys(("gcp.compute.https-proxy", "gcp.compute.ssl-proxy"), _PROXY),
    **dict.fromkeys(("k8s.ingress", "k8s.gateway", "k8s.service"), _CLUSTER),
}
"""By the type of resource."""
