"""Threads for calls that block, and that never keep a process from ending."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
Calls = SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]


class Threads(ThreadPoolExecutor):
    """At most `most` threads, started when they are needed.

    Python waits for the threads of an ordinary pool when it ends, and asyncio for those of its default one: with a
    server that does not answer that is as long as its timeout, and a collector that was left behind by its viewer has a
    second. Only the name of the base class is used: asyncio asks for it.
    """

    def __init__(self, most: int, name: str) -> None:
        super().__init__(most, name)
        self._most = most
        self._name = name
        self._growing = threading.Lock()
        self._anew()

    def _anew(self) -> None:
        self._started = 0
        self._free = threading.Semaphore(0)
        self._calls: Calls = SimpleQueue()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have it called in a thread."""
        future: Future[T] = Future()
        with self._growing:
            self._calls.put((future, partial(fn, *args, **kwargs)))
            if not self._free.acquire(timeout=0) and self._started < self._most:
                self._started += 1
                threading.Thread(
                    target=_work, args=(self._calls, self._free), name=f"{self._name}-{self._started}", daemon=True
                ).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the threads end when what they were given is done; nobody waits for them. What is submitted later is
        done by others.
        """
        with self._growing:
            for _ in range(self._started):
                self._calls.put(None)
            self._anew()


def _work(calls: Calls, free: threading.Semaphore) -> None:
    while (one := calls.get()) is not None:
        future, call = one
        if future.set_running_or_notify_cancel():
            try:
                answer = call()
            except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to who waits for the future
                future.set_exception(error)
            else:
                future.set_result(answer)
                del answer
        del one, future, call
        free.release()
