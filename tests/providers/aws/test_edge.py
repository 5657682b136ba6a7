"""What faces the internet, asked of the simulated AWS over its socket: what is told of it, by how few requests, and
what is not kept.
"""

from collections import Counter
from collections.abc import Callable

import pytest

from posture.source import State
from posture.verdict import Status
from providers.aws.acm import KEY_TYPES
from providers.aws.elb import LoadBalancers
from providers.demo.aws.edge import FORWARD, OLD, Distributions, Edge, for_host, redirect
from tests.providers.conftest import Watch, configuration
from tests.world.aws import SECOND, Aws

FAIL, UNKNOWN, WARN, PASS, NA = Status.FAIL, Status.UNKNOWN, Status.WARN, Status.PASS, Status.NOT_APPLICABLE
TLS, REDIRECT, POLICY = "aws.elb.listener-tls", "aws.elb.http-redirect", "aws.elb.ssl-policy"
ACM, VIEWERS = "aws.acm.certificate", "aws.cloudfront.viewer-tls"
MakeWatch = Callable[..., Watch]


def asked(aws: Aws) -> Counter[str]:
    """How often each operation of the edge was asked."""
    services = ("elasticloadbalancing", "acm", "cloudfront")
    return Counter(one.operation for one in aws.log if one.operation.startswith(services))


# ------------------------------------------------------------ what is told


async def test_each_kind_of_listener_is_told_and_judged(aws: Aws, watch: MakeWatch) -> None:
    edge = Edge()
    web, net, inside = edge.balancer("web"), edge.balancer("net", "network"), edge.balancer("in", internal=True)
    edge.listener(web)
    edge.listener(web, "HTTP", 80, redirect(), ([for_host("old.example.com")], FORWARD))
    edge.listener(web, "HTTPS", 8443, policy=OLD)
    edge.listener(net, "TCP", 443)
    edge.listener(net, "TLS", 444, policy=OLD)
    edge.listener(inside, "HTTP", 80)
    edge.listener(edge.balancer("gate", "gateway"), "GENEVE", 6081)
    edge.classic("aged", ("HTTPS", 443), ("HTTP", 80), negotiated=("Protocol-TLSv1", "AES128-SHA"))
    seen = await watch().poll()
    assert seen.source("elbv2").state is seen.source("elb").state is State.OK
    assert {name: status for name, status in seen.verdicts(TLS).items() if status is not NA} == {
        "web:443": PASS,
        "web:80": FAIL,
        "web:8443": PASS,
        "net:443": WARN,
        "net:444": PASS,
        "aged:443": PASS,
        "aged:80": FAIL,
    }
    assert {name: status for name, status in seen.verdicts(REDIRECT).items() if status is not NA} == {
        "web:80": FAIL,
        "in:80": WARN,
        "aged:80": FAIL,
    }
    assert {name: status for name, status in seen.verdicts(POLICY).items() if status is not NA} == {
        "web:443": PASS,
        "web:8443": FAIL,
        "net:444": FAIL,
        "aged:443": FAIL,
    }
    assert seen.row(web).resource.cells == ("internet", "HTTP:80, HTTPS:443, HTTPS:8443", "", "", "")


async def test_certificates_of_every_key_type_are_listed_page_by_page(aws: Aws, watch: MakeWatch) -> None:
    edge = Edge()
    for number in range(1000):
        edge.certificate(f"c{number}.example.com", key="EC_secp384r1")
    for number, key in enumerate(KEY_TYPES):
        edge.certificate(f"k{number}.example.com", key=key)
    edge.certificate("acme.example.com", CertificateKeyPairOrigin="ACME")
    seen = await watch().poll()
    assert len(seen.verdicts(ACM)) == 1000 + len(KEY_TYPES) + 1
    assert set(seen.verdicts(ACM).values()) == {PASS, WARN}
    assert asked(aws)["acm:ListCertificates"] == 2
    assert aws.client("acm").list_certificates()["CertificateSummaryList"][0]["KeyAlgorithm"] in KEY_TYPES[:2]
    assert len(aws.client("acm").list_certificates()["CertificateSummaryList"]) == 2, (
        "which is all that a naive ask gets"
    )


async def test_a_renewal_is_asked_about_only_where_there_may_be_one(aws: Aws, watch: MakeWatch) -> None:
    edge = Edge()
    stuck = edge.certificate("stuck.example.com", left=40, renewal="PENDING_VALIDATION")
    calm = edge.certificate("calm.example.com", left=45)
    edge.certificate("young.example.com")
    edge.certificate("own.example.com", left=20, kind="IMPORTED")
    edge.certificate("idle.example.com", left=2, used_by=())
    dead = edge.certificate("dead.example.com", left=-3, status="EXPIRED")
    seen = await watch().poll()
    assert {one.resource for one in aws.log if one.operation == "acm:DescribeCertificate"} == {stuck, calm}
    assert seen.verdicts(ACM) == {
        "stuck.example.com": WARN,
        "calm.example.com": PASS,
        "young.example.com": PASS,
        "own.example.com": WARN,
        "idle.example.com": NA,
        "dead.example.com": FAIL,
    }
    assert "PENDING_VALIDATION" in seen.finding(ACM, stuck).reason
    assert "admin@" not in seen.everything(), "whom ACM writes to is nobody's business"
    assert seen.row(dead).resource.expires is not None


async def test_distributions_are_told_with_their_origins(aws: Aws, watch: MakeWatch) -> None:
    doors = Distributions()
    good = doors.make("www.example.com", behaviors={"/api/*": "https-only"})
    doors.make(viewers="allow-all", certificate=None)
    inside = doors.make("in.example.com", origins={"in": f"vpc:{doors.vpc_origin('http-only')}"})
    bucket = doors.make("s3.example.com", origins={"b.s3.amazonaws.com": "s3"})
    seen = await watch().poll()
    assert [seen.finding(VIEWERS, one).status for one in (good, inside, bucket)] == [PASS, FAIL, PASS]
    assert seen.finding(VIEWERS, inside).reason == "origin in is reached by plain HTTP"
    assert asked(aws) == Counter(
        {
            "cloudfront:ListDistributions": 1,
            "cloudfront:GetVpcOrigin": 1,
            "acm:ListCertificates": 1,
            "elasticloadbalancing:DescribeLoadBalancers": 2,
        }
    )


async def test_more_distributions_than_a_page_are_all_told(aws: Aws, watch: MakeWatch) -> None:
    doors = Distributions()
    for number in range(101):
        doors.make(f"d{number}.example.com")
    seen = await watch().poll()
    assert len(seen.verdicts(VIEWERS)) == 101
    assert asked(aws)["cloudfront:ListDistributions"] == 2


async def test_the_hosts_of_every_door_are_kept_under_the_providers_names(aws: Aws, watch: MakeWatch) -> None:
    edge = Edge()
    web = edge.balancer("web")
    hosts = ([for_host("a.example.com", "*.b.example.com")], FORWARD)
    door = edge.listener(web, "HTTPS", 443, None, hosts)
    aged = edge.classic("aged", ("SSL", 443))
    cdn = Distributions().make("www.example.com", "example.com")
    seen = await watch().poll()
    for arn in (web, aged):
        assert seen.row(arn).resource.fields["DNSName"].endswith(".elb.amazonaws.com")
    (rule, _) = seen.row(door).resource.fields["Rules"]
    assert rule["Conditions"][0]["HostHeaderConfig"]["Values"] == ["a.example.com", "*.b.example.com"]
    assert seen.row(door).resource.link("load-balancer") == web
    fields = seen.row(cdn).resource.fields
    assert fields["Aliases"]["Items"] == ["www.example.com", "example.com"]
    assert fields["DomainName"].endswith(".cloudfront.net")


async def test_what_authenticates_is_not_kept(aws: Aws, watch: MakeWatch) -> None:
    edge = Edge()
    header = {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Verify", "Values": ["canary-header"]}}
    query = {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "k", "Value": "canary-query"}]}}
    oidc = {"ClientId": "c", "ClientSecret": "canary-client", "Issuer": "https://idp.example.com"}
    asks = {"Type": "authenticate-oidc", "AuthenticateOidcConfig": oidc}
    door = edge.listener(edge.balancer("web"), "HTTPS", 443, None, ([header, query], FORWARD), ([], asks))
    Distributions().make("www.example.com", secret="canary-origin")
    seen = await watch().poll()
    fields = seen.row(door).resource.fields
    assert fields["Rules"][0]["Conditions"] == [{"Field": "http-header"}, {"Field": "query-string"}]
    assert "canary" not in seen.everything()
    assert not any("canary" in repr(entry.resource.fields) for entry in seen.model.all())


# ------------------------------------------------------------ how little is asked


async def test_a_balancer_takes_one_request_and_only_rules_that_matter_are_read(aws: Aws, watch: MakeWatch) -> None:
    edge = Edge()
    for number in range(5):
        web = edge.balancer(f"web-{number}")
        edge.listener(web)
        edge.listener(web, "HTTP", 80, redirect())
    edge.listener(edge.balancer("plain"), "HTTP", 80)
    edge.listener(edge.balancer("inside", internal=True))
    edge.listener(edge.balancer("net", "network"), "TLS", 443)
    edge.classic("text", ("HTTP", 80), ("TCP", 22))
    edge.classic("tls", ("HTTPS", 443), ("HTTPS", 8443))
    seen = await watch().poll()
    prefix = "elasticloadbalancing:"
    assert asked(aws) == Counter(
        {
            f"{prefix}DescribeLoadBalancers": 2,
            f"{prefix}DescribeListeners": 8,
            f"{prefix}DescribeRules": 10,
            f"{prefix}DescribeSSLPolicies": 1,
            f"{prefix}DescribeLoadBalancerPolicies": 1,
            "acm:ListCertificates": 1,
            "cloudfront:ListDistributions": 1,
        }
    )
    aws.log.clear()
    await seen.poll()
    assert asked(aws)[f"{prefix}DescribeRules"] == 5, "hosts are read on the cold cadence"
    for source in seen.poller._sources.values():
        if isinstance(source, LoadBalancers):
            source.cold = 0
    aws.log.clear()
    await seen.poll()
    assert asked(aws)[f"{prefix}DescribeRules"] == 10


async def test_a_rule_that_changes_is_seen_in_the_next_poll(aws: Aws, watch: MakeWatch) -> None:
    edge = Edge()
    door = edge.listener(edge.balancer("web"), "HTTP", 80, redirect())
    seen = await watch().poll()
    assert seen.finding(TLS, door).status is PASS
    edge.change(door, FORWARD)
    await seen.poll()
    assert seen.finding(TLS, door).status is FAIL


# ------------------------------------------------------------ refused, gone


@pytest.mark.parametrize(
    ("operation", "control", "status"),
    [
        ("DescribeListeners", TLS, {"web:443": PASS, "web:80": PASS, "web": UNKNOWN}),
        ("DescribeRules", REDIRECT, {"web:443": NA, "web:80": UNKNOWN}),
        ("DescribeSSLPolicies", POLICY, {"web:443": UNKNOWN, "web:80": NA}),
    ],
)
async def test_a_refused_read_is_unknown_names_the_permission_and_takes_nothing_away(
    aws: Aws, watch: MakeWatch, operation: str, control: str, status: dict[str, Status]
) -> None:
    edge = Edge()
    web = edge.balancer("web")
    edge.listener(web)
    edge.listener(web, "HTTP", 80, redirect())
    seen = await watch().poll()
    aws.deny(f"elasticloadbalancing:{operation}")
    for source in seen.poller._sources.values():
        if isinstance(source, LoadBalancers):
            source._hosts.clear()
    await seen.poll()
    assert seen.verdicts(control) == status
    told = seen.source("elbv2")
    assert told.state is State.PARTIAL
    assert told.fault is not None
    assert told.fault.permission == f"elasticloadbalancing:{operation}"
    assert f"elasticloadbalancing:{operation}" in seen.everything()


async def test_listeners_of_a_balancer_that_is_refused_are_unknown_though_none_was_ever_seen(
    aws: Aws, watch: MakeWatch
) -> None:
    edge = Edge()
    hidden, shown = edge.balancer("hidden"), edge.balancer("shown")
    edge.listener(hidden, "HTTP", 80)
    edge.listener(shown)
    aws.faults.deny("elasticloadbalancing:DescribeListeners", resource=hidden)
    seen = await watch().poll()
    assert seen.verdicts(TLS) == {"hidden": UNKNOWN, "shown": NA, "shown:443": PASS}


async def test_refused_classic_policies_and_origins_and_renewals_are_unknown(aws: Aws, watch: MakeWatch) -> None:
    edge, doors = Edge(), Distributions()
    edge.classic("aged", ("HTTPS", 443), ("HTTP", 80))
    edge.certificate("c.example.com", left=40)
    doors.make("d.example.com", origins={"in": f"vpc:{doors.vpc_origin()}"})
    for operation in ("elasticloadbalancing:DescribeLoadBalancerPolicies", "acm:DescribeCertificate"):
        aws.deny(operation)
    aws.deny("cloudfront:GetVpcOrigin")
    seen = await watch().poll()
    assert seen.verdicts(POLICY) == {"aged:443": UNKNOWN, "aged:80": NA}
    assert seen.verdicts(ACM) == {"c.example.com": UNKNOWN}
    assert seen.verdicts(VIEWERS) == {"d.example.com": UNKNOWN}


@pytest.mark.parametrize(
    ("operation", "service"),
    [
        ("elasticloadbalancing:DescribeLoadBalancers", "elbv2"),
        ("elasticloadbalancing:DescribeLoadBalancers", "elb"),
        ("acm:ListCertificates", "acm"),
        ("cloudfront:ListDistributions", "cloudfront"),
    ],
)
async def test_a_refused_listing_is_a_source_that_names_its_permission(
    aws: Aws, watch: MakeWatch, operation: str, service: str
) -> None:
    aws.deny(operation)
    told = (await watch().poll()).source(service)
    assert (told.state, told.fault and told.fault.permission) == (State.DENIED, operation)


async def test_what_is_deleted_is_gone_and_what_goes_while_it_is_read_is_no_fault(aws: Aws, watch: MakeWatch) -> None:
    edge = Edge()
    web, other = edge.balancer("web"), edge.balancer("other")
    door = edge.listener(web, "HTTP", 80, redirect())
    edge.listener(other)
    seen = await watch().poll()
    listing = aws.server.faults.before

    def meanwhile(one: object) -> object:
        if getattr(one, "operation", "").endswith("DescribeListeners"):
            edge.elbv2.load_balancers.pop(web, None)
        return listing(one)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aws.server.faults, "before", meanwhile)
        await seen.poll()
    assert seen.source("elbv2").state is State.OK
    assert seen.model.entry(web) is seen.model.entry(door) is None
    assert seen.verdicts(TLS) == {"other": NA, "other:443": PASS}


# ------------------------------------------------------------ whose it is


async def test_tenants_that_share_an_account_are_told_apart_by_the_tags(aws: Aws, watch: MakeWatch) -> None:
    edge, doors = Edge(), Distributions()
    arns = {}
    for tenant in ("acme", "zeta", ""):
        tags = {"tenant": tenant} if tenant else None
        web = edge.balancer(f"web-{tenant}", tags=tags)
        arns[tenant] = [
            web,
            edge.listener(web),
            edge.classic(f"classic-{tenant}", ("HTTP", 80), tags=tags),
            edge.certificate(f"{tenant or 'no'}.example.com", tags=tags),
            doors.make(f"{tenant or 'no'}.example.com", tags=tags),
        ]
    also = f"""tag = "tenant=acme"
        [[tenant]]
        name = "zeta"
        [[tenant.aws]]
        endpoint_url = "{aws.url}"
        regions = ["us-east-1"]
        tag = "tenant=zeta"
        """
    seen = await watch(text=configuration(aws, also=also)).poll()
    for tenant, owned in arns.items():
        assert {seen.row(arn).resource.tenant for arn in owned} == {tenant or "unassigned"}
    for operation in ("elasticloadbalancing:DescribeTags", "acm:ListTags*", "cloudfront:ListTags*"):
        aws.deny(operation)
    await seen.poll()
    for arn in arns["acme"]:
        assert seen.row(arn).resource.tenant == "acme", "a refusal to tell the tags does not take it from its tenant"


async def test_two_accounts_each_have_their_own_edge(aws: Aws, watch: MakeWatch) -> None:
    Edge().listener(Edge().balancer("ours"))
    theirs = Edge(account=SECOND)
    theirs.listener(theirs.balancer("theirs"), "HTTP", 80)
    also = f"""[[tenant.aws]]
        endpoint_url = "{aws.url}"
        regions = ["us-east-1"]
        role_arn = "arn:aws:iam::{SECOND}:role/enctop-read"
        """
    seen = await watch(text=configuration(aws, also=also)).poll()
    assert seen.verdicts(TLS) == {"ours": NA, "ours:443": PASS, "theirs": NA, "theirs:80": FAIL}
