"""The registry against the catalogue: no control of it is forgotten, and no sentence of the page is without one."""

from pathlib import Path

import msgspec
import pytest

from posture.controls.registry import Control, registry
from posture.verdict import EvidenceClass


class Catalogue(msgspec.Struct, forbid_unknown_fields=True, rename="kebab"):
    """Control -> sentences; controls that are missing -> why; sentences of which a part is not observed -> which."""

    controls: dict[str, tuple[str, ...]]
    missing: dict[str, str]
    in_part: dict[str, str]


CATALOGUE = msgspec.toml.decode(Path(__file__).with_name("catalogue.toml").read_bytes(), type=Catalogue)
LIVE = frozenset({EvidenceClass.OBSERVED, EvidenceClass.INFERRED})


def test_the_catalogue_is_whole() -> None:
    assert len(CATALOGUE.controls) == 111
    assert {sentence for verified in CATALOGUE.controls.values() for sentence in verified} == set(registry().sentences)


def test_every_control_of_the_catalogue_is_there_or_said_to_be_missing_with_the_reason() -> None:
    there = {control.id for control in registry()}
    assert CATALOGUE.controls.keys() - there == CATALOGUE.missing.keys()
    assert all(reason.strip() for reason in CATALOGUE.missing.values())


@pytest.mark.parametrize(
    "control", [one for one in registry() if one.id in CATALOGUE.controls], ids=lambda control: control.id
)
def test_a_control_verifies_the_sentences_that_the_catalogue_says(control: Control) -> None:
    assert set(control.verifies) == set(CATALOGUE.controls[control.id])


@pytest.mark.parametrize("sentence", sorted(registry().sentences))
def test_every_sentence_has_a_live_control_and_what_is_only_attested_of_it_is_told(sentence: str) -> None:
    verifying = [control for control in registry() if sentence in control.verifies]
    assert verifying
    assert any(control.evidence_class in LIVE for control in verifying) or sentence in CATALOGUE.in_part
    attested = [control for control in verifying if control.evidence_class is EvidenceClass.ATTESTED]
    assert not attested or sentence in CATALOGUE.in_part
