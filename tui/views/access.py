"""Who gets in, and with what: the second factors of people, directories, realms and login methods side by side, those
without one first; what is only somebody's word is marked.
"""

from collections.abc import Mapping
from typing import Any

from posture.clock import Utc
from posture.kinds import ATTESTED, FACTOR_WORDS, kind_of
from posture.rollup import OWN
from tui.data.replica import Replica
from tui.views import View
from tui.views.mixed import MixedView
from tui.widgets.columns import AGE, NAME, REASON, SCOPE, TENANT, TYPE, Cell, Column

_TITLE = "SECOND FACTOR"
_CELLS: Mapping[str, tuple[int, Cell]] = {
    word: (rank, cell)
    for rank, (word, cell) in enumerate(
        (
            (FACTOR_WORDS[0], ("✗ NO", "fail")),
            (FACTOR_WORDS[1], ("? unknown", "unknown")),
            (FACTOR_WORDS[2], ("! weak", "warn")),
            (ATTESTED, ("~ attested", "text")),
            (FACTOR_WORDS[3], ("✓ yes", "pass")),
        )
    )
}
"""What a verdict is called -> its place in the order, worst first, and how it is drawn: never by colour alone."""


def _own(title: str, row: Any, replica: Replica) -> str:
    """The text of a column of the row's own kind; empty where the kind has none."""
    titles = kind_of(replica.place(row).kind).titles
    index = titles.index(title) if title in titles else len(row.cells)
    return row.cells[index] if index < len(row.cells) else ""


def _factor(row: Any, replica: Replica, now: Utc) -> Cell:
    word = _own(_TITLE, row, replica)
    return _CELLS[word][1] if word in _CELLS else (word, "text")


def _worst_first(replica: Replica) -> Any:
    return lambda row: (_CELLS.get(_own(_TITLE, row, replica), (len(_CELLS),))[0], row.status, row.severity)


def _kept(title: str, width: int, most: int, keep: int) -> Column:
    return Column(
        title,
        lambda row, replica, now: (_own(title, row, replica), "text"),
        lambda replica: lambda row: _own(title, row, replica),
        width,
        most,
        int(most > width),
        keep=keep,
        needed=lambda replica: any(_own(title, row, replica) for row in replica.table("identity").rows.values()),
    )


FACTOR = Column(_TITLE, _factor, _worst_first, 13, keep=10)

VIEW = View(
    "access",
    "Access",
    short="Accs",
    order=18,
    kinds=("identity", "auth-method"),
    columns=(
        *(FACTOR, NAME, TYPE, TENANT, SCOPE),
        *(_kept("FACTOR", 8, 20, 4), _kept("SINCE", 10, 10, 2), _kept("REPORT OF", 10, 20, 2)),
        *(REASON, AGE),
    ),
)


class AccessView(MixedView):
    """Everybody of whom the question was asked; a machine's login and a user without a password are not."""

    view = VIEW

    def chosen(self, rows: Mapping[str, Any]) -> Mapping[str, Any]:
        """The rows whose second factor was judged."""
        return {key: row for key, row in rows.items() if _own(_TITLE, row, self.replica)}

    def _dim(self, item: Any, now: Utc) -> bool:
        """What is enctop's own has no source that could fall silent."""
        return self.replica.place(item).provider != OWN and super()._dim(item, now)
