"""What a room gives the poller: sources, each one question asked of one place on a cadence."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, ClassVar, Union

import msgspec

from posture.clock import Seconds, Utc
from posture.fault import Fault
from posture.reports import Batch, Gone, NotRead, Report, StillSo
from posture.resource import Encryption, Link, Resource
from posture.source import Source as Record
from posture.who import Change, Trail, Who, not_recorded


class Tally:
    """How many requests a poll has sent, retries included; and why it is waiting now, where the server has asked it
    to.
    """

    __slots__ = ("calls", "held")

    def __init__(self) -> None:
        self.calls = 0
        self.held: Fault | None = None


TALLY: ContextVar[Tally] = ContextVar("TALLY")
"""The tally of the poll that runs in this task; a room adds to it with every request it sends."""


_NONE: Mapping[str, Fault] = {}


class Source(ABC):
    """One question asked of one place.

    `poll` yields reports page by page and raises `posture.fault.Refused` when there is no answer, already translated by
    its room. `after` are ids of sources whose first poll comes before the first of this one; it may grow until then.
    `last` says that those of all others do, for what it asks is what they find: it waits for one cadence at the most,
    in a snapshot for half of the time there is. `permissions` are what it needs to be allowed. `within` and `region`
    are where its resources are: `scope`, and none, unless its room says otherwise.
    """

    service: ClassVar[str]
    unrecorded: ClassVar[str] = "its system writes down nowhere who changed it"
    """Why nobody can be asked who changed something, where nobody can."""
    tells_who: bool = False
    """Whether it has a log that may be asked, also about what nobody wanted to know yet."""
    region: str = ""
    permissions: tuple[str, ...] = ()
    after: Sequence[str] = ()
    last: ClassVar[bool] = False

    def __init__(self, tenant: str, provider: str, scope: str, cadence: Seconds) -> None:
        self.tenant = tenant
        self.provider = provider
        self.scope = self.within = scope
        self.cadence = cadence
        self.id = f"{tenant}/{provider}/{scope}/{self.service}"

    @abstractmethod
    def poll(self) -> AsyncGenerator[Report | Children, None]:
        """Ask once, in full."""

    def owner(self, fields: Mapping[str, Any]) -> str:
        """The tenant of a resource with these fields."""
        return self.tenant

    def spelled(self, id: str, aliases: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
        """The id and the aliases of a resource, as the rooms' links spell them."""
        return id, aliases

    def linked(self, id: str, links: tuple[Link, ...]) -> tuple[Link, ...]:
        """The links of a resource, with those that every resource of the system has."""
        return links

    def resource(
        self,
        *,
        id: str,
        kind: str,
        type: str,
        name: str,
        fields: Mapping[str, Any],
        tenant: str = "",
        scope: str = "",
        region: str = "",
        encryption: Encryption | None = None,
        links: tuple[Link, ...] = (),
        faults: Mapping[str, Fault] = _NONE,
        aliases: tuple[str, ...] = (),
        cells: tuple[str, ...] = (),
        expires: Utc | None = None,
    ) -> Resource:
        """A resource seen here. Empty, `tenant` is its `owner`, and `scope` and `region` are those of this source's
        place.
        """
        id, aliases = self.spelled(id, aliases)
        return Resource(
            id=id,
            kind=kind,
            type=type,
            name=name,
            tenant=tenant or self.owner(fields),
            provider=self.provider,
            scope=scope or self.within,
            region=region or self.region,
            source=self.id,
            encryption=encryption,
            fields=fields,
            links=self.linked(id, links),
            faults=faults,
            aliases=aliases,
            cells=cells,
            expires=expires,
        )

    def follow(self) -> AsyncGenerator[News, None] | None:
        """What changes after a poll that was answered in full, as it happens; None for a source that is polled on its
        cadence, as most are. An async generator, which the poller reads until it ends, and then polls at once; or until
        it raises `posture.fault.Refused`, and then polls later, as after a poll that was refused.

        It is closed in the middle when the source is dropped, asked to be polled, or paused: whatever it has read
        and not yielded then must be read again by the next `poll`.
        """
        return None

    async def who(self, change: Change) -> Trail | Who:
        """What the trail of its system holds of a change, or an answer where none is to be asked. Raises
        `posture.fault.Refused`.
        """
        return not_recorded(self.unrecorded, change)

    def unasked(self, fault: Fault) -> Iterable[Report]:
        """What a poll that was cut off has named and not asked yet, as it stands with this fault. Nothing, where a
        source names only what it has asked.
        """
        return ()

    def afterwards(self) -> Iterable[Report]:
        """What it has to add in a snapshot, which polls it once, after all others were polled too."""
        return ()

    async def close(self) -> None:  # noqa: B027 - most sources hold nothing open
        """Let go of what is open; called once, when nothing is polled any more."""

    def record(self) -> Record:
        """The source as model and screen know it, before its first answer."""
        return Record(
            self.id, self.tenant, self.provider, self.scope, self.service, self.cadence, permissions=self.permissions
        )


class Children(msgspec.Struct, frozen=True):
    """The sources that this poll found to exist below its own; those it named before and does not name now are
    dropped.
    """

    sources: tuple[Source, ...]


Yield = Union[Report, Children]
News = Union[Batch, Gone, StillSo, NotRead, Children]
"""What a source yields between its polls."""
