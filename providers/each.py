"""Many short questions at a time, their answers in the order in which they come."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Iterable
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")

AT_ONCE = 400
"""Questions whose tasks exist at the same time; the lane lets fewer ask."""


async def each(questions: Iterable[Coroutine[Any, Any, T]], at_once: int = AT_ONCE) -> AsyncGenerator[T, None]:
    """What each question answers. The first that raises ends them all, and so does whoever closes this: no task is left behind."""
    waiting = iter(questions)
    while tasks := [asyncio.ensure_future(question) for question in islice(waiting, at_once)]:
        try:
            for answer in asyncio.as_completed(tasks):
                yield await answer
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
