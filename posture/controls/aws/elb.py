"""Load balancers: what faces the internet speaks TLS, plain HTTP only leads to it, and old TLS is refused."""

from collections import Counter
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from posture.aws.edge import NEGOTIATION, TLS_PROTOCOLS, last_action
from posture.context import Context
from posture.controls.registry import control
from posture.reading import NoAnswer, expected, field_of, nested, objects, refusals, texts, word
from posture.resource import Resource
from posture.text import one_line
from posture.verdict import Verdict, failed, not_applicable, passed, unanswered, unknown, warned

BALANCER, LISTENER = "aws.elb.load-balancer", "aws.elb.listener"
_BALANCERS = "elasticloadbalancing:DescribeLoadBalancers"
_LISTENERS = "elasticloadbalancing:DescribeListeners"
_RULES = "elasticloadbalancing:DescribeRules"
_POLICIES = "elasticloadbalancing:DescribeSSLPolicies"
_CLASSIC = "elasticloadbalancing:DescribeLoadBalancerPolicies"
_PASSED_ON = frozenset({"TCP", "TCP_UDP", "QUIC", "TCP_QUIC"})
_NOT_WEB = frozenset({"UDP", "GENEVE"})
_PROTOCOLS = TLS_PROTOCOLS | _PASSED_ON | _NOT_WEB | {"HTTP"}
_SCHEMES = frozenset({"internet-facing", "internal"})
_WEB_PORTS = frozenset({80, 443, 8000, 8008, 8080, 8081, 8088, 8443, 8888, 9000, 9443})
_MODERN, _OLD = frozenset({"TLSv1.2", "TLSv1.3"}), frozenset({"SSLv2", "SSLv3", "TLSv1", "TLSv1.1"})
# The parts of OpenSSL's names of suites: those that are broken, and all others that there are.
_BROKEN = frozenset({"RC4", "RC2", "DES", "3DES", "NULL", "EXP", "ADH", "AECDH", "MD5"})
_PARTS = _BROKEN | {
    *("ECDHE", "DHE", "EDH", "ECDH", "DH", "ECDSA", "RSA", "DSS", "PSK", "KRB5", "SRP"),
    *("AES128", "AES256", "CAMELLIA128", "CAMELLIA256", "ARIA128", "ARIA256", "SEED", "IDEA", "CHACHA20", "POLY1305"),
    *("GCM", "CCM", "CCM8", "CBC", "CBC3", "EDE", "SHA", "SHA256", "SHA384"),
}
_OF_TLS_13 = frozenset(
    {
        *("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"),
        *("TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"),
    }
)


class Way(IntEnum):
    """What a rule does with a request over plain HTTP, worst first."""

    FORWARDS = 0
    TO_HTTP = 1
    FIXED = 2
    UNSAID = 3
    FOUND = 4
    MOVED = 5


_WORDS = {
    Way.FORWARDS: "forwards",
    Way.TO_HTTP: "redirects to plain HTTP",
    Way.FIXED: "answers fixed content",
    Way.UNSAID: "does not say what it does",
    Way.FOUND: "redirects to HTTPS by 302",
    Way.MOVED: "redirects to HTTPS by 301",
}
_TYPES = {"forward": Way.FORWARDS, "fixed-response": Way.FIXED}
_CODES = {"HTTP_301": Way.MOVED, "HTTP_302": Way.FOUND}


@control("aws.elb.listener-tls", on=(LISTENER, BALANCER))
def listener_tls(listener: Resource, context: Context) -> Verdict:
    """What only passes bytes on is judged by the probe. A balancer whose listeners are refused is unknown itself."""
    if listener.type == BALANCER:
        return _listeners_told(listener)
    protocol = _protocol(listener, context)
    if protocol in _NOT_WEB:
        return not_applicable(f"{protocol}: nothing that HTTPS could be asked of")
    scheme = _scheme(listener, context)
    evidence: dict[str, Any] = {f"{_LISTENERS}.Protocol": protocol, f"{_BALANCERS}.Scheme": scheme}
    if scheme == "internal":
        return not_applicable("internal: no client comes from the internet", evidence)
    if protocol in TLS_PROTOCOLS:
        return passed(f"terminates TLS ({protocol})", evidence)
    if protocol in _PASSED_ON:
        port = expected(_own(listener, "Port", "LoadBalancerPort"), int, _LISTENERS, "Port")
        evidence[f"{_LISTENERS}.Port"] = port
        if port in _WEB_PORTS:
            return warned(f"passes {protocol} through on a web port: what answers is judged by the TLS probe", evidence)
        return not_applicable(f"passes {protocol} through on port {port}, not a web port", evidence)
    ways = _ways(listener)
    evidence |= _shown(ways)
    for way in (Way.FORWARDS, Way.TO_HTTP):
        if rules := [name for name, found in ways.items() if found is way]:
            return failed(f"plain HTTP: {rules[0]} {_WORDS[way]}", evidence)
    _all_said(listener, ways, evidence)
    if Way.FIXED in ways.values():
        return warned("plain HTTP: forwards nothing, and does not only redirect to HTTPS", evidence)
    return passed("plain HTTP only redirects to HTTPS", evidence)


@control("aws.elb.http-redirect", on=LISTENER)
def http_redirect(listener: Resource, context: Context) -> Verdict:
    """A default that redirects does not cover the other rules. Inside the network the document promises nothing."""
    protocol = _protocol(listener, context)
    if protocol != "HTTP":
        return not_applicable(f"{protocol}: not a listener for plain HTTP")
    ways = _ways(listener)
    evidence = _shown(ways)
    name, worst = min(ways.items(), key=lambda way: way[1])
    if worst <= Way.FIXED:
        said = f"{name} {_WORDS[worst]}"
        scheme = _scheme(listener, context)
        evidence[f"{_BALANCERS}.Scheme"] = scheme
        return failed(said, evidence) if scheme != "internal" else warned(f"internal: {said}", evidence)
    _all_said(listener, ways, evidence)
    if worst is Way.FOUND:
        return warned(f"{name} {_WORDS[worst]}, which no browser remembers", evidence)
    return passed("every rule redirects to HTTPS", evidence)


@control("aws.elb.ssl-policy", on=LISTENER)
def ssl_policy(listener: Resource, context: Context) -> Verdict:
    """By what the policy allows, never by its name: names are added every year."""
    protocol = _protocol(listener, context)
    if protocol not in TLS_PROTOCOLS:
        return not_applicable(f"{protocol}: no TLS ends here")
    operation, name, protocols, suites = _classic_policy(listener) if _is_classic(listener) else _policy(listener)
    evidence = {
        f"{_LISTENERS}.SslPolicy": name,
        f"{operation}.SslProtocols": sorted(protocols),
        f"{operation}.Ciphers[].Name": suites,
    }
    if old := sorted(set(protocols) & _OLD):
        return failed(f"allows {', '.join(old)}", evidence)
    parts = {suite: set(suite.split("-")) for suite in suites if suite not in _OF_TLS_13}
    if broken := [suite for suite, of in parts.items() if of & _BROKEN]:
        return failed(f"allows {broken[0]}", evidence)
    strange = [*sorted(set(protocols) - _MODERN), *(suite for suite, of in parts.items() if not of <= _PARTS)]
    if strange:
        return unknown(f"{operation}: {one_line(repr(strange[0]), 60)} is not known to enctop", evidence=evidence)
    if lasting := [suite for suite in parts if suite.split("-")[0] not in {"ECDHE", "DHE", "EDH"}]:
        return warned(f"allows {lasting[0]}, without forward secrecy", evidence)
    if "TLSv1.3" not in protocols:
        return warned("TLS 1.2 only", evidence)
    if parts and not any(of & {"GCM", "CCM", "CCM8", "POLY1305"} for of in parts.values()):
        return warned("TLS 1.2 with CBC suites only", evidence)
    return passed(f"{' and '.join(sorted(protocols))}, no weak suite", evidence)


# ---------------------------------------------------------------- what is read of a listener


def _listeners_told(balancer: Resource) -> Verdict:
    """A balancer itself is not judged, once it is known which listeners it has."""
    classic = "ListenerDescriptions" in balancer.fields
    operation, field = (_BALANCERS, "ListenerDescriptions") if classic else (_LISTENERS, "Listeners")
    many = len(objects(field_of(balancer, operation, field), operation, field))
    return not_applicable(f"its listeners are judged, each by itself: {many}" if many else "it has no listener")


def _is_classic(listener: Resource) -> bool:
    return "Listener" in listener.fields


def _own(listener: Resource, field: str, of_classic: str) -> Any:
    """Protocol or port. Raises `NoAnswer` where it was refused."""
    if _is_classic(listener):
        told = expected(field_of(listener, _BALANCERS, "Listener"), dict, _BALANCERS, "Listener")
        return nested(told, _BALANCERS, of_classic)
    return field_of(listener, _LISTENERS, field)


def _protocol(listener: Resource, context: Context) -> str:
    """What it speaks. Raises `NoAnswer` for a word that is not known."""
    if "Protocol" not in listener.fields and not _is_classic(listener) and not refusals(listener, _LISTENERS):
        balancer = context.linked(listener, "load-balancer")
        if balancer is not None and balancer.fields.get("Type") == "gateway":
            return "GENEVE"
    return word(_own(listener, "Protocol", "Protocol"), _PROTOCOLS, _LISTENERS, "Protocol")


def _scheme(listener: Resource, context: Context) -> str:
    balancer = context.linked(listener, "load-balancer")
    if balancer is None:
        raise NoAnswer(unknown("its load balancer has not been seen"))
    return word(field_of(balancer, _BALANCERS, "Scheme"), _SCHEMES, _BALANCERS, "Scheme")


def _ways(listener: Resource) -> dict[str, Way]:
    """What each rule of a listener for HTTP does: one that forwards by default is told by that alone."""
    if _is_classic(listener):
        return {"a classic listener": Way.FORWARDS}
    actions = field_of(listener, _LISTENERS, "DefaultActions")
    default = _way(objects(actions, _LISTENERS, "DefaultActions"))
    if default is Way.FORWARDS:
        return {"the default rule": default}
    if (refusal := refusals(listener, _RULES)) is not None:
        if default <= Way.FIXED:
            return {"the default rule": default, "the other rules": Way.UNSAID}
        raise NoAnswer(unanswered(refusal))
    rules = objects(field_of(listener, _RULES, "Rules"), _RULES, "Rules")
    defaults = [expected(rule.get("IsDefault"), bool, _RULES, "IsDefault") for rule in rules]
    if not any(defaults):
        raise NoAnswer(unknown(f"{_RULES} answered without the default rule"))
    ways: dict[str, Way] = {"the default rule": default}
    for number, (rule, is_default) in enumerate(zip(rules, defaults, strict=True)):
        name = "the default rule" if is_default else f"rule {rule.get('Priority') or number}"
        found = _way(objects(rule.get("Actions"), _RULES, "Actions"))
        ways[name] = min(found, ways.get(name, found))
    return ways


def _way(actions: list[dict[str, Any]]) -> Way:
    action = last_action(actions)
    kind = action.get("Type")
    if kind != "redirect":
        return _TYPES.get(kind, Way.UNSAID) if isinstance(kind, str) else Way.UNSAID
    config = action.get("RedirectConfig")
    match config.get("Protocol") if isinstance(config, dict) else None:
        case "HTTPS":
            code = config.get("StatusCode") if isinstance(config, dict) else None
            return _CODES.get(code, Way.UNSAID) if isinstance(code, str) else Way.UNSAID
        case "HTTP" | "#{protocol}":
            return Way.TO_HTTP
        case _:
            return Way.UNSAID


def _all_said(listener: Resource, ways: Mapping[str, Way], evidence: Mapping[str, Any]) -> None:
    """Raise `NoAnswer` where a rule does not say what it does in words that are known."""
    unsaid = [name for name, way in ways.items() if way is Way.UNSAID]
    if unsaid:
        refusal = refusals(listener, _RULES)
        why = f"{unsaid[0]} {_WORDS[Way.UNSAID]} in words that enctop knows"
        raise NoAnswer(unanswered(refusal) if refusal else unknown(why, evidence=evidence))


def _shown(ways: Mapping[str, Way]) -> dict[str, Any]:
    return {f"{_RULES}.Rules[].Actions": dict(Counter(_WORDS[way] for way in ways.values()))}


def _policy(listener: Resource) -> tuple[str, str, list[str], list[str]]:
    """Operation, name, protocols and suites of the policy that a listener names."""
    name = expected(field_of(listener, _LISTENERS, "SslPolicy"), str, _LISTENERS, "SslPolicy")
    protocols = texts(field_of(listener, _POLICIES, "SslProtocols"), _POLICIES, "SslProtocols")
    suites = [
        expected(cipher.get("Name"), str, _POLICIES, "Ciphers[].Name")
        for cipher in objects(field_of(listener, _POLICIES, "Ciphers"), _POLICIES, "Ciphers")
    ]
    if not name or not protocols or not suites:
        raise NoAnswer(unknown(f"{_POLICIES} tells nothing that {name or 'the policy'} allows"))
    return _POLICIES, name, protocols, suites


def _classic_policy(listener: Resource) -> tuple[str, str, list[str], list[str]]:
    """The same of a classic listener's own policy, which lists each protocol and suite with `true` or `false`."""
    told = objects(field_of(listener, _CLASSIC, "PolicyDescriptions"), _CLASSIC, "PolicyDescriptions")
    mine = [policy for policy in told if policy.get("PolicyTypeName") == NEGOTIATION]
    if len(mine) != 1:
        raise NoAnswer(unknown(f"{_CLASSIC} tells {len(mine)} policies about TLS"))
    attributes = objects(
        nested(mine[0], _CLASSIC, "PolicyAttributeDescriptions"), _CLASSIC, "PolicyAttributeDescriptions"
    )
    names = [expected(one.get("AttributeName"), str, _CLASSIC, "AttributeName") for one in attributes]
    values = [
        word(one.get("AttributeValue"), {"true", "false"}, _CLASSIC, name)
        for one, name in zip(attributes, names, strict=True)
        if name not in _NO_SWITCH
    ]
    switches = [name for name in names if name not in _NO_SWITCH]
    on = [name for name, value in zip(switches, values, strict=True) if value == "true" and name != _ORDER]
    protocols = [name.removeprefix("Protocol-") for name in on if name.startswith("Protocol-")]
    suites = [name for name in on if not name.startswith("Protocol-")]
    if not protocols or not suites:
        raise NoAnswer(unknown(f"{_CLASSIC} tells no protocol or suite that is on"))
    return _CLASSIC, str(mine[0].get("PolicyName")), protocols, suites


_NO_SWITCH = frozenset({"Reference-Security-Policy"})
_ORDER = "Server-Defined-Cipher-Order"
