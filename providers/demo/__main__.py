"""`python -m providers.demo`: the simulated tenants until stdin closes.

Prints one JSON line: `url` of the simulated AWS, `configuration` (TOML) and `environment` for the collector.
"""

import contextlib
import json
import os
import signal
import sys
import threading

from providers.demo import moto, tls
from providers.demo.accounts import ENVIRONMENT
from providers.demo.live import live
from providers.demo.world import configuration, seed


def main() -> int:
    """Run until whoever started us is gone."""
    server = moto.start()
    world, stopped = seed(server.faults), threading.Event()
    happening = threading.Thread(target=live, args=(world, stopped), name="live", daemon=True)
    happening.start()
    street = tls.start()
    threading.Thread(target=tls.live, args=(street, stopped), name="renewals", daemon=True).start()
    told = configuration(server.url, tls.configuration(street), tls.policy())
    environment = {**ENVIRONMENT, "SSL_CERT_FILE": str(street.roots)}
    sys.stdout.write(json.dumps({"url": server.url, "configuration": told, "environment": environment}) + "\n")
    sys.stdout.flush()
    signal.signal(signal.SIGTERM, lambda number, frame: _leave(street))
    with contextlib.suppress(KeyboardInterrupt):
        while sys.stdin.readline():
            pass
    stopped.set()
    street.stop()
    server.stop()
    return 0


def _leave(street: tls.Street) -> None:
    """At once: nobody is left to be served, and only the doors have a file to take along."""
    street.tidy()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
