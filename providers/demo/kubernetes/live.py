"""The clusters while one watches: claims come, are bound, grow and go; a StatefulSet is scaled; somebody makes another
class the default one; an Ingress loses its certificate.
"""

import heapq
import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from providers.demo.kubernetes.cluster import CLAIM, INGRESS, STATEFUL_SET, STORAGE_CLASS, VOLUME, selector
from providers.demo.kubernetes.running import Running
from providers.demo.kubernetes.store import time_of
from providers.demo.kubernetes.table import DEFAULT

Json = dict[str, Any]
SEED = 20261127
PAUSE = (2.0, 5.0)
"""Seconds between two things that begin."""
Step = float
"""Seconds until the next step of what has begun."""


def live(clusters: Sequence[Running], stopped: threading.Event, *, speed: float = 1.0) -> None:
    """Change the clusters until `stopped`; `speed` 60 makes a minute of it a second. Runs in a thread of its own."""
    chance, order = random.Random(SEED), itertools.count()
    going: list[tuple[float, int, Iterator[Step]]] = []
    round_about, where = itertools.cycle(ROUND), itertools.cycle(clusters)
    begins = time.monotonic()
    while True:
        if begins <= time.monotonic():
            if (cluster := next(where)).disks.ready:
                heapq.heappush(going, (begins, next(order), next(round_about)(cluster, chance)))
            begins = time.monotonic() + chance.uniform(*PAUSE) / speed
        while going and going[0][0] <= time.monotonic():
            _, _, doing = heapq.heappop(going)
            if (pause := next(doing, None)) is not None:
                heapq.heappush(going, (time.monotonic() + pause / speed, next(order), doing))
        if stopped.wait(max(min(begins, going[0][0] if going else begins) - time.monotonic(), 0.0)):
            return


def _claim_comes(where: Running, chance: random.Random) -> Iterator[Step]:
    """A build's scratch space: it waits for its Pod, is bound, grows, and goes."""
    namespace, claim, size = where.namespace, f"build-{chance.randrange(10_000):04}", chance.choice((20, 40, 80))
    made = where.cluster.claim(namespace, claim, storage_class=where.storage_class, size=size, days=0)
    yield chance.uniform(2, 5)
    uid = made["metadata"]["uid"]
    pv = f"pvc-{uid}"
    source = where.disks.create(pv, namespace, claim, size)
    about: Json = {"storage_class": where.storage_class, "uid": uid, "days": 0}
    where.bound(namespace, claim, source, size=size, **about)
    yield chance.uniform(15, 30)
    where.cluster.change(CLAIM, claim, namespace, spec={"resources": {"requests": {"storage": f"{2 * size}Gi"}}})
    yield 2.0
    where.disks.resize(source, 2 * size)
    where.cluster.change(VOLUME, pv, spec={"capacity": {"storage": f"{2 * size}Gi"}})
    where.cluster.change(CLAIM, claim, namespace, status={"capacity": {"storage": f"{2 * size}Gi"}})
    yield chance.uniform(20, 60)
    where.cluster.delete(CLAIM, claim, namespace)
    where.cluster.change(VOLUME, pv, status={"phase": "Released"})
    yield 2.0
    where.disks.delete(source)
    where.cluster.delete(VOLUME, pv)


def _workload_is_scaled(where: Running, chance: random.Random) -> Iterator[Step]:
    """A StatefulSet gets one more replica, and gives it back: its claim is left over until somebody deletes it."""
    name, namespace, size = f"runner-{chance.randrange(100):02}", where.namespace, 50
    if where.cluster.store.get(STATEFUL_SET, name, namespace) is not None:
        return
    asked = [("work", where.storage_class, size)]
    where.cluster.stateful_set(namespace, name, replicas=1, templates=asked, days=0)
    sources = {}
    for number in range(2):
        where.cluster.change(STATEFUL_SET, name, namespace, spec={"replicas": number + 1})
        claim = f"work-{name}-{number}"
        uid = where.cluster.claim(namespace, claim, storage_class=where.storage_class, days=0)["metadata"]["uid"]
        sources[claim] = where.disks.create(f"pvc-{uid}", namespace, claim, size)
        about: Json = {"storage_class": where.storage_class, "uid": uid, "labels": selector(name), "days": 0}
        where.bound(namespace, claim, sources[claim], size=size, **about)
        yield 20.0
    where.cluster.change(STATEFUL_SET, name, namespace, spec={"replicas": 1})
    yield 30.0
    where.cluster.delete(STATEFUL_SET, name, namespace)
    yield 10.0
    for claim, source in sources.items():
        pv = where.cluster.store.get(CLAIM, claim, namespace)
        where.cluster.delete(CLAIM, claim, namespace)
        where.disks.delete(source)
        if pv is not None:
            where.cluster.delete(VOLUME, pv.body["spec"]["volumeName"])


def _another_default(where: Running, chance: random.Random) -> Iterator[Step]:
    """An update of the add-on makes its own class the default one beside the other, as it does; somebody undoes it."""
    name = f"{where.storage_class}-default"
    held = where.cluster.store.get(STORAGE_CLASS, where.storage_class)
    provisioner = held.body["provisioner"] if held else "ebs.csi.aws.com"
    where.cluster.storage_class(name, provisioner, {}, default=True, days=0)
    yield 40.0
    where.cluster.change(STORAGE_CLASS, name, metadata={"annotations": {DEFAULT: "false"}})
    yield 20.0
    where.cluster.delete(STORAGE_CLASS, name)


def _certificate_is_lost(where: Running, chance: random.Random) -> Iterator[Step]:
    """A deployment leaves an Ingress without TLS, the next one brings it back."""
    ingresses = [each for each in where.cluster.store.objects(INGRESS)[0] if each.body["spec"].get("tls")]
    if not ingresses:
        return
    (namespace, name), tls = ingresses[0].name, ingresses[0].body["spec"]["tls"]
    where.cluster.change(INGRESS, name, namespace, spec={"tls": None}, metadata=_managed("helm"))
    yield 45.0
    where.cluster.change(INGRESS, name, namespace, spec={"tls": tls}, metadata=_managed("helm"))


def _managed(manager: str) -> Json:
    """Metadata in which a program has just changed the certificates of an Ingress."""
    about = {"manager": manager, "operation": "Update", "apiVersion": "networking.k8s.io/v1", "time": time_of(0)}
    return {"managedFields": [{**about, "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:tls": {}}}}]}


Happening = Callable[[Running, random.Random], Iterator[Step]]
ROUND: tuple[Happening, ...] = (
    *(_claim_comes,) * 5,
    _workload_is_scaled,
    *(_claim_comes,) * 2,
    _another_default,
    *(_claim_comes,) * 2,
    _workload_is_scaled,
    *(_claim_comes,) * 3,
    _certificate_is_lost,
)
"""What begins, over and over, in one cluster after the other; each says after how many seconds it goes on."""
