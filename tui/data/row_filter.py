"""The filter language at 100,000 rows: each word becomes one pass over the list, on the cheapest thing that decides it.

What thousands of rows share is decided once: a place field is a set of matching place numbers, a status a set of
numbers, a reason is remembered by its text.
"""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

from posture.filter import Filter, Read, Term
from posture.rows import KEY_CLASSES, FindingRow, Place, Row
from posture.source import ANSWERED, Source
from posture.verdict import Severity, Status
from tui.data.replica import Replica

Sieve = Callable[[Iterable[Any]], list[Any]]
"""From rows to those that pass, in the same order."""
PLACE_FIELDS = frozenset(Place.__struct_fields__)
_FIRST = {"status": 0, "severity": 0, "key": 0, "control": 2, "sentence": 2, "id": 3, "name": 3, "": 4}


def sieve(query: Filter, replica: Replica, *, findings: bool = False) -> Sieve | None:
    """What lets the rows (or finding rows) through that `query` selects; None when it lets everything through.

    A sieve belongs to the replica's present places and findings: make a new one when those changed.
    """
    words = sorted(query.terms, key=lambda term: _FIRST.get(term.field, 1))
    passes = [_pass(term, replica, findings) for term in words]
    if not passes:
        return None
    if len(passes) == 1:
        return passes[0]

    def through(rows: Iterable[Any]) -> list[Any]:
        for one in passes:
            rows = one(rows)
        return list(rows)

    return through


def source_matches(query: Filter, sources: Iterable[Source]) -> list[Source]:
    """The sources `query` selects; an answered one counts as pass, any other as unknown, its service is its name."""
    matches = query.matcher()
    return [source for source in sources if matches(_read_source(source))]


def rollup_tenants(query: Filter, tenants: Iterable[str]) -> list[str]:
    """The tenants that the `tenant:` words of a query leave."""
    tests = [term.test() for term in query.terms if term.field == "tenant"]
    return [tenant for tenant in tenants if all(test(tenant) for test in tests)]


def _pass(term: Term, replica: Replica, findings: bool) -> Sieve:
    if term.field == "sentence":
        term = _verifying(term, replica)
    test, field = term.test(), term.field
    resource_of: Callable[[Any], str] = attrgetter("resource" if findings else "id")
    if field in PLACE_FIELDS:
        places = {number for number, place in replica.places.items() if test(getattr(place, field))}
        return lambda rows: [row for row in rows if row.place in places]
    if field == "status":
        statuses = {status.value for status in Status if test(status.word)}
        return lambda rows: [row for row in rows if row.status in statuses]
    if field == "severity":
        severities = {severity.value for severity in Severity if test(severity.word)}
        return lambda rows: [row for row in rows if row.severity in severities]
    if field == "key":
        return _by_key_class(test, replica, findings)
    if field == "control":
        if findings:
            return lambda rows: [row for row in rows if test(row.control)]
        return _by_control(term, replica)
    if field == "name":
        return lambda rows: [row for row in rows if test(row.name)]
    if field == "id":
        return lambda rows: [row for row in rows if test(resource_of(row))]
    return _free(term, replica, findings)


def _verifying(term: Term, replica: Replica) -> Term:
    """A word that names sentences as one that names the controls which verify them."""
    holds = Term(term.field, term.patterns, False).test()
    chosen = [sentence for sentence in replica.sentences.values() if holds(sentence.id)]
    return Term("control", tuple(control for sentence in chosen for control in sentence.controls), term.negated)


def _by_key_class(test: Callable[[str], bool], replica: Replica, findings: bool) -> Sieve:
    classes = {number for number, word in enumerate(KEY_CLASSES) if test(word)} | ({-1} if test("") else set())
    if not findings:
        return lambda rows: [row for row in rows if row.key_class in classes]

    def through(rows: Iterable[FindingRow]) -> list[FindingRow]:
        seen: dict[str, Row | None] = {}
        found = []
        for finding in rows:
            if finding.resource not in seen:
                seen[finding.resource] = replica.row(finding.resource)
            row = seen[finding.resource]
            if (row.key_class if row else -1) in classes:
                found.append(finding)
        return found

    return through


def _by_control(term: Term, replica: Replica) -> Sieve:
    """Resources of the types such a control judges, however it ended; and, from another version's snapshot, those
    with a finding of it.
    """
    from posture.controls.registry import registry

    test = Term(term.field, term.patterns, False).test()
    types = {type_ for control in registry() if test(control.id) for type_ in control.applies}
    places = {number for number, place in replica.places.items() if place.type in types}
    wanted = _resources_of(test, replica)
    return lambda rows: [row for row in rows if (row.place in places or row.id in wanted) is not term.negated]


def _free(term: Term, replica: Replica, findings: bool) -> Sieve:
    needle, negated = term.patterns[0], term.negated
    contains = Term("", (needle,), False).test()
    if findings:
        return lambda rows: [
            row
            for row in rows
            if (
                needle in row.resource.lower()
                or needle in row.name.lower()
                or needle in row.reason.lower()
                or needle in row.control
            )
            is not negated
        ]
    controlled = _resources_of(contains, replica)
    told: dict[str, bool] = {}

    def tells(reason: str) -> bool:
        told[reason] = answer = needle in reason.lower()
        return answer

    def through(rows: Iterable[Row]) -> list[Row]:
        known = told.get
        return [
            row
            for row in rows
            if (
                needle in row.id.lower()
                or needle in row.name.lower()
                or (tells(row.reason) if (hit := known(row.reason)) is None else hit)
                or row.id in controlled
            )
            is not negated
        ]

    return through


def _resources_of(test: Callable[[str], bool], replica: Replica) -> set[str]:
    rows: Sequence[FindingRow] = list(replica.findings.rows.values())
    controls = {control for control in {row.control for row in rows} if test(control)}
    return {row.resource for row in rows if row.control in controls} if controls else set()


def _read_source(source: Source) -> Read:
    texts = {
        "status": "pass" if source.state in ANSWERED else "unknown",
        "tenant": source.tenant,
        "provider": source.provider,
        "scope": source.scope,
        "region": source.scope.rpartition("/")[2],
        "source": source.id,
        "name": source.service,
        "id": source.id,
        "": f"{source.id} {source.state} {source.fault or ''}",
    }
    return lambda field: texts.get(field, "")
