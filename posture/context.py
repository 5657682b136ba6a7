"""What a control may look at beside the resource that it judges."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from posture.clock import Utc
from posture.door_index import Found
from posture.entry import Entry
from posture.links import Links
from posture.policy import Policy, shared
from posture.resource import Resource
from posture.rollup import Rollup
from posture.source import Source
from posture.unanswered import Listing
from posture.verdict import Finding


class Context(Protocol):
    """What a control may look at beside its resource. It cannot fetch anything."""

    @property
    def now(self) -> Utc:
        """The time of judging."""

    @property
    def policy(self) -> Policy:
        """What the resource's tenant is meant to have."""

    def linked(self, resource: Resource, rel: str) -> Resource | None:
        """The resource pointed at by `rel`; None where not pointed at or not seen."""

    def linked_all(self, resource: Resource, rel: str) -> list[tuple[str, Resource | None]]:
        """Everything pointed at by `rel`, in the order of the links: the id as it is linked, and the resource, None
        where it was not seen.
        """

    def findings(self, resource: Resource) -> Mapping[str, Finding]:
        """The findings that stand on another resource, by control. Empty where nothing judges it, where it is gone,
        and where its own verdict hangs on the resource under judgement, which is nobody's to know.

        The resource under judgement is judged again when their status, reason, fault or cause changes.
        """

    def listed(self, provider: str, scope: str | None, service: str) -> bool:
        """Whether sources of this service are asked in an account, project or server (`scope`, without the region;
        None: in all those of the tenant), and each has answered in full when it was last asked.

        What they did not name then did not exist. It says nothing of regions that no source asks. The resource under
        judgement is judged again when this changes.
        """

    def users(self, resource: Resource) -> Iterator[Resource]:
        """Resources that point at `resource` or one of its aliases, lazily.

        Ask of them what they are (kind, type, tenant, scope, region): another change of theirs does not judge
        `resource` again.
        """

    def count_kinds(self, resource: Resource) -> Mapping[str, int]:
        """How many of each kind point at `resource`: kind -> number, none of them 0."""

    def sources(self, tenant: str) -> Iterable[Source]:
        """Every source of a tenant."""

    def source(self, source_id: str) -> Source | None:
        """One source, by id."""

    @property
    def policies(self) -> Sequence[Policy]:
        """The policy of every tenant that shares the resource; of one tenant's, its own alone."""

    def unanswered(self, resource: Resource, asks: Callable[[str], bool]) -> Source | None:
        """A source of the resource's place (account or project, and region), of a service that `asks`, which has not
        answered in full.

        What it would name, nobody has seen.
        """

    def unassigned(self, tenant: str) -> int:
        """How many resources of the accounts this tenant shares carry no tenant's tag."""

    def found(self, tenant: str) -> Found:
        """How many TLS endpoints the tenant's resources name. `enctop://TENANT` is judged again when that changes."""

    def rollup(self, tenant: str) -> Rollup:
        """How the tenant's resources stand now. `enctop://TENANT` is judged again when that changes."""


class Held(Protocol):
    """What `ModelContext` asks of the model (`posture.model.Model`)."""

    links: Links
    sources: dict[str, Source]
    rollups: dict[str, Rollup]

    @property
    def now(self) -> Utc:
        """The time of the latest call, UTC seconds."""

    def entry(self, resource_id: str) -> Entry | None:
        """A resource with its findings, by id or alias."""

    def unanswered(self, resource: Resource, asks: Callable[[str], bool]) -> Source | None:
        """As `Context.unanswered`."""

    def findings(self, resource: Resource) -> Mapping[str, Finding]:
        """As `Context.findings`."""

    def listed(self, listing: Listing) -> bool:
        """As `Context.listed`."""

    def unassigned(self, tenant: str) -> int:
        """As `Context.unassigned`."""


class ModelContext:
    """The model as the controls of one tenant's resources see it (`Context`)."""

    def __init__(self, model: Held, tenant: str, policies: Sequence[Policy]) -> None:
        self._model = model
        self._tenant = tenant
        self.policies = policies
        self.policy = shared(policies)

    @property
    def now(self) -> Utc:
        """The time of judging, UTC seconds."""
        return self._model.now

    def linked(self, resource: Resource, rel: str) -> Resource | None:
        """The resource at the other end of the link `rel`, where it was seen."""
        target = resource.link(rel)
        return None if target is None else self._at(target)

    def linked_all(self, resource: Resource, rel: str) -> list[tuple[str, Resource | None]]:
        """The other ends of the links `rel`, each where it was seen."""
        return [(link.to, self._at(link.to)) for link in resource.links if link.rel == rel]

    def findings(self, resource: Resource) -> Mapping[str, Finding]:
        """The findings on another resource; asking is remembered (`Model.findings`)."""
        return self._model.findings(resource)

    def listed(self, provider: str, scope: str | None, service: str) -> bool:
        """Whether every source of it has answered in full; asking is remembered (`Model.listed`)."""
        return self._model.listed(Listing(provider, scope, service, "" if scope is not None else self._tenant))

    def users(self, resource: Resource) -> Iterator[Resource]:
        """Who points at this resource."""
        for user in self._model.links.users(resource):
            entry = self._model.entry(user)
            if entry is not None:
                yield entry.resource

    def count_users(self, resource: Resource) -> int:
        """How many point at this resource."""
        return self._model.links.count(resource)

    def count_kinds(self, resource: Resource) -> Mapping[str, int]:
        """How many of each kind point at this resource."""
        return self._model.links.kinds(resource)

    def sources(self, tenant: str) -> Iterable[Source]:
        """Every source of a tenant."""
        return [source for source in self._model.sources.values() if tenant in source.tenant.split("+")]

    def source(self, source_id: str) -> Source | None:
        """One source."""
        return self._model.sources.get(source_id)

    def unanswered(self, resource: Resource, asks: Callable[[str], bool]) -> Source | None:
        """The first source of its place, of a service that `asks`, which has not answered in full; asking is
        remembered (`Model.unanswered`).
        """
        return self._model.unanswered(resource, asks)

    def unassigned(self, tenant: str) -> int:
        """Resources that carry no tenant's tag in accounts this tenant shares."""
        return self._model.unassigned(tenant)

    def found(self, tenant: str) -> Found:
        """How many TLS endpoints the tenant's resources name."""
        return self._model.links.doors.found(tenant)

    def rollup(self, tenant: str) -> Rollup:
        """How the tenant's resources stand now."""
        return self._model.rollups.get(tenant) or Rollup()

    def _at(self, target: str) -> Resource | None:
        entry = self._model.entry(target)
        return entry.resource if entry else None
