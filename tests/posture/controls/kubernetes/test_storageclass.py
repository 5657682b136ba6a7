"""Classes: encrypted or not, the default one, and the key they name."""

from typing import Any

import msgspec
import pytest

from posture.policy import KeyMode, Policy
from posture.resource import Resource
from posture.source import State
from posture.verdict import Status
from tests.posture.controls import world as aws
from tests.posture.controls.azure import world as azure_world
from tests.posture.controls.gcp import world as gcp_world
from tests.posture.controls.kubernetes.world import (
    AZURE,
    EBS,
    PD,
    cluster,
    kid,
    listed,
    pv,
    storage_class,
)
from tests.posture.controls.world import HOME, World, key, key_arn, region, volume

ENCRYPTED, DEFAULT, KEY = "k8s.storageclass.encrypted", "k8s.storageclass.default", "k8s.storageclass.key-policy"
ARN = key_arn()
MADE = pv(volume("vol-1").id)
ALL = [listed("persistentvolumes"), listed("storageclasses")]
CEPH = "rook-ceph.rbd.csi.ceph.com"


def status(control: str, resource: Resource, *seen: Resource, policy: Policy | None = None, asked: Any = ALL) -> str:
    return World(list(seen), policy or Policy(), asked).ask(control, resource).status.word


@pytest.mark.parametrize(
    ("storage", "beside", "says"),
    [
        (storage_class(EBS, {"encrypted": "true"}), (), "pass"),
        (storage_class(AZURE), (), "pass"),
        (storage_class(CEPH), (MADE,), "fail"),
        (storage_class(CEPH), (), "warn"),
        (storage_class(EBS), (MADE, volume("vol-1"), region()), "warn"),
        (storage_class(EBS), (MADE, volume("vol-1"), region(EbsEncryptionByDefault=False)), "fail"),
        (storage_class(EBS), (MADE, volume("vol-1")), "unknown"),
        (storage_class(EBS), (MADE,), "unknown"),
        (storage_class(EBS), (), "warn"),
        (storage_class("efs.csi.aws.com"), (), "unknown"),
        (storage_class("example.com/x"), (MADE,), "unknown"),
    ],
)
def test_a_class_is_as_its_parameters_and_the_region_are(
    storage: Resource, beside: tuple[Resource, ...], says: str
) -> None:
    assert status(ENCRYPTED, storage, *beside) == says


def test_a_class_without_encryption_whose_volumes_were_not_listed_is_unknown() -> None:
    assert status(ENCRYPTED, storage_class(CEPH), asked=[]) == "unknown"
    assert status(ENCRYPTED, storage_class(EBS), asked=[listed("persistentvolumes", state=State.PARTIAL)]) == "unknown"


def test_a_class_says_that_the_region_decides_and_how() -> None:
    world = World([MADE, volume("vol-1"), region()], asked=ALL)
    verdict = world.ask(ENCRYPTED, storage_class(EBS, {"encrypted": "True"}))
    assert verdict.status is Status.WARN
    assert "'True', not \"true\"" in verdict.reason
    assert verdict.reason.endswith("the region's default encryption decides, and it is on")


def default(name: str, created: str = "2026-10-01T00:00:00Z", *, driver: str = AZURE, said: str = "true") -> Resource:
    return storage_class(driver, name=name, default=said, created=created)


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        ([default("a")], "pass"),
        ([default("a", driver=CEPH)], "fail"),
        ([default("a", driver="example.com/x")], "unknown"),
        ([default("a"), default("b")], "warn"),
        ([default("a"), default("b", "2026-11-01T00:00:00Z", driver=CEPH)], "fail"),
        ([default("a", "2026-11-01T00:00:00Z"), default("b", driver=CEPH)], "warn"),
        ([default("a"), default("b", driver=CEPH)], "warn"),  # of equally old ones the first by name
        ([default("a", driver=CEPH), default("b")], "fail"),
        ([default("a", said="True")], "unknown"),
        ([], "warn"),
    ],
)
def test_the_default_class_is_the_newest_and_then_the_first_by_name(classes: list[Resource], says: str) -> None:
    assert status(DEFAULT, cluster(*(each.name for each in classes)), *classes) == says


def test_the_beta_annotation_makes_a_default_class_too() -> None:
    beta = {"storageclass.beta.kubernetes.io/is-default-class": "true"}
    storage = storage_class(AZURE, name="a")
    fields = {**storage.fields, "metadata": {**storage.fields["metadata"], "annotations": beta}}
    assert status(DEFAULT, cluster("a"), msgspec.structs.replace(storage, fields=fields)) == "pass"


def test_no_default_class_is_known_only_where_all_classes_were_listed() -> None:
    assert status(DEFAULT, cluster(), asked=[]) == "unknown"
    assert status(DEFAULT, cluster("gone")) == "unknown"


@pytest.mark.parametrize(
    ("on", "says"), [(True, "warn"), (False, "fail")], ids=["the region encrypts", "the region does not"]
)
def test_a_default_class_that_leaves_it_to_the_region_is_as_the_region_is(on: bool, says: str) -> None:
    made = pv(volume("vol-1").id, of="a")
    seen = (default("a", driver=EBS), made, volume("vol-1"), region(EbsEncryptionByDefault=on))
    assert status(DEFAULT, cluster("a"), *seen) == says


OWN, EITHER, CUSTOMER, DOUBLE = (
    Policy(keys=mode) for mode in (KeyMode.PROVIDER_MANAGED, KeyMode.EITHER, KeyMode.CUSTOMER_MANAGED, KeyMode.DOUBLE)
)
SET = azure_world.SET
GCP_KEY = gcp_world.key_name()
NAMED = {
    EBS: storage_class(EBS, {"kmsKeyId": ARN}, key=ARN),
    AZURE: storage_class(AZURE, {"diskEncryptionSetID": SET}, key=SET.lower()),
    PD: storage_class(PD, {"disk-encryption-kms-key": GCP_KEY}, key=gcp_world.key().id),
}
KEYS = (key(), azure_world.encryption_set(), azure_world.key(), gcp_world.key())
BEHIND = {
    EBS: (MADE, volume("vol-1", key=ARN)),
    AZURE: (),
    PD: (
        pv(gcp_world.disk(gcp_world.UNDER_KEY).id, driver=PD),
        gcp_world.disk(gcp_world.UNDER_KEY),
    ),
}


@pytest.mark.parametrize("driver", [EBS, AZURE, PD])
@pytest.mark.parametrize(("policy", "says"), [(OWN, "fail"), (EITHER, "pass"), (CUSTOMER, "pass"), (DOUBLE, "fail")])
def test_a_named_key_is_as_the_policy_says_on_all_three_clouds(driver: str, policy: Policy, says: str) -> None:
    assert status(KEY, NAMED[driver], *KEYS, *BEHIND[driver], policy=policy) == says


@pytest.mark.parametrize("driver", [AZURE, PD, "filestore.csi.storage.gke.io"])
@pytest.mark.parametrize(("policy", "says"), [(OWN, "pass"), (EITHER, "pass"), (CUSTOMER, "fail"), (DOUBLE, "fail")])
def test_no_key_is_the_platforms_own(driver: str, policy: Policy, says: str) -> None:
    assert status(KEY, storage_class(driver), policy=policy) == says


@pytest.mark.parametrize(
    ("policy", "beside", "says"),
    [
        (OWN, (MADE, volume("vol-1"), region()), "warn"),
        (OWN, (), "warn"),
        (OWN, (MADE, volume("vol-1"), region(key=ARN), key()), "fail"),
        (CUSTOMER, (MADE, volume("vol-1"), region(key=ARN), key()), "warn"),
        (CUSTOMER, (), "fail"),
    ],
)
def test_on_ebs_the_regions_default_key_decides_where_none_is_named(
    policy: Policy, beside: tuple[Resource, ...], says: str
) -> None:
    assert status(KEY, storage_class(EBS, {"encrypted": "true"}), *beside, policy=policy) == says


def test_a_doubly_encrypted_class_satisfies_a_policy_of_two_layers() -> None:
    parameters = {"diskEncryptionSetID": SET, "diskEncryptionType": "EncryptionAtRestWithPlatformAndCustomerKeys"}
    assert status(KEY, storage_class(AZURE, parameters, key=SET.lower()), *KEYS, policy=DOUBLE) == "pass"


@pytest.mark.parametrize(
    ("dead", "storage", "beside"),
    [
        (key(KeyState="PendingDeletion", DeletionDate="2026-12-01T00:00:00Z"), NAMED[EBS], BEHIND[EBS]),
        (gcp_world.key(state="DESTROYED"), NAMED[PD], BEHIND[PD]),
        (azure_world.key(enabled=False), NAMED[AZURE], (azure_world.encryption_set(),)),
    ],
    ids=["aws", "gcp", "azure"],
)
def test_a_named_key_that_cannot_be_used_fails_the_class(
    dead: Resource, storage: Resource, beside: tuple[Resource, ...]
) -> None:
    verdict = World([dead, storage, *beside], CUSTOMER, ALL).ask(KEY, storage)
    assert verdict.status is Status.FAIL
    assert verdict.reason.startswith("the key it names")


def test_a_dead_gcp_key_that_only_a_class_names_is_used() -> None:
    dead = gcp_world.key(state="DESTROYED")
    used = World([NAMED[PD]], asked=[listed("disks", "gcp", gcp_world.PROJECT)])
    assert used.ask("gcp.kms.key-state", dead).status is Status.FAIL


def test_a_key_of_an_unknown_account_is_unknown_where_that_matters() -> None:
    foreign = key(account=aws.FOREIGN)
    storage = storage_class(EBS, {"kmsKeyId": foreign.id}, key=foreign.id)
    assert status(KEY, storage, foreign, policy=CUSTOMER) == "unknown"
    assert status(KEY, storage, foreign, policy=OWN) == "fail"
    assert status(KEY, storage, foreign, MADE, volume("vol-1"), policy=CUSTOMER) == "fail"
    assert status(KEY, storage, foreign, policy=Policy(keys=KeyMode.CUSTOMER_MANAGED, key_accounts=(aws.FOREIGN,))) == (
        "pass"
    )
    own = storage_class(EBS, {"kmsKeyId": ARN}, key=ARN)
    assert status(KEY, own, key(), policy=CUSTOMER, asked=[listed("ebs", "aws", f"{HOME}/us-east-1")]) == "pass"


def test_a_key_that_was_not_seen_is_unknown_and_one_that_the_policy_does_not_list_fails() -> None:
    assert status(KEY, NAMED[EBS], policy=CUSTOMER) == "unknown"
    others = Policy(keys=KeyMode.CUSTOMER_MANAGED, required_keys=("another",))
    assert status(KEY, NAMED[EBS], key(), *BEHIND[EBS], policy=others) == "fail"
    listed_with_version = Policy(keys=KeyMode.CUSTOMER_MANAGED, required_keys=(f"{GCP_KEY}/cryptoKeyVersions/3",))
    assert status(KEY, NAMED[PD], *KEYS, *BEHIND[PD], policy=listed_with_version) == "pass"


@pytest.mark.parametrize(("policy", "says"), [(OWN, "fail"), (EITHER, "warn"), (CUSTOMER, "fail")])
def test_a_passphrase_in_a_secret_is_no_key_of_the_provider(policy: Policy, says: str) -> None:
    assert status(KEY, storage_class(CEPH, {"encrypted": "true"}), policy=policy) == says


def test_a_class_that_asks_for_nothing_involves_no_key() -> None:
    assert status(KEY, storage_class(CEPH)) == "not_applicable"
    assert status(KEY, storage_class("example.com/x")) == "unknown"


def test_the_class_is_a_user_of_its_key_and_of_its_cluster() -> None:
    assert NAMED[EBS].link("key") == ARN
    assert NAMED[EBS].link("cluster") == "k8s://prod"
    assert kid("storageclass", "gp3") == NAMED[EBS].id


def test_the_cluster_says_which_region_decides_where_no_volume_does() -> None:
    at_home = cluster("a", known_as="arn", region=aws.REGION)
    storage = default("a", driver=EBS)
    for on, says in ((True, "warn"), (False, "fail")):
        assert status(DEFAULT, at_home, storage, at_home, region(EbsEncryptionByDefault=on)) == says
    assert status(DEFAULT, at_home, storage, at_home) == "unknown"
    named = storage_class(EBS, {"kmsKeyId": ARN}, key=ARN)
    assert status(KEY, named, key(), at_home, policy=CUSTOMER, asked=[]) == "pass"
