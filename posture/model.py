"""The shared state: what every source reported, joined, judged, and what moved by it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from posture.ageing import Ageing, stale_at
from posture.changes import Change
from posture.clock import Seconds, Utc
from posture.context import ModelContext
from posture.controls.registry import Registry
from posture.entry import Entry, Statuses, clamped, own_of, tenant_id, users_id
from posture.fault import Fault
from posture.interning import intern_strings
from posture.judging import judge, says_otherwise
from posture.links import Links, outline
from posture.policy import Policy
from posture.reported import Reported
from posture.reports import Batch, Complete, Gone, NotRead, ReadRefused, Report, StillSo
from posture.resource import Resource
from posture.rollup import OWN, UNASSIGNED, Counted, Rollup, add, counted
from posture.source import STALE_CADENCES, Source, account_of
from posture.unanswered import Listing, Unanswered
from posture.unjudged import Unjudged
from posture.verdict import Finding


class Model:
    """Applies what sources report, keeps the joins, and judges only what a report, a join or the time changed.

    `policies` maps each tenant to what it is meant to have. Time comes in with every call (UTC seconds) and is never
    read. Where it comes back by up to `SLACK` it stands still; by more, a clock that ran ahead was corrected, and
    nothing that is held was seen, or began, later than now.
    """

    SLACK: Seconds = 10.0
    """Seconds; a small correction by NTP, or two callers with clocks of their own, must not judge everything anew."""

    def __init__(self, registry: Registry, policies: Mapping[str, Policy], now: Utc) -> None:
        self.registry = registry
        self.policies = dict(policies)
        self.sources: dict[str, Source] = {}
        self.rollups: dict[str, Rollup] = {}
        self.links = Links()
        self._now = now
        self._entries: dict[str, Entry] = {}
        self._reported = Reported()
        self._alone: Counter[str] = Counter()
        self._unjudged = Unjudged(self._judge)
        self._dirty = self._unjudged.waiting
        self._ageing = Ageing(self.sources, self._reported.rows)
        self._unanswered = Unanswered(self.sources)
        self._change = Change()
        self._recalled: dict[str, Statuses] = {}
        self._contexts = {tenant: ModelContext(self, tenant, (policy,)) for tenant, policy in self.policies.items()}
        for tenant in self.policies:
            self._own(tenant_id(tenant), tenant)
            self._own(users_id(tenant), tenant)

    # ------------------------------------------------------------ what is held

    @property
    def now(self) -> Utc:
        """The time of the latest call, UTC seconds."""
        return self._now

    def __len__(self) -> int:
        return len(self._entries)

    def entry(self, resource_id: str) -> Entry | None:
        """A resource with its findings, by id or alias; where a text is both, it is the id."""
        return self._entries.get(resource_id) or self._entries.get(self.links.resolve(resource_id))

    def all(self) -> Iterator[Entry]:
        """Everything held, in no order."""
        return iter(self._entries.values())

    def context(self, tenant: str) -> ModelContext:
        """What a control of this tenant's resources may look at; what tenants share is judged by what holds for all
        of them.
        """
        found = self._contexts.get(tenant)
        if found is None:
            policies = [self.policies[name] for name in tenant.split("+") if name in self.policies]
            found = self._contexts[tenant] = ModelContext(self, tenant, policies or (Policy(),))
        return found

    def unanswered(self, resource: Resource, asks: Callable[[str], bool]) -> Source | None:
        """The first source by id, of its account or project and its region and of a service that `asks`, which has not
        answered in full.

        Whoever asks is judged again when a source of that place changes its state.
        """
        return self._unanswered.find(resource, asks)

    def findings(self, resource: Resource) -> Mapping[str, Finding]:
        """As they stand; whoever asks while it is judged is judged again when they change."""
        had = self._unjudged.ask_findings(resource.id)
        entry = self._entries.get(resource.id) if had else None
        return entry.findings if entry else {}

    def listed(self, listing: Listing) -> bool:
        """Whether it was listed in full; whoever asks while it is judged is judged again when that changes."""
        self._unjudged.ask(listing)
        return self._unanswered.listed(listing)

    def unassigned(self, tenant: str) -> int:
        """Resources without a tenant in the accounts whose sources this tenant shares."""
        sources = (source for source in self.sources.values() if "+" in source.tenant)
        scopes = {account_of(source) for source in sources if tenant in source.tenant.split("+")}
        return sum(self._alone[scope] for scope in scopes)

    # ------------------------------------------------------------ what sources do

    def add_source(self, source: Source) -> None:
        """A source exists from now on; it keeps what it reported under this id before."""
        known = self.sources.get(source.id)
        if known is not None:
            source = source.succeeding(known)
        rows = self._reported.rows.setdefault(source.id, {})
        self._own(source.id, source.tenant)
        self._set_source(source)
        if known is not None and known.cadence != source.cadence:
            self._unjudged.add(rows)
            self._ageing.follow(source.id, self._now)

    def drop_source(self, source_id: str, now: Utc) -> None:
        """A source exists no more, nor does what only it reported."""
        self._keep_time(now)
        source = self.sources.pop(source_id)
        for resource_id in self._reported.drop(source_id):
            self._remove(resource_id)
        self._remove(source_id)
        self._ageing.look_at(source_id, None)
        self._unanswered.end(source_id)
        self._change.sources.discard(source_id)
        self._change.sources_gone.add(source_id)
        self._answers_moved(source)
        self._touch_tenants(source)

    def begin(self, source_id: str, now: Utc) -> None:
        """A poll starts."""
        self._keep_time(now)
        self._reported.begin(source_id)
        self._unanswered.end(source_id)
        self._set_source(self.sources[source_id].begun(self._now))

    def apply(self, source_id: str, report: Report, now: Utc) -> None:
        """Take in what a source reports, in a poll or after it. Nothing is judged before `settle`."""
        self._keep_time(now)
        match report:
            case Batch():
                self._take(report.resources, source_id)
            case Complete() | Gone():
                for resource_id in self._reported.gone(source_id, report):
                    self._remove(resource_id)
            case ReadRefused():
                if self._unanswered.refuse(source_id, report.fault):
                    self._answers_moved(self.sources[source_id])
            case NotRead():
                self._take(self._reported.unread(source_id, report.resources), source_id)
            case StillSo():
                lasts = STALE_CADENCES * self.sources[source_id].cadence
                self._unjudged.add(self._reported.confirm(source_id, self._now, lasts))
                self._ageing.seen(source_id, self._now)
        source = self.sources[source_id]
        if not source.polling:
            if isinstance(report, NotRead):
                behind = self._reported.fall_behind(source_id, [resource.id for resource in report.resources])
                self._change.resources.update(behind)
            held, fresh = len(self._reported.rows[source_id]), isinstance(report, StillSo)
            self._set_source(source.told(held, self._now if fresh else source.last_success))

    def finish(
        self,
        source_id: str,
        now: Utc,
        *,
        fault: Fault | None,
        calls: int,
        seconds: Seconds,
        next_due: Utc | None,
        following: bool = False,
    ) -> None:
        """A poll ends: in full (`fault` None), in part, or refused. Rows stay in any case, and each ages from when
        it was last seen. `following`: it goes on to report what changes.
        """
        self._keep_time(now)
        source = self.sources[source_id]
        part = self._unanswered.end(source_id)
        seen_any, held = bool(self._reported.seen[source_id]), len(self._reported.rows[source_id])
        ended = source.ended(self._now, fault, part, seen_any, held)
        self._set_source(
            msgspec.structs.replace(ended, calls=calls, seconds=seconds, next_due=next_due, following=following)
        )
        if fault is None and (part is not None or source_id in self._reported.listed):
            self._change.resources.update(self._reported.fall_behind(source_id))
            self._change.whole.add(source_id)
        if source.fault != ended.fault:
            self._dirty.update(dict.fromkeys(self._ageing.stale(source_id, self._now)))

    def tick(self, now: Utc) -> None:
        """Time went on: what only time changes is judged again."""
        self.wake(now)
        self.settle()

    def wake(self, now: Utc) -> None:
        """Time went on: what only time changes is to be judged again by `settle`."""
        self._keep_time(now)
        self._dirty.update(dict.fromkeys(self._ageing.due(self._now)))

    @property
    def unsettled(self) -> int:
        """How many resources are to be judged by `settle`."""
        return len(self._dirty)

    def wakes_at(self) -> Utc | None:
        """When `tick` has something to do next."""
        return self._ageing.next()

    def settle(self, at_most: int | None = None) -> bool:
        """Judge what was touched since the last time, or `at_most` of it; says whether all is judged."""
        return self._unjudged.settle(at_most)

    def drain(self) -> Change:
        """What moved since the last call, settled."""
        self.settle()
        return self.moved()

    def moved(self) -> Change:
        """What moved since the last call, as far as it is judged; the rest is kept for the next."""
        change, self._change = self._change, Change()
        if self._dirty:
            self._change.resources = change.resources & self._dirty.keys()
            change.resources -= self._change.resources
        return change

    def recall(self, statuses_since: Mapping[str, Statuses]) -> None:
        """How findings stood in an earlier run, by resource id: what is seen again and stands so still, stands so
        since then. Nothing else comes of it.
        """
        self._recalled = dict(statuses_since)

    def restore(self, seen: Iterable[Entry], now: Utc) -> None:
        """Take in what an earlier run had seen, of sources that are added already. It ages from when it was seen,
        and goes when a listing does not name it.
        """
        self._keep_time(now)
        for entry in seen:
            if entry.resource.id in self._entries or entry.source not in self.sources:
                continue
            self._entries[entry.resource.id] = entry
            self._reported.rows[entry.source][entry.resource.id] = entry
            self._moved(None, entry.resource)
            self._dirty[entry.resource.id] = None
            self._change.resources.add(entry.resource.id)
            self._ageing.look_at(entry.source, self._now)

    # ------------------------------------------------------------ inside

    def _judge(self, resource_id: str) -> None:
        entry = self._entries.get(resource_id)
        if entry is None:
            return
        before, known = entry.appearance(), entry.findings
        until = judge(entry, self.context(entry.resource.tenant), self.registry)
        self._ageing.verdicts.set(resource_id, until if until is not None and until > self._now else None)
        if entry.appearance() != before:
            self._change.resources.add(resource_id)
        if self._unjudged.is_asked(resource_id) and says_otherwise(known, entry.findings):
            self._unjudged.changed(resource_id)
        self._recount(entry)

    def _keep_time(self, now: Utc) -> None:
        if now >= self._now - self.SLACK:
            self._now = max(now, self._now)
            return
        self._now = now
        for entry in self._entries.values():
            entry.rewind(now)
        self._recalled = {name: clamped(statuses_since, now) for name, statuses_since in self._recalled.items()}
        self._dirty.update(dict.fromkeys(self._entries))  # with what is due when
        self._change.resources.update(self._entries)
        for source in list(self.sources.values()):
            self._set_source(source.rewound(now))
            self._ageing.follow(source.id, now)

    def _own(self, resource_id: str, tenant: str) -> None:
        if resource_id not in self._entries:
            self._entries[resource_id] = own_of(resource_id, tenant, self._now)
            self._change.gone.discard(resource_id)
        self._dirty[resource_id] = None

    def _set_source(self, source: Source) -> None:
        known = self.sources.get(source.id)
        if known == source:
            return
        self.sources[source.id] = source
        self._change.sources.add(source.id)
        self._change.sources_gone.discard(source.id)
        turned = known is None or (known.state, known.fault) != (source.state, source.fault)
        # what is fresh and is told again says the same, and is judged when it would not have been fresh any more
        if turned or (known and known.last_success != source.last_success and known.dim(self._now)):
            self._dirty[source.id] = None
            self._touch_tenants(source)
        if turned:
            self._answers_moved(source)

    def _answers_moved(self, source: Source) -> None:
        self._dirty.update(self._unanswered.release(source))
        for listing in self._unanswered.turned(source, self._unjudged.is_asked):
            self._unjudged.changed(listing)

    def _touch_tenants(self, source: Source) -> None:
        for tenant in source.tenant.split("+"):
            if tenant in self.policies:
                self._dirty[tenant_id(tenant)] = self._dirty[users_id(tenant)] = None

    def _take(self, resources: Sequence[Resource], source_id: str) -> None:
        words: dict[str, str] = {}
        for resource in resources:
            self._put(resource, source_id, words)
        if resources:
            self._ageing.seen(source_id, self._now)

    def _put(self, resource: Resource, source_id: str, words: dict[str, str]) -> None:
        poll, now = self._reported.polls[source_id], self._now
        entry = self._entries.get(resource.id)
        if entry is None:
            old, entry = None, self._added(resource, source_id)
        else:
            if entry.source != source_id and self._reported.is_better(entry, resource, source_id):
                self._reported.seen[source_id] += 1
                return
            old, moved = entry.resource, entry.source != source_id
            aged = stale_at(entry, self.sources[entry.source]) <= now
            self._reported.seen[source_id] += moved or entry.poll != poll
            restored = not entry.poll
            entry.poll, entry.seen_in, entry.observed_at = poll, poll, now
            if entry.not_in_last_poll:
                entry.not_in_last_poll = False
                self._change.resources.add(resource.id)
            if moved:
                del self._reported.rows[entry.source][resource.id]
                entry.source = source_id
            elif old == resource:
                if restored:  # its source may remember it as well: the same one
                    entry.resource = resource
                    intern_strings(resource.fields, words)
                if aged:
                    self._dirty[resource.id] = None
                return
            if old.tenant != resource.tenant:
                self._uncount(entry)
            entry.resource = resource
        intern_strings(resource.fields, words)
        self._reported.rows[source_id][resource.id] = entry
        if old != resource:
            self._moved(old, resource)
        self._dirty[resource.id] = None
        self._change.gone.discard(resource.id)
        self._change.resources.add(resource.id)

    def _added(self, resource: Resource, source_id: str) -> Entry:
        entry = self._entries[resource.id] = Entry(resource, source_id, self._reported.polls[source_id], self._now)
        if statuses_since := self._recalled.pop(resource.id, None):
            entry.recall(statuses_since)
        self._reported.seen[source_id] += 1
        return entry

    def _moved(self, old: Resource | None, new: Resource | None) -> None:
        """What a control may have seen of this resource is judged again: itself, its neighbours either way, and who
        points at those that point at it.
        """
        near = set(self.links.users(old)) if old else set()
        self._dirty.update(dict.fromkeys(self.links.replace(old, new)))
        if new is not None:
            near.update(self.links.users(new))
            if old is None or outline(old) != outline(new):
                self._dirty.update((self.links.resolve(link.to), None) for link in new.links)
        users = [entry for name in near if (entry := self._entries.get(name)) is not None]
        for entry in users:
            self._dirty[entry.resource.id] = None
            self._dirty.update(dict.fromkeys(self.links.users(entry.resource)))
        if old is None or new is None or old.name != new.name:
            self._change.resources.update(entry.resource.id for entry in users)
        for resource, step in ((old, -1), (new, 1)):
            if resource is not None and resource.tenant == UNASSIGNED:
                self._alone[resource.scope] += step
                self._dirty.update(dict.fromkeys(map(tenant_id, self.policies)))

    def _remove(self, resource_id: str) -> None:
        entry = self._entries.pop(resource_id, None)
        if entry is None:
            return
        self._reported.rows.get(entry.source, {}).pop(resource_id, None)
        self._ageing.verdicts.set(resource_id, None)
        self._unjudged.forget(resource_id)
        self._unjudged.changed(resource_id)
        self._moved(entry.resource, None)
        self._uncount(entry)
        self._change.resources.discard(resource_id)
        self._change.gone.add(resource_id)

    # ------------------------------------------------------------ roll-ups

    def _recount(self, entry: Entry) -> None:
        now = counted(entry.status, entry.findings.values())
        if now != entry.counted:
            self._uncount(entry)
            self._count(entry, now, 1)
            entry.counted = now

    def _uncount(self, entry: Entry) -> None:
        if entry.counted is not None:
            self._count(entry, entry.counted, -1)
            entry.counted = None

    def _count(self, entry: Entry, what: Counted, step: int) -> None:
        names = add(self.rollups, entry.resource, what, step)
        self._change.tenants.update(names)
        own = entry.resource.provider == OWN  # what is judged of a tenant itself does not judge it again
        self._dirty.update((tenant_id(name), None) for name in names if not own and name in self.policies)
