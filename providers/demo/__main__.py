"""`python -m providers.demo`: the simulated tenants until stdin closes.

Prints one JSON line: `url` of the simulated AWS, `configuration` (TOML) and `environment` for the collector.
"""

import contextlib
import json
import sys

from providers.demo import moto, world


def main() -> int:
    """Run until whoever started us is gone."""
    server = moto.start()
    started = {"url": server.url, "configuration": world.configuration(server.url), "environment": world.ENVIRONMENT}
    sys.stdout.write(json.dumps(started) + "\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        while sys.stdin.buffer.read(4096):
            pass
    server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
