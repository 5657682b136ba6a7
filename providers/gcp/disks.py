"""Disks of every zone and region, and the zones that did not answer."""

from collections.abc import AsyncGenerator, Mapping
from functools import lru_cache

import msgspec

from posture.fault import Fault
from posture.reports import Batch, Complete, ReadRefused
from posture.resource import Encryption, Link, Resource
from providers.gcp.calls import HOSTS, LIST_DISKS
from providers.gcp.decode import Disk, DiskPage, Unread
from providers.gcp.scopes import Unanswered, scope_path
from providers.gcp.source import UNTOLD, GcpSource, last, names_of
from providers.source import Yield

_FOR_CLAIMS = ("goog-gke-volume", "kubernetes-io-created-for_pvc-name", "kubernetes-io-created-for-pvc-name")
"""Labels that a disk has which was made for a claim."""
DISK, SCOPE = "gcp.compute.disk", "gcp.compute.location"


@lru_cache(maxsize=1024)
def _cluster(name: str) -> Link:
    """One for the thousands of disks of a cluster."""
    return Link("cluster", name)


class Disks(GcpSource):
    """Zonal and regional disks of a project, in one listing over all its zones and regions.

    A zone that did not answer is not empty: what was known of it is reported again with the reason why it was not seen,
    and the zone itself stands among the resources until it answers.
    """

    service = "disks"
    calls = (LIST_DISKS,)

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]
        self._known: dict[str, list[Resource]] = {}

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Page by page; `unreachables` and the warnings of every scope are read on each."""
        silent, unread = Unanswered(LIST_DISKS), list[Unread]()
        here: dict[str, list[Resource]] = {}
        keys: set[str] = set()
        async for page in self.project.pages(LIST_DISKS, DiskPage, unread=unread):
            silent.read(page)
            made = [self._unread(bad) for bad in unread if bad.name]
            for bad, disk in zip([bad for bad in unread if bad.name], made, strict=True):
                here.setdefault(scope_path(bad.scope), []).append(disk)
            for bad in unread:
                yield ReadRefused(bad.fault)
                if not bad.name:
                    silent.whole = bad.fault
            unread.clear()
            for scope, within in (page.items or {}).items():
                silent.scope(scope, within.warning)
                if within.disks:
                    rows = [self._disk(scope, fields, keys) for fields in within.disks]
                    here.setdefault(scope_path(scope), []).extend(rows)
                    made += rows
            if made:
                yield Batch(tuple(made))
        for scope, fault in silent.scopes.items():
            yield ReadRefused(fault)
            lost = self._lost(scope, here)
            keys.update(
                name for disk in lost if (name := (disk.fields.get("diskEncryptionKey") or {}).get("kmsKeyName"))
            )
            yield Batch(
                (
                    self._scope(scope, fault),
                    *(msgspec.structs.replace(disk, faults={LIST_DISKS.operation: fault}) for disk in lost),
                )
            )
        if silent.whole is not None:
            yield ReadRefused(silent.whole)
        else:
            self._known = here
            yield Complete((DISK, SCOPE))
        self.seen.named[self.id] = keys if silent.whole is None else keys | self.seen.named.get(self.id, set())

    def _lost(self, scope: str, here: dict[str, list[Resource]]) -> list[Resource]:
        """What was known of a scope, or of the zones of a region, and was not named this time; it stays known."""
        zones = f"{scope.replace('regions/', 'zones/', 1)}-"
        found: list[Resource] = []
        for known in [
            known
            for known in self._known
            if known == scope or (scope.startswith("regions/") and known.startswith(zones))
        ]:
            now = here.setdefault(known, [])
            named = {disk.id for disk in now}
            lost = [disk for disk in self._known[known] if disk.id not in named]
            now.extend(lost)
            found += lost
        return found

    def _disk(self, scope: str, fields: Disk, keys: set[str]) -> Resource:
        where = scope_path(scope)
        fields.setdefault("diskEncryptionKey", None)  # the mask asks for it: what is not there is Google's key
        encryption, links = self.under_key(fields["diskEncryptionKey"], keys)
        return self._made(where, fields, encryption, links)

    def _made(self, where: str, fields: Disk, encryption: Encryption, links: tuple[Link, ...]) -> Resource:
        name = fields["name"]
        labels = fields.get("labels") or {}
        claim, space = (
            labels.get(f"kubernetes-io-created-for_pvc-{what}") or labels.get(f"kubernetes-io-created-for-pvc-{what}")
            for what in ("name", "namespace")
        )
        status = str(fields.get("status") or "").lower()
        used = (
            (f"{space}/{claim}" if space and claim else claim)
            or names_of(fields.get("users"))
            or ("unattached" if status == "ready" else status)
        )
        return self.resource(
            id=f"//{HOSTS['compute']}/projects/{self.project.name}/{where}/disks/{name}",
            kind="volume",
            type=DISK,
            name=name,
            region=last(where),
            fields=fields,
            encryption=encryption,
            links=(*links, *self._made_for(labels)),
            aliases=self._started_from(where, fields),
            cells=(used, f"{fields.get('sizeGb') or '?'} GiB"),
        )

    def _made_for(self, labels: Mapping[str, str]) -> tuple[Link, ...]:
        """The cluster that a disk was made for by a claim. Disks of nodes have its name too."""
        name, location = (labels.get(f"goog-k8s-cluster-{what}") for what in ("name", "location"))
        if not name or not location or not any(label in labels for label in _FOR_CLAIMS):
            return ()
        return (_cluster(f"//{HOSTS['container']}/projects/{self.project.name}/locations/{location}/clusters/{name}"),)

    def _started_from(self, where: str, fields: Disk) -> tuple[str, ...]:
        """The instance that starts from a disk: a node of Kubernetes names that, and no disk. The two have one name,
        unless it was chosen otherwise.
        """
        name = fields["name"]
        if not any(last(user) == name for user in fields.get("users") or ()):
            return ()
        return (f"//{HOSTS['compute']}/projects/{self.project.name}/{where}/instances/{name}",)

    def _unread(self, bad: Unread) -> Resource:
        """A disk of which no more is known than that it is there, and why."""
        where = scope_path(bad.scope)
        id = f"//{HOSTS['compute']}/projects/{self.project.name}/{where}/disks/{bad.name}"
        faults = {LIST_DISKS.operation: bad.fault}
        return self.resource(
            id=id,
            kind="volume",
            type=DISK,
            name=bad.name,
            region=last(where),
            fields={"name": bad.name},
            encryption=UNTOLD,
            faults=faults,
            cells=("?", "?"),
        )

    def _scope(self, scope: str, fault: Fault) -> Resource:
        return self.resource(
            id=f"//{HOSTS['compute']}/projects/{self.project.name}/{scope}",
            kind="account",
            type=SCOPE,
            name=f"{self.project.name} {last(scope)}",
            region=last(scope),
            fields={},
            faults={LIST_DISKS.operation: fault},
            cells=("?",),
            tenant=self.tenancy.name,
        )
