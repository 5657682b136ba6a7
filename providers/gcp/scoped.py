"""What one aggregated listing of Compute gives as rows: of every scope, with those that did not answer."""

from abc import abstractmethod
from collections.abc import AsyncGenerator
from typing import Any, ClassVar

from posture.reports import Batch, Complete, ReadRefused
from posture.resource import Resource
from providers.gcp.calls import HOSTS, Call
from providers.gcp.decode import Page, Unread
from providers.gcp.scopes import Unanswered, scope_path
from providers.gcp.source import GcpSource, Remembered
from providers.source import Yield


class ScopedSource(GcpSource):
    """Everything of one collection, over all zones and regions of a project. What stands in a scope that did not
    answer says so itself, as it was seen last.
    """

    call: ClassVar[Call]
    page: ClassVar[Any]
    collection: ClassVar[str]
    type: ClassVar[str]

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]
        self._kept = Remembered()

    @abstractmethod
    def made(self, where: str, id: str, fields: Any) -> Resource:
        """A row as a resource; `where` is `zones/Z`, `regions/R` or `global`."""

    @abstractmethod
    def odd(self, where: str, id: str, bad: Unread) -> Resource:
        """A row that could not be read."""

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Page by page."""
        silent, unread, here = Unanswered(self.call), list[Unread](), list[Resource]()
        async for page in self.project.pages(self.call, self.page, unread=unread):
            silent.read(page)
            rows = [self.odd(scope_path(bad.scope), self._id(bad.scope, bad.name), bad) for bad in unread if bad.name]
            for bad in unread:
                yield ReadRefused(bad.fault)
                silent.whole = silent.whole if bad.name else bad.fault
            unread.clear()
            rows += self._rows(page, silent)
            here += rows
            yield Batch(tuple(rows))
        for refused in silent.scopes.values():
            yield ReadRefused(refused)
        fault = silent.whole or next(iter(silent.scopes.values()), None)
        if silent.whole is not None:
            yield ReadRefused(silent.whole)
        if fault is None:
            self._kept.seen(self.collection, here)
        else:
            yield self._kept.unseen(self.collection, self.call.operation, fault, here)
        yield Complete((self.type,))

    def _rows(self, page: Page, silent: Unanswered) -> list[Resource]:
        items: dict[str, Any] = getattr(page, "items", None) or {}
        rows: list[Resource] = []
        for scope, within in items.items():
            silent.scope(scope, within.warning)
            found = getattr(within, self.collection) or ()
            rows += [self.made(scope_path(scope), self._id(scope, each["name"]), each) for each in found]
        return rows

    def _id(self, scope: str, name: str) -> str:
        return f"//{HOSTS['compute']}/projects/{self.project.name}/{scope_path(scope)}/{self.collection}/{name}"
