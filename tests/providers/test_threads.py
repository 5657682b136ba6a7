"""The threads for calls that block: as many after an hour as after a minute, and none that keeps what was asked."""

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Callable

import pytest

from providers.threads import Threads


def _named(name: str) -> int:
    return sum(thread.name.startswith(f"{name}-") for thread in threading.enumerate())


async def _until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - what it waits for happens in a thread
            await asyncio.sleep(0.01)


async def test_there_are_as_many_threads_after_thousands_of_calls_as_after_the_first() -> None:
    threads, loop = Threads(6, "steady"), asyncio.get_running_loop()
    await loop.run_in_executor(threads, time.sleep, 0)
    await _until(lambda: _named("steady") == 6)

    async def in_a_row() -> None:
        for _ in range(300):
            await loop.run_in_executor(threads, time.sleep, 0)

    await asyncio.gather(*(in_a_row() for _ in range(10)))
    assert _named("steady") == 6
    threads.shutdown()
    await _until(lambda: _named("steady") == 0)


async def test_one_call_after_another_is_made_by_the_same_thread() -> None:
    threads, loop = Threads(6, "same"), asyncio.get_running_loop()
    await loop.run_in_executor(threads, time.sleep, 0)
    await _until(lambda: _named("same") == 6)
    by = {await loop.run_in_executor(threads, threading.get_ident) for _ in range(300)}
    assert len(by) <= 3, "who hears of an answer may ask again before the thread is idle; the others stay idle"
    threads.shutdown()


async def test_as_many_calls_at_a_time_as_there_are_threads_and_the_others_wait_for_their_turn() -> None:
    threads, loop = Threads(3, "turns"), asyncio.get_running_loop()
    go, begun = threading.Event(), list[int]()

    def call(number: int) -> int:
        begun.append(number)
        assert go.wait(60)
        return number

    calls = [loop.run_in_executor(threads, call, number) for number in range(8)]
    await _until(lambda: len(begun) == 3)
    go.set()
    assert await asyncio.gather(*calls) == list(range(8))
    assert begun == sorted(begun)
    threads.shutdown()


async def test_what_was_submitted_before_they_are_let_go_is_done_and_what_comes_later_by_others() -> None:
    threads, loop = Threads(2, "let-go"), asyncio.get_running_loop()
    go = threading.Event()
    calls = [loop.run_in_executor(threads, go.wait, 60) for _ in range(5)]
    threads.shutdown()
    later = loop.run_in_executor(threads, threading.get_ident)
    await later
    go.set()
    assert await asyncio.gather(*calls) == [True] * 5
    threads.shutdown()
    await _until(lambda: _named("let-go") == 0)


async def test_what_a_call_raises_belongs_to_who_waits_and_the_thread_goes_on() -> None:
    threads, loop = Threads(1, "raises"), asyncio.get_running_loop()
    for error in (ValueError("bad"), SystemExit(3), KeyboardInterrupt()):
        future = threads.submit(_raise, error)
        await _until(future.done)
        assert future.exception() is error
    assert await loop.run_in_executor(threads, len, "four") == 4
    threads.shutdown()


def _raise(error: BaseException) -> None:
    raise error


class Answer:
    """What a call gives."""


async def test_an_idle_thread_holds_nothing_of_what_it_did() -> None:
    threads = Threads(1, "holds")
    answer = await asyncio.get_running_loop().run_in_executor(threads, Answer)
    held = weakref.ref(answer)
    del answer

    def gone() -> bool:
        gc.collect()
        return held() is None

    await _until(gone)
    threads.shutdown()


async def test_a_call_that_was_cancelled_in_the_queue_is_not_made() -> None:
    threads = Threads(1, "cancelled")
    go, made = threading.Event(), list[int]()
    first = threads.submit(go.wait, 60)
    second, third = threads.submit(made.append, 2), threads.submit(made.append, 3)
    assert second.cancel()
    go.set()
    await _until(third.done)
    assert first.done()
    assert made == [3]
    threads.shutdown()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wrap_future(second)
