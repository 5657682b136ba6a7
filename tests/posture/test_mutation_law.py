"""The law of PASS: an answer that is not as its API documents it supports none. Held over every control there is, by
changing each field that it reads.

A change that may leave the PASS standing is declared in `immaterial/<system>.toml`, with the reason; see `declared`. So
is a word that no API has, or a value of another type, that may make it a FAIL: a name that is compared with names that
were asked for.
"""

from functools import cache
from pathlib import Path

import msgspec
import pytest

from posture.controls.registry import Control, registry
from posture.verdict import Status
from tests.posture.mutants import Mutant, mutants
from tests.posture.scenes import scenes

STRANGE = {"'Qx-Unknown'", "7", "True"}
"""Changes that no API documents anywhere; nothing, null and the empty value of a type are what some answer where
there is none.
"""
HERE = Path(__file__).parent / "immaterial"


class Declared(msgspec.Struct, forbid_unknown_fields=True):
    """A field of which these changes (all, where none is named) take no PASS away, and why."""

    because: str
    only: tuple[str, ...] = ()


@cache
def declared() -> dict[str, dict[str, Declared]]:
    """Control -> where -> what is declared. Where: the resource's type (`->type` of one that it looks at), a space, the
    path with `#` for a number.

    `"" = {because = ...}` alone says of a control that no resource here can be a PASS. A where that begins with `FAIL `
    is one whose strange words may be a FAIL.
    """
    found: dict[str, dict[str, Declared]] = {}
    for file in sorted(HERE.glob("*.toml")):
        found |= msgspec.toml.decode(file.read_bytes(), type=dict[str, dict[str, Declared]])
    return found


class Judged(msgspec.Struct):
    """What became of a control's mutants: where and which changes leave a PASS, which strange values make a FAIL,
    what raised, and how many there were.
    """

    survivors: dict[str, set[str]] = msgspec.field(default_factory=dict)
    failures: dict[str, set[str]] = msgspec.field(default_factory=dict)
    raised: list[str] = msgspec.field(default_factory=list)
    count: int = 0


@cache
def _judged(control_id: str) -> Judged:
    control, judged = registry().get(control_id), Judged()
    assert control is not None
    for scene in scenes(control):
        for mutant in mutants(scene):
            judged.count += 1
            try:
                verdict = control.judge(mutant.scene.resource, mutant.scene.world)
            except Exception as error:  # noqa: BLE001 - whatever it is, it would take the verdict away
                judged.raised.append(f"{_where(mutant)} {mutant.change}: {type(error).__name__}: {error}")
                continue
            if verdict.status is Status.PASS:
                judged.survivors.setdefault(_where(mutant), set()).add(mutant.change)
            if verdict.status is Status.FAIL and mutant.change in STRANGE:
                judged.failures.setdefault(f"FAIL {_where(mutant)}", set()).add(mutant.change)
    return judged


def _where(mutant: Mutant) -> str:
    looked_at = next(
        (f"->{other.type}" for other in mutant.scene.world.seen if other.id == mutant.whose), mutant.scene.resource.type
    )
    return f"{looked_at} {'.'.join('#' if isinstance(step, int) else step for step in mutant.path)}"


@pytest.mark.parametrize("control", list(registry()), ids=lambda control: control.id)
def test_a_field_that_is_missing_or_strange_never_supports_a_pass(control: Control) -> None:
    assert not _undeclared(control.id, _judged(control.id).survivors)


@pytest.mark.parametrize("control", list(registry()), ids=lambda control: control.id)
def test_a_word_that_no_api_has_never_supports_a_fail(control: Control) -> None:
    assert not _undeclared(control.id, _judged(control.id).failures)


def _undeclared(control_id: str, found: dict[str, set[str]]) -> dict[str, list[str]]:
    allowed = declared().get(control_id, {})
    left = {
        where: changes - set(allowed[where].only or changes) if where in allowed else changes
        for where, changes in found.items()
    }
    return {where: sorted(changes) for where, changes in left.items() if changes}


@pytest.mark.parametrize("control", list(registry()), ids=lambda control: control.id)
def test_no_field_that_is_missing_or_strange_makes_a_control_raise(control: Control) -> None:
    assert not _judged(control.id).raised


@pytest.mark.parametrize("control", list(registry()), ids=lambda control: control.id)
def test_every_control_passes_something_here_so_that_the_law_speaks_of_it(control: Control) -> None:
    assert scenes(control) or "" in declared().get(control.id, {})


@pytest.mark.parametrize("control_id", sorted(declared()))
def test_what_is_declared_immaterial_is_still_read_and_has_a_reason(control_id: str) -> None:
    judged = _judged(control_id)
    left = judged.survivors | judged.failures
    for where, rule in declared()[control_id].items():
        assert rule.because
        if where:
            assert where in left, f"{where}: no change leaves it so any more"
            assert set(rule.only) <= left[where], f"{where}: {sorted(set(rule.only) - left[where])} do not leave it so"


def test_the_law_is_held_against_thousands_of_mutants() -> None:
    assert sum(_judged(control.id).count for control in registry()) > 15_000
