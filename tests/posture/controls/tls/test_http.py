"""What an endpoint says in HTTP: how long browsers are to insist on TLS, and where port 80 leads."""

from typing import Any

import pytest

from posture.controls.tls.endpoint import _max_age
from posture.controls.tls.owner import another_owner
from posture.verdict import Status
from tests.posture.controls.tls.world import (
    FAIL,
    HOST,
    NA,
    PASS,
    UNKNOWN,
    WARN,
    WORLD,
    address,
    endpoint,
    policy,
)


@pytest.mark.parametrize(
    ("value", "age"),
    [
        ("max-age=300", 300),
        ('Max-Age="31536000"; includeSubDomains', 31536000),
        ("includeSubDomains", None),
        ("max-age=x", None),
        ("max-age=1; max-age=2", None),
    ],
)
def test_hsts_is_read_as_rfc_6797_says(value: str, age: int | None) -> None:
    assert _max_age(value) == age


@pytest.mark.parametrize(
    ("answered", "value", "status"),
    [
        (200, None, WARN),
        (404, None, WARN),
        (429, None, UNKNOWN),
        (503, None, UNKNOWN),
        (502, "max-age=63072000", PASS),
        (503, "max-age=300", WARN),
    ],
)
def test_the_page_of_a_gateways_error_is_not_the_sites_policy(answered: int, value: str | None, status: Status) -> None:
    verdict = policy().ask("tls.hsts", endpoint(address(HttpStatus=answered, Hsts=value)))
    assert verdict.status is status


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"Outcome": "refused"}, PASS),
        ({"Outcome": "timeout"}, UNKNOWN),
        ({"Outcome": "ok", "Status": 200}, FAIL),
        ({"Outcome": "ok", "Status": 308, "Location": f"https://{HOST}/"}, PASS),
        ({"Outcome": "ok", "Status": 301, "Location": "https://www.shop.acme.example/"}, PASS),
        ({"Outcome": "ok", "Status": 302, "Location": f"https://{HOST}/"}, WARN),
        ({"Outcome": "ok", "Status": 301, "Location": f"http://{HOST}/x"}, FAIL),
        ({"Outcome": "ok", "Status": 301, "Location": "/login"}, FAIL),
        ({"Outcome": "ok", "Status": 301, "Location": "/login:1"}, FAIL),
        ({"Outcome": "ok", "Status": 301, "Location": f"//{HOST}:8080/"}, FAIL),
        ({"Outcome": "ok", "Status": 301, "Location": f" HTTP://{HOST}/"}, FAIL),
        ({"Outcome": "ok", "Status": 301, "Location": "https://evil.example/"}, WARN),
        ({"Outcome": "ok", "Status": 301}, WARN),
        ({"Outcome": "ok", "Status": 404}, WARN),
    ],
)
def test_port_80_may_only_lead_away(told: dict[str, Any], status: Status) -> None:
    assert WORLD.ask("tls.http-redirect", endpoint(address(Http=told))).status is status


def test_the_policy_says_that_port_80_is_filtered() -> None:
    quiet = endpoint(address(Http={"Outcome": "timeout"}))
    assert policy(http_filtered=True).ask("tls.http-redirect", quiet).status is NA


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("acme.example", "https://acme.example/"),
        ("acme.example", "HTTPS://ACME.example.:8443/x?y#z"),
        ("acme.example", "https://www.acme.example/"),
        ("www.acme.example", "https://acme.example/"),
        ("a.b.acme.co.uk", "https://acme.co.uk/"),
        ("acme.github.io", "https://www.acme.github.io/"),
        ("acme.github.io", "https://acme.github.io/"),
        ("xn--bcher-kva.example", "https://www.bücher.example/"),
        ("intranet", "https://intranet/"),
        ("192.0.2.7", "https://192.0.2.7/"),
        ("2001:db8::7", "https://[2001:db8:0::7]:8443/"),
    ],
)
def test_a_redirect_within_one_registered_name_stays_with_its_owner(host: str, place: str) -> None:
    assert another_owner(place, host) is None


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("shop.co.uk", "https://evil.co.uk/"),
        ("shop.co.uk", "https://co.uk/"),
        ("acme.github.io", "https://evil.github.io/"),
        ("acme.github.io", "https://github.io/"),
        ("github.io", "https://evil.github.io/"),
        ("acme.blob.core.windows.net", "https://evil.blob.core.windows.net/"),
        ("acme.s3.amazonaws.com", "https://evil.s3.amazonaws.com/"),
        ("amazonaws.com", "https://evil.s3.amazonaws.com/"),
        ("acme.herokuapp.com", "https://evil.herokuapp.com/"),
        ("192.0.2.7", "https://9.0.2.7/"),
        ("192.0.2.7", "https://2.7/"),
        ("2.7", "https://192.0.2.7/"),
        ("192.0.2.7", "https://0xc0000207/"),
        ("1.2.3.4", "https://x.1.2.3.4/"),
        ("2001:db8::7", "https://[2001:db8::8]/"),
        ("acme.example.com", "https://com/"),
        ("acme.example.com", "https://evil.com\\@acme.example.com/"),
        ("acme.example.com", "https://evil.com\\.acme.example.com/"),
        ("acme.example.com", "https://acme.example.com@evil.com/"),
        ("acme.example.com", "https://user@acme.example.com/"),
        ("acme.example.com", "https://:@acme.example.com/"),
        ("acme.example.com", "https://evil.com%2f.acme.example.com/"),
        ("acme.example.com", "https://evil.com\t.acme.example.com/"),
        ("acme.example.com", " https://acme.example.com/"),
        ("acme.example.com", "https://evilacme.example.com/"),
        ("acme.example.com", "https://acme.example.com.evil.com/"),
        ("acme.example.com", "https:///acme.example.com"),
        ("acme.example.com", "https:acme.example.com"),
        ("acme.example.com", "https://acme.example.com:x/"),
        ("acme.example.com", "https://[acme.example.com]/"),
        ("acme.example.com", "https://other.example.com/"),
        ("acme", "https://www.acme/"),
        ("strasse.example", "https://straße.example/"),
        ("acmess.example", "https://acmeẞ.example/"),
        ("xn--bcher-kva.example", "https://b\u200dücher.example/"),
        ("acme.example.com", "https://acme.example.com。evil.com/"),
        ("acme.example.com", "https://acme.example.com\u2044.evil.com/"),
        ("acme.example.com", "https://evil.com#.acme.example.com/"),
        ("acme.example.com", "https://evil.com?.acme.example.com/"),
        ("acme.example.com", "https://evil.com;.acme.example.com/"),
        ("acme.example.com", "////evil.com"),
        ("acme.example.com", "https:////acme.example.com/"),
        ("acme.example.com", "https://acme.example.com../"),
        ("acme.example.com", "https://.acme.example.com/"),
        ("acme.azurewebsites.net", "https://acme.scm.azurewebsites.net/"),
        ("a.vercel.app", "https://b.vercel.app/"),
        ("acme.kawasaki.jp", "https://kawasaki.jp/"),
        ("127.0.0.1", "https://127.1/"),
        ("10.0.0.1", "https://012.0.0.1/"),
        ("10.0.0.1", "https://[::ffff:10.0.0.1]/"),
        ("fe80::1", "https://[fe80::1%25eth0]/"),
        ("", "https://acme.example.com/"),
    ],
)
def test_a_redirect_to_whoever_may_register_a_name_is_a_warning(host: str, place: str) -> None:
    assert another_owner(place, host) is not None
    told = {"Outcome": "ok", "Status": 301, "Location": place}
    assert WORLD.ask("tls.http-redirect", endpoint(address(Http=told), host=host or "x")).status in (WARN, FAIL)
