"""The loop that asks: when, how often, in which order, and what is left when it stops."""

import asyncio
import collections
import contextlib
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable

import pytest

from posture.clock import Seconds
from posture.controls.registry import registry
from posture.fault import Fault, FaultKind, Refused
from posture.model import Model
from posture.policy import Policy
from posture.reports import Batch, Complete, NotRead, ReadRefused
from posture.resource import Resource
from posture.source import State
from providers.collector.poller import Poller
from providers.lane import Lane
from providers.limits import Limits
from providers.source import Children, Source, Yield
from tests.providers.conftest import Watch, until
from tests.world.aws import Aws


class Asked(Source):
    """A source that does as it is told: `answers` are what its polls do in turn, the last one for ever."""

    service = "asked"

    def __init__(
        self, name: str, cadence: Seconds = 3600.0, *answers: object, takes: float = 0.0, after: tuple[str, ...] = ()
    ) -> None:
        super().__init__("acme", "test", name, cadence)
        self.answers = list(answers)
        self.takes = takes
        self.after = after
        self.began: list[float] = []
        self.ended: list[float] = []
        self.closed = 0
        self.under_way = self.most = 0

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Take its time, then answer."""
        self.began.append(time.monotonic())
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(self.takes)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0] if self.answers else ()
            if isinstance(answer, Exception):
                raise answer
            assert isinstance(answer, tuple)
            for report in answer:
                yield report
        finally:
            self.under_way -= 1
            self.ended.append(time.monotonic())

    async def close(self) -> None:
        """Count."""
        self.closed += 1


def row(name: str) -> Batch:
    """One bucket."""
    return Batch(
        (
            Resource(
                id=f"arn:aws:s3:::{name}",
                kind="bucket",
                type="aws.s3.bucket",
                name=name,
                tenant="acme",
                provider="aws",
                scope="1",
                region="us-east-1",
                source="x",
            ),
        )
    )


def refusal(kind: FaultKind = FaultKind.UNREACHABLE, retry_after: float | None = None) -> Refused:
    """A fault of that kind."""
    return Refused(Fault(kind, "Gone", "s3:ListBuckets", retry_after=retry_after))


class Loop:
    """A poller and its model."""

    def __init__(self) -> None:
        self.model = Model(registry(), {"acme": Policy()}, time.time())
        self.poller = Poller(self.model, lambda: None, limits=Limits(first_retry=0.1))

    def state(self, source: Source) -> State:
        """How a source stands."""
        return self.model.sources[source.id].state


@pytest.fixture
async def loop() -> AsyncIterator[Loop]:
    """A poller that comes back soon after a failure, and is stopped at the end."""
    made = Loop()
    yield made
    await made.poller.stop()


async def test_a_source_is_asked_on_its_cadence_a_little_early_and_never_on_the_beat(loop: Loop) -> None:
    sources = [Asked(str(number), 0.2) for number in range(8)]
    loop.poller.add(sources)
    await until(lambda: all(len(source.began) >= 5 for source in sources))
    pauses = [
        later - earlier for source in sources for earlier, later in zip(source.ended, source.began[1:], strict=False)
    ]
    assert min(pauses) >= 0.18 - 0.01
    assert max(pauses) <= 0.2 + 0.3
    assert len({round(pause, 3) for pause in pauses}) > 5


def decided(loop: Loop) -> list[Seconds]:
    """The waits that the poller decides on from here on; how long they take is the machine's."""
    waits: list[Seconds] = []
    decide = loop.poller._wait

    def wait(source: Source, fault: Fault | None) -> Seconds:
        waits.append(decide(source, fault))
        return waits[-1]

    loop.poller._wait = wait  # type: ignore[method-assign]
    return waits


async def test_a_failure_that_may_pass_is_asked_about_soon_then_later_and_later_but_never_beyond_the_cadence(
    loop: Loop,
) -> None:
    source, waits = Asked("x", 0.5, refusal()), decided(loop)
    loop.poller.add([source])
    await until(lambda: len(source.began) >= 5)
    pauses = [later - earlier for earlier, later in zip(source.ended, source.began[1:], strict=False)]
    for pause, wait, wanted in zip(pauses, waits, (0.1, 0.2, 0.4, 0.5), strict=False):
        assert wanted * 0.9 <= wait <= wanted
        assert pause >= wait - 0.01


async def test_a_denial_is_asked_about_on_the_cadence_for_only_a_person_mends_it(loop: Loop) -> None:
    source = Asked("x", 0.4, refusal(FaultKind.DENIED))
    loop.poller.add([source])
    await until(lambda: len(source.began) >= 2)
    assert source.began[1] - source.ended[0] >= 0.35


async def test_a_recovery_resets_the_patience(loop: Loop) -> None:
    source, waits = Asked("x", 0.5, refusal(), refusal(), (), refusal(), ()), decided(loop)
    loop.poller.add([source])
    await until(lambda: len(source.began) >= 5)
    assert waits[3] <= 0.1
    await until(lambda: loop.state(source) is State.OK)


async def test_one_source_is_never_asked_twice_at_a_time(loop: Loop) -> None:
    source = Asked("x", 0.05, takes=0.1)
    began = time.monotonic()
    loop.poller.add([source])
    for _ in range(20):
        loop.poller.refresh()
        await asyncio.sleep(0.02)
    assert source.most == 1
    assert len(source.began) <= (time.monotonic() - began) / source.takes + 1


async def test_a_refresh_asks_now_one_or_all_and_once_more_what_is_being_read(loop: Loop) -> None:
    one, other = Asked("one"), Asked("other", takes=0.1)
    loop.poller.add([one, other])
    await loop.poller.settled()
    loop.poller.refresh(one.id)
    await until(lambda: len(one.began) == 2)
    assert len(other.began) == 1
    loop.poller.refresh()
    await until(lambda: other.under_way == 1)
    loop.poller.refresh(other.id)
    await until(lambda: len(other.began) == 3)
    loop.poller.refresh("nobody")


async def test_a_pause_lets_polls_end_and_starts_none_until_it_is_over(loop: Loop) -> None:
    source = Asked("x", 0.05, takes=0.05)
    loop.poller.add([source])
    await until(lambda: source.under_way == 1)
    loop.poller.pause(True)
    await until(lambda: source.ended)
    await asyncio.sleep(0.2)  # in which it would have been asked four times
    assert (len(source.began), len(source.ended)) == (1, 1)
    loop.poller.pause(False)
    await until(lambda: len(source.began) >= 2)


async def test_children_come_and_go_with_their_rows(loop: Loop) -> None:
    first, second = (
        Asked("first", 3600.0, (row("a"), Complete(("aws.s3.bucket",)))),
        Asked("second", 3600.0, (row("b"), Complete(("aws.s3.bucket",)))),
    )
    parent = Asked("parent", 3600.0, (Children((first, second)),), (Children((second,)),), (Children((first, second)),))
    loop.poller.add([parent])
    await loop.poller.settled()
    assert {entry.resource.name for entry in loop.model.all() if entry.resource.kind == "bucket"} == {"a", "b"}
    loop.poller.refresh(parent.id)
    await until(lambda: first.id not in loop.model.sources)
    assert {entry.resource.name for entry in loop.model.all() if entry.resource.kind == "bucket"} == {"b"}
    assert len(second.began) == 1, "who was there before is not disturbed"
    loop.poller.refresh()
    await until(lambda: len(first.began) == 2)
    await loop.poller.stop()
    assert first.closed >= 1
    assert second.closed == parent.closed == 1


async def test_a_parent_that_fails_keeps_its_children(loop: Loop) -> None:
    child = Asked("child", 0.1, (row("a"),))
    parent = Asked("parent", 0.1, (Children((child,)),), refusal(FaultKind.EXPIRED))
    loop.poller.add([parent])
    await until(lambda: loop.model.sources[parent.id].state is State.EXPIRED)
    asked = len(child.began)
    await until(lambda: len(child.began) > asked)


async def test_a_source_waits_for_those_it_comes_after_even_where_they_fail_or_go(loop: Loop) -> None:
    slow, failing, gone = Asked("slow", takes=0.2), Asked("failing", 3600.0, refusal()), Asked("gone", takes=5.0)
    last = Asked("last", after=(slow.id, failing.id, gone.id, "acme/test/never/asked"))
    loop.poller.add([slow, failing, gone, last])
    await asyncio.sleep(0.25)
    assert last.began == []
    loop.poller.drop(gone.id)
    await until(lambda: last.began)
    assert last.began[0] >= slow.ended[0]


async def test_once_ends_in_time_and_what_did_not_answer_is_unreachable_and_the_rest_is_there(loop: Loop) -> None:
    quick, hanging = Asked("quick", 60.0, (row("a"),)), Asked("hanging", takes=60.0)
    behind = Asked("behind", after=(hanging.id,))
    started = time.monotonic()
    await loop.poller.once([quick, hanging, behind], timeout=0.3)
    assert time.monotonic() - started < 10  # of the minute that one of them takes
    assert loop.state(quick) is State.OK
    for source in (hanging, behind):
        entry = loop.model.sources[source.id]
        assert (entry.state, entry.fault and entry.fault.code, entry.polling) == (State.UNREACHABLE, "Timeout", False)
    assert loop.model.entry("arn:aws:s3:::a") is not None
    assert hanging.under_way == 0, "and it was ended"
    assert quick.closed == hanging.closed == behind.closed == 1


async def test_once_asks_children_too_and_everything_one_time(loop: Loop) -> None:
    child = Asked("child", 0.01, (row("a"),))
    parent = Asked("parent", 0.01, (Children((child,)),))
    await loop.poller.once([parent], timeout=5)
    assert (len(parent.began), len(child.began)) == (1, 1)
    assert loop.model.sources[child.id].next_due is None


async def test_a_defect_of_ours_is_an_error_and_not_the_end(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    source = Asked("x", 0.1, (row("a"),), KeyError("Volumes"), (row("a"),))
    loop.poller.add([source])
    await until(lambda: loop.state(source) is State.PARTIAL or loop.state(source) is State.ERROR)
    fault = loop.model.sources[source.id].fault
    assert fault is not None
    assert (fault.kind, fault.code) == (FaultKind.ERROR, "KeyError")
    assert loop.model.entry("arn:aws:s3:::a") is not None
    await until(lambda: loop.state(source) is State.OK)
    assert not any(record.exc_info for record in caplog.records), "no traceback"
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert "KeyError: 'Volumes'" in line
    assert "\n" not in line


async def test_a_defect_that_follows_another_failure_is_in_the_log_too(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    source = Asked("x", 0.1, refusal(), KeyError("Volumes"), KeyError("Volumes"), (row("a"),))
    loop.poller.add([source])
    await until(lambda: loop.state(source) is State.OK)
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert "KeyError: 'Volumes'" in line


async def test_answers_that_are_none_for_an_hour_are_one_line_in_the_log(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    source = Asked("x", 0.05, ValueError("<html>\nhvs.CAESIJ0123456789abcdefgh \x1b[2J"))
    loop.poller.add([source])
    await until(lambda: len(source.began) >= 6)
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert line.isprintable()
    assert "hvs." not in line


async def test_what_failed_beside_one_that_is_well_again_is_asked_at_once_unless_it_was_told_to_wait(
    loop: Loop,
) -> None:
    children = [Asked(name, 3600.0, refusal(), ()) for name in ("a", "b")]
    waiting = Asked("waiting", 3600.0, refusal(FaultKind.THROTTLED, 3000.0), ())
    throttled = Asked("throttled", 3600.0, refusal(FaultKind.THROTTLED), ())
    denied = Asked("denied", 3600.0, refusal(FaultKind.DENIED), ())
    well = Asked("well", 0.3, *([refusal()] * 6), ())
    loop.poller.add([*children, waiting, throttled, denied, well])
    # so often that they wait for minutes
    loop.poller._failures.update({child.id: (12, refusal().fault) for child in (*children, throttled)})
    await until(lambda: loop.state(well) is State.OK)
    await until(lambda: all(loop.state(child) is State.OK for child in children), 1.0)
    for source in (waiting, throttled):
        assert (loop.state(source), len(source.began)) == (State.THROTTLED, 1)
    assert len(denied.began) == 1


async def test_throttling_that_outlasts_the_timeout_is_named_with_how_long_the_server_wants(loop: Loop) -> None:
    lane = Lane(100, 1.0, 4)

    class Throttled(Asked):
        async def poll(self) -> AsyncGenerator[Yield, None]:
            async def call() -> None:
                raise refusal(FaultKind.THROTTLED, 7.0)

            yield row("a")
            await lane.run(call)

        def unasked(self, fault: Fault) -> tuple[NotRead]:
            return (NotRead(row("b").resources),)

    class Recovered(Throttled):
        async def poll(self) -> AsyncGenerator[Yield, None]:
            for answer in (refusal(FaultKind.THROTTLED, 0.0), None):

                async def call(answer: Refused | None = answer) -> None:
                    if answer is not None:
                        raise answer

                with contextlib.suppress(Refused):
                    await Lane(100, 1.0, 4).run(call)
            await asyncio.sleep(3600)
            yield row("c")

    one, other = Throttled("x"), Recovered("y")
    await loop.poller.once([one, other], timeout=1.0)
    fault = loop.model.sources[one.id].fault
    assert fault is not None
    assert (fault.kind, fault.operation, fault.retry_after) == (FaultKind.THROTTLED, "s3:ListBuckets", 7.0)
    assert "the server asks to wait 7 s, and not answered within 1 s" in fault.message
    assert loop.state(one) is State.PARTIAL
    assert loop.model.entry("arn:aws:s3:::b") is not None, "what it knew by name stands there"
    silent = loop.model.sources[other.id].fault
    assert silent is not None
    assert (silent.kind, silent.code) == (FaultKind.UNREACHABLE, "Timeout"), "who was answered since is not throttled"


async def test_what_was_refused_on_the_way_makes_a_poll_partial(loop: Loop) -> None:
    source = Asked("x", 3600.0, (row("a"), ReadRefused(refusal(FaultKind.DENIED).fault), Complete(("aws.s3.bucket",))))
    loop.poller.add([source])
    await loop.poller.settled()
    assert loop.state(source) is State.PARTIAL


async def test_a_poll_that_is_left_stops_asking_at_once(loop: Loop) -> None:
    class Endless(Asked):
        async def poll(self) -> AsyncGenerator[Yield, None]:
            self.under_way += 1
            try:
                while True:
                    yield row("a")
            finally:
                self.under_way -= 1

    source = Endless("x")
    loop.poller.add([source])
    await until(lambda: source.under_way == 1)
    await loop.poller.stop()
    assert source.under_way == 0


async def test_a_source_that_takes_anothers_place_keeps_its_rows_and_closes_it(loop: Loop) -> None:
    old, new = Asked("x", 3600.0, (row("a"),)), Asked("x", 3600.0, takes=60.0)
    loop.poller.add([old])
    await loop.poller.settled()
    loop.poller.add([new])
    await until(lambda: new.under_way == 1)
    assert loop.model.entry("arn:aws:s3:::a") is not None
    await loop.poller.stop()
    assert (old.closed, new.closed) == (1, 1)


async def test_stopping_in_the_middle_leaves_no_task_no_connection_and_no_more_threads(
    aws: Aws, watch: Callable[..., Watch]
) -> None:
    """The fixture looks for unclosed sessions."""
    for number in range(30):
        aws.buckets().make(f"b-{number}")
        aws.region().key(f"k-{number}")
    before = set(asyncio.all_tasks())
    for _ in range(3):
        seen = watch()
        aws.faults.delay(0.05)
        seen.poller.add(seen.collector.sources())
        await until(lambda: aws.log.count("kms:DescribeKey") > 3)
        await seen.poller.stop()
        asked = len(aws.log)
        await asyncio.sleep(0.2)
        assert len(aws.log) - asked <= 40, "what threads have under way cannot be taken back; nothing new is asked"
        assert asyncio.all_tasks() == before
        lately = collections.deque([-1], maxlen=30)

        def quiet(lately: collections.deque[int] = lately) -> bool:
            lately.append(len(aws.log))
            return len(lately) == 30 and len(set(lately)) == 1

        await until(quiet)
        aws.faults.clear()
        aws.log.clear()
    assert sum(thread.name.startswith("aws-") for thread in threading.enumerate()) <= 64
