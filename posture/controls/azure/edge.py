"""What faces the outside: application gateways and front doors, which must refuse plain HTTP and old TLS."""

from collections.abc import Iterator
from typing import Any

from posture.azure.edge import (
    CLASSIC,
    GATEWAYS,
    PREDEFINED,
    ROUTES,
    SERVES,
    UNSURE,
    by_id,
    classic_domains,
    classic_routes,
    id_of,
    plain_listeners,
    properties_of,
)
from posture.context import Context
from posture.controls.registry import control
from posture.fields import low, part, parts, strange, text
from posture.reading import NoAnswer, expected, field_of, optional, refusals
from posture.resource import Resource
from posture.text import one_line
from posture.verdict import Status, Verdict, failed, not_applicable, passed, unanswered, unknown, warned

PROFILES = "Microsoft.Cdn/profiles/read"
DOMAINS, ENDPOINTS = (f"Microsoft.Cdn/profiles/{kind}/read" for kind in ("customdomains", "afdendpoints"))

_OLD, _GOOD = ("tlsv1_0", "tlsv1_1"), ("tlsv1_2", "tlsv1_3")
_OLD_DOMAIN, _GOOD_DOMAIN = {"tls10", "tls11"}, {"tls12", "tls13"}
_TYPES = {"predefined", "custom", "customv2"}


@control(
    "azure.edge.ssl-policy",
    on=("azure.network.application-gateway", "azure.network.front-door", "azure.cdn.front-door"),
)
def ssl_policy(edge: Resource, context: Context) -> Verdict:
    """TLS 1.2 at least, and plain HTTP only to be sent elsewhere."""
    if edge.type == "azure.network.front-door":
        return _classic_door(edge)
    return _gateway(edge) if edge.type == "azure.network.application-gateway" else _front_door(edge)


# ---------------------------------------------------------------- application gateways


def _gateway(gateway: Resource) -> Verdict:
    properties = expected(field_of(gateway, GATEWAYS, "properties"), dict, GATEWAYS, "properties")
    plain = plain_listeners(properties)
    serving = sorted(name for name, how in plain.items() if how == SERVES)
    own = part(properties, GATEWAYS, "sslPolicy")
    facts: dict[str, Any] = {"sslPolicy": _shown(own), "httpListeners that serve plain HTTP": serving}
    if serving:
        return failed(f"listener {serving[0]} serves plain HTTP", facts)
    policies = list(_policies(properties, own))
    facts |= {"sslProfiles": {whose: _shown(policy) for whose, policy in policies if policy is not own}}
    verdicts = [_policy(whose, policy, facts) for whose, policy in policies]
    worst = min(verdicts, key=lambda verdict: verdict.status)
    unsure = sorted(name for name, how in plain.items() if how == UNSURE)
    if unsure and worst.status is not Status.FAIL:
        return unknown(f"where listener {unsure[0]} sends plain HTTP is not said", evidence=facts)
    return worst


def _policies(properties: dict[str, Any], own: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The TLS policy of each listener that has one in a profile of its own, and the gateway's where one has not."""
    profiles = by_id(properties, "sslProfiles")
    on_its_own = False
    listeners = [
        *(parts(properties, GATEWAYS, "httpListeners") or ()),
        *(parts(properties, GATEWAYS, "listeners") or ()),
    ]
    for listener in listeners:
        settings = properties_of(listener)
        if low(text(settings, GATEWAYS, "protocol")) in {"http", "tcp"}:
            continue
        name = text(listener, GATEWAYS, "name") or "?"
        policy: Any = None
        if settings.get("sslProfile") is not None:
            profile = profiles.get(id_of(settings["sslProfile"]))
            if not profile:
                raise NoAnswer(
                    unknown(f"the SSL profile of listener {name} is not among the gateway's, or says nothing")
                )
            policy = profile.get("sslPolicy")
        if policy is not None:
            yield f"listener {name}", expected(policy, dict, GATEWAYS, "sslProfiles.sslPolicy")
        else:
            on_its_own = True
    if on_its_own or all(low(text(properties_of(each), GATEWAYS, "protocol")) == "http" for each in listeners):
        yield "", own


def _policy(whose: str, policy: dict[str, Any], facts: dict[str, Any]) -> Verdict:
    """Whether a TLS policy is strict enough; `whose` is the listener's, "" for the gateway's own."""
    before = f"{whose} " if whose else ""
    kind, name = text(policy, GATEWAYS, "policyType"), text(policy, GATEWAYS, "policyName")
    said = [
        text(policy, GATEWAYS, "minProtocolVersion"),
        None if name is None else PREDEFINED.get(name.strip().casefold(), name),
    ]
    minima = [each for each in said if each is not None]
    old = [each for each in minima if low(each) in _OLD]
    if old:
        return failed(f"{before}accepts {old[0]}", facts)
    if kind is None:
        return warned(
            f"{before}has no TLS policy set: the default of its age applies"
            if whose
            else "no TLS policy is set: the default of its age applies",
            facts,
        )
    if low(kind) not in _TYPES:
        return strange(GATEWAYS, "sslPolicy.policyType", kind)
    if not minima or any(low(each) not in _GOOD for each in minima):
        return unknown(f"{before}TLS policy {one_line(' '.join(minima) or kind, 60)} is not known", evidence=facts)
    return passed(f"minimum is {minima[0]}, plain HTTP is redirected", facts)


def _shown(policy: dict[str, Any]) -> dict[str, Any]:
    return {name: policy.get(name) for name in ("policyType", "policyName", "minProtocolVersion")}


# ---------------------------------------------------------------- front doors


def _classic_door(door: Resource) -> Verdict:
    """Its answer holds its rules and hosts; a rules engine's own rules are not read."""
    properties = expected(field_of(door, CLASSIC, "properties"), dict, CLASSIC, "properties")
    if low(text(properties, CLASSIC, "enabledState")) == "disabled":
        return not_applicable("is switched off", {"enabledState": properties["enabledState"]})
    routes, domains = classic_routes(properties), classic_domains(properties)
    facts: dict[str, Any] = {
        "routingRules that take plain HTTP": routes,
        "frontendEndpoints.customHttpsConfiguration.minimumTlsVersion": domains,
    }
    serving = [name for name, how in routes.items() if how == SERVES]
    old = [host for host, minimum in domains.items() if minimum in {"1.0", "1.1"}]
    if serving:
        return failed(f"rule {serving[0]} serves plain HTTP", facts)
    if old:
        return failed(f"domain {old[0]} accepts TLS {domains[old[0]]}", facts)
    if unsure := [name for name, how in routes.items() if how == UNSURE]:
        return unknown(f"rule {unsure[0]} does not say where it sends plain HTTP", evidence=facts)
    for host, minimum in domains.items():
        if minimum not in {None, "1.2", "1.3"}:
            return strange(CLASSIC, f"{host} minimumTlsVersion", minimum)
    if unsaid := [host for host, minimum in domains.items() if minimum is None]:
        return warned(f"domain {unsaid[0]} names no minimum", facts)
    return passed("minimum is TLS 1.2, plain HTTP is redirected", facts)


def _front_door(profile: Resource) -> Verdict:
    optional(field_of(profile, PROFILES, "properties"), dict, PROFILES, "properties")
    refusal = refusals(profile, DOMAINS, ENDPOINTS, ROUTES)
    if refusal is not None:
        raise NoAnswer(unanswered(refusal))
    domains = expected(field_of(profile, DOMAINS, "customDomains"), dict, DOMAINS, "customDomains")
    routes = expected(field_of(profile, ROUTES, "routes"), dict, ROUTES, "routes")
    minima = {name: text(domains, DOMAINS, name) for name in sorted(domains)}
    old = [name for name, minimum in minima.items() if low(minimum) in _OLD_DOMAIN]
    unsaid = [name for name, minimum in minima.items() if minimum is None]
    plain = sorted(name for name, redirects in routes.items() if redirects is False)
    facts = {"customDomains.tlsSettings.minimumTlsVersion": domains, "routes.httpsRedirect": routes}
    if plain:
        return failed(f"route {plain[0]} serves plain HTTP", facts)
    if old:
        return failed(f"domain {old[0]} accepts {minima[old[0]]}", facts)
    for name, redirects in routes.items():
        if redirects is not True:
            return unknown(f"route {name} does not say whether it redirects plain HTTP", evidence=facts)
    for name, minimum in minima.items():
        if minimum is not None and low(minimum) not in _GOOD_DOMAIN:
            return strange(DOMAINS, f"{name} tlsSettings.minimumTlsVersion", minimum)
    if unsaid:
        return warned(f"domain {unsaid[0]} names no minimum", facts)
    return passed("minimum is TLS 1.2, plain HTTP is redirected", facts)
