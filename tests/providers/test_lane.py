"""One budget, many callers: the order, the rate, the holding back, and what it costs."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest

from posture.fault import Fault, FaultKind, Refused
from providers.lane import Lane
from providers.limits import Limits


def throttled(retry_after: float | None = None) -> Refused:
    """A refusal as too many."""
    return Refused(Fault(FaultKind.THROTTLED, "SlowDown", "s3:GetBucketPolicy", retry_after=retry_after))


def unreachable() -> Refused:
    """Nobody there."""
    return Refused(Fault(FaultKind.UNREACHABLE, "EndpointConnectionError", "s3:GetBucketPolicy"))


class Service:
    """What the calls reach: it writes down when it was asked by whom, and refuses as often as it is told."""

    def __init__(self, *refusals: Refused, takes: float = 0.0) -> None:
        self.refusals = list(refusals)
        self.takes = takes
        self.asked: list[tuple[float, int]] = []
        self.under_way = self.most = 0

    def call(self, number: int = 0) -> Callable[[], Awaitable[int]]:
        """A call that tells its number."""

        async def answer() -> int:
            self.asked.append((time.monotonic(), number))
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            try:
                await asyncio.sleep(self.takes)
            finally:
                self.under_way -= 1
            if self.refusals:
                raise self.refusals.pop(0)
            return number

        return answer

    @property
    def order(self) -> list[int]:
        """Who was served, first to last."""
        return [number for _, number in self.asked]


async def test_callers_are_served_in_the_order_they_came_though_some_give_up() -> None:
    lane, service = Lane(20, 0.1, 2), Service()
    tasks = [asyncio.create_task(lane.run(service.call(number))) for number in range(120)]
    await asyncio.sleep(0.12)
    given_up = set(range(50, 120, 3))
    for number in given_up:
        tasks[number].cancel()
    late = [asyncio.create_task(lane.run(service.call(number))) for number in range(120, 140)]
    await asyncio.gather(*tasks, *late, return_exceptions=True)
    assert service.order == [number for number in range(140) if number not in given_up]


async def test_who_gives_up_while_calling_frees_the_place_and_while_waiting_takes_no_turn() -> None:
    lane, service = Lane(100, 1.0, 1), Service(takes=5.0)
    calling, waiting = asyncio.create_task(lane.run(service.call(1))), asyncio.create_task(lane.run(service.call(2)))
    await asyncio.sleep(0.05)
    for task in (waiting, calling):
        task.cancel()
    await asyncio.gather(calling, waiting, return_exceptions=True)
    service.takes = 0.0
    assert await asyncio.wait_for(lane.run(service.call(3)), 1.0) == 3
    assert service.order == [1, 3]


async def test_no_window_ever_holds_more_calls_than_the_rate() -> None:
    lane, service = Lane(10, 0.15, 100), Service()
    await asyncio.gather(*(lane.run(service.call(number)) for number in range(45)))
    at = [moment for moment, _ in service.asked]
    assert all(later - earlier >= 0.15 for earlier, later in zip(at, at[10:], strict=False))


async def test_no_more_are_under_way_than_the_lane_is_wide() -> None:
    lane, service = Lane(1000, 1.0, 7), Service(takes=0.01)
    await asyncio.gather(*(lane.run(service.call()) for _ in range(50)))
    assert service.most == 7


async def test_everybody_waits_as_long_as_the_server_asked() -> None:
    lane, service = Lane(100, 0.1, 4), Service(throttled(retry_after=0.3))
    await asyncio.gather(*(lane.run(service.call(number)) for number in range(8)))
    first = [moment for moment, _ in service.asked]
    pauses = [later - earlier for earlier, later in pairwise(first)]
    assert max(pauses) >= 0.29
    assert sum(pause >= 0.29 for pause in pauses) == 1


async def test_a_hold_that_grows_while_it_is_waited_out_is_waited_out_in_full() -> None:
    lane, service = Lane(100, 0.1, 4), Service(throttled(retry_after=0.1), throttled(retry_after=0.4), takes=0.05)
    started = time.monotonic()
    tasks = []
    for number in (1, 2, 3):  # 1 is refused after 0.05 s and 2 after 0.08, when 3 waits already
        tasks.append(asyncio.create_task(lane.run(service.call(number))))
        await asyncio.sleep(0.03)
    await asyncio.gather(*tasks)
    assert next(moment for moment, number in service.asked if number == 3) - started >= 0.45


async def test_throttling_halves_the_rate_once_a_burst_and_every_answer_gives_one_back() -> None:
    lane, service = Lane(64, 0.01, 8), Service(*[throttled(retry_after=0.0) for _ in range(4)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lane, "_period", 60.0)
        lane._shrunk_at = -60.0
        await asyncio.gather(*(lane.run(service.call()) for _ in range(8)))
    assert 32 <= lane.rate <= 40, "four refusals of one burst are one event"
    for _ in range(40):
        await lane.run(service.call())
    assert lane.rate == lane.full_rate


async def test_a_server_that_throttles_for_good_is_believed_soon() -> None:
    lane, service = Lane(100, 0.1, 4, Limits(attempts=2)), Service(*[throttled(retry_after=0.01) for _ in range(1000)])
    started = time.monotonic()
    ended = await asyncio.wait_for(
        asyncio.gather(*(lane.run(service.call()) for _ in range(300)), return_exceptions=True), 10
    )
    assert all(isinstance(error, Refused) and error.fault.kind is FaultKind.THROTTLED for error in ended)
    assert len(service.asked) < 40, "the rest was not sent"
    assert time.monotonic() - started < 5


async def test_a_wait_beyond_the_longest_fails_as_throttled_and_is_not_sent_until_it_is_over() -> None:
    lane, service = Lane(100, 0.1, 4, Limits(longest_wait=0.2)), Service(throttled(retry_after=0.6))
    started = time.monotonic()
    for _ in range(3):
        with pytest.raises(Refused) as refused:
            await lane.run(service.call())
        assert refused.value.fault.kind is FaultKind.THROTTLED
    assert time.monotonic() - started < 0.5
    assert len(service.asked) == 1
    await asyncio.sleep(0.65)
    assert await lane.run(service.call(7)) == 7


async def test_several_waits_count_together() -> None:
    lane = Lane(100, 0.1, 4, Limits(longest_wait=0.5))
    service = Service(*[throttled(retry_after=0.3) for _ in range(9)])
    with pytest.raises(Refused):
        await lane.run(service.call())
    assert len(service.asked) == 2


async def test_those_who_wait_for_a_dead_service_need_not_find_out_one_by_one() -> None:
    lane, service = Lane(1000, 1.0, 2), Service(*[unreachable() for _ in range(1000)], takes=0.05)
    started = time.monotonic()
    ended = await asyncio.gather(*(lane.run(service.call()) for _ in range(400)), return_exceptions=True)
    assert all(isinstance(error, Refused) for error in ended)
    assert len(service.asked) <= 5
    assert lane.silent_since(started) is not None
    service.refusals.clear()
    assert await lane.run(service.call(7)) == 7, "whoever comes later asks anew"
    assert lane.silent_since(started) is None


async def test_a_stall_that_ends_all_calls_under_way_at_once_proves_nothing_about_the_next() -> None:
    lane, service = Lane(1000, 1.0, 16), Service(*[unreachable() for _ in range(16)], takes=0.05)
    started = time.monotonic()
    ended = await asyncio.gather(*(lane.run(service.call()) for _ in range(40)), return_exceptions=True)
    assert sum(isinstance(error, Refused) for error in ended) == 16
    assert lane.silent_since(started) is None


async def test_a_refusal_in_words_is_an_answer() -> None:
    denied = Refused(Fault(FaultKind.DENIED, "AccessDenied", "s3:GetBucketPolicy"))
    lane, service = Lane(1000, 1.0, 2), Service(*[unreachable(), unreachable(), denied] * 10)
    started = time.monotonic()
    await asyncio.gather(*(lane.run(service.call()) for _ in range(30)), return_exceptions=True)
    assert len(service.asked) == 30
    assert lane.silent_since(started) is None


async def test_a_thousand_waiters_cost_next_to_nothing() -> None:
    lane, service = Lane(20, 0.5, 8), Service()
    tasks = [asyncio.create_task(lane.run(service.call())) for _ in range(1000)]
    await asyncio.sleep(0.1)
    before = time.process_time()
    await asyncio.sleep(1.0)
    assert time.process_time() - before < 0.1, "of one second"
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
