"""What faces the outside: application gateways and front doors, which must refuse plain HTTP and old TLS."""

from typing import Any

from posture.controls.reading import NoAnswer, refusals, told
from posture.controls.registry import Context, control
from posture.resource import Resource
from posture.verdict import Verdict, failed, passed, unanswered, unknown, warned

GATEWAYS = "Microsoft.Network/applicationGateways/read"
PROFILES = "Microsoft.Cdn/profiles/read"
DOMAINS, ENDPOINTS, ROUTES = (f"Microsoft.Cdn/profiles/{kind}/read" for kind in ("customdomains", "afdendpoints", "afdendpoints/routes"))

PREDEFINED = {
    "AppGwSslPolicy20150501": "TLSv1_0",
    "AppGwSslPolicy20170401": "TLSv1_1",
    "AppGwSslPolicy20170401S": "TLSv1_2",
    "AppGwSslPolicy20220101": "TLSv1_2",
    "AppGwSslPolicy20220101S": "TLSv1_2",
}
"""Name of a predefined policy -> its minimum ("Application Gateway TLS policy overview")."""
_GOOD = {"TLSv1_2", "TLSv1_3"}
_GOOD_DOMAIN = {"TLS12", "TLS13"}


@control("azure.edge.ssl-policy", on=("azure.network.application-gateway", "azure.cdn.front-door"))
def ssl_policy(edge: Resource, see: Context) -> Verdict:
    """TLS 1.2 at least, and plain HTTP only to be sent elsewhere."""
    return _gateway(edge) if edge.type == "azure.network.application-gateway" else _front_door(edge)


def _gateway(gateway: Resource) -> Verdict:
    properties = told(gateway, GATEWAYS, "properties")
    if not isinstance(properties, dict) or not isinstance(properties.get("httpListeners"), list):
        return unknown(f"{GATEWAYS} answered without httpListeners")
    policy = properties.get("sslPolicy") or {}
    minimum = policy.get("minProtocolVersion") or PREDEFINED.get(str(policy.get("policyName")))
    serving = serving_plain(properties)
    facts: dict[str, Any] = {
        "sslPolicy": {name: policy.get(name) for name in ("policyType", "policyName", "minProtocolVersion")},
        "httpListeners that serve plain HTTP": serving,
    }
    if serving:
        return failed(f"listener {serving[0]} serves plain HTTP", facts)
    if minimum is not None and minimum not in _GOOD:
        return failed(f"accepts {minimum}", facts)
    if not policy.get("policyType"):
        return warned("no TLS policy is set: the default of its age applies", facts)
    if minimum is None:
        return unknown(f"TLS policy {policy.get('policyName')} is not known", evidence=facts)
    return passed(f"minimum is {minimum}, plain HTTP is redirected", facts)


def serving_plain(properties: dict[str, Any]) -> list[str]:
    """Names of the HTTP listeners that some rule lets serve instead of sending elsewhere."""
    plain = {str(each.get("id")).lower(): str(each.get("name")) for each in properties.get("httpListeners") or () if _of(each).get("protocol") == "Http"}
    redirects = {str(each.get("id")).lower(): _of(each) for each in properties.get("redirectConfigurations") or ()}
    https = {str(each.get("id")).lower() for each in properties.get("httpListeners") or () if _of(each).get("protocol") == "Https"}
    serving = []
    for rule in properties.get("requestRoutingRules") or ():
        listener = _id(_of(rule).get("httpListener"))
        if listener not in plain:
            continue
        redirect = redirects.get(_id(_of(rule).get("redirectConfiguration")), {})
        safe = _id(redirect.get("targetListener")) in https or str(redirect.get("targetUrl", "")).startswith("https://")
        if not safe:
            serving.append(plain[listener])
    return sorted(serving)


def _front_door(profile: Resource) -> Verdict:
    told(profile, PROFILES, "properties")
    refusal = refusals(profile, DOMAINS, ENDPOINTS, ROUTES)
    if refusal is not None:
        raise NoAnswer(unanswered(refusal))
    domains, routes = told(profile, DOMAINS, "customDomains"), told(profile, ROUTES, "routes")
    if not isinstance(domains, dict) or not isinstance(routes, dict):
        return unknown("its domains and routes have not been listed")
    old = sorted(name for name, minimum in domains.items() if minimum not in _GOOD_DOMAIN)
    plain = sorted(name for name, redirects in routes.items() if redirects is False)
    facts = {"customDomains.tlsSettings.minimumTlsVersion": domains, "routes.httpsRedirect": routes}
    if plain:
        return failed(f"route {plain[0]} serves plain HTTP", facts)
    if old:
        minimum = domains[old[0]]
        return failed(f"domain {old[0]} accepts {minimum}", facts) if minimum else warned(f"domain {old[0]} names no minimum", facts)
    return passed("minimum is TLS 1.2, plain HTTP is redirected", facts)


def _of(part: Any) -> dict[str, Any]:
    found = part.get("properties") if isinstance(part, dict) else None
    return found if isinstance(found, dict) else {}


def _id(reference: Any) -> str:
    return str(reference.get("id")).lower() if isinstance(reference, dict) else ""
