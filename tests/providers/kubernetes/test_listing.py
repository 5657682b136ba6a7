"""What may not be read, what is not there, what cannot be read, and whose it is."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from posture.fault import FaultKind
from posture.reports import Complete, Gone, StillSo
from providers.demo.kubernetes.cluster import CLAIM, STORAGE_CLASS, VOLUME, ebs
from tests.providers.kubernetes.room import QUICK, Room, block, opened
from tests.world.kubernetes import Kubernetes

CLASSES, CLAIMS = "storageclasses", "persistentvolumeclaims"
GP3 = "k8s://prod//storageclass/gp3"


@pytest.fixture
async def room(kubernetes: Kubernetes, tmp_path: Path) -> AsyncIterator[Room]:
    """The room on a cluster with one class, listed once."""
    kubernetes.cluster.storage_class("gp3")
    async with opened(block(kubernetes.kubeconfig(tmp_path))) as made:
        await made.poll(CLASSES)
        yield made


async def test_a_kind_that_is_forbidden_names_the_permission_and_the_others_answer(
    kubernetes: Kubernetes, tmp_path: Path
) -> None:
    for plural in ("persistentvolumes", "nodes", "statefulsets"):
        kubernetes.server.faults.add("forbid", f"k8s:{plural}")
    async with opened(block(kubernetes.kubeconfig(tmp_path))) as room:
        begun = await room.begin()
        told = {service: (await room.poll(service)).refused for service in room.sources}
    refused = {service: fault.permission for service, fault in told.items() if fault is not None}
    assert refused == {
        "persistentvolumes": "list,watch persistentvolumes",
        "nodes": "list nodes",
        "statefulsets": "list,watch statefulsets.apps",
    }
    assert {fault.permission for fault in begun.faults()} == {
        "list persistentvolumes",
        "watch persistentvolumes",
        "list nodes",
        "list statefulsets.apps",
        "watch statefulsets.apps",
    }


ROLE = {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["list", "watch"]}]}


async def test_where_only_namespaces_may_be_listed_those_that_are_configured_are(
    kubernetes: Kubernetes, tmp_path: Path
) -> None:
    for name in ("acme-a", "acme-b", "other"):
        kubernetes.cluster.claim(name, "data")
    kubernetes.server.faults.add("forbid", "k8s:persistent*", namespace="")
    kubernetes.server.faults.add("forbid", "k8s:namespaces")
    config = kubernetes.kubeconfig(tmp_path)
    async with opened(block(config, 'namespaces = ["acme-a", "acme-b"]')) as room:
        begun = await room.begin()
        made = await room.poll(CLAIMS)
        assert made.refused is None
        assert sorted(room.held) == [f"k8s://prod/acme-{x}/persistentvolumeclaim/data" for x in "ab"]
        kubernetes.cluster.delete(CLAIM, "data", "acme-a")
        assert (await room.poll(CLAIMS)).reports == [
            Gone(("k8s://prod/acme-a/persistentvolumeclaim/data",)),
            StillSo(),
        ]
        volumes = (await room.poll("persistentvolumes")).refused
        assert volumes is not None
        assert volumes.permission == "list,watch persistentvolumes"
    assert "list persistentvolumeclaims" not in {fault.permission for fault in begun.faults()}
    async with opened(block(config, 'namespaces = ["acme-*"]')) as room:
        fault = (await room.poll(CLAIMS)).refused
        assert fault is not None
        assert fault.permission == "list namespaces"


async def test_a_pattern_of_namespaces_stands_for_those_that_are_there(kubernetes: Kubernetes, tmp_path: Path) -> None:
    for name in ("acme-a", "acme-b", "other"):
        kubernetes.cluster.claim(name, "data")
    kubernetes.server.faults.add("forbid", f"k8s:{CLAIMS}", namespace="")
    async with opened(block(kubernetes.kubeconfig(tmp_path), 'namespaces = ["acme-*"]')) as room:
        await room.poll(CLAIMS)
        assert sorted(room.held) == [f"k8s://prod/acme-{x}/persistentvolumeclaim/data" for x in "ab"]


async def test_a_kind_that_the_cluster_has_not_is_told_as_such_only_by_the_server_itself(
    kubernetes: Kubernetes, tmp_path: Path
) -> None:
    server = kubernetes.server
    server.unserved.add("snapshot.storage.k8s.io")
    async with opened(block(kubernetes.kubeconfig(tmp_path))) as room:
        made = await room.poll("volumesnapshotcontents")
        assert made.refused is not None
        assert (made.refused.kind, made.refused.code) == (FaultKind.DISABLED, "NotServed")
        assert made.reports == [Complete(("k8s.volumesnapshotcontent",))]
        rule = server.faults.add("missing")
        made = await room.poll("volumesnapshotcontents")
        assert made.refused is not None
        assert made.refused.kind is FaultKind.ERROR
        server.faults.remove(rule)
        server.unserved.clear()
        assert (await room.poll("volumesnapshotcontents")).refused is None


async def test_a_row_that_cannot_be_read_is_there_with_the_reason_and_the_rest_of_its_page_stands(
    room: Room, kubernetes: Kubernetes
) -> None:
    kubernetes.cluster.put("storage.k8s.io/v1", "StorageClass", "odd", provisioner=["x"])
    made = await room.poll(CLASSES)
    assert made.refused is None
    odd = room.held["k8s://prod//storageclass/odd"]
    assert odd.faults[f"k8s:{CLASSES}"].message.startswith("odd: Expected `str | null`, got `array`")
    assert made.reports[-1] == StillSo()
    kubernetes.cluster.put("storage.k8s.io/v1", "StorageClass", "odd", provisioner="x")
    await room.poll(CLASSES)
    assert room.held["k8s://prod//storageclass/odd"].faults == {}


async def test_an_object_that_becomes_unreadable_while_it_is_watched_is_listed(
    room: Room, kubernetes: Kubernetes
) -> None:
    async with room.following(CLASSES) as follow:
        kubernetes.cluster.put("storage.k8s.io/v1", "StorageClass", "gp3", provisioner=["x"])
        await follow.ended()
    assert follow.error is None
    await room.poll(CLASSES)
    assert room.held[GP3].faults
    async with room.following(CLASSES) as follow:
        kubernetes.cluster.delete(STORAGE_CLASS, "gp3")
        await follow.until(lambda: GP3 not in room.held)


# ------------------------------------------------------------ whose it is


async def test_tenants_share_a_cluster_by_their_namespaces(kubernetes: Kubernetes, tmp_path: Path) -> None:
    for name in ("acme-a", "globex", "nobody"):
        kubernetes.cluster.bound(name, "data", ebs("vol-0123456789abcdef0"), volume=f"pv-{name}")
    config = kubernetes.kubeconfig(tmp_path)
    async with opened(block(config, 'namespaces = ["acme-*"]'), block(config, 'namespaces = ["globex"]')) as room:
        assert len(room.roots) == 1
        for service in (CLAIMS, "persistentvolumes", CLASSES):
            await room.poll(service)
        assert {resource.name: resource.tenant for resource in room.held.values()} == {
            "acme-a/data": "acme",
            "globex/data": "globex",
            "pv-acme-a": "acme",
            "pv-globex": "globex",
            "prod": "acme+globex",
        }
        async with room.following("persistentvolumes") as follow:
            kubernetes.cluster.change(VOLUME, "pv-acme-a", spec={"claimRef": {"namespace": "nobody"}})
            await follow.until(lambda: "k8s://prod//persistentvolume/pv-acme-a" not in room.held)


async def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    asked = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    config = tmp_path / "config"
    config.write_text(
        f'{{"clusters": [{{"name": "k", "cluster": {{"server": "{url}"}}}}],'
        ' "contexts": [{"name": "prod", "context": {"cluster": "k"}}], "current-context": "prod"}'
    )
    async with listening, opened(block(config), limits=QUICK) as room:
        made = await room.poll(CLASSES)
    assert made.refused is not None
    assert made.refused.code == "Redirect"
    assert not any(b"elsewhere" in each for each in asked)
