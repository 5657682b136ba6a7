"""Where Google Cloud begins: the sources of every configured project."""

from collections.abc import AsyncIterator, Sequence

from posture.batch import Batch, Listed
from providers.cadence import Cadence
from providers.gcp.calls import GET_PROJECT
from providers.gcp.disks import Disks
from providers.gcp.kms import Keys, NamedKeys
from providers.gcp.place import GcpSource, Seen, Tenancy
from providers.gcp.project import Project
from providers.gcp.settings import GcpSettings
from providers.gcp.storage import Buckets
from providers.gcp.wire import ProjectAnswer
from providers.source import Source, Yield


class Identity(GcpSource):
    """The project itself: that it is there, and its number, under which a key may be named."""

    service = "project"
    calls = (GET_PROJECT,)

    async def poll(self) -> AsyncIterator[Yield]:
        """One question."""
        answer = await self.project.ask(GET_PROJECT, ProjectAnswer)
        self.project.number = answer.name.rpartition("/")[2]
        fields = {"name": answer.name, "projectId": answer.projectId, "state": answer.state, "displayName": answer.displayName}
        id = f"//cloudresourcemanager.googleapis.com/projects/{self.project.name}"
        yield Batch((self.resource(id, "account", "gcp.project", self.project.name, "", fields, cells=("",), tenant=self.tenancy.name),))
        yield Listed(("gcp.project",))


def open_gcp(blocks: Sequence[tuple[str, GcpSettings]], cadence: Cadence, version: str) -> list[Source]:
    """The sources of every project. A project that several tenants name is asked once, and shared by their labels."""
    ways: dict[tuple[object, ...], list[tuple[str, GcpSettings]]] = {}
    for tenant, settings in blocks:
        ways.setdefault(settings.connection, []).append((tenant, settings))
    made: list[Source] = []
    for members in ways.values():
        tenancy = Tenancy({tenant: settings.label for tenant, settings in members})
        made += _sources(Project(members[0][1], version), tenancy, cadence)
    return made


def _sources(project: Project, tenancy: Tenancy, cadence: Cadence) -> list[Source]:
    live, warm = cadence.live, cadence.warm
    seen = Seen()
    identity = Identity(project, tenancy, warm, seen)
    disks, buckets = Disks(project, tenancy, live, seen), Buckets(project, tenancy, warm, seen)
    naming = [disks, buckets]
    for source in naming:
        source.after = (identity.id,)
    keys, named = Keys(project, tenancy, live, seen), NamedKeys(project, tenancy, live, seen)
    keys.cold = cadence.cold
    keys.after = tuple(source.id for source in naming)
    named.after = (keys.id,)
    return [identity, *naming, keys, named]
