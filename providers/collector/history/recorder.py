"""What moved in the model, gathered for the history until it is written."""

from collections.abc import Iterable

import msgspec

from posture.changes import Change
from posture.clock import Utc
from posture.entry import Entry
from posture.model import Model
from posture.rollup import OWN
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
    """Gathers what moved. Within a second only the last state of a resource counts.

    What was restored is not written while its source has not answered: nothing is known of it that was not known.
    """

    def __init__(self, model: Model, known: Iterable[str] = ()) -> None:
        self._model = model
        self._listed: dict[str, Utc] = dict.fromkeys(known, 0.0)
        """By source: when its first listing ended, before which nothing that it names is news."""
        self._moved: dict[tuple[str, int], Moved] = {}
        self._turned: list[Turned] = []
        self._standing: dict[str, Source] = {}
        self._polls: dict[tuple[str, int], Turned] = {}
        self._tallies: dict[str, tuple[int, ...]] = {}
        self._silent: dict[str, set[str]] = {}
        """By source that has not answered: what was restored of it and stands otherwise."""
        self._own: set[str] = set()
        """Tenants and sources, which stand otherwise at every start until all have answered."""
        self._waits = False

    def take(self, change: Change, now: Utc) -> None:
        """Note what moved."""
        model = self._model
        if change.sources or change.sources_gone:
            self._waits = any(source.state is State.PENDING for source in model.sources.values())
        for name in change.sources_gone:
            self._turn(Turned(now, name, None))
            self._silent.pop(name, None)
            self._standing.pop(name, None)
        for name in change.sources:
            if (source := model.sources.get(name)) is not None:
                self._source(source, now, whole=name in change.whole)
        for name in change.gone:
            self._moved[name, int(now)] = Moved(now, name, None, now, news=True)
        for name in change.resources:
            self._resource(name, now)
        if self._own and not self._waits:
            own, self._own = self._own, set()
            for name in own:
                self._resource(name, now)

    def all(self, now: Utc) -> None:
        """Note everything, after something could not be written."""
        for source in self._model.sources.values():
            self._source(source, now, whole=False)
        for entry in self._model.all():
            self._resource(entry.resource.id, now)

    def work(self, now: Utc, *, beat: bool) -> Work:
        """What was noted since the last call; with `beat`, once a minute, also what the polls and the counts were."""
        work = Work(now, list(self._moved.values()), self._turned, [], {})
        self._moved, self._turned = {}, []
        if beat:
            counts = {name: tuple(rollup.findings) for name, rollup in self._model.rollups.items()}
            work.tallies = {name: count for name, count in counts.items() if self._tallies.get(name) != count}
            work.polls, self._polls, self._tallies = list(self._polls.values()), {}, counts
        return work

    def _resource(self, name: str, now: Utc) -> None:
        entry = self._model.entry(name)
        if entry is None or entry.resource.id != name:
            return
        if entry.resource.provider == OWN:
            if self._waits:
                self._own.add(name)
                return
        elif not entry.poll and self._pending(entry.source):
            self._silent.setdefault(entry.source, set()).add(name)
            return
        self._moved[name, int(now)] = self._as_it_stands(entry, now)

    def _as_it_stands(self, entry: Entry, now: Utc) -> Moved:
        listed = self._listed.get(entry.source)
        news = listed is not None and entry.observed_at > listed
        return Moved(now, entry.resource.id, Kept.of(entry), entry.observed_at, news)

    def _source(self, source: Source, now: Utc, *, whole: bool) -> None:
        if source.polling or (source.state is State.PENDING and source.id in self._listed):
            return
        if source.state is not State.PENDING:
            self._listed.setdefault(source.id, now)
            for name in self._silent.pop(source.id, ()):
                self._resource(name, now)
        seen = source.last_success if source.following else source.last_attempt if whole else None
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

    def _pending(self, name: str) -> bool:
        source = self._model.sources.get(name)
        return source is not None and source.state is State.PENDING
