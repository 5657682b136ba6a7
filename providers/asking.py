"""Many short questions at a time, their answers in the order in which they come."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from itertools import islice
from typing import Any, TypeVar

K = TypeVar("K")
T = TypeVar("T")

AT_ONCE = 400
"""Questions whose tasks exist at the same time; the lane lets fewer ask."""


async def each(questions: Iterable[Coroutine[Any, Any, T]], at_once: int = AT_ONCE) -> AsyncGenerator[T, None]:
    """What each question answers. The first that raises ends them all, and so does whoever closes this: no task is
    left behind.
    """
    waiting = iter(questions)
    while tasks := [asyncio.ensure_future(question) for question in islice(waiting, at_once)]:
        try:
            for answer in asyncio.as_completed(tasks):
                yield await answer
        finally:
            await _end(tasks)


async def together(questions: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What all of them answer, in their order. The first that raises ends them all: no task is left behind."""
    tasks = [asyncio.ensure_future(question) for question in questions]
    try:
        return await asyncio.gather(*tasks)
    finally:
        await _end(tasks)


async def _end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def each_again(
    things: Iterable[K], ask: Callable[[K], Coroutine[Any, Any, T]], lost: Callable[[T], bool]
) -> AsyncGenerator[T, None]:
    """What is answered of each thing; those whose answer was lost are asked about once more, after the others.

    The second time tells a stall from a service that is gone, and a snapshot has no next poll in which to do so.
    """
    again: list[K] = []
    async with contextlib.aclosing(each(_of(thing, ask) for thing in things)) as answers:
        async for thing, answer in answers:
            if lost(answer):
                again.append(thing)
            else:
                yield answer
    async with contextlib.aclosing(each(ask(thing) for thing in again)) as last:
        async for answer in last:
            yield answer


async def _of(thing: K, ask: Callable[[K], Coroutine[Any, Any, T]]) -> tuple[K, T]:
    return thing, await ask(thing)
