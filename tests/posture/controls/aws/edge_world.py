"""Load balancers, certificates and distributions as their sources report them."""

from typing import Any

from moto.elbv2.ssl_policies import SSL_POLICIES

from posture.clock import rfc3339
from posture.resource import Resource
from tests.posture.controls.world import DAY, HOME, NOW, made

ELB = f"arn:aws:elasticloadbalancing:us-east-1:{HOME}"
BALANCER = f"{ELB}:loadbalancer/app/web/1"
MODERN = "ELBSecurityPolicy-TLS13-1-2-2021-06"


def balancer(scheme: str = "internet-facing", type: str = "application", **fields: Any) -> Resource:
    told = {
        "LoadBalancerArn": BALANCER,
        "LoadBalancerName": "web",
        "Scheme": scheme,
        "Type": type,
        "Listeners": [{"ListenerArn": f"{ELB}:listener/app/web/1/2", "Protocol": "HTTPS", "Port": 443}],
    }
    return made(BALANCER, "load-balancer", "aws.elb.load-balancer", fields=told | fields)


def listener(protocol: str = "HTTPS", port: int = 443, *, policy: str = MODERN, **fields: Any) -> Resource:
    arn = f"{ELB}:listener/app/web/1/{port}"
    told: dict[str, Any] = {"ListenerArn": arn, "LoadBalancerArn": BALANCER, "Protocol": protocol, "Port": port}
    told["DefaultActions"] = [does("forward")]
    if protocol in {"HTTPS", "TLS"}:
        told |= {"SslPolicy": policy, **allowed(policy)}
    links: dict[str, str | None] = {"load-balancer": BALANCER}
    return made(arn, "load-balancer", "aws.elb.listener", fields=told | fields, links=links)


def allowed(policy: str) -> dict[str, Any]:
    """What `DescribeSSLPolicies` tells of a policy."""
    told = SSL_POLICIES.get(policy)
    if told is None:
        return {}
    return {
        "SslProtocols": list(told["ssl_protocols"]),
        "Ciphers": [{"Name": name, "Priority": at} for at, name in enumerate(told["ciphers"], 1)],
    }


def does(type: str, protocol: str = "HTTPS", code: str = "HTTP_301", **more: Any) -> dict[str, Any]:
    config = {"RedirectConfig": {"Protocol": protocol, "Port": "443", "StatusCode": code}} if type == "redirect" else {}
    return {"Type": type, "Order": 1, **config, **more}


def rule(*actions: dict[str, Any], priority: str = "default") -> dict[str, Any]:
    return {"RuleArn": f"r/{priority}", "Priority": priority, "IsDefault": priority == "default", "Actions": [*actions]}


def plain(*rules: dict[str, Any], default: dict[str, Any] | None = None, **fields: Any) -> Resource:
    """A listener for HTTP whose default redirects, with rules beside it."""
    default = default or does("redirect")
    return listener("HTTP", 80, DefaultActions=[default], Rules=[*rules, rule(default)], **fields)


def classic(protocol: str = "HTTPS", port: int = 443, *on: str, **fields: Any) -> Resource:
    """A classic listener with a policy of which these are on."""
    told: dict[str, Any] = {
        "Listener": {"Protocol": protocol, "LoadBalancerPort": port, "InstanceProtocol": "HTTP", "InstancePort": 80},
        "PolicyNames": ["p"],
    }
    if protocol in {"HTTPS", "SSL"}:
        switches = {"Protocol-TLSv1": False, "Protocol-TLSv1.2": True, "ECDHE-RSA-AES128-GCM-SHA256": True}
        switches |= dict.fromkeys(on, True)
        told["PolicyDescriptions"] = [
            {
                "PolicyName": "p",
                "PolicyTypeName": "SSLNegotiationPolicyType",
                "PolicyAttributeDescriptions": [
                    {"AttributeName": "Reference-Security-Policy", "AttributeValue": "ELBSecurityPolicy-2016-08"},
                    *({"AttributeName": name, "AttributeValue": str(on).lower()} for name, on in switches.items()),
                ],
            }
        ]
    id = f"{ELB}:loadbalancer/web:{port}"
    return made(id, "load-balancer", "aws.elb.listener", fields=told | fields, links={"load-balancer": BALANCER})


def certificate(left: float = 250, life: float = 395, **fields: Any) -> Resource:
    """A certificate in use that ends in `left` days."""
    arn = f"arn:aws:acm:us-east-1:{HOME}:certificate/c-{left:.0f}"
    told = {
        "CertificateArn": arn,
        "DomainName": "shop.example.com",
        "InUse": True,
        "Status": "ISSUED",
        "Type": "AMAZON_ISSUED",
        "KeyAlgorithm": "RSA_2048",
        "NotBefore": rfc3339(NOW + (left - life) * DAY),
        "NotAfter": rfc3339(NOW + left * DAY),
    }
    return made(arn, "certificate", "aws.acm.certificate", fields=told | fields)


def renewing(state: str | None, left: float = 50, **fields: Any) -> Resource:
    """One that ACM may be at renewing."""
    return certificate(left, RenewalSummary=None if state is None else {"RenewalStatus": state}, **fields)


def listed(*items: dict[str, Any]) -> dict[str, Any]:
    return {"Quantity": len(items), **({"Items": [*items]} if items else {})}


def origin(policy: str = "https-only", *protocols: str, host: str = "o.example.com") -> dict[str, Any]:
    named = list(protocols or ("TLSv1.2",))
    config = {"OriginProtocolPolicy": policy, "OriginSslProtocols": {"Quantity": len(named), "Items": named}}
    return {"Id": host, "DomainName": host, "CustomOriginConfig": config}


BUCKET = {"Id": "b", "DomainName": "b.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
INSIDE = {"Id": "v", "DomainName": "v.internal", "VpcOriginConfig": {"VpcOriginId": "vo_1"}}


def distribution(
    viewers: str = "redirect-to-https", minimum: str = "TLSv1.2_2021", *, origins: Any = None, **fields: Any
) -> Resource:
    arn = f"arn:aws:cloudfront::{HOME}:distribution/E{len(origins or '1')}"
    told = {
        "Id": "E1",
        "ARN": arn,
        "DomainName": "d1.cloudfront.net",
        "Enabled": True,
        "Aliases": {"Quantity": 1, "Items": ["www.example.com"]},
        "Origins": listed(*(origins or (origin(),))),
        "DefaultCacheBehavior": {"TargetOriginId": "o.example.com", "ViewerProtocolPolicy": viewers},
        "CacheBehaviors": listed(),
        "ViewerCertificate": {
            "CloudFrontDefaultCertificate": False,
            "ACMCertificateArn": certificate().id,
            "MinimumProtocolVersion": minimum,
        },
    }
    return made(arn, "distribution", "aws.cloudfront.distribution", region="", fields=told | fields)


TYPES: dict[str, Resource] = {
    "aws.elb.load-balancer": balancer(),
    "aws.elb.listener": listener(),
    "aws.acm.certificate": certificate(),
    "aws.cloudfront.distribution": distribution(),
}
"""One of each type."""
MORE = (
    plain(rule(does("redirect"), priority="1")),
    renewing("SUCCESS"),
    distribution(
        origins=(origin(), BUCKET, INSIDE),
        VpcOrigins={"vo_1": origin()["CustomOriginConfig"]},
        CacheBehaviors=listed({"PathPattern": "/a", "TargetOriginId": "b", "ViewerProtocolPolicy": "https-only"}),
    ),
)
"""Others that are as promised."""
BESIDE = (balancer(), listener(), distribution())
