"""The model, rule by rule: what a report, a refusal, the time and a join do to what is held."""

import msgspec
import pytest

from posture.controls.registry import Control, Registry, registry
from posture.fault import Fault, FaultKind
from posture.links import Links
from posture.model import Model
from posture.policy import KeyMode, Policy, shared
from posture.reports import Batch, Complete
from posture.resource import KeyClass, Resource
from posture.rollup import UNASSIGNED
from posture.snapshot import take
from posture.source import Source, State, answered
from posture.verdict import Finding, Status, passed
from tests.posture.controls.world import HOME, NOW, denied, key, key_arn, made, refused, region, volume
from tests.posture.models import (
    ALIAS,
    BUCKETS,
    ENCRYPTED,
    EXCEPTED,
    GOOD,
    HOUR,
    KEYS,
    MORE,
    PLAIN,
    REGION,
    VOLUMES,
    Feed,
    of,
    refusal,
    source,
)

# ---------------------------------------------------------------- roll-ups


@pytest.mark.parametrize(
    ("volumes", "status"),
    [
        ([GOOD], Status.PASS),
        ([GOOD, PLAIN], Status.FAIL),
        ([GOOD, refused(volume("vol-u"), "ec2:DescribeVolumes")], Status.UNKNOWN),
        ([PLAIN, refused(volume("vol-u"), "ec2:DescribeVolumes")], Status.FAIL),
        ([], Status.NOT_APPLICABLE),
    ],
)
def test_a_tenant_is_as_bad_as_its_worst_and_without_resources_not_green(
    volumes: list[Resource], status: Status
) -> None:
    feed = Feed(VOLUMES, policies={"acme": Policy()}, controls=only(ENCRYPTED, "meta.inventory.coverage"))
    assert feed.poll(VOLUMES, *volumes).model.rollups["acme"].status is status


def only(*ids: str) -> Registry:
    return Registry([control for control in registry() if control.id in ids], registry().sentences)


def test_a_tenant_whose_every_volume_passes_is_not_green_while_another_source_is_silent() -> None:
    feed = Feed(VOLUMES, BUCKETS).poll(VOLUMES, GOOD)
    assert feed.finding(ENCRYPTED, GOOD).status is Status.PASS
    assert feed.model.rollups["acme"].status is Status.UNKNOWN
    assert not answered(feed.model.sources.values())


def test_no_source_at_all_is_not_a_complete_answer() -> None:
    assert not answered([])
    assert not take(Feed().model, NOW, "1").complete


def test_what_tenants_share_counts_for_each_and_what_is_nobodys_is_not_green_while_their_source_is_silent() -> None:
    shared_key = of("acme+beta", key(KeyState="Disabled"))
    feed = Feed(MORE).poll(MORE, shared_key, volume("vol-2", key=shared_key.id))
    assert feed.model.rollups["acme"].resources[Status.FAIL] == 2
    assert feed.model.rollups["beta"].resources[Status.FAIL] == 1
    stray = of(UNASSIGNED, volume("vol-2", key=key_arn("k-9")))
    silent = Feed(MORE, VOLUMES, controls=only(ENCRYPTED, "meta.evidence.freshness")).poll(VOLUMES, stray)
    assert silent.entry(stray).status is Status.PASS
    assert silent.model.rollups[UNASSIGNED].status is Status.UNKNOWN


def test_shared_resources_are_judged_by_what_holds_for_every_tenant() -> None:
    lax, strict = Policy(rotation_max_days=365, exception=(EXCEPTED,)), Policy(rotation_max_days=90, regulated=True)
    both = shared([lax, strict])
    assert (both.rotation_max_days, both.regulated, both.exception) == (90, True, ())
    assert shared([lax, lax]) == lax
    assert shared([Policy(required_keys=("a", "b")), Policy(), Policy(required_keys=("b",))]).required_keys == ("b",)
    assert not {"a", "b"} & set(shared([Policy(required_keys=("a",)), Policy(required_keys=("b",))]).required_keys)


def test_34_an_untagged_volume_in_a_shared_account_is_unassigned_and_both_tenants_are_told() -> None:
    stray = of(UNASSIGNED, PLAIN)
    feed = Feed(MORE, policies={"acme": Policy(), "beta": Policy(), "other": Policy()}).poll(MORE, stray)
    assert feed.model.rollups[UNASSIGNED].status is Status.FAIL
    assert [feed.model.unassigned(tenant) for tenant in ("acme", "beta", "other")] == [1, 1, 0]
    coverage = feed.finding("meta.inventory.coverage", "enctop://acme")
    assert (coverage.status, coverage.reason) == (Status.WARN, "1 resources carry no tenant's tag, or several tenants'")
    feed.poll(MORE, of("acme", stray))
    assert feed.model.unassigned("acme") == 0
    assert feed.finding("meta.inventory.coverage", "enctop://beta").status is Status.PASS
    assert feed.model.rollups[UNASSIGNED].resources == [0] * len(Status)


def test_a_volume_that_moves_to_another_tenant_leaves_the_first_ones_counts() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, PLAIN).poll(VOLUMES, of("beta", PLAIN))
    assert sum(feed.model.rollups["acme"].resources) == 0
    assert feed.model.rollups["beta"].resources[Status.FAIL] == 1
    assert feed.finding(ENCRYPTED, PLAIN).tenant == "beta"


# ---------------------------------------------------------------- listings


def test_a_finished_listing_removes_what_it_no_longer_names_and_only_of_its_types() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, GOOD, PLAIN, region())
    feed.poll(VOLUMES, GOOD, listed=("aws.ebs.volume",))
    assert feed.model.entry(PLAIN.id) is None
    assert feed.model.entry(region().id) is not None
    assert feed.model.drain().gone == {PLAIN.id}


@pytest.mark.parametrize("seen", [[], [GOOD]])
def test_a_failed_listing_keeps_what_it_did_not_name(seen: list[Resource]) -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, GOOD, PLAIN).poll(VOLUMES, *seen, fault=refusal(FaultKind.DENIED))
    assert feed.finding(ENCRYPTED, PLAIN).status is Status.FAIL
    assert feed.model.sources[VOLUMES].state is (State.PARTIAL if seen else State.DENIED)
    assert feed.model.sources[VOLUMES].resources == 2


def test_what_exists_but_could_not_be_read_again_stays_as_it_was_and_ages() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, GOOD, PLAIN)
    feed.poll(VOLUMES, GOOD, kept=[PLAIN], part=refusal(), after=200.0)
    assert feed.entry(PLAIN).observed_at == NOW
    assert feed.finding(ENCRYPTED, PLAIN).status is Status.FAIL
    feed.poll(VOLUMES, GOOD, kept=[PLAIN], part=refusal(), after=200.0)
    assert feed.finding(ENCRYPTED, PLAIN).status is Status.UNKNOWN
    assert feed.finding(ENCRYPTED, GOOD).status is Status.PASS


def test_what_exists_and_was_never_read_is_taken_in_as_it_is() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, GOOD, kept=[PLAIN], part=refusal())
    assert feed.finding(ENCRYPTED, PLAIN).status is Status.FAIL
    feed.poll(VOLUMES, GOOD, kept=[PLAIN], part=refusal(), after=400.0)
    assert feed.finding(ENCRYPTED, PLAIN).status is Status.UNKNOWN


def test_a_listing_with_a_refused_part_is_partial_and_still_removes() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, GOOD, PLAIN).poll(VOLUMES, GOOD, part=denied("kms:DescribeKey"))
    assert feed.model.entry(PLAIN.id) is None
    assert feed.model.sources[VOLUMES].state is State.PARTIAL
    assert feed.model.sources[VOLUMES].fault == denied("kms:DescribeKey")


def test_a_resource_that_another_source_reports_now_is_no_longer_the_firsts_to_remove() -> None:
    feed = Feed(VOLUMES, MORE).poll(VOLUMES, GOOD).poll(MORE, GOOD)
    feed.poll(VOLUMES, listed=("aws.ebs.volume",))
    assert feed.entry(GOOD).source == MORE
    feed.model.drop_source(VOLUMES, feed.now)
    assert feed.model.entry(GOOD.id) is not None
    feed.model.drop_source(MORE, feed.now)
    assert feed.model.entry(GOOD.id) is None


def test_a_dropped_source_takes_its_rows_its_findings_and_its_counts_along() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, PLAIN, GOOD)
    feed.model.drain()
    feed.model.drop_source(VOLUMES, feed.now)
    change = feed.model.drain()
    assert change.gone == {PLAIN.id, GOOD.id, VOLUMES}
    assert change.sources_gone == {VOLUMES}
    assert not change.sources
    assert feed.model.rollups["acme"].resources == [0] * len(Status)
    assert feed.finding("meta.inventory.coverage", "enctop://acme").reason == "no source is asked about this tenant"
    # the exception's end, of acme's policy, and nothing of the source's
    assert feed.model.wakes_at() == NOW + 10 * HOUR


def test_a_source_that_is_dropped_and_comes_back_at_once_is_told_as_there() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, PLAIN)
    feed.model.drain()
    feed.model.drop_source(VOLUMES, feed.now)
    feed.model.add_source(source(VOLUMES))
    change = feed.model.drain()
    assert (change.sources, change.sources_gone) == ({VOLUMES}, set())
    assert VOLUMES not in change.gone
    assert change.gone == {PLAIN.id}


def test_a_source_that_is_configured_anew_keeps_its_rows_and_its_age() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, GOOD)
    feed.model.add_source(msgspec.structs.replace(source(VOLUMES), cadence=10.0))
    assert feed.model.sources[VOLUMES].last_success == NOW
    assert feed.finding(ENCRYPTED, GOOD).status is Status.PASS
    feed.wait(60.0)
    assert feed.finding(ENCRYPTED, GOOD).status is Status.UNKNOWN


# ---------------------------------------------------------------- joins


def test_a_disabled_key_judges_its_volumes_again_and_nobody_elses() -> None:
    other = volume("vol-o", key=key_arn("k-2"))
    feed = Feed(VOLUMES, KEYS).poll(VOLUMES, GOOD, other).poll(KEYS, key(), key("k-2"))
    feed.model.drain()
    feed.poll(KEYS, key(KeyState="Disabled"), key("k-2"))
    assert feed.finding("aws.ebs.kms-key-usable", GOOD).status is Status.FAIL
    moved = feed.model.drain().resources
    assert GOOD.id in moved
    assert other.id not in moved


def test_a_volume_follows_its_regions_default_key_two_links_away() -> None:
    policy = {"acme": Policy(keys=KeyMode.CUSTOMER_MANAGED)}
    feed = (
        Feed(VOLUMES, KEYS, REGION, policies=policy)
        .poll(VOLUMES, GOOD)
        .poll(REGION, region(key=ALIAS))
        .poll(KEYS, key())
    )
    assert feed.finding("aws.ebs.volume-key-policy", GOOD).status is Status.PASS
    feed.poll(KEYS, key(), key("k-2", aliases=(ALIAS,)))
    assert feed.finding("aws.ebs.volume-key-policy", GOOD).reason == "key is not the region's default key"
    feed.poll(KEYS, key(aliases=(ALIAS,)), key("k-2"))
    assert feed.finding("aws.ebs.volume-key-policy", GOOD).status is Status.PASS


def test_a_key_that_is_renamed_moves_the_rows_that_show_its_name() -> None:
    feed = Feed(VOLUMES, KEYS).poll(VOLUMES, GOOD).poll(KEYS, key())
    feed.model.drain()
    feed.poll(KEYS, msgspec.structs.replace(key(), name="alias/new"))
    assert GOOD.id in feed.model.drain().resources


def test_a_link_by_alias_follows_the_alias_from_key_to_key() -> None:
    by_alias = volume("vol-a", key=ALIAS)
    feed = (
        Feed(VOLUMES, KEYS).poll(VOLUMES, by_alias).poll(KEYS, key(aliases=(ALIAS,)), key("k-2", KeyState="Disabled"))
    )
    assert feed.entry(ALIAS).resource.id == key_arn()
    assert feed.finding("aws.ebs.kms-key-usable", by_alias).status is Status.PASS
    feed.poll(KEYS, key("k-2", KeyState="Disabled", aliases=(ALIAS,)), key())
    assert feed.finding("aws.ebs.kms-key-usable", by_alias).status is Status.FAIL
    assert (feed.entry(key_arn()).users, feed.entry(key_arn("k-2")).users) == (0, 1)
    feed.poll(KEYS, key())
    assert feed.model.entry(ALIAS) is None
    assert feed.finding("aws.ebs.kms-key-usable", by_alias).status is Status.UNKNOWN


def test_an_alias_that_two_keys_carry_falls_back_to_the_one_that_still_has_it() -> None:
    links, first, second = Links(), key(aliases=(ALIAS,)), key("k-2", aliases=(ALIAS,))
    links.replace(None, first)
    links.replace(None, second)
    assert links.resolve(ALIAS) == second.id
    links.replace(second, None)
    assert links.resolve(ALIAS) == first.id


def test_who_points_by_id_and_by_alias_is_one_user() -> None:
    links, target = Links(), key(aliases=(ALIAS,))
    both = made("v", "volume", "aws.ebs.volume", links={"key": target.id, "was": ALIAS})
    links.replace(None, target)
    links.replace(None, both)
    assert (list(links.users(target)), links.count(target)) == (["v"], 1)


def test_an_alias_does_not_hide_the_resource_whose_id_it_is() -> None:
    feed = Feed(KEYS).poll(KEYS, key(), key("k-2", aliases=(key_arn(),)))
    assert feed.entry(key_arn()).resource.id == key_arn()


def test_the_class_of_a_volume_is_its_keys_and_unknown_until_that_is_seen() -> None:
    feed = Feed(VOLUMES, KEYS).poll(VOLUMES, GOOD)
    assert feed.entry(GOOD).key_class is KeyClass.UNKNOWN
    assert feed.poll(KEYS, key()).entry(GOOD).key_class is KeyClass.CUSTOMER
    assert feed.poll(KEYS, key(manager="AWS")).entry(GOOD).key_class is KeyClass.PROVIDER_VISIBLE


# ---------------------------------------------------------------- what moves, what it costs


def test_an_unchanged_poll_judges_no_resource_and_moves_none() -> None:
    judged: list[str] = []
    feed = Feed(VOLUMES, controls=counting(judged)).poll(VOLUMES, GOOD, PLAIN)
    feed.model.drain()
    judged.clear()
    feed.poll(VOLUMES, GOOD, PLAIN, after=60.0)
    assert judged == []
    assert feed.model.drain().resources <= {VOLUMES}


def counting(judged: list[str]) -> Registry:
    """The controls there are, which write down what they judge of volumes."""

    def written_down(control: Control) -> Control:
        def judge(resource: Resource, context: object) -> object:
            judged.append(resource.id)
            return control.judge(resource, context)  # type: ignore[arg-type]

        return msgspec.structs.replace(control, judge=judge)

    return Registry(
        [written_down(control) if control.id.startswith("aws.") else control for control in registry()],
        registry().sentences,
    )


def test_a_control_that_raises_is_unknown_and_ends_nothing() -> None:
    def broken(resource: Resource, context: object) -> object:
        raise KeyError("Encrypted")

    one = registry().get(ENCRYPTED)
    assert one is not None
    broken_registry = Registry([msgspec.structs.replace(one, judge=broken)], registry().sentences)
    finding: Finding = Feed(VOLUMES, controls=broken_registry).poll(VOLUMES, GOOD).finding(ENCRYPTED, GOOD)
    assert (finding.status, finding.reason) == (Status.UNKNOWN, "enctop failed while judging; see --log-file")
    assert finding.fault is not None
    assert finding.fault.code == "KeyError"


def test_a_verdict_that_was_over_before_it_was_given_does_not_wake_for_ever() -> None:
    one = registry().get(ENCRYPTED)
    assert one is not None
    over = msgspec.structs.replace(one, judge=lambda resource, context: passed("was", until=context.now - 1))
    feed = Feed(VOLUMES, policies={}, controls=Registry([over], registry().sentences)).poll(VOLUMES, GOOD)
    assert feed.model.wakes_at() == NOW + 360.0


def test_a_switched_off_region_is_an_answer() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, fault=refusal(FaultKind.DISABLED))
    assert feed.model.sources[VOLUMES].state is State.DISABLED
    assert answered(feed.model.sources.values())
    assert HOME in feed.model.sources[VOLUMES].scope


def test_of_two_sources_that_name_one_thing_the_one_that_was_answered_holds_it_whatever_the_order() -> None:
    fault = Fault(FaultKind.DENIED, "AccessDeniedException", "kms:DescribeKey", "", "kms:DescribeKey")
    for order in (("a", "b"), ("b", "a"), ("a", "b", "a", "b"), ("b", "a", "b")):
        model = Model(registry(), {"acme": Policy()}, 0.0)
        for name in ("a", "b"):
            model.add_source(Source(f"acme/aws/{name}/kms-foreign", "acme", "aws", name, "kms-foreign", 60.0))
        for name in order:
            source = f"acme/aws/{name}/kms-foreign"
            faults = {"kms:DescribeKey": fault} if name == "a" else {}
            key = Resource(
                id="arn:aws:kms:eu-west-1:999988887777:key/1",
                kind="key",
                type="aws.kms.key",
                name="1",
                tenant="acme",
                provider="aws",
                scope="999988887777",
                region="eu-west-1",
                source=source,
                faults=faults,
            )
            model.begin(source, 1.0)
            model.apply(source, Batch((key,)), 1.0)
            model.apply(source, Complete(("aws.kms.key",)), 1.0)
            model.finish(source, 1.0, fault=None, calls=1, seconds=0.1, next_due=None)
        entry = model.entry("arn:aws:kms:eu-west-1:999988887777:key/1")
        assert entry is not None
        assert (entry.source, dict(entry.resource.faults)) == ("acme/aws/b/kms-foreign", {})


def test_a_row_that_a_poll_in_part_left_out_is_older_than_its_source_until_it_is_seen_again() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, GOOD, PLAIN)
    feed.model.drain()
    feed.poll(VOLUMES, GOOD, kept=[PLAIN], part=refusal(), after=60.0)
    assert (feed.entry(PLAIN).not_in_last_poll, feed.entry(GOOD).not_in_last_poll) == (True, False)
    assert (
        feed.entry(PLAIN).observed_at == NOW < feed.entry(GOOD).observed_at == feed.model.sources[VOLUMES].last_success
    )
    assert PLAIN.id in feed.model.drain().resources
    feed.poll(VOLUMES, GOOD, kept=[PLAIN], part=refusal(), after=60.0)
    assert PLAIN.id not in feed.model.drain().resources, "told once"
    feed.poll(VOLUMES, GOOD, PLAIN, after=60.0)
    assert not feed.entry(PLAIN).not_in_last_poll
    assert PLAIN.id in feed.model.drain().resources


# ---------------------------------------------------------------- what nobody may have seen


def test_that_nothing_uses_a_key_is_said_only_when_everything_that_could_has_answered() -> None:
    off = key(KeyState="Disabled")
    feed = Feed(KEYS, VOLUMES, BUCKETS, policies={"acme": Policy()}).poll(KEYS, off).poll(BUCKETS)
    assert feed.finding("aws.kms.key-state", off).status is Status.UNKNOWN
    assert VOLUMES in feed.finding("aws.kms.key-state", off).reason
    feed.poll(VOLUMES)
    assert feed.finding("aws.kms.key-state", off).status is Status.NOT_APPLICABLE
    feed.poll(VOLUMES, fault=refusal(FaultKind.DENIED))
    finding = feed.finding("aws.kms.key-state", off)
    assert (finding.status, finding.fault) == (Status.UNKNOWN, feed.model.sources[VOLUMES].fault)
    feed.poll(VOLUMES, volume("vol-1", key=off.id))
    assert feed.finding("aws.kms.key-state", off).status is Status.FAIL


def test_a_region_without_encryption_by_default_is_an_open_door_only_where_all_volumes_were_listed() -> None:
    here = region(EbsEncryptionByDefault=False)
    feed = Feed(REGION, VOLUMES, policies={"acme": Policy()}).poll(REGION, here)
    assert feed.finding("aws.ebs.default-encryption-region", here).status is Status.UNKNOWN
    feed.poll(VOLUMES)
    assert feed.finding("aws.ebs.default-encryption-region", here).status is Status.WARN
    feed.poll(VOLUMES, PLAIN)
    assert feed.finding("aws.ebs.default-encryption-region", here).status is Status.FAIL


@pytest.mark.parametrize(
    ("modes", "status"),
    [
        ((KeyMode.PROVIDER_MANAGED, KeyMode.CUSTOMER_MANAGED), Status.FAIL),
        ((KeyMode.CUSTOMER_MANAGED, KeyMode.PROVIDER_MANAGED), Status.FAIL),
        ((KeyMode.PROVIDER_MANAGED, KeyMode.EITHER), Status.WARN),
        ((KeyMode.PROVIDER_MANAGED, KeyMode.PROVIDER_MANAGED), Status.PASS),
    ],
)
def test_the_default_key_of_a_region_that_tenants_share_must_suit_each(
    modes: tuple[KeyMode, KeyMode], status: Status
) -> None:
    here = msgspec.structs.replace(region(), tenant="acme+beta")
    feed = Feed(MORE, policies=dict(zip(("acme", "beta"), (Policy(keys=mode) for mode in modes), strict=True))).poll(
        MORE, here
    )
    assert feed.finding("aws.ebs.default-key-policy", here).status is status
