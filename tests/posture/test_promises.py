"""The sentences, rolled up: the rules of their statuses, the law that following a model gives what starting anew gives,
and the cases in which a careless roll-up would be green.
"""

from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.changes import Change
from posture.controls.claims import Claim
from posture.controls.registry import claims, registry
from posture.fault import Fault, FaultKind
from posture.frozen import frozen
from posture.model import Model
from posture.policy import Policy
from posture.promise_words import verdict
from posture.promises import Because, Promise, Promises, _status
from posture.resource import Resource
from posture.snapshot import take
from posture.source import Source
from posture.verdict import Status
from tests.posture.controls.world import NOW, bucket, denied, key, key_arn, refused, volume
from tests.posture.models import BUCKETS, CADENCES, FAULTS, KEYS, MORE, REGION, VOLUMES, Feed, fed, of, worlds

PASS, WARN, FAIL, UNKNOWN, NA = Status.PASS, Status.WARN, Status.FAIL, Status.UNKNOWN, Status.NOT_APPLICABLE
QUANTIFIED = {"S04": "all", "S17": "every", "S24": "all", "S26": "all", "S28": "all", "S30": "always", "S32": "any"}
AWS_ONLY = {"acme": Policy()}


def stands(model: Model, sentence: str, tenant: str = "acme", *, whole: bool = True) -> Promise:
    return next(one for one in Promises.of(model, whole=whole).of_tenant(tenant) if one.sentence == sentence)


def good() -> Feed:
    """A tenant on AWS of which every volume is as promised, and every source has answered."""
    feed = Feed(VOLUMES, KEYS, policies=AWS_ONLY)
    return feed.poll(KEYS, key(manager="AWS")).poll(VOLUMES, volume("vol-1", key=key_arn()))


# ---------------------------------------------------------------- the data


def test_every_sentence_has_its_data_and_every_system_a_name() -> None:
    known = claims()
    assert list(known.sentences) == sorted(registry().sentences)
    assert {claim.text for claim in known.sentences.values()} == set(registry().sentences.values())
    assert {system for claim in known.sentences.values() for system in claim.systems} <= known.names.keys()
    assert QUANTIFIED.items() <= {name: claim.quantifier for name, claim in known.sentences.items()}.items()


def test_controls_are_of_systems_that_the_data_names() -> None:
    known = claims()
    named = known.names.keys() | {"meta", "doc", *known.controls.values()}
    assert {control.id.partition(".")[0] for control in registry()} <= named


# ---------------------------------------------------------------- the status


def decided(claim: Claim, **more: Any) -> tuple[Status, Because]:
    plain = {"condition": NA, "asks": False, "asked": True, "seen": True, "silent": False, "whole": True}
    return _status(claim, **{**plain, **more})


@pytest.mark.parametrize("everywhere", [True, False])
def test_no_status_hides_a_worse_one_and_only_evidence_makes_a_pass(everywhere: bool) -> None:
    claim = Claim(everywhere=everywhere)
    flags = product(Status, Status, *[(True, False)] * 5)
    for evidence, condition, asks, asked, seen, silent, whole in flags:
        case: dict[str, Any] = {
            "evidence": evidence,
            "condition": condition,
            "asks": asks,
            "asked": asked,
            "seen": seen or evidence is not NA,
            "silent": silent,
            "whole": whole,
        }
        status, _ = _status(claim, **case)
        assert (status is FAIL) >= (evidence is FAIL), case
        assert status in (FAIL, UNKNOWN) if evidence is UNKNOWN else True, case
        if status is PASS:
            assert evidence is PASS, case
            assert whole, case
            assert not silent, case
            assert condition >= PASS, case
        if status is NA:
            assert evidence is NA or not asked, case
            assert whole, case
        if status in (WARN, PASS) and everywhere:
            assert asked, case


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ({"evidence": PASS}, (PASS, Because.EVIDENCE)),
        ({"evidence": PASS, "silent": True}, (UNKNOWN, Because.SILENT)),
        ({"evidence": WARN, "silent": True}, (UNKNOWN, Because.SILENT)),
        ({"evidence": FAIL, "silent": True}, (FAIL, Because.EVIDENCE)),
        ({"evidence": PASS, "condition": WARN}, (WARN, Because.CONDITION)),
        ({"evidence": PASS, "condition": FAIL}, (FAIL, Because.CONDITION)),
        ({"evidence": PASS, "whole": False}, (UNKNOWN, Because.PART)),
        ({"evidence": FAIL, "whole": False}, (FAIL, Because.EVIDENCE)),
        ({"evidence": NA}, (NA, Because.EVIDENCE)),
        ({"evidence": NA, "seen": False}, (NA, Because.NOTHING)),
        ({"evidence": NA, "seen": False, "asked": False}, (NA, Because.NOT_ASKED)),
        ({"evidence": NA, "seen": False, "condition": UNKNOWN}, (UNKNOWN, Because.CONDITION)),
        ({"evidence": NA, "seen": False, "condition": WARN}, (NA, Because.NOTHING)),
        ({"evidence": NA, "seen": False, "condition": WARN, "asks": True}, (WARN, Because.CONDITION)),
    ],
)
def test_what_decides(case: dict[str, Any], expected: tuple[Status, Because]) -> None:
    assert decided(Claim(), **case) == expected


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ({"evidence": PASS, "asked": False}, (UNKNOWN, Because.NOT_ASKED)),
        ({"evidence": NA, "seen": False}, (UNKNOWN, Because.NOTHING)),
        ({"evidence": FAIL, "asked": False}, (FAIL, Because.EVIDENCE)),
    ],
)
def test_what_is_promised_to_everybody_is_unknown_where_nobody_looks(
    case: dict[str, Any], expected: tuple[Status, Because]
) -> None:
    assert decided(Claim(everywhere=True), **case) == expected


# ---------------------------------------------------------------- cases


def test_a_sentence_passes_where_all_was_asked_and_all_is_as_promised() -> None:
    promise = stands(good().model, "S25")
    assert (promise.status, promise.findings[PASS], promise.resources[PASS]) == (PASS, 1, 1)
    assert stands(good().model, "S04").status is PASS
    assert stands(good().model, "S24").status is PASS


@pytest.mark.parametrize("silent", [REGION, BUCKETS])
def test_a_sentence_that_says_all_never_passes_with_a_source_that_has_not_answered(silent: str) -> None:
    feed = good()
    _, provider, scope, *rest = silent.split("/")
    feed.model.add_source(Source(silent, "acme", provider, scope, rest[-1], CADENCES[silent]))
    feed.model.settle()
    for sentence in QUANTIFIED:
        assert stands(feed.model, sentence).status not in (PASS, WARN)
    feed.poll(silent, fault=Fault(FaultKind.DENIED, "AccessDenied", "x:Unheard", "no"))
    assert stands(feed.model, "S04").status is UNKNOWN
    assert stands(feed.model, "S25").status is UNKNOWN, (
        "no control reads x:Unheard, so that it may hide anything on AWS"
    )
    feed.poll(silent)
    assert stands(feed.model, "S04").status is PASS


@settings(max_examples=25, deadline=None)
@given(world=worlds(), faults=FAULTS)
def test_all_is_never_a_pass_while_the_inventory_is_not_covered(
    world: dict[str, list[Resource]], faults: dict[str, Fault]
) -> None:
    model = fed(world, faults).model
    made = Promises.of(model)
    for tenant in made.tenants():
        entry = model.entry(f"enctop://{tenant}")
        covered = entry is not None and entry.findings["meta.inventory.coverage"].status is PASS
        for one in made.of_tenant(tenant):
            if one.sentence in QUANTIFIED and one.status is PASS:
                assert covered, (tenant, one)


def test_a_refused_listing_hides_what_it_would_have_named() -> None:
    feed = good().poll(VOLUMES, fault=denied("ec2:DescribeVolumes"))
    promise = stands(feed.model, "S25")
    assert (promise.status, promise.because) == (UNKNOWN, Because.SILENT)
    assert [(one.system, one.service, one.operation) for one in promise.silent] == [
        ("aws", "ebs", "ec2:DescribeVolumes")
    ]
    assert stands(feed.model, "S16").status is NA, "volumes say nothing of buckets"


def test_one_refused_read_is_told_by_its_own_finding_and_hides_nothing_else() -> None:
    feed = Feed(BUCKETS, policies=AWS_ONLY)
    part = denied("s3:GetBucketEncryption")
    feed.poll(BUCKETS, refused(bucket("AES256"), "s3:GetBucketEncryption"), part=part)
    promise = stands(feed.model, "S03")
    assert (promise.status, promise.because) == (UNKNOWN, Because.EVIDENCE)
    assert {(one.kind, one.operation) for one in promise.refusals} == {("denied", "s3:GetBucketEncryption")}
    assert promise.silent == ()


def test_a_tenant_without_azure_has_nothing_that_azure_sentences_speak_of() -> None:
    promise = stands(good().model, "S26")
    assert (promise.status, promise.because) == (NA, Because.NOT_ASKED)
    assert verdict(promise, claims()) == "does not apply: no Azure is configured here"


@pytest.mark.parametrize("sentence", ["S05", "S06", "S07", "S10", "S30", "S32"])
def test_a_tenant_without_vault_clusters_and_endpoints_is_unknown_there(sentence: str) -> None:
    promise = stands(good().model, sentence)
    assert (promise.status, promise.because) == (UNKNOWN, Because.NOT_ASKED)
    assert verdict(promise, claims()).startswith("not known: no ")


def test_controls_of_enctop_itself_are_no_evidence() -> None:
    feed = Feed(BUCKETS, policies=AWS_ONLY).poll(BUCKETS)
    assert stands(feed.model, "S02").status is NA, "the inventory is covered, and there is no bucket"
    assert sum(stands(feed.model, "S02").findings) == 0


def test_an_exception_is_a_warning_with_its_end_and_touches_no_unknown() -> None:
    feed = Feed(VOLUMES, KEYS).poll(KEYS).poll(VOLUMES, volume("vol-1"))  # of the policy that excepts vol-1
    promise = stands(feed.model, "S25")
    assert (promise.status, promise.exceptions) == (WARN, (("2026-11-23", 1),))
    assert verdict(promise, claims()) == "holds, but for 1 agreed exception"
    feed.poll(VOLUMES, volume("vol-1"), volume("vol-2"))
    assert stands(feed.model, "S25").status is FAIL
    feed.poll(VOLUMES, volume("vol-1"), refused(volume("vol-2"), "ec2:DescribeVolumes"))
    assert stands(feed.model, "S25").status is UNKNOWN


def test_what_tenants_share_counts_for_each() -> None:
    shared = of("acme+beta", volume("vol-9", key=key_arn()))
    feed = Feed(VOLUMES, MORE, policies={"acme": Policy(), "beta": Policy()}).poll(VOLUMES).poll(MORE, shared)
    assert stands(feed.model, "S25", "acme").findings == stands(feed.model, "S25", "beta").findings == (0, 0, 0, 1, 0)


def test_attested_evidence_is_counted_apart() -> None:
    snapshot = take(good().model, NOW, "1")
    for finding in snapshot.findings:
        finding.evidence_class = "attested"
    promise = stands(frozen(snapshot), "S04")
    assert (promise.status, promise.evidence[0], promise.evidence[2]) == (PASS, 0, 0)
    assert verdict(promise, claims()).startswith("holds, in part on the provider's or a person's word: ")
    assert promise.evidence[1] == promise.findings[PASS]


def test_an_operation_that_no_control_declares_is_not_told_for_it_may_hold_names() -> None:
    fault = Fault(FaultKind.DENIED, "denied", "GET secret/customer-of-ours", "no")
    feed = good().poll(VOLUMES, fault=fault)
    promise = stands(feed.model, "S25")
    assert promise.status is UNKNOWN
    assert "customer-of-ours" not in str(promise)


def test_of_a_snapshot_through_a_filter_nothing_passes() -> None:
    snapshot = take(good().model, NOW, "1", query="kind:volume")
    promises = Promises.of(frozen(snapshot), whole=False).of_tenant("acme")
    assert {promise.status for promise in promises} <= {FAIL, UNKNOWN}
    assert "only a part" in verdict(promises[0], claims())


# ---------------------------------------------------------------- laws


def told(made: Promises) -> dict[str, tuple[Promise, ...]]:
    return {tenant: made.of_tenant(tenant) for tenant in made.tenants()}


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(worlds(), FAULTS, st.sampled_from([0.0, 30.0, 400.0])), min_size=1, max_size=3))
def test_following_a_model_gives_what_starting_anew_gives(steps: list[Any]) -> None:
    feed = Feed(*CADENCES)
    followed = Promises(feed.model)
    before: dict[str, tuple[Promise, ...]] = {}
    for world, faults, wait in steps:
        for name, resources in world.items():
            feed.poll(name, *resources, fault=faults.get(name))
            followed.follow(feed.model.drain())
        feed.wait(wait)
        followed.follow(feed.model.drain())
        moved, now = followed.moved(), told(followed)
        assert now == told(Promises.of(feed.model))
        assert {tenant for tenant in now if now[tenant] != before.get(tenant)} <= moved
        before = now
    for name in CADENCES:
        feed.model.drop_source(name, feed.now)
    followed.follow(feed.model.drain())
    assert told(followed) == told(Promises.of(feed.model))


@settings(max_examples=15, deadline=None)
@given(world=worlds(), faults=FAULTS)
def test_a_snapshot_says_what_the_model_said(world: dict[str, list[Resource]], faults: dict[str, Fault]) -> None:
    feed = fed(world, faults)
    snapshot = take(feed.model, feed.now, "1")
    assert told(Promises.of(frozen(snapshot))) == told(Promises.of(feed.model))


def test_counts_of_what_is_gone_are_gone_too() -> None:
    feed = good()
    followed = Promises.of(feed.model)
    feed.model.moved()
    for _ in range(3):
        feed.poll(VOLUMES, listed=["aws.ebs.volume"])
        followed.follow(feed.model.drain())
        feed.poll(VOLUMES, volume("vol-1"))
        followed.follow(feed.model.drain())
    assert all(
        many > 0 for counts in followed._counts.values() for many in (*counts.shares.values(), *counts.sources.values())
    )
    assert not followed._held.keys() - {entry.resource.id for entry in feed.model.all()}


def test_a_change_of_nothing_moves_nothing() -> None:
    feed = good()
    followed = Promises.of(feed.model)
    followed.moved()
    followed.follow(
        Change(resources={entry.resource.id for entry in feed.model.all()}, sources=set(feed.model.sources))
    )
    assert followed.moved() == set()
    assert msgspec.json.encode(followed.of_tenant("acme")) == msgspec.json.encode(followed.of_tenant("acme"))
