"""The promises on the wire: the sentences first, then what stands otherwise, and not more often than once a second."""

from typing import Any

from posture.policy import Policy
from posture.promises import Promises
from posture.verdict import Status
from providers.collector.frames import Sentences, TenantPromises
from providers.collector.promised import EVERY, MOST
from providers.collector.publisher import Publisher
from tests.posture.controls.world import key, key_arn, volume
from tests.posture.models import KEYS, VOLUMES, Feed, of


def told(publisher: Publisher, feed: Feed) -> list[Any]:
    frames = publisher.frames(feed.model.drain())
    return [frame for frame in frames if isinstance(frame, Sentences | TenantPromises)]


def at_s25(frame: TenantPromises) -> int:
    return frame.cells[24].status


def test_what_stands_as_it_did_is_not_told_again_and_what_moved_is_told_within_a_second() -> None:
    feed = Feed(VOLUMES, KEYS).poll(KEYS, key(manager="AWS")).poll(VOLUMES, volume("vol-1", key=key_arn()))
    publisher = Publisher(feed.model)
    sentences, *promises = told(publisher, feed)
    assert [sentence.id for sentence in sentences.sentences] == [f"S{number:02}" for number in range(1, 33)]
    assert [frame.tenant for frame in promises] == ["acme", "beta"]
    assert at_s25(promises[0]) == Status.PASS
    feed.poll(VOLUMES, volume("vol-2"), after=EVERY / 2)
    assert told(publisher, feed) == []
    assert publisher.promised.waiting
    feed.wait(EVERY)
    (moved,) = told(publisher, feed)
    assert (moved.tenant, at_s25(moved)) == ("acme", Status.FAIL)
    assert not publisher.promised.waiting
    feed.wait(2 * EVERY)
    assert told(publisher, feed) == []
    feed.poll(VOLUMES, volume("vol-2"), after=EVERY)
    assert told(publisher, feed) == [], "the same answer again"


def test_a_clock_that_goes_back_keeps_nothing_untold() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, volume("vol-1", key=key_arn()))
    publisher = Publisher(feed.model)
    told(publisher, feed)
    feed.poll(VOLUMES, volume("vol-2"), after=-7200.0)
    assert [frame.tenant for frame in told(publisher, feed)] == ["acme"]


def test_of_many_tenants_those_that_waited_longest_are_told_first_and_all_are() -> None:
    names = [f"t{number:02}" for number in range(2 * MOST + 5)]
    feed = Feed(VOLUMES, policies={name: Policy() for name in names})
    publisher = Publisher(feed.model)
    assert len(told(publisher, feed)) == 2 + len(names), "the first time all, for a snapshot has no second"
    feed.poll(VOLUMES, *(of(name, volume(f"vol-{name}")) for name in names), after=EVERY)
    seen: list[str] = []
    for _ in range(6):
        now = [frame.tenant for frame in told(publisher, feed)]
        assert len(now) <= MOST
        seen += now
        feed.poll(VOLUMES, *(of(name, volume(f"vol-{name}")) for name in names), after=EVERY)
    assert set(seen) >= set(names)


def test_the_cells_are_those_of_the_page() -> None:
    feed = Feed(VOLUMES, KEYS).poll(KEYS, key()).poll(VOLUMES, volume("vol-1"))
    _, acme, _ = told(Publisher(feed.model), feed)
    stands = Promises.of(feed.model).of_tenant("acme")
    assert [(cell.status, cell.findings) for cell in acme.cells] == [(one.status, one.findings) for one in stands]
