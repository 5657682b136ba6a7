"""The real collector on the clusters of `tests.world.fleet`.

collector.py             streams frames, as `python -m providers.collector` does
collector.py --once FILE polls once and writes the snapshot
collector.py --mend      the dying key is enabled from the second poll on
"""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec

from posture.model import Model
from posture.reports import Batch, Complete
from posture.resource import Resource
from posture.snapshot import take, to_json
from providers.collector.collector import Collector, over_pipes, own_output
from providers.collector.config import parse
from providers.collector.files import write
from providers.collector.poller import Poller
from providers.source import Source, Yield
from tests.world import fleet

HOURS = 3600.0
CONFIG = '[[tenant]]\nname = "acme"\n[[tenant]]\nname = "beta"\n'


class Fleet(Source):
    """Everything in one answer."""

    service = "fleet"
    polls = 0

    def seen(self) -> list[Resource]:
        """The fleet as it is now."""
        made = fleet.everything()
        if "--mend" in sys.argv and self.polls > 1:
            mended = fleet.kms("dying")
            made = [mended if one.id == mended.id else one for one in made]
        return made

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """All of it."""
        self.polls += 1
        made = [msgspec.structs.replace(one, source=self.id) for one in self.seen()]
        yield Batch(tuple(made))
        yield Complete(tuple({one.type for one in made}))


class FleetCollector(Collector):
    """The real one, but for what it asks, and with the toy control."""

    def __init__(self) -> None:
        super().__init__(parse(CONFIG, "toy"), simulated=True)
        self.model = Model(fleet.told(), {tenant.name: tenant.policy for tenant in self.config.tenant}, time.time())
        self.poller = Poller(self.model, self._moved.set, time.time)

    def sources(self) -> list[Source]:
        """One."""
        return [Fleet("acme+beta", "toy", "fleet", HOURS)]


def main() -> None:
    """Stream, or poll once."""
    collector = FleetCollector()
    if sys.argv[1:2] == ["--once"]:
        asyncio.run(collector.once(30.0))
        write(Path(sys.argv[2]), to_json(take(collector.model, time.time(), collector.version)))
    else:
        asyncio.run(over_pipes(collector.stream, own_output()))


if __name__ == "__main__":
    main()
