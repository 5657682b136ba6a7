"""What is told of a time that is past is what was told then."""

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from posture.model import Model
from posture.source import State
from providers.collector.history.past import Past
from providers.collector.publisher import Publisher
from tests.posture.models import CADENCES, FAULTS, Feed, picture, worlds
from tests.providers.collector.history.kept import Kept
from tests.providers.collector.viewer import shown

SECONDS = st.sampled_from((1, 7, 20, 60))
"""Each source is asked before what it said is no evidence any more."""
STEPS = st.lists(st.tuples(worlds(), FAULTS, SECONDS, st.booleans(), st.booleans()), min_size=1, max_size=5)


def told(model: Model) -> dict[str, Any]:
    """What a viewer that comes now is told, and all that the model says."""
    everything = model.drain()
    everything.sources.update(model.sources)
    everything.resources.update(entry.resource.id for entry in model.all())
    everything.tenants.update(model.policies)
    viewer, said = shown(list(Publisher(model).frames(everything))), picture(model)
    for entry in model.all():
        if not entry.findings and entry.resource.id in viewer["rows"]:
            viewer["rows"][entry.resource.id][1].pop("since")  # when it was seen, which every poll moves
    return {**viewer, "seen": said["seen"], "rollup": copy.deepcopy(said["rollups"])}


def ages(model: Model) -> dict[str, float]:
    """When each resource was seen."""
    return {entry.resource.id: entry.observed_at for entry in model.all()}


@given(STEPS)
@settings(max_examples=15, deadline=None)
def test_a_time_that_is_past_is_row_by_row_and_finding_by_finding_what_it_was(steps: list[Any]) -> None:
    feed = Feed(*CADENCES)
    kept = Kept(feed.model)
    then: dict[float, tuple[dict[str, Any], dict[str, float]]] = {}
    for world, faults, seconds, write, dropped in steps:
        for name, resources in world.items():
            feed.wait(float(seconds))
            feed.poll(name, *resources, fault=faults.get(name))
            if dropped and name == min(world) and name in feed.model.sources:
                feed.model.drop_source(name, feed.now)
                feed.model.add_source(Feed(name).model.sources[name])
                feed.model.settle()
            # what is not written yet is a minute at most, as in a collector
            kept.take(write=write or seconds > 20 or name == max(world), beat=True)
            if all(source.state is not State.PENDING for source in feed.model.sources.values()):
                then[feed.now] = told(feed.model), ages(feed.model)
    kept.take(beat=True)
    assert_so(then, kept)


def assert_so(then: dict[float, tuple[dict[str, Any], dict[str, float]]], kept: Kept) -> None:
    """Opened at each time, and moved there from another; nothing looks fresher than it was."""
    if not then:
        return
    moving = Past(kept.reader)
    for at, (was, seen) in [*then.items(), *reversed(then.items())]:
        moving.move(at)
        for past in (moving, Past(kept.reader, at)):
            past.age(past.model.all())
            now = told(past.model)
            for part, value in was.items():
                other = {name for name in {**now[part], **value} if now[part].get(name) != value.get(name)}
                assert {name: (now[part].get(name), value.get(name)) for name in other} == {}, (part, at)
            fresher = {name: (time, seen[name]) for name, time in ages(past.model).items() if time > seen[name]}
            assert {name for name in fresher if not name.startswith(("enctop:", "acme"))} == set()
