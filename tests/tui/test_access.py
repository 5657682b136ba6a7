"""The Access view: those without a second factor first, a person's word marked, machines left out."""

import datetime
from dataclasses import dataclass
from typing import Any

import msgspec

from posture.controls.registry import registry
from posture.model import Model
from posture.policy import Attestation, Policy
from posture.reports import Batch
from posture.source import Source
from providers.collector.frames import Hello
from providers.collector.publisher import Publisher
from providers.demo.keycloak.world import SECOND
from providers.demo.keycloak.world import realm as made_realm
from tests.posture.controls.app.world import realm
from tests.posture.controls.vault.world import WHOLE
from tests.posture.controls.world import NOW
from tui.data.replica import Replica
from tui.views.access import VIEW, AccessView
from tui.widgets.columns import fit


@dataclass
class Shown:
    """A view on a model."""

    replica: Replica
    view: AccessView

    def rows(self) -> list[Any]:
        """In the view's order."""
        key = VIEW.columns[0].order(self.replica)
        return sorted(self.view.table().rows.values(), key=key)

    def cell(self, row: Any, title: str) -> str:
        """What stands in a column."""
        column = next(column for column in VIEW.columns if column.title == title)
        return column.cell(row, self.replica, NOW)[0]


def shown(*resources: Any, policies: dict[str, Policy]) -> Shown:
    """What the dashboard has of these resources."""
    model = Model(registry(), policies, NOW)
    for name in sorted({resource.source for resource in resources}):
        provider = name.split("/")[1]
        model.add_source(Source(name, "acme", provider, "1", "x", 60.0))
        model.begin(name, NOW)
        model.apply(name, Batch(tuple(one for one in resources if one.source == name)), NOW)
        model.finish(name, NOW, fault=None, calls=1, seconds=0.1, next_due=None)
    replica = Replica()
    replica.apply(Hello("test", tuple(policies), False, NOW))
    for frame in Publisher(model).frames(model.drain()):
        replica.apply(frame)
    return Shown(replica, AccessView(replica))


def of_source(resource: Any, **changed: Any) -> Any:
    """The resource as another source reported it."""
    return msgspec.structs.replace(resource, source=f"acme/{resource.provider}/x", **changed)


def word(control: str) -> Attestation:
    return Attestation(control, "it is so", "j.doe", datetime.date(2027, 11, 1))


def test_who_has_none_comes_first_and_a_persons_word_before_what_was_seen() -> None:
    without = made_realm("bare")
    without.step(SECOND)["requirement"] = "DISABLED"
    method = WHOLE["vault.auth.mount"]
    view = shown(
        of_source(realm(), id="keycloak://a", name="good"),
        of_source(realm(of=without), id="keycloak://b", name="bare"),
        of_source(method, id="vault://machines", name="machines", fields={**method.fields, "type": "approle"}),
        policies={
            "acme": Policy(),
            "other": Policy(attestation=(word("app.2fa.supported"),)),
            "third": Policy(),
        },
    )
    told = [(view.cell(row, "SECOND FACTOR"), row.name) for row in view.rows()]
    assert told == [
        ("✗ NO", "bare"),
        ("? unknown", "application users"),  # of the third, of whom nobody says anything
        ("~ attested", "application users"),
        ("✓ yes", "good"),
    ]
    assert {view.cell(row, "TYPE") for row in view.rows()} == {"realm", "application"}


def test_a_row_of_enctops_own_is_not_old() -> None:
    view = shown(policies={"acme": Policy()})
    (row,) = view.rows()
    assert row.id == "enctop://acme/users"
    assert not view.view._dim(row, NOW + 1e6)


def test_the_factor_and_the_name_are_the_last_columns_to_go() -> None:
    titles = [column.title for column, _ in fit(VIEW.columns, 60)]
    assert titles[:2] == ["SECOND FACTOR", "NAME"]
