"""Threads for calls that block, and that never keep a process from ending."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
Job = tuple[Future[Any], Callable[[], Any]]


class Threads(ThreadPoolExecutor):
    """`most` threads, all of them from the first call on: 30 KB each, and as many an hour later as after a minute.

    Python waits for the threads of an ordinary pool when it ends, and asyncio for those of its default one: with a
    server that does not answer that is as long as its timeout, and a collector that was left behind by its viewer has a
    second. Only the name of the base class is used: asyncio asks for it.
    """

    def __init__(self, most: int, name: str) -> None:
        super().__init__(most, name)
        self._make = partial(_Crew, most, name)
        self._crew = self._make()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have it called in a thread."""
        future: Future[T] = Future()
        while not self._crew.take((future, partial(fn, *args, **kwargs))):
            pass  # it was let go meanwhile, and there is another
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the threads end when what they were given is done; nobody waits for them. What is submitted later is
        done by others.
        """
        before, self._crew = self._crew, self._make()
        before.let_go()


class _Crew:
    """The threads that share what is to be done. The one that was idle last works first: the stacks of the others stay
    small.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most, self._name = most, name
        self._lock = threading.Lock()
        self._started = 0
        self._idle: list[SimpleQueue[Job | None]] = []
        self._waiting: deque[Job] = deque()
        self._gone = False

    def take(self, job: Job) -> bool:
        """Do this, soon; False where the threads were let go."""
        with self._lock:
            if self._gone:
                return False
            if self._idle:
                self._idle.pop().put(job)
            else:
                self._waiting.append(job)
            if not self._started:
                self._start()
            return True

    def let_go(self) -> None:
        """Take nothing more, and end when all is done."""
        with self._lock:
            self._gone = True
            for own in self._idle:
                own.put(None)
            self._idle.clear()

    def _start(self) -> None:
        threading.Thread(target=self._work, name=f"{self._name}-{self._started + 1}", daemon=True).start()
        self._started += 1

    def _work(self) -> None:
        with self._lock:
            if self._started < self._most and not self._gone:
                self._start()  # each starts the next, so that who calls waits for one
        own: SimpleQueue[Job | None] = SimpleQueue()
        self._free(own)
        while (job := own.get()) is not None:
            future, call = job
            tell: Callable[[], None] | None = None
            if future.set_running_or_notify_cancel():
                try:
                    tell = partial(future.set_result, call())
                except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to who waits for the future
                    tell = partial(future.set_exception, error)
            if tell is not None:
                tell()
            del job, future, call, tell
            self._free(own)

    def _free(self, own: "SimpleQueue[Job | None]") -> None:
        """Give this thread what waits, or note that it is idle."""
        with self._lock:
            if self._waiting:
                own.put(self._waiting.popleft())
            elif self._gone:
                own.put(None)
            else:
                self._idle.append(own)
