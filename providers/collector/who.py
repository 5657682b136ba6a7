"""Who changed it: asked of a resource's own source when a viewer wants to know, and of new failures by itself."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator

from posture.changes import Change as Moved
from posture.clock import Seconds, Utc
from posture.controls.registry import Registry
from posture.entry import Entry
from posture.fault import Fault, FaultKind, Refused
from posture.model import Model
from posture.source import STALE_CADENCES
from posture.text import one_line
from posture.verdict import Finding, Status
from posture.who import Change, Outcome, Trail, Who, answer, not_recorded, refused
from providers.collector.frames import Notice, WhoTold
from providers.collector.poller import defect
from providers.source import TALLY, Source, Tally

log = logging.getLogger(__name__)

MOST_WAITING = 20
"""New failures that wait to be asked about; of more the newest, and the others when somebody wants to know."""
MOST_KEPT = 500
"""Answers that are kept until their page is opened."""
MOST_ASKED = 16
"""Questions of viewers under way."""
BETWEEN: Seconds = 1.0
"""Between two questions that nobody asked for; each trail has a lane of its own beside it."""
PATIENCE: Seconds = 120.0
"""For one question, whatever its lane waits for."""
ATTEMPTS = 5
"""How often a trail is asked about a new failure that it does not hold yet."""
SHARED: Seconds = 10.0
"""An answer holds so long for the other controls of the resource that ask for the same events."""
REFUSED_FOR: Seconds = 900.0
"""How long a trail that refused is not asked by itself."""
POLLS_KEPT = 64
"""Polls of a source of which it is remembered when they were."""
JUDGED_WITHIN: Seconds = 10.0
"""What a poll told is judged so soon after it at the latest."""

Key = tuple[str, str]
"""A resource and a control."""
Waiting = tuple[Key, Utc, int]
"""A new failure, since when it stands, and how often it will have been asked about."""


class Whos:
    """The questions under way, the new failures that wait, and the answers. `source` finds a source by its id, `now`
    gives UTC seconds, `between` is the least time between two questions that nobody asked for.
    """

    def __init__(
        self,
        model: Model,
        source: Callable[[str], Source | None],
        now: Callable[[], Utc],
        between: Seconds = BETWEEN,
    ) -> None:
        self._model, self._source, self._now, self._between = model, source, now, between
        self._registry: Registry = model.registry
        self._polls: dict[str, deque[tuple[Utc, Utc]]] = {}
        """When the last polls of a source that were answered began and ended, oldest first."""
        self._first: dict[str, Utc] = {}
        """When a source's first poll ended."""
        self._answers: dict[Key, tuple[Utc, Who]] = {}
        self._asked: dict[Key, asyncio.Task[None]] = {}
        self._waiting: deque[Waiting] = deque(maxlen=MOST_WAITING)
        """The newest last: of more than there is room for, the oldest is left to whoever wants to know."""
        self._later: deque[tuple[Utc, Waiting]] = deque(maxlen=MOST_WAITING)
        """What was not there yet, and when it is to be asked again."""
        self._refusing: dict[str, Utc] = {}
        """Sources whose trail is not ours to read, and when it last said so."""
        self._begun: Utc | None = None
        self._more = asyncio.Event()

    # ------------------------------------------------------------ what the model tells

    def begin(self) -> None:
        """Every source has answered once: what fails from now on is new."""
        self._begun = self._now()

    def note(self, moved: Moved) -> None:
        """Remember when sources were polled, and which failures are new."""
        for id in moved.sources:
            source = self._model.sources.get(id)
            if source is None or source.last_success is None or source.polling:
                continue
            polls = self._polls.setdefault(id, deque(maxlen=POLLS_KEPT))
            if not polls or polls[-1][1] != source.last_success:
                polls.append((source.last_success - source.seconds, source.last_success))
                self._first.setdefault(id, source.last_success)
        for id in moved.sources_gone:
            self._polls.pop(id, None)
            self._first.pop(id, None)
            self._refusing.pop(id, None)
        if self._begun is not None:
            for id in moved.resources:
                entry = self._model.entry(id)
                if entry is not None and entry.status is Status.FAIL:
                    self._note_new(entry, self._begun)

    def _note_new(self, entry: Entry, begun: Utc) -> None:
        for finding in entry.findings.values():
            key = (entry.resource.id, finding.control)
            if (
                finding.status is Status.FAIL
                and finding.since > begun + JUDGED_WITHIN
                and self._answers.get(key, (None,))[0] != finding.since
                and not any(waits == key for waits, _, _ in self._waiting)
                and self._automatic(entry, finding)
            ):
                self._waiting.append((key, finding.since, 1))
                self._more.set()

    def _automatic(self, entry: Entry, finding: Finding) -> bool:
        """Whether there is a log to be asked, and it has not refused."""
        root, explains = self._explained(entry, finding)
        control, source = self._registry.get(explains.control), self._source(root.source)
        if control is None or control.unrecorded or source is None or not source.tells_who:
            return False
        return self._now() - self._refusing.get(root.source, -REFUSED_FOR) >= REFUSED_FOR

    def _explained(self, entry: Entry, finding: Finding) -> tuple[Entry, Finding]:
        """What explains a finding: where it is another resource, the worst that is said of that one itself."""
        root = self._model.entry(finding.root)
        if root is None or root is entry:
            return entry, finding
        own = (
            one
            for one in root.findings.values()
            if one.status in {Status.FAIL, Status.WARN} and one.root == root.resource.id
        )
        return root, min(own, key=lambda one: (one.status, one.severity), default=finding)

    # ------------------------------------------------------------ by itself

    async def run(self) -> None:
        """Ask about new failures, the newest first, one at a time; and again about those that were not there yet."""
        while True:
            if not self._waiting and not self._later:
                self._more.clear()
                await self._more.wait()
            if (due := self._due()) is not None:
                key, since, attempt = due
                who = await self.ask(*key, since=since)
                if who is not None and who.again_at is not None and attempt < ATTEMPTS:
                    self._later.append((who.again_at, (key, since, attempt + 1)))
            await asyncio.sleep(self._between)

    def _due(self) -> Waiting | None:
        """The newest failure that was not asked about; else one whose time has come again."""
        if self._waiting:
            return self._waiting.pop()
        now = self._now()
        due = next((one for one in self._later if one[0] <= now), None)
        if due is not None:
            self._later.remove(due)
        return None if due is None else due[1]

    # ------------------------------------------------------------ questions

    def answers(self, id: str) -> Iterator[WhoTold]:
        """What is known of a resource's findings as they stand."""
        entry = self._model.entry(id)
        for control, finding in entry.findings.items() if entry is not None else ():
            since, who = self._answers.get((id, control), (None, None))
            if who is not None and since == finding.since:
                yield WhoTold(id, control, finding.since, who)

    def wanted(self, id: str, control: str, tell: Callable[[WhoTold | Notice], Awaitable[None]]) -> None:
        """A viewer wants to know; `tell` sends the answer. The same question is asked once at a time, and of more than
        are answered soon the oldest is given up.
        """
        key = (id, control)
        if key in self._asked:
            return
        if len(self._asked) >= MOST_ASKED:
            self._asked.pop(next(iter(self._asked))).cancel()

        async def ask() -> None:
            try:
                if await self.ask(id, control) is None:
                    why = f"{one_line(id, 80)} has no verdict of {one_line(control, 80)}"
                    await tell(Notice("warning", why))
                for told in self.answers(id):
                    if told.control == control:
                        await tell(told)
            except ConnectionError:
                pass  # the viewer left
            finally:
                if self._asked.get(key) is asyncio.current_task():
                    del self._asked[key]

        self._asked[key] = asyncio.create_task(ask(), name=f"who {control}")

    async def stop(self) -> None:
        """End the questions under way."""
        tasks = list(self._asked.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def ask(self, id: str, control: str, since: Utc | None = None) -> Who | None:
        """The answer about a finding; None where there is no such finding, or none that stands since then."""
        entry = self._model.entry(id)
        finding = entry.findings.get(control) if entry is not None else None
        if entry is None or finding is None or since not in {None, finding.since}:
            return None
        who = self._shared(entry, finding) or await self._answer(entry, finding)
        self._answers.pop((entry.resource.id, control), None)
        self._answers[entry.resource.id, control] = finding.since, who
        while len(self._answers) > MOST_KEPT:
            del self._answers[next(iter(self._answers))]
        return who

    def _shared(self, entry: Entry, finding: Finding) -> Who | None:
        """What was just answered for another control of the resource, which asks for the same."""
        wanted = self._registry.get(finding.control)
        for other in entry.findings.values():
            since, who = self._answers.get((entry.resource.id, other.control), (None, None))
            asked = self._registry.get(other.control)
            if (
                who is not None
                and since == finding.since
                and other.control != finding.control
                and (wanted is not None and asked is not None and asked.events == wanted.events != ())
                and (other.root, other.status) == (finding.root, finding.status)
                and self._now() - who.asked_at < SHARED
            ):
                return who
        return None

    async def _answer(self, entry: Entry, finding: Finding) -> Who:
        """Ask the source of what explains the finding, which may be another resource."""
        root, explains = self._explained(entry, finding)
        control = self._registry.get(explains.control)
        change = Change(
            resource=root.resource,
            events=control.events if control is not None else (),
            since=explains.since,
            asked_at=self._now(),
            after=self._otherwise_at(root.source, explains),
        )
        if finding.status is Status.UNKNOWN:
            return not_recorded("it is not known what it is, and so neither who made it so", change)
        if control is not None and control.unrecorded:
            return not_recorded(control.unrecorded, change)
        source = self._source(root.source)
        if source is None:
            return not_recorded("no source is asked about it", change)
        told = await self._told(source, change)
        if told.outcome is Outcome.NOT_PERMITTED:
            self._refusing[source.id] = change.asked_at
        else:
            self._refusing.pop(source.id, None)
        return told

    async def _told(self, source: Source, change: Change) -> Who:
        TALLY.set(Tally())
        try:
            async with asyncio.timeout(PATIENCE):
                told = await source.who(change)
        except Refused as error:
            return refused(error.fault, change)
        except TimeoutError:
            return refused(Fault(FaultKind.UNREACHABLE, "Timeout", source.id, "no answer"), change)
        except Exception as error:  # noqa: BLE001 - a defect of ours is not an answer, and ends nothing
            log.error("%s: %s", source.id, defect(error))
            return refused(Fault(FaultKind.ERROR, type(error).__name__, source.id, "see --log-file"), change)
        return answer(told, change) if isinstance(told, Trail) else told

    def _otherwise_at(self, source_id: str, finding: Finding) -> Utc | None:
        """When the resource was seen otherwise for the last time, None where it was never."""
        first, gap = self._first.get(source_id), finding.gap
        if gap is not None and gap.ends == finding.since and gap.status is not finding.status:
            known = gap.begins  # it became so while nobody saw it, which may be from one run to the next
        elif first is None or self._begun is None or finding.since <= max(first, self._begun) + JUDGED_WITHIN:
            return None
        else:
            known = finding.since
        ended = [began for began, ended in self._polls.get(source_id, ()) if ended < known - JUDGED_WITHIN]
        if ended:
            return ended[-1]
        source = self._model.sources.get(source_id)
        return known - STALE_CADENCES * source.cadence if source is not None else None
