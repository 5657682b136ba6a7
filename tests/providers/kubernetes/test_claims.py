"""Which claims a workload has, told without its pods; and what else the objects of a cluster point at."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posture.reports import Batch
from posture.resource import Resource
from providers.demo.kubernetes.cluster import CLAIM, STATEFUL_SET, STORAGE_CLASS, ebs, pd, selector
from providers.kubernetes.claims import MOST_EXPECTED, Claims
from providers.kubernetes.decode import Claim, Meta, Owner
from providers.kubernetes.decode_workloads import (
    ClaimTemplate,
    Ordinals,
    Selector,
    TemplateMeta,
    Workload,
    WorkloadSpec,
)
from tests.providers.kubernetes.room import Room, block, opened
from tests.world.kubernetes import Kubernetes

CLAIMS, SETS = "persistentvolumeclaims", "statefulsets"


@pytest.fixture
async def room(kubernetes: Kubernetes, tmp_path: Path) -> AsyncIterator[Room]:
    """The room on an empty cluster."""
    async with opened(block(kubernetes.kubeconfig(tmp_path))) as made:
        yield made


async def workload(room: Room, service: str, name: str) -> Resource:
    """A workload as it is reported, the claims having been listed before."""
    for each in (CLAIMS, service):
        assert (await room.poll(each)).refused is None
    return room.held[f"k8s://prod/acme/{service.removesuffix('s')}/{name}"]


def claims(resource: Resource) -> dict[str, str]:
    """Its claims, which are its links too."""
    said: dict[str, str] = resource.fields["claims"]
    assert [link.to for link in resource.links] == [f"k8s://prod/acme/persistentvolumeclaim/{name}" for name in said]
    assert {link.rel for link in resource.links} <= {"claim"}
    return said


async def test_a_set_has_the_claims_of_its_ordinals_there_or_not_and_what_is_left_over(
    room: Room, kubernetes: Kubernetes
) -> None:
    cluster = kubernetes.cluster
    cluster.stateful_set("acme", "pg", replicas=2, start=3, templates=(("data", "gp3", 10), ("wal", "gp3", 1)))
    for name in ("data-pg-3", "data-pg-0", "wal-pg-12"):
        cluster.claim("acme", name, labels=selector("pg"))
    cluster.claim("acme", "data-pg-7", labels={"app.kubernetes.io/name": "another"})
    cluster.claim("acme", "data-pg-08", labels=selector("pg"))
    cluster.claim("acme", "data-pg-x-1", labels=selector("pg"))
    cluster.claim("other", "data-pg-1", labels=selector("pg"))
    assert claims(await workload(room, SETS, "pg")) == {
        "data-pg-3": "template",
        "data-pg-4": "template",
        "data-pg-0": "left-over",
        "wal-pg-3": "template",
        "wal-pg-4": "template",
        "wal-pg-12": "left-over",
    }


async def test_left_over_claims_of_two_sets_whose_claims_are_called_alike_are_told_apart_by_labels(
    room: Room, kubernetes: Kubernetes
) -> None:
    cluster = kubernetes.cluster
    cluster.stateful_set("acme", "b", replicas=0, templates=(("x-a", "gp3", 1),))
    cluster.stateful_set("acme", "a-b", replicas=0, templates=(("x", "gp3", 1),))
    cluster.claim("acme", "x-a-b-0", labels=selector("b"))
    assert claims(await workload(room, SETS, "b")) == {"x-a-b-0": "left-over"}
    assert claims(room.held["k8s://prod/acme/statefulset/a-b"]) == {}


async def test_replicas_that_are_not_said_are_one(room: Room, kubernetes: Kubernetes) -> None:
    body = kubernetes.cluster.stateful_set("acme", "pg")
    kubernetes.cluster.delete(STATEFUL_SET, "pg", "acme")
    del body["spec"]["replicas"]
    kubernetes.server.store.put(body)
    assert claims(await workload(room, SETS, "pg")) == {"data-pg-0": "template"}


VOLUMES: list[dict[str, Any]] = [
    {"name": "shared", "persistentVolumeClaim": {"claimName": "uploads"}},
    {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"]}}}},
    {"name": "tmp", "emptyDir": {}},
    {"name": "memory", "emptyDir": {"medium": "Memory"}},
    {"name": "host", "hostPath": {"path": "/data", "type": "Directory"}},
    {"name": "password", "secret": {"secretName": "canary"}},
    {"name": "settings", "configMap": {"name": "canary"}},
    {"name": "files", "nfs": {"server": "nfs.example", "path": "/x"}},
]
MOUNTED = [
    {"name": "tmp", "emptyDir": {}},
    {"name": "memory", "emptyDir": {"medium": "Memory"}},
    {"name": "host", "hostPath": {"path": "/data", "type": "Directory"}},
    {"name": "files", "nfs": {"server": "nfs.example", "path": "/x"}},
]


def pod(name: str) -> dict[str, Any]:
    """What a claim that lives with a pod belongs to."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "uid": "u"}}


@pytest.mark.parametrize(
    ("service", "own"),
    [
        ("statefulsets", ["web-0", "web-1"]),
        ("deployments", ["web-6f9d7c8b5-x2x4z"]),
        ("daemonsets", ["web-x2x4z"]),
        ("cronjobs", ["web-29123456-x2x4z"]),
    ],
)
async def test_a_template_names_claims_and_makes_some_that_live_with_their_pod(
    service: str, own: list[str], room: Room, kubernetes: Kubernetes
) -> None:
    cluster = kubernetes.cluster
    {
        "statefulsets": lambda: cluster.stateful_set("acme", "web", replicas=2, templates=(), volumes=VOLUMES),
        "deployments": lambda: cluster.deployment("acme", "web", VOLUMES),
        "daemonsets": lambda: cluster.daemon_set("acme", "web", VOLUMES),
        "cronjobs": lambda: cluster.cron_job("acme", "web", VOLUMES),
    }[service]()
    for name in own:
        cluster.claim("acme", f"{name}-scratch", owner=pod(name))
    cluster.claim("acme", "webb-x2x4z-scratch", owner=pod("webb-x2x4z"))
    cluster.claim("acme", "web-y2y4y-scratch")
    found = await workload(room, service, "web")
    assert claims(found) == {"uploads": "named", **{f"{name}-scratch": "ephemeral" for name in own}}
    assert found.fields["templateVolumes"] == MOUNTED
    assert "template" not in found.fields["spec"]
    assert "canary" not in repr(found)


async def test_a_workload_is_told_again_when_a_claim_of_it_comes_or_goes_and_no_other_is(
    room: Room, kubernetes: Kubernetes
) -> None:
    cluster = kubernetes.cluster
    for name in ("pg", "redis"):
        cluster.stateful_set("acme", name, replicas=1)
    await workload(room, SETS, "pg")
    async with room.following(CLAIMS) as follow, room.following(SETS) as sets:
        cluster.claim("acme", "data-pg-5", labels=selector("pg"))
        await sets.until(lambda: "data-pg-5" in room.held["k8s://prod/acme/statefulset/pg"].fields["claims"])
        cluster.change(CLAIM, "data-pg-5", "acme", status={"phase": "Bound"})
        await follow.until(lambda: len(follow.said(Batch)) == 2)
        cluster.delete(CLAIM, "data-pg-5", "acme")
        await sets.until(lambda: "data-pg-5" not in room.held["k8s://prod/acme/statefulset/pg"].fields["claims"])
    assert [[each.name for each in report.resources] for report in sets.said(Batch)] == [["acme/pg"], ["acme/pg"]]


async def test_a_claim_points_at_its_volume_and_at_the_class_of_its_annotation_before_that_of_its_spec(
    room: Room, kubernetes: Kubernetes
) -> None:
    cluster = kubernetes.cluster
    cluster.bound("acme", "data", ebs("vol-0123456789abcdef0"), volume="pv-1")
    old = {"volume.beta.kubernetes.io/storage-class": "gp2", "kubectl.kubernetes.io/last-applied": "x"}
    cluster.claim("acme", "old", annotations=old)
    cluster.claim("acme", "none", storage_class="")
    await room.poll(CLAIMS)
    links = {resource.name: [(link.rel, link.to) for link in resource.links] for resource in room.held.values()}
    assert links == {
        "acme/data": [("volume", "k8s://prod//persistentvolume/pv-1"), ("class", "k8s://prod//storageclass/gp3")],
        "acme/old": [("class", "k8s://prod//storageclass/gp2")],
        "acme/none": [],
    }
    kept = room.held["k8s://prod/acme/persistentvolumeclaim/old"].fields
    assert kept["metadata"]["annotations"] == {"volume.beta.kubernetes.io/storage-class": "gp2"}
    assert "managedFields" not in repr(room.held)
    assert room.held["k8s://prod/acme/persistentvolumeclaim/data"].cells == ("pv-1", "gp3", "10 GiB", "Bound")


async def test_a_class_points_at_its_key_and_keeps_its_parameters_but_for_secrets(
    room: Room, kubernetes: Kubernetes
) -> None:
    arn = "arn:aws:kms:us-east-1:111122223333:key/1"
    parameters = {"encrypted": "true", "kmsKeyId": arn, "csi.storage.k8s.io/node-stage-SECRET-name": "canary"}
    kubernetes.cluster.storage_class("gp3", parameters=parameters)
    await room.poll("storageclasses")
    found = room.held["k8s://prod//storageclass/gp3"]
    assert found.fields["parameters"] == {"encrypted": "true", "kmsKeyId": arn}
    assert [(link.rel, link.to) for link in found.links] == [("cluster", "k8s://prod"), ("key", arn)]


async def test_the_cluster_has_its_default_classes_newest_first_and_of_equal_age_by_name(
    room: Room, kubernetes: Kubernetes
) -> None:
    cluster = kubernetes.cluster

    def defaults() -> list[str]:
        return [link.to.rpartition("/")[2] for link in room.held["k8s://prod"].links if link.rel == "default-class"]

    await room.poll("storageclasses")
    assert defaults() == []
    async with room.following("storageclasses") as follow:
        cluster.storage_class("b", default=True, days=10)
        cluster.storage_class("a", default=True, days=10)
        cluster.storage_class("new", annotations={"storageclass.beta.kubernetes.io/is-default-class": "true"}, days=1)
        cluster.storage_class("old", default=True, days=20)
        cluster.storage_class("not", annotations={"storageclass.kubernetes.io/is-default-class": "True"}, days=0)
        await follow.until(lambda: len(defaults()) == 4)
        assert defaults() == ["new", "a", "b", "old"]
        cluster.delete(STORAGE_CLASS, "new")
        await follow.until(lambda: defaults() == ["a", "b", "old"])


async def test_a_disk_that_does_not_name_its_project_is_found_once_something_else_names_it(
    room: Room, kubernetes: Kubernetes
) -> None:
    cluster = kubernetes.cluster
    cluster.volume(
        "old", {"gcePersistentDisk": {"pdName": "d"}}, labels={"topology.kubernetes.io/zone": "us-central1-a"}
    )
    await room.poll("persistentvolumes")
    old = "k8s://prod//persistentvolume/old"
    assert (room.held[old].links[:-1], room.held[old].fields["handle"]) == ((), "project-unspecified")
    async with room.following("persistentvolumes") as follow:
        cluster.volume("new", pd("projects/acme/zones/us-central1-a/disks/e"))
        await follow.until(lambda: "handle" not in room.held[old].fields)
    assert room.held[old].links[0].to == "//compute.googleapis.com/projects/acme/zones/us-central1-a/disks/d"


async def test_a_gateway_says_what_its_routes_do_and_is_told_again_when_they_change(
    room: Room, kubernetes: Kubernetes
) -> None:
    cluster = kubernetes.cluster
    cluster.gateway("acme", "gw", {"name": "http", "port": 80, "protocol": "HTTP"})
    redirect = {"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}]}
    parents = [{"name": "gw", "sectionName": "http"}, {"name": "elsewhere"}]

    def route(namespace: str, name: str, *rules: dict[str, Any], parents: list[dict[str, str]]) -> None:
        spec = {"parentRefs": parents, "rules": list(rules)}
        cluster.put("gateway.networking.k8s.io/v1", "HTTPRoute", name, namespace, spec=spec)

    route("acme", "to-https", redirect, parents=parents)
    await room.poll("gateways")
    gateway = "k8s://prod/acme/gateway/gw"
    assert "httpRoutes" not in room.held[gateway].fields, "while nobody has listed them"
    await room.poll("httproutes")
    await room.poll("gateways")
    assert room.held[gateway].fields["httpRoutes"] == [
        {"name": "acme/to-https", "redirects": True, "sectionName": "http"}
    ]
    async with room.following("httproutes"), room.following("gateways") as follow:
        route("other", "plain", {"filters": []}, parents=[{"name": "gw", "namespace": "acme"}])
        await follow.until(lambda: len(room.held[gateway].fields["httpRoutes"]) == 2)
    assert room.held[gateway].fields["httpRoutes"][1] == {"name": "other/plain", "redirects": False}


async def test_only_services_with_a_load_balancer_let_somebody_in(room: Room, kubernetes: Kubernetes) -> None:
    internal = {"service.beta.kubernetes.io/aws-load-balancer-internal": "true", "x/snippet": "canary"}
    kubernetes.cluster.load_balancer("acme", "web", 80, 443, annotations=internal)
    kubernetes.cluster.put("v1", "Service", "db", "acme", spec={"type": "ClusterIP", "ports": [{"port": 5432}]})
    await room.poll("services")
    assert list(room.held) == ["k8s://prod/acme/service/web"]
    assert "canary" not in repr(room.held)
    assert room.held["k8s://prod/acme/service/web"].cells[0] == "80, 443"


# ------------------------------------------------------------ laws

NAMES = st.sampled_from(["a", "b", "a-b", "x", "x-a", "0", "a-0"])


def stateful_set(name: str, templates: list[str], replicas: int, start: int) -> Workload:
    """A set in acme."""
    made = [ClaimTemplate(TemplateMeta(each)) for each in templates]
    labels = Selector({"app": name})
    spec = WorkloadSpec(replicas=replicas, ordinals=Ordinals(start), selector=labels, volumeClaimTemplates=made)
    return Workload(Meta(name, "acme"), spec)


@given(
    name=NAMES,
    templates=st.lists(NAMES, max_size=2, unique=True),
    replicas=st.integers(0, 3),
    start=st.integers(0, 2),
    there=st.lists(st.tuples(NAMES, NAMES, st.integers(0, 6), NAMES), max_size=12),
    gone=st.sets(st.integers(0, 11)),
)
def test_a_set_has_all_that_its_ordinals_name_and_what_is_labelled_as_its_own(
    name: str,
    templates: list[str],
    replicas: int,
    start: int,
    there: list[tuple[str, str, int, str]],
    gone: set[int],
) -> None:
    known, left = Claims(), dict[str, str]()
    for template, owner, ordinal, label in there:
        known.put(Claim(Meta(f"{template}-{owner}-{ordinal}", "acme", labels={"app": label})))
        left[f"{template}-{owner}-{ordinal}"] = label
    for index, (template, owner, ordinal, _) in enumerate(there):
        if index in gone:
            known.drop("acme", f"{template}-{owner}-{ordinal}")
            left.pop(f"{template}-{owner}-{ordinal}", None)
    found = known.of(stateful_set(name, templates, replicas, start), "statefulset")
    expected = {
        f"{each}-{name}-{ordinal}": "template" for each in templates for ordinal in range(start, start + replicas)
    }
    stems = {f"{each}-{name}-{ordinal}" for each in templates for ordinal in range(7)}
    expected |= {each: "left-over" for each in stems & left.keys() - expected.keys() if left[each] == name}
    assert found == expected


def test_replicas_without_end_name_no_more_claims_than_can_be_shown() -> None:
    known = Claims()
    known.put(Claim(Meta("data-pg-1999999999", "acme", labels={"app": "pg"})))
    found = known.of(stateful_set("pg", ["data"], 2_000_000_000, 0), "statefulset")
    assert len(found) == MOST_EXPECTED + 1
    assert found["data-pg-1999999999"] == "template"


def test_a_claim_tells_those_who_wait_only_when_what_they_look_at_changes() -> None:
    known = Claims()
    moved, touched = known.subscribe()
    claim = Claim(Meta("c", "acme", labels={"a": "b"}, ownerReferences=[Owner("Pod", "p")]))
    known.put(claim)
    assert (moved.is_set(), touched) == (True, {"acme"})
    moved.clear()
    known.put(claim)
    known.drop("acme", "other")
    assert not moved.is_set()
