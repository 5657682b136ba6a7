"""Where Google Cloud begins: the sources of every configured project."""

from collections.abc import AsyncGenerator

from posture.reports import Batch, Complete
from providers.cadence import Cadence
from providers.gcp.calls import GET_PROJECT
from providers.gcp.certificates import Certificates
from providers.gcp.client import GcpClient
from providers.gcp.decode import ProjectAnswer
from providers.gcp.disks import Disks
from providers.gcp.edge import Proxies
from providers.gcp.faults import unreadable
from providers.gcp.filestore import Filestore
from providers.gcp.gke import Clusters
from providers.gcp.identity import TwoStep
from providers.gcp.instant import InstantSnapshots
from providers.gcp.kms import Keys, NamedKeys
from providers.gcp.objects import Sweep
from providers.gcp.snapshots import Snapshots
from providers.gcp.source import GcpSource, Shared
from providers.gcp.storage import Buckets, DeletedBuckets
from providers.source import Source, Yield
from providers.system import Block, Blocks, Setup
from providers.tenancy import Tenancy


class Identity(GcpSource):
    """The project itself: that it is there, and its number, under which a key may be named."""

    service = "project"
    calls = (GET_PROJECT,)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """One question."""
        answer = await self.project.ask(GET_PROJECT, ProjectAnswer)
        number = answer.name.removeprefix("projects/")
        if answer.projectId != self.project.name or not number.isdecimal():
            raise unreadable(GET_PROJECT, f"the answer does not name the project {self.project.name}")
        self.project.number = number
        fields = {
            "name": answer.name,
            "projectId": answer.projectId,
            "state": answer.state,
            "displayName": answer.displayName,
        }
        id = f"//cloudresourcemanager.googleapis.com/projects/{self.project.name}"
        yield Batch(
            (
                self.resource(
                    id=id,
                    kind="account",
                    type="gcp.project",
                    name=self.project.name,
                    region="",
                    fields=fields,
                    cells=("",),
                    tenant=self.tenancy.name,
                ),
            )
        )
        yield Complete(("gcp.project",))


def open_gcp(setup: Setup, blocks: Blocks) -> list[Source]:
    """The sources of every project. A project that several tenants name is asked once, and shared by their labels."""
    projects: dict[tuple[object, ...], list[Block]] = {}
    for block in blocks:
        projects.setdefault(block.settings.connection, []).append(block)
    made: list[Source] = []
    for members in projects.values():
        tenancy = Tenancy({block.tenant: block.settings.label for block in members})
        client = GcpClient(members[0].settings, setup.version, setup.limits)
        made += _sources(client, tenancy, setup.cadence, Shared(setup.now))
    return made


def _sources(project: GcpClient, tenancy: Tenancy, cadence: Cadence, seen: Shared) -> list[Source]:
    live, warm, cold = cadence.live, cadence.warm, cadence.cold
    identity = Identity(project, tenancy, warm, seen)
    disks, buckets = Disks(project, tenancy, live, seen), Buckets(project, tenancy, warm, seen)
    naming: list[GcpSource] = [
        disks,
        buckets,
        Snapshots(project, tenancy, cold, seen),
        Clusters(project, tenancy, cold, seen),
        Filestore(project, tenancy, cold, seen),
        DeletedBuckets(project, tenancy, cold, seen),
    ]
    for source in naming:
        source.after = (identity.id,)
    if project.settings.object_pages:
        sweep = Sweep(project, tenancy, cold, seen)
        sweep.buckets, sweep.after = buckets, (buckets.id,)
        naming.append(sweep)
    keys, named = Keys(project, tenancy, live, seen), NamedKeys(project, tenancy, live, seen)
    keys.cold = cold
    keys.after = tuple(source.id for source in naming)
    named.after = (keys.id,)
    certificates, proxies = Certificates(project, tenancy, cold, seen), Proxies(project, tenancy, cold, seen)
    proxies.after = (certificates.id,)
    around: list[GcpSource] = [certificates, proxies, InstantSnapshots(project, tenancy, cold, seen)]
    if project.settings.workspace or project.settings.two_step:
        around.append(TwoStep(project, tenancy, cold, seen))
    return [identity, *naming, keys, named, *around]
