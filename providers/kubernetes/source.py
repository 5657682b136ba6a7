"""What the sources of a cluster share: the way in, whose its namespaces are, what they learn from each other, and how
its objects are named.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from posture.clock import Seconds, Utc
from posture.fault import Fault
from posture.resource import Link, Resource
from posture.rollup import UNASSIGNED
from posture.who import Change, Trail, Who
from providers.kubernetes import manager
from providers.kubernetes.calls import Call
from providers.kubernetes.claims import Claims
from providers.kubernetes.client import KubeClient
from providers.kubernetes.settings import is_pattern, matches
from providers.source import Source

_NONE: Mapping[str, Fault] = {}


class Namespaces:
    """Whose a namespace is. `patterns` maps each tenant to its namespaces; none means all of them."""

    def __init__(self, patterns: Mapping[str, tuple[str, ...]]) -> None:
        self._patterns = patterns
        self._known: dict[str, str | None] = {}
        self.name = "+".join(patterns)
        """As the sources of the cluster name it."""

    def of(self, namespace: str) -> str | None:
        """The tenant of what is in a namespace; None where it is nobody's of ours, and nobody's in words where it is
        several tenants'.
        """
        if namespace not in self._known:
            self._known[namespace] = self._of(namespace)
        return self._known[namespace]

    def _of(self, namespace: str) -> str | None:
        if not namespace:
            return self.name
        owners = [tenant for tenant, patterns in self._patterns.items() if not patterns or matches(namespace, patterns)]
        return None if not owners else owners[0] if len(owners) == 1 else UNASSIGNED

    @property
    def named(self) -> list[str]:
        """Every namespace that is named in full, and every pattern."""
        return sorted({each for patterns in self._patterns.values() for each in patterns})

    @property
    def is_pattern(self) -> bool:
        """Whether one of them stands for several."""
        return any(map(is_pattern, self.named))


class Shared:
    """What the sources of one cluster have together. `name` is what it is called in ids, `now` gives UTC seconds;
    `known_as` are the ids by which its cloud knows it.
    """

    def __init__(
        self,
        name: str,
        client: KubeClient,
        namespaces: Namespaces,
        project: str,
        now: Callable[[], Utc],
        known_as: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.known_as = known_as
        self.client = client
        self.namespaces = namespaces
        self.now = now
        self.claims = Claims()
        self.project = project
        """The cluster's in Google Cloud; empty until something names it."""
        self.project_known = asyncio.Event()
        self.groups: frozenset[str] | None = None
        """The API groups that the server has; None while nobody had to ask."""

        self.kept_elsewhere: dict[str, int] = {}
        """Secrets whose values are kept elsewhere, by the plural of what stands for them."""
        self.counted = asyncio.Event()

    def count_kept_elsewhere(self, plural: str, many: int) -> None:
        """So many were listed."""
        if self.kept_elsewhere.get(plural) != many:
            self.kept_elsewhere[plural] = many
            self.counted.set()

    def learn_project(self, project: str) -> None:
        """Something of the cluster names its project: a node, a disk."""
        if project and not self.project:
            self.project = project
            self.project_known.set()


class KubeSource(Source):
    """A question asked of one cluster."""

    call: ClassVar[Call]
    tells_who = True

    def __init_subclass__(cls) -> None:
        """The source of a kind is called by the kind's plural."""
        super().__init_subclass__()
        if "call" in cls.__dict__:
            cls.service = cls.call.plural

    def __init__(self, shared: Shared, cadence: Seconds) -> None:
        self.shared = shared
        self.type = f"k8s.{self.call.kind}"
        self.permissions = (self.call.permission,)
        super().__init__(shared.namespaces.name, "kubernetes", shared.name, cadence)

    async def close(self) -> None:
        """The way in; closing it twice does no harm."""
        await self.shared.client.close()

    async def who(self, change: Change) -> Trail | Who:
        """The field managers of the object."""
        return await manager.asked(self.shared.client, change)

    def id_of(self, namespace: str, name: str, kind: str = "") -> str:
        """The id of an object: `k8s://CONTEXT/NAMESPACE/KIND/NAME`."""
        return f"k8s://{self.shared.name}/{namespace}/{kind or self.call.kind}/{name}"

    def seen(
        self,
        kind: str,
        namespace: str,
        name: str,
        fields: Mapping[str, Any],
        *,
        region: str = "",
        links: Iterable[Link] = (),
        faults: Mapping[str, Fault] = _NONE,
        cells: tuple[str, ...] = (),
        owner: str | None = None,
    ) -> Resource:
        """An object of this cluster. `owner` is the namespace that says whose it is, its own by default."""
        return self.resource(
            id=self.id_of(namespace, name),
            kind=kind,
            type=self.type,
            name=f"{namespace}/{name}" if namespace else name,
            fields=fields,
            tenant=self.shared.namespaces.of(namespace if owner is None else owner) or UNASSIGNED,
            region=region,
            links=tuple(links),
            faults=faults,
            cells=cells,
        )
