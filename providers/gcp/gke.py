"""GKE clusters: how their secrets are encrypted."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from posture.clock import rfc3339
from posture.reports import Batch, Complete, ReadRefused
from posture.resource import Encryption, KeyClass, Resource
from providers.gcp.calls import HOSTS, LIST_CLUSTERS
from providers.gcp.decode import ClusterPage, Unread
from providers.gcp.faults import scope_fault
from providers.gcp.source import UNTOLD, GcpSource, Remembered
from providers.source import Yield

CLUSTER = "gcp.container.cluster"


class Clusters(GcpSource):
    """Every cluster of the project, of every location, in one listing."""

    service = "gke"
    calls = (LIST_CLUSTERS,)

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]
        self._kept = Remembered()
        self._pending: dict[str, str] = {}
        """Cluster -> when a change of its encryption was first seen under way; Google does not say since when it is."""

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """`missingZones` name what the listing may leave out: then nothing is taken to be gone, and what was not
        named says why.
        """
        unread: list[Unread] = []
        page = await self.project.ask(LIST_CLUSTERS, ClusterPage, unread=unread)
        keys: set[str] = set()
        made = [self._cluster(fields, keys) for fields in page.clusters or ()]
        made += [kept for bad in unread if (kept := self._known(bad)) is not None]
        yield Batch(tuple(made))
        for bad in unread:
            yield ReadRefused(bad.fault)
        self._pending = {cluster.id: since for cluster in made if (since := cluster.fields.get("pendingSince"))}
        self.seen.named[self.id] = keys
        for zone in page.missingZones or ():
            fault = scope_fault(LIST_CLUSTERS, zone, "MISSING_ZONE")
            yield ReadRefused(fault)
            yield self._kept.unseen("clusters", LIST_CLUSTERS.operation, fault, made)
        if not page.missingZones:
            self._kept.seen("clusters", made)
        if len(made) == len(page.clusters or ()) + len(unread):
            yield Complete((CLUSTER,))

    def _known(self, bad: Unread) -> Resource | None:
        """A cluster that could not be read, as one that is known by the name, or by name and place; None where that
        does not say which.
        """
        known = [row for row in self._kept.rows.get("clusters", {}).values() if row.name == bad.name]
        location = bad.scope or (known[0].region if len(known) == 1 else "")
        if not bad.name or not location:
            return None
        id = f"//{HOSTS['container']}/projects/{self.project.name}/locations/{location}/clusters/{bad.name}"
        fields, faults = {"name": bad.name}, {LIST_CLUSTERS.operation: bad.fault}
        return self.resource(
            id=id,
            kind="cluster",
            type=CLUSTER,
            name=bad.name,
            region=location,
            fields=fields,
            encryption=UNTOLD,
            faults=faults,
            cells=("?",),
        )

    def _cluster(self, answer: Mapping[str, Any], keys: set[str]) -> Resource:
        fields = {**answer, "labels": answer.get("resourceLabels")}
        block = fields.get("databaseEncryption") or {}
        location = str(fields.get("location") or "")
        id = f"//{HOSTS['container']}/projects/{self.project.name}/locations/{location}/clusters/{fields['name']}"
        current = str(block.get("currentState") or "").removeprefix("CURRENT_STATE_")
        if current.endswith("_PENDING"):
            now = rfc3339(self.seen.now())
            fields["pendingSince"] = min(self._pending.get(id, now), now)  # the clock may have run ahead
        encryption, links = Encryption(True, "AES-256", KeyClass.PROVIDER), ()
        if name := block.get("keyName"):
            keys.add(name)
            encryption, links = self.under_kms(name)  # type: ignore[assignment]
        return self.resource(
            id=id,
            kind="cluster",
            type=CLUSTER,
            name=fields["name"],
            region=location,
            fields=fields,
            encryption=encryption,
            links=links,
            cells=(current or "?",),
        )
