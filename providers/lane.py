"""The way to one API budget: first come, first served, under a rate, and slower when the server asks for it."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from asyncio_throttle.throttler import Throttler

from posture.clock import Seconds
from posture.fault import Fault, FaultKind, Refused
from providers.limits import USUAL, Limits
from providers.source import TALLY

T = TypeVar("T")

LONGEST_HOLD: Seconds = 3600.0
"""A longer Retry-After is taken for a mistake of the server."""
GIVE_UP_AFTER = 3
"""Calls in a row that were lost (nobody there, 5xx, throttled to the end), after which those that wait behind them are
lost too. One of them must have begun after another was lost: a stall that ends all calls under way at once proves
nothing about the next."""


class Lane:
    """One budget: at most `rate` calls in any `period` seconds, at most `concurrency` under way.

    asyncio-throttle polls its waiters and serves newcomers first (5,000 waiters cost 28 % of a core), so one caller at
    a time waits on it and the others queue behind a lock, which is first in, first out. A throttled answer halves the
    rate and holds everybody back as long as the server asked; every answer after that gives one call a period back.
    """

    def __init__(self, rate: int, period: Seconds, concurrency: int, limits: Limits = USUAL) -> None:
        self.full_rate = max(1, round(rate * limits.pace))
        self._limits = limits
        self._throttler = Throttler(self.full_rate, period)
        self._period = period
        self._turn = asyncio.Lock()
        self._places = asyncio.Semaphore(concurrency)
        self._not_before = 0.0
        self._shrunk_at = -period
        self._throttled: Refused | None = None
        self._lost = 0
        self._first_lost_at = 0.0
        self._silence: Refused | None = None
        self._silent_at = 0.0

    @property
    def rate(self) -> int:
        """Calls a period that are allowed now; below `full_rate` while the server is throttling."""
        return int(self._throttler.rate_limit)

    @property
    def held_for(self) -> Seconds:
        """How long nobody may call, because the server said so."""
        return max(0.0, self._not_before - time.monotonic())

    def silent_since(self, started: Seconds) -> Refused | None:
        """How the last call was lost, where it was after `started` (`time.monotonic`) and so were at least the
        `GIVE_UP_AFTER` before: nobody answers.
        """
        return self._silence if self._silent_at >= started else None

    async def run(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call in its turn. Raises the `Refused` of the last attempt, or of those before it in the queue when
        none of them got an answer.
        """
        attempt, queued, began, failed_at = 0, time.monotonic(), 0.0, 0.0
        # kept between attempts: one that goes to the back after each learns only behind all others that it is in vain
        async with self._places:
            while True:
                attempt += 1
                await self._enter(queued)
                began = began or time.monotonic()
                try:
                    answer = await call()
                except Refused as refused:
                    failed_at = failed_at or time.monotonic()
                    _tell(refused.fault if refused.fault.kind is FaultKind.THROTTLED else None)
                    pause = self._pause(refused, attempt, time.monotonic() - failed_at)
                    if pause is None:
                        self._note(refused, began)
                        raise
                else:
                    self._recover()
                    _tell(None)
                    return answer
                await asyncio.sleep(pause)

    async def _enter(self, queued: Seconds) -> None:
        async with self._turn:
            while (hold := self.held_for) > 0:
                if hold > self._limits.longest_wait and self._throttled is not None:
                    raise Refused(self._throttled.fault)
                if self._throttled is not None:
                    _tell(self._throttled.fault)
                await asyncio.sleep(hold)  # an answer to a call under way can make it longer meanwhile
            if (silence := self.silent_since(queued)) is not None:
                # a new one: an exception raised again and again grows its traceback
                raise Refused(silence.fault, transient=silence.transient)
            await self._throttler.acquire()  # type: ignore[no-untyped-call]  # the package has no types

    def _pause(self, refused: Refused, attempt: int, waited: Seconds) -> Seconds | None:
        """How long to wait before the next attempt, or None to give up; `waited` is how long ago the first attempt
        failed.
        """
        fault, limits = refused.fault, self._limits
        backoff: Seconds = random.uniform(0.5, 1.0) * limits.pause * min(16.0, 0.5 * 2.0**attempt)
        if fault.kind is FaultKind.THROTTLED:
            asked = fault.retry_after if fault.retry_after is not None else backoff
            self._throttled = refused
            self._shrink(asked, told=bool(fault.retry_after))  # "at once" (0) is no time to come back
            in_vain = attempt >= limits.attempts or waited + asked > limits.longest_wait
            return None if in_vain else random.uniform(0.0, 0.1)
        if refused.transient and attempt < limits.transient_attempts:
            return backoff / 4
        return None

    def _shrink(self, hold: Seconds, told: bool = False) -> None:
        now = time.monotonic()
        self._not_before = max(self._not_before, now + min(hold, LONGEST_HOLD))
        if not told and now - self._shrunk_at >= min(1.0, self._period):  # one burst of refusals is one event
            self._shrunk_at = now
            self._throttler.rate_limit = max(1, self._throttler.rate_limit // 2)

    def _note(self, refused: Refused, began: Seconds) -> None:
        """A call that `began` then was given up: another one that was lost, or one that was answered by a refusal."""
        if not lost(refused):
            self._heard()
            return
        now = time.monotonic()
        self._lost += 1
        if self._lost == 1:
            self._first_lost_at = now
        elif self._silence is not None or (self._lost >= GIVE_UP_AFTER and began > self._first_lost_at):
            self._silence, self._silent_at = refused, now

    def _recover(self) -> None:
        self._heard()
        if self._throttler.rate_limit < self.full_rate:
            self._throttler.rate_limit += 1

    def _heard(self) -> None:
        self._lost, self._silence = 0, None


def _tell(held: Fault | None) -> None:
    """Let whoever ends this poll know what it waits for."""
    tally = TALLY.get(None)
    if tally is not None:
        tally.held = held


class Lanes:
    """The lanes of one way in, each made when a call first draws on it. `budgets` has rate, period in seconds and
    concurrency of each family of calls.
    """

    def __init__(self, budgets: Mapping[str, tuple[int, Seconds, int]], limits: Limits = USUAL) -> None:
        self._budgets, self._limits = budgets, limits
        self._lanes: dict[tuple[str, ...], Lane] = {}

    def of(self, family: str, *place: str) -> Lane:
        """The lane of a family of calls, which the server counts for each account, region or the like by itself."""
        key = (family, *place)
        if (found := self._lanes.get(key)) is None:
            found = self._lanes[key] = Lane(*self._budgets[family], self._limits)
        return found


def lost(refused: Refused) -> bool:
    """Whether the service gave no answer at all, so that the refusal says nothing of what was asked about."""
    return refused.transient or refused.fault.kind in {FaultKind.THROTTLED, FaultKind.UNREACHABLE}
