"""The room in a collector at work: what happens in a cluster is in the model at once, and what goes wrong is told there
and passes without a list.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from posture.source import State
from providers.collector.collector import Collector
from providers.collector.config import parse
from providers.demo.kubernetes.cluster import CLAIM, STORAGE_CLASS, ebs, selector
from providers.kubernetes.calls import CALLS
from providers.limits import Limits
from tests.providers.kubernetes.room import BOUND, QUICK, block
from tests.world.kubernetes import Kubernetes

GP3 = "k8s://prod//storageclass/gp3"


LISTED = {"access", *(call.plural for call in CALLS.values() if not call.watched)}


class Live:
    """A collector on one or more contexts of a server."""

    def __init__(self, *configs: Path, limits: Limits = QUICK) -> None:
        blocks = "".join(f"[[tenant.kubernetes]]\n{block(config)}\nname = 'c{n}'\n" for n, config in enumerate(configs))
        blocks = blocks if len(configs) > 1 else f"[[tenant.kubernetes]]\n{block(configs[0])}\n"
        self.collector = Collector(parse(f'[[tenant]]\nname = "acme"\n{blocks}', "test"), limits=limits)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Live"]:
        """Polling and following while the block runs."""
        self.collector.poller.add(self.collector.sources())
        try:
            await self.until(self.settled)
            yield self
        finally:
            await self.collector.poller.stop()

    def settled(self) -> bool:
        """Whether every source has answered, and those that are watched are."""
        sources = [each for each in self.collector.model.sources.values() if each.provider == "kubernetes"]
        return len(sources) > 12 and all(
            each.state is State.OK and (each.following or each.service in LISTED) for each in sources
        )

    def there(self, id: str) -> bool:
        """Whether something is held."""
        return self.collector.model.entry(id) is not None

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is so; raises TimeoutError."""
        async with asyncio.timeout(BOUND):
            while not true():  # noqa: ASYNC110 - the model has no event to wait for
                await asyncio.sleep(0.005)


@pytest.fixture
def seeded(kubernetes: Kubernetes) -> Kubernetes:
    """A set with a claim, and its class."""
    kubernetes.cluster.storage_class("gp3", default=True)
    kubernetes.cluster.stateful_set("acme", "pg", replicas=1)
    kubernetes.cluster.bound("acme", "data-pg-0", ebs("vol-0123456789abcdef0"), volume="pv-0", labels=selector("pg"))
    return kubernetes


async def test_what_happens_in_a_cluster_is_in_the_model_without_another_poll(
    seeded: Kubernetes, tmp_path: Path
) -> None:
    async with Live(seeded.kubeconfig(tmp_path)).running() as live:
        model = live.collector.model
        seeded.server.log.clear()
        seeded.cluster.volume("pv-1", ebs("vol-0123456789abcdef1"))
        await live.until(lambda: live.there("k8s://prod//persistentvolume/pv-1"))
        seeded.cluster.claim("acme", "data-pg-1", labels=selector("pg"))
        workload = "k8s://prod/acme/statefulset/pg"
        await live.until(lambda: "data-pg-1" in model.entry(workload).resource.fields["claims"])  # type: ignore[union-attr]
        seeded.cluster.delete(CLAIM, "data-pg-1", "acme")
        await live.until(lambda: not live.there("k8s://prod/acme/persistentvolumeclaim/data-pg-1"))
        assert live.settled()
    assert not [each.operation for each in seeded.server.log if each.verb == "list"], "on the watches"


async def test_a_server_that_is_away_is_told_and_is_back_without_a_list(seeded: Kubernetes, tmp_path: Path) -> None:
    server = seeded.server
    async with Live(seeded.kubeconfig(tmp_path)).running() as live:
        sources = live.collector.model.sources
        seeded.cluster.storage_class("heard")
        seeded.cluster.volume("heard", ebs("vol-0123456789abcdef1"))
        await live.until(lambda: live.there("k8s://prod//storageclass/heard"))
        await live.until(lambda: live.there("k8s://prod//persistentvolume/heard"))
        server.stop()
        watched = ["acme/kubernetes/prod/storageclasses", "acme/kubernetes/prod/persistentvolumes"]
        await live.until(lambda: all(sources[name].state is State.UNREACHABLE for name in watched))
        assert live.there(GP3)
        server.log.clear()
        server._start()
        seeded.cluster.delete(STORAGE_CLASS, "gp3")
        await live.until(lambda: not live.there(GP3))
        await live.until(lambda: all(sources[name].state is State.OK for name in watched))
    assert [server.log.count(f"k8s:{plural}", verb="list") for plural in ("storageclasses", "persistentvolumes")] == [
        0,
        0,
    ]


async def test_no_storm_of_lists_follows_a_compaction_under_five_clusters(seeded: Kubernetes, tmp_path: Path) -> None:
    limits = msgspec.structs.replace(QUICK, backoff=(0.2, 0.5))
    configs = []
    for number in range(5):
        (tmp_path / str(number)).mkdir()
        configs.append(seeded.kubeconfig(tmp_path / str(number)))
    server = seeded.server
    async with Live(*configs, limits=limits).running() as live:
        async with asyncio.timeout(BOUND):
            while len(server.streams) < 60:  # noqa: ASYNC110 - the server has no event for it
                await asyncio.sleep(0.01)
        server.log.clear()
        server.expire_streams()
        await live.until(lambda: sum(asked.verb == "list" for asked in server.log) >= 60)
        await live.until(live.settled)
        async with asyncio.timeout(BOUND):
            while len(server.streams) < 60:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
    lists = [asked.operation for asked in server.log if asked.verb == "list"]
    assert {plural: lists.count(plural) for plural in set(lists)} == dict.fromkeys(set(lists), 5)
    assert len(set(lists)) == 12
