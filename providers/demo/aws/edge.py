"""Make load balancers, certificates and distributions exist in the simulated AWS at once, in this process; each
function answers with the ARN that enctop shows. Times are days from now.
"""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import moto.elb.models
import moto.elbv2.models
from moto.acm.models import CertBundle, TagHolder, acm_backends
from moto.elb.policies import OtherPolicy

from providers.demo.aws.accounts import ACCOUNT
from providers.demo.aws.answers.cloudfront import backend_of, vpc_origins
from providers.demo.aws.seed import Tags

_elb: Any = moto.elb.models
_elbv2: Any = moto.elbv2.models
Action = dict[str, Any]
FORWARD: Action = {"Type": "forward", "TargetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/t/1"}
FIXED: Action = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "MessageBody": "gone"}}
MODERN, OLD = "ELBSecurityPolicy-TLS13-1-2-2021-06", "ELBSecurityPolicy-2016-08"
HTTPS_ONLY = {"https-only": "TLSv1.2"}
_KINDS = {"application": "app", "network": "net", "gateway": "gwy"}


def redirect(protocol: str = "HTTPS", code: str = "HTTP_301") -> Action:
    """An action that sends elsewhere."""
    config = {"Protocol": protocol, "Port": "443", "Host": "#{host}", "Path": "/#{path}", "StatusCode": code}
    return {"Type": "redirect", "RedirectConfig": config}


def for_host(*hosts: str) -> dict[str, Any]:
    """The condition that one of these hosts was asked for."""
    return {"Field": "host-header", "HostHeaderConfig": {"Values": list(hosts)}, "Values": list(hosts)}


class Edge:
    """Load balancers and certificates of one region of one account."""

    def __init__(self, name: str = "us-east-1", account: str = ACCOUNT) -> None:
        self.name, self.account = name, account
        self.elbv2: Any = _elbv2.elbv2_backends[account][name]
        self.elb: Any = _elb.elb_backends[account][name]
        self.acm: Any = acm_backends[account][name]

    def balancer(
        self,
        name: str,
        kind: Literal["application", "network", "gateway"] = "application",
        *,
        internal: bool = False,
        tags: Tags | None = None,
    ) -> str:
        """A load balancer without listeners."""
        from moto.moto_api._internal import mock_random

        arn = f"arn:aws:elasticloadbalancing:{self.name}:{self.account}:loadbalancer/{_KINDS[kind]}/{name}/"
        arn += mock_random.get_random_hex(16)
        host = f"{'internal-' if internal else ''}{name}-{len(self.elbv2.load_balancers)}.{self.name}.elb.amazonaws.com"
        scheme = "internal" if internal else "internet-facing"
        made = _elbv2.FakeLoadBalancer(name, [], [], "vpc-0a1b2c3d", arn, host, "active", scheme, kind)
        self.elbv2.load_balancers[arn] = made
        self.elbv2.tagging_service.tag_resource(arn, _pairs(tags))
        return arn

    def listener(
        self,
        balancer: str,
        protocol: str = "HTTPS",
        port: int = 443,
        action: Action | None = None,
        *rules: tuple[Sequence[dict[str, Any]], Action],
        policy: str = MODERN,
        certificate: str | None = None,
    ) -> str:
        """A listener that forwards, or does what `action` says; `rules` are conditions and an action each."""
        from moto.moto_api._internal import mock_random

        arn = f"{balancer.replace(':loadbalancer/', ':listener/')}/{mock_random.get_random_hex(16)}"
        default = [_elbv2.FakeAction({**(action or FORWARD), "Order": 1})]
        made = _elbv2.FakeListener(balancer, arn, protocol, str(port), policy, certificate, default, None)
        for number, (conditions, does) in enumerate(rules, 1):
            rule = f"{arn.replace(':listener/', ':listener-rule/')}/{mock_random.get_random_hex(16)}"
            made.register(
                rule,
                _elbv2.FakeListenerRule(arn, rule, list(conditions), number, [_elbv2.FakeAction({**does, "Order": 1})]),
            )
        self.elbv2.load_balancers[balancer].listeners[arn] = made
        return arn

    def change(self, listener: str, action: Action) -> None:
        """As ModifyListener with another default action."""
        balancer = next(one for one in self.elbv2.load_balancers.values() if listener in one.listeners)
        balancer.listeners[listener].default_actions[:] = [_elbv2.FakeAction({**action, "Order": 1})]

    def classic(
        self,
        name: str,
        *listeners: tuple[str, int],
        negotiated: Iterable[str] = ("Protocol-TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256"),
        certificate: str = "arn:aws:iam::123456789012:server-certificate/old",
        internal: bool = False,
        tags: Tags | None = None,
    ) -> str:
        """A classic load balancer; `negotiated` is what its policy about TLS has on."""
        secure = {"HTTPS", "SSL"}
        ports = [
            {
                "Protocol": protocol,
                "LoadBalancerPort": str(port),
                "InstancePort": "8080",
                "SSLCertificateId": certificate if protocol in secure else None,
            }
            for protocol, port in listeners
        ]
        scheme = "internal" if internal else "internet-facing"
        made = _elb.LoadBalancer(self.account, name, [f"{self.name}a"], ports, scheme, "vpc-0a1b2c3d", [], [])
        on = set(negotiated)
        every = ("Protocol-TLSv1", "Protocol-TLSv1.1", "Protocol-TLSv1.2", "Server-Defined-Cipher-Order", "RC4-MD5")
        attributes = [
            {"AttributeName": each, "AttributeValue": str(each in on).lower()} for each in dict.fromkeys([*every, *on])
        ]
        made.policies.append(OtherPolicy("tls-policy", "SSLNegotiationPolicyType", attributes))
        for listener in made.listeners:
            listener.policy_names = ["tls-policy"] if listener.protocol in secure else []
        made.tags.update(tags or {})
        self.elb.load_balancers[name] = made
        return f"arn:aws:elasticloadbalancing:{self.name}:{self.account}:loadbalancer/{name}"

    def certificate(
        self,
        domain: str,
        *,
        kind: Literal["AMAZON_ISSUED", "IMPORTED", "PRIVATE"] = "AMAZON_ISSUED",
        status: str = "ISSUED",
        left: float = 250,
        life: float = 395,
        key: str = "RSA_2048",
        used_by: Iterable[str] = ("arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/a/1",),
        renewal: str | None = None,
        tags: Tags | None = None,
        **also: Any,
    ) -> str:
        """A certificate that ends in `left` days; `renewal` is the state of its renewal."""
        from moto.moto_api._internal import mock_random

        arn = f"arn:aws:acm:{self.name}:{self.account}:certificate/{mock_random.uuid4()}"
        begins, ends = _days(left - life), _days(left)
        fields = {
            "CertificateArn": arn,
            "DomainName": domain,
            "SubjectAlternativeNames": [domain, f"www.{domain}"],
            "InUseBy": list(used_by),
            "KeyAlgorithm": key,
            "Status": status,
            "Type": kind,
            "NotBefore": begins,
            "NotAfter": ends,
            "CreatedAt": begins,
            **({"ImportedAt": begins} if kind == "IMPORTED" else {"IssuedAt": begins}),
            "RenewalEligibility": "INELIGIBLE" if kind == "IMPORTED" else "ELIGIBLE",
            "Options": {"CertificateTransparencyLoggingPreference": "ENABLED", "Export": "DISABLED"},
            **({"RenewalSummary": _renewal(domain, renewal)} if renewal else {}),
            **also,
        }
        made = _Certificate(arn, fields, tags)
        self.acm._certificates[arn] = made
        return arn


class Distributions:
    """The distributions of one account."""

    def __init__(self, account: str = ACCOUNT) -> None:
        self.account = account

    def make(
        self,
        *aliases: str,
        viewers: str = "redirect-to-https",
        behaviors: Mapping[str, str] | None = None,
        minimum: str = "TLSv1.2_2021",
        certificate: str | None = "arn:aws:acm:us-east-1:123456789012:certificate/0",
        origins: Mapping[str, str] | None = None,
        enabled: bool = True,
        secret: str | None = None,
        tags: Tags | None = None,
        comment: str = "",
    ) -> str:
        """A distribution; `behaviors` are paths and what viewers are asked there, `origins` hosts and how each is
        reached (`s3`, `vpc:ID`, or an OriginProtocolPolicy), `secret` a header that an origin knows it by. Without a
        certificate it has CloudFront's own.
        """
        backend = backend_of(self.account)
        told = [_origin(host, how, secret) for host, how in (origins or {"origin.example.com": "https-only"}).items()]
        config = {
            "CallerReference": str(len(backend.distributions)),
            "Aliases": {"Items": list(aliases)},
            "Origins": {"Items": told},
            "DefaultCacheBehavior": {"TargetOriginId": told[0]["Id"], "ViewerProtocolPolicy": viewers},
            "CacheBehaviors": {
                "Quantity": len(behaviors or {}),
                "Items": [
                    {"PathPattern": path, "TargetOriginId": told[0]["Id"], "ViewerProtocolPolicy": policy}
                    for path, policy in (behaviors or {}).items()
                ],
            },
            "Comment": comment,
            "Enabled": enabled,
            "ViewerCertificate": _viewer(certificate, minimum),
        }
        made, _, _ = backend.create_distribution_with_tags(config, _pairs(tags))
        return str(made.arn)

    def vpc_origin(self, policy: str = "https-only") -> str:
        """A VPC origin; answers with its id."""
        kept = vpc_origins(self.account)
        id = f"vo_{len(kept):022}"
        kept[id] = {
            "Name": "inside",
            "Arn": f"arn:aws:elasticloadbalancing:us-east-1:{self.account}:loadbalancer/app/inside/1",
            "HTTPPort": 80,
            "HTTPSPort": 443,
            "OriginProtocolPolicy": policy,
            "OriginSslProtocols": {"Quantity": 1, "Items": ["TLSv1.2"]},
        }
        return id


class _Certificate(CertBundle):
    """One that is described as it was seeded: no key is made for it."""

    def __init__(self, arn: str, fields: dict[str, Any], tags: Tags | None) -> None:
        self.arn, self.fields = arn, fields
        self.tags = TagHolder(tags or {})
        self.status, self.type, self.in_use_by = fields["Status"], fields["Type"], fields["InUseBy"]
        self.cert_options = fields["Options"]

    def check(self) -> None:
        """It stays as it is."""

    def describe(self) -> dict[str, Any]:
        return {"Certificate": self.fields}


def _renewal(domain: str, state: str) -> dict[str, Any]:
    return {
        "RenewalStatus": state,
        "DomainValidationOptions": [
            {"DomainName": domain, "ValidationEmails": [f"admin@{domain}"], "ValidationStatus": "PENDING_VALIDATION"}
        ],
        "UpdatedAt": _days(-1),
    }


def _viewer(certificate: str | None, minimum: str) -> dict[str, Any]:
    if certificate is None:
        return {"CloudFrontDefaultCertificate": True}
    return {
        "CloudFrontDefaultCertificate": False,
        "ACMCertificateArn": certificate,
        "SSLSupportMethod": "sni-only",
        "MinimumProtocolVersion": minimum,
        "CertificateSource": "acm",
    }


def _origin(host: str, how: str, secret: str | None) -> dict[str, Any]:
    origin: dict[str, Any] = {"Id": host, "DomainName": host}
    if how == "s3":
        origin["S3OriginConfig"] = {"OriginAccessIdentity": ""}
    elif how.startswith("vpc:"):
        origin["VpcOriginConfig"] = {"VpcOriginId": how.removeprefix("vpc:")}
    else:
        policy, _, protocols = how.partition("+")
        named = protocols.split("+") if protocols else ["TLSv1.2"]
        origin["CustomOriginConfig"] = {
            "HTTPPort": 80,
            "HTTPSPort": 443,
            "OriginProtocolPolicy": policy,
            "OriginSslProtocols": {"Quantity": len(named), "Items": named},
        }
    if secret:
        origin["CustomHeaders"] = {"Quantity": 1, "Items": [{"HeaderName": "X-Origin-Verify", "HeaderValue": secret}]}
    return origin


def _pairs(tags: Tags | None) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in (tags or {}).items()]


def _days(days: float) -> float:
    return (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)).timestamp()
