"""What the simulated API server sends is valid by Kubernetes' own schema, in which an unknown field is an error."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from providers.demo.kubernetes import answers, discovery
from providers.demo.kubernetes.cluster import Cluster, ebs, pd
from providers.demo.kubernetes.kinds import KINDS, Kind
from providers.demo.kubernetes.store import Store
from providers.demo.kubernetes.table import collection, single
from tests.world.kubernetes import defects, schema

Json = dict[str, Any]


def claims(cluster: Cluster) -> None:
    """Bound, waiting, without a class, a copy, with an owner."""
    owner = cluster.stateful_set("shop", "pg", start=2, templates=[("data", "gp3", 10), ("wal", None, 5)])
    cluster.bound("shop", "data-pg-2", ebs("vol-0abc"), zone=("topology.ebs.csi.aws.com/zone", "us-east-1a"))
    cluster.claim("shop", "waits", storage_class=None)
    cluster.claim("shop", "none", storage_class="", owner=owner)
    cluster.claim("shop", "copy", data_source={"kind": "PersistentVolumeClaim", "name": "data-pg-2"})
    cluster.volume("by-hand", pd("projects/p/zones/z/disks/d"), provisioner="", labels={"a": "b"}, reclaim="Retain")
    cluster.volume("old", {"awsElasticBlockStore": {"volumeID": "aws://us-east-1a/vol-1", "fsType": "ext4"}})


def workloads(cluster: Cluster) -> None:
    """With each way to name a volume."""
    volumes = [
        {"name": "shared", "persistentVolumeClaim": {"claimName": "shared"}},
        {"name": "scratch", "emptyDir": {}},
        {"name": "host", "hostPath": {"path": "/var/log"}},
    ]
    cluster.stateful_set("shop", "kafka", templates=(), volumes=volumes)
    cluster.deployment("shop", "web", volumes)
    cluster.daemon_set("shop", "agent", volumes)
    cluster.cron_job("shop", "backup", volumes)


def others(cluster: Cluster) -> None:
    """The rest."""
    cluster.storage_class("gp3", parameters={"encrypted": "true"}, default=True)
    cluster.snapshot_content("taken", "snap-1", of="vol-1")
    cluster.snapshot_content("by-hand", "snap-2", policy="Retain")
    cluster.node("ip-10-0-0-1", "aws:///us-east-1a/i-0abc", "us-east-1a")
    cluster.ingress("shop", "web", "shop.example")
    cluster.ingress("shop", "plain", "old.shop.example", tls=False, annotations={"a": "b"})
    cluster.gateway("shop", "edge", {"name": "https", "port": 443, "protocol": "HTTPS", "tls": {"mode": "Terminate"}})
    cluster.load_balancer("shop", "tcp", 443, 80)


@pytest.mark.parametrize("fill", [claims, workloads, others])
def test_objects_and_lists_are_valid(fill: Callable[[Cluster], None]) -> None:
    cluster = Cluster(Store())
    fill(cluster)
    for kind in KINDS:
        objects = cluster.store.objects(kind)[0]
        for each in objects:
            body = json.loads(single(each, "whole"))
            assert (body["metadata"]["name"], defects(body)) == (body["metadata"]["name"], [])
        if objects and f"{kind.api_version} {kind.kind}List" in schema()["roots"]:
            assert defects(json.loads(collection(kind, objects, {"resourceVersion": "9"}, "whole"))) == []


def test_a_misspelt_field_is_a_defect() -> None:
    """Else the test above would prove nothing."""
    cluster = Cluster(Store())
    body = cluster.claim("shop", "data")
    assert defects(body) == []
    assert defects({**body, "spec": {**body["spec"], "storageClas": "gp3"}}) != []


@pytest.mark.parametrize("path", ["/api", "/apis", "/api/v1", "/apis/apps", "/apis/apps/v1", "/apis/storage.k8s.io/v1"])
def test_discovery_is_valid(path: str) -> None:
    body = discovery.document(path)
    assert body is not None
    assert defects(body) == []


def test_refusals_are_valid() -> None:
    asked = answers.Asked("list", "/x", Kind("apps", "v1", "statefulsets", "StatefulSet", True), "shop", user="jane")
    for body in (
        answers.unauthorized(),
        answers.forbidden(asked),
        answers.forbidden(answers.Asked("get", "/metrics", user="jane")),
        answers.not_found(KINDS[0], "x"),
        answers.not_allowed(),
        answers.not_acceptable(),
        answers.unsupported(),
        answers.bad_request("no"),
        answers.invalid("ListOptions", "limit", "no"),
        answers.expired_list("token"),
        answers.expired_watch(1, 2),
        answers.too_large(2, 1),
        answers.warming(),
        answers.internal("no"),
    ):
        assert defects(body) == []
