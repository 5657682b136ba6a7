"""What an object of a cluster costs from the socket to the model, beside `json.loads` and the clients of others in the
same run. CPU of the thread that asks; the server runs in another.
"""

import contextlib
import gc
import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import pytest

from posture.clock import Seconds
from providers.collector.collector import Collector, collect_garbage_seldom
from providers.collector.config import parse
from providers.demo.kubernetes.cluster import selector
from providers.kubernetes.calls import CLAIMS
from providers.kubernetes.decode import Claim, Page
from providers.source import TALLY, Source, Tally
from tests.providers.kubernetes.room import Room, block
from tests.world.kubernetes import Kubernetes

pytestmark = pytest.mark.bench
COUNT, SETS, ROUNDS = 5_001, 50, 5
FIRST = 1.6
"""CPU of the first list, from the socket to reports, in times of `json.loads` over its pages."""
UNCHANGED = 0.4
"""CPU of a list in which nothing has changed, from the socket into the model, likewise."""


@pytest.fixture
def crowded(kubernetes: Kubernetes) -> Kubernetes:
    """5,001 claims of 50 sets, with what controllers and Helm write on them."""
    notes = {f"volume.kubernetes.io/{name}": "ebs.csi.aws.com" for name in ("storage-provisioner", "selected-node")}
    notes |= {"meta.helm.sh/release-name": "pg", "kubectl.kubernetes.io/last-applied-configuration": "{}" * 200}
    more = {f"app.kubernetes.io/{name}": "postgresql" for name in ("managed-by", "instance", "component")}
    for number in range(COUNT):
        name = f"pg-{number % SETS}"
        labels = {**selector(name), **more}
        kubernetes.cluster.claim(
            "acme", f"data-{name}-{number // SETS}", volume=f"pvc-{number:012}", labels=labels, annotations=notes
        )
    for number in range(SETS):
        kubernetes.cluster.stateful_set("acme", f"pg-{number}", replicas=100)
    return kubernetes


async def listed(collector: Collector, source: Source) -> tuple[Seconds, Seconds]:
    """CPU of a poll, without the model and with it."""
    model, tally = collector.model, Tally()
    TALLY.set(tally)
    model.begin(source.id, time.time())
    alone, began = 0.0, time.thread_time()
    asked = time.thread_time()
    async for report in source.poll():
        alone += time.thread_time() - asked
        model.apply(source.id, report, time.time())  # type: ignore[arg-type]
        asked = time.thread_time()
    alone += time.thread_time() - asked
    model.finish(source.id, time.time(), fault=None, calls=tally.calls, seconds=0.0, next_due=None)
    return alone, time.thread_time() - began


def cpu(work: Callable[[], Any]) -> Seconds:
    """The least of some runs."""
    found = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        work()
        found.append(time.thread_time() - began)
    return min(found)


async def test_a_list_of_claims_costs_a_fraction_of_parsing_it(crowded: Kubernetes, tmp_path: Path) -> None:
    thresholds = gc.get_threshold()
    collect_garbage_seldom()
    text = f'[[tenant]]\nname = "acme"\n[[tenant.kubernetes]]\n{block(crowded.kubeconfig(tmp_path))}\n'
    firsts, whole, again = [], [], []
    pages: list[bytes] = []
    for _ in range(ROUNDS):
        room, collector = Room(block(crowded.kubeconfig(tmp_path))), Collector(parse(text, "bench"))
        await room.begin()
        source = room.sources["persistentvolumeclaims"]
        collector.model.add_source(source.record())
        alone, total = await listed(collector, source)
        firsts.append(alone)
        whole.append(total)
        again.append((await listed(collector, source))[1])
        assert sum(entry.resource.kind == "claim" for entry in collector.model.all()) == COUNT
        pages = pages or await bodies(room)
        await room.close()
    gc.set_threshold(*thresholds)
    ours = cpu(lambda: [msgspec.json.decode(page, type=Page[Claim]) for page in pages])
    theirs = cpu(lambda: [json.loads(page) for page in pages])
    told = [
        f"{COUNT} claims, {sum(map(len, pages)) / COUNT / 1024:.2f} KB each, {len(pages)} pages",
        f"first list {median(firsts) * 1e3:.0f} ms CPU, into the model {median(whole) * 1e3:.0f} ms",
        f"unchanged list {median(again) / COUNT * 1e6:.1f} us an object",
        f"decoded {ours / COUNT * 1e6:.1f} us an object, json.loads {theirs / COUNT * 1e6:.1f} ({theirs / ours:.1f}x)",
        *others(crowded, tmp_path, ours),
    ]
    sys.stderr.write("\n" + "; ".join(told) + "\n")
    assert min(firsts) <= FIRST * theirs
    assert min(again) <= UNCHANGED * theirs
    assert theirs >= 4 * ours


async def bodies(room: Room) -> list[bytes]:
    """The pages as they come."""
    TALLY.set(Tally())
    client, found, query = room.watched("persistentvolumeclaims").shared.client, [], dict[str, Any](limit=500)
    while True:
        found.append(await client.raw(CLAIMS.operation, "", CLAIMS.path(), query))
        following = msgspec.json.decode(found[-1], type=Page[msgspec.Raw]).metadata.next
        if not following:
            return found
        query["continue"] = following


def others(kubernetes: Kubernetes, folder: Path, ours: Seconds) -> list[str]:
    """The clients that are installed here."""
    told = []
    with contextlib.suppress(ImportError):
        lightkube, core = importlib.import_module("lightkube"), importlib.import_module("lightkube.resources.core_v1")
        config = lightkube.KubeConfig.from_file(str(kubernetes.kubeconfig(folder)))
        client = lightkube.Client(config=config)
        took = cpu(lambda: list(client.list(core.PersistentVolumeClaim, namespace="*", chunk_size=500)))
        told.append(f"lightkube {took / COUNT * 1e6:.0f} us ({took / ours:.0f}x)")
    with contextlib.suppress(ImportError):
        api = importlib.import_module("kubernetes")
        client = api.config.new_client_from_config(str(kubernetes.kubeconfig(folder)))
        took = cpu(lambda: api.client.CoreV1Api(client).list_persistent_volume_claim_for_all_namespaces())
        told.append(f"kubernetes {took / COUNT * 1e6:.0f} us ({took / ours:.0f}x)")
    return told
