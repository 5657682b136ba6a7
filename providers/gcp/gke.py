"""GKE clusters: how their secrets are encrypted."""

from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime
from typing import Any

from posture.batch import Batch, Listed, Partly
from posture.resource import Encryption, KeyClass, Resource
from providers.gcp.calls import HOSTS, LIST_CLUSTERS
from providers.gcp.faults import scope_fault
from providers.gcp.place import GcpSource, Remembered
from providers.gcp.wire import ClusterPage
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
        """`missingZones` name what the listing may leave out: then nothing is taken to be gone, and what was not named says why."""
        page = await self.project.ask(LIST_CLUSTERS, ClusterPage)
        keys: set[str] = set()
        made = [self._cluster(fields, keys) for fields in page.clusters or () if fields.get("name")]
        yield Batch(tuple(made))
        self._pending = {cluster.id: since for cluster in made if (since := cluster.fields.get("pendingSince"))}
        self.seen.named[self.id] = keys
        for zone in page.missingZones or ():
            fault = scope_fault(LIST_CLUSTERS, zone, "MISSING_ZONE")
            yield Partly(fault)
            yield self._kept.unseen("clusters", LIST_CLUSTERS.operation, fault, made)
        if not page.missingZones:
            self._kept.seen("clusters", made)
        yield Listed((CLUSTER,))

    def _cluster(self, answer: Mapping[str, Any], keys: set[str]) -> Resource:
        fields = {**answer, "labels": answer.get("resourceLabels")}
        block = fields.get("databaseEncryption") or {}
        location = str(fields.get("location") or "")
        id = f"//{HOSTS['container']}/projects/{self.project.name}/locations/{location}/clusters/{fields['name']}"
        current = str(block.get("currentState") or "").removeprefix("CURRENT_STATE_")
        if current.endswith("_PENDING"):
            now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            fields["pendingSince"] = self._pending.get(id, now)
        encryption, links = Encryption(True, "AES-256", KeyClass.PROVIDER), ()
        if name := block.get("keyName"):
            keys.add(name)
            encryption, links = self.under_kms(name)  # type: ignore[assignment]
        return self.resource(id, "cluster", CLUSTER, fields["name"], location, fields, encryption=encryption, links=links, cells=(current or "?",))
