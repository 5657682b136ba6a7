"""Endpoints and certificates for controls to look at: one that is as it should be, and whatever a test changes of
it.
"""

from typing import Any

import msgspec

from posture.clock import rfc3339
from posture.fault import Fault, FaultKind
from posture.policy import Policy
from posture.policy.tls import TlsPolicy
from posture.resource import Link, Resource
from posture.verdict import Status
from tests.posture.controls.world import DAY, NOW, World, made

LEAF, ISSUER = "aa" * 32, "bb" * 32
FAIL, WARN, PASS, UNKNOWN, NA = Status.FAIL, Status.WARN, Status.PASS, Status.UNKNOWN, Status.NOT_APPLICABLE
WORLD = World()
HOST = "shop.acme.example"


def facts(*, days: float = 90, left: float = 60, **more: Any) -> dict[str, Any]:
    """A leaf for `HOST` with a life of `days`, of which `left` are to come."""
    return {
        "Subject": f"CN={HOST}",
        "CommonName": HOST,
        "Issuer": "CN=Good CA 1,O=Good",
        "IssuerName": "Good CA 1",
        "Serial": "05",
        "NotBefore": rfc3339(NOW - (days - left) * DAY),
        "NotAfter": rfc3339(NOW + left * DAY),
        "KeyType": "EC",
        "KeyBits": 256,
        "Curve": "P-256",
        "SignatureHash": "SHA256",
        "SelfIssued": False,
        "IsCa": False,
        "DnsNames": [HOST],
        "IpAddresses": [],
        "MustStaple": False,
        "CrlUrls": ["http://crl.good.example/1.crl"],
        "OcspUrls": [],
        "IssuerUrls": [],
        **more,
    }


def issuer(**more: Any) -> dict[str, Any]:
    """The intermediate above it."""
    above = {
        "Subject": "CN=Good CA 1,O=Good",
        "CommonName": "Good CA 1",
        "Issuer": "CN=Good Root",
        "IssuerName": "Good Root",
        "IsCa": True,
        "DnsNames": [],
    }
    return facts(days=1825, left=900, **{**above, **more})


GOOD = {"By": "crl", "Status": "good", "ThisUpdate": rfc3339(NOW - DAY), "NextUpdate": rfc3339(NOW + 6 * DAY)}


def full(**more: Any) -> dict[str, Any]:
    """What the full pass sees of a healthy address."""
    return {
        "At": rfc3339(NOW - 60),
        "Every": 900.0,
        "Tls12": "accepted",
        "Tls12Suite": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "Legacy": dict.fromkeys(("TLSv1.1", "TLSv1.0", "SSLv3"), "refused (protocol_version)"),
        "Accepted": {},
        "Others": "refused (handshake_failure)",
        "Hybrid": "accepted",
        "Staple": "sent",
        "Revocation": GOOD,
        **more,
    }


def trust(**more: Any) -> dict[str, Any]:
    """What was said of the healthy chain; a value of None takes a field away."""
    root = {
        "CommonName": "Good Root",
        "NotBefore": rfc3339(NOW - 900 * DAY),
        "NotAfter": rfc3339(NOW + 900 * DAY),
        "KeyType": "EC",
        "KeyBits": 384,
        "Curve": "P-384",
    }
    told = {
        "End": "trusted",
        "Store": "system",
        "Root": "Good Root",
        "RootStore": "system",
        "RootSent": False,
        "Path": [LEAF, ISSUER],
        "Second": "taken",
    }
    return {name: value for name, value in {**told, "Anchor": root, **more}.items() if value is not None}


def address(**more: Any) -> dict[str, Any]:
    """A healthy address. `Full={...}` replaces the full pass; a value of None takes a field away."""
    fields = {
        "Outcome": "ok",
        "Strict": "ok",
        "Version": "TLSv1.3",
        "Suite": "TLS_AES_128_GCM_SHA256",
        "Group": "X25519",
        "VerifyCode": 0,
        "VerifyText": "ok",
        "HttpStatus": 200,
        "Hsts": "max-age=63072000; includeSubDomains",
        "Chain": [LEAF, ISSUER],
        "Trust": trust(),
        "Http": {"Outcome": "ok", "Status": 301, "Location": f"https://{HOST}/"},
        "Full": full(),
    }
    return {name: value for name, value in {**fields, **more}.items() if value is not None}


def endpoint(*addresses: dict[str, Any], leaf: dict[str, Any] | None = None, host: str = HOST, **more: Any) -> Resource:
    """An endpoint with these addresses, else one healthy one."""
    shown = {f"192.0.2.{number}": one for number, one in enumerate(addresses or (address(),), 1)}
    known = {LEAF: leaf or facts(), ISSUER: issuer()}
    fields = {
        "Host": host,
        "Port": 443,
        "Connect": f"{host}:443",
        "ServerName": host,
        "HttpPort": 80,
        "NamedBy": "configuration",
    }
    fields |= {"Addresses": shown, "Certificates": known, **more}
    return made(
        f"tls://{host}:443",
        "endpoint",
        "tls.endpoint",
        provider="tls",
        fields=fields,
        links={"certificate": f"cert://{LEAF}"},
    )


def found(endpoint: Resource, *edges: str) -> Resource:
    """The same, had it been found in these resources."""
    links = (*endpoint.links, *(Link("found-in", edge) for edge in edges))
    return msgspec.structs.replace(endpoint, links=links, fields={**endpoint.fields, "FoundIn": list(edges)})


def silent(outcome: str = "timeout", **more: Any) -> Resource:
    """An endpoint of which no address answered."""
    fault = Fault(FaultKind.UNREACHABLE, outcome, "tls:Connect", f"{HOST}:443: no answer")
    fields = {
        "Host": HOST,
        "Port": 443,
        "HttpPort": 80,
        "Addresses": {"192.0.2.1": {"Outcome": outcome, "Detail": "no answer"}},
        **more,
    }
    return made(
        f"tls://{HOST}:443", "endpoint", "tls.endpoint", provider="tls", fields=fields, faults={"tls:Connect": fault}
    )


def certificate(**more: Any) -> Resource:
    """The leaf as a resource of its own."""
    fields = {
        "Sha256": LEAF,
        **facts(),
        "RootStore": "system",
        "Revocation": GOOD,
        "FullAt": rfc3339(NOW - 60),
        "FullEvery": 900.0,
        **more,
    }
    return made(f"cert://{LEAF}", "certificate", "tls.certificate", provider="tls", fields=fields)


def policy(**more: Any) -> World:
    return World(policy=Policy(tls=TlsPolicy(**more)))
