"""What depends on a resource, as lines: how many of what, then the tree, worst first. Pure: nothing here draws."""

from collections.abc import Iterator, Sequence, Set

from posture.text import clean
from posture.verdict import Status
from providers.collector.frames import BlastRadius, Branch
from tui.pages.lines import Line, Part
from tui.widgets.columns import GLYPHS, PAINTS, status_cell
from tui.widgets.line_table import fitted
from tui.widgets.nouns import noun

_KIND, _STATUS = 20, 8
"""Cells of the words after a name, and of the status before it."""


def blast_lines(radius: BlastRadius, width: int, silent: str, folded: Set[str] = frozenset()) -> list[Line]:
    """`silent` says whose answers are missing, empty where none is; what depends on the `folded` is not shown."""
    return list(_lines(radius, max(40, width), silent, folded))


def _lines(radius: BlastRadius, width: int, silent: str, folded: Set[str]) -> Iterator[Line]:
    yield Line((("BLAST RADIUS", "sorted"), ("  what depends on it, directly and through others", "faint")))
    if not radius.kind:
        yield Line((("this resource has not been seen, or is gone", "unknown"),))
        return
    status = status_cell(radius.status)
    kind = f"   {noun(radius.kind, radius.resource_type)}"
    yield Line((status, ("  ", "text"), (clean(radius.name or radius.id), "title"), (kind, "faint")), radius.id)
    yield from _summary(radius, width, silent)
    if radius.direct:
        yield Line(())
        yield from _tree(radius, width, folded)


def _summary(radius: BlastRadius, width: int, silent: str) -> Iterator[Line]:
    """`40 resources of 2 tenants: acme, globex`, then a line for each kind of them."""
    if not radius.total:
        yield Line((("nothing depends on it that enctop sees", "text"),))
    else:
        many = f"{'' if radius.whole else 'more than '}{radius.total:,} resource{'' if radius.total == 1 else 's'}"
        tenants = len(radius.tenants)
        names = fitted(", ".join(map(clean, radius.tenants)), max(20, width - 50), False).rstrip()
        of = f" of {tenants:,} tenant{'' if tenants == 1 else 's'}: {names}"
        yield Line(((many, "name"), (of, "text"), ("   worst ", "faint"), status_cell(radius.worst)))
    if silent:
        yield Line(((silent, "unknown"),))
    for kind, type_, counts in sorted(radius.tallies, key=lambda tally: (_worst(tally[2]), -sum(tally[2]), tally[:2])):
        every = sum(counts)
        parts: list[Part] = [(f"{every:>9,} {noun(kind, type_, every):<{_KIND}}", "text")]
        parts += [(f"  {GLYPHS[status]} {counts[status]:,}", PAINTS[status]) for status in Status if counts[status]]
        yield Line(tuple(parts))


def _worst(counts: Sequence[int]) -> int:
    return next((status for status, many in enumerate(counts) if many), len(counts))


def _tree(radius: BlastRadius, width: int, folded: Set[str]) -> Iterator[Line]:
    shown = list(_shown(radius, folded))
    last = _last_of_theirs([depth for depth, _ in shown])
    for (_, what), ends in zip(shown, last, strict=True):
        trunk = "".join("   " if end else "│  " for end in ends[:-1]) + ("└─ " if ends[-1] else "├─ ")
        if isinstance(what, Branch):
            yield _branch(what, trunk, width, what.id in folded)
        else:
            holder, rest = what
            yield Line(((f"{'':{_STATUS}}{trunk}", "faint"), (f"… and {rest:,} more", "link")), more=holder)


def _shown(radius: BlastRadius, folded: Set[str]) -> Iterator[tuple[int, Branch | tuple[str, int]]]:
    """The lines by their depth, without what depends on those folded; and, where some of the dependents of one are left
    out, (its id, how many).
    """
    above = [(radius.id, radius.direct)]
    hidden: int | None = None
    for branch in radius.lines:
        if hidden is not None and branch.depth > hidden:
            continue
        hidden = branch.depth if branch.id in folded else None
        yield from _left_out(above, branch.depth)
        holder, rest = above[-1]
        above[-1] = holder, rest - 1
        yield branch.depth, branch
        above.append((branch.id, 0 if branch.again or hidden is not None else branch.direct))
    yield from _left_out(above, 0)


def _left_out(above: list[tuple[str, int]], depth: int) -> Iterator[tuple[int, tuple[str, int]]]:
    while len(above) > depth:
        holder, rest = above.pop()
        if rest > 0:
            yield len(above) + 1, (holder, rest)


def _last_of_theirs(depths: Sequence[int]) -> list[list[bool]]:
    """For each line, for each level down to its own: whether no other line of that level follows below the same one."""
    follows: list[bool] = []
    made: list[list[bool]] = []
    for depth in reversed(depths):
        del follows[depth:]
        follows += [False] * (depth - len(follows))
        made.append([not after for after in follows])
        follows[depth - 1] = True
    return made[::-1]


def _branch(branch: Branch, trunk: str, width: int, folded: bool) -> Line:
    word, paint = status_cell(branch.worst)
    kind = f"   {noun(branch.kind, branch.type)} · {clean(branch.tenant)}"
    own = f"   itself {status_cell(branch.status)[0]}" if branch.status != branch.worst else ""
    more = f"   +{branch.direct:,}" if folded else f"   {branch.direct:,}, listed above" if branch.again else ""
    name, room = clean(branch.name or branch.id), width - _STATUS - sum(map(len, (trunk, kind, own, more)))
    return Line(
        (
            (f"{word:<{_STATUS}}", paint),
            (trunk, "faint"),
            (name if len(name) <= room else fitted(name, max(12, room), False, True), "link"),
            (kind, "faint"),
            (own, PAINTS[branch.status]),
            (more, "faint"),
        ),
        opens=branch.id,
    )
