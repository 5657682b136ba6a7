"""`python -m providers.demo`: the simulated tenants until stdin closes.

Prints one JSON line: `url` of the simulated AWS, `configuration` (TOML) and `environment` for the collector.
"""

import contextlib
import json
import sys
import threading

from providers.demo import gcp, gcp_tenant, moto
from providers.demo.accounts import ENVIRONMENT
from providers.demo.live import live
from providers.demo.world import configuration, seed


def main() -> int:
    """Run until whoever started us is gone."""
    server = moto.start()
    world, stopped = seed(server.faults), threading.Event()
    happening = threading.Thread(target=live, args=(world, stopped), name="live", daemon=True)
    happening.start()
    google = gcp.start()
    initech = gcp_tenant.seed(google)
    threading.Thread(target=gcp_tenant.live, args=(initech, stopped), name="live-gcp", daemon=True).start()
    sys.stdout.write(
        json.dumps({"url": server.url, "configuration": configuration(server.url) + gcp_tenant.configuration(google.url), "environment": ENVIRONMENT}) + "\n"
    )
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        while sys.stdin.readline():
            pass
    stopped.set()
    google.stop()
    server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
