"""enctop about itself: coverage, freshness, permissions, exceptions."""

from datetime import date
from typing import Any

import pytest

from posture.clock import parse_rfc3339
from posture.fault import Fault, FaultKind
from posture.policy import ExceptionRule, Policy
from posture.source import Source, State
from posture.verdict import EvidenceClass, Status
from tests.posture.controls.world import DAY, NOW, World, denied, source, source_row, tenant

OK, DISABLED = source("acme/a", state=State.OK), source("acme/b", state=State.DISABLED)


@pytest.mark.parametrize(
    ("sources", "strays", "status", "reason"),
    [
        ([OK, DISABLED], 0, "pass", "every source answered, every resource has its tenant"),
        ([OK], 3, "warn", "3 resources carry no tenant's tag, or several tenants'"),
        ([OK, source("acme/c")], 0, "unknown", "1 of 2 sources unanswered, first acme/c: pending"),
        (
            [source("acme/d", state=State.DENIED), source("acme/c", state=State.PARTIAL)],
            3,
            "unknown",
            "2 of 2 sources unanswered, first acme/c: partial",
        ),
        ([], 0, "unknown", "no source is asked about this tenant"),
        ([source("other/a", tenant="other", state=State.OK)], 0, "unknown", "no source is asked about this tenant"),
    ],
)
def test_inventory_coverage(sources: list[Source], strays: int, status: str, reason: str) -> None:
    verdict = World(asked=sources, strays=strays).ask("meta.inventory.coverage", tenant())
    assert (verdict.status.word, verdict.reason) == (status, reason)


@pytest.mark.parametrize(
    ("age", "status", "wakes_in"),
    [
        (0, "pass", 120),
        (119, "pass", 1),
        (120, "warn", 240),
        (359, "warn", 1),
        (360, "unknown", None),
        (9999, "unknown", None),
    ],
)
def test_evidence_ages_from_fresh_to_dim_to_unknown(age: float, status: str, wakes_in: float | None) -> None:
    world = World(asked=[source(state=State.THROTTLED, last_success=NOW - age)])
    verdict = world.ask("meta.evidence.freshness", source_row())
    assert verdict.status.word == status
    assert verdict.valid_until == (None if wakes_in is None else NOW + wakes_in)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({}, "unknown"),
        ({"state": State.DENIED, "fault": denied("ec2:DescribeVolumes")}, "unknown"),
        ({"state": State.DISABLED, "last_success": NOW}, "not_applicable"),
    ],
)
def test_a_source_that_never_answered_is_not_fresh(more: dict[str, Any], status: str) -> None:
    verdict = World(asked=[source(**more)]).ask("meta.evidence.freshness", source_row())
    assert verdict.status.word == status
    assert verdict.fault == more.get("fault")


THROTTLED = Fault(FaultKind.THROTTLED, "RequestLimitExceeded", "ec2:DescribeVolumes")


@pytest.mark.parametrize(
    ("state", "fault", "status"),
    [
        (State.OK, None, "pass"),
        (State.DISABLED, None, "not_applicable"),
        (State.DENIED, denied("ec2:DescribeVolumes"), "warn"),
        (State.PARTIAL, denied("kms:DescribeKey"), "warn"),
        (State.PARTIAL, THROTTLED, "unknown"),
        (State.THROTTLED, THROTTLED, "unknown"),
        (State.UNREACHABLE, None, "unknown"),
        (State.PENDING, None, "unknown"),
    ],
)
def test_collector_permissions(state: State, fault: Fault | None, status: str) -> None:
    world = World(asked=[source(state=state, fault=fault)])
    assert world.ask("meta.collector.permissions", source_row()).status.word == status


def test_a_missing_permission_names_the_controls_that_go_blind() -> None:
    refusal = denied("ec2:DescribeSnapshots(RestorableByUserIds=all)", "ec2:DescribeSnapshots")
    verdict = World(asked=[source(state=State.PARTIAL, fault=refusal)]).ask("meta.collector.permissions", source_row())
    assert verdict.reason == "needs ec2:DescribeSnapshots; UNKNOWN without it: aws.ebs.kms-key-usable and 2 more"
    assert verdict.evidence["unknown"] == [
        "aws.ebs.kms-key-usable",
        "aws.ebs.snapshot-encrypted",
        "aws.ebs.snapshot-public",
    ]
    other = World(asked=[source(state=State.DENIED, fault=denied("xyz:Never"))]).ask(
        "meta.collector.permissions", source_row()
    )
    assert other.reason == "needs xyz:Never"


def test_allowed_calls_are_observed_and_excess_rights_only_inferred() -> None:
    verdict = World(asked=[OK, source(state=State.OK)]).ask("meta.collector.permissions", source_row())
    assert verdict.evidence_class is EvidenceClass.INFERRED
    assert "excess rights not probed" in verdict.reason


@pytest.mark.parametrize("control", ["meta.evidence.freshness", "meta.collector.permissions"])
def test_a_source_nobody_knows_is_unknown(control: str) -> None:
    assert World().ask(control, source_row()).status is Status.UNKNOWN


def rule(until: str, approved_by: str = "j.doe", control: str = "aws.ebs") -> ExceptionRule:
    return ExceptionRule(control, "*", date.fromisoformat(until), "why", approved_by)


@pytest.mark.parametrize(
    ("rules", "status", "reason", "turns"),
    [
        ((), "not_applicable", "the policy makes no exception", None),
        ((rule("2027-01-31"),), "pass", "every exception is approved and in date", "2027-01-18T00:00:00Z"),
        ((rule("2026-12-01"),), "warn", "exception for aws.ebs ends on 2026-12-01", "2026-12-02T00:00:00Z"),
        ((rule("2026-11-23"),), "warn", "exception for aws.ebs ends on 2026-11-23", "2026-11-24T00:00:00Z"),
        ((rule("2026-11-22"),), "fail", "exception for aws.ebs ended on 2026-11-22", None),
        ((rule("2027-01-31", ""),), "fail", "exception for aws.ebs names no approver", "2027-01-18T00:00:00Z"),
        (
            (rule("2027-01-31"), rule("2026-11-01", control="aws.s3")),
            "fail",
            "exception for aws.s3 ended on 2026-11-01",
            "2027-01-18T00:00:00Z",
        ),
    ],
)
def test_policy_exception(rules: tuple[ExceptionRule, ...], status: str, reason: str, turns: str | None) -> None:
    verdict = World(policy=Policy(exception=rules)).ask("meta.policy.exception", tenant())
    assert (verdict.status.word, verdict.reason) == (status, reason)
    assert verdict.valid_until == (parse_rfc3339(turns) if turns else None)


def test_an_exception_wakes_its_control_exactly_when_it_turns() -> None:
    policy = Policy(exception=(rule("2027-01-31"),))
    ends = parse_rfc3339("2027-02-01T00:00:00Z")
    for now, status in ((ends - 14 * DAY - 1, "pass"), (ends - 14 * DAY, "warn"), (ends - 1, "warn"), (ends, "fail")):
        assert World(policy=policy, now=now).ask("meta.policy.exception", tenant()).status.word == status
