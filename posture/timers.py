"""Who is to be woken when: at most one time for each name, and the soonest first."""

import heapq

from posture.clock import Utc


class Timers:
    """A heap of times by name. Setting a name again replaces its time; what was replaced is swept out before it
    outgrows what is awaited.
    """

    SLACK = 64
    """Replaced entries that are always tolerated; beyond them, as many as there are names."""

    def __init__(self) -> None:
        self._at: dict[str, Utc] = {}
        self._heap: list[tuple[Utc, str]] = []

    def __len__(self) -> int:
        """How many names wait."""
        return len(self._at)

    @property
    def kept(self) -> int:
        """How many entries are in memory: never more than twice the names, plus `SLACK`."""
        return len(self._heap)

    def get(self, name: str) -> Utc | None:
        """When this name is woken; None for never."""
        return self._at.get(name)

    def set(self, name: str, at: Utc | None) -> None:
        """Wake this name at `at`, and at no other time; None for never."""
        if self._at.get(name) == at:
            return
        if at is None:
            del self._at[name]
        else:
            self._at[name] = at
            heapq.heappush(self._heap, (at, name))
        if len(self._heap) > 2 * len(self._at) + self.SLACK:
            self._heap = [(due, waiting) for waiting, due in self._at.items()]
            heapq.heapify(self._heap)

    def due(self, now: Utc) -> list[str]:
        """The names whose time has come, soonest first; they wait no more."""
        woken = []
        while (soonest := self.next()) is not None and soonest <= now:
            _, name = heapq.heappop(self._heap)
            del self._at[name]
            woken.append(name)
        return woken

    def next(self) -> Utc | None:
        """The soonest time; None where nobody waits."""
        while self._heap and self._at.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None
