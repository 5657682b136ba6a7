"""The real collector on a toy system: three beacons, one lit, one dark, one of which nobody says.

collector.py             streams frames, as `python -m providers.collector` does
collector.py --once FILE polls once and writes the snapshot
"""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator
from pathlib import Path

from posture.reports import Batch, Complete
from posture.resource import Resource
from posture.snapshot import take, to_json
from providers.collector.collector import Collector, over_pipes, own_output
from providers.collector.config import parse
from providers.collector.files import write
from providers.source import Source, Yield

BEACONS = {"alpha": {"Lit": True}, "beta": {"Lit": False}, "gamma": {}}
HOURS = 3600.0


class Beacons(Source):
    """The toy system's one question."""

    service = "beacons"

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """All of them at once; each ends by itself in five hours."""
        yield Batch(
            tuple(
                Resource(
                    id=f"toy://{name}",
                    kind="beacon",
                    type="toy.beacon",
                    name=name,
                    tenant=self.tenant,
                    provider="toy",
                    scope=self.scope,
                    region="",
                    source=self.id,
                    fields=fields,
                    cells=(f"call-{name}",),
                    expires=time.time() + 5 * HOURS,
                )
                for name, fields in BEACONS.items()
            )
        )
        yield Complete(("toy.beacon",))


class ToyCollector(Collector):
    """The real one, but for what it asks."""

    def sources(self) -> list[Source]:
        """The toy system."""
        return [Beacons("acme", "toy", "harbour", HOURS)]


def main() -> None:
    """Stream, or poll once."""
    collector = ToyCollector(parse('[[tenant]]\nname = "acme"\n', "toy"), simulated=True)
    if sys.argv[1:2] == ["--once"]:
        asyncio.run(collector.once(30.0))
        write(Path(sys.argv[2]), to_json(take(collector.model, time.time(), collector.version)))
    else:
        asyncio.run(over_pipes(collector.stream, own_output()))


if __name__ == "__main__":
    main()
