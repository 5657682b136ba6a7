"""What moved in the model, gathered for the history until it is written."""

from collections.abc import Iterable

import msgspec

from posture.changes import Change
from posture.clock import Utc
from posture.model import Model
from posture.source import Source, State
from providers.collector.history.records import Kept, standing


class Moved(msgspec.Struct, frozen=True, gc=False):
    """A resource as it stood at `at` (UTC seconds), or None from then on. `news`: had it not been there before, it is
    news, and not the first listing of its source.
    """

    at: Utc
    name: str
    kept: Kept | None
    observed_at: Utc
    news: bool


class Turned(msgspec.Struct, frozen=True, gc=False):
    """A source as it stood at `at` (UTC seconds); None: nobody asks it from then on. `seen` is from when on all that it
    holds had been read, None where that is not told.
    """

    at: Utc
    name: str
    source: Source | None
    seen: Utc | None = None


class Work(msgspec.Struct):
    """What is to be written together: `polls` found nothing new; `tallies` are the findings of a tenant by status.
    `at` is now, UTC seconds.
    """

    at: Utc
    moved: list[Moved]
    turned: list[Turned]
    polls: list[Turned]
    tallies: dict[str, tuple[int, ...]]

    def __bool__(self) -> bool:
        return bool(self.moved or self.turned or self.polls or self.tallies)


class Recorder:
    """Gathers what moved, from when every source has answered or failed once: what is UNKNOWN until then says nothing
    of the world. Within a second only the last state of a resource counts.

    `known` are the sources that the history tells of already.
    """

    def __init__(self, model: Model, known: Iterable[str] = ()) -> None:
        self._model = model
        self._begun = False
        self._early = Change()
        """What moved before."""
        self._backlog: list[str] = []
        """Of that, what is to be noted still."""
        self._listed = set(known)
        """The sources whose first listing has ended, before which nothing that they name is news."""
        self._old: set[str] = set()
        """Of the backlog, what is no news."""
        self._moved: dict[tuple[str, int], Moved] = {}
        self._turned: list[Turned] = []
        self._standing: dict[str, Source] = {}
        self._polls: dict[tuple[str, int], Turned] = {}
        self._tallies: dict[str, tuple[int, ...]] = {}

    def begin(self, now: Utc) -> None:
        """Every source has answered or failed once."""
        self._begun, early, self._early = True, self._early, Change()
        self._backlog = sorted(early.resources)
        early.resources = set()
        self.take(early, now)
        for source in self._model.sources.values():
            if source.polling:  # else what it holds is of a source that is not told of until its poll ends
                self._source(source, now, whole=False)

    def take(self, change: Change, now: Utc) -> None:
        """Note what moved."""
        model = self._model
        if not self._begun:
            self._early.add(change)
            self._old.update(name for name in change.resources if not self._is_news(name))
        else:
            self._take(change, now)
        for name in change.sources:
            source = model.sources.get(name)
            if source is not None and not source.polling and source.state is not State.PENDING:
                self._listed.add(name)

    def _take(self, change: Change, now: Utc) -> None:
        model = self._model
        for name in change.sources_gone:
            self._turn(Turned(now, name, None))
            self._standing.pop(name, None)
        for name in change.sources:
            if (source := model.sources.get(name)) is not None and not source.polling:
                self._source(source, now, whole=name in change.whole)
        for name in change.gone:
            self._note(Moved(now, name, None, now, news=True))
        for name in change.resources:
            self._resource(name, now, news=self._is_news(name))

    def more(self, most: int, now: Utc) -> bool:
        """Note so many of what moved before it began; says whether there are more."""
        some, self._backlog = self._backlog[:most], self._backlog[most:]
        for name in some:
            self._resource(name, now, news=name not in self._old)
        if not self._backlog:
            self._old.clear()
        return bool(self._backlog)

    def all(self, now: Utc, gone: Iterable[str] = (), ended: Iterable[str] = ()) -> None:
        """Note everything, after something could not be written, and that these resources are gone and these sources
        are asked no more; what was not there before is no news by now.
        """
        self._standing.clear()
        for name in ended:
            self._turn(Turned(now, name, None))
        for name in gone:
            self._note(Moved(now, name, None, now, news=True))
        for source in self._model.sources.values():
            self._source(source, now, whole=False)
        self._backlog = [entry.resource.id for entry in self._model.all()]
        self._old = set(self._backlog)

    def work(self, now: Utc, *, beat: bool) -> Work:
        """What was noted since the last call; with `beat`, once a minute, also what the polls and the counts were."""
        work = Work(now, list(self._moved.values()), self._turned, [], {})
        self._moved, self._turned = {}, []
        if beat and self._begun:
            counts = {name: tuple(rollup.findings) for name, rollup in self._model.rollups.items()}
            work.tallies = {name: count for name, count in counts.items() if self._tallies.get(name) != count}
            work.polls, self._polls, self._tallies = list(self._polls.values()), {}, counts
        return work

    def _is_news(self, name: str) -> bool:
        entry = self._model.entry(name)
        return entry is not None and entry.source in self._listed

    def _resource(self, name: str, now: Utc, *, news: bool) -> None:
        entry = self._model.entry(name)
        if entry is not None and entry.resource.id == name:
            self._note(Moved(now, name, Kept.of(entry), entry.observed_at, news))

    def _note(self, moved: Moved) -> None:
        key = (moved.name, int(moved.at))
        self._moved.pop(key, None)  # the last state is written last, whatever the clock does
        self._moved[key] = moved

    def _source(self, source: Source, now: Utc, *, whole: bool) -> None:
        # what is known to have been whole may be an earlier poll than the last
        whole_at = min(source.last_attempt or 0.0, source.last_success or 0.0) if whole else None
        seen = source.last_success if source.following else whole_at
        turned, stands = Turned(now, source.id, source, seen), standing(source)
        if self._standing.get(source.id) != stands:
            self._standing[source.id] = stands
            self._turn(turned)
        else:  # what is followed says every few seconds that all is as it was
            self._polls[source.id, 0 if source.following else int(now)] = turned

    def _turn(self, turned: Turned) -> None:
        earlier = [key for key in self._polls if key[0] == turned.name]  # a source's are written in their order
        self._turned += [self._polls.pop(key) for key in earlier]
        self._turned.append(turned)
