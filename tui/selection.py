"""What a table shows: the rows a filter lets through, in order, kept up to date without starting over."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from tui.sieve import Sieve

T = TypeVar("T")
Key = Callable[[Any], Any]


class Selection(Generic[T]):
    """Rows in the order of `key`, then of `tie`; `reverse` turns the whole order round.

    `rows` and `sieve` are set by whoever knows what changed; `rebuild` starts from all rows (about 60 ms for 100,000), `update` only looks at what moved.
    """

    def __init__(self, key: Key, tie: Key) -> None:
        self.key, self.tie = key, tie
        self.sieve: Sieve | None = None
        self.reverse = False
        self._ascending: list[T] = []

    def __len__(self) -> int:
        return len(self._ascending)

    @property
    def items(self) -> Sequence[T]:
        """The rows in the order shown. Rows that changed without moving are as they were: look up what is drawn."""
        return self._ascending[::-1] if self.reverse else self._ascending

    def rebuild(self, rows: Mapping[str, T]) -> None:
        """Filter and sort everything."""
        chosen = list(rows.values()) if self.sieve is None else self.sieve(rows.values())
        chosen.sort(key=self.tie)
        chosen.sort(key=self.key)
        self._ascending = chosen

    def resort(self) -> None:
        """Sort what is there anew, as when the key changed."""
        again = sorted(self._ascending, key=self.tie)  # another list: the one that is shown stays as it is until the table is told
        again.sort(key=self.key)
        self._ascending = again

    def update(self, rows: Mapping[str, T], moved: Mapping[str, T | None], identity: Callable[[Any], str]) -> bool:
        """Take in what moved (id -> the row as it was before); says whether the order or the membership is another now."""
        leaving: set[str] = set()
        arriving: list[T] = []
        for name, old in moved.items():
            new = rows.get(name)
            was, now = old is not None and self._lets(old), new is not None and self._lets(new)
            if was and now and self._rank(old) == self._rank(new):
                continue
            if was:
                leaving.add(name)
            if now and new is not None:
                arriving.append(new)
        if not leaving and not arriving:
            return False
        kept = [row for row in self._ascending if identity(row) not in leaving] if leaving else self._ascending
        self._ascending = self._merge(kept, arriving)
        return True

    def _lets(self, row: Any) -> bool:
        return self.sieve is None or bool(self.sieve((row,)))

    def _rank(self, row: Any) -> tuple[Any, Any]:
        return self.key(row), self.tie(row)

    def _merge(self, kept: list[T], arriving: list[T]) -> list[T]:
        """Both in order: a binary search for each newcomer, then slices, instead of 100,000 keys again."""
        arriving.sort(key=self._rank)
        merged: list[T] = []
        start = 0
        for row in arriving:
            end = bisect_right(kept, self._rank(row), lo=start, key=self._rank)
            merged += kept[start:end]
            merged.append(row)
            start = end
        merged += kept[start:]
        return merged
