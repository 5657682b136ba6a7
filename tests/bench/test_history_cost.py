"""What a history costs: writing what changed, beginning again, and stepping through the past, of 20,000 volumes."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from posture.entry import Entry
from posture.reports import Batch, Complete
from posture.resource import Resource
from providers.collector.history.past import Past
from providers.collector.publisher import Publisher
from tests.posture.controls.world import key, key_arn, volume
from tests.posture.models import KEYS, VOLUMES, Feed
from tests.providers.collector.history.kept import Kept

pytestmark = pytest.mark.bench

MANY, CHANGES = 20_000, 1000


def cpu(act: Callable[[], object]) -> float:
    """Seconds of this process."""
    began = time.process_time()
    act()
    return time.process_time() - began


def volumes() -> list[Resource]:
    """As a poll lists them."""
    made = (volume(f"vol-{number:017x}", key=key_arn(f"k-{number % 50}"), Size=number) for number in range(MANY))
    return [msgspec.structs.replace(one, source=VOLUMES) for one in made]


def poll(feed: Feed, listed: list[Resource]) -> None:
    """One poll in full."""
    feed.now += 60.0
    feed.model.begin(VOLUMES, feed.now)
    feed.model.apply(VOLUMES, Batch(tuple(listed)), feed.now)
    feed.model.apply(VOLUMES, Complete((listed[0].type,)), feed.now)
    feed.model.finish(VOLUMES, feed.now, fault=None, calls=1, seconds=1.0, next_due=None)
    feed.model.tick(feed.now)


def changed(listed: list[Resource], turn: int) -> list[Resource]:
    """The same, a thousand of which are in plaintext, each turn others."""
    plain = set(range(turn * CHANGES, (turn + 1) * CHANGES))
    return [
        msgspec.structs.replace(one, fields={**one.fields, "Encrypted": False}) if number in plain else one
        for number, one in enumerate(listed)
    ]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kept, Feed, Path, dict[str, float]]]:
    """A history of the first poll, of one that finds nothing new, and of three that find a thousand changes."""
    path, told = tmp_path_factory.mktemp("history") / "history.sqlite", dict[str, float]()
    feed, listed = Feed(VOLUMES, KEYS), volumes()
    kept = Kept(feed.model, path)
    feed.poll(KEYS, *(key(f"k-{number}") for number in range(50)))
    told["judging the first poll"] = cpu(lambda: poll(feed, listed))
    told["writing the first poll"] = cpu(lambda: kept.take(beat=True))
    poll(feed, listed)
    told["writing a poll without news"] = cpu(lambda: kept.take(beat=True))
    for turn in range(3):
        judged = cpu(lambda turn=turn: poll(feed, changed(listed, turn)))  # type: ignore[misc]
        written = cpu(lambda: kept.take(beat=True))
    told["judging 1,000 changes, and 1,000 back"], told["writing them"] = judged, written
    yield kept, feed, path, told
    kept.sql.close()
    os.close(kept.lock or 0)


def test_the_past_costs_little_beside_the_present(kept: tuple[Kept, Feed, Path, dict[str, float]]) -> None:
    written, feed, path, told = kept
    pieces: list[list[Entry]] = []
    sources = written.reader.sources(feed.now)
    told["reading all for a next start"] = cpu(lambda: pieces.extend(written.reader.current(feed.now, sources)))
    past = Past(written.reader)
    publisher = Publisher(past.model)
    list(publisher.frames(past.model.moved()))

    def step() -> None:
        past.move(past.step(False) or past.first)
        list(publisher.frames(past.model.moved()))

    told["a step back over 2,000 changes"] = cpu(step)
    written.sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    lines = [f"{name:<40} {seconds * 1e3:8.1f} ms\n" for name, seconds in told.items()]
    sys.stdout.write("".join(lines) + f"{'the file':<40} {path.stat().st_size / 1e6:8.1f} MB\n")
    assert sum(map(len, pieces)) == len(feed.model)
    assert told["writing the first poll"] < told["judging the first poll"]
    assert told["writing a poll without news"] < told["writing the first poll"] / 50
    assert told["reading all for a next start"] < told["judging the first poll"]
    assert told["a step back over 2,000 changes"] < told["reading all for a next start"] / 4
