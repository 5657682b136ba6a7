"""A diff as Markdown, for a ticket. What others chose stands in code spans outside of tables, or escaped."""

from collections.abc import Iterator

from posture.diff_entries import Diff, ResourceChange, VerdictChange
from posture.diff_text import (
    LONGEST_ID,
    Changes,
    at_rest,
    by_control,
    by_tenant,
    excepted,
    not_seen,
    remarks,
    short,
    shown,
    totals,
    unseen_groups,
    word,
)
from posture.promise_markdown import code, escaped

_TOLD = {
    "added": "added",
    "gone": "gone",
    "entered": "new, or let through now",
    "left": "gone, or let through no more",
    "renamed": "was called",
    "moved": "had the id",
    "reassigned": "was of",
}


def markdown(made: Diff) -> str:
    """The whole of it, with a newline at the end."""
    return "\n".join(_lines(made)) + "\n"


def _lines(made: Diff) -> Iterator[str]:
    old, new = short(made.old.generated_at), short(made.new.generated_at)
    yield f"# What changed from {escaped(old)} to {escaped(new)}"
    yield ""
    if narrowed := " ".join([*(f"tenant:{name}" for name in made.tenants), made.filter or ""]).strip():
        yield f"Only {_code(narrowed)}."
        yield ""
    notes = [f"- {escaped(note)}" for note in remarks(made)]
    yield from [*notes, ""] if notes else []
    if not made.changes:
        yield "Nothing changed."
        return
    yield f"{'; '.join(totals(made))}."
    yield ""
    yield from _table(made)
    if made.sources:
        yield from ("## Sources", "")
        for one in made.sources:
            error = f": {_code(one.error)}" if one.error else ""
            yield f"- {one.after or 'none'} ← {one.before or 'none'} {_code(one.id)}{error}"
        yield ""
    for tenant, changes in by_tenant(made):
        yield from (f"## {_code(tenant)}", "")
        yield from _tenant(changes)


def _table(made: Diff) -> Iterator[str]:
    if not made.summary.tenants:
        return
    yield "| Tenant | Verdicts | Worse | Better | Other | Not seen | New FAIL |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for tenant, tally in made.summary.tenants.items():
        counts = (tally.total, tally.worse, tally.better, tally.other, tally.not_seen, tally.new_fails)
        yield f"| {escaped(short(tenant))} | {' | '.join(f'{many:,}' for many in counts)} |"
    yield ""


def _tenant(changes: Changes) -> Iterator[str]:
    for control, group in by_control(shown(changes.verdicts)):
        yield from (f"### {_code(control)} ({group[0].severity})", "")
        yield from map(_verdict, group)
        yield ""
    yield from _section("Resources", [_resource(one) for one in changes.resources if one.what != "not_seen"])
    yield from _section(
        "Encryption",
        [
            f"- {_code(at_rest(one.after, one.before))} ← {_code(at_rest(one.before, one.after))}"
            f" {_named(one.id, one.name)}" + ("" if one.unseen is None else f" ({escaped(not_seen(one.unseen))})")
            for one in changes.encryption
        ],
    )
    yield from _section(
        "Exceptions",
        [
            f"- {one.what} {_code(one.control)} {_code(one.resource)}: {escaped(excepted(one))}"
            for one in changes.exceptions
        ],
    )
    yield from _section(
        "Not seen", [f"- {escaped(not_seen(unseen))}: {escaped(told)}" for unseen, told in unseen_groups(changes)]
    )


def _section(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield from (f"### {title}", "", *lines, "")


def _verdict(one: VerdictChange) -> str:
    reason = one.reason_after if one.reason_after is not None else one.reason_before or ""
    unseen = "" if one.unseen is None else f" ({escaped(not_seen(one.unseen))})"
    step = f"**{word(one.after)}** ← {word(one.before)}"
    return f"- {step} {_named(one.resource, one.name)}: {_code(reason)}{unseen}"


def _resource(one: ResourceChange) -> str:
    before = "" if one.before is None else f" {_code(one.before)}"
    return f"- {_code(one.kind)} {_named(one.id, one.name)}: {_TOLD[one.what]}{before}, {word(one.status)}"


def _named(id: str, name: str) -> str:
    return _code(id) + (f" ({_code(name)})" if name and name not in id else "")


def _code(text: str) -> str:
    return code(short(text, LONGEST_ID))
