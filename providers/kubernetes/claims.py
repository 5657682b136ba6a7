"""Which claims a workload has, told from its template and the claims that are there; no pod is asked for.

A StatefulSet's claims are called `<template>-<set>-<ordinal>` and have every label of its selector
(kubernetes/kubernetes #58987, #74916); generic ephemeral ones `<pod>-<volume>`, and belong to that pod.
"""

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from msgspec import UNSET

from providers.kubernetes.decode import Claim, within
from providers.kubernetes.decode_workloads import Workload

MOST_EXPECTED = 1000
"""Ordinals of one set that are named though no such claim is there: `replicas` may be a mistake."""
TEMPLATE, LEFT_OVER, NAMED, EPHEMERAL = "template", "left-over", "named", "ephemeral"
_POD_TAIL = {"deployment": r"-[a-z0-9]{1,16}-[a-z0-9]{5}", "daemonset": r"-[a-z0-9]{5}", "cronjob": r"-\d+-[a-z0-9]{5}"}


class Known(msgspec.Struct, frozen=True, gc=False):
    """What matters of a claim to those that use it: its labels, and the pod that it lives with."""

    labels: dict[str, str] | None = None
    pod: str = ""


class Claims:
    """The claims of a cluster, by namespace. Who waits for `moved` is told when one comes, goes or is labelled anew;
    `touched` then has its namespace.
    """

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Known]] = {}
        self._ordinals: dict[str, dict[str, dict[int, None]]] = {}
        self._pods: dict[str, dict[str, str]] = {}
        self._waiting: list[tuple[asyncio.Event, set[str]]] = []

    def subscribe(self) -> tuple[asyncio.Event, set[str]]:
        """An event that is set when claims come or go, and the namespaces where."""
        pair = (asyncio.Event(), set[str]())
        self._waiting.append(pair)
        return pair

    def put(self, claim: Claim) -> None:
        """A claim is there."""
        meta = claim.metadata
        namespace = meta.namespace if isinstance(meta.namespace, str) else ""
        owners = meta.ownerReferences or ()
        pod = next((owner.name for owner in owners if owner.kind == "Pod"), "") if owners else ""
        known = Known(meta.labels or None, pod)
        here = self._known.setdefault(namespace, {})
        if here.get(meta.name) == known:
            return
        here[meta.name] = known
        stem, ordinal = _parted(meta.name)
        if ordinal is not None:
            self._ordinals.setdefault(namespace, {}).setdefault(stem, {})[ordinal] = None
        if pod:
            self._pods.setdefault(namespace, {})[meta.name] = pod
        self._tell(namespace)

    def drop(self, namespace: str, name: str) -> None:
        """A claim is gone."""
        if self._known.get(namespace, {}).pop(name, None) is None:
            return
        stem, ordinal = _parted(name)
        if ordinal is not None:
            self._ordinals[namespace][stem].pop(ordinal, None)
        self._pods.get(namespace, {}).pop(name, None)
        self._tell(namespace)

    def of(self, workload: Workload, kind: str) -> dict[str, str]:
        """Name -> how this workload has it, of every claim; those that are missing among them."""
        namespace, spec = workload.metadata.namespace or "", workload.spec
        if spec is UNSET or spec is None or not isinstance(namespace, str):
            return {}
        template = within(spec, "jobTemplate", "spec", "template") if kind == "cronjob" else within(spec, "template")
        volumes = within(template, "spec", "volumes") or ()
        found: dict[str, str] = {}
        if kind == "statefulset":
            labels = within(spec, "selector", "matchLabels") or {}
            for each in within(spec, "volumeClaimTemplates") or ():
                stem = f"{each.metadata.name}-{workload.metadata.name}"
                found.update(self._of_set(namespace, stem, workload, labels))
        for volume in volumes:
            if isinstance(named := within(volume, "persistentVolumeClaim", "claimName"), str) and named:
                found.setdefault(named, NAMED)
            if within(volume, "ephemeral") is not None:
                found.update(dict.fromkeys(self._of_pods(namespace, volume.name, workload, kind), EPHEMERAL))
        return found

    def _of_set(
        self, namespace: str, stem: str, workload: Workload, labels: Mapping[str, str]
    ) -> Iterator[tuple[str, str]]:
        """The claims of one template: those of the range, there or not, for a pod takes the one of its name whatever
        its labels; and those outside of it that have the set's labels.
        """
        ordinals = _range(workload)
        known = self._known.get(namespace, {})
        for ordinal in ordinals[:MOST_EXPECTED]:
            yield f"{stem}-{ordinal}", TEMPLATE
        for ordinal in sorted(self._ordinals.get(namespace, {}).get(stem, {})):
            if ordinal not in ordinals:
                if _has(known.get(f"{stem}-{ordinal}"), labels):
                    yield f"{stem}-{ordinal}", LEFT_OVER
            elif ordinal - ordinals.start >= MOST_EXPECTED:
                yield f"{stem}-{ordinal}", TEMPLATE

    def _of_pods(self, namespace: str, volume: str, workload: Workload, kind: str) -> Iterable[str]:
        """Claims that live with the pods of a workload."""
        name = workload.metadata.name
        if kind == "statefulset":
            return [f"{name}-{ordinal}-{volume}" for ordinal in _range(workload)[:MOST_EXPECTED]]
        pod_name = re.compile(re.escape(name) + _POD_TAIL[kind])
        return [
            claim
            for claim, pod in self._pods.get(namespace, {}).items()
            if claim == f"{pod}-{volume}" and pod_name.fullmatch(pod)
        ]

    def _tell(self, namespace: str) -> None:
        for event, touched in self._waiting:
            if namespace not in touched:
                touched.add(namespace)
                event.set()


def _parted(name: str) -> tuple[str, int | None]:
    """`data-pg-3` as `data-pg` and 3; no number where it does not end with an ordinal as Kubernetes writes one."""
    stem, _, tail = name.rpartition("-")
    is_one = tail.isdecimal() and tail.isascii() and len(tail) <= 10 and (tail[0] != "0" or tail == "0")
    return stem, int(tail) if stem and is_one else None


def _range(workload: Workload) -> range:
    """The ordinals that a set has now."""
    start, replicas = within(workload.spec, "ordinals", "start"), within(workload.spec, "replicas")
    first = max(0, start) if isinstance(start, int) else 0
    return range(first, first + max(0, replicas if isinstance(replicas, int) else 1))


def _has(claim: Known | None, labels: Mapping[str, str]) -> bool:
    """Whether a claim has all of these labels."""
    if claim is None:
        return False
    own = claim.labels or {}
    return all(own.get(name) == value for name, value in labels.items())
