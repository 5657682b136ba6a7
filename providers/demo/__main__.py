"""`python -m providers.demo`: the simulated tenants until stdin closes.

Prints one JSON line: `url` of the simulated AWS, `vault` of a real OpenBao, `configuration` (TOML) and `environment`
for the collector.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

from providers.demo.aws import server as moto
from providers.demo.aws import world
from providers.demo.aws.accounts import ENVIRONMENT
from providers.demo.aws.live import live
from providers.demo.azure import accounts
from providers.demo.azure.lazy import LazyAzure
from providers.demo.gcp import server as gcp
from providers.demo.gcp import tenant
from providers.demo.keycloak import live as keycloak
from providers.demo.keycloak.server import Server as Keycloak
from providers.demo.kubernetes import live as kubernetes
from providers.demo.kubernetes import tenants
from providers.demo.kubernetes.tenants import Clusters
from providers.demo.tls import live as tls
from providers.demo.tls.live import TlsFleet
from providers.demo.vault import live as vault

REMOVED_AFTER_US = ("/bin/sh", "-c", """trap '' HUP INT TERM; read _; rm -rf -- "$1"; sleep 1; rm -rf -- "$1" """, "sh")
"""Waits until its standard input ends, as it does with us, then removes a directory; twice, for a server that is
just being killed may still write.
"""

_kept: list[subprocess.Popen[bytes]] = []
"""Its input stays open as long as we hold it."""


def main() -> NoReturn:
    """Run until whoever started us is gone."""
    _away_with_us()
    threading.Thread(target=_until_left, name="left", daemon=True).start()
    with ThreadPoolExecutor(1) as other:
        starting = other.submit(vault.start)
        server = moto.start()
        acme, stopped = world.seed(server.faults), threading.Event()
        azure, street = LazyAzure(stopped), _street()
        google = gcp.start()
        initech = tenant.seed(google)
        logins = keycloak.start()
        clusters = tenants.start(acme, azure.resources, initech)
        secrets = starting.result()
    for happens, where in (
        *((live, acme), (tls.live, street), (vault.live, secrets), (tenant.live, initech)),
        (kubernetes.live, clusters.running),
    ):
        threading.Thread(target=happens, args=(where, stopped), name="live", daemon=True).start()
    own = _beside(clusters, logins)
    systems = tls.configuration(street) + vault.configuration(secrets.bao.url) + own("acme")
    started = {
        "url": server.url,
        "vault": secrets.bao.url,
        "configuration": world.configuration(server.url, systems, tls.policy())
        + accounts.configuration(azure.url)
        + own("globex")
        + tenant.configuration(google.url)
        + own("initech"),
        "environment": {
            **ENVIRONMENT,
            **accounts.ENVIRONMENT,
            "SSL_CERT_FILE": str(street.roots),
            vault.TOKEN_ENV: secrets.token,
        },
    }
    with contextlib.suppress(BrokenPipeError):  # who asked has left: the thread that waits for that ends us
        sys.stdout.write(json.dumps(started) + "\n")
        sys.stdout.flush()
    while True:
        signal.pause()


def _street() -> TlsFleet:
    """acme's doors, some of them behind a load balancer that names them."""
    street = tls.start()
    world.lead_to(tls.behind_a_balancer(street), old=tls.STILL_OLD)
    return street


def _beside(clusters: Clusters, logins: Keycloak) -> Callable[[str], str]:
    """Name of a tenant -> the collector's blocks for what it has beside its cloud."""
    return lambda tenant: clusters.configuration(tenant) + keycloak.configuration(logins, tenant)


def _until_left() -> None:
    """Wait for the end of our input, or a signal; then end at once, wherever the start has come to.

    All else is in this process and goes with it (taking a simulated AWS apart object by object costs two seconds), the
    real server with its own shell.
    """
    with contextlib.suppress(OSError, ValueError):
        while os.read(0, 1 << 12):
            pass
    _leave()


def _leave(*_: object) -> NoReturn:
    shutil.rmtree(tempfile.gettempdir(), ignore_errors=True)
    os._exit(0)


def _away_with_us() -> None:
    """Give all that is written here, by whatever part, one directory that goes with us, however we end."""
    directory = tempfile.mkdtemp(prefix="enctop-demo-")
    tempfile.tempdir = directory
    _kept.append(
        subprocess.Popen(
            [*REMOVED_AFTER_US, directory],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    )
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _leave)


if __name__ == "__main__":
    main()
