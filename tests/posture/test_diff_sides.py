"""What of two snapshots is compared: filters, tenants and versions that differ, and what it costs."""

from collections.abc import Callable
from time import process_time
from typing import Any

import pytest

from posture.diff import diff, new_fails, reached
from posture.diff_entries import Diff
from posture.fault import SnapshotError
from posture.resource import KeyClass
from posture.snapshot import Snapshot, decoded, to_json
from posture.verdict import StatusWord
from tests.posture.snapshots import CONTROL, EBS, LATER, encryption, finding, resource, snapshot, source

BUCKET = resource("b-1", kind="bucket")


def left_out(made: Diff) -> list[tuple[str, str, str, int, int, int]]:
    return [(one.why, one.name, one.only, one.resources, one.findings, one.fails) for one in made.left_out]


def test_another_filter_is_no_change() -> None:
    both = [resource(), BUCKET], [finding("pass"), finding("fail", "b-1")]
    part = snapshot([resource()], [finding("pass")], query="kind:volume")
    assert left_out(diff(snapshot(*both), part)) == [("filter", "kind:volume", "old", 1, 1, 1)]
    made = diff(part, snapshot(*both))
    assert (made.changes, left_out(made)) == (0, [("filter", "kind:volume", "new", 1, 1, 1)])
    assert reached(made, "new-fail") == 0
    assert [one.resource for one in new_fails(part, snapshot(*both))] == ["b-1"], "which the baseline does not have"


@pytest.mark.parametrize(
    ("query", "status", "expected"),
    [
        ("kind:volume", "fail", "added"),
        ("status:fail", "fail", "entered"),
        ("tenant:acme", "pass", "entered"),
        ("status:fail", "pass", None),
        ("", "pass", "added"),
    ],
)
def test_what_a_filter_for_what_may_change_did_not_find_may_be_there(
    query: str, status: StatusWord, expected: str | None
) -> None:
    here = [resource(status=status)], [finding(status)]
    old, new = snapshot(query=query or None), snapshot(*here)
    assert [one.what for one in diff(old, new).resources] == [expected] * bool(expected)
    turned = {"added": "gone", "entered": "left"}
    assert [one.what for one in diff(new, old).resources] == [turned.get(str(expected))] * bool(expected)
    assert all(one.direction == "other" for one in diff(new, old).verdicts)


def test_what_both_have_is_compared_though_a_filter_would_not_find_it_now() -> None:
    old = snapshot([resource(status="fail")], [finding("fail")], query="status:fail")
    new = snapshot([resource()], [finding("pass"), finding("warn", control="aws.ebs.other")])
    assert [one.direction for one in diff(old, new).verdicts] == ["worse", "better"]


def test_a_filter_for_controls_hides_the_others_of_a_resource() -> None:
    both = snapshot([resource()], [finding("pass"), finding("fail", control="aws.ebs.other")])
    part = snapshot([resource()], [finding("pass")], query=f"control:{CONTROL}")
    assert (diff(part, both).changes, diff(both, part).changes) == (0, 0)
    assert left_out(diff(part, both)) == [("filter", f"control:{CONTROL}", "new", 0, 1, 1)]


def test_a_filter_that_cannot_be_read_is_told() -> None:
    with pytest.raises(SnapshotError, match="OLD was taken through a filter that cannot be read"):
        diff(snapshot(query="nosuch:x"), snapshot())


def test_another_tenant_is_no_change() -> None:
    theirs = [resource(tenant="beta")], [finding("fail", tenant="beta")], [source(EBS, "ok", "beta")]
    alone = snapshot(tenants=["acme"], sources=[])
    made = diff(alone, snapshot(*theirs))
    assert (made.changes, left_out(made)) == (0, [("tenant", "beta", "new", 1, 1, 1)])
    shared = [resource(tenant="acme+beta")], [finding("fail", tenant="acme+beta")]
    assert [one.what for one in diff(snapshot(tenants=["acme"]), snapshot(*shared)).resources] == ["added"]


def test_a_control_that_one_version_does_not_know_is_listed_as_such() -> None:
    newer = [finding("pass"), finding("fail", control="aws.new")]
    old, new = snapshot([resource()], [finding("pass")]), snapshot([resource()], newer, version="2")
    assert (diff(old, new).changes, left_out(diff(old, new))) == (0, [("control", "aws.new", "new", 0, 1, 1)])
    assert left_out(diff(new, old)) == [("control", "aws.new", "old", 0, 1, 1)]
    same = snapshot([resource()], newer)
    assert diff(old, same).summary.verdicts.worse == 1, "of the same version every control is known"
    first = snapshot([resource(), BUCKET], [finding("pass"), finding("fail", "b-1", "aws.s3.x")], version="2")
    assert reached(diff(old, first), "new-fail") == 1, "OLD has no bucket to judge"


def test_a_resource_counts_where_it_passes_the_filter_in_either() -> None:
    old = snapshot([resource(status="pass"), resource("vol-2")], [finding("pass")])
    new = snapshot([resource(status="fail"), resource("vol-2")], [finding("fail")], at=LATER)
    for query in ("status:pass", "status:fail"):
        assert len(diff(old, new, query=query).verdicts) == 1
    assert not diff(old, new, query="status:warn").verdicts
    assert not diff(old, new, tenants=["beta"]).verdicts
    assert diff(old, new, tenants=["acme"]).filter is None


# ---------------------------------------------------------------- cost


def _many(number: int, change: Callable[[int], dict[str, Any]], status: StatusWord) -> Snapshot:
    resources = [resource(**{"id": f"/RG/Vol-{index}", **change(index)}) for index in range(number)]
    return snapshot(resources, [finding(status, one.id, control) for one in resources for control in "abc"])


@pytest.mark.parametrize(
    ("change", "status", "times"),
    [
        (lambda index: {}, "pass", 2),
        (lambda index: {"id": f"/rg/vol-{index}x", "aliases": [f"/RG/Vol-{index}"]}, "fail", 10),
        (lambda index: {"encryption": encryption(KeyClass.UNKNOWN), "tenant": "beta"}, "unknown", 10),
    ],
)
def test_a_diff_costs_little_beside_reading_the_two(
    change: Callable[[int], dict[str, Any]], status: StatusWord, times: int
) -> None:
    old, new = _many(1000, lambda index: {}, "pass"), _many(1000, change, status)
    bodies = [to_json(old), to_json(new)]
    reading = min(_seconds(lambda: [decoded(body) for body in bodies]) for _ in range(3))
    assert min(_seconds(lambda: diff(old, new)) for _ in range(3)) < times * reading


def _seconds(act: Callable[[], object]) -> float:
    begun = process_time()
    act()
    return process_time() - begun
