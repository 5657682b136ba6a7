"""Ask who changed something, of a collector that has polled everything once."""

import time
from collections.abc import Callable

import msgspec

from posture.model import Model
from posture.resource import Resource
from posture.who import Change, Trail, Who, answer
from providers.collector.collector import Collector
from providers.collector.config import Config
from providers.source import TALLY, Tally
from tests.providers.conftest import SHORT


async def asked_once(
    config: Config, control: str, of: Callable[[Resource], bool], *, seen_otherwise: float | None = None
) -> Who:
    """The answer about the one resource that is meant; `seen_otherwise` seconds ago it was otherwise, where that is
    said.
    """
    collector = Collector(config, limits=msgspec.structs.replace(SHORT, pace=20.0))
    told: list[Who] = []

    async def then() -> None:
        collector.model.tick(time.time())
        resource = _the(collector.model, of)
        if seen_otherwise is None:
            who = await collector.whos.ask(resource.id, control)
            assert who is not None, f"{control} does not judge {resource.id}"
            told.append(who)
            return
        source = collector.poller.source(resource.source)
        judge = collector.model.registry.get(control)
        assert source is not None
        assert judge is not None
        TALLY.set(Tally())
        now = time.time()
        change = Change(resource=resource, events=judge.events, since=now - 1, after=now - seen_otherwise, asked_at=now)
        got = await source.who(change)
        told.append(answer(got, change) if isinstance(got, Trail) else got)

    await collector.once(60, then)
    return told[0]


def _the(model: Model, of: Callable[[Resource], bool]) -> Resource:
    found = [entry.resource for entry in model.all() if of(entry.resource)]
    assert len(found) == 1, found
    return found[0]
