"""The page that answers whether our data is encrypted: every sentence for some tenants, as `enctop.promises/1` (README,
`enctop schema promises`) and as Markdown.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import msgspec

from posture.clock import Utc, rfc3339
from posture.controls.claims import Claims
from posture.model import Model
from posture.promise_words import verdict
from posture.promises import CLASSES, Because, Promise, Promises, Refusal, Silent
from posture.rollup import tenants_of
from posture.snapshot import Time, Tool
from posture.verdict import Status, StatusWord

SCHEMA = "enctop.promises/1"
MOST_NAMED = 100
"""Findings of a sentence that are named; `findings` counts them all."""
Count = Annotated[int, msgspec.Meta(ge=0)]


class SentenceEntry(msgspec.Struct):
    """What the document claims, paraphrased. `quantifier` is the word that speaks of everything there is; `controls`
    are the ids of those that verify it.
    """

    text: str
    quantifier: str
    controls: list[str]


class ExceptionEntry(msgspec.Struct):
    """How many findings are excepted until a day (UTC, the last on which it holds)."""

    until: str
    findings: Count


class Named(msgspec.Struct):
    """A finding that is not as promised, by name."""

    control: str
    resource: str
    name: str
    status: StatusWord
    reason: str
    excepted_until: str | None


class PromiseEntry(msgspec.Struct):
    """How a sentence stands for a tenant (`posture.promises.Promise`); `verdict` says so in words, `controls` holds the
    findings of each control by status.

    `attested`, `unseen` and `note` are of the sentence itself: what rests on somebody's word, what no API tells, what
    is to know of its wording. `named` is there only where names were asked for.
    """

    sentence: str
    status: StatusWord
    because: Because
    verdict: str
    findings: dict[str, Count]
    resources: dict[str, Count]
    evidence: dict[str, Count]
    controls: dict[str, dict[str, Count]]
    exceptions: list[ExceptionEntry]
    refusals: list[Refusal]
    silent: list[Silent]
    coverage: StatusWord | None
    attested: str
    unseen: str
    note: str
    named: list[Named] | None = None


class TenantEntry(msgspec.Struct):
    """A tenant: how many sources were asked, how many answered in full, and every sentence in the order of the page."""

    sources: Count
    answered: Count
    promises: list[PromiseEntry]


class PageScope(msgspec.Struct):
    """What it is of. `filter` is that of the snapshot it was made from, which then holds only a part; `names` says
    whether resources are named.
    """

    tenants: list[str]
    filter: str | None
    simulated: bool
    names: bool


class Page(msgspec.Struct):
    """Every sentence for every tenant in `scope`, in a fixed order."""

    schema: Literal["enctop.promises/1"]
    generated_at: Time
    tool: Tool
    scope: PageScope
    sentences: dict[str, SentenceEntry]
    tenants: dict[str, TenantEntry]


def page(
    promises: Promises,
    model: Model,
    at: Utc,
    version: str,
    tenants: Iterable[str],
    *,
    names: bool = False,
    simulated: bool = False,
    query: str | None = None,
) -> Page:
    """The page of these tenants at `at` (UTC seconds); `query` is the filter through which the model was taken."""
    claims, wanted = promises.claims, sorted(tenants)
    named = _named(model, promises, wanted) if names else None
    return Page(
        schema="enctop.promises/1",
        generated_at=rfc3339(at),
        tool=Tool("enctop", version),
        scope=PageScope(wanted, query, simulated, names),
        sentences={
            name: SentenceEntry(claim.text, claim.quantifier, list(promises.controls(name)))
            for name, claim in claims.sentences.items()
        },
        tenants={tenant: _tenant(promises.of_tenant(tenant), claims, named) for tenant in wanted},
    )


def to_json(made: Page) -> bytes:
    """As it is written: keys sorted, a newline at the end."""
    return msgspec.json.format(msgspec.json.encode(made, order="sorted"), indent=2) + b"\n"


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the page."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{SCHEMA.replace('/', ':')}",
        "title": SCHEMA,
        **msgspec.json.schema(Page),
    }


# ---------------------------------------------------------------- parts


def _tenant(promises: tuple[Promise, ...], claims: Claims, named: "_Names | None") -> TenantEntry:
    first = promises[0]
    return TenantEntry(first.asked, first.answered, [_entry(promise, claims, named) for promise in promises])


def _entry(promise: Promise, claims: Claims, named: "_Names | None") -> PromiseEntry:
    claim = claims.sentences[promise.sentence]
    return PromiseEntry(
        sentence=promise.sentence,
        status=promise.status.word,
        because=promise.because,
        verdict=verdict(promise, claims),
        findings=_by_status(promise.findings),
        resources=_by_status(promise.resources),
        evidence={kind.value: many for kind, many in zip(CLASSES, promise.evidence, strict=True)},
        controls={check.control: _by_status(check.findings) for check in promise.checks},
        exceptions=[ExceptionEntry(until, many) for until, many in promise.exceptions],
        refusals=list(promise.refusals),
        silent=list(promise.silent),
        coverage=None if promise.coverage is None else promise.coverage.word,
        attested=claim.attested,
        unseen=claim.unseen,
        note=claim.note,
        named=None if named is None else named.get((promise.tenant, promise.sentence), [])[:MOST_NAMED],
    )


def _by_status(counts: tuple[int, ...]) -> dict[str, int]:
    return {status.word: counts[status] for status in Status}


_Names = dict[tuple[str, str], list[Named]]


def _named(model: Model, promises: Promises, tenants: list[str]) -> _Names:
    """What is not as promised, the worst first, by tenant and sentence."""
    found: list[tuple[Status, Named, list[str]]] = []
    for entry in model.all():
        whose = [tenant for tenant in tenants_of(entry.resource.tenant) if tenant in tenants]
        for finding in entry.findings.values() if whose else ():
            if finding.status < Status.PASS:
                until = finding.exception.until if finding.exception else None
                name = entry.resource.name
                words = finding.status.word
                named = Named(finding.control, finding.resource, name, words, finding.reason, until)
                found.append((finding.status, named, whose))
    found.sort(key=lambda one: (one[0], one[1].control, one[1].resource))
    verified: dict[str, list[str]] = {}
    for sentence in promises.claims.sentences:
        for control in promises.controls(sentence):
            verified.setdefault(control, []).append(sentence)
    names: _Names = {}
    for _, named, whose in found:
        for tenant in whose:
            for sentence in verified.get(named.control, ()):
                names.setdefault((tenant, sentence), []).append(named)
    return names
