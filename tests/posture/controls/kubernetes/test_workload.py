"""Workloads by their claims, what their templates mount, the nodes below them, and what is known of Secrets."""

from typing import Any

import msgspec
import pytest

from posture.policy import KeyMode, Policy
from posture.resource import Link, Resource
from posture.verdict import EvidenceClass, Status, Verdict
from tests.posture.controls.azure import world as azure_world
from tests.posture.controls.gcp import world as gcp_world
from tests.posture.controls.kubernetes.world import claim, cluster, listed, node, pv, workload
from tests.posture.controls.world import HOME, NOW, World, denied, key, key_arn, refused, volume

VOLUMES, UNMAPPED, SCRATCH = "k8s.statefulset.volumes", "k8s.pv.unmapped", "k8s.ephemeral-storage"
CUSTOMER = Policy(keys=KeyMode.CUSTOMER_MANAGED)
KINDS = ["statefulset", "deployment", "daemonset", "cronjob"]


def chain(name: str, *, encrypted: bool | None = True, **more: Any) -> list[Resource]:
    """A claim, its volume, and what is behind that; None: that was not seen."""
    behind = volume(f"vol-{name}", key=key_arn() if encrypted else None)
    made = pv(behind.id, name=f"pv-{name}", claim_uid=name)
    found = [claim(f"pv-{name}", name=name, uid=name, **more), made]
    return found if encrypted is None else [*found, behind]


WORLD = [
    key(),
    *chain("good-0"),
    *chain("good-1"),
    *chain("bad-0", encrypted=False),
    *chain("bad-1", encrypted=False),
    *chain("dark-0", encrypted=None),
    claim(None, name="new-0", phase="Pending"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("claims", "says", "reason"),
    [
        ({"good-0": "template", "good-1": "template"}, "pass", "every claim is on an encrypted volume"),
        ({"good-0": "template", "bad-0": "template"}, "fail", "bad-0: the volume is not encrypted"),
        ({"bad-0": "template", "bad-1": "left-over"}, "fail", "; 1 more"),
        ({"good-0": "template", "dark-0": "template"}, "unknown", "dark-0: "),
        ({"bad-0": "named", "dark-0": "template"}, "fail", "bad-0: "),
        ({"good-0": "template", "good-1": "left-over"}, "warn", "good-1: left over"),
        ({"good-0": "template", "bad-0": "left-over"}, "fail", "bad-0: "),
        ({"good-0": "template", "new-0": "template"}, "pass", "every claim"),
        ({"good-0": "ephemeral", "good-1": "named"}, "pass", "every claim"),
        ({"new-0": "template"}, "not_applicable", "no claim of it has a volume yet"),
        ({"good-0": "template", "gone-0": "template"}, "pass", "every claim"),
        ({"gone-0": "template"}, "not_applicable", "no claim of it has a volume yet"),
        ({}, "not_applicable", "mounts no claim"),
        ({"good-0": "Qx"}, "unknown", "claims[good-0]"),
    ],
)
def test_a_workload_is_as_the_worst_of_its_claims(kind: str, claims: dict[str, str], says: str, reason: str) -> None:
    verdict = World(WORLD, CUSTOMER, [listed("persistentvolumeclaims")]).ask(VOLUMES, workload(claims, kind))
    assert verdict.status.word == says
    assert reason in verdict.reason


def test_a_claim_that_is_not_there_is_unknown_where_the_claims_were_not_listed() -> None:
    verdict = World(WORLD, CUSTOMER).ask(VOLUMES, workload({"good-0": "template", "gone-0": "template"}))
    assert verdict.status is Status.UNKNOWN
    assert verdict.reason.startswith("gone-0: has not been seen")


def test_a_claim_without_a_link_or_a_refused_listing_is_unknown() -> None:
    bare = msgspec.structs.replace(workload({"good-0": "template"}), links=())
    assert World(WORLD, CUSTOMER).ask(VOLUMES, bare).reason == "claim good-0 was not joined"
    verdict = World(WORLD).ask(VOLUMES, refused(workload(), "k8s:statefulsets"))
    assert verdict.fault == denied("k8s:statefulsets")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("mounted", "says"),
    [
        ([], "pass"),
        ([{"name": "tmp", "emptyDir": {}}], "pass"),
        ([{"name": "tmp", "emptyDir": {"medium": "Memory"}}], "pass"),
        ([{"name": "proc", "hostPath": {"path": "/proc"}}], "pass"),
        ([{"name": "root", "hostPath": {"path": "/"}}], "pass"),
        ([{"name": "log", "hostPath": {"path": "/var/log/pods/"}}], "pass"),
        ([{"name": "sock", "hostPath": {"path": "/srv/x.sock", "type": "Socket"}}], "pass"),
        ([{"name": "data", "hostPath": {"path": "/data"}}], "unknown"),
        ([{"name": "data", "hostPath": {"path": "/process"}}], "unknown"),
        ([{"name": "data", "hostPath": {"path": "/etcetera/x"}}], "unknown"),
        ([{"name": "share", "nfs": {"server": "s", "path": "/"}}], "unknown"),
        ([{"name": "s", "csi": {"driver": "secrets-store.csi.k8s.io"}}], "pass"),
        ([{"name": "s", "csi": {"driver": "s3.csi.aws.com"}}], "unknown"),
    ],
)
def test_a_template_that_mounts_a_directory_of_the_node_is_unknown(
    kind: str, mounted: list[dict[str, Any]], says: str
) -> None:
    assert World().ask(UNMAPPED, workload({}, kind, volumes=mounted)).status.word == says


ROOT = volume("vol-root", key=key_arn())
VM = azure_world.TYPES["azure.compute.vm"]
DISK = gcp_world.disk()


@pytest.mark.parametrize(
    ("on", "beside", "says"),
    [
        (node(machine=ROOT.id), (ROOT, key()), "pass"),
        (node(machine=ROOT.id), (volume("vol-root", encrypted=False),), "fail"),
        (node(machine=VM.id), (VM,), "pass"),
        (node(machine=azure_world.instance().id), (azure_world.instance(), azure_world.scale_set()), "pass"),
        (node(machine=azure_world.instance().id), (azure_world.instance(securityProfile=None),), "warn"),
        (node(machine=azure_world.instance().id), (azure_world.scale_set(),), "unknown"),
        (node(machine=DISK.id), (DISK,), "warn"),
        (node(machine=DISK.id), (gcp_world.disk(gcp_world.UNDER_KEY), gcp_world.key()), "pass"),
        (node(machine="i-1"), (), "unknown"),
        (node(None, None), (), "unknown"),
        (node(machine=key().id), (key(),), "unknown"),
    ],
)
def test_scratch_space_is_as_the_disk_that_the_node_starts_from(
    on: Resource, beside: tuple[Resource, ...], says: str
) -> None:
    verdict = World(list(beside), CUSTOMER).ask(SCRATCH, on)
    assert verdict.status.word == says, verdict.reason
    assert verdict.status is not Status.PASS or verdict.evidence_class is EvidenceClass.ATTESTED


EKS = f"arn:aws:eks:us-east-1:{HOME}:cluster/prod"
GKE = f"//container.googleapis.com/projects/{gcp_world.PROJECT}/locations/us-central1/clusters/prod"
LISTED = [
    listed("persistentvolumes"),
    listed("ebs", "aws", f"{HOME}/us-east-1"),
    listed("disks", "gcp", gcp_world.PROJECT),
]


def tagged(name: str, cluster: str = EKS, created: str = "2026-10-01T00:00:00Z") -> Resource:
    """A volume whose tags name a cluster."""
    if cluster == GKE:
        disk = gcp_world.disk(None, name, creationTimestamp=created)
        return msgspec.structs.replace(disk, links=(Link("cluster", GKE),))
    made = volume(name, key=key_arn(), CreateTime=created)
    return msgspec.structs.replace(made, links=(*made.links, Link("cluster", cluster)))


@pytest.mark.parametrize("name", [EKS, GKE])
def test_a_volume_whose_tags_name_a_cluster_that_was_listed_in_full_and_does_not_know_it_is_an_orphan(
    name: str,
) -> None:
    own, left = tagged("vol-1", name), tagged("vol-2", name)
    whole, known = cluster(known_as=name), pv(own.id)

    def judge(*seen: Resource, asked: Any = LISTED) -> Verdict:
        return World(list(seen), asked=asked).ask("k8s.cluster.orphans", whole)

    assert judge(own, known).status is Status.PASS
    verdict = judge(own, left, known)
    assert (verdict.status, verdict.reason) == (Status.WARN, f"no PersistentVolume stands on {left.name}")
    assert verdict.valid_until == NOW + 300.0
    assert judge(own, known, tagged("vol-3", name, "2026-11-23T13:58:00Z")).status is Status.PASS, "made just now"
    assert judge(own, left, known, asked=LISTED[1:]).status is Status.UNKNOWN
    assert judge(own, known, asked=LISTED[:1]).status is Status.UNKNOWN
    assert judge().status is Status.NOT_APPLICABLE
    assert judge(own, left, tagged("vol-4", "another"), known).evidence["orphans"] == [left.name]


def test_nothing_is_an_orphan_of_a_cluster_whose_name_in_its_cloud_is_not_known() -> None:
    assert World([tagged("vol-1")], asked=LISTED).ask("k8s.cluster.orphans", cluster()).status is Status.NOT_APPLICABLE
    bare = msgspec.structs.replace(cluster(), fields={})
    assert World().ask("k8s.cluster.orphans", bare).status is Status.UNKNOWN


def test_secrets_are_never_asked_for_and_what_stands_for_them_is_counted() -> None:
    verdict = World().ask("k8s.secrets.outside-vault", cluster())
    assert (verdict.status, verdict.evidence) == (Status.UNKNOWN, {})
    counted = cluster(secretManagers={"externalsecrets": 3, "sealedsecrets": 2})
    verdict = World().ask("k8s.secrets.outside-vault", counted)
    assert (verdict.status, verdict.evidence) == (Status.UNKNOWN, {"externalsecrets": 3, "sealedsecrets": 2})
    assert verdict.reason.startswith("5 Secrets are known to be kept elsewhere")
