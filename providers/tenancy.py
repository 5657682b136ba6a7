"""Whose a resource is: one tenant's place, or one that tenants share by a tag or label."""

from collections.abc import Iterable, Mapping

from posture.rollup import UNASSIGNED


class Tenancy:
    """`marks` maps each tenant to the `KEY=VALUE` of the tag or label that marks its resources; None means that
    everything there is its own.
    """

    def __init__(self, marks: Mapping[str, str | None]) -> None:
        self._only = next(iter(marks)) if len(marks) == 1 and None in marks.values() else None
        self._by_mark = {tuple(mark.split("=", 1)): tenant for tenant, mark in marks.items() if mark}
        self.name = "+".join(marks)
        """As the sources of the place name it."""

    @property
    def shared(self) -> bool:
        """Whether marks decide."""
        return self._only is None

    def of(self, marks: Iterable[tuple[str, str]]) -> str:
        """The tenant of a resource with these tags or labels (key, value); nobody's where they name none, or several:
        their order means nothing.
        """
        if self._only is not None:
            return self._only
        named = {self._by_mark.get(mark) for mark in marks} - {None}
        return named.pop() or UNASSIGNED if len(named) == 1 else UNASSIGNED
