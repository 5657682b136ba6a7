"""Where plain HTTP leads that an application gateway or a front door takes."""

from collections.abc import Iterator
from typing import Any

from posture.fields import low, part, parts, strange, text
from posture.reading import NoAnswer

GATEWAYS = "Microsoft.Network/applicationGateways/read"
CLASSIC = "Microsoft.Network/frontDoors/read"
ROUTES = "Microsoft.Cdn/profiles/afdendpoints/routes/read"
PREDEFINED = {
    "appgwsslpolicy20150501": "TLSv1_0",
    "appgwsslpolicy20170401": "TLSv1_1",
    "appgwsslpolicy20170401s": "TLSv1_2",
    "appgwsslpolicy20220101": "TLSv1_2",
    "appgwsslpolicy20220101s": "TLSv1_2",
}
"""Name of a predefined policy, in lower case -> its minimum ("Application Gateway TLS policy overview")."""
_SERVERS = ("backendAddressPool", "loadDistributionPolicy")
"""What a rule serves from, where it does not redirect."""
SERVES, REDIRECTS, UNSURE = "serves", "redirects", "unsure"


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
                found[name] = ways.of(id_of(listener), rules)
        else:
            found[name] = UNSURE
    return found


class _Ways:
    """Where the rules of a gateway lead."""

    def __init__(self, properties: dict[str, Any]) -> None:
        self._redirects = by_id(properties, "redirectConfigurations")
        self._maps = by_id(properties, "urlPathMaps")
        self._protocols = {
            id_of(each): low(text(properties_of(each), GATEWAYS, "protocol"))
            for each in parts(properties, GATEWAYS, "httpListeners") or ()
        }

    def of(self, listener: str, rules: list[dict[str, Any]]) -> str:
        """What the rules of a listener do, the worst of it."""
        named = [(id_of(properties_of(rule).get("httpListener")), properties_of(rule)) for rule in rules]
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
            paths = self._maps.get(id_of(rule["urlPathMap"]), {})
            branches = parts(paths, GATEWAYS, "pathRules")
            yield self._end(
                {
                    name: paths.get(f"default{name[0].upper()}{name[1:]}")
                    for name in (*_SERVERS, "redirectConfiguration")
                }
            )
            yield from (self._end(properties_of(branch)) for branch in branches) if branches is not None else (UNSURE,)

    def _end(self, way: dict[str, Any]) -> str:
        """Where one way ends: at a redirect to HTTPS, or at a backend."""
        if way.get("redirectConfiguration") is None:
            return SERVES if any(id_of(way.get(name)) for name in _SERVERS) else UNSURE
        redirect = self._redirects.get(id_of(way["redirectConfiguration"]))
        if redirect is None:
            return UNSURE
        target, url = id_of(redirect.get("targetListener")), low(text(redirect, GATEWAYS, "targetUrl"))
        if target:
            return {"https": REDIRECTS, "http": SERVES}.get(self._protocols.get(target) or "", UNSURE)
        if url is None:
            return UNSURE
        return REDIRECTS if url.startswith("https://") else SERVES if url.startswith("http://") else UNSURE


def _worst(ways: list[str]) -> str:
    return SERVES if SERVES in ways else REDIRECTS if ways and UNSURE not in ways else UNSURE


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


def classic_routes(properties: dict[str, Any]) -> dict[str, str]:
    """Name of each rule of a classic front door that is on and takes plain HTTP -> whether it serves, sends it
    elsewhere, or that cannot be told: a rules engine may do either. Raises `NoAnswer`.
    """
    rules = parts(properties, CLASSIC, "routingRules")
    if not rules:
        raise NoAnswer(strange(CLASSIC, "routingRules", rules))
    found: dict[str, str] = {}
    for number, rule in enumerate(rules):
        settings = part(rule, CLASSIC, "properties")
        state, accepted = low(text(settings, CLASSIC, "enabledState")), settings.get("acceptedProtocols")
        if state == "disabled":
            continue
        words = [low(each) for each in accepted if isinstance(each, str)] if isinstance(accepted, list) else []
        known = words and len(words) == len(accepted or ()) and set(words) <= {"http", "https"}
        if not known or state not in {None, "enabled"}:
            found[text(rule, CLASSIC, "name") or f"#{number}"] = UNSURE
        elif "http" in words:
            found[text(rule, CLASSIC, "name") or f"#{number}"] = _classic_way(settings)
    return found


def _classic_way(settings: dict[str, Any]) -> str:
    way = part(settings, CLASSIC, "routeConfiguration")
    kind = (low(text(way, CLASSIC, "@odata.type")) or "").rpartition(".")[2]
    if kind == "frontdoorredirectconfiguration":
        target = low(text(way, CLASSIC, "redirectProtocol"))
        return {"httpsonly": REDIRECTS, "httponly": SERVES, "matchrequest": SERVES}.get(target or "", UNSURE)
    if kind == "frontdoorforwardingconfiguration":
        return UNSURE if settings.get("rulesEngine") is not None else SERVES
    return UNSURE


def classic_domains(properties: dict[str, Any]) -> dict[str, str | None]:
    """Host of each domain of a classic front door's own -> its least TLS version, None where it names none.
    The default host (`.azurefd.net`) has no setting. Raises `NoAnswer`.
    """
    ends = parts(properties, CLASSIC, "frontendEndpoints")
    if not ends:
        raise NoAnswer(strange(CLASSIC, "frontendEndpoints", ends))
    found: dict[str, str | None] = {}
    for end in ends:
        settings = part(end, CLASSIC, "properties")
        host = text(settings, CLASSIC, "hostName")
        if host is None:
            raise NoAnswer(strange(CLASSIC, "frontendEndpoints.hostName", None))
        if settings.get("customHttpsConfiguration") is not None or not host.lower().endswith(".azurefd.net"):
            found[host] = text(part(settings, CLASSIC, "customHttpsConfiguration"), CLASSIC, "minimumTlsVersion")
    return found


def by_id(properties: dict[str, Any], field: str) -> dict[str, dict[str, Any]]:
    """The properties of a gateway's children of one field by their ids. Raises `NoAnswer`."""
    return {id_of(each): properties_of(each) for each in parts(properties, GATEWAYS, field) or () if id_of(each)}


def properties_of(child: dict[str, Any]) -> dict[str, Any]:
    """The properties of a child. Raises `NoAnswer`."""
    return part(child, GATEWAYS, "properties")


def id_of(reference: Any) -> str:
    """An id as it is compared, empty where there is none."""
    found = reference.get("id") if isinstance(reference, dict) else None
    return found.strip().rstrip("/").casefold() if isinstance(found, str) else ""
