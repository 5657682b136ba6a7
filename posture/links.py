"""Who points at whom: the joins of the model, kept as resources come and go."""

from collections.abc import Iterator

from posture.resource import Resource

_NOBODY: frozenset[str] = frozenset()


class Links:
    """Both directions of every link, by id; a link may name its target by an alias."""

    def __init__(self) -> None:
        self._users: dict[str, set[str]] = {}
        self._named: dict[str, str] = {}

    def resolve(self, target: str) -> str:
        """The id behind an alias; any other text is its own id."""
        return self._named.get(target, target)

    def users(self, resource: Resource) -> Iterator[str]:
        """Ids that point at this resource by its id or by an alias, each once."""
        yield from self._users.get(resource.id, _NOBODY)
        for alias in resource.aliases:
            yield from self._users.get(alias, _NOBODY)

    def count(self, resource: Resource) -> int:
        """How many `users` there are."""
        return len(self._users.get(resource.id, _NOBODY)) + sum(len(self._users.get(alias, _NOBODY)) for alias in resource.aliases)

    def replace(self, old: Resource | None, new: Resource | None) -> set[str]:
        """Take `old` out and put `new` in; returns the ids whose joins moved by it: targets lost or won, and users of aliases that changed hands."""
        moved: set[str] = set()
        before = {link.to for link in old.links} if old else set()
        after = {link.to for link in new.links} if new else set()
        if old is not None:
            for target in before - after:
                users = self._users[target]
                users.discard(old.id)
                if not users:
                    del self._users[target]
        if new is not None:
            for target in after - before:
                self._users.setdefault(target, set()).add(new.id)
        moved.update(self.resolve(target) for target in before ^ after)
        names_before = old.aliases if old else ()
        names_after = new.aliases if new else ()
        if names_before != names_after:
            moved |= self._rename(old, new)
        return moved

    def _rename(self, old: Resource | None, new: Resource | None) -> set[str]:
        moved: set[str] = set()
        names_before = set(old.aliases) if old else set()
        names_after = set(new.aliases) if new else set()
        for name in names_before - names_after:
            assert old is not None
            if self._named.get(name) == old.id:
                del self._named[name]
            moved |= self._users.get(name, _NOBODY)
        for name in names_after - names_before:
            assert new is not None
            taken = self._named.get(name)
            if taken is not None and taken != new.id:
                moved.add(taken)
            self._named[name] = new.id
            moved |= self._users.get(name, _NOBODY)
        return moved
