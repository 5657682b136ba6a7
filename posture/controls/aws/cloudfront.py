"""CloudFront: viewers come by HTTPS, by TLS of today, and so does CloudFront to its origins."""

import re
from collections.abc import Iterator
from typing import Any

from posture.context import Context
from posture.controls.registry import control
from posture.fields import strange
from posture.reading import NoAnswer, expected, field_of, nested, objects, refusals, word
from posture.resource import Resource
from posture.verdict import Status, Verdict, failed, not_applicable, passed, unanswered, unknown, warned

_LIST = "cloudfront:ListDistributions"
_VPC = "cloudfront:GetVpcOrigin"
_ALL, _HTTPS = "allow-all", frozenset({"https-only", "redirect-to-https"})
_OLD = ("SSLv3", "TLSv1", "TLSv1_2016", "TLSv1.1_2016")
_GOOD = re.compile(r"TLSv1\.[23]_20[0-9]{2}")
_TO_ORIGIN = frozenset({"http-only", "match-viewer", "https-only"})
_OLD_TO_ORIGIN = frozenset({"SSLv3", "TLSv1", "TLSv1.1"})
_KNOWN_TO_ORIGIN = _OLD_TO_ORIGIN | {"TLSv1.2", "TLSv1.3"}


@control("aws.cloudfront.viewer-tls", on="aws.cloudfront.distribution")
def viewer_tls(distribution: Resource, context: Context) -> Verdict:
    """The default certificate fixes the minimum at TLSv1, whatever was asked for. A staging distribution serves too."""
    evidence: dict[str, Any] = {}
    if not expected(field_of(distribution, _LIST, "Enabled"), bool, _LIST, "Enabled"):
        return not_applicable("disabled: it serves nobody", {f"{_LIST}.Enabled": False})
    questions = (_viewers(distribution, evidence), _minimum(distribution, evidence), _origins(distribution, evidence))
    verdicts = [verdict for question in questions for verdict in _answered(question)]
    worst = min(verdicts, key=lambda verdict: verdict.status)  # the first of those that are as bad tells why
    if worst.status is Status.PASS:
        return passed("HTTPS everywhere, TLS 1.2 at least", evidence)
    return Verdict(worst.status, worst.reason, evidence, fault=worst.fault)


def viewers_come_by(distribution: Resource) -> tuple[Verdict, Verdict]:
    """How viewers may come, whatever the origins: over plain HTTP, and by old TLS. Each is the worst that is said."""
    return (
        min(_answered(_viewers(distribution, {})), key=lambda verdict: verdict.status),
        min(_answered(_minimum(distribution, {})), key=lambda verdict: verdict.status),
    )


def _answered(question: Iterator[Verdict]) -> Iterator[Verdict]:
    """What a question comes to: what is not said there does not hide a FAIL of another."""
    try:
        yield from question
    except NoAnswer as ended:
        yield ended.verdict


def _viewers(distribution: Resource, evidence: dict[str, Any]) -> Iterator[Verdict]:
    default = expected(field_of(distribution, _LIST, "DefaultCacheBehavior"), dict, _LIST, "DefaultCacheBehavior")
    behaviors = [("the default behaviour", default)]
    behaviors += [
        (f"behaviour {one.get('PathPattern')}", one) for one in _listed(distribution.fields, "CacheBehaviors")
    ]
    told = {name: one.get("ViewerProtocolPolicy") for name, one in behaviors}
    evidence[f"{_LIST}.ViewerProtocolPolicy"] = told
    for name, policy in told.items():
        if policy == _ALL:
            yield failed(f"{name} allows plain HTTP")
    for policy in told.values():
        word(policy, _HTTPS | {_ALL}, _LIST, "ViewerProtocolPolicy")
    yield passed("viewers come by HTTPS")


def _minimum(distribution: Resource, evidence: dict[str, Any]) -> Iterator[Verdict]:
    viewer = expected(field_of(distribution, _LIST, "ViewerCertificate"), dict, _LIST, "ViewerCertificate")
    default = viewer.get("CloudFrontDefaultCertificate")
    minimum = viewer.get("MinimumProtocolVersion")
    evidence[f"{_LIST}.ViewerCertificate.MinimumProtocolVersion"] = minimum
    if default is True:
        evidence[f"{_LIST}.ViewerCertificate.CloudFrontDefaultCertificate"] = True
        yield failed("allows TLSv1: the default certificate fixes the minimum")
        return
    if minimum in _OLD:
        yield failed(f"allows {minimum}")
        return
    expected(default, bool, _LIST, "ViewerCertificate.CloudFrontDefaultCertificate")
    if not _GOOD.fullmatch(expected(minimum, str, _LIST, "ViewerCertificate.MinimumProtocolVersion")):
        yield strange(_LIST, "ViewerCertificate.MinimumProtocolVersion", minimum)
    yield passed(f"minimum is {minimum}")


def _origins(distribution: Resource, evidence: dict[str, Any]) -> Iterator[Verdict]:
    origins = _listed(distribution.fields, "Origins")
    if not origins:
        raise NoAnswer(unknown(f"{_LIST} answered without Origins"))
    told: dict[str, Any] = {}
    evidence[f"{_LIST}.Origins[].OriginProtocolPolicy"] = told
    for origin in origins:
        name = expected(origin.get("DomainName"), str, _LIST, "Origins[].DomainName")
        yield from _answered(_origin(distribution, origin, name, told))
    yield passed("origins are reached by HTTPS")


def _origin(distribution: Resource, origin: dict[str, Any], name: str, told: dict[str, Any]) -> Iterator[Verdict]:
    """How one origin is reached. A bucket's is as the viewer came, which is asked above."""
    if "S3OriginConfig" in origin and "CustomOriginConfig" not in origin and "VpcOriginConfig" not in origin:
        expected(origin["S3OriginConfig"], dict, _LIST, "S3OriginConfig")
        told[name] = "as the viewer"
        return
    config, operation = _config(distribution, origin)
    policy = word(config.get("OriginProtocolPolicy"), _TO_ORIGIN, operation, "OriginProtocolPolicy")
    told[name] = policy
    if policy == "http-only":
        yield failed(f"origin {name} is reached by plain HTTP")
        return
    if policy == "match-viewer":
        yield warned(f"origin {name} is reached as the viewer comes")
    protocols = [
        word(one, _KNOWN_TO_ORIGIN, operation, "OriginSslProtocols")
        for one in _counted(config, operation, "OriginSslProtocols")
    ]
    if not protocols:
        yield unknown(f"{operation} tells no protocol by which origin {name} is reached")
    if old := sorted(_OLD_TO_ORIGIN.intersection(protocols)):
        yield warned(f"origin {name} may be reached by {old[0]}")


def _config(distribution: Resource, origin: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """How an origin is reached, and which operation said so."""
    if "VpcOriginConfig" not in origin:
        return expected(origin.get("CustomOriginConfig"), dict, _LIST, "CustomOriginConfig"), _LIST
    id = expected(nested(origin["VpcOriginConfig"], _LIST, "VpcOriginId"), str, _LIST, "VpcOriginId")
    if (refusal := refusals(distribution, _VPC)) is not None:
        raise NoAnswer(unanswered(refusal))
    told = distribution.fields.get("VpcOrigins")
    return expected(told.get(id) if isinstance(told, dict) else None, dict, _VPC, "VpcOriginEndpointConfig"), _VPC


def _listed(fields: Any, field: str) -> list[dict[str, Any]]:
    """The items of one of a distribution's lists. Raises `NoAnswer`."""
    return objects(_counted(fields, _LIST, field), _LIST, f"{field}.Items")


def _counted(fields: Any, operation: str, field: str) -> list[Any]:
    """The items of one of CloudFront's lists, which are as many as its Quantity says. Raises `NoAnswer`."""
    told = nested(fields, operation, field)
    quantity = expected(nested(told, operation, "Quantity"), int, operation, f"{field}.Quantity")
    items = expected(told.get("Items") or [], list, operation, f"{field}.Items")
    if len(items) != quantity:
        raise NoAnswer(unknown(f"{operation}: {field} tells {len(items)} of {quantity}"))
    return items
