"""What changed between two snapshots: the laws, and what is told apart."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from posture.diff import diff, new_fails, reached, schema, to_json
from posture.diff_entries import Diff, Tally, VerdictChange
from posture.fault import Fault
from posture.resource import KeyClass, Resource
from posture.snapshot import FindingEntry, ResourceEntry, Snapshot, StateWord, take
from posture.verdict import StatusWord
from tests.posture.controls.world import NOW, volume
from tests.posture.models import ENCRYPTED, FAULTS, KEYS, VOLUMES, Feed, fed, worlds
from tests.posture.snapshots import (
    DENIED,
    EBS,
    EXCEPTED,
    LATER,
    PAIRS,
    SNAPSHOTS,
    encryption,
    finding,
    resource,
    snapshot,
    source,
)

VALIDATOR = Draft202012Validator(schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)
Verdicts = dict[tuple[str, str], str]
KMS = "acme/aws/1/kms"


def verdicts(one: Snapshot) -> Verdicts:
    return {(finding.resource, finding.control): finding.status for finding in one.findings}


def applied(made: Any, before: Verdicts) -> Verdicts:
    """What the JSON of a diff makes of OLD's verdicts."""
    moved = {one["before"]: one["id"] for one in made["resources"] if one["what"] == "moved"}
    after = {(moved.get(resource, resource), control): status for (resource, control), status in before.items()}
    for change in made["verdicts"]:
        key = change["resource"], change["control"]
        assert after.get(key) == change["from"]
        if change["to"] is None:
            del after[key]
        else:
            after[key] = change["to"]
    return after


def one(before: Sequence[FindingEntry], after: Sequence[FindingEntry], **more: Any) -> VerdictChange:
    """The only verdict that changed on one volume."""
    old = snapshot([resource()], before, more.pop("old", None))
    (change,) = diff(old, snapshot([resource()], after, more.pop("new", None), at=LATER)).verdicts
    return change


def what(made: Diff) -> list[tuple[str, str, str | None]]:
    return [(one.what, one.id, one.before) for one in made.resources]


# ---------------------------------------------------------------- laws


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(schema())


@settings(max_examples=150, deadline=None)
@given(pair=PAIRS)
def test_a_diff_applied_to_the_old_verdicts_gives_the_new(pair: tuple[Snapshot, Snapshot]) -> None:
    old, new = pair
    assert applied(json.loads(to_json(diff(old, new))), verdicts(old)) == verdicts(new)


@settings(max_examples=20, deadline=None)
@given(pair=PAIRS)
def test_the_json_is_as_its_schema_says(pair: tuple[Snapshot, Snapshot]) -> None:
    VALIDATOR.validate(json.loads(to_json(diff(*pair))))


@settings(max_examples=20, deadline=None)
@given(before=worlds(), after=worlds(), faults=FAULTS)
def test_so_it_does_of_two_worlds_as_the_model_judges_them(
    before: dict[str, list[Resource]], after: dict[str, list[Resource]], faults: dict[str, Fault]
) -> None:
    old, new = take(fed(before).model, NOW, "1"), take(fed(after, faults).model, NOW + 60, "1")
    made = diff(old, new)
    assert applied(json.loads(to_json(made)), verdicts(old)) == verdicts(new)
    states = {one.id: one.state for one in new.sources}
    named = {one.id: one for one in old.resources}
    for change in made.verdicts:
        if change.before is not None and change.after in {None, "unknown"} and change.resource in named:
            silent = states[named[change.resource].source] != "ok"
            assert not silent or change.direction == "not_seen"
    assert not [one for one in made.resources if one.what == "gone" and states[named[one.id].source] != "ok"]


@settings(max_examples=60, deadline=None)
@given(taken=SNAPSHOTS)
def test_of_a_snapshot_with_itself_nothing_changed(taken: Snapshot) -> None:
    made = diff(taken, taken)
    assert (made.changes, made.left_out, made.summary.tenants) == (0, [], {})
    assert not any(reached(made, fail_on) for fail_on in ("worse", "new-fail", "any"))
    assert not new_fails(taken, taken)


@settings(max_examples=100, deadline=None)
@given(pair=PAIRS)
def test_backwards_it_is_the_reverse(pair: tuple[Snapshot, Snapshot]) -> None:
    forth, back = diff(*pair), diff(*reversed(pair))
    reverse = {(one.id_before or one.resource, one.control): one for one in back.verdicts}
    assert len(forth.verdicts) == len(reverse)
    turned = {"added": "gone", "gone": "added"}
    for change in forth.verdicts:
        other = next(
            one
            for one in back.verdicts
            if (one.id_before or one.resource, one.control) == (change.resource, change.control)
        )
        assert (change.before, change.after) == (other.after, other.before)
        assert (change.direction == "not_seen") is (other.direction == "not_seen")
        assert change.direction != "better" or other.direction == "worse"
    assert sorted((turned.get(one.what, one.what), one.before or "") for one in forth.resources) == sorted(
        (one.what, "" if one.before is None else _there(one.what, one.id, one.name, one.tenant, pair[0], one.before))
        for one in back.resources
    )


def _there(what: str, id: str, name: str, tenant: str, old: Snapshot, before: str) -> str:
    """What the reverse of a change has for `before`: what it is called in the other direction's OLD."""
    return {"moved": id, "renamed": name, "reassigned": tenant}[what]


@settings(max_examples=60, deadline=None)
@given(pair=PAIRS)
def test_it_is_the_same_twice_and_whatever_the_order_of_the_file(pair: tuple[Snapshot, Snapshot]) -> None:
    turned = [
        msgspec.structs.replace(
            one, resources=one.resources[::-1], findings=one.findings[::-1], sources=one.sources[::-1]
        )
        for one in pair
    ]
    assert to_json(diff(*pair)) == to_json(diff(*pair)) == to_json(diff(*turned))


@settings(max_examples=60, deadline=None)
@given(pair=PAIRS)
def test_a_filter_and_its_negation_part_the_changes(pair: tuple[Snapshot, Snapshot]) -> None:
    whole = {(one.resource, one.control) for one in diff(*pair).verdicts}
    parts = [{(one.resource, one.control) for one in diff(*pair, query=query).verdicts} for query in QUERIES]
    assert parts[0] | parts[1] == whole
    assert parts[2] <= whole


QUERIES = ("kind:volume", "-kind:volume", "status:fail control:aws.*")


# ---------------------------------------------------------------- directions

N: StatusWord = "not_applicable"


@pytest.mark.parametrize(
    ("before", "after", "direction"),
    [
        ("pass", "fail", "worse"),
        ("unknown", "fail", "worse"),
        (N, "fail", "worse"),
        (None, "fail", "worse"),
        ("pass", "warn", "worse"),
        (None, "warn", "worse"),
        ("pass", "unknown", "worse"),
        ("warn", "unknown", "worse"),
        ("fail", "warn", "better"),
        ("fail", "pass", "better"),
        ("warn", "pass", "better"),
        ("fail", "unknown", "other"),
        ("unknown", "pass", "other"),
        ("unknown", "warn", "other"),
        ("fail", N, "other"),
        ("fail", None, "other"),
        (N, "pass", "other"),
        (None, "unknown", "other"),
        (None, "pass", "other"),
    ],
)
def test_what_is_known_no_more_is_never_better(
    before: StatusWord | None, after: StatusWord | None, direction: str
) -> None:
    change = one([finding(before)] if before else [], [finding(after)] if after else [])
    assert (change.before, change.after, change.direction) == (before, after, direction)


@pytest.mark.parametrize(
    ("before", "after", "sources", "unseen"),
    [
        ("fail", "unknown", ("ok", "denied"), ("new", EBS, "denied")),
        ("fail", "unknown", ("ok", "partial"), ("new", EBS, "partial")),
        ("unknown", "pass", ("unreachable", "ok"), ("old", EBS, "unreachable")),
        ("unknown", "fail", ("unreachable", "ok"), ("old", EBS, "unreachable")),
        ("fail", None, ("ok", "expired"), ("new", EBS, "expired")),
        (None, "pass", ("pending", "ok"), ("old", EBS, "pending")),
    ],
)
def test_a_source_that_did_not_answer_mends_nothing(
    before: StatusWord | None, after: StatusWord | None, sources: tuple[StateWord, StateWord], unseen: tuple[str, ...]
) -> None:
    change = one(
        [finding(before)] if before else [],
        [finding(after)] if after else [],
        old=[source(EBS, sources[0])],
        new=[source(EBS, sources[1])],
    )
    assert change.direction == "not_seen"
    assert change.unseen is not None
    assert (change.unseen.side, change.unseen.source, change.unseen.state) == unseen
    tally = Tally()
    tally.add(change)
    assert (tally.gained, tally.lost) == ({"fail": 1} if after == "fail" else {}, {})


def test_what_nobody_asks_about_any_more_is_not_seen() -> None:
    change = one([finding("fail")], [finding("unknown")], new=[])
    assert change.unseen is not None
    assert (change.unseen.source, change.unseen.state) == (EBS, None)


def test_what_a_silent_source_says_of_another_is_not_seen_either() -> None:
    """The key of a volume is the matter of another source; so is one read that was refused."""
    asked = [source(), source(KMS, "denied")]
    for more in ({"cause": KMS}, {"cause": "k-1"}):
        there = [resource(), resource("k-1", source=KMS)]
        old = snapshot(there, [finding("fail")], [source(), source(KMS)])
        new = snapshot(there, [finding("unknown", **more)], asked)
        (change,) = diff(old, new).verdicts
        assert change.unseen is not None
        assert (change.unseen.source, change.unseen.state) == (KMS, "denied")
    change = one([finding("fail")], [finding("unknown", fault=DENIED)])
    assert change.unseen is not None
    assert (change.direction, change.unseen.source, change.unseen.state) == ("not_seen", EBS, "denied")


STEP: tuple[StatusWord, StatusWord] = ("pass", "unknown")


def test_a_tenants_own_verdict_hangs_on_its_sources() -> None:
    old = snapshot([], [finding("pass", "enctop://acme", "meta.inventory.coverage")])
    new = snapshot([], [finding("unknown", "enctop://acme", "meta.inventory.coverage")], [source(EBS, "denied")])
    (change,) = diff(old, new).verdicts
    assert change.unseen is not None
    assert (change.direction, change.unseen.source) == ("not_seen", EBS)


def test_the_users_of_a_tenant_are_no_matter_of_a_source() -> None:
    users = resource("enctop://acme/users", kind="identity", source="enctop://acme/users", provider="enctop")
    asked = [source(EBS, "denied")]
    old, new = (snapshot([users], [finding(status, users.id, "app.x")], asked) for status in STEP)
    made = diff(old, new)
    (change,) = made.verdicts
    assert (change.direction, change.unseen) == ("worse", None)
    assert (made.summary.verdicts.gained, made.summary.verdicts.lost) == ({"unknown": 1}, {"pass": 1})
    assert what(diff(snapshot(), new)) == [("added", users.id, None)]


def test_resources_of_a_source_that_is_silent_or_not_asked_are_neither_gone_nor_added() -> None:
    here, empty = snapshot([resource()], [finding("fail")]), snapshot
    for sources, state in (([source(EBS, "denied")], "denied"), ([], None)):
        made = diff(here, empty(sources=sources))
        (lost,), (change,) = made.resources, made.verdicts
        assert (lost.what, change.direction, change.after) == ("not_seen", "not_seen", None)
        assert lost.unseen is not None
        assert (lost.unseen.side, lost.unseen.state) == ("new", state)
        back = diff(empty(sources=sources), here)
        assert [one.what for one in back.resources] == ["not_seen"]
        assert (reached(back, "worse"), reached(back, "new-fail")) == (1, 1), "a FAIL that OLD does not have is told"
        assert [(one.before, one.after) for one in made.sources] == [("ok", state)]
    assert what(diff(here, empty())) == [("gone", "vol-1", None)]
    assert what(diff(empty(), here)) == [("added", "vol-1", None)]


# ---------------------------------------------------------------- resources, keys, exceptions


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"name": "a"}, {"name": "b"}, [("renamed", "vol-1", "a")]),
        ({"tenant": "acme"}, {"tenant": "beta"}, [("reassigned", "vol-1", "acme")]),
        ({"id": "x", "name": "n"}, {"id": "y", "name": "n", "aliases": ["x"]}, [("moved", "y", "x")]),
        ({"id": "x", "name": "n", "aliases": ["y"]}, {"id": "y", "name": "n"}, [("moved", "y", "x")]),
        (
            {"id": "/RG/d", "name": "d", "aliases": ["/rg/d"]},
            {"id": "/rG/d", "name": "d", "aliases": ["/rg/d"]},
            [("moved", "/rG/d", "/RG/d")],
        ),
        ({"id": "x", "aliases": ["a"]}, {"id": "y", "aliases": ["a"]}, [("gone", "x", None), ("added", "y", None)]),
        ({"id": "V"}, {"id": "v"}, [("gone", "V", None), ("added", "v", None)]),
        ({"id": "V", "aliases": ["v"]}, {"id": "vV"}, [("gone", "V", None), ("added", "vV", None)]),
        ({"id": "VV", "aliases": ["vv"]}, {"id": "vV"}, [("gone", "VV", None), ("added", "vV", None)]),
        ({"id": "VV"}, {"id": "vV", "aliases": ["vv"]}, [("gone", "VV", None), ("added", "vV", None)]),
        ({"id": "x"}, {"id": "y", "aliases": ["x"], "type": "t"}, [("gone", "x", None), ("added", "y", None)]),
    ],
)
def test_the_same_resource_under_another_id_or_name(
    old: dict[str, Any], new: dict[str, Any], expected: list[tuple[str, str, str | None]]
) -> None:
    before, after = resource(**old), resource(**new)
    made = diff(
        snapshot([before], [finding("pass", before.id)]), snapshot([after], [finding("fail", after.id)], at=LATER)
    )
    assert what(made) == expected
    if expected[0][0] == "moved":
        (change,) = made.verdicts
        assert (change.id_before, change.resource, change.before, change.after) == (before.id, after.id, "pass", "fail")


def test_of_two_that_claim_the_same_id_neither_is_taken() -> None:
    old = snapshot([resource("x")])
    new = snapshot([resource("y", aliases=["x"]), resource("z", aliases=["x"])])
    assert what(diff(old, new)) == [("gone", "x", None), ("added", "y", None), ("added", "z", None)]
    both = {"aliases": ["w", "x"]}
    made = diff(snapshot([resource("w"), resource("x")]), snapshot([resource("y", **both), resource("z", **both)]))
    assert {one.what for one in made.resources} == {"added", "gone"}


def test_a_key_of_another_class_and_one_that_is_not_known_for_a_silent_source() -> None:
    old = resource(encryption=encryption(KeyClass.PROVIDER))
    (change,) = diff(snapshot([old]), snapshot([resource(encryption=encryption(KeyClass.CUSTOMER, "k"))])).encryption
    assert (change.before, change.after and change.after.key, change.unseen) == (old.encryption, "k", None)
    unknown = resource(encryption=encryption(KeyClass.UNKNOWN))
    refused = [finding("unknown", cause=KMS)]
    (change,) = diff(
        snapshot([old], [finding("unknown")]), snapshot([unknown], refused, [source(), source(KMS, "denied")])
    ).encryption
    assert change.unseen is not None
    assert change.unseen.source == KMS


def test_an_exception_mends_nothing_and_its_end_is_a_fail() -> None:
    excepted = finding("warn", exception=EXCEPTED)
    old, new = snapshot([resource()], [finding("fail")]), snapshot([resource()], [excepted])
    made, back = diff(old, new), diff(new, old)
    assert [(one.direction, one.after) for one in made.verdicts] == [("other", "warn")]
    assert [(one.what, one.after) for one in made.exceptions] == [("began", EXCEPTED)]
    assert [one.what for one in back.exceptions] == ["ended"]
    assert reached(back, "new-fail") == 1
    longer = msgspec.structs.replace(EXCEPTED, until="2028-01-31")
    made = diff(new, snapshot([resource()], [finding("warn", exception=longer)]))
    assert ([one.what for one in made.exceptions], made.verdicts) == (["changed"], [])
    dark = snapshot([resource()], [finding("unknown", fault=DENIED)])
    assert not diff(new, dark).exceptions, "nobody knows"
    assert not diff(dark, new).exceptions


# ---------------------------------------------------------------- worlds


def test_of_two_worlds_that_differ_in_one_verdict_it_says_that_one() -> None:
    feed = Feed(VOLUMES, KEYS).poll(KEYS).poll(VOLUMES, volume("vol-1"), volume("vol-2"))
    old = take(feed.model, feed.now, "1")
    feed.poll(VOLUMES, volume("vol-1", SnapshotId="snap-1"), volume("vol-2"), after=60)
    new = take(feed.model, feed.now, "1")
    assert diff(old, new).changes == 0, "times and attributes are no verdict"
    for entry in new.findings:
        if (entry.control, entry.resource) == (ENCRYPTED, volume("vol-2").id):
            entry.status, entry.reason = "pass", "Encrypted is true"
    (change,) = diff(old, new).verdicts
    assert (change.control, change.resource, change.direction) == (ENCRYPTED, volume("vol-2").id, "better")
    assert (change.reason_before, change.reason_after) == ("Encrypted is false", "Encrypted is true")


def test_a_resource_of_the_file_may_name_anything() -> None:
    """Ids that are equal, sources that are resources, causes that are nothing."""
    strange = [resource("a", source="a", aliases=["a"]), resource("a", source=""), ResourceEntry(**_empty())]
    findings = [finding("unknown", "a", cause="a"), finding("fail", ""), finding("fail", "nowhere")]
    made = diff(snapshot(strange, findings, [source("a", "denied")]), snapshot([], [], []))
    VALIDATOR.validate(json.loads(to_json(made)))


def _empty() -> dict[str, Any]:
    fields = msgspec.structs.asdict(resource(""))
    return {**fields, "name": "", "tenant": "", "source": "", "kind": ""}
