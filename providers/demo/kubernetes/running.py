"""A simulated cluster that runs: its API server, its objects, and the disks under them."""

from collections.abc import Iterable, Mapping
from typing import Any

from providers.demo.kubernetes.cluster import Cluster, selector
from providers.demo.kubernetes.disks import Disks
from providers.demo.kubernetes.names import claim_uid, pv_name
from providers.demo.kubernetes.server import Server, start

Json = dict[str, Any]

BOOKMARK = 3.0
"""Seconds between bookmarks: an hour of the simulated company passes in minutes."""


class Running:
    """One cluster. `context` is how a kubeconfig calls it, `called` how the cloud does; `namespace` and
    `storage_class` are where and of what claims come and go while one watches.
    """

    def __init__(self, context: str, called: str, disks: Disks, namespace: str, storage_class: str) -> None:
        self.context, self.called, self.disks = context, called, disks
        self.namespace, self.storage_class = namespace, storage_class
        self.server: Server = start(seed=context)
        self.server.settings.bookmark = BOOKMARK
        self.cluster = Cluster(self.server.store)

    def pv(self, namespace: str, claim: str) -> str:
        """The volume of a claim."""
        return pv_name(self.context, namespace, claim)

    def uid(self, namespace: str, claim: str) -> str:
        """A claim's, the same in every run."""
        return claim_uid(self.context, namespace, claim)

    def bound(self, namespace: str, claim: str, source: Mapping[str, Any], **more: Any) -> Json:
        """A claim as this cluster's provisioner binds it; `more` as `Cluster.bound` has it."""
        uid = more.pop("uid", "") or self.uid(namespace, claim)
        return self.cluster.bound(namespace, claim, source, uid=uid, **{"zone": self.disks.zone, **more})

    def made(self, namespace: str, claim: str, size: int = 20, **more: Any) -> Json:
        """A claim, and a disk made for it."""
        source = self.disks.create(self.pv(namespace, claim), namespace, claim, size)
        return self.bound(namespace, claim, source, size=size, **more)

    def workload(
        self,
        namespace: str,
        name: str,
        replicas: int,
        size: int,
        sources: Mapping[str, Mapping[str, Any]],
        storage_class: str,
        *,
        templates: Iterable[str] = ("data",),
        start: int = 0,
        days: float = 300.0,
    ) -> None:
        """A StatefulSet and the claims that there are of it: `sources` by claim, also beyond its replicas."""
        asked = [(template, storage_class, size) for template in templates]
        self.cluster.stateful_set(namespace, name, replicas=replicas, start=start, templates=asked, days=days)
        for claim, source in sources.items():
            self.bound(
                namespace, claim, source, storage_class=storage_class, size=size, labels=selector(name), days=days
            )


def mounted(*claims: str) -> list[Json]:
    """A Pod's volumes that are these claims."""
    return [{"name": claim, "persistentVolumeClaim": {"claimName": claim}} for claim in claims]


SCRATCH: list[Json] = [{"name": "scratch", "emptyDir": {}}]
LOGS: list[Json] = [{"name": "logs", "hostPath": {"path": "/var/log", "type": "Directory"}}]
