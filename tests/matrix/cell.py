"""One cell of the matrix: a collector on one system, before, during and after one fault.

Before: every source answers, and the verdicts are as the world is. During: sources say what is wrong, no verdict is one
that the answers do not support, no row is lost, also for a collector that begins only now. After: within a cadence all
is as before.
"""

import asyncio
import contextlib
import ctypes
import gc
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import aiohttp
import msgspec

from posture.clock import Seconds, Utc
from posture.model import Model
from posture.source import ANSWERED, Source, State
from posture.verdict import Status
from providers.collector.collector import Collector
from providers.collector.config import parse
from providers.demo.tls.pki import Authority
from providers.demo.tls.server import context_for, load
from tests.matrix.faults import Fault
from tests.matrix.front import Front
from tests.matrix.limits import LONGEST, SHORT
from tests.matrix.names import Names
from tests.matrix.system import System
from tests.world.memory import peak_mb

CADENCE: Seconds = 3.0
"""Of every source; longer than the first wait after a failure."""
PATIENCE: Seconds = 45.0
"""For every source to be asked once, whatever the answer: a bound on a hang, not a measure. A busy machine is given
`SLOWER` healthy polls more.
"""
SLOWER = 5
START: Seconds = 120.0
"""For a healthy system to be seen whole."""
MOST_GROWTH_MB = 32.0
"""Of memory while a flood of `faults.FLOOD` goes on, twice that much and more for who keeps it."""
LOOK: Seconds = 0.05
_COVERAGE = "meta.inventory.coverage"
Verdicts = dict[tuple[str, str], Status]


class Outcome(msgspec.Struct):
    """What a cell came to: `state` of the source that fared worst during the fault, seconds until all was as before,
    MB grown; `wrong` says why it is red.
    """

    state: str = ""
    seconds: Seconds | None = None
    grown: float | None = None
    wrong: list[str] = []

    def __str__(self) -> str:
        """For the table."""
        took = "" if self.seconds is None else f" {self.seconds:.1f} s"
        return f"{'RED ' if self.wrong else ''}{self.state}{took}"


class World:
    """What all cells of a run share."""

    def __init__(self, folder: Path, names: Names) -> None:
        self.names = names
        self.authority, self.stranger = Authority("Matrix Front"), Authority("Matrix Stranger")
        self.ca_file = folder / "front.pem"
        self.ca_file.write_bytes(self.authority.root.pem)
        self.known = self.authority.issue("127.0.0.1", crl=False)
        self.strange = self.stranger.issue("127.0.0.1", crl=False)


class Place:
    """One cell's own: its front, its name, and its clock, which is `ahead` seconds ahead."""

    def __init__(self, world: World, system: System, fault: Fault, session: aiohttp.ClientSession) -> None:
        self.system = system
        self.names = world.names
        self.ahead: Seconds = 0.0
        self.upstream = system.upstream()
        self._world = world
        self._context = context_for(world.known) if system.http and fault.name == "certificate changed" else None
        self.front = Front(self.upstream, session if system.http else None, self._context)
        self.host = world.names.give() if fault.name == "DNS" else "127.0.0.1"

    def now(self) -> Utc:
        """The collector's clock."""
        return time.time() + self.ahead

    def certify(self, *, strange: bool) -> None:
        """Show another certificate from the next handshake on."""
        assert self._context is not None
        load(self._context, self._world.strange if strange else self._world.known)

    def collector(self) -> Collector:
        """One that has asked nothing yet."""
        url = f"{'http' if self._context is None else 'https'}://{self.host}:{self.front.port}"
        poll = "".join(f'{each} = "{CADENCE:g}s"\n' for each in ("live", "warm", "cold"))
        text = f'[poll]\n{poll}[[tenant]]\nname = "acme"\n{self.system.configuration(url, self._world.ca_file)}'
        return Collector(parse(text, "matrix"), now=self.now, limits=SHORT)


class Watch:
    """A collector at work, and what was wrong with what it showed at any time. `truth` are the healthy verdicts,
    once they are known.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.collector = place.collector()
        self.truth: Verdicts | None = None
        self.allowed: frozenset[str] = frozenset()
        self.statuses = {Status.UNKNOWN}
        self.keeps_rows = False
        self.patience = PATIENCE
        self.wrong: dict[str, None] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def model(self) -> Model:
        """What it shows."""
        return self.collector.model

    @property
    def sources(self) -> list[Source]:
        """How they stand."""
        return list(self.model.sources.values())

    def start(self) -> None:
        """Poll, and look."""
        self.collector.poller.add(self.collector.sources())
        self._task = asyncio.create_task(self._look())

    async def stop(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
        await self.collector.poller.stop()

    def verdicts(self) -> Verdicts:
        """Of everything but enctop's own."""
        self.model.tick(self.place.now())
        return {
            (entry.resource.id, control): finding.status
            for entry in self.model.all()
            if entry.resource.provider != "enctop"
            for control, finding in entry.findings.items()
        }

    async def until(self, true: Callable[[], bool], seconds: Seconds | None = None) -> bool:
        """Wait until something is so; False where it did not come true."""
        end = time.monotonic() + (self.patience if seconds is None else seconds)
        while not true():
            if time.monotonic() > end or (self._task is not None and self._task.done()):
                return False
            await asyncio.sleep(LOOK)
        return True

    async def asked(self) -> list[str]:
        """Ask every source anew, and wait for the answers; returns those that go on asking."""
        before = {source.id: source.last_attempt for source in self.sources}
        self.collector.poller.refresh()

        def over() -> bool:
            sources = self.model.sources
            for id, at in list(before.items()):
                if id not in sources or (sources[id].last_attempt != at and not sources[id].polling):
                    del before[id]  # once; it may be asking again by the time the last one has been heard
            return not before

        await self.until(over)
        return list(before)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            if self.truth is not None:
                self.judge(self.truth)

    def judge(self, truth: Verdicts) -> None:
        """Note every verdict that is neither the healthy one nor UNKNOWN, and every row that is gone."""
        shown = self.verdicts()
        for (id, control), status in shown.items():
            late = status in (Status.WARN, Status.PASS) and control in self.place.system.hurries
            if (
                status not in self.statuses | {truth.get((id, control), Status.UNKNOWN)}
                and control not in self.allowed | self.place.system.remembers
                and not (late and truth.get((id, control)) in (Status.WARN, Status.PASS))
            ):
                self.wrong[
                    f"{control} {status.name} of {id}, which was"
                    f" {truth[id, control].name if (id, control) in truth else 'not there'}"
                ] = None
        if self.keeps_rows and (gone := {id for id, _ in truth} - {id for id, _ in shown}):
            self.wrong[f"gone: {', '.join(sorted(gone))}"] = None


async def run(world: World, system: System, fault: Fault) -> Outcome:
    """One cell. Raises only what is a mistake of the matrix."""
    outcome = Outcome(wrong=[])
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), auto_decompress=False)
        )
        place = Place(world, system, fault, session)
        await place.front.open()
        stack.push_async_callback(place.front.close)
        if fault.cold:
            await fault.begin(place)
        watch = Watch(place)
        stack.push_async_callback(watch.stop)
        watch.start()
        if fault.cold:
            await _from_cold(watch, fault, outcome)
        else:
            await _from_warm(stack, watch, fault, outcome)
    return outcome


def _changed(watch: Watch, states: Mapping[str, State]) -> list[str]:
    """The sources that do not stand as they did."""
    others = [source for source in watch.sources if source.state != states.get(source.id)]
    return [f"{source.id} {source.state}: {source.fault}" for source in others]


async def _beside_a_new_one(stack: contextlib.AsyncExitStack, watch: Watch, fault: Fault, outcome: Outcome) -> None:
    """A collector that starts under the fault says no more than the one that was there before."""
    cold = Watch(watch.place)
    cold.truth, cold.allowed, cold.statuses = watch.truth, watch.allowed, watch.statuses
    stack.push_async_callback(cold.stop)
    cold.patience = watch.patience
    cold.start()
    left = await watch.asked()
    outcome.wrong += [f"asks on after {watch.patience:.0f} s: {id}" for id in left]
    await cold.until(lambda: all(event.is_set() for event in list(cold.collector.poller._first.values())))
    _told(watch, fault, outcome)
    outcome.wrong += _wordless(watch, fault)
    assert watch.truth is not None
    cold.judge(watch.truth)
    outcome.wrong += _wordless(cold, fault)
    outcome.wrong += [f"new collector: {each}" for each in cold.wrong]
    await cold.stop()


async def _from_warm(stack: contextlib.AsyncExitStack, watch: Watch, fault: Fault, outcome: Outcome) -> None:
    place, system = watch.place, watch.place.system
    began = time.monotonic()
    if not await _healthy(watch, outcome):
        return
    healthy = time.monotonic() - began
    watch.patience += SLOWER * healthy
    await watch.asked()  # some verdicts come of two polls, and all sources have seen what the others name
    if not await _healthy(watch, outcome):
        return
    watch.truth = watch.verdicts()
    states = {source.id: source.state for source in watch.sources}
    watch.allowed = system.may_change.get(fault.name, frozenset())
    watch.keeps_rows = not fault.loses and fault.name not in system.loses
    if fault.loses:
        watch.statuses.add(Status.NOT_APPLICABLE)  # of what leans on a row that is gone
    with _measured(fault, outcome):
        await _begin(place, fault)
        if not fault.at_once:
            await _beside_a_new_one(stack, watch, fault, outcome)
            if fault.settles:
                apart = (each for each in _apart(watch, watch.truth) if each.split()[0] not in watch.allowed)
                outcome.wrong += [f"not settled: {each}" for each in apart]
    ended = time.monotonic()
    await _end(place, fault)
    watch.keeps_rows = False
    truth = watch.truth
    back = await watch.until(
        lambda: not _apart(watch, truth) and {source.id: source.state for source in watch.sources} == states
    )
    outcome.seconds = time.monotonic() - ended
    most = system.steps * CADENCE + (LONGEST if fault.hangs else 0.0) + SLOWER * healthy + 1.0
    if not back:
        changed = _changed(watch, states)
        outcome.wrong += [
            f"not back after {watch.patience:.0f} s: {each}" for each in [*changed, *_apart(watch, truth)][:4]
        ]
    else:
        await _in_time(watch, outcome, most)
    outcome.wrong += list(watch.wrong)


async def _from_cold(watch: Watch, fault: Fault, outcome: Outcome) -> None:
    """The fault is there already: nothing may be known, and once it ends, all is."""
    watch.truth = {}
    await watch.until(lambda: all(event.is_set() for event in list(watch.collector.poller._first.values())))
    watch.judge(watch.truth)
    _told(watch, fault, outcome)
    outcome.wrong += list(watch.wrong)
    watch.truth = None
    ended = time.monotonic()
    await _end(watch.place, fault)
    await _healthy(watch, outcome)
    outcome.seconds = time.monotonic() - ended
    await _in_time(watch, outcome, watch.place.system.steps * CADENCE + 10)


async def _in_time(watch: Watch, outcome: Outcome, most: Seconds) -> None:
    """Whether it took `most` seconds; of a machine that is busier now than it was before, as many more as a healthy
    poll takes there, `SLOWER` times.
    """
    if outcome.seconds is None or outcome.seconds <= most:
        return
    began = time.monotonic()
    await watch.asked()
    most += SLOWER * (time.monotonic() - began)
    if outcome.seconds > most:
        outcome.wrong.append(f"back after {outcome.seconds:.1f} s, not {most:.1f}")


async def _healthy(watch: Watch, outcome: Outcome) -> bool:
    """Wait until every source answers, and the world is seen as it is."""
    system = watch.place.system

    def seen() -> bool:
        found = {(control, status) for (_, control), status in watch.verdicts().items()}
        return (
            all(source.state in ANSWERED for source in watch.sources)
            and all(event.is_set() for event in list(watch.collector.poller._first.values()))
            and {(system.good, Status.PASS), (system.bad, Status.FAIL)} <= found
        )

    if await watch.until(seen, START):
        return True
    told = [f"{source.id} {source.state}: {source.fault}" for source in watch.sources if source.state not in ANSWERED]
    verdicts = sorted({f"{control} {status.name}" for (_, control), status in watch.verdicts().items()})
    outcome.wrong.append(f"never healthy: {told or verdicts}")
    return False


async def _begin(place: Place, fault: Fault) -> None:
    if not await place.system.begin(fault.name, place):
        await fault.begin(place)


async def _end(place: Place, fault: Fault) -> None:
    if not await place.system.end(fault.name, place):
        await fault.end(place)


def _told(watch: Watch, fault: Fault, outcome: Outcome) -> None:
    """What the sources say while it lasts."""
    watch.verdicts()
    silent = [source for source in watch.sources if source.state not in ANSWERED]
    outcome.state = str(silent[0].fault.kind if silent[0].fault is not None else silent[0].state) if silent else "ok"
    kinds = watch.place.system.kinds.get(fault.name, fault.kinds)
    for source in silent:
        told = source.fault
        if told is None:
            outcome.wrong.append(f"{source.id} is {source.state} and says nothing")
        elif kinds and told.kind not in kinds:
            outcome.wrong.append(f"{source.id} speaks of {told.kind}: {told} {told.message}")
        elif "enctop failed" in told.message or "\n" in str(told) or not told.message:
            outcome.wrong.append(f"{source.id} has no words for it: {told} {told.message}")
    if kinds and not silent:
        outcome.wrong.append("every source is ok")
    if silent and any(
        entry.findings[_COVERAGE].status is Status.PASS for entry in watch.model.all() if _COVERAGE in entry.findings
    ):
        outcome.wrong.append("the inventory is said to be whole")


def _wordless(watch: Watch, fault: Fault) -> list[str]:
    """Every UNKNOWN that says nothing, or speaks of something else."""
    kinds = watch.place.system.kinds.get(fault.name, fault.kinds)
    unknown = [
        (control, finding)
        for entry in watch.model.all()
        if entry.resource.provider != "enctop"
        for control, finding in entry.findings.items()
        if finding.status is Status.UNKNOWN
    ]
    silent = [f"{control} is UNKNOWN without a word" for control, finding in unknown if not finding.reason]
    return silent + [
        f"{control} is UNKNOWN and speaks of {finding.fault.kind}: {finding.reason}"
        for control, finding in unknown
        if finding.fault is not None and kinds and finding.fault.kind not in kinds
    ]


def _apart(watch: Watch, truth: Verdicts) -> list[str]:
    """What is not as it was, a line each that begins with the control."""
    shown, remembers, hurries = watch.verdicts(), watch.place.system.remembers, watch.place.system.hurries
    return [
        f"{key[1]} {shown[key].name if key in shown else 'gone'} of {key[0]}, which was"
        f" {truth[key].name if key in truth else 'not there'}"
        for key in truth.keys() | shown.keys()
        if truth.get(key) != shown.get(key)
        and key[1] not in remembers
        and not (key[1] in hurries and {shown.get(key), truth.get(key)} == {Status.PASS, Status.WARN})
    ]


@contextlib.contextmanager
def _measured(fault: Fault, outcome: Outcome) -> Iterator[None]:
    """How much more memory than before the process has held at most in the block."""
    clear = Path("/proc/self/clear_refs")
    if not fault.alone or not clear.exists():
        yield
        return
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    clear.write_text("5")  # VmHWM begins anew at what is held now
    before = peak_mb()
    yield
    outcome.grown = peak_mb() - before
    if outcome.grown > MOST_GROWTH_MB:
        outcome.wrong.append(f"{outcome.grown:.0f} MB more")
