"""What a control may look at beside the resource that it judges."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from posture.clock import Utc
from posture.entry import Entry
from posture.links import Links
from posture.policy import Policy, shared
from posture.resource import Resource
from posture.source import Source


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


class Held(Protocol):
    """What `ModelContext` asks of the model (`posture.model.Model`)."""

    links: Links
    sources: dict[str, Source]

    @property
    def now(self) -> Utc:
        """The time of the latest call, UTC seconds."""

    def entry(self, resource_id: str) -> Entry | None:
        """A resource with its findings, by id or alias."""

    def unanswered(self, resource: Resource, asks: Callable[[str], bool]) -> Source | None:
        """As `Context.unanswered`."""

    def unassigned(self, tenant: str) -> int:
        """As `Context.unassigned`."""


class ModelContext:
    """The model as the controls of one tenant's resources see it (`Context`)."""

    def __init__(self, model: Held, policies: Sequence[Policy]) -> None:
        self._model = model
        self.policies = policies
        self.policy = shared(policies)

    @property
    def now(self) -> Utc:
        """The time of judging, UTC seconds."""
        return self._model.now

    def linked(self, resource: Resource, rel: str) -> Resource | None:
        """The resource at the other end of the link `rel`, where it was seen."""
        target = resource.link(rel)
        if target is None:
            return None
        entry = self._model.entry(target)
        return entry.resource if entry else None

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
