"""A collector's whole way with a configuration: `collect_gcp.py FILE` polls it twice and prints the CPU of each poll
and what is held, as JSON.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path

from providers.collector.collector import Collector, collect_garbage_seldom
from providers.collector.config import load
from tests.world.memory import peak_mb


async def main(file: str) -> dict[str, object]:
    """Poll all, then all again, unchanged."""
    collect_garbage_seldom()
    collector = Collector(load(Path(file)))
    collector.poller.add(collector.sources())
    spent: list[float] = []
    for _ in range(2):
        started = time.process_time()
        if spent:
            attempts = {source.id: source.last_attempt for source in collector.model.sources.values()}
            collector.poller.refresh()
            while any(  # noqa: ASYNC110
                source.polling or source.last_attempt == attempts[source.id]
                for source in collector.model.sources.values()
            ):
                await asyncio.sleep(0.02)
        else:
            await collector.poller.settled()
        collector.model.tick(time.time())
        spent.append(time.process_time() - started)
    await collector.poller.stop()
    kinds = Counter(entry.resource.kind for entry in collector.model.all())
    return {"cpu": spent, "kinds": kinds, "rss": peak_mb()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(sys.argv[1]))) + "\n")
