"""acme's public doors: TLS servers on loopback as a company of some size has them, a handful of them not as
promised, one of them renewed while one watches.
"""

import ssl
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from providers.demo.ports import free_port
from providers.demo.tls import server as doors
from providers.demo.tls.pki import Authority, Pair, rsa_key, self_signed
from providers.demo.tls.server import Doors, context_for, load

DOMAIN = "acme.example"
RENEWED_EVERY = 75.0
"""Seconds between two renewals that one can watch."""
_CLEAN = (
    "www",
    "api",
    "app",
    "auth",
    "login",
    "status",
    "docs",
    "cdn",
    "hooks",
    "billing",
    "search",
    "events",
    "grafana",
    "vault",
    "registry",
    "support",
)
_BALANCED = ("www", "api", "app", "login", "shop", "checkout", "legacy")
"""Those that a load balancer names. It calls `legacy` modern, which it is not."""
STILL_OLD = (f"checkout.{DOMAIN}",)
"""Of those, which it still calls old."""
_NO_HSTS = doors.answer()


class Endpoint(msgspec.Struct, frozen=True):
    """One simulated endpoint: its name, port and addresses."""

    name: str
    port: int
    addresses: tuple[str, ...] = ("127.0.0.1",)


class TlsFleet(msgspec.Struct):
    """All doors, the port that answers plain HTTP for them, and the file with the root that their clients trust."""

    doors: list[Endpoint]
    http_port: int
    roots: Path
    renew: Callable[[], object]
    stop: Callable[[], object]


def start() -> TlsFleet:
    """Open the doors. Takes under a second."""
    serving, folder = Doors(), tempfile.TemporaryDirectory(prefix="enctop-demo-")
    lists: dict[str, bytes] = {}
    http_port = serving.open(None, lambda request, host: _in_clear(request, host, lists))
    authority = Authority("Acme Trust Services", f"http://127.0.0.1:{http_port}/acme.crl")
    street: list[Endpoint] = []

    def door(name: str, pair: Pair, says: doors.Answer = doors.SECURE, context: ssl.SSLContext | None = None) -> None:
        street.append(Endpoint(f"{name}.{DOMAIN}", serving.open(context or context_for(pair), says)))

    for name in _CLEAN:
        door(name, authority.issue(f"{name}.{DOMAIN}", days=90, left=50 + len(name) % 9 * 3))
    door("shop", authority.issue(f"shop.{DOMAIN}", days=47, left=14))
    door("checkout", authority.issue(f"checkout.{DOMAIN}", days=90, left=17))
    door("partners", authority.issue(f"partners.{DOMAIN}", days=200, left=13))
    door("legacy", (old := authority.issue(f"legacy.{DOMAIN}", key=rsa_key(2048))), context=_legacy(old))
    door("reports", authority.issue(f"reports.{DOMAIN}", left=-2.4))
    door("wiki", self_signed(f"wiki.{DOMAIN}"))
    door("jobs", (alone := authority.issue(f"jobs.{DOMAIN}")), context=context_for(alone, chain=alone.pem))
    door("careers", authority.issue(f"www.{DOMAIN}"))
    door("forum", authority.issue(f"forum.{DOMAIN}"), _NO_HSTS)
    door("press", authority.issue(f"press.{DOMAIN}"))
    authority.revoke(taken := authority.issue(f"sso.{DOMAIN}"))
    door("sso", taken)
    street.append(Endpoint(f"intranet.{DOMAIN}", serving.open(None, doors.answer())))
    street.append(Endpoint(f"retired.{DOMAIN}", free_port()))
    _stale_replica(serving, authority, street)
    renewing = authority.issue(f"payments.{DOMAIN}", days=47, left=15.4)
    door("payments", renewing, context=(context := context_for(renewing)))
    lists["/acme.crl"] = authority.crl()
    (roots := Path(folder.name) / "roots.pem").write_bytes(authority.root.pem)

    def stop() -> None:
        serving.close()
        folder.cleanup()

    def renew() -> None:
        load(context, authority.issue(f"payments.{DOMAIN}", days=47, left=47))

    return TlsFleet(street, http_port, roots, renew, stop)


def live(street: TlsFleet, stopped: threading.Event, *, speed: float = 1.0) -> None:
    """Renew a certificate every now and then until `stopped`. Runs in a thread of its own."""
    while not stopped.wait(RENEWED_EVERY / speed):
        street.renew()


def configuration(street: TlsFleet) -> str:
    """The blocks of the collector's configuration, as TOML that goes below a tenant."""
    endpoints = ", ".join(f'"{door.name}:{door.port}"' for door in street.doors)
    resolve = ", ".join(f'"{door.name}" = {list(door.addresses)}' for door in street.doors)
    return f"""
  [[tenant.tls]]
  endpoints = [{endpoints}]
  resolve = {{ {resolve} }}
  http_port = {street.http_port}
"""


def behind_a_balancer(street: TlsFleet) -> dict[str, int]:
    """The doors (name -> port) that a load balancer's listeners name."""
    names = {f"{name}.{DOMAIN}" for name in _BALANCED}
    return {door.name: door.port for door in street.doors if door.name in names}


def policy() -> str:
    """What acme's endpoints are meant to be."""
    return '\n  [tenant.policy.tls]\n  hybrid = "ignored"\n'


def _in_clear(request: str, host: str, lists: dict[str, bytes]) -> bytes:
    """Port 80 of all doors: redirects, the CRL, and one name where content is served."""
    path = request.split(" ")[1] if request.count(" ") >= 2 else "/"
    if path in lists:
        return (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/pkix-crl\r\nContent-Length: %d\r\n\r\n" % len(lists[path])
            + lists[path]
        )
    name = host.partition(":")[0]
    if name == f"press.{DOMAIN}":
        return doors.answer()(request, host)
    return doors.answer("301 Moved Permanently", Location=f"https://{name}/")(request, host)


def _legacy(pair: Pair) -> ssl.SSLContext:
    """As a server of 2012 was set up, and nobody has touched it since."""
    return context_for(pair, lowest=ssl.TLSVersion.TLSv1, ciphers="ECDHE+AESGCM:ECDHE+AES:RSA+AES:@SECLEVEL=0")


def _stale_replica(serving: Doors, authority: Authority, street: list[Endpoint]) -> None:
    """Two addresses of one name; behind one of them a pod that was never restarted. Needs IPv6 on loopback."""
    name = f"gateway.{DOMAIN}"
    port = serving.open(context_for(authority.issue(name)))
    try:
        serving.open(context_for(authority.issue(name, left=-0.3)), addresses=("::1",), port=port)
    except OSError:
        return
    street.append(Endpoint(name, port, ("127.0.0.1", "::1")))
