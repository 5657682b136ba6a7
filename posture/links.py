"""Who points at whom, and who names which TLS endpoint: the joins of the model, kept as resources come and go."""

from collections import Counter
from collections.abc import Collection, Iterator

from posture.door_index import DoorIndex
from posture.resource import Resource

_NOBODY: frozenset[str] = frozenset()


class Links:
    """Both directions of every link, by id; a link may name its target by an alias. `doors` are the endpoints that
    resources name.

    Where two resources carry one alias, it is the later one's until that gives it up. An alias never hides the resource
    whose id it equals: see `Model.entry`.
    """

    def __init__(self) -> None:
        self.doors = DoorIndex()
        self._users: dict[str, set[str]] = {}
        self._kinds: dict[str, Counter[str]] = {}
        self._named: dict[str, str | dict[str, None]] = {}
        """Alias -> whose it is. Nearly all have one holder: a table for each would cost 100,000 volumes 23 MB."""

    def resolve(self, target: str) -> str:
        """The id behind an alias; any other text is its own id."""
        named = self._named.get(target, target)
        return named if isinstance(named, str) else next(reversed(named))

    def users(self, resource: Resource) -> Iterator[str]:
        """Ids that point at this resource by its id or by an alias of its own, each once."""
        return iter(self._pointing(resource))

    def count(self, resource: Resource) -> int:
        """How many `users` there are."""
        return len(self._pointing(resource))

    def kinds(self, resource: Resource) -> Counter[str]:
        """How many of each kind of resource point at it, without looking at them: a key may have 100,000 users. One
        that uses two of its names counts twice.
        """
        names = (
            resource.id,
            *(name for name in resource.aliases if name != resource.id and self.resolve(name) == resource.id),
        )
        return sum((self._kinds[name] for name in names if name in self._kinds), Counter())

    def replace(self, old: Resource | None, new: Resource | None) -> set[str]:
        """Take `old` out and put `new` in; returns the ids whose joins moved by it: targets lost or won, holders and
        users of aliases that changed hands, and tenants whose doors are others.
        """
        before = {link.to for link in old.links} if old else set()
        after = {link.to for link in new.links} if new else set()
        moved = {self.resolve(target) for target in before ^ after} | self.doors.replace(old, new)
        if old is not None:
            for target in before - after:
                users = self._users[target]
                users.discard(old.id)
                self._kinds[target][old.kind] -= 1
                if not users:
                    del self._users[target], self._kinds[target]
        if new is not None:
            for target in after - before:
                self._users.setdefault(target, set()).add(new.id)
                self._kinds.setdefault(target, Counter())[new.kind] += 1
        names_before = old.aliases if old else ()
        names_after = new.aliases if new else ()
        if names_before != names_after:
            moved |= self._rename(old, new)
        return moved

    def _pointing(self, resource: Resource) -> Collection[str]:
        direct = self._users.get(resource.id, _NOBODY)
        by_name = [
            self._users[name]
            for name in resource.aliases
            if name in self._users and name != resource.id and self.resolve(name) == resource.id
        ]
        if not by_name:
            return direct
        return by_name[0] if len(by_name) == 1 and not direct else direct.union(*by_name)

    def _rename(self, old: Resource | None, new: Resource | None) -> set[str]:
        moved: set[str] = set()
        for change, mine, other in ((self._give_up, old, new), (self._claim, new, old)):
            if mine is None:
                continue
            kept = other.aliases if other is not None else ()
            for name in [name for name in mine.aliases if name not in kept]:
                holder = self.resolve(name)
                change(name, mine.id)
                moved |= {holder, self.resolve(name)} | self._users.get(name, _NOBODY)
        return moved

    def _claim(self, name: str, holder: str) -> None:
        known = self._named.setdefault(name, holder)
        if isinstance(known, dict):
            known[holder] = None
        elif known != holder:
            self._named[name] = {known: None, holder: None}

    def _give_up(self, name: str, holder: str) -> None:
        known = self._named[name]
        if isinstance(known, dict):
            del known[holder]
            if len(known) == 1:
                self._named[name] = next(iter(known))
        else:
            del self._named[name]


def outline(resource: Resource) -> tuple[str, ...]:
    """What a control may ask of the users of the resource it judges (`posture.context.Context.users`)."""
    return resource.kind, resource.type, resource.tenant, resource.scope, resource.region
