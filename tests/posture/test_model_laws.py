"""Laws of the model, over random worlds: the order of reports, what is judged again, the joins, the counts, and what
a viewer is told.
"""

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from posture.clock import rfc3339
from posture.entry import Entry
from posture.fault import FaultKind
from posture.filter import parse
from posture.judging import judge
from posture.links import Links
from posture.model import Model
from posture.reports import Batch, Gone, StillSo
from posture.resource import Link, Resource
from posture.rollup import OWN, UNASSIGNED, Rollup, tenants_of
from posture.snapshot import matches, take, to_json
from posture.source import STALE_CADENCES
from posture.timers import Timers
from posture.verdict import Status
from providers.collector.frames import Hello
from providers.collector.publisher import Publisher
from tests.posture.controls.world import NOW, made, volume
from tests.posture.models import (
    BUCKETS,
    CADENCES,
    FAULTS,
    KEYS,
    MORE,
    REGION,
    VOLUMES,
    Feed,
    buckets,
    fed,
    keys,
    picture,
    refusal,
    regions,
    source,
    verdicts,
    volumes,
    worlds,
)
from tui.data.replica import Replica

ALL = tuple(CADENCES)


@settings(max_examples=60, deadline=None)
@given(world=worlds(), data=st.data())
def test_reports_in_any_order_and_batches_of_any_size_give_the_same_model(
    world: dict[str, list[Resource]], data: st.DataObject
) -> None:
    reports = [(name, resource) for name, resources in world.items() for resource in resources]

    def model_of(order: list[tuple[str, Resource]], settled: list[bool]) -> Model:
        model = Feed(*ALL).model
        for name in ALL:
            model.begin(name, NOW)
        for (name, resource), now in zip(order, settled, strict=True):
            model.apply(name, Batch((resource,)), NOW)
            if now:
                model.settle()
        for name in ALL:
            model.finish(name, NOW, fault=None, calls=1, seconds=0.0, next_due=None)
        model.tick(NOW)
        return model

    shuffled = data.draw(st.permutations(reports))
    settled = data.draw(st.lists(st.booleans(), min_size=len(reports), max_size=len(reports)))
    assert picture(model_of(reports, [False] * len(reports))) == picture(model_of(shuffled, settled))


class Life(RuleBasedStateMachine):
    """Sources poll, fail, come and go, resources change hands, time goes on; a viewer follows. After each step
    everything still agrees.
    """

    @initialize()
    def start(self) -> None:
        self.feed = Feed(*ALL)
        self.publisher = Publisher(self.feed.model)
        self.viewer = Replica()
        self.viewer.apply(Hello("test", ("acme", "beta"), False, NOW))

    @rule(
        name=st.sampled_from([VOLUMES, MORE]),
        seen=st.sets(st.integers(1, 3)).flatmap(lambda numbers: st.tuples(*(volumes(n) for n in sorted(numbers)))),
        refused=st.sampled_from([None, None, None, refusal(), refusal(FaultKind.DENIED)]),
        kept=st.sets(st.integers(1, 3)),
    )
    def poll_volumes(self, name: str, seen: tuple[Resource, ...], refused: Any, kept: set[int]) -> None:
        self.feed.poll(
            name, *seen, listed=("aws.ebs.volume",), fault=refused, kept=[volume(f"vol-{number}") for number in kept]
        )

    @rule(
        seen=st.sets(st.integers(1, 2)).flatmap(lambda numbers: st.tuples(*(keys(n) for n in sorted(numbers)))),
        refused=st.sampled_from([None, None, refusal()]),
    )
    def poll_keys(self, seen: tuple[Resource, ...], refused: Any) -> None:
        self.feed.poll(KEYS, *seen, listed=("aws.kms.key",), fault=refused)

    @rule(seen=st.lists(regions(), max_size=1))
    def poll_region(self, seen: list[Resource]) -> None:
        self.feed.poll(REGION, *seen, listed=("aws.ec2.region",))

    @rule(seen=buckets(), refused=st.sampled_from([None, refusal(FaultKind.DENIED)]))
    def poll_bucket(self, seen: Resource, refused: Any) -> None:
        self.feed.poll(BUCKETS, seen, part=refused)

    @rule(name=st.sampled_from(ALL), gone=st.sets(st.integers(1, 3)))
    def follow_what_changes(self, name: str, gone: set[int]) -> None:
        if name in self.feed.model.sources:
            self.feed.model.apply(name, Gone(tuple(volume(f"vol-{number}").id for number in gone)), self.feed.now)
            self.feed.model.apply(name, StillSo(), self.feed.now)
            self.feed.model.settle()

    @rule(name=st.sampled_from(ALL), again=st.booleans())
    def drop(self, name: str, again: bool) -> None:
        if name in self.feed.model.sources:
            self.feed.model.drop_source(name, self.feed.now)
            if again:
                self.feed.model.add_source(source(name))
            self.feed.model.settle()
        if name not in self.feed.model.sources and not again:
            self.follow()
            self.feed.model.add_source(source(name))

    @rule(seconds=st.sampled_from([1.0, 61.0, 200.0, 361.0, 6000.0, 40000.0]))
    def wait(self, seconds: float) -> None:
        self.feed.wait(seconds)

    @rule(seconds=st.sampled_from([0.5, 61.0, 40000.0]))
    def the_clock_is_put_back(self, seconds: float) -> None:
        self.feed.now -= seconds
        self.feed.model.tick(self.feed.now)
        self.feed.now = self.feed.model.now

    @rule(seconds=st.sampled_from([0.0, 300.0, 4000.0]))
    def start_again_from_what_was_seen(self, seconds: float) -> None:
        before = self.feed
        self.feed = Feed(*ALL, now=before.now + seconds)
        rows = [entry for entry in before.model.all() if entry.resource.provider != OWN]
        self.feed.model.restore(
            (Entry.seen(entry.resource, entry.source, entry.observed_at, entry.statuses_since()) for entry in rows),
            self.feed.now,
        )
        self.feed.model.tick(self.feed.now)
        assert len(self.feed.model) == len(rows) + len(ALL) + 4
        self.publisher, self.viewer = Publisher(self.feed.model), Replica()
        self.viewer.apply(Hello("test", ("acme", "beta"), False, NOW))

    def follow(self) -> None:
        for frame in self.publisher.frames(self.feed.model.drain()):
            self.viewer.apply(frame)

    @invariant()
    def incremental_judging_equals_judging_from_scratch(self) -> None:
        model = self.feed.model
        model.settle()
        for entry in list(model.all()):
            anew = Entry(entry.resource, entry.source, entry.poll, entry.observed_at)
            judge(anew, model.context(entry.resource.tenant), model.registry)
            assert verdicts(anew) == verdicts(entry)
            assert (anew.status, anew.key_class, anew.users) == (entry.status, entry.key_class, entry.users)

    @invariant()
    def nothing_was_seen_nor_began_later_than_now(self) -> None:
        model = self.feed.model
        for entry in model.all():
            assert entry.observed_at <= model.now
            for finding in entry.findings.values():
                assert (
                    max(finding.since, *((finding.gap.begins, finding.gap.ends or 0.0) if finding.gap else (0.0,)))
                    <= model.now
                )
        assert all(
            (one.last_success or 0.0) <= model.now and (one.last_attempt or 0.0) <= model.now
            for one in model.sources.values()
        )

    @invariant()
    def the_counters_equal_a_recount(self) -> None:
        recount: dict[str, Rollup] = {}
        for entry in self.feed.model.all():
            own = entry.resource.provider == OWN
            for tenant in tenants_of(entry.resource.tenant, own=own):
                rollup = recount.setdefault(tenant, Rollup())
                rollup.resources[entry.status] += not own
                for finding in entry.findings.values():
                    rollup.findings[finding.status] += 1
                    rollup.failed[finding.severity] += finding.status is Status.FAIL and not own
        empty = Rollup()
        assert {name: rollup for name, rollup in self.feed.model.rollups.items() if rollup != empty} == {
            n: r for n, r in recount.items() if r != empty
        }

    @invariant()
    def nothing_that_has_not_been_seen_for_six_cadences_is_anything_but_unknown(self) -> None:
        model = self.feed.model
        for entry in model.all():
            if entry.findings and entry.resource.provider != OWN:
                stale = model.now - entry.observed_at >= STALE_CADENCES * model.sources[entry.source].cadence
                assert not stale or {finding.status for finding in entry.findings.values()} == {Status.UNKNOWN}

    @invariant()
    def a_group_with_an_unanswered_source_is_never_green(self) -> None:
        model = self.feed.model
        model.settle()
        for one in model.sources.values():
            if one.state not in ("ok", "disabled"):
                statuses = {tenant: model.rollups[tenant].status for tenant in tenants_of(one.tenant, own=True)}
                assert statuses.pop(UNASSIGNED, Status.UNKNOWN) <= Status.WARN
                assert all(status <= Status.UNKNOWN for status in statuses.values())

    @invariant()
    def the_joins_are_those_of_the_resources_that_are_held(self) -> None:
        model, anew = self.feed.model, Links()
        entry = [one.resource for one in model.all()]
        for resource in entry:
            anew.replace(None, resource)
        for resource in entry:
            assert set(model.links.users(resource)) == set(anew.users(resource))

    @invariant()
    def no_wake_time_has_passed_nor_piles_up(self) -> None:
        model = self.feed.model
        wakes_at = model.wakes_at()
        assert wakes_at is None or wakes_at > model.now
        assert model._ageing.verdicts.kept <= 2 * len(model) + Timers.SLACK

    @invariant()
    def a_viewer_that_followed_sees_what_one_that_comes_now_would(self) -> None:
        self.follow()
        late = Replica()
        late.apply(Hello("test", ("acme", "beta"), False, NOW))
        change = type(self.feed.model.drain())(
            {entry.resource.id for entry in self.feed.model.all()},
            set(),
            set(self.feed.model.sources),
            set(),
            tenants=set(self.feed.model.rollups),
        )
        for frame in Publisher(self.feed.model).frames(change):
            late.apply(frame)
        assert _shown(self.viewer) == _shown(late)


Life.TestCase.settings = settings(max_examples=50, stateful_step_count=15, deadline=None)
TestLife = Life.TestCase


def _shown(viewer: Replica) -> dict[str, Any]:
    rows = {key: (viewer.place(row), row) for table in viewer.tables.values() for key, row in table.rows.items()}
    findings = {key: (viewer.place(row), row) for key, row in viewer.findings.rows.items()}
    plain = {
        key: (place, *(getattr(row, name) for name in row.__struct_fields__ if name != "place"))
        for key, (place, row) in (rows | findings).items()
    }
    return {"rows": plain, "sources": viewer.sources, "rollups": viewer.rollups}


# ---------------------------------------------------------------- links

IDS = ("a", "b", "c", "d")
LINKED = st.builds(
    lambda id, to, aliases: made(
        id, "volume", "aws.ebs.volume", aliases=tuple(aliases), links=dict(zip(("x", "y"), to, strict=False))
    ),
    st.sampled_from(IDS),
    st.lists(st.sampled_from([*IDS, "one", "two"]), max_size=2),
    st.lists(st.sampled_from(["one", "two"]), max_size=2, unique=True),
)


@settings(max_examples=200, deadline=None)
@given(steps=st.lists(LINKED | st.sampled_from(IDS), max_size=12))
def test_both_directions_of_every_link_agree_whatever_comes_and_goes(steps: list[Resource | str]) -> None:
    links, here = Links(), dict[str, Resource]()
    for step in steps:
        before = {name: (set(links.users(one)), links.count(one)) for name, one in here.items()}
        resolved = {alias: links.resolve(alias) for alias in ("one", "two")}
        if isinstance(step, str):
            moved = links.replace(here.pop(step, None), None)
        else:
            moved = links.replace(here.get(step.id), step)
            here[step.id] = step
        claims = {alias: [one.id for one in here.values() if alias in one.aliases] for alias in ("one", "two")}
        for alias, claimed in claims.items():
            assert links.resolve(alias) in (claimed or [alias])
            if links.resolve(alias) != resolved[alias]:
                assert {
                    one.id for one in here.values() if one.link("x") == alias or one.link("y") == alias
                } <= moved | {getattr(step, "id", step)}
        for one in here.values():
            users = list(links.users(one))
            names = {one.id, *(alias for alias in one.aliases if links.resolve(alias) == one.id)}
            assert len(users) == len(set(users)) == links.count(one)
            assert set(users) == {other.id for other in here.values() if any(link.to in names for link in other.links)}
            assert links.kinds(one) == +Counter(
                volume=sum(len({link.to for link in other.links} & names) for other in here.values())
            )
            if one.id in before and before[one.id][0] != set(users):
                assert one.id in moved | {getattr(step, "id", step)}


# ---------------------------------------------------------------- wakes


@settings(max_examples=200, deadline=None)
@given(
    steps=st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.floats(0, 100)) | st.floats(0, 100), max_size=60)
)
def test_each_name_is_woken_once_at_the_time_last_set(steps: list[Any]) -> None:
    timers, plain = Timers(), dict[str, float]()
    for step in steps:
        if isinstance(step, tuple):
            name, at = step
            timers.set(name, at)
            plain.pop(name, None)
            if at is not None:
                plain[name] = at
        else:
            due = sorted((at, name) for name, at in plain.items() if at <= step)
            assert timers.due(step) == [name for _, name in due]
            for _, name in due:
                del plain[name]
        assert timers.next() == min(plain.values(), default=None)
        assert len(timers) == len(plain)


# ---------------------------------------------------------------- filters and snapshots

WORDS = [
    *(
        "status:fail",
        "status:pass,warn",
        "status:not_applicable",
        "severity:critical",
        "severity:info",
        "key:customer,none",
        "key:unknown",
        "kind:vol*",
    ),
    *(
        "type:aws.ebs.*",
        "tenant:acme",
        "tenant:b*",
        "provider:aws",
        "scope:1111*",
        "region:us-east-?",
        "source:*/ebs",
        "name:data",
        'name:"data two"',
    ),
    *(
        "id:*vol-1",
        "control:aws.ebs.volume-encrypted",
        "control:aws.s3.*",
        "control:*",
        "sentence:S04",
        "sentence:s1*",
        "vol-2",
        '"data two"',
        "encrypted",
        "aws.ebs",
        "KMS",
        "key",
    ),
]


@settings(max_examples=40, deadline=None)
@given(world=worlds(), faults=FAULTS)
def test_a_filter_and_its_negation_part_the_resources(world: dict[str, list[Resource]], faults: Any) -> None:
    model = fed(world, faults).model
    for word in WORDS:
        for entry in model.all():
            assert (
                matches(parse(word), entry)
                is not matches(parse(f"-{word}"), entry)
                is matches(parse(f"!{word}"), entry)
                is not matches(parse(word), entry)
            )


@settings(max_examples=30, deadline=None)
@given(world=worlds(), faults=FAULTS)
def test_a_snapshot_of_an_unchanged_model_differs_only_in_its_time(
    world: dict[str, list[Resource]], faults: Any
) -> None:
    model = fed(world, faults).model
    first, second = to_json(take(model, NOW, "1")), to_json(take(model, NOW + 5, "1"))
    assert first.replace(rfc3339(NOW).encode(), b"") == second.replace(rfc3339(NOW + 5).encode(), b"").replace(
        rfc3339(NOW).encode(), b""
    )


def test_a_link_to_itself_is_kept_and_let_go() -> None:
    links = Links()
    itself = made("a", "volume", "aws.ebs.volume", links={"x": "a", "y": "one"}, aliases=("one",))
    links.replace(None, itself)
    assert list(links.users(itself)) == ["a"]
    links.replace(itself, None)
    assert list(links.users(itself)) == []
    assert Link("x", "a") in itself.links
