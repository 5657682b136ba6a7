"""What was asked and not answered: a control that counts on it is judged again when that changes."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from posture.fault import Fault
from posture.resource import Resource
from posture.rollup import tenants_of
from posture.source import ANSWERED, Source, State, account_of


class Listing(NamedTuple):
    """Everything of one service in an account, project or server; `scope` None: in all those of the tenant."""

    provider: str
    scope: str | None
    service: str
    tenant: str


class Unanswered:
    """The sources that have not answered in full, and the resources whose verdict hangs on that.

    `sources` is the model's own and only read.
    """

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources
        self._refused: dict[str, Fault] = {}
        """By source: the first part that the poll under way was refused."""
        self._waiting: dict[str, dict[str, None]] = {}
        """By account: the resources that asked."""
        self._listings: dict[Listing, bool] = {}
        """What was asked for, and whether it was listed in full then."""

    def find(self, resource: Resource, asks: Callable[[str], bool]) -> Source | None:
        """The first source by id, of the resource's account or project and its region and of a service that `asks`,
        which has not answered in full. The resource is among those that `release` gives from then on.
        """
        reported_by = self._sources.get(resource.source)
        accounts = {resource.scope, *((account_of(reported_by),) if reported_by else ())}
        for account in accounts:
            self._waiting.setdefault(account, {})[resource.id] = None
        silent = (
            source
            for source in map(self._as_told, self._sources.values())
            if source.state not in ANSWERED
            and source.provider == resource.provider
            and account_of(source) in accounts
            and asks(source.service)
        )
        return min(
            (source for source in silent if resource.region in source.scope.split("/")[1:] or "/" not in source.scope),
            key=lambda s: s.id,
            default=None,
        )

    def release(self, source: Source) -> dict[str, None]:
        """The ids of the resources that asked about this source's account: they are to be judged again."""
        return self._waiting.pop(account_of(source), {})

    def listed(self, listing: Listing) -> bool:
        """Whether a source of it is asked and every one has answered in full. From then on `turned` tells when that
        changes.
        """
        asked = [self._as_told(source) for source in self._sources.values() if _of(listing, source)]
        answer = bool(asked) and all(source.state in ANSWERED for source in asked)
        self._listings[listing] = answer
        return answer

    def turned(self, source: Source, is_asked: Callable[[Listing], bool]) -> list[Listing]:
        """The listings whose answer this source has changed. Those that nobody asks for (`is_asked`) are forgotten."""
        for listing in [listing for listing in self._listings if not is_asked(listing)]:
            del self._listings[listing]
        concerned = [(listing, known) for listing, known in self._listings.items() if _of(listing, source)]
        return [listing for listing, known in concerned if self.listed(listing) is not known]

    def refuse(self, source_id: str, fault: Fault) -> bool:
        """The poll under way was refused a part; says whether that is news."""
        return self._refused.setdefault(source_id, fault) is fault

    def end(self, source_id: str) -> Fault | None:
        """No poll is under way any more, or another begins; returns what the last one was refused."""
        return self._refused.pop(source_id, None)

    def _as_told(self, source: Source) -> Source:
        """A source as it will stand when the poll under way has ended, where that was refused a part already."""
        part = self._refused.get(source.id)
        return source if part is None else msgspec.structs.replace(source, state=State.PARTIAL, fault=part)


def _of(listing: Listing, source: Source) -> bool:
    if (source.provider, source.service) != (listing.provider, listing.service):
        return False
    if listing.scope is not None:
        return account_of(source) == listing.scope
    return not set(listing.tenant.split("+")).isdisjoint(tenants_of(source.tenant, own=True))
