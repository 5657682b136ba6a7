"""A source that asks what all others find: it is polled after them, and never kept waiting for ever."""

import pytest

from posture.clock import Seconds
from posture.reports import Batch
from posture.source import State
from providers.source import Children
from tests.providers.collector.test_poller import Asked, Loop, loop, refusal, row
from tests.providers.conftest import until

__all__ = ["loop"]


class Last(Asked):
    """One that waits for all others, and has something to add afterwards."""

    last = True

    def afterwards(self) -> tuple[Batch, ...]:
        """A bucket."""
        return (row("added"),) if self.ended else ()


async def test_a_source_that_comes_last_waits_for_all_others_and_for_what_these_name(loop: Loop) -> None:
    child, late = Asked("child", 3600.0, (), takes=0.1), Last("late")
    others = [Asked("parent", 3600.0, (Children((child,)),), takes=0.1), Asked("down", 3600.0, refusal()), Last("too")]
    await loop.poller.once([late, *others], 20)
    assert late.began[0] >= child.ended[0]
    assert loop.state(late) is State.OK
    assert loop.model.entry("arn:aws:s3:::added") is not None


@pytest.mark.parametrize(("cadence", "timeout"), [(0.2, None), (3600.0, 0.4)])
async def test_a_source_that_comes_last_does_not_wait_for_ever(
    loop: Loop, cadence: Seconds, timeout: Seconds | None
) -> None:
    slow, late = Asked("slow", 3600.0, (), takes=3600.0), Last("late", cadence)
    if timeout is None:
        loop.poller.add([slow, late])
        await until(lambda: late.ended)
    else:
        await loop.poller.once([slow, late], timeout)
        assert loop.state(slow) is State.UNREACHABLE
    assert len(slow.began) == 1
    assert late.ended
    assert loop.state(late) is State.OK
