"""Load balancers, ACM and CloudFront: every state of every control, and every trap."""

from typing import Any

import msgspec
import pytest
from moto.elbv2.ssl_policies import SSL_POLICIES

from posture.clock import parse_rfc3339
from posture.resource import Resource
from posture.verdict import Status, Verdict
from tests.posture.controls.aws.edge_world import (
    BUCKET,
    INSIDE,
    balancer,
    certificate,
    classic,
    distribution,
    does,
    listed,
    listener,
    origin,
    plain,
    renewing,
    rule,
)
from tests.posture.controls.world import DAY, NOW, World, denied

TLS, REDIRECT, POLICY = "aws.elb.listener-tls", "aws.elb.http-redirect", "aws.elb.ssl-policy"
ACM, VIEWERS = "aws.acm.certificate", "aws.cloudfront.viewer-tls"
FORWARD, MOVED, FOUND = does("forward"), does("redirect"), does("redirect", code="HTTP_302")
KEPT = does("redirect", protocol="#{protocol}")
ANSWERS = does("fixed-response")
PUBLIC, INTERNAL = World([balancer()]), World([balancer("internal")])


def blind(resource: Resource, *operations: str, without: tuple[str, ...] = ()) -> Resource:
    """The same, had these reads been refused."""
    fields = {name: value for name, value in resource.fields.items() if name not in without}
    return msgspec.structs.replace(resource, fields=fields, faults={one: denied(one) for one in operations})


def elb(operation: str) -> str:
    return f"elasticloadbalancing:{operation}"


def names_the_permission(verdict: Verdict, operation: str) -> bool:
    return verdict.status is Status.UNKNOWN and verdict.fault == denied(operation)


# ---------------------------------------------------------------- listeners


@pytest.mark.parametrize(
    ("listener", "status"),
    [
        (listener(), "pass"),
        (listener("TLS"), "pass"),
        (classic("HTTPS"), "pass"),
        (classic("SSL"), "pass"),
        (plain(), "pass"),
        (plain(rule(FOUND, priority="1")), "pass"),
        (listener("HTTP", 80), "fail"),
        (classic("HTTP", 80), "fail"),
        (plain(rule(FORWARD, priority="1")), "fail"),
        (plain(rule(FORWARD, priority="1"), default=ANSWERS), "fail"),
        (plain(default=KEPT), "fail"),
        (plain(default=ANSWERS), "warn"),
        (listener("TCP", 443), "warn"),
        (listener("TCP_UDP", 80), "warn"),
        (listener("TCP_QUIC", 443), "warn"),
        (classic("TCP", 443), "warn"),
        (listener("TCP", 22), "not_applicable"),
        (listener("UDP", 443), "not_applicable"),
        (listener("SPDY", 443), "unknown"),
        (plain(rule(does("teleport"), priority="1")), "unknown"),
    ],
)
def test_a_listener_that_faces_the_internet_terminates_tls(listener: Resource, status: str) -> None:
    assert PUBLIC.ask(TLS, listener).status.word == status


@pytest.mark.parametrize("one", [listener("HTTP", 80), listener(), listener("TCP", 443), classic("HTTP", 80)])
def test_an_internal_listener_is_not_asked_for_tls(one: Resource) -> None:
    assert INTERNAL.ask(TLS, one).status is Status.NOT_APPLICABLE


def test_the_listener_of_a_gateway_names_no_protocol_and_is_not_asked() -> None:
    bare = blind(listener("HTTP", 80), without=("Protocol", "Port"))
    assert World([balancer(type="gateway")]).ask(TLS, bare).status is Status.NOT_APPLICABLE
    assert PUBLIC.ask(TLS, bare).status is Status.UNKNOWN


def test_a_listener_whose_balancer_was_not_seen_may_be_public_or_not() -> None:
    assert World().ask(TLS, listener()).status is Status.UNKNOWN
    assert World([balancer("somewhere")]).ask(TLS, listener()).status is Status.UNKNOWN


def test_a_balancer_whose_listeners_are_refused_is_unknown_and_names_the_permission() -> None:
    unread = blind(balancer(), elb("DescribeListeners"), without=("Listeners",))
    assert names_the_permission(World().ask(TLS, unread), elb("DescribeListeners"))
    assert World().ask(TLS, balancer()).status is Status.NOT_APPLICABLE


@pytest.mark.parametrize("control", [TLS, REDIRECT])
def test_refused_rules_are_unknown_where_they_decide_and_not_where_the_default_forwards(control: str) -> None:
    unread = blind(plain(), elb("DescribeRules"), without=("Rules",))
    assert names_the_permission(PUBLIC.ask(control, unread), elb("DescribeRules"))
    assert PUBLIC.ask(control, blind(listener("HTTP", 80), elb("DescribeRules"))).status is Status.FAIL
    answers = blind(plain(default=ANSWERS), elb("DescribeRules"), without=("Rules",))
    assert PUBLIC.ask(control, answers).status is (Status.FAIL if control == REDIRECT else Status.UNKNOWN)


@pytest.mark.parametrize(
    ("listener", "status"),
    [
        (plain(), "pass"),
        (plain(rule(MOVED, priority="1")), "pass"),
        (plain(rule(FOUND, priority="1")), "warn"),
        (plain(default=FOUND), "warn"),
        (plain(default=KEPT), "fail"),
        (plain(default=does("redirect", protocol="HTTP")), "fail"),
        (plain(rule(FORWARD, priority="7")), "fail"),
        (plain(rule(ANSWERS, priority="1")), "fail"),
        (plain(default=ANSWERS), "fail"),
        (listener("HTTP", 80), "fail"),
        (classic("HTTP", 80), "fail"),
        (listener(), "not_applicable"),
        (classic(), "not_applicable"),
        (listener("HTTP", 80, DefaultActions=[MOVED], Rules=[]), "unknown"),
        (listener("HTTP", 80, DefaultActions=[MOVED], Rules=[rule(MOVED, priority="1")]), "unknown"),
        (listener("HTTP", 80, DefaultActions=[]), "unknown"),
        (plain(rule(priority="1")), "unknown"),
        (plain(default=does("redirect", code="HTTP_308")), "unknown"),
        (plain(default=does("redirect", protocol="https")), "unknown"),
    ],
)
def test_every_rule_of_a_plain_listener_redirects_to_https(listener: Resource, status: str) -> None:
    assert PUBLIC.ask(REDIRECT, listener).status.word == status


def test_a_redirecting_default_does_not_cover_the_other_rules() -> None:
    verdict = PUBLIC.ask(REDIRECT, plain(rule(MOVED, priority="1"), rule(FORWARD, priority="7")))
    assert (verdict.status, verdict.reason) == (Status.FAIL, "rule 7 forwards")
    assert verdict.evidence[f"{elb('DescribeRules')}.Rules[].Actions"] == {
        "redirects to HTTPS by 301": 2,
        "forwards": 1,
    }


def test_the_last_action_of_a_rule_counts_however_they_are_listed() -> None:
    first, last = does("authenticate-oidc", Order=1), {**MOVED, "Order": 2}
    assert PUBLIC.ask(REDIRECT, plain(rule(last, first, priority="1"))).status is Status.PASS
    assert PUBLIC.ask(REDIRECT, plain(rule({**FORWARD, "Order": 9}, last, priority="1"))).status is Status.FAIL


@pytest.mark.parametrize("one", [listener("HTTP", 80), classic("HTTP", 80), plain(default=ANSWERS)])
def test_plain_http_inside_the_network_is_a_warning_for_the_document_speaks_of_public_doors(one: Resource) -> None:
    assert INTERNAL.ask(REDIRECT, one).status is Status.WARN
    assert World().ask(REDIRECT, one).status is Status.UNKNOWN


# ---------------------------------------------------------------- TLS policies


def suites(*names: str) -> list[dict[str, Any]]:
    return [{"Name": name, "Priority": at} for at, name in enumerate(names, 1)]


GCM, CBC, RSA = "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA256", "AES128-GCM-SHA256"
V13 = "TLS_AES_128_GCM_SHA256"
BOTH = ["TLSv1.2", "TLSv1.3"]


@pytest.mark.parametrize(
    ("protocols", "names", "status", "reason"),
    [
        (BOTH, (V13, GCM, CBC), "pass", "TLSv1.2 and TLSv1.3"),
        (["TLSv1.3"], (V13,), "pass", "TLSv1.3"),
        (["TLSv1.2"], (GCM,), "warn", "TLS 1.2 only"),
        (BOTH, (V13, GCM, RSA), "warn", "AES128-GCM-SHA256, without forward secrecy"),
        (BOTH, (V13, CBC), "warn", "CBC suites only"),
        (["TLSv1.1", *BOTH], (V13, GCM), "fail", "TLSv1.1"),
        (["TLSv1", "TLSv1.2"], (GCM,), "fail", "TLSv1"),
        (["SSLv3", "TLSv1.2"], (GCM,), "fail", "SSLv3"),
        (BOTH, (V13, "ECDHE-RSA-RC4-SHA"), "fail", "RC4"),
        (BOTH, (V13, "DES-CBC3-SHA"), "fail", "DES"),
        (BOTH, (V13, "EXP-RC4-MD5"), "fail", "EXP"),
        (BOTH, (V13, "ECDHE-RSA-NULL-SHA"), "fail", "NULL"),
        ([*BOTH, "TLSv1.4"], (V13, GCM), "unknown", "TLSv1.4"),
        (BOTH, (V13, "TLS_NEW_512_SHA512"), "unknown", "TLS_NEW_512_SHA512"),
        (BOTH, (), "unknown", "tells nothing"),
        ([], (V13,), "unknown", "tells nothing"),
    ],
)
def test_a_policy_is_judged_by_what_it_allows(
    protocols: list[str], names: tuple[str, ...], status: str, reason: str
) -> None:
    one = listener(policy="ELBSecurityPolicy-Of-2031", SslProtocols=protocols, Ciphers=suites(*names))
    verdict = PUBLIC.ask(POLICY, one)
    assert verdict.status.word == status
    assert reason in verdict.reason


@pytest.mark.parametrize("name", sorted(SSL_POLICIES))
def test_each_policy_of_aws_is_told_by_its_protocols_and_ciphers(name: str) -> None:
    told = SSL_POLICIES[name]
    protocols, ciphers = set(told["ssl_protocols"]), list(told["ciphers"])
    verdict = PUBLIC.ask(POLICY, listener(policy=name))
    secret = all(cipher.startswith(("TLS_", "ECDHE-")) for cipher in ciphers)
    if protocols & {"TLSv1", "TLSv1.1"}:
        assert verdict.status is Status.FAIL
    else:
        assert verdict.status is (Status.PASS if "TLSv1.3" in protocols and secret else Status.WARN)


def test_the_name_of_a_policy_says_nothing() -> None:
    liar = listener(policy="ELBSecurityPolicy-TLS13-1-3-2021-06", SslProtocols=["TLSv1"], Ciphers=suites(GCM))
    assert PUBLIC.ask(POLICY, liar).status is Status.FAIL
    unheard = listener(policy="ELBSecurityPolicy-TLS13-1-3-2021-07")
    assert PUBLIC.ask(POLICY, unheard).status is Status.UNKNOWN


def test_the_policy_of_a_network_load_balancers_tls_listener_is_judged_too() -> None:
    assert PUBLIC.ask(POLICY, listener("TLS", policy="ELBSecurityPolicy-2016-08")).status is Status.FAIL
    assert PUBLIC.ask(POLICY, listener("TCP")).status is Status.NOT_APPLICABLE


def test_refused_policies_are_unknown() -> None:
    unread = blind(listener(), elb("DescribeSSLPolicies"), without=("SslProtocols", "Ciphers"))
    assert names_the_permission(PUBLIC.ask(POLICY, unread), elb("DescribeSSLPolicies"))
    unread = blind(classic(), elb("DescribeLoadBalancerPolicies"), without=("PolicyDescriptions",))
    assert names_the_permission(PUBLIC.ask(POLICY, unread), elb("DescribeLoadBalancerPolicies"))


@pytest.mark.parametrize(
    ("one", "status", "reason"),
    [
        (classic(), "warn", "TLS 1.2 only"),
        (classic("SSL", 443), "warn", "TLS 1.2 only"),
        (classic("HTTPS", 443, "Server-Defined-Cipher-Order"), "warn", "TLS 1.2 only"),
        (classic("HTTPS", 443, "Protocol-TLSv1"), "fail", "TLSv1"),
        (classic("HTTPS", 443, "RC4-MD5"), "fail", "RC4-MD5"),
        (classic("HTTPS", 443, "AES256-SHA"), "warn", "AES256-SHA"),
        (classic(PolicyDescriptions=[]), "unknown", "0 policies"),
        (classic("HTTP", 80), "not_applicable", "HTTP"),
    ],
)
def test_a_classic_policy_is_what_is_switched_on_in_it(one: Resource, status: str, reason: str) -> None:
    verdict = PUBLIC.ask(POLICY, one)
    assert verdict.status.word == status
    assert reason in verdict.reason


# ---------------------------------------------------------------- certificates


@pytest.mark.parametrize(
    ("one", "status"),
    [
        (certificate(), "pass"),
        (certificate(Type="IMPORTED"), "pass"),
        (certificate(31, Type="IMPORTED"), "pass"),
        (certificate(29, Type="IMPORTED"), "warn"),
        (certificate(13, Type="IMPORTED"), "fail"),
        (certificate(-1, Type="IMPORTED"), "fail"),
        (certificate(14, 47, Type="IMPORTED"), "pass"),
        (renewing(None), "pass"),
        (renewing("SUCCESS"), "pass"),
        (renewing("PENDING_AUTO_RENEWAL"), "pass"),
        (renewing("PENDING_VALIDATION"), "warn"),
        (renewing("FAILED"), "warn"),
        (renewing("PENDING_AUTO_RENEWAL", 20), "warn"),
        (renewing("FAILED", 10), "fail"),
        (renewing("STUCK"), "unknown"),
        (certificate(50), "unknown"),
        (certificate(KeyAlgorithm="RSA_1024"), "warn"),
        (certificate(KeyAlgorithm="EC_prime256v1"), "pass"),
        (certificate(KeyAlgorithm="ROT13"), "unknown"),
        (certificate(Status="EXPIRED"), "fail"),
        (certificate(Status="REVOKED"), "fail"),
        (certificate(Status="FAILED"), "fail"),
        (certificate(Status="INACTIVE"), "warn"),
        (certificate(Status="GONE"), "unknown"),
        (certificate(NotAfter="soon"), "unknown"),
        (certificate(InUse=None), "unknown"),
        (certificate(-100, InUse=False, Status="EXPIRED"), "not_applicable"),
    ],
)
def test_a_certificate_in_use_is_renewed_before_it_ends(one: Resource, status: str) -> None:
    assert World().ask(ACM, one).status.word == status


def test_a_refused_renewal_is_unknown_unless_the_end_is_near_anyway() -> None:
    unread = blind(certificate(50), "acm:DescribeCertificate")
    assert names_the_permission(World().ask(ACM, unread), "acm:DescribeCertificate")
    assert World().ask(ACM, blind(certificate(5), "acm:DescribeCertificate")).status is Status.FAIL


def test_a_certificate_is_judged_again_when_acm_begins_to_renew_it_and_at_the_lines() -> None:
    ends = parse_rfc3339(certificate().fields["NotAfter"])
    assert World().ask(ACM, certificate()).valid_until == ends - 60 * DAY
    assert World().ask(ACM, renewing("SUCCESS")).valid_until == NOW + 20 * DAY
    assert World().ask(ACM, certificate(Type="IMPORTED")).valid_until == ends - 30 * DAY
    assert World().ask(ACM, certificate(20, Type="IMPORTED")).valid_until == NOW + 6 * DAY


# ---------------------------------------------------------------- distributions


def at(path: str, viewers: str) -> dict[str, Any]:
    return listed({"PathPattern": path, "TargetOriginId": "o", "ViewerProtocolPolicy": viewers})


OWN = {"CloudFrontDefaultCertificate": True, "MinimumProtocolVersion": "TLSv1.2_2021"}


@pytest.mark.parametrize(
    ("one", "status", "reason"),
    [
        (distribution(), "pass", ""),
        (distribution("https-only", "TLSv1.3_2025"), "pass", ""),
        (distribution(origins=(origin(), BUCKET)), "pass", ""),
        (distribution("allow-all"), "fail", "the default behaviour allows plain HTTP"),
        (distribution(CacheBehaviors=at("/img/*", "allow-all")), "fail", "/img/* allows plain HTTP"),
        (distribution(CacheBehaviors=at("/img/*", "https-only")), "pass", ""),
        (distribution(minimum="TLSv1"), "fail", "allows TLSv1"),
        (distribution(minimum="TLSv1.1_2016"), "fail", "TLSv1.1_2016"),
        (distribution(minimum="SSLv3"), "fail", "SSLv3"),
        (distribution(ViewerCertificate=OWN), "fail", "the default certificate fixes the minimum"),
        (distribution(origins=(origin(), origin("http-only", host="w"))), "fail", "origin w is reached by plain HTTP"),
        (distribution(origins=(origin("match-viewer"),)), "warn", "as the viewer comes"),
        (distribution(origins=(origin("https-only", "TLSv1", "TLSv1.2"),)), "warn", "may be reached by TLSv1"),
        (distribution("sometimes"), "unknown", "sometimes"),
        (distribution(minimum="TLSv9"), "unknown", "TLSv9"),
        (distribution(origins=(origin("carrier-pigeon"),)), "unknown", "carrier-pigeon"),
        (distribution(Origins={"Quantity": 2, "Items": [origin()]}), "unknown", "1 of 2"),
        (distribution(CacheBehaviors={"Quantity": 3}), "unknown", "0 of 3"),
        (distribution("sometimes", "TLSv1"), "fail", "allows TLSv1"),
        (distribution("allow-all", Enabled=False), "not_applicable", "disabled"),
    ],
)
def test_a_distribution_forces_https_and_modern_tls(one: Resource, status: str, reason: str) -> None:
    verdict = World().ask(VIEWERS, one)
    assert verdict.status.word == status
    assert reason in verdict.reason


@pytest.mark.parametrize(
    ("policy", "status"), [("https-only", "pass"), ("match-viewer", "warn"), ("http-only", "fail"), (None, "unknown")]
)
def test_an_origin_inside_a_vpc_is_judged_by_what_it_says_itself(policy: str | None, status: str) -> None:
    told: Any = {} if policy is None else {"VpcOrigins": {"vo_1": origin(policy)["CustomOriginConfig"]}}
    assert World().ask(VIEWERS, distribution(origins=(INSIDE,), **told)).status.word == status


def test_refused_reads_of_cloudfront_are_unknown() -> None:
    unread = blind(distribution(origins=(INSIDE,)), "cloudfront:GetVpcOrigin")
    assert names_the_permission(World().ask(VIEWERS, unread), "cloudfront:GetVpcOrigin")
    unread = blind(distribution("allow-all", origins=(INSIDE,)), "cloudfront:GetVpcOrigin")
    assert World().ask(VIEWERS, unread).status is Status.FAIL
