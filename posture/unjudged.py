"""What waits to be judged, and who asked what while it was: a verdict that hangs on an answer is reached again when
that answer changes.
"""

from collections.abc import Callable, Hashable, Iterable
from itertools import islice

DEEPEST = 16
"""Resources under judgement at a time, each because the one before it asked for its findings; beyond that the one
that asks is judged again later.
"""


class Unjudged:
    """The ids of the resources that are to be judged, first come first served; `judge` judges one of them.

    Whoever asks for the findings of a resource that waits has it judged first. Who asked whom never becomes a circle:
    the one that would close it gets no answer, so that judging always ends.
    """

    def __init__(self, judge: Callable[[str], None]) -> None:
        self.waiting: dict[str, None] = {}
        self._judge = judge
        self._under: list[str] = []
        self._asked: dict[Hashable, list[Hashable]] = {}
        self._askers: dict[Hashable, set[str]] = {}
        self._count = 0

    def add(self, ids: Iterable[str]) -> None:
        """These are to be judged."""
        self.waiting.update(dict.fromkeys(ids))

    def settle(self, at_most: int | None) -> bool:
        """Judge all that wait, or `at_most`; says whether nobody waits any more."""
        end = None if at_most is None else self._count + at_most
        while self.waiting and (end is None or self._count < end):
            for resource_id in list(islice(self.waiting, at_most)):
                if end is not None and self._count >= end:
                    break
                if resource_id in self.waiting:
                    self._settle_one(resource_id)
        return not self.waiting

    def ask_findings(self, resource_id: str) -> bool:
        """Whoever is under judgement asks for the findings of this one, and is judged again when they change. Says
        whether they can be had: not where they hang on those of the asker itself.
        """
        if not self._under:
            return True
        asker = self._under[-1]
        if resource_id in self._under:
            return False
        if resource_id in self.waiting:
            if len(self._under) >= DEEPEST:
                self.waiting[asker] = None
                return False
            self._settle_one(resource_id)
        if self._hangs_on(resource_id, asker):
            return False
        self.ask(resource_id)
        return True

    def ask(self, what: Hashable) -> None:
        """Whoever is under judgement asks for this, and is judged again when it changes (`changed`)."""
        if not self._under:
            return
        asker, askers = self._under[-1], self._askers.setdefault(what, set())
        if asker not in askers:
            askers.add(asker)
            self._asked.setdefault(asker, []).append(what)

    def is_asked(self, what: Hashable) -> bool:
        """Whether anybody's verdict hangs on this."""
        return what in self._askers

    def changed(self, what: Hashable) -> None:
        """Whoever asked for this is to be judged again."""
        self.add(self._askers.get(what, ()))

    def forget(self, asker: str) -> None:
        """This one hangs on nothing: it is gone, or is judged anew."""
        for what in self._asked.pop(asker, ()):
            askers = self._askers[what]
            askers.discard(asker)
            if not askers:
                del self._askers[what]

    def _settle_one(self, resource_id: str) -> None:
        del self.waiting[resource_id]
        self._count += 1
        self.forget(resource_id)
        self._under.append(resource_id)
        try:
            self._judge(resource_id)
        finally:
            self._under.pop()

    def _hangs_on(self, resource_id: str, other: str) -> bool:
        """Whether the verdict of the first hangs on the second, however far."""
        found: set[Hashable] = {resource_id}
        ahead: list[Hashable] = [resource_id]
        while ahead:
            for what in self._asked.get(ahead.pop(), ()):
                if what == other:
                    return True
                if what not in found:
                    found.add(what)
                    ahead.append(what)
        return False
