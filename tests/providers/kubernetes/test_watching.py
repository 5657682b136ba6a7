"""A list, and then a watch, against a real server over a real socket: what is told, what is not told twice, and every
way in which a watch ends.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posture.fault import FaultKind
from posture.reports import Batch, Complete, Gone, ReadRefused, StillSo
from providers.cadence import Cadence
from providers.demo.kubernetes.cluster import CLAIM, STATEFUL_SET, STORAGE_CLASS
from providers.demo.kubernetes.server import Server
from providers.demo.kubernetes.watch import Settings
from providers.kubernetes.client import KubeLimits
from providers.kubernetes.listing import parted
from tests.providers.kubernetes.room import QUICK, Following, Room, block, faults, opened
from tests.world.kubernetes import Kubernetes

CLASSES, CLAIMS, SETS = "storageclasses", "persistentvolumeclaims", "statefulsets"
GP3 = "k8s://prod//storageclass/gp3"
SHORT = KubeLimits(connect=2.0, read=5.0, silence=0.3, settle=0.05, backoff=(0.01, 0.05))


@contextlib.asynccontextmanager
async def listed(kubernetes: Kubernetes, folder: Path, limits: KubeLimits = QUICK) -> AsyncIterator[Room]:
    """The room on a cluster with one class, listed once."""
    kubernetes.cluster.storage_class("gp3")
    async with opened(block(kubernetes.kubeconfig(folder)), limits=limits) as made:
        await made.poll(CLASSES)
        yield made


@pytest.fixture
async def room(kubernetes: Kubernetes, tmp_path: Path) -> AsyncIterator[Room]:
    """The same, while a test runs."""
    async with listed(kubernetes, tmp_path) as made:
        yield made


def lists(server: Server, plural: str = CLASSES) -> int:
    """How often a kind was listed."""
    return server.log.count(f"k8s:{plural}", verb="list")


def watches(server: Server, plural: str = CLASSES) -> int:
    """How often it was watched."""
    return server.log.count(f"k8s:{plural}", verb="watch")


async def heard(follow: Following, kubernetes: Kubernetes) -> None:
    """Let the watch say something, so that it is known to reach us."""
    kubernetes.cluster.storage_class("heard")
    await follow.until(lambda: "k8s://prod//storageclass/heard" in follow._room.held)


# ------------------------------------------------------------ what is told


async def test_a_list_is_read_in_pages_of_five_hundred_under_gzip(kubernetes: Kubernetes, tmp_path: Path) -> None:
    for number in range(1001):
        kubernetes.cluster.claim("acme", f"data-{number}")
    async with opened(block(kubernetes.kubeconfig(tmp_path))) as room:
        made = await room.poll(CLAIMS)
    batches = [len(report.resources) for report in made.reports if isinstance(report, Batch)]
    assert batches == [500, 500, 1]
    assert made.reports[-1] == Complete(("k8s.persistentvolumeclaim",))
    asked = [each for each in kubernetes.server.log if each.operation == f"k8s:{CLAIMS}"]
    assert [each.query["limit"] for each in asked] == ["500"] * 3
    assert not any("resourceVersion" in each.query for each in asked)


async def test_what_comes_changes_and_goes_is_told_as_it_happens(room: Room, kubernetes: Kubernetes) -> None:
    async with room.following(CLASSES) as follow:
        kubernetes.cluster.storage_class("io2")
        await follow.until(lambda: "k8s://prod//storageclass/io2" in room.held)
        kubernetes.cluster.change(STORAGE_CLASS, "gp3", allowVolumeExpansion=False)
        await follow.until(lambda: room.held[GP3].fields["allowVolumeExpansion"] is False)
        kubernetes.cluster.delete(STORAGE_CLASS, "gp3")
        await follow.until(lambda: GP3 not in room.held)
    assert follow.said(Gone) == [Gone((GP3,))]


async def test_an_event_that_changes_nothing_that_is_kept_is_not_told_but_is_evidence(
    kubernetes: Kubernetes, tmp_path: Path
) -> None:
    kubernetes.cluster.stateful_set("acme", "pg")
    async with opened(block(kubernetes.kubeconfig(tmp_path))) as room:
        await room.poll(SETS)
        async with room.following(SETS) as follow:
            kubernetes.cluster.change(STATEFUL_SET, "pg", "acme", status={"readyReplicas": 2})
            await follow.until(lambda: bool(follow.said(StillSo)))
            kubernetes.cluster.change(STATEFUL_SET, "pg", "acme", spec={"replicas": 4})
            await follow.until(lambda: bool(follow.said(Batch)))
    assert [len(batch.resources) for batch in follow.said(Batch)] == [1]
    assert len(follow.said(StillSo)) == 1, "told once in a while, not with every event"


async def test_a_bookmark_says_that_all_is_still_so_and_how_far_the_watch_has_come(
    room: Room, kubernetes: Kubernetes
) -> None:
    kubernetes.server.settings = Settings(bookmark=0.02)
    async with room.following(CLASSES) as follow:
        await follow.until(lambda: len(follow.said(StillSo)) > 2)
        assert follow.reports == follow.said(StillSo)
        kubernetes.server.store.advance(5)
        wanted = str(kubernetes.server.store.revision)
        await follow.until(lambda: room.watched(CLASSES)._version == wanted)


async def test_a_watch_asks_for_bookmarks_from_the_lists_version_and_says_how_long(
    room: Room, kubernetes: Kubernetes
) -> None:
    async with room.following(CLASSES) as follow:
        await heard(follow, kubernetes)
    asked = next(each for each in kubernetes.server.log if each.verb == "watch")
    assert asked.query["allowWatchBookmarks"] == "true"
    assert asked.query["resourceVersion"].isdecimal()
    assert 300 <= int(asked.query["timeoutSeconds"]) <= 600


async def test_a_second_list_tells_only_what_has_changed(room: Room, kubernetes: Kubernetes) -> None:
    kubernetes.cluster.storage_class("io2")
    kubernetes.cluster.delete(STORAGE_CLASS, "gp3")
    made = await room.poll(CLASSES)
    assert [[each.name for each in report.resources] for report in made.reports if isinstance(report, Batch)] == [
        ["io2"]
    ]
    assert made.reports[-2:] == [Gone((GP3,)), StillSo()]


async def test_after_a_watch_that_was_broken_off_all_is_told_again(room: Room, kubernetes: Kubernetes) -> None:
    async with room.following(CLASSES) as follow:
        await heard(follow, kubernetes)
    made = await room.poll(CLASSES)
    assert Complete(("k8s.storageclass", "k8s.cluster")) in made.reports
    assert {each.name for report in made.reports if isinstance(report, Batch) for each in report.resources} == {
        "gp3",
        "heard",
        "prod",
    }


async def test_a_page_that_is_as_it_was_is_told_again_where_a_watch_told_otherwise_since(
    room: Room, kubernetes: Kubernetes
) -> None:
    def read(body: bytes) -> bool:
        return room.watched(CLASSES)._read(body)[1].same

    client = room.watched(CLASSES).shared.client
    body = await client.raw("k8s:storageclasses", "", "/apis/storage.k8s.io/v1/storageclasses", {"limit": 500})
    assert read(body), "nothing has changed: its objects are not read again"
    assert not read(body.replace(b"ebs.csi.aws.com", b"efs.csi.aws.com"))
    async with room.following(CLASSES) as follow:
        kubernetes.cluster.change(STORAGE_CLASS, "gp3", allowVolumeExpansion=False)
        await follow.until(lambda: room.held[GP3].fields["allowVolumeExpansion"] is False)
        assert not read(body), "a server may answer with what was before"


JSON = st.recursive(
    st.none() | st.integers() | st.sampled_from(["items", '"items":[', "kind"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["items", "kind", "a"]), inner),
    max_leaves=8,
)


@given(
    page=st.permutations([("kind", "StorageClassList"), ("metadata", {"resourceVersion": "7"}), ("items", [])]),
    more=st.lists(
        st.tuples(st.sampled_from(["a", "b", "metadata ", "items "]), JSON), max_size=2, unique_by=lambda x: x[0]
    ),
    items=st.lists(JSON, max_size=3),
    other=st.lists(JSON, max_size=3),
    separators=st.sampled_from([(",", ":"), (", ", ": "), (",", " : ")]),
)
def test_two_pages_have_one_hash_only_where_their_items_are_the_same(
    page: list[tuple[str, Any]],
    more: list[tuple[str, Any]],
    items: list[Any],
    other: list[Any],
    separators: tuple[str, str],
) -> None:
    bodies = [
        json.dumps(dict([*more, *page]) | {"items": each}, separators=separators).encode() for each in (items, other)
    ]
    (head, first), (_, second) = map(parted, bodies)
    assert head is None or (head.kind, head.metadata.resourceVersion) == ("StorageClassList", "7")
    assert (head is None) == (first == 0)
    assert items == other or first == 0 or first != second


# ------------------------------------------------------------ how a watch ends


async def test_a_watch_whose_version_is_too_old_lists_again(room: Room, kubernetes: Kubernetes) -> None:
    server = kubernetes.server
    async with room.following(CLASSES) as follow:
        await heard(follow, kubernetes)
        server.expire_streams()
        await follow.ended()
    assert follow.error is None
    kubernetes.cluster.delete(STORAGE_CLASS, "gp3")
    made = await room.poll(CLASSES)
    assert made.reports == [Gone((GP3,)), StillSo()]
    assert lists(server) == 2


async def test_a_version_that_was_compacted_while_nobody_watched_lists_again(
    room: Room, kubernetes: Kubernetes
) -> None:
    server = kubernetes.server
    async with room.following(CLASSES) as follow:
        await heard(follow, kubernetes)
        server.cut_streams()
        await follow.ended()
    kubernetes.cluster.storage_class("missed")
    server.store.advance(5)
    server.store.compact()
    made = await room.poll(CLASSES)
    assert made.refused is None
    assert "k8s://prod//storageclass/missed" in room.held
    assert lists(server) == 2


@pytest.mark.parametrize("how", ["cut", "end"])
async def test_a_watch_that_ends_goes_on_from_its_version_without_a_list(
    how: str, room: Room, kubernetes: Kubernetes
) -> None:
    server = kubernetes.server
    async with room.following(CLASSES) as follow:
        await heard(follow, kubernetes)
        (server.cut_streams if how == "cut" else server.end_streams)()
        await follow.ended()
    assert follow.error is None
    kubernetes.cluster.delete(STORAGE_CLASS, "gp3")
    kubernetes.cluster.storage_class("missed")
    made = await room.poll(CLASSES)
    assert made.refused is None
    assert made.reports[-1] == StillSo()
    assert GP3 not in room.held
    assert "k8s://prod//storageclass/missed" in room.held
    assert (lists(server), watches(server)) == (1, 2)
    async with room.following(CLASSES) as follow:
        kubernetes.cluster.storage_class("later")
        await follow.until(lambda: "k8s://prod//storageclass/later" in room.held)
    assert watches(server) == 2, "on the same connection"


async def test_a_server_that_is_gone_for_a_while_is_watched_again_without_a_list(
    room: Room, kubernetes: Kubernetes
) -> None:
    server = kubernetes.server
    async with room.following(CLASSES) as follow:
        await heard(follow, kubernetes)
        server.stop()
        await follow.ended()
    for _ in range(3):
        made = await room.poll(CLASSES)
        assert made.refused is not None
        assert made.refused.kind is FaultKind.UNREACHABLE
        assert made.reports == []
    server._start()
    kubernetes.cluster.storage_class("missed")
    made = await room.poll(CLASSES)
    assert made.refused is None
    assert made.reports[-1] == StillSo()
    assert "k8s://prod//storageclass/missed" in room.held
    assert lists(server) == 1


async def test_a_connection_that_dies_in_silence_is_noticed_and_the_watch_goes_on(
    kubernetes: Kubernetes, tmp_path: Path
) -> None:
    kubernetes.cluster.storage_class("gp3")
    server = kubernetes.server
    async with opened(block(kubernetes.kubeconfig(tmp_path)), limits=SHORT) as room:
        await room.poll(CLASSES)
        async with room.following(CLASSES) as follow:
            await heard(follow, kubernetes)
            rule = server.faults.add("silent", verb="watch")
            kubernetes.cluster.delete(STORAGE_CLASS, "gp3")
            await follow.ended()
        server.faults.remove(rule)
        assert GP3 in room.held
        assert (await room.poll(CLASSES)).refused is None
        assert GP3 not in room.held
    assert lists(server) == 1


async def test_a_watch_that_has_never_said_anything_proves_nothing_and_is_followed_by_a_list(
    kubernetes: Kubernetes, tmp_path: Path
) -> None:
    kubernetes.cluster.storage_class("gp3")
    server = kubernetes.server
    server.faults.add("no_bookmarks")
    async with opened(block(kubernetes.kubeconfig(tmp_path)), limits=SHORT) as room:
        await room.poll(CLASSES)
        for count in (2, 3):
            async with room.following(CLASSES) as follow:
                await follow.ended()
            assert follow.reports == []
            made = await room.poll(CLASSES)
            assert made.reports == [StillSo()]
            assert lists(server) == count


async def test_a_watch_that_is_cut_again_and_again_is_given_up_for_lists_on_the_cadence(
    kubernetes: Kubernetes, tmp_path: Path
) -> None:
    kubernetes.cluster.storage_class("gp3")
    server = kubernetes.server
    server.faults.add("end", verb="watch")
    async with opened(block(kubernetes.kubeconfig(tmp_path)), cadence=Cadence(live=0.05)) as room:
        await room.poll(CLASSES)
        for _ in range(8):
            async with room.following(CLASSES) as follow:
                await follow.ended()
            made = await room.poll(CLASSES)
            if any(isinstance(report, ReadRefused) for report in made.reports):
                break
        assert made.refused is None
        assert made.reports[-2] == StillSo()
        assert "the watch ends at once" in next(faults(made))
        assert watches(server) < 8
        server.faults.clear()
        async with room.following(CLASSES) as follow:
            await heard(follow, kubernetes)
            server.end_streams()
            await follow.ended()
        assert not (await room.poll(CLASSES)).faults()


async def test_a_watch_that_may_not_be_opened_is_told_and_the_kind_listed_on_its_cadence(
    kubernetes: Kubernetes, tmp_path: Path
) -> None:
    kubernetes.cluster.storage_class("gp3")
    kubernetes.server.faults.add("forbid", verb="watch")
    async with opened(block(kubernetes.kubeconfig(tmp_path)), cadence=Cadence(live=0.01)) as room:
        await room.poll(CLASSES)
        async with room.following(CLASSES) as follow:
            await follow.ended()
        made = await room.poll(CLASSES)
    assert made.refused is None
    assert [fault.permission for fault in made.faults()] == ["watch storageclasses.storage.k8s.io"]


@pytest.mark.parametrize(
    ("kind", "said", "code"),
    [
        ("html", FaultKind.ERROR, "UnreadableAnswer"),
        ("proxy", FaultKind.UNREACHABLE, "503"),
        ("throttle", FaultKind.THROTTLED, "429"),
        ("fail", FaultKind.UNREACHABLE, "InternalError"),
        ("truncate", FaultKind.ERROR, "UnreadableAnswer"),
        ("missing", FaultKind.ERROR, "404"),
        ("unauthorized", FaultKind.EXPIRED, "Unauthorized"),
    ],
)
async def test_whatever_takes_the_place_of_an_answer_is_told_and_nothing_is_gone_for_it(
    kind: str, said: FaultKind, code: str, kubernetes: Kubernetes, tmp_path: Path
) -> None:
    once = msgspec.structs.replace(QUICK, attempts=1, transient_attempts=1)
    async with listed(kubernetes, tmp_path, once) as room:
        kubernetes.server.faults.add(kind, f"k8s:{CLASSES}", verb="list")  # type: ignore[arg-type]
        made = await room.poll(CLASSES)
        assert made.error is None
        assert made.refused is not None
        assert (made.refused.kind, made.refused.code) == (said, code)
        assert "<" not in made.refused.message
        assert made.reports == []
        kubernetes.server.faults.clear()
        assert GP3 in room.held
        room.watched(CLASSES).shared.client._lane._not_before = 0.0  # the server asked for a second
        assert (await room.poll(CLASSES)).refused is None


async def test_a_page_for_people_in_the_place_of_a_watch_is_no_watch(room: Room, kubernetes: Kubernetes) -> None:
    kubernetes.server.faults.add("html", verb="watch")
    async with room.following(CLASSES) as follow:
        await asyncio.sleep(0)
        task = asyncio.create_task(follow.ended())
        await asyncio.wait({task}, timeout=0.5)
        task.cancel()
    assert follow.reports == []
    made = await room.poll(CLASSES)
    assert GP3 in room.held
    assert made.refused is None


async def test_a_place_in_a_list_that_was_lost_begins_the_list_again(kubernetes: Kubernetes, tmp_path: Path) -> None:
    for number in range(501):
        kubernetes.cluster.claim("acme", f"data-{number}")
    server = kubernetes.server
    async with opened(block(kubernetes.kubeconfig(tmp_path))) as room:
        await room.begin()
        pages = 0
        async for report in room.sources[CLAIMS].poll():
            room.take(report)
            pages += 1
            if pages == 1:
                kubernetes.cluster.delete(CLAIM, "data-0", "acme")
                server.store.advance(5)
                server.store.compact()
        assert "k8s://prod/acme/persistentvolumeclaim/data-0" not in room.held
        assert len(room.held) == 500
    assert lists(server, CLAIMS) == 3


async def test_twelve_kinds_that_lose_their_version_at_once_are_listed_once_each(
    kubernetes: Kubernetes, tmp_path: Path
) -> None:
    server = kubernetes.server
    async with opened(block(kubernetes.kubeconfig(tmp_path))) as room:
        await room.begin()
        services = [service for service, source in room.sources.items() if source.call.watched]  # type: ignore[attr-defined]
        for service in services:
            await room.poll(service)
        follows = [Following(room, room.watched(service)) for service in services]
        async with asyncio.timeout(10):
            while len(server.streams) < len(services):  # noqa: ASYNC110 - the server has no event for it
                await asyncio.sleep(0.01)
        server.log.clear()
        server.expire_streams()
        await asyncio.gather(*(follow.ended() for follow in follows))
        await asyncio.gather(*(room.poll(service) for service in services))
    assert len(services) == 12
    assert {service: lists(server, service) for service in services} == dict.fromkeys(services, 1)
    assert not any(asked.verb == "watch" for asked in server.log)
