"""Whose a resource is: one tenant's account, or an account that tenants share by a tag."""

from collections.abc import Iterable, Mapping

from posture.rollup import UNASSIGNED


class Tenancy:
    """`tags` maps each tenant to the `KEY=VALUE` that marks its resources; None means that everything there is its
    own.
    """

    def __init__(self, tags: Mapping[str, str | None]) -> None:
        self._only = next(iter(tags)) if len(tags) == 1 and None in tags.values() else None
        self._by_tag = {tuple(tag.split("=", 1)): tenant for tenant, tag in tags.items() if tag}
        self.name = "+".join(tags)
        """As the sources of the account name it."""

    @property
    def shared(self) -> bool:
        """Whether tags decide."""
        return self._only is None

    def of(self, tags: Iterable[Mapping[str, str]]) -> str:
        """The tenant of a resource with these tags (`[{"Key": ..., "Value": ...}]`); nobody's where they name none,
        or several: their order means nothing.
        """
        if self._only is not None:
            return self._only
        named = {self._by_tag.get((str(tag.get("Key")), str(tag.get("Value", "")))) for tag in tags} - {None}
        return named.pop() or UNASSIGNED if len(named) == 1 else UNASSIGNED
