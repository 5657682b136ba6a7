"""`python -m providers.demo`: the simulated tenants until stdin closes.

Prints one JSON line: `url` of the simulated AWS, `vault` of a real OpenBao, `configuration` (TOML) and `environment` for the collector.
"""

import contextlib
import json
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

from providers.demo import azure_accounts, gcp, gcp_tenant, moto, tls, vault, world
from providers.demo.accounts import ENVIRONMENT
from providers.demo.azure_soon import Soon
from providers.demo.live import live


def main() -> NoReturn:
    """Run until whoever started us is gone."""
    with ThreadPoolExecutor(1) as other:
        starting = other.submit(vault.start)
        server = moto.start()
        acme, stopped = world.seed(server.faults), threading.Event()
        azure, street = Soon(stopped), tls.start()
        google = gcp.start()
        initech = gcp_tenant.seed(google)
        secrets = starting.result()
    for happens, where in ((live, acme), (tls.live, street), (vault.live, secrets), (gcp_tenant.live, initech)):
        threading.Thread(target=happens, args=(where, stopped), name="live", daemon=True).start()
    started = {
        "url": server.url,
        "vault": secrets.bao.url,
        "configuration": world.configuration(server.url, tls.configuration(street) + vault.configuration(secrets.bao.url), tls.policy())
        + azure_accounts.configuration(azure.url)
        + gcp_tenant.configuration(google.url),
        "environment": {**ENVIRONMENT, **azure_accounts.ENVIRONMENT, "SSL_CERT_FILE": str(street.roots), vault.TOKEN_ENV: secrets.token},
    }
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # who is told to go tidies up first
    sys.stdout.write(json.dumps(started) + "\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        while sys.stdin.readline():
            pass
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # we are going
    stopped.set()
    street.stop()
    secrets.bao.stop()
    os._exit(0)  # all else is in this process and goes with it; taking a simulated AWS apart object by object costs two seconds


if __name__ == "__main__":
    main()
