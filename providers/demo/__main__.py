"""`python -m providers.demo`: the simulated tenants until stdin closes.

Prints one JSON line: `url` of the simulated AWS, `configuration` (TOML) and `environment` for the collector.
"""

import contextlib
import json
import sys
import threading

from providers.demo import azure_accounts, moto
from providers.demo.accounts import ENVIRONMENT
from providers.demo.azure_soon import Soon
from providers.demo.live import live
from providers.demo.world import configuration, seed


def main() -> int:
    """Run until whoever started us is gone."""
    server = moto.start()
    world, stopped = seed(server.faults), threading.Event()
    azure = Soon(stopped)
    happening = threading.Thread(target=live, args=(world, stopped), name="live", daemon=True)
    happening.start()
    written = configuration(server.url) + azure_accounts.configuration(azure.url)
    environment = {**ENVIRONMENT, **azure_accounts.ENVIRONMENT}
    sys.stdout.write(json.dumps({"url": server.url, "configuration": written, "environment": environment}) + "\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        while sys.stdin.readline():
            pass
    stopped.set()
    server.stop()
    azure.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
