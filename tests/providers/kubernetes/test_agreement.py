"""Whatever happens to a cluster and to the watch on it, what was told adds up to what a list says in the end."""

import asyncio
import random
from pathlib import Path

import pytest

from posture.resource import Resource
from providers.demo.kubernetes.cluster import CLAIM, STATEFUL_SET, selector
from tests.providers.kubernetes.room import BOUND, Following, Room, block, opened
from tests.world.kubernetes import Kubernetes

SERVICES = ("persistentvolumeclaims", "statefulsets")


def change(kubernetes: Kubernetes, dice: random.Random) -> None:
    """Something happens to a claim, or to a set."""
    cluster, number = kubernetes.cluster, dice.randrange(6)
    name = f"data-pg-{number}"
    there = {each.name[1] for each in kubernetes.server.store.objects(CLAIM)[0] if each.name[0] == "acme"}
    match dice.randrange(6):
        case 0 | 1:
            cluster.claim("acme", name, labels=selector(dice.choice(["pg", "other"])), size=dice.randrange(1, 4))
        case 2 if name in there:
            cluster.delete(CLAIM, name, "acme")
        case 3 if name in there:
            cluster.change(CLAIM, name, "acme", status={"phase": dice.choice(["Bound", "Lost"])})
        case 4:
            cluster.claim("nobody", name)
        case _:
            cluster.change(STATEFUL_SET, "pg", "acme", spec={"replicas": dice.randrange(4)})


async def again(room: Room, service: str, follows: dict[str, Following]) -> None:
    """As the poller does when a watch has ended, or somebody asks."""
    await follows[service].stop()
    assert follows[service].error is None
    assert (await room.poll(service)).error is None
    follows[service] = Following(room, room.watched(service))


async def listed(config: Path) -> dict[str, Resource]:
    """What one who begins now is told."""
    async with opened(block(config, 'namespaces = ["acme"]')) as room:
        for service in SERVICES:
            assert (await room.poll(service)).refused is None
        return room.held


@pytest.mark.parametrize("seed", range(6))
async def test_what_was_told_piece_by_piece_is_what_a_list_tells(
    seed: int, kubernetes: Kubernetes, tmp_path: Path
) -> None:
    dice, server, config = random.Random(seed), kubernetes.server, kubernetes.kubeconfig(tmp_path)
    kubernetes.cluster.stateful_set("acme", "pg", replicas=2)
    async with opened(block(config, 'namespaces = ["acme"]')) as room:
        for service in SERVICES:
            await room.poll(service)
        follows = {service: Following(room, room.watched(service)) for service in SERVICES}
        try:
            for _ in range(40):
                change(kubernetes, dice)
                match dice.randrange(12):
                    case 0:
                        server.cut_streams()
                    case 1:
                        server.end_streams()
                    case 2:
                        server.expire_streams()
                    case 3:
                        server.store.compact()
                    case 4:
                        await again(room, dice.choice(SERVICES), follows)
                for service in SERVICES:
                    if follows[service]._task.done():
                        await again(room, service, follows)
            expected = await listed(config)
            for service in SERVICES:
                await again(room, service, follows)
            async with asyncio.timeout(BOUND):
                while room.held != expected:  # noqa: ASYNC110 - either of them may tell the last of it
                    await asyncio.sleep(0.005)
        finally:
            for follow in follows.values():
                await follow.stop()
