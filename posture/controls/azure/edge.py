"""What faces the outside: application gateways and front doors, which must refuse plain HTTP and old TLS."""

from collections.abc import Iterator
from typing import Any

from posture.context import Context
from posture.controls.registry import control
from posture.fields import low, part, parts, strange, text
from posture.reading import NoAnswer, expected, field_of, optional, refusals
from posture.resource import Resource
from posture.text import one_line
from posture.verdict import Status, Verdict, failed, passed, unanswered, unknown, warned

GATEWAYS = "Microsoft.Network/applicationGateways/read"
PROFILES = "Microsoft.Cdn/profiles/read"
DOMAINS, ENDPOINTS, ROUTES = (
    f"Microsoft.Cdn/profiles/{kind}/read" for kind in ("customdomains", "afdendpoints", "afdendpoints/routes")
)

PREDEFINED = {
    "appgwsslpolicy20150501": "TLSv1_0",
    "appgwsslpolicy20170401": "TLSv1_1",
    "appgwsslpolicy20170401s": "TLSv1_2",
    "appgwsslpolicy20220101": "TLSv1_2",
    "appgwsslpolicy20220101s": "TLSv1_2",
}
"""Name of a predefined policy, in lower case -> its minimum ("Application Gateway TLS policy overview")."""
_OLD, _GOOD = ("tlsv1_0", "tlsv1_1"), ("tlsv1_2", "tlsv1_3")
_OLD_DOMAIN, _GOOD_DOMAIN = {"tls10", "tls11"}, {"tls12", "tls13"}
_TYPES = {"predefined", "custom", "customv2"}
_SERVERS = ("backendAddressPool", "loadDistributionPolicy")
"""What a rule serves from, where it does not redirect."""
SERVES, REDIRECTS, UNSURE = "serves", "redirects", "unsure"


@control("azure.edge.ssl-policy", on=("azure.network.application-gateway", "azure.cdn.front-door"))
def ssl_policy(edge: Resource, context: Context) -> Verdict:
    """TLS 1.2 at least, and plain HTTP only to be sent elsewhere."""
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


def plain_listeners(properties: dict[str, Any]) -> dict[str, str]:
    """Name of each listener for plain HTTP -> whether some rule lets it serve, all send elsewhere, or that cannot be
    told. Raises `NoAnswer`.
    """
    listeners = parts(properties, GATEWAYS, "httpListeners")
    if not listeners:
        raise NoAnswer(strange(GATEWAYS, "httpListeners", listeners))
    rules = parts(properties, GATEWAYS, "requestRoutingRules")
    if rules is None:
        raise NoAnswer(strange(GATEWAYS, "requestRoutingRules", None))
    ways = _Ways(properties)
    found: dict[str, str] = {}
    for number, listener in enumerate(listeners):
        name = text(listener, GATEWAYS, "name") or f"#{number}"
        protocol = low(text(part(listener, GATEWAYS, "properties"), GATEWAYS, "protocol"))
        if protocol in {"http", "https"}:
            if protocol == "http":
                found[name] = ways.of(_id(listener), rules)
        else:
            found[name] = UNSURE
    return found


class _Ways:
    """Where the rules of a gateway lead."""

    def __init__(self, properties: dict[str, Any]) -> None:
        self._redirects = _by_id(properties, "redirectConfigurations")
        self._maps = _by_id(properties, "urlPathMaps")
        self._protocols = {
            _id(each): low(text(_of(each), GATEWAYS, "protocol"))
            for each in parts(properties, GATEWAYS, "httpListeners") or ()
        }

    def of(self, listener: str, rules: list[dict[str, Any]]) -> str:
        """What the rules of a listener do, the worst of it."""
        named = [(_id(_of(rule).get("httpListener")), _of(rule)) for rule in rules]
        unheard = [UNSURE for whose, _ in named if whose not in self._protocols]
        return (
            _worst([*unheard, *(how for whose, rule in named if whose == listener for how in self._rule(rule))])
            if listener
            else UNSURE
        )

    def _rule(self, rule: dict[str, Any]) -> Iterator[str]:
        if rule.get("urlPathMap") is None:
            yield self._end(rule)
        else:
            paths = self._maps.get(_id(rule["urlPathMap"]), {})
            branches = parts(paths, GATEWAYS, "pathRules")
            yield self._end(
                {
                    name: paths.get(f"default{name[0].upper()}{name[1:]}")
                    for name in (*_SERVERS, "redirectConfiguration")
                }
            )
            yield from (self._end(_of(branch)) for branch in branches) if branches is not None else (UNSURE,)

    def _end(self, way: dict[str, Any]) -> str:
        """Where one way ends: at a redirect to HTTPS, or at a backend."""
        if way.get("redirectConfiguration") is None:
            return SERVES if any(_id(way.get(name)) for name in _SERVERS) else UNSURE
        redirect = self._redirects.get(_id(way["redirectConfiguration"]))
        if redirect is None:
            return UNSURE
        target, url = _id(redirect.get("targetListener")), low(text(redirect, GATEWAYS, "targetUrl"))
        if target:
            return {"https": REDIRECTS, "http": SERVES}.get(self._protocols.get(target) or "", UNSURE)
        if url is None:
            return UNSURE
        return REDIRECTS if url.startswith("https://") else SERVES if url.startswith("http://") else UNSURE


def _worst(ways: list[str]) -> str:
    return SERVES if SERVES in ways else REDIRECTS if ways and UNSURE not in ways else UNSURE


def _policies(properties: dict[str, Any], own: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The TLS policy of each listener that has one in a profile of its own, and the gateway's where one has not."""
    profiles = _by_id(properties, "sslProfiles")
    on_its_own = False
    listeners = [
        *(parts(properties, GATEWAYS, "httpListeners") or ()),
        *(parts(properties, GATEWAYS, "listeners") or ()),
    ]
    for listener in listeners:
        settings = _of(listener)
        if low(text(settings, GATEWAYS, "protocol")) in {"http", "tcp"}:
            continue
        name = text(listener, GATEWAYS, "name") or "?"
        policy: Any = None
        if settings.get("sslProfile") is not None:
            profile = profiles.get(_id(settings["sslProfile"]))
            if not profile:
                raise NoAnswer(
                    unknown(f"the SSL profile of listener {name} is not among the gateway's, or says nothing")
                )
            policy = profile.get("sslPolicy")
        if policy is not None:
            yield f"listener {name}", expected(policy, dict, GATEWAYS, "sslProfiles.sslPolicy")
        else:
            on_its_own = True
    if on_its_own or all(low(text(_of(each), GATEWAYS, "protocol")) == "http" for each in listeners):
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


def route_redirects(endpoint: Any, route: Any) -> bool | None:
    """Whether a route (properties of it and of its endpoint) sends plain HTTP elsewhere or takes none; None where it
    does not say.
    """
    states = {low(text(part(each, ROUTES, "properties"), ROUTES, "enabledState")) for each in (endpoint, route)}
    properties = part(route, ROUTES, "properties")
    if "disabled" in states:
        return True
    protocols = properties.get("supportedProtocols")
    if (
        not isinstance(protocols, list)
        or not protocols
        or not all(isinstance(each, str) and low(each) in {"http", "https"} for each in protocols)
    ):
        return None
    redirect = low(text(properties, ROUTES, "httpsRedirect"))
    if "http" not in {low(each) for each in protocols} or redirect == "enabled":
        return True
    return False if redirect == "disabled" and states <= {None, "enabled"} else None


# ---------------------------------------------------------------- parts of an answer


def _by_id(properties: dict[str, Any], field: str) -> dict[str, dict[str, Any]]:
    return {_id(each): _of(each) for each in parts(properties, GATEWAYS, field) or () if _id(each)}


def _of(child: dict[str, Any]) -> dict[str, Any]:
    return part(child, GATEWAYS, "properties")


def _id(reference: Any) -> str:
    """An id as it is compared, empty where there is none."""
    found = reference.get("id") if isinstance(reference, dict) else None
    return found.strip().rstrip("/").casefold() if isinstance(found, str) else ""
