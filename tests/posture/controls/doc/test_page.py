"""The security page's own wording, and what the claim of good practice stands on."""

import datetime

import pytest

from posture.controls.registry import registry
from posture.model import Model
from posture.policy import Attestation, Policy
from posture.reports import Batch
from posture.rollup import Rollup
from posture.source import Source, State
from posture.verdict import EvidenceClass, Status
from tests.posture.controls.world import NOW, World, source, tenant, volume


def azure() -> Source:
    return Source("acme/azure/1/disks", "acme", "azure", "1", "disks", 60.0, State.OK, NOW)


def test_the_fips_wording_is_worth_a_look_where_there_is_azure_until_somebody_says_it_was_mended() -> None:
    assert World().ask("doc.claim.fips", tenant()).status is Status.NOT_APPLICABLE
    assert World(asked=[azure()]).ask("doc.claim.fips", tenant()).status is Status.WARN
    said = Attestation("doc.claim.fips", "the page cites 140-3 certificates", "j.doe", datetime.date(2027, 6, 30))
    verdict = World(asked=[azure()], policy=Policy(attestation=(said,))).ask("doc.claim.fips", tenant())
    assert (verdict.status, verdict.evidence_class) == (Status.PASS, EvidenceClass.ATTESTED)


OK = source(state=State.OK, last_success=NOW)
SILENT = source(state=State.UNREACHABLE)


@pytest.mark.parametrize(
    ("resources", "failed", "asked", "status"),
    [
        ([0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [OK], "unknown"),
        ([0, 0, 0, 0, 9], [0, 0, 0, 0, 0], [OK], "unknown"),
        ([0, 0, 3, 1, 9], [0, 0, 0, 0, 0], [OK], "pass"),
        ([0, 0, 3, 1, 9], [0, 0, 0, 0, 0], [OK, SILENT], "warn"),
        ([0, 1, 0, 1, 0], [0, 0, 0, 0, 0], [OK], "warn"),
        ([1, 0, 0, 1, 0], [0, 1, 0, 0, 0], [OK], "warn"),
        ([1, 0, 0, 1, 0], [0, 0, 1, 0, 0], [OK], "warn"),
        ([1, 0, 0, 1, 0], [1, 0, 0, 0, 0], [OK], "fail"),
    ],
)
def test_good_practice_is_what_everything_is_judged_by(
    resources: list[int], failed: list[int], asked: list[Source], status: str
) -> None:
    world = World(asked=asked, counts=Rollup(resources=resources, failed=failed))
    assert world.ask("doc.standards", tenant()).status.word == status


def test_a_tenants_standing_follows_its_resources_as_they_come_change_and_go() -> None:
    model = Model(registry(), {"acme": Policy()}, NOW)
    model.add_source(Source("s", "acme", "aws", "1", "ebs", 60.0))
    standing = "doc.standards"

    def now(*resources: object) -> str:
        model.begin("s", NOW)
        model.apply("s", Batch(resources), NOW)  # type: ignore[arg-type]
        model.finish("s", NOW, fault=None, calls=1, seconds=0.1, next_due=None)
        model.settle()
        entry = model.entry("enctop://acme")
        assert entry is not None
        return entry.findings[standing].status.word

    assert now() == "unknown"
    assert now(volume("vol-1", encrypted=False)) == "fail"
    assert now(volume("vol-1", encrypted=True)) in {"pass", "warn"}
    assert sum(model.rollups["acme"].failed) == 0
