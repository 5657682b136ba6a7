"""What a big tenant has towards the internet, one of each kind in every region, and the truth about it."""

from collections.abc import Mapping

from posture.verdict import Status
from providers.demo.aws.edge import FIXED, FORWARD, OLD, Distributions, Edge, for_host, redirect
from tests.world.truth import FAIL, NA, PASS, WARN, Truth

TLS_12 = "ELBSecurityPolicy-TLS-1-2-2017-01"


def listener(tls: Status = PASS, redirect: Status = NA, policy: Status = NA) -> Mapping[str, Status]:
    """A listener, by its three controls."""
    return {"aws.elb.listener-tls": tls, "aws.elb.http-redirect": redirect, "aws.elb.ssl-policy": policy}


def frontage(known: Truth, region: str, account: str) -> None:
    """Load balancers of each kind and certificates of each state; distributions where the region is the first."""
    edge = Edge(region, account)
    _application(known, edge)
    _others(known, edge)
    states = {
        edge.certificate("good.example.com", key="EC_prime256v1"): PASS,
        edge.certificate("renewing.example.com", left=50, renewal="PENDING_AUTO_RENEWAL"): PASS,
        edge.certificate("stuck.example.com", left=50, renewal="FAILED"): WARN,
        edge.certificate("bought.example.com", left=20, kind="IMPORTED"): WARN,
        edge.certificate("late.example.com", left=5): FAIL,
        edge.certificate("ended.example.com", left=-5, status="EXPIRED"): FAIL,
        edge.certificate("idle.example.com", left=5, used_by=()): NA,
    }
    known |= {arn: {"aws.acm.certificate": status} for arn, status in states.items()}
    if region == "us-east-1":
        doors = Distributions(account)
        served = {
            doors.make("www.example.com"): PASS,
            doors.make("open.example.com", viewers="allow-all"): FAIL,
            doors.make("in.example.com", origins={"in": f"vpc:{doors.vpc_origin()}", "b.s3.amazonaws.com": "s3"}): PASS,
            doors.make("as.example.com", origins={"o.example.com": "match-viewer"}): WARN,
            doors.make(certificate=None): FAIL,
            doors.make("off.example.com", viewers="allow-all", enabled=False): NA,
        }
        known |= {arn: {"aws.cloudfront.viewer-tls": status} for arn, status in served.items()}


def _application(known: Truth, edge: Edge) -> None:
    web, old, inside = edge.balancer("web"), edge.balancer("old"), edge.balancer("inside", internal=True)
    hosts = [for_host("a.example.com")]
    doors = {
        edge.listener(web, "HTTPS", 443, FIXED, (hosts, FORWARD)): listener(policy=PASS),
        edge.listener(web, "HTTP", 80, redirect(), (hosts, redirect())): listener(redirect=PASS),
        edge.listener(web, "HTTP", 81, redirect(code="HTTP_302")): listener(redirect=WARN),
        edge.listener(old, "HTTPS", 443, policy=OLD): listener(policy=FAIL),
        edge.listener(old, "HTTP", 80, redirect(), (hosts, FORWARD)): listener(FAIL, FAIL),
        edge.listener(old, "HTTP", 81, FIXED): listener(WARN, FAIL),
        edge.listener(inside, "HTTP", 80): listener(NA, WARN),
        edge.listener(inside, "HTTPS", 443): listener(NA, policy=PASS),
    }
    known |= {arn: dict(truth) for arn, truth in doors.items()}
    known |= {arn: {"aws.elb.listener-tls": NA} for arn in (web, old, inside)}


def _others(known: Truth, edge: Edge) -> None:
    net, gate = edge.balancer("net", "network"), edge.balancer("gate", "gateway")
    classic = edge.classic("classic", ("HTTPS", 443), ("HTTP", 80), ("TCP", 22))
    doors = {
        edge.listener(net, "TCP", 443): listener(WARN),
        edge.listener(net, "TCP", 5432): listener(NA),
        edge.listener(net, "TLS", 8443, policy=TLS_12): listener(policy=WARN),
        edge.listener(gate, "GENEVE", 6081): listener(NA),
        f"{classic}:443": listener(policy=WARN),
        f"{classic}:80": listener(FAIL, FAIL),
        f"{classic}:22": listener(NA),
    }
    known |= {arn: dict(truth) for arn, truth in doors.items()}
    known |= {arn: {"aws.elb.listener-tls": NA} for arn in (net, gate, classic)}
