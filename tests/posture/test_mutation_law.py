"""The law of PASS: an answer that is not as its API documents it supports none. Held over every control there is, by changing each field that it reads.

A change that may leave the PASS standing is declared in `immaterial/<system>.toml`, with the reason; see `declared`.
"""

from functools import cache
from pathlib import Path

import msgspec
import pytest

from posture.controls.registry import Control, registry
from posture.verdict import Status
from tests.posture.mutants import Mutant, mutants
from tests.posture.scenes import scenes

HERE = Path(__file__).parent / "immaterial"


class Declared(msgspec.Struct, forbid_unknown_fields=True):
    """A field of which these changes (all, where none is named) take no PASS away, and why."""

    because: str
    only: tuple[str, ...] = ()


@cache
def declared() -> dict[str, dict[str, Declared]]:
    """Control -> where -> what is declared. Where: the resource's type (`->type` of one that it looks at), a space, the path with `#` for a number.

    `"" = {because = ...}` alone says of a control that no resource here can be a PASS.
    """
    found: dict[str, dict[str, Declared]] = {}
    for file in sorted(HERE.glob("*.toml")):
        found |= msgspec.toml.decode(file.read_bytes(), type=dict[str, dict[str, Declared]])
    return found


@cache
def _judged(control_id: str) -> tuple[dict[str, set[str]], list[str], int]:
    """Where and which changes leave a PASS, what raised, and how many mutants there were."""
    survivors: dict[str, set[str]] = {}
    raised: list[str] = []
    count = 0
    control = registry().get(control_id)
    assert control is not None
    for scene in scenes(control):
        for mutant in mutants(scene):
            count += 1
            try:
                verdict = control.judge(mutant.scene.resource, mutant.scene.world)
            except Exception as error:  # noqa: BLE001 - whatever it is, it would take the verdict away
                raised.append(f"{_where(mutant)} {mutant.change}: {type(error).__name__}: {error}")
                continue
            if verdict.status is Status.PASS:
                survivors.setdefault(_where(mutant), set()).add(mutant.change)
    return survivors, raised, count


def _where(mutant: Mutant) -> str:
    looked_at = next((f"->{other.type}" for other in mutant.scene.world.seen if other.id == mutant.whose), mutant.scene.resource.type)
    return f"{looked_at} {'.'.join('#' if isinstance(step, int) else step for step in mutant.path)}"


@pytest.mark.parametrize("control", list(registry()), ids=lambda control: control.id)
def test_a_field_that_is_missing_or_strange_never_supports_a_pass(control: Control) -> None:
    survivors, _, _ = _judged(control.id)
    allowed = declared().get(control.id, {})
    undeclared = {
        where: sorted(changes - set(rule.only) if rule.only else ())
        for where, changes in survivors.items()
        if (rule := allowed.get(where, Declared("", ("undeclared",)))).only
    }
    assert not {where: changes for where, changes in undeclared.items() if changes}


@pytest.mark.parametrize("control", list(registry()), ids=lambda control: control.id)
def test_no_field_that_is_missing_or_strange_makes_a_control_raise(control: Control) -> None:
    _, raised, _ = _judged(control.id)
    assert not raised


@pytest.mark.parametrize("control", list(registry()), ids=lambda control: control.id)
def test_every_control_passes_something_here_so_that_the_law_speaks_of_it(control: Control) -> None:
    assert scenes(control) or "" in declared().get(control.id, {})


@pytest.mark.parametrize("control_id", sorted(declared()))
def test_what_is_declared_immaterial_is_still_read_and_has_a_reason(control_id: str) -> None:
    survivors, _, _ = _judged(control_id)
    for where, rule in declared()[control_id].items():
        assert rule.because
        if where:
            assert where in survivors, f"{where}: no change leaves the PASS standing any more"
            assert set(rule.only) <= survivors[where], f"{where}: {sorted(set(rule.only) - survivors[where])} take the PASS away"


def test_the_law_is_held_against_thousands_of_mutants() -> None:
    assert sum(_judged(control.id)[2] for control in registry()) > 15_000
