"""Persistent volumes: what is behind them, whether the class agrees, and whether what is missing is proven missing."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from posture.controls.kubernetes.backing import JUDGED_BY
from posture.controls.kubernetes.drift import DRIFT
from posture.controls.kubernetes.provisioners import Asked
from posture.controls.registry import registry
from posture.policy import KeyMode, Policy
from posture.resource import Encryption, KeyClass, Resource
from posture.source import Source, State
from posture.verdict import Status, Verdict
from tests.posture.controls import world as aws
from tests.posture.controls.azure import world as azure_world
from tests.posture.controls.gcp import world as gcp_world
from tests.posture.controls.kubernetes.world import (
    AZURE,
    BORN,
    EBS,
    LATER,
    PD,
    claim,
    cluster,
    content,
    listed,
    pv,
    storage_class,
)
from tests.posture.controls.world import HOME, NOW, World, bucket, key, key_arn, snapshot, undescribed, volume

BACKING, UNMAPPED, SNAPSHOT = "k8s.pv.backing-volume", "k8s.pv.unmapped", "k8s.volumesnapshot"
ARN = key_arn()
CUSTOMER = Policy(keys=KeyMode.CUSTOMER_MANAGED)
CEPH = "rook-ceph.rbd.csi.ceph.com"
YES, NO = volume("vol-1", key=ARN), volume("vol-1", encrypted=False)
TOLD = msgspec.structs.replace(YES, fields={}, encryption=Encryption())


def judge(resource: Resource, *seen: Resource, policy: Policy = CUSTOMER, asked: Any = ()) -> Verdict:
    return World([key(), *seen], policy, list(asked)).ask(BACKING, resource)


CLASSES: Mapping[Asked, Resource | None] = {
    Asked.ENCRYPTED: storage_class(EBS, {"encrypted": "true"}),
    Asked.DEFAULT: storage_class(EBS),
    Asked.PLATFORM: storage_class(AZURE),
    Asked.PLAINTEXT: storage_class(CEPH),
    Asked.UNKNOWN: storage_class("efs.csi.aws.com"),
}


@pytest.mark.parametrize("asked", list(Asked))
@pytest.mark.parametrize(("behind", "encrypted"), [(YES, True), (NO, False), (TOLD, None)])
def test_class_and_volume_are_compared_by_the_drift_table(
    asked: Asked, behind: Resource, encrypted: bool | None
) -> None:
    storage = CLASSES[asked]
    assert storage is not None
    found = judge(pv(YES.id, made_by=storage.fields["provisioner"]), storage, behind)
    status, reason = DRIFT[asked, encrypted]
    assert found.status is status
    if encrypted is not None:
        assert found.reason == reason
        assert found.evidence["class asks for"] == asked.name.lower()


def test_the_drift_table_is_whole_and_never_passes_plaintext() -> None:
    assert len(DRIFT) == 3 * len(Asked)
    assert {status for (_, encrypted), (status, _) in DRIFT.items() if encrypted is False} == {Status.FAIL}
    assert {status for (_, encrypted), (status, _) in DRIFT.items() if encrypted is None} == {Status.UNKNOWN}


def test_a_clone_of_a_plaintext_claim_under_an_encrypted_class_says_that_the_class_lies() -> None:
    storage, made = storage_class(EBS, {"encrypted": "true"}), pv(NO.id)
    assert judge(made, storage, NO).reason == "the class asks for encryption, the volume is not"
    cloned = claim(spec={"dataSource": {"kind": "PersistentVolumeClaim", "name": "old"}})
    verdict = judge(cloned, made, storage, NO)
    assert verdict.status is Status.FAIL
    assert verdict.reason == "the class asks for encryption, the volume is not; cloned from old"
    restored = claim(spec={"dataSource": {"kind": "VolumeSnapshot", "name": "s"}})
    assert judge(restored, made, storage, NO).reason.endswith("; made from VolumeSnapshot s")


@pytest.mark.parametrize(
    ("made", "storage"),
    [
        (pv(NO.id, made_by=None), storage_class(EBS, {"encrypted": "true"})),
        (pv(NO.id, created=BORN), storage_class(EBS, {"encrypted": "true"}, created=LATER)),
        (pv(NO.id, of=None), storage_class(EBS, {"encrypted": "true"})),
        (pv(NO.id), storage_class(AZURE, {"encrypted": "true"})),
        (pv(NO.id, created=None), storage_class(EBS, {"encrypted": "true"})),
        (pv(NO.id), None),
        (pv(NO.id), storage_class(EBS, {"encrypted": True})),
    ],
    ids=["static", "made again", "no class", "another driver", "no time", "deleted", "unreadable"],
)
def test_a_class_that_did_not_make_a_volume_does_not_lie_about_it(made: Resource, storage: Resource | None) -> None:
    verdict = judge(made, *((storage,) if storage else ()), NO)
    assert (verdict.status, verdict.reason) == (Status.FAIL, "the volume is not encrypted")


def test_an_in_tree_class_made_what_its_csi_driver_made() -> None:
    storage = storage_class("kubernetes.io/aws-ebs", {"encrypted": "true"})
    assert judge(pv(NO.id), storage, NO).reason == "the class asks for encryption, the volume is not"


def test_a_volume_says_itself_what_was_asked_for_where_its_driver_copies_that() -> None:
    longhorn = "driver.longhorn.io"
    made = pv(YES.id, driver=longhorn, attributes={"encrypted": "false"})
    assert judge(made, storage_class(longhorn, {"encrypted": "true"}), YES).status is Status.WARN
    made = pv(NO.id, driver=longhorn, attributes={"encrypted": "true"})
    assert judge(made, NO).reason == "the class asks for encryption, the volume is not"


def test_another_key_than_the_class_names_is_worth_a_look() -> None:
    other = key("k-2")
    storage = storage_class(EBS, {"kmsKeyId": other.id}, key=other.id)
    verdict = judge(pv(YES.id), storage, other, YES)
    assert verdict.status is Status.WARN
    assert verdict.reason.startswith("the class names key")
    assert judge(pv(YES.id), storage, YES).status is Status.PASS, (
        "a key that was not seen may be the same by another name"
    )
    disk = azure_world.disk(KeyClass.UNKNOWN, "EncryptionAtRestWithCustomerKey", set_id=azure_world.SET)
    for named, status in ((azure_world.SET.upper(), "pass"), (f"{azure_world.SET}-2", "warn")):
        made = pv(disk.id.lower(), driver=AZURE, attributes={"diskEncryptionSetID": named})
        assert judge(made, disk, *azure_world.BESIDE).status.word == status
    plain = azure_world.disk(KeyClass.PROVIDER, "EncryptionAtRestWithPlatformKey")
    made = pv(plain.id.lower(), driver=AZURE, attributes={"DISKENCRYPTIONSETID": azure_world.SET})
    assert judge(made, plain, policy=Policy()).status is Status.WARN


AZURE_DISK = azure_world.disk(KeyClass.UNKNOWN, "EncryptionAtRestWithCustomerKey", set_id=azure_world.SET)
GCP_DISK = gcp_world.disk(gcp_world.UNDER_KEY)
DEAD = key(KeyState="PendingDeletion", DeletionDate="2026-12-01T00:00:00Z")


@pytest.mark.parametrize(
    ("made", "behind", "dead"),
    [
        (pv(YES.id), (YES,), (DEAD,)),
        (
            pv(AZURE_DISK.id.lower(), driver=AZURE),
            (AZURE_DISK, azure_world.encryption_set()),
            (azure_world.key(enabled=False),),
        ),
        (pv(GCP_DISK.id, driver=PD), (GCP_DISK,), (gcp_world.key(state="DESTROYED"),)),
    ],
    ids=["aws", "azure", "gcp"],
)
def test_a_volume_is_as_good_as_its_key_on_all_three_clouds(
    made: Resource, behind: tuple[Resource, ...], dead: tuple[Resource, ...]
) -> None:
    alive = (key(), azure_world.key(), gcp_world.key())
    for keys, status in ((alive, Status.PASS), (dead, Status.FAIL)):
        assert World([*behind, *keys], CUSTOMER).ask(BACKING, made).status is status
        assert World([*behind, *keys, made], CUSTOMER).ask(BACKING, claim()).status is status


def test_what_the_cloud_forbids_is_forbidden_and_what_it_does_not_know_unknown() -> None:
    assert judge(pv(YES.id), YES, policy=Policy()).status is Status.FAIL
    verdict = World([undescribed(), YES], CUSTOMER).ask(BACKING, pv(YES.id))
    assert verdict.status is Status.UNKNOWN
    assert verdict.fault is not None
    assert verdict.fault.permission == "kms:DescribeKey"


@pytest.mark.parametrize("phase", ["Available", "Released", "Failed", "Pending"])
def test_a_volume_that_nothing_uses_holds_data_and_is_judged(phase: str) -> None:
    assert judge(pv(NO.id, phase=phase), NO).status is Status.FAIL


def test_an_upper_case_handle_of_azure_shows_as_it_is_and_joins_folded() -> None:
    handle = AZURE_DISK.id.upper()
    verdict = judge(pv(AZURE_DISK.id.lower(), driver=AZURE, handle=handle), AZURE_DISK, *azure_world.BESIDE)
    assert (verdict.status, verdict.evidence["handle"]) == (Status.PASS, handle)


def test_all_disks_behind_a_volume_of_several_zones_have_to_pass() -> None:
    disks = [gcp_world.disk(gcp_world.UNDER_KEY, name) for name in ("d-1", "d-2")]
    made = pv(tuple(disk.id for disk in disks), driver=PD, handle="projects/p/zones/multi-zone/disks/d")
    assert judge(made, *disks, gcp_world.key()).status is Status.PASS
    spoilt = msgspec.structs.replace(disks[1], fields={"name": "d-2", "diskEncryptionKey": {"sha256": "x"}}, links=())
    verdict = judge(made, disks[0], spoilt, gcp_world.key())
    assert verdict.status is Status.FAIL
    assert verdict.reason.startswith("2 volumes behind it: ")
    assert judge(made, disks[0], gcp_world.key()).status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (pv(handle="vol-xyz"), "handle vol-xyz names no volume"),
        (pv(handle="local-ebs://dev/xvdbz"), "a disk of each node"),
        (pv(driver="example.com/x"), "driver example.com/x is not one"),
        (pv(spec={"hostPath": {"path": "/data"}}), "hostPath: it leads to no volume"),
        (pv(spec={"nfs": {"server": "s", "path": "/"}}), "nfs: it leads to no volume"),
        (pv(spec={"gcePersistentDisk": {"pdName": "d"}}), "handle d names no volume"),
        (pv(spec={"azureDisk": {"diskURI": "https://x/y.vhd"}}), "handle https://x/y.vhd names no volume"),
        (pv(spec={"Qx": {}}), "without a kind of storage"),
        (pv(handle="vol-\x1b[2J"), "vol-\\x1b[2J"),
    ],
)
def test_a_volume_that_leads_to_nothing_is_unknown_and_says_why(made: Resource, says: str) -> None:
    verdict = judge(made)
    assert verdict.status is Status.UNKNOWN
    assert says in verdict.reason
    assert World().ask(UNMAPPED, made).status is Status.UNKNOWN


def test_the_room_says_what_is_wrong_with_a_handle() -> None:
    made = pv(driver=PD, handle="projects/UNSPECIFIED/zones/UNSPECIFIED/disks/d")
    made = msgspec.structs.replace(made, fields={**made.fields, "handle": "project-unspecified"})
    assert judge(made).reason.endswith("names no volume that is judged: project-unspecified")


# ------------------------------------------------------------ points at nothing

SIBLING = pv(YES.id, name="pv-2")
CLASS = storage_class(EBS, {"encrypted": "true"})
EBS_SOURCE = listed("ebs", "aws", f"{HOME}/us-east-1")
AZURE_TARGET, GCP_TARGET = f"{azure_world.GROUP}/Microsoft.Compute/disks/gone".lower(), f"{gcp_world.PLACE}/disks/gone"
SUBSCRIPTION = azure_world.SUB.rpartition("/")[2]


def stands(source: Source, **more: Any) -> Source:
    return msgspec.structs.replace(source, **more)


@pytest.mark.parametrize(
    ("made", "beside", "asked", "says"),
    [
        (pv("vol-0a"), (CLASS, SIBLING, YES), [EBS_SOURCE], "fail"),
        (pv("vol-0a"), (CLASS, SIBLING, YES), [], "unknown"),
        (pv("vol-0a"), (CLASS, SIBLING, YES), [stands(EBS_SOURCE, state=State.PARTIAL)], "unknown"),
        (pv("vol-0a"), (CLASS, SIBLING), [EBS_SOURCE], "unknown"),
        (pv("vol-0a"), (CLASS,), [EBS_SOURCE], "unknown"),
        (pv("vol-0a"), (SIBLING, YES), [EBS_SOURCE], "unknown"),
        (pv("vol-0a", region=""), (CLASS, SIBLING, YES), [EBS_SOURCE], "unknown"),
        (pv("vol-0a", region=""), (CLASS, cluster(region=aws.REGION)), [EBS_SOURCE], "fail"),
        (pv("vol-0a", region="eu-west-1"), (CLASS, cluster(region=aws.REGION)), [EBS_SOURCE], "unknown"),
        (pv("vol-0a", region="eu-west-1"), (CLASS, SIBLING, YES), [EBS_SOURCE], "unknown"),
        (pv("vol-0a", phase="Released"), (CLASS, SIBLING, YES), [EBS_SOURCE], "warn"),
        (pv("vol-0a", phase="Qx"), (CLASS, SIBLING, YES), [EBS_SOURCE], "unknown"),
        (pv("vol-0a", created=None), (CLASS, SIBLING, YES), [EBS_SOURCE], "unknown"),
        (pv(AZURE_TARGET, driver=AZURE), (), [listed("disks", "azure", SUBSCRIPTION)], "fail"),
        (pv(AZURE_TARGET, driver=AZURE), (), [listed("disks", "azure", SUBSCRIPTION.upper())], "fail"),
        (pv(AZURE_TARGET, driver=AZURE), (), [listed("disks", "azure", "another")], "unknown"),
        (pv(AZURE_TARGET, driver=AZURE), (), [listed("storage", "azure", SUBSCRIPTION)], "unknown"),
        (pv(GCP_TARGET, driver=PD), (), [listed("disks", "gcp", gcp_world.PROJECT)], "fail"),
        (pv(GCP_TARGET, driver=PD), (), [listed("disks", "gcp", "another")], "unknown"),
        (pv(GCP_TARGET, driver=PD), (), [listed("disks", "gcp", gcp_world.PROJECT, state=State.PARTIAL)], "unknown"),
        (pv("fs-0a", driver="efs.csi.aws.com", rel="filesystem"), (), [EBS_SOURCE], "unknown"),
    ],
)
def test_points_at_nothing_is_a_fail_only_where_the_account_is_proven_and_was_listed_in_full(
    made: Resource, beside: tuple[Resource, ...], asked: list[Source], says: str
) -> None:
    verdict = judge(made, *beside, asked=asked)
    assert verdict.status.word == says, verdict.reason


def test_what_was_made_after_the_listing_is_not_missing_yet() -> None:
    made = pv(GCP_TARGET, driver=PD, created="2026-11-23T13:59:30Z")
    source = listed("disks", "gcp", gcp_world.PROJECT)
    verdict = judge(made, asked=[source])
    assert (verdict.status, verdict.valid_until) == (Status.UNKNOWN, NOW + 60.0)
    assert judge(made, asked=[stands(source, last_success=NOW + 600.0)]).status is Status.FAIL
    assert judge(made, asked=[stands(source, last_success=None)]).status is Status.UNKNOWN


def test_a_cluster_that_tenants_share_is_looked_up_in_the_accounts_of_all_of_them() -> None:
    made = msgspec.structs.replace(pv(GCP_TARGET, driver=PD), tenant="unassigned")
    shared = listed("persistentvolumes", id=made.source, tenant="acme+beta")
    world = World([], CUSTOMER, [shared, listed("disks", "gcp", gcp_world.PROJECT)])
    assert world.ask(BACKING, made).status is Status.FAIL


# ------------------------------------------------------------ claims


@pytest.mark.parametrize(
    ("claimed", "made", "says", "reason"),
    [
        (claim(), pv(YES.id), "pass", "the volume is encrypted"),
        (claim(None, phase="Pending"), pv(YES.id), "not_applicable", "Pending"),
        (claim("pv-1", phase="Pending"), pv(YES.id, claim_uid=None, phase="Available"), "not_applicable", "Pending"),
        (claim(phase="Lost"), pv(YES.id), "unknown", "Lost"),
        (claim(phase="Qx"), pv(YES.id), "unknown", "status.phase"),
        (claim("other"), pv(YES.id), "unknown", "has not been seen"),
        (claim(uid="u-2"), pv(YES.id), "warn", "drift: pv-1 is bound to another claim"),
        (claim(), pv(YES.id, phase="Released"), "warn", "drift: pv-1 is Released"),
        (claim(), pv(YES.id, claim_uid=None), "unknown", "spec.claimRef"),
    ],
)
def test_a_claim_is_as_the_volume_it_is_bound_to(claimed: Resource, made: Resource, says: str, reason: str) -> None:
    verdict = judge(claimed, made, YES)
    assert verdict.status.word == says
    assert reason in verdict.reason


# ------------------------------------------------------------ unmapped, other storage, snapshots


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (pv("vol-0a"), "pass"),
        (pv("fs-0a", driver="efs.csi.aws.com", rel="filesystem"), "pass"),
        (pv(), "unknown"),
        *(
            (pv(spec={kind: {"path": "/x"}}), "unknown")
            for kind in ("hostPath", "local", "nfs", "iscsi", "fc", "cephfs", "glusterfs", "rbd", "flexVolume")
        ),
        (pv(driver="example.com/x"), "unknown"),
    ],
)
def test_storage_that_nobody_can_judge_is_unknown_never_a_pass_nor_a_fail(made: Resource, says: str) -> None:
    assert World().ask(UNMAPPED, made).status.word == says


@pytest.mark.parametrize(
    ("share", "key", "says"),
    [
        (aws.file_system(key=key_arn()), aws.key(manager="AWS"), "pass"),
        (aws.file_system(key=key_arn()), aws.key(manager="AWS", KeyState="Disabled"), "fail"),
        (aws.file_system(key=key_arn()), undescribed(), "unknown"),
        (aws.file_system(), None, "fail"),
        (None, None, "unknown"),
    ],
)
def test_a_share_is_as_its_file_system_and_the_key_of_that(
    share: Resource | None, key: Resource | None, says: str
) -> None:
    made = pv("fs-0123abcd", driver="efs.csi.aws.com", rel="filesystem")
    beside = [each for each in (share, key) if each is not None]
    assert World(beside, Policy()).ask(BACKING, made).status.word == says


def test_a_bucket_and_a_storage_account_are_judged_by_their_own_controls() -> None:
    own = bucket("AES256")
    made = pv(own.id, driver="s3.csi.aws.com", rel="bucket")
    assert judge(made, own, policy=Policy()).status is Status.PASS
    assert judge(made, bucket(None), policy=Policy()).status is Status.FAIL
    account = azure_world.account(KeyClass.PROVIDER, "Microsoft.Storage")
    made = pv(account.id.lower(), driver="file.csi.azure.com", rel="filesystem")
    assert judge(made, account, *azure_world.BESIDE, policy=Policy()).status is Status.PASS
    gcs = gcp_world.bucket()
    made = pv(gcs.id, driver="gcsfuse.csi.storage.gke.io", rel="bucket")
    assert judge(made, gcs, policy=Policy()).status is Status.PASS
    assert judge(made, gcs, policy=CUSTOMER).status is Status.FAIL
    files = gcp_world.file_system()
    made = pv(files.id, driver="filestore.csi.storage.gke.io", rel="filesystem")
    assert judge(made, files, policy=Policy()).status is Status.PASS
    assert judge(made, files, policy=CUSTOMER).status is Status.FAIL


def test_every_control_that_is_asked_judges_the_type_it_is_asked_of() -> None:
    for type_, controls in JUDGED_BY.items():
        assert set(controls) <= {control.id for control in registry().for_type(type_)}, type_


@pytest.mark.parametrize(
    ("taken", "beside", "says"),
    [
        (content(snapshot(key=ARN).id), (snapshot(key=ARN),), "unknown"),
        (content(snapshot(key=ARN).id), (snapshot(key=ARN), aws.region()), "pass"),
        (content(snapshot(key=ARN).id, given=True), (snapshot(key=ARN), aws.region()), "pass"),
        (content(snapshot().id), (snapshot(), aws.region()), "fail"),
        (
            content(gcp_world.image(gcp_world.UNDER_KEY).id),
            (gcp_world.image(gcp_world.UNDER_KEY), gcp_world.key()),
            "pass",
        ),
        (content(gcp_world.snapshot().id), (gcp_world.snapshot(),), "fail"),
        (content(None), (), "not_applicable"),
        (content(handle="snap-xyz"), (), "unknown"),
        (content("snap-0a"), (), "unknown"),
    ],
)
def test_a_snapshot_is_as_what_its_handle_names(taken: Resource, beside: tuple[Resource, ...], says: str) -> None:
    verdict = World([key(), *beside], CUSTOMER).ask(SNAPSHOT, taken)
    assert verdict.status.word == says, verdict.reason


def test_a_snapshot_that_is_proven_gone_is_worth_a_look() -> None:
    target = f"//compute.googleapis.com/projects/{gcp_world.PROJECT}/global/snapshots/gone"
    source = listed("snapshots", "gcp", gcp_world.PROJECT)
    assert World([], CUSTOMER, [source]).ask(SNAPSHOT, content(target)).status is Status.WARN
    assert World([], CUSTOMER, []).ask(SNAPSHOT, content(target)).status is Status.UNKNOWN
