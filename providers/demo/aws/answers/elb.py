"""Load balancers of both APIs, in pages as large as the real ones, and the TLS policies with all that they allow."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from moto.elbv2.ssl_policies import SSL_POLICIES

from providers.demo.answer import Answer, Environ
from providers.demo.aws.answer import error
from providers.demo.aws.answers.written import written
from providers.demo.aws.request import Asked
from providers.demo.paging import page

MAX_PAGE = 400
CLASSIC = "2012-06-01"
"""The version of the classic API: both are asked under one name."""


def describe_load_balancers(asked: Asked, environ: Environ) -> Answer | None:
    """All of them; a question about some is moto's."""
    classic = asked.parameters.get("Version") == CLASSIC
    if any(name.startswith(("LoadBalancerArns.", "Names.", "LoadBalancerNames.")) for name in asked.parameters):
        return None
    if classic:
        return _page(asked, "elb", "LoadBalancerDescriptions", _elb(asked).load_balancers.values(), _name, _classic)
    return _page(asked, "elbv2", "LoadBalancers", _elbv2(asked).load_balancers.values(), _arn, _balancer)


def describe_listeners(asked: Asked, environ: Environ) -> Answer | None:
    """Those of one load balancer; a question about some is moto's."""
    if (arn := asked.parameters.get("LoadBalancerArn")) is None:
        return None
    balancer = _elbv2(asked).load_balancers.get(arn)
    if balancer is None:
        return error(asked.service, 400, "LoadBalancerNotFound", "One or more load balancers not found")
    gateway = balancer.type == "gateway"
    return _page(asked, "elbv2", "Listeners", balancer.listeners.values(), _arn, lambda one: _listener(one, gateway))


def describe_rules(asked: Asked, environ: Environ) -> Answer | None:
    """Those of one listener; a question about some is moto's."""
    if (arn := asked.parameters.get("ListenerArn")) is None:
        return None
    for balancer in _elbv2(asked).load_balancers.values():
        if (listener := balancer.listeners.get(arn)) is not None:
            return _page(asked, "elbv2", "Rules", listener.rules.values(), _priority, _rule)
    return error(asked.service, 400, "ListenerNotFound", "One or more listeners not found")


def describe_ssl_policies(asked: Asked, environ: Environ) -> Answer:
    """Every policy, or those that are named."""
    wanted = asked.listed("Names.member")
    if unknown := [name for name in wanted if name not in SSL_POLICIES]:
        return error(asked.service, 400, "SSLPolicyNotFound", f"Policy not found: {unknown[0]}")
    policies = [policy for name, policy in SSL_POLICIES.items() if not wanted or name in wanted]
    return _page(asked, "elbv2", "SslPolicies", policies, lambda policy: str(policy["name"]), _policy)


def describe_load_balancer_policies(asked: Asked, environ: Environ) -> Answer | None:
    """The policies of one classic load balancer; the samples, and some of one, are moto's."""
    name = asked.parameters.get("LoadBalancerName")
    if name is None or asked.listed("PolicyNames.member"):
        return None
    balancer = _elb(asked).load_balancers.get(name)
    if balancer is None:
        return error(asked.service, 400, "LoadBalancerNotFound", f"There is no ACTIVE Load Balancer named '{name}'")
    told = [
        {
            "PolicyName": policy.policy_name,
            "PolicyTypeName": policy.policy_type_name,
            "PolicyAttributeDescriptions": getattr(policy, "policy_attribute_descriptions", []),
        }
        for policy in balancer.policies
    ]
    return written("elb", "DescribeLoadBalancerPolicies", {"PolicyDescriptions": told})


def _page(
    asked: Asked,
    service: str,
    field: str,
    things: Iterable[Any],
    name: Callable[[Any], str],
    row: Callable[[Any], Mapping[str, Any]],
) -> Answer:
    size = int(asked.parameters.get("PageSize", MAX_PAGE))
    if not 1 <= size <= MAX_PAGE:
        return error(asked.service, 400, "ValidationError", f"PageSize must be between 1 and {MAX_PAGE}")
    shown, token = page(list(things), name, size, asked.parameters.get("Marker"))
    operation = asked.operation.partition(":")[2]
    return written(service, operation, {field: list(map(row, shown)), "NextMarker": token})


def _arn(thing: Any) -> str:
    return str(thing.arn)


def _name(thing: Any) -> str:
    return str(thing.name)


def _priority(rule: Any) -> str:
    """The default comes last."""
    return "default" if rule.is_default else f"{rule.priority:05}"


def _elb(asked: Asked) -> Any:
    from moto.elb.models import elb_backends

    return elb_backends[asked.account][asked.region]


def _elbv2(asked: Asked) -> Any:
    from moto.elbv2.models import elbv2_backends

    return elbv2_backends[asked.account][asked.region]


def _balancer(one: Any) -> dict[str, Any]:
    return {
        "LoadBalancerArn": one.arn,
        "DNSName": one.dns_name,
        "CanonicalHostedZoneId": one.canonical_hosted_zone_id,
        "CreatedTime": one.created_time,
        "LoadBalancerName": one.name,
        "Scheme": None if one.type == "gateway" else one.scheme,
        "VpcId": one.vpc_id,
        "State": {"Code": "active"},
        "Type": one.type,
        "AvailabilityZones": [
            {"ZoneName": zone.zone_name, "SubnetId": zone.subnet_id} for zone in one.availability_zones
        ],
        "SecurityGroups": one.security_groups,
        "IpAddressType": one.ip_address_type,
    }


def _listener(one: Any, gateway: bool) -> dict[str, Any]:
    secure = one.protocol in {"HTTPS", "TLS"}
    return {
        "ListenerArn": one.arn,
        "LoadBalancerArn": one.load_balancer_arn,
        **({} if gateway else {"Port": one.port, "Protocol": one.protocol}),
        "Certificates": [{"CertificateArn": arn} for arn in one.certificates[:1]] if secure else None,
        "SslPolicy": (one.ssl_policy or "ELBSecurityPolicy-2016-08") if secure else None,
        "DefaultActions": [action.data for action in one.default_actions],
        "AlpnPolicy": one.alpn_policy or None,
    }


def _rule(one: Any) -> dict[str, Any]:
    return {
        "RuleArn": one.arn,
        "Priority": one.priority,
        "Conditions": one.conditions,
        "Actions": [action.data for action in one.actions],
        "IsDefault": one.is_default,
    }


def _policy(policy: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "SslProtocols": policy["ssl_protocols"],
        "Ciphers": [{"Name": name, "Priority": number} for number, name in enumerate(policy["ciphers"], 1)],
        "Name": policy["name"],
        "SupportedLoadBalancerTypes": ["application", "network"],
    }


def _classic(one: Any) -> dict[str, Any]:
    return {
        "LoadBalancerName": one.name,
        "DNSName": one.dns_name,
        "CanonicalHostedZoneName": one.dns_name,
        "ListenerDescriptions": [
            {
                "Listener": {
                    "Protocol": listener.protocol,
                    "LoadBalancerPort": listener.load_balancer_port,
                    "InstanceProtocol": listener.instance_protocol,
                    "InstancePort": listener.instance_port,
                    "SSLCertificateId": listener.ssl_certificate_id,
                },
                "PolicyNames": listener.policy_names,
            }
            for listener in one.listeners
        ],
        "Policies": {"OtherPolicies": [policy.policy_name for policy in one.policies]},
        "AvailabilityZones": one.availability_zones,
        "Subnets": one.subnets,
        "VPCId": one.vpc_id,
        "Instances": [{"InstanceId": id} for id in one.instance_ids],
        "SecurityGroups": one.security_groups,
        "CreatedTime": one.created_time.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "Scheme": one.scheme,
    }
