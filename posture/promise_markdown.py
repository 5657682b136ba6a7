"""The page as Markdown (CommonMark with GitHub's tables), for an answer to a customer. What others chose stands in code
spans, in which nothing is markup, a link or a mention.
"""

import re
from collections.abc import Iterator

from posture.controls.claims import Claims
from posture.promise_page import Named, Page
from posture.promise_words import notes, tally, verdict
from posture.promises import Promise, Promises
from posture.text import one_line
from posture.verdict import Status

_MARKUP = re.compile(r"([\\`*_\[\]<>#|~&$@]|(?<=:)/(?=/)|(?<=www)\.)", re.IGNORECASE)
MARKS = ("Does not hold", "Not known", "With reservations", "Holds", "Does not apply")
"""By `Status`."""
_MANY = ("do not hold", "are not known", "hold with reservations", "hold", "do not apply")


def markdown(made: Page, promises: Promises) -> str:
    """One section a tenant: a table of the sentences, and what stands behind each."""
    lines: list[str] = []
    for tenant, entry in made.tenants.items():
        stands = promises.of_tenant(tenant)
        lines += [f"# Encryption, as promised and as seen: {code(tenant)}", ""]
        lines += [*_head(made, entry.sources, entry.answered), ""]
        lines += [*_summary(stands), "", "| | The document says | Verdict | Checks |", "|---|---|---|---|"]
        lines += [_row(promise, promises.claims) for promise in stands]
        lines.append("")
        for promise, one in zip(stands, entry.promises, strict=True):
            lines += _section(promise, promises.claims, one.named)
    return "\n".join([*lines, *_legend(), ""])


def escaped(text: str) -> str:
    """Text of ours in Markdown: what would be markup stands as it is."""
    return _MARKUP.sub(r"\\\1", one_line(text))


def code(text: str) -> str:
    """Text that others chose, as a code span outside of tables: one line, between more backticks than it has."""
    line = one_line(text)
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") or not line.strip(" ") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def _head(made: Page, sources: int, answered: int) -> Iterator[str]:
    simulated = " **Simulated**: no real system was asked." if made.scope.simulated else ""
    part = " **Only a part**: it is made from a snapshot that was taken through a filter." if made.scope.filter else ""
    yield (
        f"As of {made.generated_at} (UTC), read live from the systems themselves by enctop {code(made.tool.version)}:"
        f" {answered:,} of {sources:,} sources answered in full.{simulated}{part}"
    )


def _summary(stands: tuple[Promise, ...]) -> Iterator[str]:
    counts = {status: sum(promise.status is status for promise in stands) for status in Status}
    words = ", ".join(f"{many} {_MANY[status]}" for status, many in counts.items() if many)
    yield f"Of {len(stands)} sentences of the encryption document {words}."


def _row(promise: Promise, claims: Claims) -> str:
    claim = claims.sentences[promise.sentence]
    says = verdict(promise, claims).partition(": ")
    return (
        f"| {promise.sentence} | {escaped(claim.text)} | {MARKS[promise.status]} | {escaped(_told(promise, says[2]))} |"
    )


def _told(promise: Promise, why: str) -> str:
    return tally(promise) or why


def _section(promise: Promise, claims: Claims, named: list[Named] | None) -> Iterator[str]:
    if promise.status is Status.NOT_APPLICABLE:
        return
    says = verdict(promise, claims)
    yield f"## {promise.sentence}: {escaped(claims.sentences[promise.sentence].text)}"
    yield ""
    yield f"It {escaped(says)}." if not says.startswith("not ") else f"{escaped(says.capitalize())}."
    yield ""
    for head, text in notes(promise, claims):
        yield f"- **{head}**: {escaped(text)}"
    yield from map(_named, named or ())
    if named is not None and (more := sum(promise.findings[: Status.PASS]) - len(named)) > 0:
        yield f"- and {more:,} more"
    yield ""


def _named(one: Named) -> str:
    until = f", excepted until {code(one.excepted_until)}" if one.excepted_until else ""
    what = f"{code(one.name or one.resource)} ({code(one.resource)})"
    return f"- {one.status.upper()} {what}: {code(one.control)}, {code(one.reason)}{until}"


def _legend() -> Iterator[str]:
    yield "---"
    yield ""
    yield (
        "**Observed** is what was read from the live system, **attested** what rests on the provider's or a person's"
        " word, **inferred** what is derived from something else that was seen. What was refused, was not reached or is"
        " too old is **not known**: it is never counted as kept. A sentence that says *all*, *always*, *any* or *every*"
        " holds only where everything that there is was looked at."
    )
