"""The chain from workload to key as one line of boxes, and below it what is in the chosen one. Pure: nothing here
draws.
"""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from posture.text import clean
from posture.verdict import Status
from providers.collector.frames import Box
from tui.widgets.columns import GLYPHS, PAINTS, status_cell
from tui.widgets.line_table import fitted
from tui.widgets.nouns import noun

Part = tuple[str, str]
LONGEST, SHORTEST = 28, 5
"""Cells of a box's text at most, and at least where there is too little room."""
_FORMS = ((1, 3), (1, 1), (0, 1), (0, 0))
"""Blanks on either side of a text, and cells between two boxes: the first that fits."""
_LIGHT, _HEAVY = tuple("╭─╮│╰╯"), tuple("┏━┓┃┗┛")
_SHORT = {"persistent-volume": ("PV", "PVs")}
_LISTED = 10
"""Lines that tell what is in the chosen box."""


def chain_lines(chain: Sequence[Box], width: int, chosen: int | None) -> Iterator[tuple[tuple[Part, ...], str, bool]]:
    """(parts, what Enter opens, whether it is the line that is walked), for a page of this width."""
    if not chain:
        return
    at = chosen_box(chain, chosen)
    yield (), "", False
    yield (("CHAIN", "sorted"), ("  ← → walk it, Enter opens", "faint")), "", False
    wides, pad, gap = _fit([_wanted(box) for box in chain], width)
    rows: list[list[Part]] = [[], [], []]
    for number, (box, wide) in enumerate(zip(chain, wides, strict=True)):
        between = "" if number == 0 else ("╶" + "─" * (gap - 2) + "▶" if gap > 1 else "▶"[:gap])
        for row, text in zip(rows, (" " * len(between), between, " " * len(between)), strict=True):
            row.append((text, "faint"))
        for row, parts in zip(rows, _box(box, wide, pad, chosen=number == at), strict=True):
            row += parts
    for number, row in enumerate(rows):
        yield tuple(row), "", number == 1
    yield from _members(chain[at], width)


def chosen_box(chain: Sequence[Box], chosen: int | None) -> int:
    """The number of the chosen box; that of the resource itself where none is."""
    own = next((number for number, box in enumerate(chain) if box.here), 0)
    return own if chosen is None else max(0, min(chosen, len(chain) - 1))


def _members(box: Box, width: int) -> Iterator[tuple[tuple[Part, ...], str, bool]]:
    if box.total == 1:
        return
    for member in box.members[:_LISTED]:
        status = status_cell(member.status) if member.status is not None else ("? not seen", "faint")
        name = fitted(
            clean(member.name or member.id), min(cell_len(member.name or member.id), max(20, width - 30)), False, True
        )
        parts = (
            ("   ", "faint"),
            (f"{status[0]:<11}", status[1]),
            (name, "link"),
            (f"   {noun(member.kind, member.resource_type)}", "faint"),
        )
        yield parts, member.id, False
    if (rest := box.total - min(len(box.members), _LISTED)) > 0:
        yield ((f"   … and {rest:,}{'' if box.whole else ' or'} more", "faint"),), "", False


def _label(box: Box) -> str:
    words = [_SHORT[kind][box.total != 1] if kind in _SHORT else noun(kind, many=box.total) for kind in box.kinds]
    return ", ".join(words)


def _text(box: Box) -> str:
    """The name of the only one; of several how many, and how many of them are as bad as the box says."""
    if box.total == 1 and box.members:
        return clean(box.members[0].name or box.members[0].id)
    total = f"{box.total:,}{'' if box.whole else '+'}"
    return total if box.bad == box.total or not box.whole else f"{box.bad:,} of {total}"


def _wanted(box: Box) -> int:
    return max(cell_len(_text(box)) + 2, min(LONGEST, len(_label(box)) + 2), SHORTEST)


def _fit(wanted: Sequence[int], width: int) -> tuple[list[int], int, int]:
    """How wide each text may be, the blanks beside it, and the cells between two boxes."""
    many = len(wanted)
    wides = [min(wide, LONGEST) for wide in wanted]
    for pad, gap in _FORMS:
        room = width - many * (2 + 2 * pad) - (many - 1) * gap
        if sum(wides) <= room:
            return wides, pad, gap
        if room >= many * (12 if pad else 9):
            break
    while sum(wides) > room and max(wides) > SHORTEST:
        wides[wides.index(max(wides))] -= 1
    return wides, pad, gap


def _box(box: Box, wide: int, pad: int, *, chosen: bool) -> tuple[list[Part], list[Part], list[Part]]:
    left_top, line, right_top, side, left_low, right_low = _HEAVY if chosen else _LIGHT
    border, inner = "accent" if chosen else "faint", wide + 2 * pad
    text = fitted(_text(box), wide - 2, False, True)
    label = _label(box)
    label = label if len(label) <= inner - 1 else fitted(label, inner - 1, False)
    label_paint = "sorted" if box.here else "text" if chosen else "faint"
    top = [(left_top, border), (label, label_paint), (line * (inner - len(label)) + right_top, border)]
    glyph = PAINTS[box.status] if box.status < Status.NOT_APPLICABLE else "faint"
    name_paint = "title" if box.here or chosen else "text"
    blank = " " * pad
    middle = [(side + blank, border), (f"{GLYPHS[box.status]} ", glyph), (text, name_paint), (blank + side, border)]
    return top, middle, [(left_low + line * inner + right_low, border)]
