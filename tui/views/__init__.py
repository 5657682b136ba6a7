"""The views: each a question with columns, in a file of its own that begins with its declaration, `VIEW`.

The number keys, the footer, `:` commands, the palette, `--view` and the help are loops over `views()`, which reads the
declarations and imports none of the files: they need Textual, and a view is wanted only when it is first looked at.
"""

import ast
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from tui.widgets.columns import Column

_DECLARATION = re.compile(r"^VIEW = (View\(.*?\))$", re.MULTILINE | re.DOTALL)


class View(msgspec.Struct, frozen=True):
    """A view, named as its file is.

    `short` is its title where there is little room. Views stand by `order`, those of one `order` by name; the first ten
    have the keys 1 to 0. `kinds` are the kinds of resources whose rows it lists. `columns` stand side by side; where
    none are named, they are those that all resources share and, of one kind, its own.

    All but `columns` are literals, in the file. A view that does more than list rows has a class below its declaration,
    with `view = VIEW`.
    """

    name: str
    title: str
    short: str = ""
    order: int = 100
    kinds: tuple[str, ...] = ()
    columns: "tuple[Column, ...]" = ()


@cache
def views() -> tuple[View, ...]:
    """Every view in its order, without columns. Raises ValueError for a declaration that cannot be read."""
    found = (view for file in Path(__file__).parent.glob("[a-z]*.py") if (view := _declared(file)) is not None)
    return tuple(sorted(found, key=lambda view: (view.order, view.name)))


def _declared(file: Path) -> View | None:
    """What a file declares; None for one that is no view."""
    if (match := _DECLARATION.search(file.read_text(encoding="utf-8"))) is None:
        return None
    try:
        call: Any = ast.parse(match[1], mode="eval").body
        words = {str(word.arg): word.value for word in call.keywords if word.arg != "columns"}
        literals = {name: ast.literal_eval(value) for name, value in words.items()}
        view = View(*map(ast.literal_eval, call.args), **literals)
    except (SyntaxError, ValueError, TypeError) as error:
        raise ValueError(f"{file}: VIEW: {error}") from None
    if view.name != file.stem:
        raise ValueError(f"{file}: VIEW is named {view.name!r}, its file is not")
    return view
