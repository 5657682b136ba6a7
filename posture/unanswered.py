"""What was asked and not answered: a control that counts on it is judged again when that changes."""

from collections.abc import Callable, Mapping

import msgspec

from posture.fault import Fault
from posture.resource import Resource
from posture.source import ANSWERED, Source, State, account_of


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
