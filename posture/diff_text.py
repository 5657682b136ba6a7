"""A diff as lines of text: what is not comparable, a line a tenant as `git diff --stat` has them, then tenant by tenant
and control by control. Each line is parts with the name of a tone; what others wrote is cleaned here.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from posture.clock import age, parse_rfc3339
from posture.diff_entries import (
    Diff,
    Direction,
    EncryptionChange,
    ExceptionChange,
    ResourceChange,
    Tally,
    Unseen,
    VerdictChange,
    What,
    is_new_fail,
)
from posture.fault import state_word
from posture.snapshot import EncryptionEntry
from posture.text import LONGEST, one_line
from posture.verdict import Severity, StatusWord

Part = tuple[str, str]
"""Text, and the name of a tone: that of a status, or `text`, `title`, `head`, `faint`."""
Line = tuple[Part, ...]
WIDE = 72
"""Columns that the line of a tenant has at the most: what a frame and a scroll bar leave of 80."""
NAME, BAR = 16, 10
"""Columns of a tenant's name at the most, and of a bar at the least."""
LONGEST_ID = 1000
MARKS: dict[Direction, Part] = {
    "worse": ("✗", "fail"),
    "better": ("✓", "pass"),
    "other": ("~", "text"),
    "not_seen": ("?", "unknown"),
}
ORDER = tuple(MARKS)
_TONES = {"not_applicable": "na", None: "faint"}
_SIGNS: dict[What, Part] = {
    "added": ("+", "pass"),
    "gone": ("-", "fail"),
    "entered": ("+", "faint"),
    "left": ("-", "faint"),
    "renamed": ("~", "text"),
    "moved": ("~", "text"),
    "reassigned": ("~", "text"),
}
_TOLD: dict[What, str] = {
    "entered": " (new, or let through now)",
    "left": " (gone, or let through no more)",
    "renamed": " was called ",
    "moved": " had the id ",
    "reassigned": " was of ",
}


def lines(made: Diff) -> Iterator[Line]:
    """Everything; nothing where nothing changed and all was compared."""
    notes = list(remarks(made))
    if not made.changes and not notes:
        return
    yield from _head(made)
    yield from (((f"! {note}", "warn"),) for note in notes)
    yield ()
    yield from _stat(made)
    yield from _sources(made)
    for tenant, changes in by_tenant(made):
        yield ()
        yield ((short(tenant), "title"),)
        yield from _verdicts(changes.verdicts)
        yield from _resources(changes.resources)
        yield from _encryption(changes.encryption)
        yield from _exceptions(changes.exceptions)
        yield from _not_seen(changes)


class Changes:
    """What changed of one tenant, or of what some share (`a+b`)."""

    def __init__(self) -> None:
        self.verdicts: list[VerdictChange] = []
        self.resources: list[ResourceChange] = []
        self.encryption: list[EncryptionChange] = []
        self.exceptions: list[ExceptionChange] = []


def by_tenant(made: Diff) -> list[tuple[str, Changes]]:
    """All changes but those of sources, by tenant."""
    found: dict[str, Changes] = {}
    for verdict in made.verdicts:
        found.setdefault(verdict.tenant, Changes()).verdicts.append(verdict)
    for resource in made.resources:
        found.setdefault(resource.tenant, Changes()).resources.append(resource)
    for encryption in made.encryption:
        found.setdefault(encryption.tenant, Changes()).encryption.append(encryption)
    for exception in made.exceptions:
        found.setdefault(exception.tenant, Changes()).exceptions.append(exception)
    return sorted(found.items())


def remarks(made: Diff) -> Iterator[str]:
    """In what the two snapshots cannot be compared, a line each."""
    old, new = made.old, made.new
    if parse_rfc3339(old.generated_at) > parse_rfc3339(new.generated_at):
        yield "OLD is the later of the two"
    if old.simulated is not new.simulated:
        yield f"{'OLD' if old.simulated else 'NEW'} is of simulated tenants, the other is not"
    if old.version != new.version:
        yield f"OLD was written by enctop {short(old.version)}, NEW by {short(new.version)}"
    if old.filter != new.filter:
        yield f"OLD was taken through {_filter(old.filter)}, NEW through {_filter(new.filter)}"
    if old.tenants != new.tenants:
        only = (
            f"{word.upper()} alone has {short(', '.join(names))}"
            for word, names in (
                ("old", sorted({*old.tenants} - {*new.tenants})),
                ("new", sorted({*new.tenants} - {*old.tenants})),
            )
            if names
        )
        yield f"the tenants differ: {'; '.join(only)}"
    for one in made.left_out:
        what = {"tenant": "tenant", "filter": "not through", "control": "control"}[one.why]
        many = [
            *([counted(one.resources, "resource")] if one.resources else []),
            *([counted(one.findings, "verdict")] if one.findings else []),
        ]
        fails = f", {one.fails:,} FAIL" if one.fails else ""
        yield f"only in {one.only.upper()}, not compared: {what} {short(one.name)} ({' and '.join(many)}{fails})"


def _filter(text: str | None) -> str:
    return "no filter" if text is None else short(text)


def _head(made: Diff) -> Iterator[Line]:
    later = parse_rfc3339(made.new.generated_at) - parse_rfc3339(made.old.generated_at)
    for word, side in (("OLD", made.old), ("NEW", made.new)):
        held = f"{counted(side.resources, 'resource')}, {counted(side.findings, 'verdict')}"
        part = "" if side.complete else ", incomplete"
        after = f", {age(later)} later" if word == "NEW" and later > 0 else ""
        yield (word, "head"), (f"  {short(side.generated_at)}  ", "text"), (f"{held}{part}{after}", "faint")
    if narrowed := " ".join([*(f"tenant:{name}" for name in made.tenants), made.filter or ""]).strip():
        yield ("only", "head"), (f" {short(narrowed)}", "text")


# ---------------------------------------------------------------- the line of a tenant


def _stat(made: Diff) -> Iterator[Line]:
    tenants = made.summary.tenants
    name = min(NAME, max(map(len, map(short, tenants)), default=0))
    count = max((len(f"{tally.total:,}") for tally in tenants.values()), default=0)
    words = [_words(tally, WIDE - name - count - 7 - BAR) for tally in tenants.values()]
    wide = max((sum(len(text) + 1 for text, _ in one) for one in words), default=0)
    most = max((tally.total for tally in tenants.values()), default=0)
    for (tenant, tally), told in zip(tenants.items(), words, strict=True):
        line: list[Part] = [(f" {middle(short(tenant), name):<{name}} | {tally.total:>{count},} ", "text")]
        for text, tone in told:
            line.append((f" {text}", tone))
        pad = wide - sum(len(text) + 1 for text, _ in told)
        room = WIDE - name - count - 7 - wide
        yield (*line, (" " * (pad + 2), "text"), *bar(tally, most, room))
    yield from (((f" {told}", "text"),) for told in totals(made))
    if tenants:
        yield (
            (" ", "text"),
            *(
                part
                for direction in ORDER
                for part in (MARKS[direction], (f" {direction.replace('_', ' ')}  ", "faint"))
            ),
        )


def _words(tally: Tally, room: int) -> list[Part]:
    """`+3 fail -1 fail +2 warn 8 not seen`, as many as there is room for."""
    gained, lost = tally.gained, tally.lost
    told: list[Part] = []
    for word in ("fail", "unknown", "warn"):
        told += [(f"+{gained[word]:,} {word}", word)] if gained.get(word) else []
        told += [(f"-{lost[word]:,} {word}", "pass")] if lost.get(word) else []
    told += [(f"{tally.not_seen:,} not seen", "unknown")] if tally.not_seen else []
    while told and sum(len(text) + 1 for text, _ in told) > room:
        told.pop()
    return told


def bar(tally: Tally, most: int, room: int) -> list[Part]:
    """A mark for each verdict; fewer where there are more than there is room for, and one at least of each kind."""
    counts = {direction: getattr(tally, direction) for direction in ORDER}
    scale = min(1.0, room / most) if most else 1.0
    cells = {direction: max(1, round(many * scale)) if many else 0 for direction, many in counts.items()}
    while sum(cells.values()) > max(room, len(cells)):
        cells[max(cells, key=lambda direction: cells[direction])] -= 1
    return [(MARKS[direction][0] * many, MARKS[direction][1]) for direction, many in cells.items() if many]


def totals(made: Diff) -> list[str]:
    """`14 verdicts: 3 worse, 1 better`, and what else there is: `resources: 5 added; 1 source`."""
    summary = made.summary
    directions = (f"{many:,} {word.replace('_', ' ')}" for word in ORDER if (many := getattr(summary.verdicts, word)))
    first = ": ".join(filter(None, (counted(summary.verdicts.total, "verdict"), ", ".join(directions))))
    resources = ", ".join(f"{many:,} {what.replace('_', ' ')}" for what, many in summary.resources.items())
    rest = [f"resources: {resources}"] if resources else []
    rest += [f"encryption: {summary.encryption:,} changed"] if summary.encryption else []
    rest += [counted(summary.exceptions, "exception")] if summary.exceptions else []
    rest += [counted(summary.sources, "source")] if summary.sources else []
    return [*([first] if summary.verdicts.total or not rest else []), *(["; ".join(rest)] if rest else [])]


# ---------------------------------------------------------------- by tenant


def _sources(made: Diff) -> Iterator[Line]:
    if made.sources:
        yield ()
        yield (("sources", "title"),)
    for one in made.sources:
        step = f"{_state(one.after)} <- {_state(one.before)}"
        tone = "pass" if one.after == "ok" else "unknown"
        yield (f"  {step:<24}", tone), (f"  {short(one.id, LONGEST_ID)}", "text"), (f"  {short(one.error)}", "faint")


def _verdicts(changes: Sequence[VerdictChange]) -> Iterator[Line]:
    for control, group in by_control(shown(changes)):
        yield (("  ", "text"), (short(control), "name"), (f"  {group[0].severity}", "faint"))
        yield from map(_verdict, group)


def shown(changes: Iterable[VerdictChange]) -> list[VerdictChange]:
    """Those that have a line of their own: what changed and was seen; what is new and not as promised; and every FAIL
    that was not seen before, or is not now. A resource that is new or gone has its own line.
    """
    return [
        one
        for one in changes
        if is_new_fail(one)
        or (one.direction == "not_seen" and one.before == "fail" and one.after is not None)
        or (one.direction != "not_seen" and one.after is not None and (one.before is not None or _bad(one.after)))
    ]


def _bad(status: StatusWord) -> bool:
    return status in {"fail", "unknown", "warn"}


def by_control(changes: Iterable[VerdictChange]) -> Iterator[tuple[str, list[VerdictChange]]]:
    """By control: those with something worse first, then the most severe."""
    groups: dict[str, list[VerdictChange]] = {}
    for one in changes:
        groups.setdefault(one.control, []).append(one)
    for group in groups.values():
        group.sort(key=lambda one: (ORDER.index(one.direction), one.resource))
    yield from sorted(
        groups.items(),
        key=lambda item: (ORDER.index(item[1][0].direction), Severity[item[1][0].severity.upper()], item[0]),
    )


def _verdict(one: VerdictChange) -> Line:
    tone = _tone(one.after)
    reason = one.reason_after if one.reason_after is not None else one.reason_before or ""
    unseen = "" if one.unseen is None else f"  ({not_seen(one.unseen)})"
    return (
        ("    ", "text"),
        (f"{word(one.after):<7}", tone),
        (f" <- {word(one.before):<7}", "faint"),
        (f"  {named(one.resource, one.name)}", "text"),
        (f"  {short(reason)}", "faint"),
        (unseen, "unknown"),
    )


def _resources(changes: Sequence[ResourceChange]) -> Iterator[Line]:
    told = [one for one in changes if one.what != "not_seen"]
    if told:
        yield ("  ", "text"), ("resources", "head")
    for one in told:
        sign, tone = _SIGNS[one.what]
        more = f"{_TOLD.get(one.what, '')}{short(one.before, LONGEST_ID) if one.before is not None else ''}"
        status = f"  {word(one.status)}" if one.what in {"added", "gone", "entered", "left"} else ""
        yield (
            (f"    {sign} ", tone),
            (f"{short(one.kind)} {named(one.id, one.name)}", "text"),
            (more, "faint"),
            (status, _tone(one.status)),
        )


def _encryption(changes: Sequence[EncryptionChange]) -> Iterator[Line]:
    if changes:
        yield ("  ", "text"), ("encryption", "head")
    for one in changes:
        unseen = "" if one.unseen is None else f"  ({not_seen(one.unseen)})"
        step = f"{at_rest(one.after, one.before)} <- {at_rest(one.before, one.after)}"
        yield ("    ", "text"), (step, "text"), (f"  {named(one.id, one.name)}", "text"), (unseen, "unknown")


def _exceptions(changes: Sequence[ExceptionChange]) -> Iterator[Line]:
    if changes:
        yield ("  ", "text"), ("exceptions", "head")
    for one in changes:
        yield (
            (f"    {one.what:<8}", "warn"),
            (f"{short(one.control)}  {short(one.resource, LONGEST_ID)}", "text"),
            (f"  {excepted(one)}", "faint"),
        )


def _not_seen(changes: Changes) -> Iterator[Line]:
    """By source, how many of what: one that is silent hides thousands."""
    groups = unseen_groups(changes)
    if groups:
        yield ("  ", "text"), ("not seen", "head")
    for unseen, told in groups:
        yield ("    ", "text"), (not_seen(unseen), "unknown"), (f": {told}", "text")


def unseen_groups(changes: Changes) -> list[tuple[Unseen, str]]:
    """Who did not answer, and in words how many verdicts and resources were not seen for that."""
    steps: dict[Unseen, Counter[str]] = {}
    for verdict in changes.verdicts:
        if verdict.unseen is not None:
            steps.setdefault(verdict.unseen, Counter())[f"{word(verdict.after)} <- {word(verdict.before)}"] += 1
    for resource in changes.resources:
        if resource.unseen is not None:
            steps.setdefault(resource.unseen, Counter())["resource"] += 1
    groups = sorted(steps.items(), key=lambda item: (item[0].source, item[0].side, item[0].state or ""))
    return [(unseen, _told(counts)) for unseen, counts in groups]


def _told(counts: Counter[str]) -> str:
    resources = counts.pop("resource", 0)
    told = [f"{many:,} {step}" for step, many in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    return ", ".join([*told, *([counted(resources, "resource")] if resources else [])])


# ---------------------------------------------------------------- words


def short(text: str, longest: int = LONGEST) -> str:
    """Text that others chose, on one line and cut: what is beyond is not looked at."""
    return one_line(text[: longest + 1], longest)


def middle(text: str, width: int) -> str:
    """Text in so many columns; names differ at their end."""
    tail = (width - 1) // 2
    return text if len(text) <= width else f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def counted(many: int, noun: str) -> str:
    """`1 source`, `2 sources`."""
    return f"{many:,} {noun}{'' if many == 1 else 's'}"


def word(status: StatusWord | None) -> str:
    """`FAIL`; `none` where there is no such finding."""
    return {"not_applicable": "N/A", None: "none"}.get(status, str(status).upper())


def _tone(status: StatusWord | None) -> str:
    return _TONES.get(status, str(status))


def _state(state: str | None) -> str:
    return "none" if state is None else state_word(state, None)


def named(id: str, name: str) -> str:
    """An id, and the name where that says more."""
    return short(id, LONGEST_ID) + (f" ({short(name)})" if name and name not in id else "")


def not_seen(unseen: Unseen) -> str:
    """`acme/aws/1/kms is denied in NEW`."""
    source, side = short(unseen.source, LONGEST_ID) or "a read", unseen.side.upper()
    return f"{source} is not asked in {side}" if unseen.state is None else f"{source} is {unseen.state} in {side}"


def at_rest(encryption: EncryptionEntry | None, other: EncryptionEntry | None) -> str:
    """Encryption at rest in words; the key where that alone is another."""
    if encryption is None:
        return "not told"
    on = {True: "", False: "not encrypted", None: "not known"}[encryption.at_rest]
    parts = [on or str(encryption.key_class)]
    parts += [short(encryption.algorithm)] if encryption.algorithm and _differ(encryption, other, "algorithm") else []
    parts += [short(encryption.key, LONGEST_ID)] if encryption.key and _differ(encryption, other, "key") else []
    return " ".join(parts)


def _differ(one: EncryptionEntry, other: EncryptionEntry | None, field: str) -> bool:
    return other is None or getattr(one, field) != getattr(other, field)


def excepted(one: ExceptionChange) -> str:
    """Until when, why and on whose word."""
    what = one.after or one.before
    return "" if what is None else f"until {short(what.until)}, by {short(what.approved_by)}: {short(what.reason)}"
