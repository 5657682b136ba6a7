"""The clusters of the simulated tenants: their volumes exist in the clouds, by every tag; valid, repeatable, moving."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from providers.collector.collector import Collector
from providers.collector.config import parse
from providers.demo.aws import world
from providers.demo.aws.accounts import ACCOUNT, SECOND
from providers.demo.azure import world as globex
from providers.demo.gcp import tenant
from providers.demo.kubernetes import live, tenants
from providers.demo.kubernetes.cluster import CLAIM, INGRESS, STATEFUL_SET, STORAGE_CLASS, VOLUME
from providers.demo.kubernetes.kinds import KINDS
from providers.demo.kubernetes.running import Running
from providers.demo.kubernetes.server import Server
from providers.demo.kubernetes.table import whole
from providers.demo.kubernetes.tenants import Clusters
from tests.world.aws import Aws
from tests.world.azure import Azure
from tests.world.gcp import Google
from tests.world.kubernetes import defects, schema

Json = dict[str, Any]


class Company:
    """The clouds, and the clusters on them."""

    def __init__(self, aws: Aws, azure: Azure, google: Google) -> None:
        for server in (aws, azure, google.server):
            server.reset()
        self.acme = world.seed(aws.faults)
        globex.seed(azure.server)
        self.azure, self.initech = azure.server.estate, tenant.seed(google.server)
        self.clusters: Clusters = tenants.start(self.acme, lambda: self.azure, self.initech)

    def of(self, context: str) -> Running:
        """A cluster."""
        return next(each for each in self.clusters.running if each.context == context)


@pytest.fixture(scope="module")
def company(aws_server: Aws, azure_server: Azure, google_server: Google) -> Iterator[Company]:
    """Once for all tests of this file; `live` has not begun."""
    made = Company(aws_server, azure_server, google_server)
    yield made
    made.clusters.stop()


def bodies(running: Running, kind: Any) -> dict[str, Json]:
    """The objects of a kind by `NAMESPACE/NAME`."""
    return {"/".join(each.name): each.body for each in running.server.store.objects(kind)[0]}


def handles(running: Running, driver: str) -> dict[str, str]:
    """PV -> handle."""
    found = {name[1:]: body["spec"].get("csi", {}) for name, body in bodies(running, VOLUME).items()}
    return {name: csi["volumeHandle"] for name, csi in found.items() if csi.get("driver") == driver}


def test_every_ebs_volume_exists_and_says_whose_it_is(company: Company) -> None:
    for context, account, region in (("prod-use1", ACCOUNT, "us-east-1"), ("staging-euw1", SECOND, "eu-west-1")):
        ec2 = company.acme.regions[account, region].ec2
        found = handles(company.of(context), "ebs.csi.aws.com")
        assert len(found) > 60
        claims = bodies(company.of(context), CLAIM)
        for pv, handle in found.items():
            assert handle in ec2.volumes
            tags = ec2.tags[handle]
            assert (tags["CSIVolumeName"], tags["KubernetesCluster"]) == (pv, context)
            claim = "/".join(tags[f"kubernetes.io/created-for/pvc/{what}"] for what in ("namespace", "name"))
            assert claim == "acme-build/jenkins-home" or claims[claim]["spec"]["volumeName"] == pv


def test_every_azure_disk_exists(company: Company) -> None:
    found = handles(company.of("aks-prod-weu"), "disk.csi.azure.com")
    assert len(found) > 50
    assert [handle for handle in found.values() if company.azure.get(handle) is None] == []


def test_every_persistent_disk_exists(company: Company) -> None:
    for context in ("prod-usc1", "prod-euw1"):
        found = handles(company.of(context), "pd.csi.storage.gke.io")
        assert len(found) > 17
        for pv, handle in found.items():
            _, project, *place, _, name = handle.split("/")
            disk = company.initech.compute["disks"]["/".join(place)][name]
            assert project == company.initech.name
            if "description" in disk:
                assert json.loads(disk["description"])["kubernetes.io/created-for/pv/name"] == pv


def test_the_claims_of_every_stateful_set_are_there(company: Company) -> None:
    for running in company.clusters.running:
        claims = bodies(running, CLAIM)
        for name, body in bodies(running, STATEFUL_SET).items():
            namespace, spec = name.split("/")[0], body["spec"]
            start = spec.get("ordinals", {}).get("start", 0)
            for template in spec["volumeClaimTemplates"]:
                for number in range(start, start + spec["replicas"]):
                    claim = f"{namespace}/{template['metadata']['name']}-{body['metadata']['name']}-{number}"
                    held = claims[claim]
                    assert held["metadata"]["labels"].items() >= spec["selector"]["matchLabels"].items()
                    assert held["status"]["phase"] == "Bound"


def test_a_handful_is_not_as_promised(company: Company) -> None:
    staging = company.of("staging-euw1")
    ec2 = company.acme.regions[SECOND, "eu-west-1"].ec2
    plain = {pv for pv, handle in handles(staging, "ebs.csi.aws.com").items() if not ec2.volumes[handle].encrypted}
    claims = {name for name, body in bodies(staging, CLAIM).items() if body["spec"].get("volumeName") in plain}
    assert claims == {
        "acme-orders/orders-dump",
        "acme-orders/data-orders-replay-1",
        "acme-build/data-load-generator-0",
    }
    classes = bodies(staging, STORAGE_CLASS)
    assert classes["/gp3"]["parameters"]["encrypted"] == "true"
    assert classes["/gp3-fast"]["parameters"]["encrypted"] == "yes"
    production = company.of("prod-use1")
    default = [body for body in bodies(production, STORAGE_CLASS).values() if "annotations" in body["metadata"]]
    assert [body["parameters"] for body in default] == [{"type": "gp3"}]
    dying = bodies(production, STORAGE_CLASS)["/gp3-payments"]["parameters"]["kmsKeyId"]
    assert company.acme.regions[ACCOUNT, "us-east-1"].kms.keys[dying.rpartition("/")[2]].key_state == "PendingDeletion"
    assert "acme-platform/data-kafka-9" in bodies(production, CLAIM)
    assert bodies(production, STATEFUL_SET)["acme-platform/kafka"]["spec"]["replicas"] == 9


def test_every_object_is_valid(company: Company) -> None:
    seen = set()
    for running in company.clusters.running:
        for kind in KINDS:
            for each in running.server.store.objects(kind)[0]:
                shape = json.dumps(_shape(each.body))
                if f"{kind.api_version} {kind.kind}" in schema()["roots"] and shape not in seen:
                    seen.add(shape)
                    assert (each.name, defects(json.loads(whole(each)))) == (each.name, [])
    assert len(seen) > 30


def _shape(body: Any) -> Any:
    """What a body looks like without its values: those that look the same are checked once."""
    if isinstance(body, dict):
        return {name: _shape(value) for name, value in body.items() if name != "managedFields"}
    return [_shape(value) for value in body[:1]] if isinstance(body, list) else type(body).__name__


def test_claims_come_grow_and_go_while_one_watches(company: Company) -> None:
    stopped = threading.Event()
    enough = {"Pending", "Bound", "grown", "gone", "scaled", "left over", "another default", "no TLS"}
    happened = Counter(dict.fromkeys(enough, 0))

    def tell(event: Any) -> None:
        body, kind = event.object.body, event.object.kind.kind
        if kind == "PersistentVolumeClaim" and body["metadata"]["name"].startswith("build-"):
            grown = body["spec"]["resources"]["requests"] != body.get("status", {}).get("capacity")
            happened[body["status"]["phase"]] += 1
            happened["grown"] += event.type == "MODIFIED" and grown
            happened["gone"] += event.type == "DELETED"
        if kind == "StatefulSet" and event.before is not None:
            happened["scaled"] += body["spec"]["replicas"] > event.before.body["spec"]["replicas"]
            happened["left over"] += body["spec"]["replicas"] < event.before.body["spec"]["replicas"]
        happened["another default"] += kind == "StorageClass" and event.type == "ADDED"
        happened["no TLS"] += kind == "Ingress" and "tls" not in body["spec"]

    before = {running.context: _census(running) for running in company.clusters.running}
    for running in company.clusters.running:
        for kind in KINDS:
            running.server.store.follow(kind, running.server.store.revision, tell)
    thread = threading.Thread(
        target=live.live, args=(company.clusters.running, stopped), kwargs={"speed": 3000.0}, daemon=True
    )
    thread.start()
    end = time.monotonic() + 20
    while time.monotonic() < end and not all(happened.values()):
        time.sleep(0.005)
    stopped.set()
    thread.join()
    assert all(happened.values()), happened
    for running in company.clusters.running:
        assert before[running.context] <= _census(running)  # what was there before is there still


KINDS_OF = {
    CLAIM: "k8s.persistentvolumeclaim",
    VOLUME: "k8s.persistentvolume",
    STATEFUL_SET: "k8s.statefulset",
    STORAGE_CLASS: "k8s.storageclass",
    INGRESS: "k8s.ingress",
}


def _held(collector: Collector, context: str) -> set[tuple[str, str]]:
    """What a collector shows of a cluster: type and name."""
    entries = [entry for entry in collector.model.all() if entry.resource.scope == context]
    return {
        (entry.resource.type, entry.resource.name)
        for entry in entries
        if entry.resource.type in KINDS_OF.values() and not entry.not_in_last_poll
    }


def _there(running: Running) -> set[tuple[str, str]]:
    objects = ((type, each.name) for kind, type in KINDS_OF.items() for each in running.server.store.objects(kind)[0])
    return {(type, "/".join(part for part in name if part)) for type, name in objects}


async def test_a_collector_holds_what_the_clusters_hold_through_cut_and_expired_watches(company: Company) -> None:
    clusters, stopped = company.clusters.by_tenant["initech"], threading.Event()
    own = company.clusters.configuration("initech")
    collector = Collector(parse(f'[[tenant]]\nname = "initech"\n{own}', "demo"))
    collector.poller.add(collector.sources())
    await asyncio.wait_for(collector.poller.settled(), 60)
    thread = threading.Thread(target=live.live, args=(clusters, stopped), kwargs={"speed": 60.0}, daemon=True)
    thread.start()
    try:
        async with asyncio.timeout(60):
            for disturb in (Server.cut_streams, Server.expire_streams, Server.end_streams):
                for running in clusters:
                    before, server = running.server.store.revision, running.server
                    while server.store.revision < before + 10:  # noqa: ASYNC110 - changed by another thread
                        await asyncio.sleep(0.01)
                    server.store.compact()
                    disturb(server)
            stopped.set()
            for running in clusters:
                while _held(collector, running.context) != _there(running):  # noqa: ASYNC110 - the model has no event
                    await asyncio.sleep(0.02)
    finally:
        stopped.set()
        await collector.poller.stop()
        thread.join()
    for running in clusters:
        assert {asked.verb for asked in running.server.log} <= {"get", "list", "watch", "create"}
        assert running.server.violations == []


def _census(running: Running) -> set[str]:
    return {f"{kind.plural} {each.name}" for kind in KINDS for each in running.server.store.objects(kind)[0]}
