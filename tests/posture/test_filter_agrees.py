"""An export and the dashboard select the same resources by the same filter."""

from typing import Any

import pytest
from hypothesis import given, settings

from posture.changes import Change
from posture.entry import users_id
from posture.fault import Fault
from posture.filter import parse
from posture.kinds import is_listed
from posture.model import Model
from posture.resource import Resource
from posture.snapshot import matches, take
from providers.collector.frames import Hello
from providers.collector.publisher import Publisher
from tests.posture.controls.world import NOW, key, key_arn, made, volume
from tests.posture.models import FAULTS, KEYS, VOLUMES, Feed, fed, of, worlds
from tests.posture.test_model_laws import WORDS
from tui.data.replica import Replica
from tui.data.row_filter import sieve

PAIRS = [f"{first} {second}" for first in WORDS[::3] for second in WORDS[1::4]]
QUERIES = ["", *WORDS, *(f"-{word}" for word in WORDS), *PAIRS]


def viewer_of(model: Model) -> Replica:
    viewer = Replica()
    viewer.apply(Hello("test", tuple(model.policies), False, NOW))
    everything = Change(
        {held.resource.id for held in model.all()}, set(), set(model.sources), set(), set(model.rollups)
    )
    for frame in Publisher(model).frames(everything):
        viewer.apply(frame)
    return viewer


def in_the_list(query: str, viewer: Replica) -> set[str]:
    through = sieve(parse(query), viewer)
    rows = [row for table in viewer.tables.values() for row in table.rows.values()]
    return {row.id for row in (rows if through is None else through(rows))}


def in_the_export(query: str, model: Model) -> set[str]:
    return {held.resource.id for held in model.all() if is_listed(held.resource) and matches(parse(query), held)}


@settings(max_examples=25, deadline=None)
@given(world=worlds(), faults=FAULTS)
def test_every_filter_selects_the_same_in_the_list_and_in_the_export(
    world: dict[str, list[Resource]], faults: dict[str, Fault]
) -> None:
    model = fed(world, faults).model
    viewer = viewer_of(model)
    for query in QUERIES:
        assert in_the_list(query, viewer) == in_the_export(query, model), query


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("control:aws.ebs.volume-encrypted", {"vol-1", "vol-2"}),  # who is judged by it, satisfied or not
        ("-control:aws.ebs.volume-encrypted", {"k-1", "alone", users_id("acme"), users_id("beta")}),
        ("control:aws.ebs.volume-encrypted status:fail", {"vol-2"}),
        ('"Encrypted is false"', {"vol-2"}),
        ("volume-encrypted", {"vol-2"}),  # free text finds the controls that are not satisfied
        ("severity:info", {"alone"}),
        ("key:unknown", set()),  # what is not encrypted at all has no class
        ("key:none", {"vol-2"}),
        ("tenant:beta", {"k-1", users_id("beta")}),
    ],
)
def test_the_cases_in_which_they_once_differed(query: str, found: set[str]) -> None:
    alone = made("alone", "workload", "aws.other.thing")
    shared_key: Any = of("acme+beta", key(KeyRotationEnabled=True))
    feed = (
        Feed(VOLUMES, KEYS).poll(KEYS, shared_key).poll(VOLUMES, volume("vol-1", key=key_arn()), volume("vol-2"), alone)
    )
    ids = {"k-1": key_arn(), **{name: volume(name).id for name in ("vol-1", "vol-2")}}
    expected = {ids.get(name, name) for name in found}
    assert in_the_export(query, feed.model) == in_the_list(query, viewer_of(feed.model)) == expected
    assert {entry.id for entry in take(feed.model, feed.now, "1", query=query).resources} == expected
